"""What changes from step to step: the learning rate, and the images' size."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

from imagenet_tools import terminal
from imagenet_tools.pipelines.limits import MOST
from imagenet_tools.training.recipes import Recipe

# Images grow by so many pixels or a multiple of it: the step is compiled anew for each size.
GROWTH = 8


class Stretch(NamedTuple):
    """Steps from `first` to before `end` that see images of one size, in pixels."""

    image_size: int
    first: int
    end: int


def total_steps(recipe: Recipe, images: int) -> int:
    """The steps of a run on so many training images: its epochs, rounded, and one at least.

    Raises ValueError for more than TensorFlow counts.
    """
    steps = max(1, round(recipe.epochs * images / recipe.batch_size))
    if steps > MOST:
        raise ValueError(f"epochs is {recipe.epochs:g}: {steps:.3g} steps, more than {MOST:,}")
    return steps


@functools.cache
def warn_if_repeated(batch_size: int, images: int) -> None:
    """Say, once, where a batch is larger than the training set: it holds images more than once."""
    if batch_size > images:
        terminal.warn(
            f"a batch of {batch_size:,} is larger than the training set, {images:,} images: each "
            f"is in it {batch_size / images:.3g} times on average, and an epoch is less than a "
            f"step; batch_size {images} or less has it once"
        )


def stretches(
    recipe: Recipe, image_size: int, first: int, steps_per_epoch: float, total_steps: int
) -> Iterator[Stretch]:
    """The steps from `first` on, by the size of their images, which grows from epoch to epoch.

    image_size: of the end. Epoch e of the first n has image_size_start + (image_size -
    image_size_start) * e / n pixels, cut to multiples of GROWTH above the start; then it is
    image_size.
    """
    growing = recipe.image_size_epochs or total_steps / steps_per_epoch / 2
    while first < total_steps:
        epoch = math.floor(first / steps_per_epoch + 1e-9)
        if not recipe.image_size_start or epoch >= growing:
            yield Stretch(image_size, first, total_steps)
            return
        grown = (image_size - recipe.image_size_start) * epoch / growing
        end = min(total_steps, max(first + 1, math.ceil((epoch + 1) * steps_per_epoch - 1e-9)))
        yield Stretch(recipe.image_size_start + int(grown // GROWTH) * GROWTH, first, end)
        first = end


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: float, total_steps: int) -> float:
    """The rate of a step (0 is the first), by TF-Slim's formulas where TF-Slim has the type."""
    rate, end = recipe.learning_rate, recipe.end_learning_rate
    kind = recipe.learning_rate_decay_type
    decay_steps = max(1, int(steps_per_epoch * recipe.num_epochs_per_decay))
    done = min(step, total_steps) / max(total_steps, 1)
    if kind == "exponential":
        value = rate * recipe.learning_rate_decay_factor ** (step // decay_steps)
    elif kind == "polynomial":
        value = (rate - end) * (1 - min(step, decay_steps) / decay_steps) + end
    elif kind == "linear":
        value = (rate - end) * (1 - done) + end
    elif kind == "cosine":
        value = (rate - end) * 0.5 * (1 + math.cos(math.pi * done)) + end
    else:
        value = rate
    warmup = steps_per_epoch * recipe.warmup_epochs
    return min(rate * step / warmup, value) if warmup and step < warmup else value
