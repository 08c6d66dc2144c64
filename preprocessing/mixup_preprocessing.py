"""Mixup (Zhang et al., 2018) as torchvision has it: a batch blended with itself."""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.limits import Positive
from imagenet_tools.preprocessing import ops


@registry.register_part(
    "mixup", "mixing", source="torchvision 0.28, transforms/v2/_augment.py, MixUp"
)
def mixup(
    images: tf.Tensor, partners: tf.Tensor, seed: tf.Tensor, *, alpha: Positive = 0.2
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixup: every image of a training batch blended with another, and their labels alike.

    - train: one share a batch, from Beta(alpha, alpha) (0.2): that much of each image, the rest of
      the image before it in the batch; labels alike
    """
    share = ops.beta(seed, "mixup", alpha)
    return blend(images, partners, share), share


def blend(images: tf.Tensor, partners: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """That share of each image, the rest of its partner."""
    return share * images + (1.0 - share) * partners
