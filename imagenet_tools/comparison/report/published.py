"""The run that the slim recipe repeats, and how far a comparison is from repeating it."""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_tools import labels
from imagenet_tools.comparison.plan import Plan

STEPS, IMAGE_SIZE = 9_048_119, 224
CLASSES = 1_000
CLOSE = 0.01  # the number of steps need not be the same to the last one


@dataclass(frozen=True)
class Published:
    """alexnet_v2 by TF-Slim's own script and defaults, as its author published it, and in what a
    comparison is no replication of it."""

    differences: tuple[str, ...]
    preprocessing: str = "inception"
    top1: float = 56.828
    top5: float = 79.854
    steps: int = STEPS


def beside(plan: Plan) -> Published | None:
    """The published run beside a comparison; None for other profiles than replicate-slim."""
    return Published(tuple(differences(plan))) if plan.profile == "replicate-slim" else None


def differences(plan: Plan) -> list[str]:
    """What of a plan is not as in the published run, in words: "10 classes (1,000)"."""
    pairs = [
        (plan.num_classes, CLASSES, "classes"),
        (plan.train_images, labels.TRAIN_IMAGES, "training images"),
        (plan.validation_images, labels.VALIDATION_IMAGES, "validation images"),
        (plan.image_size, IMAGE_SIZE, "px"),
    ]
    unlike = [f"{here:,} {what} ({there:,})" for here, there, what in pairs if here != there]
    if abs(plan.steps / STEPS - 1) > CLOSE:
        unlike.append(f"{plan.steps:,} steps ({STEPS:,})")
    return unlike
