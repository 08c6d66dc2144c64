"""TF-Slim's Inception preprocessing: distorted boxes, colour jitter, -1..1.

Source of every constant: tensorflow/models, research/slim/preprocessing/inception_preprocessing.py
at d4eedbb9 (January 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.pipelines.limits import Positive, PositiveShare, together
from imagenet_tools.preprocessing import ops

MIN_OBJECT_COVERED = 0.1
ASPECT_RATIO = (0.75, 1.33)
AREA = (0.05, 1.0)
MAX_ATTEMPTS = 100
# Of each side, although TF-Slim's comment speaks of the area: 76.6 % of the area.
CENTRAL_FRACTION = 0.875
# The four resize methods of the slow mode: TF1's, by their index in views.METHODS.
SLOW_METHODS = 4
BRIGHTNESS = 32.0
SATURATION = (0.5, 1.5)
CONTRAST = (0.5, 1.5)
HUE = 0.2


def _check_antialias(fast_mode: bool, antialias: bool) -> None:
    if antialias and not fast_mode:
        raise ValueError("antialias=1 has no effect on fast_mode=0, which draws the resize method")


@together(_check_antialias)
def geometry(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
    *,
    fast_mode: bool = True,
    bbox: tf.Tensor | None = None,
    crop_image: bool = True,
    area_min: PositiveShare = AREA[0],
    area_max: PositiveShare = AREA[1],
    aspect_min: Positive = ASPECT_RATIO[0],
    aspect_max: Positive = ASPECT_RATIO[1],
    antialias: bool = False,
) -> views.View:
    """Choose a box of the image and squash it to the output.

    - train: a random box of area_min-area_max of the area (5-100 %) and aspect
      aspect_min-aspect_max (0.75-1.33) that holds 10 % of a bounding box (bbox, else the whole
      image); eval: the central 87.5 % of each side; neither without crop_image
    - resized to the output, aspect ignored, without antialiasing (antialias=1: with): bilinear; in
      training without fast_mode one of bilinear, nearest, bicubic, area
    - train: mirrored half the time

    bbox: float32 [1, n, 4] of ymin, xmin, ymax, xmax in 0..1, as TF-Slim passes it.
    """
    method: str | tf.Tensor = "antialias" if antialias else "bilinear"
    crop = views.whole(height, width)
    flip = tf.constant(False)
    if is_training:
        if crop_image:
            area, aspect = (area_min, area_max), (aspect_min, aspect_max)
            limits = {"covered": MIN_OBJECT_COVERED, "attempts": MAX_ATTEMPTS}
            crop = ops.distorted_box(height, width, seed, area, aspect, **limits, bbox=bbox)
        if not fast_mode:
            method = ops.integer(seed, "resize_method", 0, SLOW_METHODS - 1)
        flip = ops.flip(seed)
    elif crop_image:
        crop = ops.central(height, width, CENTRAL_FRACTION)
    size = (output_height, output_width)
    return views.View(crop, tf.constant(size), method, tf.constant([0, 0]), size, flip)


def colour(
    image: tf.Tensor, is_training: bool, seed: tf.Tensor, *, fast_mode: bool = True
) -> tf.Tensor:
    """Distort the colours in training.

    - train: brightness +-32 grey levels, then saturation 0.5-1.5; without fast_mode also hue +-0.2
      and contrast 0.5-1.5, in one of four orders
    - train: clipped to 0..255
    """
    if not is_training:
        return image
    if fast_mode:
        image = _distorted(image, seed, (_BRIGHTNESS, _SATURATION))
    else:
        chosen = ops.integer(seed, "colour_order", 0, len(ORDERS) - 1)
        image = tf.switch_case(chosen, [partial(_distorted, image, seed, one) for one in ORDERS])
    return tf.clip_by_value(image, 0.0, 255.0)


Step: TypeAlias = "tuple[Callable[..., tf.Tensor], tuple[float, ...]]"  # what it does, how much
_BRIGHTNESS: Step = (ops.brightness, (BRIGHTNESS,))
_SATURATION: Step = (ops.saturation, SATURATION)
_HUE: Step = (ops.hue, (HUE,))
_CONTRAST: Step = (ops.contrast, CONTRAST)
# TF-Slim's orders of the slow mode, one of which is drawn for each image.
ORDERS = (
    (_BRIGHTNESS, _SATURATION, _HUE, _CONTRAST),
    (_SATURATION, _BRIGHTNESS, _CONTRAST, _HUE),
    (_CONTRAST, _HUE, _BRIGHTNESS, _SATURATION),
    (_HUE, _SATURATION, _CONTRAST, _BRIGHTNESS),
)


def _distorted(image: tf.Tensor, seed: tf.Tensor, order: tuple[Step, ...]) -> tf.Tensor:
    for change, much in order:
        image = change(image, seed, *much)
    return image


def value_range(image: tf.Tensor) -> tf.Tensor:
    """Bring 0..255 to -1..1.

    - divided by 127.5, minus 1: -1..1
    """
    return image / 127.5 - 1.0


inception = registry.register_parts(
    "inception",
    geometry=geometry,
    colour=colour,
    range=value_range,
    summary="TF-Slim's Inception preprocessing: random boxes squashed, colour jitter, -1..1",
    source="tensorflow/models d4eedbb9, research/slim/preprocessing/inception_preprocessing.py",
    later=("area_min", "area_max", "aspect_min", "aspect_max", "antialias"),
)
preprocess_image = inception.preprocess_image
