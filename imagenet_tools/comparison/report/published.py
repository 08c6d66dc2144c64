"""The run that the slim recipe repeats, and how far a comparison is from repeating it."""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_tools.comparison.plan import Plan

# alexnet_v2 by TF-Slim's own script and defaults, as its author published it.
PREPROCESSING = "inception"
TOP1, TOP5 = 56.828, 79.854
STEPS, IMAGE_SIZE = 9_048_119, 224
CLASSES, TRAIN_IMAGES, VALIDATION_IMAGES = 1_000, 1_281_167, 50_000
CLOSE = 0.01  # the number of steps need not be the same to the last one


@dataclass(frozen=True)
class Published:
    """The published run, and in what a comparison is no replication of it."""

    preprocessing: str
    top1: float
    top5: float
    steps: int
    differences: tuple[str, ...]


def beside(plan: Plan) -> Published | None:
    """The published run beside a comparison; None for other profiles than replicate-slim."""
    if plan.profile != "replicate-slim":
        return None
    return Published(PREPROCESSING, TOP1, TOP5, STEPS, tuple(differences(plan)))


def differences(plan: Plan) -> list[str]:
    """What of a plan is not as in the published run, in words: "10 classes (1,000)"."""
    pairs = [
        (plan.num_classes, CLASSES, "classes"),
        (plan.train_images, TRAIN_IMAGES, "training images"),
        (plan.validation_images, VALIDATION_IMAGES, "validation images"),
        (plan.image_size, IMAGE_SIZE, "px"),
    ]
    unlike = [f"{here:,} {what} ({there:,})" for here, there, what in pairs if here != there]
    if abs(plan.steps / STEPS - 1) > CLOSE:
        unlike.append(f"{plan.steps:,} steps ({STEPS:,})")
    return unlike
