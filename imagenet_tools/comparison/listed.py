"""What was compared under a folder so far: a line a comparison."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from imagenet_tools import terminal
from imagenet_tools.comparison import plan_file, results, written
from imagenet_tools.comparison.plan_file import PLAN
from imagenet_tools.comparison.run_files import PAGE, REPORT, RESULT
from imagenet_tools.errors import DamagedData
from imagenet_tools.pages import page
from imagenet_tools.pages.blocks import Section, Table
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_text


@dataclass(frozen=True)
class Listed:
    """A comparison: when it was planned or reported last (seconds since 1970), and what it says.

    runs: done, and planned at most. verdicts: what the runs say to what its report asks, as many
    seeds and a margin, none before there is one; or why they cannot be judged.
    """

    folder: str
    when: float
    arms: tuple[str, ...]
    data: str
    runs: tuple[int, int]
    verdicts: tuple[str, ...]

    @property
    def date(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.when))


def comparisons(folder: Path) -> list[Listed]:
    """The comparisons in a folder and below, the latest first. Each is judged by its runs, since a
    report may have been altered. A plan.json that is no comparison's is named in a warning."""
    listing = [_listed(path) for path in _plans(folder)]
    return sorted((one for one in listing if one is not None), key=lambda one: -one.when)


def write(listing: Sequence[Listed], out: Path) -> None:
    """Write them as an .html page that leads to their reports."""
    head = ["comparison", "date", "arms", "data", "runs", "verdict"]
    rows = [
        [one.folder, one.date, "\n".join(one.arms), one.data, "{} of {}".format(*one.runs),
         "\n".join(one.verdicts) or "no report yet"]
        for one in listing
    ]  # fmt: skip
    links = [quote(os.path.relpath(Path(one.folder, PAGE), out.parent)) for one in listing]
    table = Table("Comparisons", head, rows, words=True, sortable=True, links=links)
    sections = [Section("", [table])]
    write_text(out, page("What was compared", sections, out.parent))


def _plans(folder: Path) -> Iterator[Path]:
    """Every plan.json below; a comparison holds no other one."""
    if (folder / PLAN).is_file():
        yield folder / PLAN
        return
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.is_symlink():
            yield from _plans(child)


def _listed(path: Path) -> Listed | None:
    """What a comparison's files say; None, with a warning, for a plan.json of something else."""
    try:
        plan = json_file.read(path)
        arms = tuple(str(arm["spec"]) for arm in plan["arms"])
        planned = len(arms) * len(plan["seeds"])
        data = str(plan["data_name"])
    except (OSError, *json_file.SURPRISES) as error:
        why = str(error) if isinstance(error, DamagedData) else f"{path} is no comparison's plan"
        terminal.warn(f"left out: {why}")
        return None
    folder, report = path.parent, path.with_name(REPORT)
    verdicts, when = _verdicts(folder), (report if report.exists() else path).stat().st_mtime
    done = sum(1 for _ in folder.glob(f"*/seed-*/{RESULT}"))
    return Listed(str(folder), when, arms, data, (done, planned), verdicts)


def _verdicts(folder: Path) -> tuple[str, ...]:
    """What the runs say to what its report asks; or why they cannot be judged."""
    if not (folder / REPORT).exists():
        return ()
    try:
        plan = plan_file.read_plan(folder, plan_file.Named)
        there = written.of_plan(folder, plan)
        plan, _ = plan_file.with_margin(plan, there.margin)
        judged = results.judge(plan, folder, len(there.seeds), own=True)
    except (OSError, *json_file.SURPRISES) as error:
        return (f"not judged: {error}",)
    return tuple(one.verdict.sentence for one in judged.contrasts)
