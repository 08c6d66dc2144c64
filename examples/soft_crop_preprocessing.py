"""A pipeline of one's own in three parts: a mild random crop, and each channel standardised.

    imgtools check-preproc soft_crop --plugin examples/soft_crop_preprocessing.py
    imgtools compare-preproc soft_crop inception --plugin examples/soft_crop_preprocessing.py

Being three parts it has the fused JPEG path, ten crops, previews and crosses
(soft_crop.geometry+alexnet.colour) with nothing more written.
"""

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.preprocessing import ops

# ImageNet's means and standard deviations of 0..1 pixels, as torchvision has them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def geometry(height, width, output_height, output_width, is_training, seed, *, least: float = 0.6):
    """Look at a large part of the image.

    - train: least..1 of each side, anywhere, mirrored half the time; eval: the central 87.5 %
    - squashed to the output, antialiased
    """
    size, flip = (output_height, output_width), tf.constant(False)
    crop = ops.central(height, width, 0.875)
    if is_training:
        part = views.at_scale(height, width, ops.uniform(seed, "soft_crop", least, 1.0))
        free = tf.stack([height, width]) - part
        crop, flip = tf.concat([ops.offset(seed, free), part], axis=0), ops.flip(seed)
    return views.View(crop, tf.constant(size), "antialias", tf.constant([0, 0]), size, flip)


def colour(image, is_training, seed):
    """Change the brightness.

    - train: brightness +-20 grey levels
    """
    return ops.brightness(image, seed, 20.0) if is_training else image


def value_range(image):
    """Standardise each channel.

    - to 0..1, minus ImageNet's mean, divided by its standard deviation: -2.1..2.6
    """
    return (image / 255 - ops.channels(image, MEAN)) / ops.channels(image, DEVIATION)


registry.register_parts(
    "soft_crop",
    geometry=geometry,
    colour=colour,
    range=value_range,
    summary="Large random crops, brightness, ImageNet's mean and deviation",
)
