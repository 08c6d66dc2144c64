"""What a pipeline looks at, before a pixel is touched: the geometry half of its description.

A geometry function turns an image's size into a View. rendering.py turns a View
into pixels, exactly from a decoded image or fused from JPEG bytes; previews and the static
diagnosis read the View alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

# The first four are TF-Slim's (TF1's resize_images: align_corners=False, half_pixel_centers=False,
# no antialiasing), in TF1's order of ResizeMethod. "antialias" is tf.image.resize(antialias=True),
# bilinear: a triangle filter as wide as the step; "bicubic_antialias" is Keys' cubic (a = -0.5) so
# widened, along the rows and then along the columns, clipped to 0..255 after each, as Pillow and
# torchvision's bytes; "half_pixel" is bilinear on the same grid, not widened.
METHODS = (
    *("bilinear", "nearest", "bicubic", "area"),
    *("antialias", "bicubic_antialias", "half_pixel"),
)
# How far the filters that are widened reach, in steps of the grid.
RADIUS = {"antialias": 1, "bicubic_antialias": 2}


class View(NamedTuple):
    """Which part of the source is seen, how it is resampled, and where the output lies in it.

    crop: int32 [4] y, x, height, width in the source, cut out first.
    resize: int32 [2] height, width of the plane that the crop is resampled to.
    method: a name in METHODS, or an int32 scalar, its index.
    window: int32 [2] y, x of the output's corner in the plane; may be negative or reach outside,
      where zeros are put.
    size: static height, width of the output.
    flip: bool scalar; left and right are swapped last.
    room: int32 [4] y, x, height, width of the part of the plane that windows are taken from, for
      the ten crops; None where that is all of it.
    """

    crop: tf.Tensor
    resize: tf.Tensor
    method: str | tf.Tensor
    window: tf.Tensor
    size: tuple[int, int]
    flip: tf.Tensor
    room: tf.Tensor | None = None


def whole(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The crop that takes all of an image of this size: int32 [4]."""
    return tf.stack([0, 0, height, width])


def at_scale(height: tf.Tensor, width: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """The size times scale, rounded half to even in float32 as TF-Slim does: int32 [2], >= 1."""
    size = tf.cast(tf.stack([height, width]), tf.float32)
    return tf.maximum(tf.cast(tf.math.rint(size * scale), tf.int32), 1)


def five_views(view: View, height: tf.Tensor, width: tf.Tensor) -> Iterator[View]:
    """Yield the four corners and the centre of an evaluation view; the ten crops add their flips.

    Where the window has room in the resampled plane it moves there (AlexNet, VGG); where the plane
    is the output, the source crop moves to the corners of the source instead (Inception).
    """
    room = whole(view.resize[0], view.resize[1]) if view.room is None else view.room
    free = room[2:] - tf.constant(view.size)
    margin = tf.stack([height, width]) - view.crop[2:]
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        # Along a side without room the window keeps its centred place.
        window = tf.where(free > 0, room[:2] + free * corner, view.window)
        crop = tf.concat([margin * corner, view.crop[2:]], axis=0)
        crop = tf.where(tf.reduce_any(free > 0), view.crop, crop)
        yield view._replace(crop=crop, window=window)
    yield view
