"""What a pipeline takes and what it gives, checked: sizes, channels, dtypes, shapes."""

from __future__ import annotations

import operator
from typing import Any

import tensorflow as tf

from imagenet_tools.pipelines.rendering import CHANNELS


def static_size(size: tuple[Any, Any]) -> tuple[int, int]:
    """The output's height and width as numbers; ValueError where they are none or not known."""
    try:
        height, width = (operator.index(tf.get_static_value(side)) for side in size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ValueError(
            f"the output size must be two whole numbers above 0, known now; got {size}"
        )
    return height, width


def size_of(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width of [h, w, c], int32 scalars."""
    shape = tf.shape(image)
    return shape[0], shape[1]


def as_rgb(image: Any) -> tf.Tensor:
    """The image with 3 channels; ValueError where it is no uint8 image of 1 or 3."""
    image = tf.convert_to_tensor(image)
    if image.dtype != tf.uint8:
        raise ValueError(
            f"an image of {image.dtype.name} was given; pipelines take uint8 of 0..255, as decoded"
        )
    channels = image.shape[-1] if image.shape.rank == 3 else None
    empty = image.shape.rank is not None and 0 in image.shape
    if empty or image.shape.rank not in (3, None) or channels not in (1, CHANNELS, None):
        raise ValueError(
            f"an image of shape {image.shape} was given; [height, width, 3 or 1] is needed"
        )
    if channels == CHANNELS:
        return image
    # Broadcasting serves a channel count known only at run time, too.
    image = tf.broadcast_to(image, [*size_of(image), CHANNELS])
    return tf.ensure_shape(image, [None, None, CHANNELS])


def checked(out: tf.Tensor, shape: tuple[int, int, int], spec: str) -> tf.Tensor:
    """What a pipeline returned, its shape known; ValueError where it is not what was promised."""
    if not hasattr(out, "dtype"):  # a tuple; a coroutine, a generator of `async def`, `yield`
        kind = type(out).__name__
        raise ValueError(f"{spec} returned a {kind}; a tensor, float32 {list(shape)}, is needed")
    if out.dtype != tf.float32:
        raise ValueError(f"{spec} returned {out.dtype.name}; float32 is needed")
    if not out.shape.is_compatible_with(shape):
        raise ValueError(f"{spec} returned an image of shape {out.shape}; {list(shape)} is needed")
    return tf.ensure_shape(out, shape)
