"""Runs that are no two: one given twice, or checkpoints of one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

# Images right and images wrong from which on equal runs are copies: two runs of real nets agree on
# all of so many with a chance below 1 %.
TELLING = 30
# Of the images that are right, or wrong, the share on which two runs of an arm differ below which
# they are doubted; two seeds differ on a third of them or more.
ALIKE = 0.1


def refuse(arms: Sequence[np.ndarray], names: Sequence[str], rounded: float = 0.0) -> None:
    """ValueError that names two runs which get the same images right: one run, given twice.

    rounded: of the images that are right, or wrong, the share on which a run that was evaluated
    twice may differ from itself in an arm; two arms may be one net, evaluated in two ways. Runs
    that are right, or wrong, on fewer than 30 images may well agree by chance.
    """
    runs = [(name, at, run) for name, arm in zip(names, arms, strict=True)
            for at, run in enumerate(arm, 1)]  # fmt: skip
    for (name, at, run), (other, there, second) in itertools.combinations(runs, 2):
        unlike, fewer = _apart(run, second)
        most = math.ceil(rounded * fewer) if name == other else 0
        if fewer >= TELLING and unlike <= most:
            but = f"but {unlike} of " if unlike else ""
            raise ValueError(
                f"run {at} of {name} and run {there} of {other} get the same images right, all "
                f"{but}{run.size:,}: they are one run. Give every seed once; a copy is no second "
                "seed"
            )


def doubted(arms: Sequence[np.ndarray], names: Sequence[str]) -> Iterator[str]:
    """Runs of an arm that are hardly two: checkpoints of one, say. The first two of each arm."""
    for name, arm in zip(names, arms, strict=True):
        for (at, run), (there, other) in itertools.combinations(enumerate(arm, 1), 2):
            unlike, fewer = _apart(run, other)
            if fewer >= TELLING and unlike < ALIKE * fewer:
                yield (
                    f"Runs {at} and {there} of {name} get the same images right but for {unlike} "
                    f"of {run.size:,}, as checkpoints of one run do, which are no seeds"
                )
                break


def _apart(run: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """On how many images two runs differ, and how many one is right on, or wrong, if fewer."""
    right = int(run.sum())
    return int(np.sum(run != other)), min(right, run.size - right)
