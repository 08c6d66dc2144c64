"""torchvision's presets for AlexNet and ResNet: random resized crops, mean and deviation."""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.preprocessing import ops
from imagenet_tools.preprocessing.resized_crop_preprocessing import resized_crop

# Of ImageNet's pixels of 0..1, R G B: torchvision/transforms/_presets.py.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def value_range(image: tf.Tensor) -> tf.Tensor:
    """Standardise with ImageNet's mean and deviation.

    - divided by 255, minus the mean 0.485, 0.456, 0.406, divided by the standard deviation 0.229,
      0.224, 0.225 (R G B): -2.12..2.64
    """
    factors = [1 / (255 * deviation) for deviation in DEVIATION]
    shifts = [mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    if image.shape[-1] == 1:  # gray: by the luma of the deviations, not that of their inverses
        return (image / 255.0 - ops.channels(image, MEAN)) / ops.channels(image, DEVIATION)
    return image * ops.channels(image, factors) - ops.channels(image, shifts)


torchvision = registry.register_parts(
    "torchvision",
    geometry=resized_crop,
    range=value_range,
    summary="torchvision's presets: RandomResizedCrop, mirrored; eval 256/224; mean and deviation",
    source="torchvision 0.28, references/classification/presets.py, transforms/_presets.py",
)
preprocess_image = torchvision.preprocess_image
