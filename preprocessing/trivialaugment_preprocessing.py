"""TrivialAugment, wide (Mueller and Hutter, 2021), as torchvision has it: one operation."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.preprocessing import augment_ops, ops


@registry.register_part(
    "trivialaugment",
    "colour",
    source="torchvision 0.28, transforms/v2/_auto_augment.py, TrivialAugmentWide",
    moves=True,
)
def trivialaugment(
    image: tf.Tensor,
    is_training: bool,
    seed: tf.Tensor,
    *,
    interpolation: Literal["nearest", "bilinear"] = "nearest",
) -> tf.Tensor:
    """TrivialAugment: one operation, of a strength that is drawn as well.

    - train: to whole grey levels
    - train: one of RandAugment's 14 operations, all equally likely, at one of 31 strengths that
      go up to a slope of 0.99, 32 pixels, 135 degrees, factors of 0.01 and 1.99, 2 bits
    """
    if not is_training:
        return image
    table = augment_ops.strengths(0.99, 32.0, 32.0, 135.0, 0.99, 6)
    strength = ops.integer(seed, "trivialaugment_strength", 0, augment_ops.BINS - 1)
    return augment_ops.apply(image, seed, ["trivialaugment"], table, strength, interpolation)
