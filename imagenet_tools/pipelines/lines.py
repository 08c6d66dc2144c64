"""What colour and range come to, where that is a line for each channel: times this, plus that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines.rendering import CHANNELS
from imagenet_tools.pipelines.views import View

Run: TypeAlias = "Callable[[tf.Tensor], tf.Tensor]"


def whole_view(size: tuple[int, int]) -> View:
    """All of an image of the output's own size."""
    plane, corner = np.array(size, np.int32), np.zeros(2, np.int32)
    crop = np.concatenate([corner, plane])
    return View(crop, plane, "bilinear", corner, size, np.bool_(False))


def ends(finish: Run, flat: tf.Tensor | np.ndarray) -> np.ndarray | None:
    """What comes of black and of white, float32 [2, *size, channels]; None where it is no line.

    finish: colour and range of an evaluation. flat: ones, float32 [*size, 3].
    """
    black, grey, white = (np.asarray(finish(flat * level)) for level in (0.0, 127.5, 255.0))
    span = np.abs(white - black).max()
    if span == 0 or np.abs((black + white) / 2 - grey).max() > 1e-3 * span:
        return None
    return np.stack([black, white])


def line(colour: Run, finish: Run, size: tuple[int, int]) -> np.ndarray | None:
    """Factor and summand of each channel, float32 [2, 3].

    finish: colour and range, on float32 [*size, 3]. None where colours are changed, or where the
    values are no line (standardised, channels swapped, a mean image).
    """
    noise = tf.random.stateless_uniform([*size, CHANNELS], tf.zeros([2], tf.int32), 0.0, 255.0)
    if colour(noise) is not noise:
        return None
    black, white, wanted = (
        finish(image).numpy() for image in (0.0 * noise, 0.0 * noise + 255.0, noise)
    )
    numbers = np.stack([(white - black)[0, 0] / 255, black[0, 0]])
    near = 1e-6 * float(np.abs(white - black).max() or 1)
    drawn = noise.numpy()[..., : numbers.shape[1]] * numbers[0] + numbers[1]
    holds = numbers.shape[1] == CHANNELS and np.abs(drawn - wanted).max() <= near
    return numbers if holds else None
