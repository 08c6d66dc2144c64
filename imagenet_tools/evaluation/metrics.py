"""The figures of an evaluation. One more is a function of Predictions under @metric.

    @metric("top10", "top-10 %", digits=2)
    def top10(found: Predictions) -> float:
        return 100 * float(np.mean(found.rank < 10))

It then stands in EvalResult.metrics, in what `imgtools eval` prints and in its JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.evaluation.scores import Predictions
from imagenet_tools.pipelines import plugins
from imagenet_tools.pipelines.limits import whole


@dataclass(frozen=True)
class Metric:
    """A figure of an evaluation. title: with its unit. digits: how many are worth printing."""

    name: str
    title: str
    digits: int
    of: Callable[[Predictions], float]

    @property
    def file(self) -> str:
        """Where it is defined."""
        return plugins.place(self.of)[0]

    def measure(self, predicted: Predictions) -> float:
        """The figure. PipelineFailed, naming the metric, where it fails or is no number."""
        whose = f"metric {self.name} ({self.file})"
        with plugins.named(f"{whose} failed"), plugins.contained(whose):
            return float(self.of(predicted))


METRICS: dict[str, Metric] = {}


def metric(
    name: str, title: str, digits: int = 4
) -> Callable[[Callable[[Predictions], float]], Callable[[Predictions], float]]:
    """Register a function as the metric `name`; ValueError where another file has one of that name,
    or a result has something else under it."""
    if name in (taken := {one.name for one in fields(EvalResult)}):
        raise ValueError(f"{name} is no name for a metric; a result has {', '.join(sorted(taken))}")

    def register(function: Callable[[Predictions], float]) -> Callable[[Predictions], float]:
        made = Metric(name, title, whole("digits", digits, 0, 17), function)
        if name in METRICS and METRICS[name].file != made.file:  # not the same, loaded again
            raise ValueError(f"there is a metric {name} already ({METRICS[name].title})")
        METRICS[name] = made
        plugins.BROUGHT.add(made.file)
        return function

    return register


def measure(predicted: Predictions) -> dict[str, float]:
    """Every metric by name, in the order of registration; none changes what the others see."""
    kept = {name: array.view() for name, array in vars(predicted).items() if array is not None}
    for array in kept.values():
        array.flags.writeable = False
    return {one.name: one.measure(replace(predicted, **kept)) for one in METRICS.values()}


def within(predicted: Predictions, k: int) -> float:
    """Percent of the images whose class is among the net's first k."""
    return 100.0 * float(np.mean(predicted.rank < k))


@metric("top1", "top-1 %", digits=3)
def top1(predicted: Predictions) -> float:
    return within(predicted, 1)


@metric("top5", "top-5 %", digits=3)
def top5(predicted: Predictions) -> float:
    return within(predicted, 5)


@metric("recall_3", "top-3 %", digits=3)
def recall_3(predicted: Predictions) -> float:
    return within(predicted, 3)


@metric("recall_4", "top-4 %", digits=3)
def recall_4(predicted: Predictions) -> float:
    return within(predicted, 4)


@metric("loss", "loss")
def loss(predicted: Predictions) -> float:
    """Mean cross entropy in nats; NaN where a score is not finite."""
    return float(np.mean(predicted.losses, dtype=np.float64))


@metric("ece", "calibration error")
def ece(predicted: Predictions) -> float:
    """Expected calibration error of the highest probability, in 15 bins of equal mass."""
    return calibration_error(predicted.probability[:, 0], predicted.correct)


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a proportion, in percent."""
    z, share = 1.959964, right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Rounding leaves hairs beyond the ends, which would be shown as -0.00.
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass: mean |confidence - accuracy|, 0..1."""
    order = np.argsort(confidence, kind="stable")

    def gaps() -> Iterator[float]:
        for part in np.array_split(order, min(bins, len(order))):
            gap = abs(float(confidence[part].mean()) - float(correct[part].mean()))
            yield gap * len(part) / len(order)

    return sum(gaps())
