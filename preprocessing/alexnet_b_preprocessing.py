"""What modern AlexNets are trained with: resized crops, jitter of 0.4, lighting of 0.1."""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.limits import NotNegative
from imagenet_tools.preprocessing.jitter_preprocessing import jitter
from imagenet_tools.preprocessing.lighting_preprocessing import lighting
from imagenet_tools.preprocessing.resized_crop_preprocessing import resized_crop
from imagenet_tools.preprocessing.torchvision_preprocessing import value_range


def colour(
    image: tf.Tensor,
    is_training: bool,
    seed: tf.Tensor,
    *,
    strength: NotNegative = 0.4,
    sigma: NotNegative = 0.1,
) -> tf.Tensor:
    """Jitter and lighting.

    - train: to whole grey levels; brightness, contrast and saturation times a factor of 1 less to
      1 plus strength (0.4), in an order that is drawn
    - train: lighting along Torch's principal components, sigma 0.1
    """
    strengths = {"brightness": strength, "contrast": strength, "saturation": strength}
    image = jitter(image, is_training, seed, **strengths, hue=0.0)
    return lighting(image, is_training, seed, sigma=sigma)


alexnet_b = registry.register_parts(
    "alexnet_b",
    geometry=resized_crop,
    colour=colour,
    range=value_range,
    summary="AlexNet as imgclsmob trains its alexnet_b: resized crops, jitter 0.4, lighting 0.1",
    source="osmr/imgclsmob, gluon/datasets/imagenet1k_cls_dataset.py",
)
preprocess_image = alexnet_b.preprocess_image
