"""alexnet_v2 against tf_slim's own: shapes, logits, gradients, checkpoints both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import nets
from imagenet_tools.cli import main as cli_main
from imagenet_tools.nets import alexnet_v2, initialisation
from imagenet_tools.training import checkpoints, optimizers

CLASSES = 11
IMAGES = np.random.default_rng(0).normal(size=(2, 224, 224, 3)).astype(np.float32)
LABELS = np.array([3, 7])


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """tf_slim's net in a graph: its weights, logits, gradients, and the checkpoint it saved."""
    from tf_slim.nets import alexnet

    v1 = tf.compat.v1
    prefix = str(tmp_path_factory.mktemp("slim") / "model.ckpt")
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        logits, _ = alexnet.alexnet_v2(tf.constant(IMAGES), CLASSES, is_training=False)
        loss = v1.losses.sparse_softmax_cross_entropy(LABELS, logits)
        variables = v1.trainable_variables()
        gradients = tf.gradients(loss, variables)
        v1.train.get_or_create_global_step()
        v1.train.RMSPropOptimizer(0.01, 0.9, 0.9, 1.0).apply_gradients(
            zip(gradients, variables, strict=True)
        )
        session.run(v1.global_variables_initializer())
        saved = v1.train.Saver().save(session, prefix, global_step=7)
        names = [variable.op.name for variable in variables]
        values = session.run({"logits": logits, "gradients": gradients})
    return {
        "prefix": saved,
        "logits": values["logits"],
        "gradients": dict(zip(names, values["gradients"], strict=True)),
    }


def ours(prefix: str) -> Any:
    net = nets.create("alexnet_v2", CLASSES, 224, initialisation="zeros")
    saved = checkpoints.read(prefix)
    for name, variable in net.variables.items():
        variable.assign(saved.tensors[name])
    return net


def test_logits_and_gradients_are_tf_slims(slim: dict[str, Any]) -> None:
    net = ours(slim["prefix"])
    with tf.GradientTape() as tape:
        logits = net(tf.constant(IMAGES))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits)
        loss = tf.reduce_mean(losses)
    wanted = slim["logits"]
    assert np.abs(logits - wanted).max() <= 1e-5 * np.ptp(wanted)
    gradients = tape.gradient(loss, net.variables)
    assert gradients.keys() == slim["gradients"].keys()
    for name, gradient in gradients.items():
        other = slim["gradients"][name]
        assert np.abs(gradient - other).max() <= 1e-4 * np.abs(other).max(), name


def test_a_checkpoint_of_tf_slims_saver_is_read_whole(slim: dict[str, Any]) -> None:
    saved = checkpoints.read(slim["prefix"])
    assert saved.step == 0
    assert len(saved.tensors) == 16 * 3 + 1
    assert saved.tensors["alexnet_v2/conv1/weights/RMSProp"].shape == (11, 11, 3, 64)
    net = nets.create("alexnet_v2", CLASSES, 224, initialisation="zeros")
    optimizer = optimizers.create("rmsprop", net.trainable)
    assert set(optimizer.slots) == {n for n in saved.tensors if "RMSProp" in n}


def test_what_we_save_is_read_by_tf_slims_saver(tmp_path: Path) -> None:
    from tf_slim.nets import alexnet

    v1 = tf.compat.v1
    net = nets.create("alexnet_v2", CLASSES, 224, seed=5, initialisation="he")
    tensors = {name: variable.numpy() for name, variable in net.variables.items()}
    prefix = checkpoints.write(tmp_path, 12, tensors)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)  # another test of this process may have asked for determinism
        alexnet.alexnet_v2(tf.zeros([1, 224, 224, 3]), CLASSES, is_training=False)
        step = v1.train.get_or_create_global_step()
        v1.train.Saver().restore(session, prefix)
        assert session.run(step) == 12
        for variable in v1.trainable_variables():
            np.testing.assert_array_equal(session.run(variable), tensors[variable.op.name])


def test_parameters_with_1001_classes() -> None:
    shapes = alexnet_v2.shapes(1001, 224)
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    assert sum(sizes.values()) == 50_308_009
    assert sum(n for name, n in sizes.items() if name.endswith("weights")) == 50_297_536
    assert sizes["alexnet_v2/conv1/weights"] == 23_232
    assert shapes["alexnet_v2/fc8/weights"] == (1, 1, 4096, 1001)


@pytest.mark.parametrize(("size", "side"), [(67, 1), (96, 1), (128, 2), (195, 5), (226, 5)])
def test_fc6_follows_the_pooled_map(size: int, side: int) -> None:
    assert alexnet_v2.pool5_side(size) == side
    assert alexnet_v2.shapes(5, size)["alexnet_v2/fc6/weights"][:2] == (side, side)


@pytest.mark.parametrize("size", [66, 227])
def test_impossible_sizes_are_named(size: int) -> None:
    with pytest.raises(ValueError, match=f"67 to 226 pixels, not {size}"):
        alexnet_v2.pool5_side(size)


def test_a_proxy_says_so() -> None:
    assert nets.create("alexnet_v2", 2, 67, initialisation="zeros").is_proxy
    assert not nets.create("alexnet_v2", 2, 195, initialisation="zeros").is_proxy


def test_lsuv_gives_unit_variance_whatever_the_scale() -> None:
    for scale in (0.01, 100.0):
        net = nets.create("alexnet_v2", 3, 67, initialisation="lsuv")
        images = tf.constant(IMAGES[:, :67, :67] * scale)
        reached = initialisation.lsuv(net, images)
        assert list(reached) == list(net.regularized)
        assert all(abs(deviation - 1) < 0.05 for deviation in reached.values())


def test_tf_slims_start() -> None:
    name = "alexnet_v2/conv2/weights"
    weights = initialisation.slim(name, (5, 5, 64, 192), 0)
    limit = np.sqrt(6 / (25 * (64 + 192)))
    assert np.abs(weights).max() <= limit
    assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    full = initialisation.slim("alexnet_v2/fc7/weights", (1, 1, 512, 512), 0)
    assert np.abs(full).max() <= 0.01
    assert full.std() == pytest.approx(0.005 * 0.8796, rel=0.01)  # a normal cut at two deviations
    biases = initialisation.slim("alexnet_v2/fc7/biases", (3,), 0)
    np.testing.assert_array_equal(biases, np.full(3, 0.1, np.float32))
    np.testing.assert_array_equal(initialisation.slim("alexnet_v2/fc8/biases", (3,), 0), 0.0)


def test_dropout_is_keyed() -> None:
    net = nets.create("alexnet_v2", 3, 67, initialisation="he")
    images = tf.constant(IMAGES[:, :67, :67])
    one, two, other = (net(images, True, tf.constant([0, s])).numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0
    with pytest.raises(ValueError, match="needs a seed"):
        net(images, True)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", lambda v1: v1.train.GradientDescentOptimizer(0.01)),
        ("momentum", lambda v1: v1.train.MomentumOptimizer(0.01, 0.9)),
        ("momentum nesterov", lambda v1: v1.train.MomentumOptimizer(0.01, 0.9, use_nesterov=True)),
        ("rmsprop", lambda v1: v1.train.RMSPropOptimizer(0.01, 0.9, 0.9, 1.0)),
        ("adam", lambda v1: v1.train.AdamOptimizer(0.01, 0.9, 0.999, 1.0)),
        ("adagrad", lambda v1: v1.train.AdagradOptimizer(0.01, 0.1)),
        ("adadelta", lambda v1: v1.train.AdadeltaOptimizer(0.01, 0.95, 1.0)),
        ("ftrl", lambda v1: v1.train.FtrlOptimizer(0.01)),
    ],
)
def test_optimizers_are_tf1s(name: str, make: Any) -> None:
    """Three updates under given gradients, against TensorFlow 1's class; slots under its names."""
    v1 = tf.compat.v1
    start = np.float32([0.5, -1.0, 2.0])
    gradients = [np.float32([1.0, -2.0, 0.5]), np.float32([0.1, 0.0, -3.0])] * 2
    with tf.Graph().as_default(), v1.Session() as session:
        variable = v1.get_variable("w", initializer=start)
        fed = v1.placeholder(tf.float32, [3])
        update = make(v1).apply_gradients([(fed, variable)])
        session.run(v1.global_variables_initializer())
        for gradient in gradients:
            session.run(update, {fed: gradient})
        wanted = {v.op.name: session.run(v) for v in v1.global_variables()}
    own = tf.Variable(start, name="w")
    name, *more = name.split()
    optimizer = optimizers.create(name, {"w": own}, **dict.fromkeys(more, True))
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], tf.constant(0.01))
    np.testing.assert_allclose(own.numpy(), wanted.pop("w"), rtol=1e-6)
    assert set(optimizer.slots) == set(wanted)
    for slot, value in wanted.items():
        np.testing.assert_allclose(optimizer.slots[slot].numpy(), value, rtol=1e-5, atol=1e-7)


def test_nesterovs_momentum_looks_ahead() -> None:
    """Sutskever's form, with the velocity written out."""
    own, velocity, place = tf.Variable([1.0, -2.0]), np.zeros(2), np.array([1.0, -2.0])
    optimizer = optimizers.create("momentum", {"w": own}, momentum=0.8, nesterov=True)
    for gradient in ([1.0, 0.5], [-2.0, 0.25], [0.1, 0.0]):
        optimizer.apply([tf.constant(gradient)], tf.constant(0.1))
        velocity = 0.8 * velocity + np.array(gradient)
        place -= 0.1 * (np.array(gradient) + 0.8 * velocity)
    np.testing.assert_allclose(own.numpy(), place, rtol=1e-6)


def test_describe_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["describe-model", "alexnet_v2"]) == 0
    printed = capsys.readouterr().out
    assert "conv1    11x11x3x64" in printed and "23,232" in printed
    assert "1x1x4096x1001" in printed and "4,100,096" in printed
    assert "50,308,009" in printed and "50,297,536" in printed
    assert cli_main.run(["describe-model", "alexnet_v3"]) == 2
    assert "no net 'alexnet_v3'. Did you mean alexnet_v2" in capsys.readouterr().err
    assert cli_main.run(["describe-model", "resnet_v1_50", "--num-classes", "1000"]) == 0
    printed = capsys.readouterr().out
    assert "conv1/weights" not in printed and "7x7x3x64" in printed
    assert "25,557,032" in printed  # beta and gamma are counted, batch norm's averages are not


def test_mixed_precision_keeps_float32_variables_and_nearly_the_logits() -> None:
    images = tf.constant(IMAGES[:, :67, :67])
    nets_ = [
        nets.create("alexnet_v2", 5, 67, initialisation="he", mixed_precision=mixed)
        for mixed in (False, True)
    ]
    exact, rounded = (net(images).numpy() for net in nets_)
    assert rounded.dtype == np.float32
    assert all(v.dtype == tf.float32 for v in nets_[1].variables.values())
    assert 0 < np.abs(exact - rounded).max() < 0.03 * np.ptp(exact)


def test_lsuv_names_the_layer_that_it_cannot_scale() -> None:
    net = nets.create("alexnet_v2", 3, 67, initialisation="lsuv")
    with pytest.raises(ValueError, match="outputs of alexnet_v2/conv1 have deviation 0.0"):
        initialisation.lsuv(net, tf.zeros([2, 67, 67, 3]))
