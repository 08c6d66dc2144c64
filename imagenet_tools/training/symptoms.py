"""What a run's loss says of its settings, in words: why it diverged, or did not learn."""

from __future__ import annotations

import math

from imagenet_tools.training.loop import Done
from imagenet_tools.training.step import Trainer

FEW_STEPS = 300  # below, their number alone may be why a loss is at chance


def diverged(done: Done, trainer: Trainer, images: str | None) -> str:
    """Say that and why a run went to NaN, in words; images: which ones were not finite, if any."""
    happened = f"{done.broken} is not finite at step {done.step:,}: training diverged"
    if images:
        return f"{happened}. {images}; `imgtools check-preproc` looks for more"
    return (
        f"{happened}. Likely causes: input of 0..255 "
        f"under a rate for unit scale, or a learning rate ({trainer.recipe.learning_rate:g}) too "
        "high; `imgtools diagnose` measures both"
    )


def stuck(loss: float, step: int, trainer: Trainer) -> str | None:
    """Say that the loss is still no better than guessing, and why; None where it is not."""
    chance = math.log(trainer.net.num_classes)
    if not loss > 0.98 * chance:
        return None
    causes = ["a learning rate too low or too high (`imgtools diagnose` tries others)"]
    causes.append("labels that do not fit")
    if trainer.recipe.initialisation == "slim":
        causes.insert(0, "TF-Slim's own initialisation (lsuv and he leave the plateau sooner)")
    if step < FEW_STEPS:
        causes.insert(0, f"only {step:,} steps")
    return (
        f"the loss is {loss:.3f}, no better than guessing among {trainer.net.num_classes} classes "
        f"({chance:.3f}). Likely causes: {', '.join(causes[:-1])}, or {causes[-1]}"
    )
