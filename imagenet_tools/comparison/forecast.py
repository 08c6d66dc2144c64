"""What a comparison under way will probably take, from the runs that have ended: no verdict."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_tools.comparison import power, results, run_files, statistics
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_result import finished
from imagenet_tools.evaluation import scores

Right = tuple[np.ndarray, np.ndarray | None]  # which images a run got right, and their groups


@dataclass(frozen=True)
class Forecast:
    """How many seeds an arm, in all, would probably decide a contrast.

    a, b: specs. seeds: of either that have ended. difference: A less B so far, deviation: of a run,
    points. wanted: the first number at which the plan looks and a difference of this size, or of
    the margin, is found with the usual power; None where more than 200 would be needed.
    """

    a: str
    b: str
    seeds: tuple[int, int]
    difference: float
    deviation: float
    wanted: int | None

    def line(self, when: str = "") -> str:
        """In words; when: the seeds wanted will be done."""
        told = f"{self.wanted} seeds an arm would probably settle it{when}"
        if self.wanted is None:
            told = "more than 200 seeds an arm would be needed"
        return (
            f"forecast: {told} ({self.a} less {self.b} {self.difference:+.2f} points, deviation of "
            f"a run {self.deviation:.2f}, from {self.seeds[0]} + {self.seeds[1]} seeds)"
        )


def forecasts(plan: Plan, folder: Path) -> tuple[Forecast, ...]:
    """Of each contrast of which both arms have two runs or more, from their files."""
    ended = {arm.slug: _ended(plan, folder, arm) for arm in plan.arms}
    # At this number it was looked at, where that is planned; with one seed nothing can be found.
    whole = max(1, min(map(len, ended.values())))
    levels = [one / len(plan.contrasts) for one in results.later(plan, whole)]
    found = []
    for a, b in plan.contrasts:
        runs_a, runs_b = ([run for run in ended[slug] if run is not None] for slug in (a, b))
        try:
            first, second = (np.stack([right for right, _ in runs]) for runs in (runs_a, runs_b))
            one = statistics.difference(first, second, runs_a[0][1])
        except (ValueError, IndexError):
            continue  # one run, or runs of other images: said when they are judged
        more = power.more_seeds(one, plan.margin, whole, levels)
        found.append(
            Forecast(
                *(plan.arm(a).spec, plan.arm(b).spec, (len(runs_a), len(runs_b)), one.value),
                deviation=one.run_deviation,
                wanted=None if more is None else whole + more,
            )
        )
    return tuple(found)


def last(found: tuple[Forecast, ...]) -> Forecast | None:
    """The one that wants most seeds; None where nothing can be said yet."""
    return max(found, key=lambda one: one.wanted or math.inf, default=None)


def _ended(plan: Plan, folder: Path, arm: Arm) -> list[Right | None]:
    """What is right of each run of the first seeds, up to one that is not done; None for one that
    diverged."""
    runs: list[Right | None] = []
    for seed in plan.seeds:
        try:
            result = finished(folder, plan, arm, seed)
            if result is None:
                break
            if result.failure:
                runs.append(None)
                continue
            place = run_files.run_folder(folder, arm.slug, seed)
            file = place / run_files.predictions_file(arm.slug)
            stamp = file.stat()
            runs.append(_correct(file, stamp.st_mtime_ns, stamp.st_size))
        except (ValueError, OSError):
            break  # said when it is judged
    return runs


@functools.lru_cache(maxsize=256)
def _correct(file: Path, changed: int, size: int) -> Right:
    """Read once for the terminal and the page."""
    predicted, _ = scores.read_predictions(file)
    return predicted.correct, predicted.group
