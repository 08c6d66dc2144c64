"""The nets of tf_slim behind our call: against tf_slim's graph, trained, evaluated, saved."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import nets
from imagenet_tools.evaluation import evaluate
from imagenet_tools.nets import initialisation, slim_nets
from imagenet_tools.training import checkpoints, recipes, run
from imagenet_tools.training import step as trainer

SMALL = {  # the smallest sizes that keep a run of seconds
    "alexnet_v2_reference": 195,
    "overfeat": 231,
    "inception_v1": 224,
    "inception_v2": 64,
    "inception_v3": 139,
    "resnet_v1_50": 64,
    "resnet_v2_50": 64,
}


@pytest.fixture(scope="module")
def small() -> Callable[[str], Any]:
    """A net of 7 classes at its smallest size, which is made where it is first asked for."""
    return cache(lambda name: nets.create(name, 7, SMALL[name], seed=3))


def graph_logits(name: str, images: np.ndarray, prefix: str, classes: int) -> np.ndarray:
    """tf_slim's own logits in a session, from a checkpoint read by its Saver."""
    source = slim_nets.SOURCES[name]
    module = importlib.import_module(f"tf_slim.nets.{source.module}")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        with slim_nets._mended(None, (0, 1)):
            import tf_slim

            with tf_slim.arg_scope(slim_nets._immediate(getattr(module, source.arg_scope)())):
                function = getattr(module, source.function)
                logits, _ = function(tf.constant(images), classes, is_training=False)
        v1.train.Saver(v1.global_variables()).restore(session, prefix)
        return session.run(logits).reshape(len(images), classes)


@pytest.mark.parametrize(
    "name",
    [
        "inception_v2",
        pytest.param("alexnet_v2_reference", marks=pytest.mark.slow),
        pytest.param("resnet_v1_50", marks=pytest.mark.slow),
    ],
)
def test_logits_are_tf_slims_and_its_saver_reads_what_we_save(
    name: str, small: Callable[[str], Any], tmp_path: Path
) -> None:
    size, classes = SMALL[name], 7
    net = small(name)
    images = np.random.default_rng(0).normal(size=(2, size, size, 3)).astype(np.float32)
    step = tf.function(lambda x: net.heads(x, tf.constant([1, 2]))[0][1], autograph=False)
    before = {n: v.numpy() for n, v in net.variables.items()}
    step(tf.constant(images))  # training moves batch norm's averages
    moved = {n for n, v in net.variables.items() if not np.array_equal(before[n], v.numpy())}
    assert moved == {n for n in net.variables if "/moving_" in n}
    ours = tf.function(lambda x: net(x), autograph=False)(tf.constant(images)).numpy()
    tensors = {n: v.numpy() for n, v in net.variables.items()}
    prefix = checkpoints.write(tmp_path, 1, tensors)
    wanted = graph_logits(name, images, prefix, classes)
    assert np.abs(ours - wanted).max() <= 1e-5 * np.ptp(wanted)


def slow_but_for(*quick: str) -> list[Any]:
    names = [name for name in nets.names() if name != "tiny"]
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", slow_but_for("alexnet_v2", "alexnet_v2_reference", "inception_v1"))
def test_it_is_described_as_it_is_made(name: str) -> None:
    """And without TensorFlow: tests/faults/test_wrong_use.py."""
    made = nets.create(name, 7, initialisation="zeros")
    described = nets.describe(name, 7)
    assert {row.name: row.shape for row in described.rows} == {
        variable: tuple(value.shape) for variable, value in made.trainable.items()
    }
    assert [row.name for row in described.rows] == list(made.trainable)
    assert (described.image_size, described.is_proxy) == (made.image_size, False)


def test_a_net_at_another_size_is_made_to_be_described() -> None:
    small = nets.describe("inception_v3", 7, 139)
    own = nets.describe("inception_v3", 7)
    differ = [(a.name, b.name) for a, b in zip(small.rows, own.rows, strict=True) if a != b]
    layers = ("InceptionV3/AuxLogits/Conv2d_2a_1x1", "InceptionV3/AuxLogits/Conv2d_2a_5x5")
    assert differ[0] == tuple(f"{layer}/weights" for layer in layers) and len(differ) == 2
    assert nets.describe("alexnet_v2", 7, 96).is_proxy


def test_the_reference_and_the_fast_alexnet_are_one_net() -> None:
    fast = nets.create("alexnet_v2", 7, 224, seed=2)
    reference = nets.create("alexnet_v2_reference", 7, 224, initialisation="zeros")
    assert list(fast.variables) == list(reference.variables)
    assert set(fast.regularized) == set(reference.regularized)
    for name, variable in reference.variables.items():
        variable.assign(fast.variables[name])
    images = tf.random.stateless_normal([2, 224, 224, 3], [1, 2])
    one, other = (
        tf.function(lambda x, net=net: net(x), autograph=False)(images).numpy()
        for net in (fast, reference)
    )
    assert np.abs(one - other).max() <= 1e-5 * np.ptp(other)
    # Dropout by the same key drops the same units.
    seed = tf.constant([4, 5])
    one, other = (
        tf.function(lambda x, net=net: net.heads(x, seed)[0][1], autograph=False)(images).numpy()
        for net in (fast, reference)
    )
    assert np.abs(one - other).max() <= 1e-5 * np.ptp(other)


@pytest.mark.slow
def test_inception_v3_trains_its_second_head_with_tf_slims_weight() -> None:
    net = nets.create("inception_v3", 5, 139)
    heads: list[Any] = []

    @tf.function(autograph=False)
    def trace(images: tf.Tensor) -> tf.Tensor:
        heads.extend((weight, logits.shape) for weight, logits in net.heads(images, None))
        return tf.constant(0)

    trace(tf.zeros([2, 139, 139, 3]))
    assert heads == [(1.0, [2, 5]), (0.4, [2, 5])]
    assert "InceptionV3/AuxLogits/Conv2d_2b_1x1/weights" in net.regularized
    assert not any("BatchNorm" in name for name in net.regularized)


@pytest.mark.parametrize(("name", "size"), [("vgg_a", 64), ("overfeat", 300)])
def test_a_size_that_does_not_fit_is_named(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"its own size is {nets.default_size(name)}"):
        nets.create(name, 5, size)


def test_lsuv_reaches_every_layer_and_leaves_batch_norms_averages(
    small: Callable[[str], Any],
) -> None:
    net = small("inception_v2")
    averages = {name: one.numpy() for name, one in net.variables.items() if "/moving_" in name}
    images = 100.0 * tf.random.stateless_normal([4, 64, 64, 3], [1, 2])
    reached = initialisation.lsuv(net, images)
    assert list(reached)[:2] == [
        "InceptionV2/Conv2d_1a_7x7/depthwise_weights",
        "InceptionV2/Conv2d_1a_7x7/pointwise_weights",
    ]
    assert set(reached) == {name for name in net.trainable if name.endswith("weights")}
    assert all(abs(deviation - 1) < 0.05 for deviation in reached.values())
    first = tf.nn.separable_conv2d(
        images, *(net.variables[name] for name in list(reached)[:2]), [1, 2, 2, 1], "SAME"
    )
    assert float(tf.math.reduce_std(first)) == pytest.approx(1.0, abs=0.05)
    for name, average in averages.items():
        np.testing.assert_array_equal(net.variables[name], average)


@pytest.mark.slow
def test_lsuv_is_the_fast_alexnets() -> None:
    fast = nets.create("alexnet_v2", 5, 195, initialisation="lsuv")
    reference = nets.create("alexnet_v2_reference", 5, 195, initialisation="lsuv")
    for name, variable in reference.variables.items():  # tf_slim's biases are 0.1, He's 0
        variable.assign(fast.variables[name])
    images = tf.random.stateless_normal([2, 195, 195, 3], [1, 2])
    one, other = initialisation.lsuv(fast, images), initialisation.lsuv(reference, images)
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_allclose(fast.variables[name], reference.variables[name], rtol=1e-4)


@pytest.mark.slow
def test_mixed_precision_keeps_float32_variables_and_nearly_the_logits() -> None:
    images = tf.random.stateless_normal([4, 64, 64, 3], [1, 2])
    both = [
        nets.create("inception_v2", 5, 64, initialisation="he", mixed_precision=mixed)
        for mixed in (False, True)
    ]
    exact, rounded = (
        tf.function(lambda x, net=net: net(x), autograph=False)(images).numpy() for net in both
    )
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).max() < 0.03 * np.ptp(exact)

    @tf.function(autograph=False)
    def gradients(net: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            ((_, logits),) = net.heads(images, tf.constant([1, 2]))
            loss = trainer.cross_entropy(logits, tf.constant([0, 1, 2, 3]))
        return loss, tape.gradient(loss, list(net.trainable.values()))

    (loss, _), (other, found) = (gradients(net) for net in both)
    assert {gradient.dtype for gradient in found} == {tf.float32}
    # Batch norm over four images of 2 x 2 magnifies rounding: 1.60 against 1.41 was seen.
    assert float(other) == pytest.approx(float(loss), rel=0.3)
    moved = [n for n, v in both[1].variables.items() if n.endswith("moving_mean") and np.any(v)]
    assert moved and all(v.dtype == tf.float32 for v in both[1].variables.values())


def train_and_evaluate(name: str, size: int, start: str, data: Path, folder: Path) -> None:
    recipe = recipes.recipe(
        "quick", batch_size=2, image_size=size, initialisation=start, moving_average_decay=0.9
    )
    result = run.train(
        data, folder, preprocessing="inception", model=name, recipe=recipe, steps=2, seed=1
    )
    assert (result.steps, result.diverged) == (2, False)
    assert np.isfinite(result.final_loss)
    fresh = nets.create(name, 4, size, seed=1, initialisation=start)
    saved = checkpoints.read(folder)
    moved = [
        n for n, v in fresh.variables.items() if not np.array_equal(v.numpy(), saved.tensors[n])
    ]
    assert len(moved) > 0.9 * len(fresh.trainable)
    for averages in (False, True):
        found = evaluate.evaluate(data, folder, model=name, moving_average=averages)
        assert found.n == 9 and np.isfinite(found.loss)


@pytest.mark.slow
def test_a_net_with_batch_norm_is_trained_and_evaluated(tiny_records: Path, tmp_path: Path) -> None:
    train_and_evaluate("resnet_v2_50", 64, "he", tiny_records, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(slim_nets.SOURCES))
def test_every_net_is_trained_and_evaluated(name: str, tiny_records: Path, tmp_path: Path) -> None:
    size = SMALL.get(name, 64 if name.startswith("resnet") else 224)
    train_and_evaluate(name, size, "lsuv", tiny_records, tmp_path)
