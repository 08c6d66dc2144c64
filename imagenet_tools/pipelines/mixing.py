"""Training batches, mixed: the fourth part of a pipeline, and the labels that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from imagenet_tools.pipelines.draws import noted, sub_seed
from imagenet_tools.pipelines.parts import Part


class Mixed(NamedTuple):
    """Labels of mixed images: `share` (float32 [n]) of label, the rest of other; int32 [n]."""

    label: tf.Tensor
    other: tf.Tensor
    share: tf.Tensor


def mix(
    parts: Sequence[Part], images: tf.Tensor, seed: Any, partners: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix each image with its partner, by one of these parts, all equally likely.

    See Pipeline.mix. ValueError where a part returns what it must not.
    """
    partners = tf.roll(images, 1, axis=0) if partners is None else partners
    seed = tf.convert_to_tensor(seed, tf.int32)
    chosen = [partial(_checked, part, images, partners, seed) for part in parts]
    if len(chosen) < 2:
        return chosen[0]() if chosen else (images, tf.ones(tf.shape(images)[:1]))
    number = tf.random.stateless_uniform([], sub_seed(seed, "mixing"), 0, len(chosen), tf.int32)
    drawn: tuple[tf.Tensor, tf.Tensor] = tf.switch_case(noted("mixing", number), chosen)
    return drawn


def _checked(
    part: Part, images: tf.Tensor, partners: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """What a part makes of a batch: images of the same shape, and a share an image."""
    mixed, share = part(images, partners, seed, keywords={})
    share, name = tf.convert_to_tensor(share), part.definition.name
    for what, one in (("images", mixed), ("shares", share)):
        if one.dtype != tf.float32:
            raise ValueError(f"{name} returned {what} of {one.dtype.name}; float32 is needed")
    if not mixed.shape.is_compatible_with(images.shape):
        raise ValueError(f"{name} returned images of shape {mixed.shape}; {images.shape} is needed")
    if share.shape.rank not in (0, 1):
        raise ValueError(f"{name} returned shares of shape {share.shape}; [] or [n] is needed")
    return tf.ensure_shape(mixed, images.shape), tf.broadcast_to(share, tf.shape(images)[:1])
