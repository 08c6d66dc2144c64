"""A net of a plug-in is tried before it is used: what is no net is named, with its file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf

from imagenet_tools import nets
from imagenet_tools.errors import PipelineFailed
from imagenet_tools.nets import net


class Flat(nets.Layered):
    """One product; what a test puts in place of made is what it gives."""

    def made(self, logits: tf.Tensor) -> Any:
        return logits

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"flat/weights": (3 * 8 * 8, self.num_classes)}

    def forward(self, variables: Any, images: tf.Tensor, **_: Any) -> tf.Tensor:
        return tf.reshape(images, [images.shape[0], -1]) @ variables["flat/weights"]

    def __call__(self, images: tf.Tensor, is_training: bool = False, seed: Any = None) -> Any:
        return self.made(super().__call__(images, is_training, seed))


@pytest.fixture
def flat() -> Iterator[str]:
    nets.register_net("flat", image_size=8, last="flat/weights")(Flat)
    yield "flat"
    net.forget("flat")


# What it does in place of giving its logits, and what is said.
FAULTS: dict[str, tuple[Any, str]] = {
    "another shape": (lambda net, out: out[:, 1:], r"gives float32 \(2, 4\) of 2 images; float32"),
    "a map": (lambda net, out: out[:, None, None], r"float32 \(2, 1, 1, 5\) .*float32 \(2, 5\)"),
    "half": (lambda net, out: tf.cast(out, tf.float16), "gives float16"),
    "complex": (lambda net, out: tf.complex(out, out), "gives complex64"),
    "several": (lambda net, out: (out, {}), "gives a tuple"),
    "ragged": (lambda net, out: tf.RaggedTensor.from_tensor(out), "gives a RaggedTensor"),
    "nothing": (lambda net, out: None, "gives a NoneType"),
    "a name": (lambda net, out: net.nowhere, "AttributeError: .*nowhere"),
    "the end": (lambda net, out: sys.exit(0), "SystemExit: 0"),
    "eager": (lambda net, out: tf.constant(out.numpy()), "NotImplementedError|AttributeError"),
    "Python's if": (lambda net, out: out if out[0, 0] > 0 else -out, "OperatorNotAllowedInGraph"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_net(name: str, flat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, said = FAULTS[name]
    monkeypatch.setattr(Flat, "made", made)
    with pytest.raises(PipelineFailed, match=rf"net flat of .*test_trial.py failed: .*{said}"):
        nets.create(flat, 5)


def test_what_is_no_net_on_several_devices(
    flat: str, tiny_net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a net runs in replicas; it was not tried, and its faults were surprises."""
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert nets.create(tiny_net, 5).num_classes == 5
        made, said = FAULTS["another shape"]
        monkeypatch.setattr(Flat, "made", made)
        with pytest.raises(PipelineFailed, match=f"net flat of .*test_trial.py failed: .*{said}"):
            nets.create(flat, 5)


def test_logits_whose_shape_a_trace_does_not_know(
    flat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(net: Flat, out: tf.Tensor) -> tf.Tensor:
        return tf.reshape(out, tf.cast(tf.stack([tf.size(out) / 5, 5]), tf.int32))

    monkeypatch.setattr(Flat, "made", unknown)
    assert nets.create(flat, 5)(tf.zeros([3, 8, 8, 3])).shape == (3, 5)


def test_a_size_that_a_plug_in_does_not_take(tiny_net: str, flat: str) -> None:
    said = r"^tiny cannot take images of 8 pixels, its own size is 32 \(--image-size\): .*3 from 1$"
    with pytest.raises(ValueError, match=said):
        nets.create(tiny_net, 5, 8)
    with pytest.raises(ValueError, match="flat cannot take images of 9 pixels, its own size is 8"):
        nets.create(flat, 5, 9)


def test_a_variable_that_nothing_depends_on(flat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flat, "forward", lambda net, _, images, **__: images[:, 0, :5, 0])
    with pytest.raises(PipelineFailed, match="in training its logits do not depend on flat/weigh"):
        nets.create(flat, 5)
