"""TF-Slim's CifarNet preprocessing: no resizing, padding and crops, standardised.

Source of every constant: tensorflow/models, research/slim/preprocessing/cifarnet_preprocessing.py
at d4eedbb9 (January 2020). Put right here: TF-Slim swaps height and width in evaluation, crashes
in training where the image does not fill the output (here zeros fill it, as in evaluation), and
crashes on use_grayscale.
"""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.pipelines.limits import Limits
from imagenet_tools.preprocessing import ops

PADDING = 4
BRIGHTNESS = 63.0
CONTRAST = (0.2, 1.8)


def geometry(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
    *,
    padding: Annotated[int, Limits()] = PADDING,
) -> views.View:
    """Cut the output from the image as it is.

    - not resized
    - train: 4 pixels (padding) of zeros around it, a random window, mirrored half the time; eval:
      the central window; zeros where the image is smaller
    """
    view = centre(height, width, output_height, output_width)
    if not is_training:
        return view
    free = view.resize + 2 * padding - tf.constant(view.size)
    drawn = ops.offset(seed, tf.maximum(free, 0)) - padding
    return view._replace(window=tf.where(free >= 0, drawn, view.window), flip=ops.flip(seed))


def centre(height: tf.Tensor, width: tf.Tensor, out_height: int, out_width: int) -> views.View:
    """The central window of the image as it is, rounded as resize_image_with_crop_or_pad does."""
    plane = tf.stack([height, width])
    size = (out_height, out_width)
    free = plane - tf.constant(size)
    window = tf.sign(free) * (tf.abs(free) // 2)
    crop = views.whole(height, width)
    return views.View(crop, plane, "bilinear", window, size, tf.constant(False))


def colour(image: tf.Tensor, is_training: bool, seed: tf.Tensor) -> tf.Tensor:
    """Distort the colours in training.

    - train: brightness +-63 grey levels, then contrast 0.2-1.8; not clipped
    """
    if not is_training:
        return image
    return ops.contrast(ops.brightness(image, seed, BRIGHTNESS), seed, *CONTRAST)


def value_range(image: tf.Tensor) -> tf.Tensor:
    """Standardise each image.

    - minus its own mean, divided by its own standard deviation (at least 1/sqrt(n) of n values)
    """
    return ops.standardised(image)


cifarnet = registry.register_parts(
    "cifarnet",
    geometry=geometry,
    colour=colour,
    range=value_range,
    summary="TF-Slim's CifarNet preprocessing: padded crops, brightness, contrast, standardised",
    source="tensorflow/models d4eedbb9, research/slim/preprocessing/cifarnet_preprocessing.py",
)
preprocess_image = cifarnet.preprocess_image
