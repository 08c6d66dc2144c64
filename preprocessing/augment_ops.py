"""The fourteen operations of RandAugment and TrivialAugment, as torchvision numbers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled
from imagenet_tools.pipelines.draws import noted, recording
from imagenet_tools.preprocessing import ops, pixel_ops

BINS = 31
NAMES = (
    *("Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"),
    *("Brightness", "Color", "Contrast", "Sharpness"),
    *("Posterize", "Solarize", "AutoContrast", "Equalize"),
)


class Strengths(NamedTuple):
    """How much each operation does, float32 [31] by bin; bits int32. The first five are signed.

    Slopes, pixels, degrees; change: a factor is 1 plus that; bits: kept; level: of 0..255, the
    first that is inverted.
    """

    slope: np.ndarray
    right: np.ndarray
    down: np.ndarray
    degrees: np.ndarray
    change: np.ndarray
    bits: np.ndarray
    level: np.ndarray


def strengths(
    slope: float, right: float, down: float, degrees: float, change: float, bits: float
) -> Strengths:
    """The strengths that go up to these in the last bin; bits: how many are lost in it."""
    evenly = [_steps(0, most) for most in (slope, right, down, degrees, change)]
    kept = np.round(8 - np.arange(BINS) / ((BINS - 1) / bits)).astype(np.int32)
    return Strengths._make([*evenly, kept, np.ceil(np.float32(255) * _steps(1, 0))])


def _steps(first: float, last: float) -> np.ndarray:
    """torch.linspace's float32: the second half is counted from the end, each rounded once."""
    low, high = np.float32(first), np.float32(last)
    step, i = float((high - low) / np.float32(BINS - 1)), np.arange(BINS)
    half = i < BINS // 2
    return np.where(half, low + step * i, float(high) - step * (BINS - 1 - i)).astype(np.float32)


def apply(
    image: tf.Tensor,
    seed: tf.Tensor,
    turns: Sequence[str],
    table: Strengths,
    bin: tf.Tensor | int,
    interpolation: str,
) -> tf.Tensor:
    """Do one operation that is drawn a turn: float32 pixels of 0..255, to whole levels first.

    turns: the draws' names. bin: of every turn.
    """
    last, smooth = len(NAMES) - 1, interpolation == "bilinear"
    numbers = [ops.integer(seed, f"{turn}_operation", 0, last) for turn in turns]
    signs = [tf.where(ops.uniform(seed, f"{turn}_sign") <= 0.5, -1.0, 1.0) for turn in turns]
    for turn, number in zip(turns, numbers, strict=True):
        if recording():
            noted(f"{turn}_name", tf.gather(tf.constant(NAMES), number))
    at = [tf.cast(tf.gather(tf.constant(values), bin), tf.float64) for values in table]
    if compiled.in_use() and turns:
        drawn = [tf.stack(numbers), tf.stack(signs), tf.stack(at)]
        return compiled.call(partial(_compiled, smooth), [image, *drawn], image.shape)
    pixels = pixel_ops.to_bytes(image)
    for number, sign in zip(numbers, signs, strict=True):
        signed = [tf.cast(sign, tf.float64) * one for one in at[:5]]
        chosen = chain(pixel_ops, pixels, Strengths._make([*signed, *at[5:]]), smooth)
        pixels = tf.ensure_shape(tf.switch_case(number, chosen), image.shape)
    return tf.cast(pixels, tf.float32)


def chain(by: Any, image: Any, at: Strengths, smooth: bool) -> list[Callable[[], Any]]:
    """The operations on an image, in the order of NAMES; by: pixel_ops or byte_ops."""
    factor = 1.0 + at.change
    return [
        lambda: image,
        lambda: by.shear_x(image, at.slope, smooth),
        lambda: by.shear_y(image, at.slope, smooth),
        lambda: by.translate(image, at.right, 0.0),
        lambda: by.translate(image, 0.0, at.down),
        lambda: by.rotate(image, at.degrees, smooth),
        lambda: by.brightness(image, factor),
        lambda: by.saturation(image, factor),
        lambda: by.contrast(image, factor),
        lambda: by.sharpness(image, factor),
        lambda: by.posterize(image, at.bits),
        lambda: by.solarize(image, at.level),
        lambda: by.autocontrast(image),
        lambda: by.equalize(image),
    ]


def _compiled(
    smooth: bool, image: np.ndarray, numbers: np.ndarray, signs: np.ndarray, at: np.ndarray
) -> np.ndarray:
    from imagenet_tools.preprocessing import byte_ops

    pixels = byte_ops.to_bytes(image)
    for number, sign in zip(numbers.tolist(), signs.tolist(), strict=True):
        signed = [sign * one for one in at[:5].tolist()]
        strength = Strengths._make([*signed, *at[5:].tolist()])
        pixels = chain(byte_ops, pixels, strength, smooth)[number]()
    return compiled.to_floats(pixels)
