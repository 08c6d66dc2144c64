"""The door of the nets: one file, one decorator, and every command knows the net."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tiny_net

from imagenet_tools import nets, registry
from imagenet_tools.nets import initialisation, net


def test_a_registered_net_is_made_like_any_other() -> None:
    assert nets.names()[0] == "alexnet_v2" and "tiny" in nets.names()
    assert nets.default_size("tiny") == 32
    made = nets.create("tiny", 5, initialisation="lsuv")
    assert sum(row.parameters for row in nets.describe("tiny", 5).rows) == 608 + 1168 + 544 + 165
    assert made.regularized == tuple(
        f"tiny/{layer}/weights" for layer in ("conv1", "conv2", "fc1", "fc2")
    )
    images = tf.random.stateless_normal([16, 32, 32, 3], [1, 2])
    reached = initialisation.lsuv(made, 100.0 * images)
    assert list(reached) == list(made.regularized)
    assert all(abs(value - 1.0) < 0.05 for value in reached.values())
    tensors = {name: variable.numpy() for name, variable in made.variables.items()}
    assert nets.class_count("tiny", tensors) == 5
    assert made(images).shape == (16, 5) and not made.is_proxy


def test_its_dropout_is_keyed() -> None:
    made = nets.create("tiny", 5, initialisation="he")
    images = tf.random.stateless_normal([8, 32, 32, 3], [1, 2])
    whole = made(images, is_training=True, seed=tf.constant([1, 2]))
    ((weight, odd),) = made.heads(images[1::2], tf.constant([1, 2]), (1, 2))
    assert weight == 1.0
    np.testing.assert_allclose(odd, whole[1::2], rtol=1e-5)
    other = made(images, is_training=True, seed=tf.constant([1, 3]))
    assert not np.allclose(other, whole)


@pytest.fixture
def a_name() -> Iterator[str]:
    yield "another_tiny"
    net.forget("another_tiny")


def test_a_name_is_one_files(a_name: str) -> None:
    def make(*_: object, **__: object) -> None: ...

    nets.register_net(a_name, image_size=8, last="x")(make)
    nets.register_net(a_name, image_size=16, last="x")(make)  # the file loaded again
    assert nets.default_size(a_name) == 16
    make.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="'another_tiny' of elsewhere is already registered by"):
        nets.register_net(a_name, image_size=8, last="x")(make)


def test_a_plug_in_may_hold_a_net(tmp_path: Path) -> None:
    text = Path(tiny_net.__file__).read_text().replace('"tiny"', '"another_tiny"')
    path = tmp_path / "mine.py"
    path.write_text(text)
    try:
        assert registry.load_plugin(path) == []
        assert nets.create("another_tiny", 3).image_size == 32
        assert registry.load_plugin(path) == []  # a worker's, too
    finally:
        net.forget("another_tiny")
    path.write_text("import math")
    with pytest.raises(ValueError, match="registers no pipeline.*a net: @nets.register_net"):
        registry.load_plugin(path)
