"""How long a comparison takes: of a plan, at the speed of this machine; else at known speeds."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from imagenet_tools.comparison.plan import Plan

# Images/s that alexnet_v2 trains at 96 px on two cores, input included; 101 at 224 px.
CPU_SPEED, CPU_SIZE, CPU_POWER = 470, 96, 1.81
GPU_SPEED = 3_000  # images/s: what a GPU trains where the input keeps up
# Seconds, on two cores: that a worker takes to load TensorFlow and a report to be written, and by
# which the diagnosis of an arm delays the runs beside it.
PROCESS, DIAGNOSIS = 8.0, 5.0
STEPS = 6  # that are timed; the first compiles, and is counted as part of a start
IMAGES = 300  # evaluated, fewer where there are fewer


@dataclass(frozen=True)
class Speed:
    """What one job on this machine does.

    start: seconds of a run beside its steps and evaluations (the net, compilation, checkpoints).
    trained, evaluated: images/s, input included.
    """

    start: float
    trained: float
    evaluated: float


def measure(plan: Plan, data: str | os.PathLike[str]) -> Speed:
    """Train the first arm for STEPS steps in a folder that is removed, and evaluate it."""
    from imagenet_tools.evaluation import evaluate, trained_net
    from imagenet_tools.training import run
    from imagenet_tools.training.batches import Reading

    pipeline = plan.arms[0].pipeline
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "calibration"
        begun = time.perf_counter()
        trained = run.train(
            data, folder, preprocessing=pipeline.spec, model=plan.model, recipe=plan.recipe,
            image_size=plan.image_size, steps=STEPS, labels_offset=plan.labels_offset,
            mixed_precision=plan.mixed_precision,
        )  # fmt: skip
        net = trained_net.load(folder).net
        start = time.perf_counter() - begun - trained.seconds
    batch, count = 100, min(IMAGES, plan.validation_images)
    reading = Reading(
        data, "validation", (pipeline,), batch, plan.image_size, False,
        labels_offset=plan.labels_offset,
    )  # fmt: skip
    begun = time.perf_counter()
    evaluate.predict_all(net, reading.batches().unbatch().take(count).batch(batch), count)
    return Speed(start, trained.images_per_second, count / (time.perf_counter() - begun))


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
