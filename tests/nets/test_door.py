"""The door of the nets: one file, one decorator, and every command knows the net."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import nets
from imagenet_tools.nets import initialisation, net


def test_a_registered_net_is_made_like_any_other(tiny_net: str) -> None:
    assert nets.names()[0] == "alexnet_v2" and tiny_net in nets.names()
    assert nets.default_size(tiny_net) == 32
    made = nets.create(tiny_net, 5, initialisation="lsuv")
    assert sum(row.parameters for row in nets.layers(made)) == 608 + 1168 + 544 + 165
    assert made.regularized == tuple(
        f"tiny/{layer}/weights" for layer in ("conv1", "conv2", "fc1", "fc2")
    )
    images = tf.random.stateless_normal([16, 32, 32, 3], [1, 2])
    reached = initialisation.lsuv(made, 100.0 * images)
    assert list(reached) == list(made.regularized)
    assert all(abs(value - 1.0) < 0.05 for value in reached.values())
    tensors = {name: variable.numpy() for name, variable in made.variables.items()}
    assert nets.class_count(tiny_net, tensors) == 5
    assert made(images).shape == (16, 5) and not made.is_proxy


def test_its_dropout_is_keyed(tiny_net: str) -> None:
    made = nets.create(tiny_net, 5, initialisation="he")
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
