"""RandAugment (Cubuk et al., 2020) as torchvision has it: a few operations of one strength."""

from __future__ import annotations

from typing import Annotated, Literal

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.limits import Limits
from imagenet_tools.preprocessing import augment_ops


@registry.register_part(
    "randaugment",
    "colour",
    source="torchvision 0.28, transforms/v2/_auto_augment.py, RandAugment",
    moves=True,
)
def randaugment(
    image: tf.Tensor,
    is_training: bool,
    seed: tf.Tensor,
    *,
    # Each turn is a piece of the graph: 14 take some ten seconds to compile, 32 over a minute.
    n: Annotated[int, Limits(high=len(augment_ops.NAMES))] = 2,
    m: Annotated[int, Limits(high=augment_ops.BINS - 1)] = 9,
    interpolation: Literal["nearest", "bilinear"] = "nearest",
) -> tf.Tensor:
    """RandAugment: n operations of strength m, drawn one after the other.

    - train: to whole grey levels
    - train: n times (2) one of 14 operations, all equally likely: identity, shear and translation
      along x and y, rotation, brightness, color, contrast, sharpness, posterize, solarize,
      autocontrast, equalize; at bin m (9) of 0..30, half of those with a direction reversed; black
      where the image is moved away
    """
    if not is_training:
        return image
    height, width = int(image.shape[0]), int(image.shape[1])
    # Of the side, as in the paper: 150 of 331 pixels.
    table = augment_ops.strengths(0.3, 150 / 331 * width, 150 / 331 * height, 30.0, 0.9, 4)
    turns = [f"randaugment_{turn}" for turn in range(n)]
    return augment_ops.apply(image, seed, turns, table, m, interpolation)
