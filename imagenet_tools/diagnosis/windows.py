"""Where the windows of several draws lie in the picture, and how sure their means are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from imagenet_tools.diagnosis import patterns, placement
from imagenet_tools.diagnosis.patterns import HEIGHT, WIDTH
from imagenet_tools.diagnosis.placement import Placement
from imagenet_tools.diagnosis.runs import Run

LUCK = 1e-6  # the chance that a mean over draws is further off than its margin
CYCLES = 8  # waves that a window must show for its place to be known


def placed(graphs: Sequence[Run], size: int, draws: Sequence[int]) -> list[list[Placement]]:
    """The place of each draw of each graph; by finer waves where windows are small, by coarser ones
    where they are lost, as in a blurred output."""
    period = patterns.wave_period(size)
    first = [placement.place(graphs[0](patterns.landmarks(period), i), period) for i in draws]
    seen = float(np.median([min(one.zoom) for one in first])) * size
    if seen < CYCLES * period:
        period = max(6.0, seen / (1.5 * CYCLES))
    elif np.median([abs(one.match) for one in first]) < placement.KNOWN:
        period *= 3
    picture = patterns.landmarks(period)
    return [
        [placement.place(run(picture, 100 * number + i), period) for i in draws]
        for number, run in enumerate(graphs)
    ]


def portraits(run: Run, size: int, draws: Sequence[int]) -> list[Placement]:
    """The places of upright pictures, as of the same lying down; a pipeline may turn them alone."""
    period = patterns.wave_period(size)
    upright = patterns.landmarks(period).transpose(1, 0, 2)
    return [placement.place(run(upright, i).transpose(1, 0, 2), period) for i in draws]


def area(one: Placement) -> float:
    return min(one.seen[0] / HEIGHT, 1) * min(one.seen[1] / WIDTH, 1)


def different(known: Sequence[Placement]) -> int:
    """How many different windows were drawn: under a global seed every graph draws the same."""
    return len({(one.zoom, one.centre) for one in known})


def margin(figures: np.ndarray, windows: int, still: float) -> float:
    """How far a mean over draws may lie from the truth by luck (Student's t, at LUCK).

    0 where they spread by less than `still`, as they are measured; infinite of a single window.
    """
    deviation = float(figures.std())
    if deviation < still:
        return 0.0
    if windows < 2:
        return math.inf
    return float(stats.t.isf(LUCK, windows - 1)) * deviation / math.sqrt(windows - 1)


def off_centre(known: Sequence[Placement], axis: int) -> tuple[float, float]:
    """How far the mean window is from the middle, in parts of its room, and its margin.

    0 without much room.
    """
    whole = (HEIGHT, WIDTH)[axis]
    room = np.array([abs(whole - one.seen[axis]) for one in known])
    away = np.array([one.centre[axis] - whole / 2 for one in known])
    if not known or not room.mean() > 0.06 * whole:
        return 0.0, 0.0
    share = float(away.mean() / room.mean())
    return share, margin(away - share * room, different(known), 0.5) / float(room.mean())


def spread(points: Sequence[tuple[float, float]]) -> float:
    """The largest range of either coordinate."""
    return float(np.ptp(np.array(points), axis=0).max()) if points else 0.0
