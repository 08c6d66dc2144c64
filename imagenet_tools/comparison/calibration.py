"""How fast this machine carries out a plan, from a few of its own steps: seconds, in a minute."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from imagenet_tools.comparison.plan import Plan

STEPS = 6  # the first compiles, and is counted as part of a start
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
