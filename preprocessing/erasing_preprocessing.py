"""Random erasing (Zhong et al., 2020) as torchvision has it, on what the network sees."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.limits import Positive, PositiveShare, Share
from imagenet_tools.preprocessing import ops

ATTEMPTS = 10


@registry.register_part(
    "erasing",
    "after",
    source="torchvision 0.28, transforms/v2/_augment.py, RandomErasing",
    moves=True,
)
def erasing(
    image: tf.Tensor,
    is_training: bool,
    seed: tf.Tensor,
    *,
    p: Share = 0.25,
    area_min: PositiveShare = 0.02,
    area_max: PositiveShare = 0.33,
    aspect_min: Positive = 0.3,
    aspect_max: Positive = 3.3,
    content: Literal["zero", "noise"] = "zero",
) -> tf.Tensor:
    """Random erasing: a box of what the network sees is covered.

    - train: in p (0.25) of the images a box of area_min-area_max (2-33 %) of the area and aspect
      aspect_min-aspect_max (0.3-3.3, height over width, log-uniform) is set to 0, which is the mean
      colour where the range subtracts it; with content=noise to N(0, 1), a number a value
    """
    if not is_training or p == 0:
        return image
    size = (int(image.shape[0]), int(image.shape[1]))
    y, x, height, width = tf.unstack(
        box(size, seed, (area_min, area_max), (aspect_min, aspect_max))
    )
    chosen = ops.uniform(seed, "erasing") < p
    rows = _within(tf.range(size[0]), y, height) * tf.cast(chosen, tf.float32)
    columns = tf.repeat(_within(tf.range(size[1]), x, width), int(image.shape[2]))
    # Lines against lines: quicker by far than a choice of pixels.
    covered = tf.reshape(rows[:, tf.newaxis] * columns, image.shape)
    kept = image * (1.0 - covered)
    if content == "zero":
        return kept
    return kept + ops.normal(seed, "erasing_noise", tuple(image.shape)) * covered


def _within(places: tf.Tensor, first: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """1 where a place lies in the stretch, else 0: float32."""
    return tf.cast((places >= first) & (places < first + length), tf.float32)


def box(
    size: tuple[int, int],
    seed: tf.Tensor,
    area: tuple[float, float],
    aspect: tuple[float, float],
) -> tf.Tensor:
    """Draw the box that is erased: int32 [4], y, x, height, width; 0 0 0 0 where none fits."""
    tried = ops.boxes(seed, "erasing", float(size[0] * size[1]), area, aspect, ATTEMPTS)
    fits = tf.reduce_all(tried < size, axis=1)
    drawn = tried[tf.argmax(fits)]
    free = tf.cast(tf.constant(size) - drawn + 1, tf.float32)
    place = tf.cast(ops.uniform(seed, "erasing_window", shape=(2,)) * free, tf.int32)
    found = tf.concat([tf.minimum(place, tf.constant(size) - drawn), drawn], axis=0)
    return tf.where(tf.reduce_any(fits), found, 0)
