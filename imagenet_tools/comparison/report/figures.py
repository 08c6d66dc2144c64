"""The report's figures, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.ranking import FEWEST_ARMS
from imagenet_tools.comparison.report import drawing
from imagenet_tools.comparison.report.curves import curves
from imagenet_tools.comparison.report.drawing import tips
from imagenet_tools.comparison.report.flips import ClassChange
from imagenet_tools.comparison.results import Contrast
from imagenet_tools.pages import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imagenet_tools.comparison.report.content import Report

CLASSES_SHOWN = 15  # in the figure of classes
NAMED = 30  # letters, up to which two arms' names fit below an axis


def dots(arms: Sequence[tuple[str, Mapping[int, float]]]) -> Figure:
    """Top-1 of every run by arm: dots, the mean as a bar, and its 95 % interval over seeds.

    arms: each one's name, and seed -> percent.
    """
    from scipy import stats

    figure, (axes,) = drawing.new(5, 0.8 + 0.42 * len(arms))
    for number, (name, runs) in enumerate(arms):
        row, colour = len(arms) - 1 - number, COLOURS[number % len(COLOURS)]
        values = np.array(list(runs.values()))
        if len(values) > 1:
            quantile = stats.t.ppf(statistics.QUANTILE, len(values) - 1)
            half = quantile * values.std(ddof=1) / len(values) ** 0.5
            span = [max(0.0, values.mean() - half), min(100.0, values.mean() + half)]
            axes.plot(span, [row, row], color=colour, linewidth=1.6, alpha=0.7)
        if len(values):
            told = tips(f"{name}, mean {values.mean():.2f} %")
            axes.plot(
                *(values.mean(), row, "|"),
                color=colour, markersize=16, markeredgewidth=2.5, gid=told,
            )  # fmt: skip
        for seed, value in runs.items():
            told = tips(f"{name} seed {seed}: {value:.2f} %")
            axes.plot(value, row, "o", color=colour, markersize=6, alpha=0.75, gid=told)
    names = [name for name, _ in arms]
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("top-1, % of the validation images")
    return figure


def differences(contrasts: Sequence[Contrast], margin: float) -> Figure:
    """Each contrast's difference with its interval, single seeds as dots, the margin as a band."""
    figure, (axes,) = drawing.new(5, 0.9 + 0.5 * len(contrasts))
    axes.axvspan(-margin, margin, color="#888888", alpha=0.18, linewidth=0)
    axes.axvline(0, color="#000000", linewidth=0.8)
    names = []
    for row, contrast in enumerate(reversed(contrasts)):
        a, b, verdict = contrast.a, contrast.b, contrast.verdict
        names.append(contrast.title)
        for seed in contrast.shared_seeds:
            single = a.accuracy()[a.seeds.index(seed)] - b.accuracy()[b.seeds.index(seed)]
            told = tips(f"{names[-1]}, seed {seed}: {single:+.2f} points")
            axes.plot(single, row + 0.22, "o", color=COLOURS[1], markersize=4, alpha=0.8, gid=told)
        if verdict.estimate is not None:
            axes.plot(verdict.interval, [row, row], color=COLOURS[0], linewidth=2.5)
        if a.seeds and b.seeds:
            told = tips(f"{names[-1]}: {verdict.difference:+.2f} points")
            axes.plot(verdict.difference, row, "D", color=COLOURS[0], markersize=7, gid=told)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.3)
    named = len(names) == 1 and len(names[0]) < NAMED
    first, second = contrasts[0].names if named else ("first", "second")
    text = f"← {second} better · points of top-1 · {first} better →"
    figure.supxlabel(text, fontsize="medium")
    return figure


def class_dots(changes: Sequence[ClassChange], specs: tuple[str, str]) -> Figure:
    """Top-1 of classes under two arms: two dots a class, the line between them the change."""
    figure, (axes,) = drawing.new(5, 0.9 + 0.24 * len(changes))
    names = [one.word for one in changes]
    for row, (name, one) in enumerate(zip(names, changes, strict=True)):
        at = len(changes) - 1 - row
        axes.plot([one.a, one.b], [at, at], color="#888888", linewidth=1.2, zorder=1)
        for value, spec, colour in zip((one.a, one.b), specs, COLOURS, strict=False):
            told = tips(f"{name}, {spec}: {value:.1f} %")
            label = spec if not row else None
            axes.plot(value, at, "o", color=colour, markersize=6, gid=told, label=label)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel("top-1, % of the class's validation images")
    figure.legend(frameon=False, ncols=2, loc="outside upper right")
    return figure


def costs(arms: Sequence[ArmResults]) -> Figure:
    """Each arm's mean top-1 against the time of one of its runs, in minutes."""
    figure, (axes,) = drawing.new(5, 2.6)
    for number, arm in enumerate(one for one in arms if one.seeds):
        minutes = np.mean([run.seconds for run in arm.runs]) / 60
        top1, colour = arm.accuracy().mean(), COLOURS[number % len(COLOURS)]
        told = tips(f"{arm.spec}: {minutes:.1f} minutes, {top1:.2f} %")
        axes.plot(minutes, top1, "o", color=colour, markersize=7, gid=told)
        axes.annotate(f" {arm.spec}", (minutes, top1), va="center", xytext=(4, 0),
                      textcoords="offset points")  # fmt: skip
    axes.margins(x=0.25, y=0.2)
    axes.set_xlabel("minutes a run, training and evaluation")
    axes.set_ylabel("top-1, %")
    return figure


def draw_all(report: Report, folder: Path) -> dict[str, str]:
    """Draw the figures; return name -> SVG for the page.

    Writes NAME.png for report.md, and NAME.svg and NAME.pdf at the width of a journal's column.
    """
    judgement, judged = report.judgement, report.judgement.judged
    figures: dict[str, Callable[[], Figure]] = {
        "runs": lambda: dots(
            [(one.spec, dict(zip(one.seeds, one.accuracy(), strict=True))) for one in judged]
        ),
        "difference": lambda: differences(judgement.contrasts, report.plan.margin),
        "curves": lambda: curves(judgement.folder, judged),
    }
    if len(judged) >= FEWEST_ARMS:
        figures["cost"] = lambda: costs(judged)
    if changes := report.turned[0].changes[:CLASSES_SHOWN]:
        figures["classes"] = lambda: class_dots(changes, judgement.contrasts[0].names)
    drawn = {}
    for name, draw in figures.items():
        figure = draw()
        drawing.png(figure, folder / f"{name}.png")
        drawn[name] = drawing.svg(figure)
        drawing.for_paper(draw, folder / name)
    return drawn
