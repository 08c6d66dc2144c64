"""The learning rate of a step: warm-up, then one of the decays."""

from __future__ import annotations

import math

from imagenet_tools.training.recipes import Recipe


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
