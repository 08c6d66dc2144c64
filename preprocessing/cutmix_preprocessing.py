"""Cutmix (Yun et al., 2019) as torchvision has it: a box of every image is another's."""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.limits import Positive
from imagenet_tools.preprocessing import ops


@registry.register_part(
    "cutmix", "mixing", source="torchvision 0.28, transforms/v2/_augment.py, CutMix"
)
def cutmix(
    images: tf.Tensor, partners: tf.Tensor, seed: tf.Tensor, *, alpha: Positive = 1.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cutmix: a box of every image of a training batch is filled from another, labels by area.

    - train: one box a batch: 1 less a share from Beta(alpha, alpha) (1) of the area, the output's
      aspect, its middle anywhere, cut off at the border; in it the image before in the batch; of
      the labels what the box covers is the other's
    """
    size = (images.shape[1], images.shape[2])
    edges = box(size, ops.beta(seed, "cutmix", alpha), ops.uniform(seed, "cutmix_box", shape=(2,)))
    return paste(images, partners, edges), left(size, edges)


def box(size: tuple[int, int], share: tf.Tensor, middle: tf.Tensor) -> tf.Tensor:
    """The box's y1, x1, y2, x2 (the last not in it), int32 [4].

    share: of the area that stays, before the box is cut off at the border. middle: y, x of its
    middle, in shares of the sides, float32 [2] of 0..1.
    """
    sides = tf.constant(size)
    centre = tf.minimum(tf.cast(middle * tf.cast(sides, tf.float32), tf.int32), sides - 1)
    # Sides in double precision: a whole number must not become one less.
    half = 0.5 * tf.sqrt(1.0 - tf.cast(share, tf.float64)) * tf.cast(sides, tf.float64)
    half = tf.cast(half, tf.int32)
    ends = tf.minimum(centre + half, sides)
    return tf.concat([tf.maximum(centre - half, 0), ends], axis=0)


def paste(images: tf.Tensor, partners: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
    """The images with the partners' pixels inside the box."""
    _, height, width, channels = images.shape
    rows, columns = tf.range(height), tf.repeat(tf.range(width), channels)
    rows = (rows >= edges[0]) & (rows < edges[2])
    columns = (columns >= edges[1]) & (columns < edges[3])
    # As lines, which is quicker than a choice of pixels.
    lines = [tf.reshape(batch, [-1, height, width * channels]) for batch in (images, partners)]
    pasted = tf.where(rows[:, tf.newaxis] & columns, lines[1], lines[0])
    return tf.reshape(pasted, tf.shape(images))


def left(size: tuple[int, int], edges: tf.Tensor) -> tf.Tensor:
    """The share of the area that the box leaves, float32."""
    high, wide = edges[2] - edges[0], edges[3] - edges[1]
    return 1.0 - tf.cast(high * wide, tf.float32) / float(size[0] * size[1])
