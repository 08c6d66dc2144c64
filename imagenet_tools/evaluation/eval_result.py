"""What an evaluation gives: its figures, what they are of, and what speaks against them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class EvalResult:
    """The figures of an evaluation. Intervals: 95 % Wilson, in percent.

    n: images.
    metrics: every figure of metrics.METRICS by name; those of the package are properties, too.
    not_finite: images whose scores are NaN or infinite.
    first_not_finite: the key of the first of them.
    near_duplicates: images that show what another one shows; None where they were not looked for
        (training images, or a part).
    weights: sha256 of the net's weights.
    averaged: they are the moving averages.
    predictions: the .npz, if written.
    warnings: what speaks against the figures.
    """

    n: int
    metrics: dict[str, float]
    top1_interval: tuple[float, float]
    top5_interval: tuple[float, float]
    preprocessing: str
    checkpoint: str
    step: int
    weights: str
    seconds: float
    images_per_second: float
    not_finite: int = 0
    first_not_finite: str | None = None
    near_duplicates: int | None = None
    predictions: str | None = None
    warnings: tuple[str, ...] = ()
    averaged: bool = False

    @property
    def top1(self) -> float:
        """Accuracy in percent; a tie with another class is wrong."""
        return self.metrics["top1"]

    @property
    def top5(self) -> float:
        """Percent of the images whose class is among the first five."""
        return self.metrics["top5"]

    @property
    def loss(self) -> float:
        """Mean cross entropy in nats; NaN where a score is not finite."""
        return self.metrics["loss"]

    @property
    def ece(self) -> float:
        """Calibration error, 0..1."""
        return self.metrics["ece"]

    def as_json(self) -> dict[str, Any]:
        """Everything by name, the metrics among the rest; None for what is not finite."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        figures = values.pop("metrics")
        return {"n": values.pop("n")} | {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in (figures | values).items()
        }
