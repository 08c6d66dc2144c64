"""torchvision's ColorJitter: brightness, contrast, saturation and hue in an order that is drawn."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Annotated

import numpy as np
import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import compiled
from imagenet_tools.pipelines.limits import Limits, NotNegative
from imagenet_tools.preprocessing import ops, pixel_ops

_ORDERS = tuple(itertools.permutations(range(4)))


@registry.register_part(
    "jitter", "colour", source="torchvision 0.28, transforms/v2/_color.py, ColorJitter"
)
def jitter(
    image: tf.Tensor,
    is_training: bool,
    seed: tf.Tensor,
    *,
    brightness: NotNegative = 0.4,
    contrast: NotNegative = 0.4,
    saturation: NotNegative = 0.4,
    hue: Annotated[float, Limits(high=0.5)] = 0.1,
) -> tf.Tensor:
    """Jitter of the colours: brightness, contrast, saturation, hue.

    - train: to whole grey levels
    - train: brightness, contrast and saturation times a factor of 1 less to 1 plus each (0.4; at
      least 0), hue turned by up to the share hue (0.1) of the circle, in one of the 24 orders
    """
    if not is_training:
        return image
    strengths = (brightness, contrast, saturation, hue)
    factors, order = draws(seed, strengths)
    if compiled.in_use():
        return compiled.call(partial(_compiled, strengths), [image, factors, order], image.shape)
    run = (pixel_ops.brightness, pixel_ops.contrast, pixel_ops.saturation, pixel_ops.hue)
    pixels = pixel_ops.to_bytes(image)
    for turn in range(len(run)):
        chosen = [
            partial(step, pixels, factors[i]) if strengths[i] else partial(tf.identity, pixels)
            for i, step in enumerate(run)
        ]
        pixels = tf.switch_case(order[turn], chosen)
    return tf.cast(tf.ensure_shape(pixels, image.shape), tf.float32)


def _compiled(
    strengths: tuple[float, ...], image: np.ndarray, factors: np.ndarray, order: np.ndarray
) -> np.ndarray:
    from imagenet_tools.preprocessing import byte_ops

    run = (byte_ops.brightness, byte_ops.contrast, byte_ops.saturation, byte_ops.hue)
    pixels = byte_ops.to_bytes(image)
    for i in order.tolist():
        if strengths[i]:
            pixels = run[i](pixels, float(factors[i]))
    return compiled.to_floats(pixels)


def draws(seed: tf.Tensor, strengths: tuple[float, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """Factors of brightness, contrast and saturation, the turn of hue; and their order, int32 [4].

    strengths: of the four.
    """
    *colours, hue = strengths
    factors = [
        ops.uniform(seed, f"jitter_{name}", max(0.0, 1.0 - by), 1.0 + by)
        for name, by in zip(("brightness", "contrast", "saturation"), colours, strict=True)
    ]
    turned = ops.uniform(seed, "jitter_hue", -hue, hue)
    number = ops.integer(seed, "jitter_order", 0, len(_ORDERS) - 1)
    return tf.stack([*factors, turned]), tf.gather(_ORDERS, number)
