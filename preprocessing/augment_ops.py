"""The fourteen operations of RandAugment and TrivialAugment, as torchvision numbers them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

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
    """torch.linspace's float32: the second half is counted from the end."""
    low, high = np.float32(first), np.float32(last)
    step, i = (high - low) / np.float32(BINS - 1), np.arange(BINS, dtype=np.float32)
    half = np.arange(BINS) < BINS // 2
    return np.where(half, low + step * i, high - step * (BINS - 1 - i)).astype(np.float32)


def apply(
    image: tf.Tensor,
    seed: tf.Tensor,
    turn: str,
    table: Strengths,
    bin: tf.Tensor | int,
    interpolation: str,
) -> tf.Tensor:
    """Draw one operation and its sign, and do it: uint8 [h, w, 3] in and out.

    turn: the draws' name.
    """
    index = ops.integer(seed, f"{turn}_operation", 0, len(NAMES) - 1)
    if recording():
        noted(f"{turn}_name", tf.gather(tf.constant(NAMES), index))
    sign = tf.where(ops.uniform(seed, f"{turn}_sign") <= 0.5, -1.0, 1.0)
    at = Strengths(*(tf.gather(tf.constant(values), bin) for values in table))
    slope, right, down, degrees, change = (sign * one for one in at[:5])
    factor = 1.0 + change
    chosen = [
        lambda: image,
        lambda: pixel_ops.shear_x(image, slope, interpolation),
        lambda: pixel_ops.shear_y(image, slope, interpolation),
        lambda: pixel_ops.translate(image, right, 0.0),
        lambda: pixel_ops.translate(image, 0.0, down),
        lambda: pixel_ops.rotate(image, degrees, interpolation),
        lambda: pixel_ops.brightness(image, factor),
        lambda: pixel_ops.saturation(image, factor),
        lambda: pixel_ops.contrast(image, factor),
        lambda: pixel_ops.sharpness(image, factor),
        lambda: pixel_ops.posterize(image, at.bits),
        lambda: pixel_ops.solarize(image, at.level),
        lambda: pixel_ops.autocontrast(image),
        lambda: pixel_ops.equalize(image),
    ]
    return tf.ensure_shape(tf.switch_case(index, chosen), image.shape)
