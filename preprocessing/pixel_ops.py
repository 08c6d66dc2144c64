"""torchvision's operations on bytes: uint8 [h, w, 3] in, uint8 out, equal to its tensor backend's.

Source of every constant and of the rounding: torchvision 0.28, transforms/v2/functional/_color.py
and _geometry.py. Sums are float32, clamped to 0..255, and the fraction is cut off, not rounded,
except where a docstring says so; a product and the sum that it goes into are rounded once, as its
kernels' fused multiply-add does. Factors and magnitudes are scalars, tensors or numbers; float64
where they come from a sum, as torchvision's are. byte_ops.py does the same by compiled loops.
"""

from __future__ import annotations

import itertools
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
    return _bytes(_floats(image) * tf.cast(factor, tf.float32))


def contrast(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Blend with the mean of the gray image, one figure for all channels."""
    pixels = tf.size(image) // 3
    total = tf.reduce_sum(tf.cast(gray(image), tf.int32))
    return _blend(image, tf.cast(total, tf.float32) / tf.cast(pixels, tf.float32), factor)


def saturation(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Blend with the gray image; torchvision's adjust_saturation, RandAugment's Color."""
    return _blend(image, _floats(gray(image)), factor)


def gray(image: tf.Tensor) -> tf.Tensor:
    """The luma, cut off: weights that add up to 0.9999 make every gray above 0 one level darker."""
    red, green, blue = (_floats(image[..., i : i + 1]) for i in range(3))
    return _bytes(_fused(blue, LUMA[2], _fused(green, LUMA[1], red * LUMA[0])))


def hue(image: tf.Tensor, shift: Scalar) -> tf.Tensor:
    """Turn the hue by a share of the full circle, times 255.999 and cut off at last."""
    return _bytes(tf.image.adjust_hue(_floats(image) / 255.0, shift) * 255.999)


def sharpness(image: tf.Tensor, factor: Scalar) -> tf.Tensor:
    """Blend with a 3 x 3 smoothing (centre 5, others 1, of 13; whole levels) inside the border."""
    if min(_sides(image)) <= 2:
        return image
    pixels = _floats(image)
    rows = pixels[:-2] + pixels[1:-1] + pixels[2:]
    inner = pixels[1:-1, 1:-1]
    smooth = tf.math.rint((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4.0 * inner) / 13.0)
    blurred = tf.pad(smooth - inner, [[1, 1], [1, 1], [0, 0]])
    return _bytes(_fused(blurred, _rest(factor), pixels))


def posterize(image: tf.Tensor, bits: tf.Tensor | int) -> tf.Tensor:
    """Keep the highest bits, 0 to 8 of them."""
    low = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32)) - 1
    return tf.bitwise.bitwise_and(image, tf.cast(255 - low, tf.uint8))


def solarize(image: tf.Tensor, level: Scalar) -> tf.Tensor:
    """Invert what is as bright as the level, of 0..255, or brighter."""
    levels = tf.range(256.0)
    return _look_up(image, tf.where(levels >= tf.cast(level, tf.float32), 255.0 - levels, levels))


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


def shear_x(image: tf.Tensor, slope: Scalar, smooth: bool = False) -> tf.Tensor:
    """Slant rows about the top left corner; a positive slope moves lower rows to the left."""
    slope = _double(slope)
    return _affine(image, (1.0, slope, 0.5 * _sides(image)[0] * slope, 0.0, 1.0, 0.0), smooth)


def shear_y(image: tf.Tensor, slope: Scalar, smooth: bool = False) -> tf.Tensor:
    """Slant columns about the top left corner; a positive slope moves the right side up."""
    slope = _double(slope)
    return _affine(image, (1.0, 0.0, 0.0, slope, 1.0, 0.5 * _sides(image)[1] * slope), smooth)


def translate(image: tf.Tensor, right: Scalar, down: Scalar) -> tf.Tensor:
    """Move by whole pixels, cut towards zero."""
    right, down = (-tf.cast(tf.cast(by, tf.int32), tf.float32) for by in (right, down))
    return _affine(image, (1.0, 0.0, right, 0.0, 1.0, down), False)


def rotate(image: tf.Tensor, degrees: Scalar, smooth: bool = False) -> tf.Tensor:
    """Turn counter-clockwise about the middle."""
    angle = _double(degrees) * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return _affine(image, (cosine, -sine, 0.0, sine, cosine, 0.0), smooth)


def _affine(image: tf.Tensor, matrix: Sequence[Scalar], smooth: bool) -> tf.Tensor:
    """Output x, y shows the input at matrix * (x, y, 1), in pixels from the middle; zeros outside.

    The nearest pixel, half to even; or (smooth) bilinear, which fades to black over the outer half
    pixel, its sum rounded. Places are rounded as torch's affine_grid and grid_sample round them:
    some lie in the middle of two pixels but for the rounding.
    """
    height, width = _sides(image)
    rows = tf.reshape(tf.stack([tf.cast(one, tf.float32) for one in matrix]), [2, 3])
    y = tf.range(height, dtype=tf.float32)[:, tf.newaxis] - 0.5 * (height - 1)
    x = tf.range(width, dtype=tf.float32) - 0.5 * (width - 1)
    at = []
    for row, side in zip(tf.unstack(rows), (width, height), strict=True):
        # In float64 and then rounded: TensorFlow divides by a constant with its reciprocal.
        across, along, shift = tf.unstack(_floats(_exact(row) / (0.5 * side)))
        place = _rounded(_rounded(_exact(x * across) + _exact(y * along)) + _exact(shift))
        at.append(_floats(_rounded(place + 1.0) * (0.5 * side) - 0.5))
    if not smooth:
        return tf.cast(
            _read(image, *(tf.cast(tf.math.rint(one), tf.int32) for one in at)), tf.uint8
        )
    left, top = (tf.floor(one) for one in at)
    right, down = (tf.stack([1.0 - (a - b), a - b]) for a, b in zip(at, (left, top), strict=True))
    total = tf.zeros_like(image, tf.float32)
    for i, j in itertools.product(range(2), range(2)):
        pixels = _read(image, tf.cast(left, tf.int32) + j, tf.cast(top, tf.int32) + i)
        total = _fused(pixels, (right[j] * down[i])[..., tf.newaxis], total)
    return to_bytes(total)


def _read(image: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The pixels at these places as floats, zeros outside."""
    height, width = _sides(image)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixels = tf.concat([tf.reshape(_floats(image), [-1, 3]), tf.zeros([1, 3])], axis=0)
    return tf.gather(pixels, tf.where(inside, y * width + x, height * width))


def _sides(image: tf.Tensor) -> tuple[int, int]:
    """Height and width, which are known beforehand; TensorFlow 1 has objects for them."""
    return int(image.shape[0]), int(image.shape[1])


def _exact(number: tf.Tensor) -> tf.Tensor:
    """In float64, in which sums and products of two float32 numbers lose nothing that matters."""
    return tf.cast(number, tf.float64)


def _rounded(number: tf.Tensor) -> tf.Tensor:
    """A float64 as float32 has it, also where TensorFlow would change the order of sums."""
    return _exact(_floats(number))


def _fused(one: tf.Tensor, factor: Scalar, other: tf.Tensor) -> tf.Tensor:
    """one * factor + other, float32, rounded once."""
    factor = tf.convert_to_tensor(factor)
    return _floats(_exact(one) * _exact(_floats(factor)) + _exact(other))


def _rest(factor: Scalar) -> tf.Tensor:
    return 1.0 - _double(factor)


def _double(number: Scalar) -> tf.Tensor:
    # tf.cast of a Python number goes by way of float32.
    return tf.cast(number, tf.float64) if tf.is_tensor(number) else tf.constant(number, tf.float64)


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
    scaled = _floats(image) * tf.cast(factor, tf.float32)
    return _bytes(_fused(other, _rest(factor), scaled))
