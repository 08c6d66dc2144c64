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
from imagenet_tools.comparison.report import drawing, figures
from imagenet_tools.pages import page
from imagenet_tools.pages.blocks import Items, Picture, Section, Table, Text
from imagenet_tools.storage.write import write_text

RELOAD = 30  # seconds


def write(plan: Plan, folder: Path, target: Path) -> None:
    """Write the page of a comparison under way; it loads itself anew."""
    states = progress.states(plan, folder, plan.runs())
    top1: dict[str, dict[int, float]] = {arm.slug: {} for arm in plan.arms}
    for one in states:
        if math.isfinite(one.top1):
            top1[one.slug][one.seed] = one.top1
    arms = [(arm.spec, top1[arm.slug]) for arm in plan.judged]
    told = Text(
        f"Provisional: {progress.summary(plan, states)}. This page loads itself anew; the verdict "
        f"comes when the {len(plan.seeds)} seeds that were planned are done"
        f"{', or at a look that was planned' if plan.looks else ''}.",
        "warning",
    )
    rows = [[f"{one.slug}, seed {one.seed}", one.line(plan.steps).partition(": ")[2]]
            for one in states]  # fmt: skip
    table = Table("Every run", ["run", "how far"], rows, words=True)
    lines = [progress.expected(plan, states, one) for one in forecast.forecasts(plan, folder)]
    told_so_far = [Items("What it will probably take:", lines)] if lines else []
    pictures = [_picture(arms)] if any(one.done for one in states) else []
    sections = [Section("", [told, *told_so_far, *pictures, table])]
    title = " vs ".join(name for name, _ in arms)
    write_text(target, page(title, sections, folder, reload=RELOAD))


def _picture(arms: Sequence[tuple[str, dict[int, float]]]) -> Picture:
    return Picture(
        "",
        "Each dot is a run that has ended, the bar the mean of its arm.",
        "Top-1 accuracy of the runs so far, by arm.",
        drawing.svg(figures.dots(arms)),
    )
