"""torchvision's RandomResizedCrop, with the evaluation that goes with it."""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.pipelines.limits import Positive, PositiveShare, together
from imagenet_tools.preprocessing import ops
from imagenet_tools.preprocessing.shorter_side_preprocessing import (
    Interpolation,
    central_window,
    method,
)


@registry.register_part(
    "resized_crop",
    "geometry",
    source="torchvision 0.28, transforms/v2/_geometry.py, RandomResizedCrop; _presets.py",
)
@together(method)
def resized_crop(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
    *,
    area_min: PositiveShare = 0.08,
    area_max: PositiveShare = 1.0,
    aspect_min: Positive = 3 / 4,
    aspect_max: Positive = 4 / 3,
    crop_pct: PositiveShare = 0.875,
    interpolation: Interpolation = "bilinear",
    antialias: bool = True,
) -> views.View:
    """A random box squashed to the output in training, the central window in evaluation.

    - train: a random box of area_min-area_max of the area (8-100 %) and aspect
      aspect_min-aspect_max (3/4-4/3, log-uniform), squashed to the output, mirrored half the time
    - eval: the shorter side to the output divided by crop_pct (0.875: 256 for 224), the central
      window
    - bilinear, or bicubic (interpolation=bicubic), antialiased; bilinear with antialias=0: not
    """
    size, how = (output_height, output_width), method(interpolation, antialias)
    if not is_training:
        view: views.View = central_window(height, width, size, crop_pct)
        return view._replace(method=how)
    crop = ops.resized_crop(height, width, seed, (area_min, area_max), (aspect_min, aspect_max))
    return views.View(crop, tf.constant(size), how, tf.constant([0, 0]), size, ops.flip(seed))
