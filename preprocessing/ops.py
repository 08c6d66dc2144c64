"""Draws and pixel operations that the pipelines share; images are float32 of 0..255.

Every draw is stateless: the same seed gives the same draw, and a draw's name (not its place in a
pipeline) makes its sub-seed, so two pipelines that both flip an image flip the same images.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from imagenet_tools.pipelines import compiled
from imagenet_tools.pipelines.draws import sub_seed

# The luma weights of tf.image.rgb_to_grayscale, for what is subtracted from gray images.
LUMA = (0.2989, 0.5870, 0.1140)


def uniform(
    seed: tf.Tensor, name: str, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()
) -> tf.Tensor:
    """Draw float32 from [low, high)."""
    return tf.random.stateless_uniform(shape, sub_seed(seed, name), low, high)


def integer(seed: tf.Tensor, name: str, low: int, high: int) -> tf.Tensor:
    """Draw an int32 from low..high, both included."""
    return tf.random.stateless_uniform([], sub_seed(seed, name), low, high + 1, tf.int32)


def normal(seed: tf.Tensor, name: str, shape: tuple[int, ...]) -> tf.Tensor:
    """Draw float32 from N(0, 1)."""
    return tf.random.stateless_normal(shape, sub_seed(seed, name))


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


def channels(image: tf.Tensor, colours: Sequence[float] | tf.Tensor) -> tf.Tensor:
    """Numbers for R, G and B in a shape that fits the image: for one channel, their luma.

    Where its width is known they come as a line of it, float32 [w, 3]: TensorFlow adds a line to
    every line three times faster than a colour to every pixel.
    """
    colours = tf.convert_to_tensor(colours, tf.float32)
    if image.shape[-1] == 1:
        return tf.tensordot(colours, tf.constant(LUMA), 1)[tf.newaxis]
    width = image.shape[-2]
    return colours if width is None else tf.broadcast_to(colours, [width, len(LUMA)])
