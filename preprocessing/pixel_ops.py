"""torchvision's operations on bytes: uint8 [h, w, 3] in, uint8 out, equal to its tensor backend's.

Source of every constant and of the rounding: torchvision 0.28, transforms/v2/functional/_color.py
and _geometry.py. Sums are float32, clamped to 0..255, and the fraction is cut off, not rounded,
except where a docstring says so. Factors and magnitudes are float32 scalars, tensors or numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from imagenet_tools.preprocessing.ops import LUMA

Scalar: TypeAlias = "tf.Tensor | float"


def to_bytes(image: tf.Tensor) -> tf.Tensor:
    """Float pixels of 0..255 as whole levels, rounded half to even: what torchvision resizes to."""
    return _bytes(tf.math.rint(image))


def brightness(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Multiply by the factor: a blend with black."""
    return _bytes(_floats(image) * factor)


def contrast(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Blend with the mean of the gray image, one figure for all channels."""
    return _blend(image, tf.reduce_mean(_floats(gray(image))), factor)


def saturation(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Blend with the gray image; torchvision's adjust_saturation, RandAugment's Color."""
    return _blend(image, _floats(gray(image)), factor)


def gray(image: tf.Tensor) -> tf.Tensor:
    """The luma, cut off: weights that add up to 0.9999 make every gray above 0 one level darker."""
    red, green, blue = (_floats(image[..., i : i + 1]) for i in range(3))
    return _bytes(red * LUMA[0] + green * LUMA[1] + blue * LUMA[2])


def hue(image: tf.Tensor, shift: Scalar) -> tf.Tensor:
    """Turn the hue by a share of the full circle, times 255.999 and cut off at last."""
    return _bytes(tf.image.adjust_hue(_floats(image) / 255.0, shift) * 255.999)


def sharpness(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Blend with a 3 x 3 smoothing (centre 5, others 1, of 13; whole levels) inside the border."""
    pixels = _floats(image)
    rows = pixels[:-2] + pixels[1:-1] + pixels[2:]
    inner = pixels[1:-1, 1:-1]
    smooth = tf.math.rint((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4.0 * inner) / 13.0)
    blurred = tf.pad(smooth - inner, [[1, 1], [1, 1], [0, 0]])
    return _bytes(pixels + blurred * (1.0 - factor))


def posterize(image: tf.Tensor, bits: tf.Tensor | int) -> tf.Tensor:
    """Keep the highest bits, 0 to 8 of them."""
    low = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32)) - 1
    return tf.bitwise.bitwise_and(image, tf.cast(255 - low, tf.uint8))


def solarize(image: tf.Tensor, level: Scalar) -> tf.Tensor:
    """Invert what is as bright as the level, or brighter."""
    return tf.where(_floats(image) >= level, 255 - image, image)


def invert(image: tf.Tensor) -> tf.Tensor:
    """255 minus every pixel."""
    return 255 - image


def autocontrast(image: tf.Tensor) -> tf.Tensor:
    """Stretch each channel to 0..255; one of a single level stays as it is."""
    pixels = _floats(image)
    low = tf.reduce_min(pixels, axis=[0, 1])
    high = tf.reduce_max(pixels, axis=[0, 1])
    span = tf.where(high > low, high - low, 255.0) * (1 / 255)
    return _bytes((pixels - tf.where(high > low, low, 0.0)) / span)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Make each channel's levels about equally common, in whole numbers."""
    flat = tf.cast(tf.transpose(tf.reshape(image, [-1, 3])), tf.int32)
    counts = tf.math.bincount(flat, minlength=256, maxlength=256, axis=-1)  # [3, 256]
    brightest = tf.gather(counts, tf.reduce_max(flat, axis=1), batch_dims=1)
    step = (tf.shape(flat)[1] - brightest) // 255  # [3]
    below = tf.cumsum(counts, axis=1, exclusive=True)
    safe = tf.maximum(step, 1)[:, tf.newaxis]
    table = tf.minimum((below + safe // 2) // safe, 255)
    table = tf.where(step[:, tf.newaxis] > 0, table, tf.range(256))
    return tf.cast(
        tf.reshape(tf.transpose(tf.gather(table, flat, batch_dims=1)), tf.shape(image)), tf.uint8
    )


def shear_x(image: tf.Tensor, slope: Scalar, interpolation: str = "nearest") -> tf.Tensor:
    """Slant rows about the top left corner; a positive slope moves lower rows to the left."""
    return _affine(image, (1.0, slope, 0.5 * slope, 0.0, 1.0, 0.0), interpolation)


def shear_y(image: tf.Tensor, slope: Scalar, interpolation: str = "nearest") -> tf.Tensor:
    """Slant columns about the top left corner; a positive slope moves the right side up."""
    return _affine(image, (1.0, 0.0, 0.0, slope, 1.0, 0.5 * slope), interpolation)


def translate(image: tf.Tensor, right: Scalar, down: Scalar) -> tf.Tensor:
    """Move by whole pixels, cut towards zero."""
    right, down = (-tf.cast(tf.cast(by, tf.int32), tf.float32) for by in (right, down))
    return _affine(image, (1.0, 0.0, right, 0.0, 1.0, down), "nearest")


def rotate(image: tf.Tensor, degrees: Scalar, interpolation: str = "nearest") -> tf.Tensor:
    """Turn counter-clockwise about the middle."""
    angle = tf.cast(degrees, tf.float64) * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    size = tf.cast(tf.shape(image), tf.float64)
    y, x = (size[0] - 1) / 2, (size[1] - 1) / 2
    across = x - cosine * x + sine * y
    along = y - sine * x - cosine * y
    return _affine(image, (cosine, -sine, across, sine, cosine, along), interpolation)


def _affine(image: tf.Tensor, matrix: Sequence[Scalar], interpolation: str) -> tf.Tensor:
    """Output x, y shows the input at matrix * (x, y, 1), in pixel indices; zeros outside.

    Nearest rounds the place half to even; bilinear fades to black over the outer half pixel, and
    its sum is rounded.
    """
    row = tf.stack([*(tf.cast(one, tf.float32) for one in matrix), 0.0, 0.0])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=_floats(image)[tf.newaxis],
        transforms=row[tf.newaxis],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation=interpolation.upper(),
        fill_mode="CONSTANT",
    )[0]
    return tf.ensure_shape(to_bytes(moved), image.shape)


def _floats(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(image, tf.float32)


def _bytes(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)


def _blend(image: tf.Tensor, other: tf.Tensor, factor: Scalar) -> tf.Tensor:
    return _bytes(_floats(image) * factor + other * (1.0 - factor))
