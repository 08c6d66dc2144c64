"""The report's figure of loss and accuracy along training, from the logs of the runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagenet_tools.comparison import run_files, run_log
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.report import drawing
from imagenet_tools.comparison.report.drawing import tips
from imagenet_tools.pages import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TOLD = 100  # points of a line that say what they are
MOST_BESIDE = 3  # arms whose losses in training and at validation are told apart in one panel
VALIDATION: dict[str, Any] = {"linestyle": (0, (3, 2)), "marker": ".", "markersize": 5}


def curves(folder: Path, arms: Sequence[ArmResults]) -> Figure:
    """Loss by epoch in training and, of a few arms, at validation; below it validation top-1.

    Lines are means over seeds, bands go from the lowest to the highest. At the end, as diamonds,
    the last checkpoints on every validation image. Runs of a former version were not validated
    along the way: of these there is the loss alone.
    """
    every = [_logs(folder, one) for one in arms]
    along = any(map(_validated, every))
    beside = along and len(arms) <= MOST_BESIDE
    rows = math.ceil((len(arms) + 2 * beside) / 2)  # of the legend
    panels = 2 if along else 1
    figure, axes = drawing.new(5, 0.6 + 1.9 * panels + 0.25 * rows, panels)
    for number, (results, logs) in enumerate(zip(arms, every, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        spec, seeds = results.spec, results.seeds
        axes[0].plot([], [], color=colour, linewidth=1.8, label=spec)
        _band(axes[0], f"{spec}, training", seeds, logs, "loss", colour)
        if beside:
            _band(axes[0], f"{spec}, validation", seeds, logs, "validation_loss", colour)
        _mark_end(axes[0], results, logs, "loss", colour)
        if along:
            _band(axes[1], spec, seeds, logs, "validation_top1", colour)
            _mark_end(axes[1], results, logs, "top1", colour)
            axes[1].set_ylabel("validation top-1, %")
            axes[1].set_gid(drawing.ACCURACIES)
    if beside:
        axes[0].plot([], [], color="#000000", linewidth=1.8, label="training")
        axes[0].plot([], [], color="#000000", linewidth=1.4, label="validation", **VALIDATION)
    axes[0].set_ylabel("loss (cross-entropy)")
    axes[-1].set_xlabel("epoch")
    figure.legend(frameon=False, ncols=2, loc="outside upper right")
    return figure


def validation_images(folder: Path, results: ArmResults) -> int:
    """How many images its runs were validated on along the way; 0 where they were not."""
    return _validated(_logs(folder, results))


def _validated(logs: Sequence[Sequence[dict[str, float]]]) -> int:
    said = ([line.get("validation_images", 0.0) for line in log] for log in logs)
    return int(min((max(each, default=0) for each in said), default=0))


def _band(
    axes: Axes, name: str, seeds: Sequence[int], logs: Sequence[Any], key: str, colour: str
) -> None:
    """A mean over seeds and its band."""
    lines = [_points(log, key) for log in logs]
    shortest = min((len(line) for line in lines), default=0)
    if not shortest:
        return
    values = np.array([[value for _, value in line[:shortest]] for line in lines])
    epochs, means = np.array([epoch for epoch, _ in lines[0][:shortest]]), values.mean(0)
    axes.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
    style = {"linewidth": 1.8} if key == "loss" else {"linewidth": 1.4, **VALIDATION}
    axes.plot(epochs, means, color=colour, **style)
    chosen = np.unique(np.linspace(0, shortest - 1, MOST_TOLD).round().astype(int))
    told = [f"{name}, epoch {epochs[at]:.2f}: {_spread(key, seeds, values[:, at])}"
            for at in chosen]  # fmt: skip
    axes.plot(epochs[chosen], means[chosen], "o", color=colour, alpha=0, gid=tips(*told))


def _spread(key: str, seeds: Sequence[int], values: np.ndarray) -> str:
    """The mean, and the seeds that are lowest and highest."""
    digits, unit = (1, " %") if "top1" in key else (3, "")
    if len(values) < 2:
        return f"{values[0]:.{digits}f}{unit}"
    low, high = int(values.argmin()), int(values.argmax())
    return (
        f"{values.mean():.{digits}f}{unit} (seed {seeds[low]} {values[low]:.{digits}f}{unit} "
        f"to seed {seeds[high]} {values[high]:.{digits}f}{unit})"
    )


def _mark_end(
    axes: Axes, results: ArmResults, logs: Sequence[Any], metric: str, colour: str
) -> None:
    """What the last checkpoints have on every validation image."""
    ends = [log[-1]["epoch"] for log in logs if log]
    values = results.metric(metric)
    if not ends or not np.isfinite(values).all():
        return
    spread = _spread(metric, results.seeds, values)
    told = tips(f"{results.spec}, at the end, every validation image: {spread}")
    axes.plot([ends[0]] * 2, [values.min(), values.max()], color=colour, linewidth=1.2)
    axes.plot(ends[0], values.mean(), "D", color=colour, markersize=6, gid=told,
              markeredgecolor="#000000", markeredgewidth=0.6)  # fmt: skip


def _logs(folder: Path, results: ArmResults) -> list[list[dict[str, float]]]:
    """The lines of each seed's log that say their epoch."""
    logs = []
    for seed in results.seeds:
        path = run_files.run_folder(folder, results.slug, seed) / run_files.METRICS
        logs.append([line for line in run_log.lines(path) if "epoch" in line])
    return logs


def _points(log: Sequence[dict[str, float]], key: str) -> list[tuple[float, float]]:
    """(epoch, value) of a log.

    Without the last of a training loss where it is over fewer steps than the others: noise.
    """
    points = [(line["epoch"], line[key]) for line in log if key in line]
    if key == "loss" and len(points) > 2:
        step, last = points[-2][0] - points[-3][0], points[-1][0] - points[-2][0]
        points = points[:-1] if last < 0.99 * step else points
    return points
