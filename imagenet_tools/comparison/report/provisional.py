"""report.html while the runs go on: what there is so far, without a verdict.

A verdict belongs to the seeds that were planned; a page that gave one after every run would be an
invitation to stop where it pleases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from imagenet_tools.comparison import forecast, progress
from imagenet_tools.comparison.plan import Plan
from imagenet_tools.comparison.progress import RunState
from imagenet_tools.comparison.report import drawing, figures
from imagenet_tools.pages import page
from imagenet_tools.pages.blocks import Items, Picture, Section, Table, Text
from imagenet_tools.storage.write import write_text

RELOAD = 30  # seconds


def write(plan: Plan, folder: Path, target: Path) -> None:
    """Write the page of a comparison under way; it loads itself anew."""
    states = progress.states(plan, folder, plan.runs())
    done = [one for one in states if one.done]
    arms = [(arm.spec, _accuracies(done, arm.slug)) for arm in plan.judged]
    told = Text(
        f"Provisional: {progress.summary(plan, states)}. This page loads itself anew; the verdict "
        f"comes when the {len(plan.seeds)} seeds that were planned are done"
        f"{', or at a look that was planned' if plan.looks else ''}.",
        "warning",
    )
    picture = Picture(
        "",
        "Each dot is a run that has ended, the bar the mean of its arm.",
        "Top-1 accuracy of the runs so far, by arm.",
        drawing.svg(figures.dots(arms)),
    )
    rows = [[f"{one.slug}, seed {one.seed}", one.line(plan.steps).partition(": ")[2]]
            for one in states]  # fmt: skip
    table = Table("Every run", ["run", "how far"], rows, words=True)
    lines = [progress.expected(plan, states, one) for one in forecast.forecasts(plan, folder)]
    told_so_far = [Items("What it will probably take:", lines)] if lines else []
    sections = [Section("", [told, *told_so_far, *([picture] if done else []), table])]
    title = " vs ".join(name for name, _ in arms)
    write_text(target, page(title, sections, folder, reload=RELOAD))


def _accuracies(done: Sequence[RunState], slug: str) -> dict[int, float]:
    return {one.seed: one.top1 for one in done if one.slug == slug and math.isfinite(one.top1)}
