"""TF-Slim's VGG preprocessing: random scale, random crop, mean pixel subtracted.

Source of every constant: tensorflow/models, research/slim/preprocessing/vgg_preprocessing.py at
d4eedbb9 (January 2020). TF-Slim's own crashes on use_grayscale (three means, one channel); here
the luma of the mean is subtracted.
"""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.pipelines.limits import Limits
from imagenet_tools.preprocessing import ops

MEAN_PIXEL = (123.68, 116.78, 103.94)
RESIZE_SIDE_MIN, RESIZE_SIDE_MAX = 256, 512
LARGEST = 65_535  # a JPEG's side
# The output size that the two sides above are meant for.
USUAL_OUTPUT = 224


def geometry(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
    *,
    resize_side_min: Annotated[int, Limits(low=1, high=LARGEST)] = RESIZE_SIDE_MIN,
    resize_side_max: Annotated[int, Limits(low=1, high=LARGEST)] = RESIZE_SIDE_MAX,
    proportional: bool = False,
    antialias: bool = False,
) -> views.View:
    """Bring the shorter side to a scale, keeping the aspect, and cut the output from it.

    - train: the shorter side drawn from resize_side_min..resize_side_max (256..512); eval:
      resize_side_min; with proportional=1 both follow the output size, as 256 does 224
    - bilinear without antialiasing (antialias=1: with)
    - train: a random window, mirrored half the time; eval: the central window

    ValueError where the output does not fit into resize_side_min.
    """
    low, high = resize_side_min, resize_side_max
    if proportional:
        low, high = (
            round(s * max(output_height, output_width) / USUAL_OUTPUT) for s in (low, high)
        )
    if low < max(output_height, output_width):
        raise ValueError(
            f"an output of {output_height} x {output_width} does not fit into vgg's shorter side "
            f"of {low}; give resize_side_min=N,resize_side_max=M, or proportional=1"
        )
    size = (output_height, output_width)
    side: int | tf.Tensor = ops.integer(seed, "resize_side", low, high) if is_training else low
    plane = ops.shorter_side(height, width, side)
    window, flip = ops.window(seed, plane - tf.constant(size), is_training)
    method = "antialias" if antialias else "bilinear"
    return views.View(views.whole(height, width), plane, method, window, size, flip)


def value_range(image: tf.Tensor) -> tf.Tensor:
    """Subtract the mean pixel.

    - minus the mean pixel R 123.68, G 116.78, B 103.94: -123.68..151.06
    """
    return image - ops.channels(image, MEAN_PIXEL)


vgg = registry.register_parts(
    "vgg",
    geometry=geometry,
    range=value_range,
    summary="TF-Slim's VGG preprocessing: random scale and crop, mean pixel subtracted",
    source="tensorflow/models d4eedbb9, research/slim/preprocessing/vgg_preprocessing.py",
    later=("antialias",),
)
preprocess_image = vgg.preprocess_image
