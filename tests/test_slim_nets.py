"""The nets of tf_slim behind our call: against tf_slim's graph, trained, evaluated, saved."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import checkpoints, evaluation, experiment, nets, training
from imagenet_tools.nets import slim

SMALL = {  # the smallest sizes that keep a run of seconds
    "alexnet_v2_reference": 195,
    "overfeat": 231,
    "inception_v1": 224,
    "inception_v2": 64,
    "inception_v3": 139,
    "resnet_v1_50": 64,
    "resnet_v2_50": 64,
}


def graph_logits(name: str, images: np.ndarray, prefix: str, classes: int) -> np.ndarray:
    """tf_slim's own logits in a session, from a checkpoint read by its Saver."""
    source = slim.SOURCES[name]
    module = importlib.import_module(f"tf_slim.nets.{source.module}")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        with slim._mended(None, (0, 1)):
            import tf_slim

            with tf_slim.arg_scope(slim._immediate(getattr(module, source.arg_scope)())):
                function = getattr(module, source.function)
                logits, _ = function(tf.constant(images), classes, is_training=False)
        v1.train.Saver(v1.global_variables()).restore(session, prefix)
        return session.run(logits).reshape(len(images), classes)


@pytest.mark.parametrize("name", ["alexnet_v2_reference", "inception_v2", "resnet_v1_50"])
def test_logits_are_tf_slims_and_its_saver_reads_what_we_save(name: str, tmp_path: Path) -> None:
    size, classes = SMALL[name], 7
    net = nets.create(name, classes, size, seed=3)
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


def test_the_reference_and_the_fast_alexnet_are_one_net() -> None:
    fast = nets.create("alexnet_v2", 7, 224, seed=2)
    reference = nets.create("alexnet_v2_reference", 7, 224)
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


def test_lsuv_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="--initialisation slim or he"):
        nets.create("inception_v2", 5, 64, initialisation="lsuv")


def train_and_evaluate(name: str, size: int, data: Path, folder: Path) -> None:
    recipe = experiment.recipe(
        "quick", batch_size=2, image_size=size, initialisation="he", moving_average_decay=0.9
    )
    result = training.train(
        data, folder, preprocessing="inception", model=name, recipe=recipe, steps=2, seed=1
    )
    assert (result.steps, result.diverged) == (2, False)
    assert np.isfinite(result.final_loss)
    start = nets.create(name, 4, size, seed=1, initialisation="he")
    saved = checkpoints.read(folder)
    moved = [
        n for n, v in start.variables.items() if not np.array_equal(v.numpy(), saved.tensors[n])
    ]
    assert len(moved) > 0.9 * len(start.trainable)
    for averages in (False, True):
        found = evaluation.evaluate(data, folder, model=name, moving_average=averages)
        assert found.n == 9 and np.isfinite(found.loss)


def test_a_net_with_batch_norm_is_trained_and_evaluated(tiny_records: Path, tmp_path: Path) -> None:
    train_and_evaluate("resnet_v2_50", 64, tiny_records, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(slim.SOURCES))
def test_every_net_is_trained_and_evaluated(name: str, tiny_records: Path, tmp_path: Path) -> None:
    size = SMALL.get(name, 64 if name.startswith("resnet") else 224)
    train_and_evaluate(name, size, tiny_records, tmp_path)
