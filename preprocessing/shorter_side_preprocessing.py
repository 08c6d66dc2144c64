"""The shorter side to a size and a window of it: torchvision's and timm's evaluation."""

from __future__ import annotations

import math
from typing import Literal

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.pipelines.limits import PositiveShare, together
from imagenet_tools.preprocessing import ops

SOURCE = (
    "torchvision 0.28, transforms/_presets.py, ImageClassification; "
    "timm 1.0.31, data/transforms_factory.py, transforms_imagenet_eval"
)
Interpolation = Literal["bilinear", "bicubic"]


def method(interpolation: str, antialias: bool) -> str:
    """The name in views.METHODS; ValueError for bicubic without antialiasing, which is none."""
    if interpolation == "bilinear":
        return "antialias" if antialias else "half_pixel"
    if not antialias:
        raise ValueError("interpolation=bicubic is antialiased; antialias=0 goes with bilinear")
    return "bicubic_antialias"


@registry.register_part("shorter_side", "geometry", source=SOURCE)
@together(method)
def shorter_side(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
    *,
    crop_pct: PositiveShare = 0.875,
    interpolation: Interpolation = "bilinear",
    antialias: bool = True,
) -> views.View:
    """The shorter side to the output over crop_pct, and a window of it.

    - the shorter side to the output divided by crop_pct (0.875: 256 for 224), cut to whole pixels
    - bilinear, or bicubic (interpolation=bicubic), antialiased; bilinear with antialias=0: not
    - train: a random window, mirrored half the time; eval: the central window
    """
    view = central_window(height, width, (output_height, output_width), crop_pct)
    view = view._replace(method=method(interpolation, antialias))
    if not is_training:
        return view
    window = ops.offset(seed, view.resize - tf.constant(view.size))
    return view._replace(window=window, flip=ops.flip(seed))


def central_window(
    height: tf.Tensor, width: tf.Tensor, size: tuple[int, int], crop_pct: float
) -> views.View:
    """The evaluation's view, with torchvision's rounding: sides cut, the corner half to even."""
    side = math.floor(max(size) / crop_pct)  # as timm has it, with the quotient's own rounding
    both = tf.cast(tf.stack([height, width]), tf.int64)
    plane = tf.cast(side * both // tf.reduce_min(both), tf.int32)
    excess = tf.cast(plane - tf.constant(size), tf.float32)
    window = tf.cast(tf.math.rint(excess / 2), tf.int32)
    crop = views.whole(height, width)
    return views.View(crop, plane, "antialias", window, size, tf.constant(False))
