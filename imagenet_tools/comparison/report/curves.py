"""The report's figure of losses along training, from the logs of the runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.report import drawing
from imagenet_tools.comparison.report.drawing import COLOURS, tips
from imagenet_tools.comparison.results import ArmResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TOLD = 100  # points of a line that say what they are


def curves(folder: Path, arms: Sequence[ArmResults]) -> Figure:
    """Training loss by epoch: mean over seeds, and the band from the lowest to the highest.

    At the end, as a diamond, the validation loss: mean, and a line from lowest to highest.
    """
    figure, axes = drawing.new(5, 2.6)
    for number, results in enumerate(arms):
        lines = [
            _losses(run_files.run_folder(folder, results.arm.slug, seed)) for seed in results.seeds
        ]
        shortest = min((len(line) for line in lines), default=0)
        if not shortest:
            continue
        values = np.array([[loss for _, loss in line[:shortest]] for line in lines])
        epochs = np.array([epoch for epoch, _ in lines[0][:shortest]])
        _band(axes, results, epochs, values, COLOURS[number % len(COLOURS)])
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss (cross-entropy)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def _band(
    axes: Axes, results: ArmResults, epochs: np.ndarray, values: np.ndarray, colour: str
) -> None:
    """An arm's mean over seeds and its band; values: [seeds, epochs]."""
    spec, means = results.arm.spec, values.mean(0)
    axes.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
    axes.plot(epochs, means, color=colour, linewidth=1.8, label=spec)
    chosen = np.unique(np.linspace(0, len(epochs) - 1, MOST_TOLD).round().astype(int))
    told = [f"{spec}, epoch {epochs[at]:.2f}: {_spread(results.seeds, values[:, at])}"
            for at in chosen]  # fmt: skip
    axes.plot(epochs[chosen], means[chosen], "o", color=colour, alpha=0, gid=tips(*told))
    _mark_validation(axes, results, float(epochs[-1]), colour)


def _spread(seeds: Sequence[int], values: np.ndarray) -> str:
    """The mean, and the seeds that are lowest and highest."""
    if len(values) < 2:
        return f"{values[0]:.3f}"
    low, high = int(values.argmin()), int(values.argmax())
    return (
        f"{values.mean():.3f} (seed {seeds[low]} {values[low]:.3f} "
        f"to seed {seeds[high]} {values[high]:.3f})"
    )


def _mark_validation(axes: Axes, results: ArmResults, epoch: float, colour: str) -> None:
    """The validation loss of the last checkpoints."""
    losses = results.metric("loss")
    if not np.isfinite(losses).all():
        return
    told = tips(f"{results.arm.spec}, validation at the end: {_spread(results.seeds, losses)}")
    axes.plot([epoch, epoch], [losses.min(), losses.max()], color=colour, linewidth=1.2)
    axes.plot(epoch, losses.mean(), "D", color=colour, markersize=6, gid=told,
              markeredgecolor="#000000", markeredgewidth=0.6)  # fmt: skip


def _losses(run: Path) -> list[tuple[float, float]]:
    """(epoch, loss) of a run's log; lines that a kill left half are passed over.

    So is a last one over fewer steps than the others, which is noise beside them.
    """
    points = []
    path = run / run_files.METRICS
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            values = json.loads(line)
            point = (float(values["epoch"]), float(values["loss"]))
        except (ValueError, TypeError, KeyError):
            continue
        if math.isfinite(point[1]):
            points.append(point)
    if len(points) > 2 and points[-1][0] - points[-2][0] < 0.99 * (points[-2][0] - points[-3][0]):
        points.pop()
    return points
