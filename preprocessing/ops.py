"""Draws, crops and pixel operations that the pipelines share; images are float32 of 0..255.

Every draw is stateless: the same seed gives the same draw, and a draw's name (not its place in a
pipeline) makes its sub-seed, so two pipelines that both flip an image flip the same images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled, views
from imagenet_tools.pipelines.draws import noted, sub_seed

# The luma weights of tf.image.rgb_to_grayscale, for what is subtracted from gray images.
LUMA = (0.2989, 0.5870, 0.1140)


def uniform(
    seed: tf.Tensor, name: str, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()
) -> tf.Tensor:
    """Draw float32 from [low, high)."""
    return noted(name, tf.random.stateless_uniform(shape, sub_seed(seed, name), low, high))


def integer(seed: tf.Tensor, name: str, low: int, high: int) -> tf.Tensor:
    """Draw an int32 from low..high, both included."""
    value = tf.random.stateless_uniform([], sub_seed(seed, name), low, high + 1, tf.int32)
    return noted(name, value)


def normal(seed: tf.Tensor, name: str, shape: tuple[int, ...]) -> tf.Tensor:
    """Draw float32 from N(0, 1)."""
    return noted(name, tf.random.stateless_normal(shape, sub_seed(seed, name)))


def beta(seed: tf.Tensor, name: str, alpha: float) -> tf.Tensor:
    """Draw float32 from Beta(alpha, alpha), in 0..1.

    As the share of one of two gamma numbers, by their logarithms: for a small alpha the numbers
    themselves are 0. Gamma(alpha) is Gamma(alpha + 1) times U ** (1 / alpha).
    """
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha={alpha}: a number above 0 is needed")
    gammas = tf.random.stateless_gamma([2], sub_seed(seed, f"{name}_gamma"), alpha + 1)
    powers = 1.0 - tf.random.stateless_uniform([2], sub_seed(seed, f"{name}_power"))
    logs = tf.math.log(gammas) + tf.math.log(powers) / alpha
    return noted(f"{name}_share", tf.sigmoid(logs[0] - logs[1]))


def flip(seed: tf.Tensor) -> tf.Tensor:
    """Heads or tails: whether the image is mirrored, bool."""
    return uniform(seed, "flip") < 0.5


def offset(seed: tf.Tensor, free: tf.Tensor) -> tf.Tensor:
    """Draw a window's y, x from 0..free, all equally likely: int32 [2].

    The draw is a place relative to the free room, so that pipelines with different room put their
    windows at corresponding places.
    """
    place = uniform(seed, "window", shape=(2,)) * tf.cast(free + 1, tf.float32)
    return tf.minimum(tf.cast(tf.floor(place), tf.int32), free)


def window(seed: tf.Tensor, free: tf.Tensor, is_training: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """A window's y, x in its free room, and whether it is mirrored: drawn, or the central one."""
    if is_training:
        return offset(seed, free), flip(seed)
    return free // 2, tf.constant(False)


def shorter_side(height: tf.Tensor, width: tf.Tensor, side: tf.Tensor | float) -> tf.Tensor:
    """The image's size with the shorter side brought to `side`, the aspect kept: int32 [2]."""
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    return views.at_scale(height, width, tf.cast(side, tf.float32) / shorter)


def central(height: tf.Tensor, width: tf.Tensor, fraction: float) -> tf.Tensor:
    """The central fraction of each side, rounded as tf.image.central_crop does: int32 [4]."""
    size = tf.stack([height, width])
    begin = tf.cast(tf.cast(size, tf.float32) * ((1 - fraction) / 2), tf.int32)
    return tf.concat([begin, size - 2 * begin], axis=0)


def distorted_box(
    height: tf.Tensor,
    width: tf.Tensor,
    seed: tf.Tensor,
    area: tuple[float, float],
    aspect: tuple[float, float],
    covered: float = 0.1,
    attempts: int = 100,
    bbox: tf.Tensor | None = None,
) -> tf.Tensor:
    """Draw a box with TensorFlow's sampler, as TF-Slim does: a crop, int32 [4].

    area: shares of the image, both included. aspect: width over height. covered: the share of a
    box of `bbox` (float32 [1, n, 4], ymin xmin ymax xmax in 0..1; else of the whole image) that it
    holds. Where no attempt fits, the whole image. ValueError where a range is none.
    """
    check_ranges(area, aspect)
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.stack([height, width, 3]),
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]) if bbox is None else bbox,
        sub_seed(seed, "distorted_box"),
        min_object_covered=covered,
        aspect_ratio_range=aspect,
        area_range=area,
        max_attempts=attempts,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], size[:2]], axis=0)


def resized_crop(
    height: tf.Tensor,
    width: tf.Tensor,
    seed: tf.Tensor,
    area: tuple[float, float] = (0.08, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
    attempts: int = 10,
) -> tf.Tensor:
    """Draw a box as torchvision's RandomResizedCrop does: a crop, int32 [4].

    Each attempt draws an area, uniform among these shares of the image, and an aspect (width over
    height), log-uniform; sides are rounded half to even. Where no attempt fits: the central part
    of the permitted aspect that is nearest to the image's. ValueError where a range is none.
    """
    size = tf.stack([height, width])
    high, wide = tf.unstack(tf.cast(size, tf.float32))
    tried = boxes(seed, "crop", high * wide, area, aspect, attempts)[:, ::-1]
    fits = tf.reduce_all((tried > 0) & (tried <= size), axis=1)
    drawn = tried[tf.argmax(fits)]
    corner = offset(seed, tf.maximum(size - drawn, 0))

    ratio = wide / high
    nearest = tf.clip_by_value(ratio, *aspect)
    whole = tf.cast(tf.math.rint(tf.stack([wide / nearest, high * nearest])), tf.int32)
    fallback = tf.where([ratio < aspect[0], ratio > aspect[1]], whole, size)
    centred = tf.concat([(size - fallback) // 2, fallback], axis=0)
    return tf.where(tf.reduce_any(fits), tf.concat([corner, drawn], axis=0), centred)


def boxes(
    seed: tf.Tensor,
    name: str,
    pixels: tf.Tensor | float,
    area: tuple[float, float],
    aspect: tuple[float, float],
    attempts: int,
) -> tf.Tensor:
    """Draw the sides of some boxes, rounded half to even: int32 [attempts, 2].

    Of an area uniform among these shares of the pixels, and of an aspect, the first side over the
    second, log-uniform. ValueError where a range is none.
    """
    check_ranges(area, aspect)
    areas = pixels * uniform(seed, f"{name}_area", *area, (attempts,))
    low, high = np.log(np.array(aspect, np.float32))
    aspects = tf.exp(uniform(seed, f"{name}_aspect", low, high, (attempts,)))
    sides = tf.stack([tf.sqrt(areas * aspects), tf.sqrt(areas / aspects)], axis=1)
    return tf.cast(tf.math.rint(sides), tf.int32)


def check_ranges(area: tuple[float, float], aspect: tuple[float, float]) -> None:
    """Raise ValueError where these are no ranges of a box's area and aspect."""
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(
            f"area {area[0]:g}..{area[1]:g}: two shares above 0 and up to 1 are needed"
        )
    if not 0 < aspect[0] <= aspect[1]:
        raise ValueError(f"aspect {aspect[0]:g}..{aspect[1]:g}: two numbers above 0 are needed")


def brightness(image: tf.Tensor, seed: tf.Tensor, delta: float) -> tf.Tensor:
    """Add one number from [-delta, delta) to every pixel; delta in grey levels."""
    return image + uniform(seed, "brightness", -delta, delta)


def saturation(image: tf.Tensor, seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Multiply the saturation of HSV by a factor from [low, high)."""
    factor = uniform(seed, "saturation", low, high)
    if compiled.in_use() and image.shape.rank == 3:
        return compiled.saturation(image, factor)
    return tf.image.adjust_saturation(image, factor)


def hue(image: tf.Tensor, seed: tf.Tensor, delta: float) -> tf.Tensor:
    """Turn the hue by a number from [-delta, delta) of the full circle."""
    return tf.image.adjust_hue(image, uniform(seed, "hue", -delta, delta))


def contrast(image: tf.Tensor, seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Multiply each channel's distance from its mean by a factor from [low, high)."""
    return tf.image.adjust_contrast(image, uniform(seed, "contrast", low, high))


def standardised(image: tf.Tensor) -> tf.Tensor:
    """Less the image's mean, divided by its standard deviation, at least 1/sqrt(n) of n values.

    tf.image.per_image_standardization, for NumPy's arrays too.
    """
    if isinstance(image, np.ndarray):
        return (image - image.mean()) / max(image.std(), image.size**-0.5)
    return tf.image.per_image_standardization(image)


def channels(image: tf.Tensor, colours: Sequence[float] | tf.Tensor) -> tf.Tensor:
    """Numbers for R, G and B in a shape that fits the image: for one channel, their luma.

    Where its width is known they come as a line of it, float32 [w, 3]: TensorFlow adds a line to
    every line three times faster than a colour to every pixel. An array of NumPy's gets an array.
    """
    if isinstance(image, np.ndarray) and image.shape[-1] == len(LUMA):
        return np.asarray(colours, np.float32)
    colours = tf.convert_to_tensor(colours, tf.float32)
    if image.shape[-1] == 1:
        return tf.tensordot(colours, tf.constant(LUMA), 1)[tf.newaxis]
    width = image.shape[-2]
    return colours if width is None else tf.broadcast_to(colours, [width, len(LUMA)])
