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
    """Invert what is as bright as the level, of 0..255, or brighter."""
    levels = tf.range(256.0)
    return _look_up(image, tf.where(levels >= level, 255.0 - levels, levels))


def invert(image: tf.Tensor) -> tf.Tensor:
    """255 minus every pixel."""
    return 255 - image


def autocontrast(image: tf.Tensor) -> tf.Tensor:
    """Stretch each channel to 0..255; one of a single level stays as it is."""
    # Lines first, which is quicker.
    low, high = (f(f(_floats(image), 0), 0)[:, tf.newaxis] for f in (tf.reduce_min, tf.reduce_max))
    levels = tf.range(256.0)
    stretched = (levels - low) / ((high - low) * (1 / 255))
    return _look_up(image, tf.where(high > low, stretched, levels))


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Make each channel's levels about equally common, in whole numbers."""
    places = tf.reshape(_places(image), [-1])
    counts = tf.reshape(tf.math.bincount(places, minlength=768, maxlength=768), [3, 256])
    brightest = tf.reduce_max(tf.where(counts > 0, tf.range(256), 0), axis=1)
    last = tf.gather(counts, brightest, batch_dims=1)
    step = (tf.reduce_sum(counts, axis=1) - last)[:, tf.newaxis] // 255
    below = tf.cumsum(counts, axis=1, exclusive=True)
    safe = tf.maximum(step, 1)
    table = tf.where(step > 0, (below + safe // 2) // safe, tf.range(256))
    return _look_up(image, tf.cast(table, tf.float32))


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
    exact = interpolation == "nearest"
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=(image if exact else _floats(image))[tf.newaxis],
        transforms=row[tf.newaxis],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation=interpolation.upper(),
        fill_mode="CONSTANT",
    )[0]
    return tf.ensure_shape(moved if exact else to_bytes(moved), image.shape)


def _look_up(image: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """What each level becomes, by a table of floats [256], or [3, 256] for each channel."""
    if table.shape.rank == 1:
        return tf.gather(_bytes(table), tf.cast(image, tf.int32))
    return tf.gather(tf.reshape(_bytes(table), [-1]), _places(image))


def _places(image: tf.Tensor) -> tf.Tensor:
    """Where each pixel's level stands in tables of three channels, one after the other."""
    # A line of them to every line is quicker than three to every pixel.
    return tf.cast(image, tf.int32) + tf.tile([[0, 256, 512]], [tf.shape(image)[1], 1])


def _floats(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(image, tf.float32)


def _bytes(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)


def _blend(image: tf.Tensor, other: tf.Tensor, factor: Scalar) -> tf.Tensor:
    return _bytes(_floats(image) * factor + other * (1.0 - factor))
