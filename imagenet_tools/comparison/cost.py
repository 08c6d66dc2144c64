"""How long a comparison takes: of a plan, at the speed of this machine; else at known speeds."""

from __future__ import annotations

from imagenet_tools.comparison.calibration import Speed
from imagenet_tools.comparison.plan import Plan

# Images/s that alexnet_v2 trains at 96 px on two cores, input included; 101 at 224 px.
CPU_SPEED, CPU_SIZE, CPU_POWER = 470, 96, 1.81
GPU_SPEED = 3_000  # images/s: what a GPU trains where the input keeps up
# Seconds, on two cores: that a worker takes to load TensorFlow and a report to be written, and by
# which the diagnosis of an arm delays the runs beside it.
PROCESS, DIAGNOSIS = 8.0, 5.0


def cpu_speed(image_size: int) -> float:
    """Images/s that alexnet_v2 trains on two cores, input included."""
    return float(CPU_SPEED * (CPU_SIZE / image_size) ** CPU_POWER)


def duration(seconds: float) -> str:
    """A time in words: "40 s", "1 minute", "3.5 hours", "4.2 days"."""
    minutes, hours = round(seconds / 60), seconds / 3600
    if seconds < 59.5:
        return f"{max(1, seconds):.0f} s"
    if minutes < 60:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"


def in_words(images: float, image_size: int) -> str:
    """What training on so many images takes, at speeds measured once."""
    cpu = cpu_speed(image_size)
    return (
        f"{duration(images / cpu)} on 2 CPU cores ({cpu:.0f} images/s at "
        f"{image_size} px), {duration(images / GPU_SPEED)} where a GPU trains {GPU_SPEED:,} "
        "images/s"
    )


def of_plan(plan: Plan, speed: Speed) -> float:
    """Seconds that a comparison takes in all, at most: looks may end it earlier."""
    runs = len(plan.runs())
    others = {arm.fingerprint for arm in plan.arms}
    paths = (len(others) + 1 if plan.matrix else 1) + (10 if plan.ten_crop else 0)
    evaluated = paths * plan.validation_images + min(plan.validation_images, plan.train_images)
    return (
        PROCESS
        + DIAGNOSIS * len(plan.judged)
        + runs * (speed.start + evaluated / speed.evaluated)
        + plan.images_trained / speed.trained
    )
