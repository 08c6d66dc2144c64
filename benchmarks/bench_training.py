"""The training step of alexnet_v2: ours against tf_slim's net with the same optimizer.

Momentum, weight decay included, 1001 classes, synthetic images in memory, both as one
tf.function on all cores, their steps in turn.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import Row, interleave, medians, ratio_row, skipped

CLASSES = 1001
WEIGHT_DECAY = 5e-4
# Multiply-adds of a training step at 224 px are 4.28 GFLOP an image (forward and backward).
GFLOP_AN_IMAGE = 4.28


def our_step(size: int, batch: int, *, forward_only: bool = False) -> Callable[[], None]:
    import tensorflow as tf

    from imagenet_tools import nets
    from imagenet_tools.training import recipes
    from imagenet_tools.training.step import Trainer

    recipe = recipes.recipe("alexnet", weight_decay=WEIGHT_DECAY, batch_size=batch, image_size=size)
    net = nets.create("alexnet_v2", CLASSES, size)
    trainer = Trainer(net, recipe, images=1000, steps=1000)
    images, labels = batch_of(size, batch)
    if forward_only:
        forward = tf.function(lambda: net(images), autograph=False)
        return lambda: forward().numpy()
    rate, step = tf.constant(0.001), tf.constant(1)
    return lambda: trainer.step(images, labels, rate, step).numpy()


def batch_of(size: int, batch: int) -> Any:
    import tensorflow as tf

    images = tf.random.stateless_normal([batch, size, size, 3], [1, 2])
    return images, tf.random.stateless_uniform([batch], [3, 4], 0, CLASSES, tf.int32)


def slim_step(batch: int, *, forward_only: bool = False) -> Callable[[], None]:
    """tf_slim's own alexnet_v2 in a graph session, with TF1's momentum optimizer."""
    import tensorflow as tf
    import tf_slim
    from tf_slim.nets import alexnet

    v1 = tf.compat.v1
    images, labels = (value.numpy() for value in batch_of(224, batch))
    graph = tf.Graph()
    with graph.as_default():
        shown = v1.get_variable("images", initializer=images, trainable=False)
        wanted = v1.get_variable("labels", initializer=labels, trainable=False)
        with tf_slim.arg_scope(alexnet.alexnet_v2_arg_scope(weight_decay=WEIGHT_DECAY)):
            logits, _ = alexnet.alexnet_v2(shown, CLASSES, is_training=not forward_only)
        operation = logits
        if not forward_only:
            loss = v1.losses.sparse_softmax_cross_entropy(wanted, logits)
            total = loss + v1.losses.get_regularization_loss()
            operation = v1.train.MomentumOptimizer(0.001, 0.9).minimize(total)
        start = v1.global_variables_initializer()
    session = v1.Session(graph=graph)
    session.run(start)
    return lambda: session.run(operation)


def gemm_seconds() -> float:
    """Best of three of a 4096-cube fp32 product."""
    import tensorflow as tf

    one = tf.random.stateless_normal([4096, 4096], [1, 2])
    product = tf.function(lambda: tf.reduce_sum(one @ one), autograph=False)
    product().numpy()
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        product().numpy()
        taken.append(time.perf_counter() - start)
    return min(taken)


def rows() -> Iterator[Row]:
    yield from step_rows(32, 1.8, 1.1, repeats=7)
    yield from step_rows(128, 1.7, 1.2, repeats=3)
    yield small_row()
    yield forward_row()


@contextlib.contextmanager
def torch_step(batch: int) -> Iterator[Callable[[], float] | None]:
    """PyTorch's step in a child, None where PyTorch is not installed."""
    if importlib.util.find_spec("torch") is None:
        yield None
        return
    command = [sys.executable, "-m", "benchmarks.torch_alexnet", str(batch)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin and child.stdout
        asks, answers = child.stdin, child.stdout

        def step() -> float:
            asks.write("step\n")
            asks.flush()
            return float(answers.readline())

        yield step
        asks.close()


def step_rows(batch: int, least: float, least_torch: float, repeats: int) -> Iterator[Row]:
    contenders: dict[str, Callable[[], object]] = {
        "tf_slim": slim_step(batch),
        "imgtools": our_step(224, batch),
    }
    with torch_step(batch) as torch:
        if torch is not None:
            contenders["PyTorch"] = torch
        rates = medians(interleave(contenders, repeats=repeats), batch)
    name = f"training step, 224 px, batch {batch}, against PyTorch's best"
    if torch is None:
        yield skipped(name, "torch is not installed (the row needs torch==2.13.0)")
    else:
        yield ratio_row(
            name, rates, unit="images/s", candidate="imgtools", baseline="PyTorch",
            at_least=least_torch,
        )  # fmt: skip
    yield ratio_row(
        f"training step, 224 px, batch {batch}", rates, unit="images/s", candidate="imgtools",
        baseline="tf_slim", at_least=least,
    )  # fmt: skip
    if batch == 128:
        limit = 2 * 4096**3 / gemm_seconds() / 1e9 / GFLOP_AN_IMAGE
        yield ratio_row(
            "training step, 224 px, batch 128, against the machine's GEMM limit",
            {"imgtools": rates["imgtools"], "limit": limit}, unit="images/s",
            candidate="imgtools", baseline="limit", at_least=0.9,
        )  # fmt: skip


def small_row() -> Row:
    ours, slim = our_step(96, 64), slim_step(32)
    seconds = interleave({"tf_slim 224 px": slim, "imgtools 96 px": ours}, repeats=7)
    rates = {
        "tf_slim 224 px": medians(seconds, 32)["tf_slim 224 px"],
        "imgtools 96 px": medians(seconds, 64)["imgtools 96 px"],
    }
    return ratio_row(
        "training step, 96 px at batch 64 against tf_slim's 224 px at batch 32", rates,
        unit="images/s", candidate="imgtools 96 px", baseline="tf_slim 224 px", at_least=10,
    )  # fmt: skip


def forward_row() -> Row:
    ours, slim = our_step(224, 32, forward_only=True), slim_step(32, forward_only=True)
    rates = medians(interleave({"tf_slim": slim, "imgtools": ours}, repeats=7), 32)
    return ratio_row(
        "evaluation (forward only), 224 px, batch 32", rates, unit="images/s",
        candidate="imgtools", baseline="tf_slim", at_least=1.5,
    )  # fmt: skip
