"""The report's figures, drawn once with Matplotlib: SVG for the page, PNG for Markdown.

Lines and letters are drawn in one placeholder black that becomes `currentColor` in the page, so
that they follow its light and dark colours.
"""

from __future__ import annotations

import html
import io
import json
import math
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.ranking import FEWEST_ARMS
from imagenet_tools.comparison.report.flips import ClassChange
from imagenet_tools.comparison.results import ArmResults, Contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imagenet_tools.comparison.report.content import Report

CLASSES_SHOWN = 15  # in the figure of classes
COLUMN = 3.4  # inches: a column of a journal
# Okabe and Ito's palette, told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure without pyplot, so that no window system and no global state is touched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _tip(text: str) -> str:
    """The id of a mark that says this when the pointer rests on it."""
    return f"tip:{urllib.parse.quote(text)}"


def _title(match: re.Match[str]) -> str:
    return f"<g><title>{html.escape(urllib.parse.unquote(match[1]))}</title>"


def svg(figure: Figure) -> str:
    """The figure as inline SVG that takes the page's text colour and width."""
    import matplotlib

    buffer = io.StringIO()
    # A fixed salt and no date: the same results give the same page.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "imgtools"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = text.replace("#000000", "currentColor")
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", text, count=1)
    text = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r"<text (?![^>]*fill)", '<text fill="currentColor" ', text)
    text = re.sub(r'<g id="tip:([^"]*)">', _title, text)
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)


def png(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, facecolor="white")


def dots(arms: Mapping[str, Mapping[int, float]]) -> Figure:
    """Top-1 of every run by arm: dots, the mean as a bar, and its 95 % interval over seeds.

    arms: name -> seed -> percent.
    """
    from scipy import stats

    figure, axes = _figure(5, 0.8 + 0.42 * len(arms))
    for number, (name, runs) in enumerate(arms.items()):
        row, colour = len(arms) - 1 - number, COLOURS[number % len(COLOURS)]
        values = np.array(list(runs.values()))
        if len(values) > 1:
            half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
            span = [max(0.0, values.mean() - half), min(100.0, values.mean() + half)]
            axes.plot(span, [row, row], color=colour, linewidth=1.6, alpha=0.7)
        if len(values):
            told = _tip(f"{name}, mean {values.mean():.2f} %")
            axes.plot(
                *(values.mean(), row, "|"),
                color=colour, markersize=16, markeredgewidth=2.5, gid=told,
            )  # fmt: skip
        for seed, value in runs.items():
            told = _tip(f"{name} seed {seed}: {value:.2f} %")
            axes.plot(value, row, "o", color=colour, markersize=6, alpha=0.75, gid=told)
    names = list(arms)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("top-1, % of the validation images")
    return figure


def differences(contrasts: Sequence[Contrast], margin: float) -> Figure:
    """Each contrast's difference with its interval, single seeds as dots, the margin as a band."""
    figure, axes = _figure(5, 0.9 + 0.5 * len(contrasts))
    axes.axvspan(-margin, margin, color="#888888", alpha=0.18, linewidth=0)
    axes.axvline(0, color="#000000", linewidth=0.8)
    names = []
    for row, contrast in enumerate(reversed(contrasts)):
        a, b, verdict = contrast.a, contrast.b, contrast.verdict
        names.append(f"{a.arm.spec} − {b.arm.spec}")
        for seed in contrast.shared_seeds:
            single = a.accuracy()[a.seeds.index(seed)] - b.accuracy()[b.seeds.index(seed)]
            told = _tip(f"{names[-1]}, seed {seed}: {single:+.2f} points")
            axes.plot(single, row + 0.22, "o", color=COLOURS[1], markersize=4, alpha=0.8, gid=told)
        if verdict.estimate is not None:
            axes.plot(verdict.interval, [row, row], color=COLOURS[0], linewidth=2.5)
        if a.seeds and b.seeds:
            told = _tip(f"{names[-1]}: {verdict.difference:+.2f} points")
            axes.plot(verdict.difference, row, "D", color=COLOURS[0], markersize=7, gid=told)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.3)
    figure.supxlabel("← second better · points of top-1 · first better →", fontsize="medium")
    return figure


def curves(folder: Path, arms: Sequence[ArmResults]) -> Figure:
    """Training loss by epoch: mean over seeds, and the band from the lowest to the highest.

    At the end, as a diamond, the validation loss: mean, and a line from lowest to highest.
    """
    figure, axes = _figure(5, 2.6)
    for number, results in enumerate(arms):
        lines = [
            _losses(run_files.run_folder(folder, results.arm.slug, seed)) for seed in results.seeds
        ]
        shortest = min((len(line) for line in lines), default=0)
        if not shortest:
            continue
        values = np.array([[loss for _, loss in line[:shortest]] for line in lines])
        epochs = np.array([epoch for epoch, _ in lines[0][:shortest]])
        colour = COLOURS[number % len(COLOURS)]
        axes.fill_between(
            epochs, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(epochs, values.mean(0), color=colour, linewidth=1.8, label=results.arm.spec)
        _mark_validation(axes, results, float(epochs[-1]), colour)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss (cross-entropy)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def _mark_validation(axes: Axes, results: ArmResults, epoch: float, colour: str) -> None:
    """The validation loss of the last checkpoints."""
    losses = results.metric("loss")
    if not np.isfinite(losses).all():
        return
    told = _tip(f"{results.arm.spec}, validation loss {losses.mean():.3f}")
    axes.plot([epoch, epoch], [losses.min(), losses.max()], color=colour, linewidth=1.2)
    axes.plot(epoch, losses.mean(), "D", color=colour, markersize=6, gid=told,
              markeredgecolor="#000000", markeredgewidth=0.6)  # fmt: skip


def class_dots(changes: Sequence[ClassChange], specs: tuple[str, str]) -> Figure:
    """Top-1 of classes under two arms: two dots a class, the line between them the change."""
    figure, axes = _figure(5, 0.9 + 0.24 * len(changes))
    names = [one.name.partition(",")[0] or str(one.label) for one in changes]
    for row, (name, one) in enumerate(zip(names, changes, strict=True)):
        at = len(changes) - 1 - row
        axes.plot([one.a, one.b], [at, at], color="#888888", linewidth=1.2, zorder=1)
        for value, spec, colour in zip((one.a, one.b), specs, COLOURS, strict=False):
            told = _tip(f"{name}, {spec}: {value:.1f} %")
            label = spec if not row else None
            axes.plot(value, at, "o", color=colour, markersize=6, gid=told, label=label)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel("top-1, % of the class's validation images")
    if names:
        figure.legend(frameon=False, ncols=2, loc="outside upper right")
    return figure


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


def costs(arms: Sequence[ArmResults]) -> Figure:
    """Each arm's mean top-1 against the time of one of its runs, in minutes."""
    figure, axes = _figure(5, 2.6)
    for number, arm in enumerate(one for one in arms if one.seeds):
        minutes = np.mean([run.training.seconds + run.evaluation_seconds for run in arm.runs]) / 60
        top1, colour = arm.accuracy().mean(), COLOURS[number % len(COLOURS)]
        told = _tip(f"{arm.arm.spec}: {minutes:.1f} minutes, {top1:.2f} %")
        axes.plot(minutes, top1, "o", color=colour, markersize=7, gid=told)
        axes.annotate(f" {arm.arm.spec}", (minutes, top1), va="center", xytext=(4, 0),
                      textcoords="offset points")  # fmt: skip
    axes.margins(x=0.25, y=0.2)
    axes.set_xlabel("minutes a run, training and evaluation")
    axes.set_ylabel("top-1, %")
    return figure


def draw_all(report: Report, folder: Path) -> dict[str, str]:
    """Draw the figures; return name -> SVG for the page.

    Writes NAME.png for report.md, and NAME.svg and NAME.pdf at the width of a journal's column.
    """
    judgement, plan = report.judgement, report.plan
    judged = [one for one in judgement.arms if one.arm in plan.judged]
    figures: dict[str, Callable[[], Figure]] = {
        "runs": lambda: dots(
            {one.arm.spec: dict(zip(one.seeds, one.accuracy(), strict=True)) for one in judged}
        ),
        "difference": lambda: differences(judgement.contrasts, plan.margin),
        "curves": lambda: curves(judgement.folder, judged),
    }
    if len(judged) >= FEWEST_ARMS:
        figures["cost"] = lambda: costs(judged)
    if changes := (report.turned[0].changes if report.turned else ())[:CLASSES_SHOWN]:
        a, b = judgement.contrasts[0].a.arm.spec, judgement.contrasts[0].b.arm.spec
        figures["classes"] = lambda: class_dots(changes, (a, b))
    drawn = {}
    for name, draw in figures.items():
        figure = draw()
        png(figure, folder / f"{name}.png")
        drawn[name] = svg(figure)
        _for_paper(draw, folder / name)
    return drawn


def _for_paper(draw: Callable[[], Figure], path: Path) -> None:
    """The figure in a column's width, its letters as text, as SVG and PDF."""
    import matplotlib

    with matplotlib.rc_context(
        {"font.size": 7, "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "imgtools"}
    ):
        figure = draw()
        width, height = figure.get_size_inches()
        figure.set_size_inches(COLUMN, height * COLUMN / width)
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
