"""Where the windows of several draws lie in the picture, and how sure their means are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from imagenet_tools.diagnosis import patterns, placement
from imagenet_tools.diagnosis.patterns import HEIGHT, WIDTH
from imagenet_tools.diagnosis.placement import Placement
from imagenet_tools.diagnosis.runs import Run

LUCK = 1e-6  # the chance that a mean over draws is further off than its margin
TIED = 1e-5  # that two figures which are drawn by themselves go together as closely
CLEARLY = 0.1  # of the outputs' deviation: a window moved by a pixel changes a mean by 0.01
STILL = 0.005  # logarithms of zooms that spread by less are of one zoom, as it is measured
WIDER = 0.05  # of draws between 3/4 and 4/3 one mean of 25 in seven is this far off by luck,
MORE = 300  # and of this many draws none
CYCLES = 8  # waves that a window must show for its place to be known


def period(run: Run, size: int, draws: Sequence[int]) -> float:
    """That of the waves that places are found by: finer where windows are small, coarser where they
    are lost, as in a blurred output."""
    period = patterns.wave_period(size)
    first = [placement.place(run(patterns.landmarks(period), i), period) for i in draws]
    seen = float(np.median([min(one.zoom) for one in first])) * size
    if seen < CYCLES * period:
        return max(6.0, seen / (1.5 * CYCLES))
    lost = np.median([abs(one.match) for one in first]) < placement.KNOWN
    return 3 * period if lost else period


def placed(graphs: Sequence[Run], period: float, draws: Sequence[int]) -> list[list[Placement]]:
    """The place of each draw of each graph.

    Each is of a picture of its own, by a pixel: what an image alone decides differs among them.
    """
    picture = patterns.landmarks(period)

    def found(run: Run, number: int, draw: int) -> Placement:
        own = picture.copy()
        own[0, 0] = 10 * (number * len(draws) + draw) % 256
        return placement.place(run(own, 100 * number + draw), period)

    return [[found(run, number, i) for i in draws] for number, run in enumerate(graphs)]


def portraits(run: Run, size: int, draws: Sequence[int]) -> list[Placement]:
    """The places of upright pictures, as of the same lying down; a pipeline may turn them alone."""
    period = patterns.wave_period(size)
    upright = patterns.landmarks(period).transpose(1, 0, 2)
    return [placement.place(run(upright, i).transpose(1, 0, 2), period) for i in draws]


def aspects(graphs: Sequence[Sequence[Placement]], run: Run, period: float) -> np.ndarray:
    """Natural logarithms of the draws' horizontal zoom over their vertical one.

    Of many more draws where those that are there are wider, or higher, than luck often makes them.
    """
    known = _known(graphs)
    shown = np.array([math.log(one.zoom[1] / one.zoom[0]) for one in known or graphs[0]])
    every = len(known) == sum(map(len, graphs)) and not any(one.transposed for one in known)
    if not every or shown.std() < STILL or abs(shown.mean()) < WIDER:
        return shown
    picture = patterns.landmarks(period)
    more = [math.log(placement.aspect(run(picture, MORE + i), period)) for i in range(MORE)]
    return np.concatenate([shown, more])


def figures(
    graphs: Sequence[Sequence[Placement]], portraits: Sequence[Placement], aspects: np.ndarray
) -> dict[str, Any]:
    """Zoom, place and flips of the draws, by the names that they have in a Probe."""
    known = _known(graphs)
    shown = known or graphs[0]
    zooms = np.array([one.zoom for one in shown])
    both = np.sqrt(zooms.prod(axis=1))
    (down, down_margin), (right, right_margin) = (off_centre(known, axis) for axis in (0, 1))
    y, x = np.mean([one.centre for one in shown], axis=0)
    transposed = [one.transposed for one in [*known, *portraits] if one.known]
    return {
        "zoom": float(np.exp(np.log(both).mean())),
        "zoom_range": (float(np.percentile(both, 5)), float(np.percentile(both, 95))),
        "zoom_margin": margin(np.log(both), different(shown), STILL),
        "aspect": float(np.exp(aspects.mean())),
        "aspect_margin": margin(aspects, len(set(aspects.tolist())), STILL),
        "found": len(known),
        "area": float(np.mean([area(one) for one in shown])),
        "match": max(abs(one.match) for graph in graphs for one in graph),
        "off_centre": (down, right),
        "off_centre_margin": (down_margin, right_margin),
        "centre": (float(y), float(x)),
        "place_varies": spread([one.centre for one in known]) > 1.0,
        "tied": tied(known),
        "mirrored": _share([one.mirrored for one in known]),
        "upside_down": _share([one.upside_down and not one.transposed for one in known]),
        "transposed": _share(transposed),
        "negative": _share([one.match < 0 for one in known]),
    }


def _known(graphs: Sequence[Sequence[Placement]]) -> list[Placement]:
    return [one for graph in graphs for one in graph if one.known]


def _share(votes: Sequence[bool]) -> float:
    return float(np.mean(votes)) if votes else 0.0


def enlargement(graphs: Sequence[Sequence[Placement]]) -> float:
    """How many output pixels the draws make of a source pixel's side, on average; 1 or more."""
    pixels = [math.sqrt(math.prod(one.zoom)) for one in _known(graphs)]
    return max(1.0, 1 / float(np.mean(pixels))) if pixels else 1.0


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


def tied(known: Sequence[Placement]) -> tuple[str, ...]:
    """What is not drawn by itself: pairs of the windows' figures that go together over the draws.

    By ranks: Kendall's of two places, Mann and Whitney's of a mirror image and another figure.
    Brightness and contrast, which go with the place of themselves, are held to mirror images alone.
    """
    each = {(one.zoom, one.centre, one.mirrored, one.level): one for one in known}.values()
    if len(each) < 2:
        return ()
    mirrored = np.array([one.mirrored for one in each])
    shade = CLEARLY * np.median([one.contrast for one in each])
    drawn = {
        "height of the crop": (np.array([one.centre[0] for one in each]), 1.0),
        "side of the crop": (np.array([one.centre[1] for one in each]), 1.0),
        "size of the crop": (np.array([one.zoom[0] * one.zoom[1] for one in each]), 1.0),
        "brightness": (np.array([one.level for one in each]), shade),
        "contrast": (np.array([one.contrast for one in each]), shade),
    }
    moving = {name: one for name, (one, still) in drawn.items() if np.ptp(one) > still}
    pairs = []
    if 0 < mirrored.sum() < len(mirrored):
        for name, one in moving.items():
            sides = one[mirrored], one[~mirrored]
            if stats.mannwhitneyu(*sides, method="exact").pvalue < TIED:
                pairs.append(f"mirror image and {name}")
    if {"height of the crop", "side of the crop"} <= set(moving):
        y, x = moving["height of the crop"], moving["side of the crop"]
        if stats.kendalltau(y, x).pvalue < TIED:  # exact, also of few draws
            pairs.append("height and side of the crop")
    return tuple(pairs)


def spread(points: Sequence[tuple[float, float]]) -> float:
    """The largest range of either coordinate."""
    return float(np.ptp(np.array(points), axis=0).max()) if points else 0.0
