"""What a pipeline does with pictures whose content is known: place, flips, channels, levels.

A pipeline is a black box here: see patterns.py for what goes in, and placement.py for how a window
is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_tools.diagnosis import (
    accidents,
    borders,
    channels,
    patterns,
    placement,
    resampling,
    runs,
    tilt,
    windows,
)
from imagenet_tools.diagnosis.detail import Detail, detail
from imagenet_tools.diagnosis.frozen import frozen
from imagenet_tools.diagnosis.levels import Levels, levels
from imagenet_tools.pipelines.pipeline import Pipeline

GRAPHS, EACH = 5, 5  # draws in each of some graphs: what Python draws is drawn once a graph
MIXINGS = 16  # of channels: all of them grey by luck, where half of the images are, 1 in 22,000
DRAWS = 8  # of everything else
TILTED = 3  # degrees
ASKEW = 60  # degrees; augmentations that are meant turn by 30, or 45, or seldom by more
UNEVEN = 0.01  # of the span, root mean square; honest pipelines have below 0.002
PADDED = 0.003


@dataclass(frozen=True)
class Probe:
    """What was measured in one mode; figures of training are over several draws.

    zoom: source pixels an output pixel, geometric mean.
    zoom_range: 5th and 95th percentile.
    aspect: horizontal zoom over vertical, geometric mean; 1.33 is a 4:3 photograph squashed square.
    zoom_margin, aspect_margin: how far luck alone may move their natural logarithms, see
        windows.margin.
    found: draws whose place is known.
    area: mean share of the photograph seen.
    match: correlation of the output with its place in the picture, in the best draw.
    off_centre: y, x of the mean window's middle from the picture's, in parts of the room that the
        window has (-0.5..0.5).
    off_centre_margin: how far luck alone may move it, in each direction.
    centre: y, x of the mean window's middle in source pixels.
    place_varies: whether windows lie in different places.
    frozen: what is the same in all draws of a graph and other in another graph.
    tied: pairs of what is drawn that go together, see windows.tied.
    tilt: least and greatest degrees that draws turn the picture by.
    askew: share of draws that turn it by more than ASKEW degrees, and by no right angle.
    mirrored, upside_down, transposed, negative: shares of draws.
    padded: share of the output at its borders that shows no picture, in three quarters of the draws
        or more.
    framed: the same of a square picture.
    blind: share that never answers to the picture's brightness.
    channels: where the output's channels come from, "RGB", "BGR", "grey", or "-" for one that
        follows nothing.
    orders: those of single draws.
    mixing: [source, output] how strongly each follows each, see channels.mixing, below zero against
        it.
    least_mixing, most_mixing: over the draws.
    blur: width of an edge in output pixels, of that which the zoom makes, in the sharpest draw.
    aliasing: standard deviation left of noise that the resize should average out, 0..1; None where
        values are standardised.
    nearest: share of draws sampled by nearest neighbour, or whose lines are doubled.
    small: the error on an image smaller than the output; None where there is none.
    odd, refused: a picture that does not come out finite, or fails; None where there is none.
    apart: pixels that channels are displaced against each other by, in the median draw.
    mirrored_lines: single rows and columns that are reversed, in the median draw.
    levels, detail: see Levels, Detail.
    """

    zoom: float
    zoom_range: tuple[float, float]
    zoom_margin: float
    aspect: float
    aspect_margin: float
    found: int
    area: float
    match: float
    off_centre: tuple[float, float]
    off_centre_margin: tuple[float, float]
    centre: tuple[float, float]
    place_varies: bool
    frozen: tuple[str, ...]
    tied: tuple[str, ...]
    tilt: tuple[float, float]
    askew: float
    mirrored: float
    upside_down: float
    transposed: float
    negative: float
    padded: float
    framed: float
    blind: float
    channels: str
    orders: tuple[str, ...]
    mixing: tuple[tuple[float, ...], ...]
    least_mixing: tuple[tuple[float, ...], ...]
    most_mixing: tuple[tuple[float, ...], ...]
    blur: float
    aliasing: float | None
    nearest: float
    small: str | None
    odd: str | None
    refused: str | None
    apart: float
    mirrored_lines: float
    levels: Levels
    detail: Detail

    @property
    def placed(self) -> bool:
        """Whether windows were found again, so that zoom, place and flips are known."""
        return self.match >= placement.KNOWN

    @property
    def covered(self) -> float:
        """The share of the output that shows no picture, at its borders or anywhere."""
        return max(self.padded, self.blind)

    @property
    def turned(self) -> bool:
        """Whether all draws turn the picture by some degrees the same way, but no right angle."""
        least, most = self.tilt
        away = max(least, -most)
        return TILTED < away < 90 - TILTED and not self.uneven

    @property
    def uneven(self) -> bool:
        """Whether a flat picture does not come out flat, borders apart."""
        shade = self.levels.shade
        return bool(shade) and float(np.std(shade)) > UNEVEN and self.blind <= PADDED


def probe(pipeline: Pipeline, size: int, is_training: bool) -> Probe:
    """Measure one mode of a pipeline at an output of size x size."""
    draws = range(DRAWS if is_training else 1)
    raw = [runs.compiled(pipeline, size, is_training) for _ in range(GRAPHS if is_training else 1)]
    graphs = [runs.Tidy(run) for run in raw]
    run = graphs[0]
    each = range(EACH if is_training else 1)
    period = windows.period(run, size, each)
    placed = windows.placed(graphs, period, each)
    portraits = windows.portraits(run, size, draws)
    mixings = [channels.mixing(run, draw) for draw in range(MIXINGS if is_training else 1)]
    odd, refused = accidents.odd(raw[0])
    measured = levels(run, run.exact, size, is_training)
    if run.bad and not odd:
        odd = f"{run.bad} of {run.calls} draws of test pictures"
    flexible = measured.curve is not None
    tilts = [tilt.tilt(run, draw) for draw in draws]
    turns = [tilt.turn(run, draw) for draw in range(MIXINGS if is_training else 1)]
    hills = [run(patterns.hills(patterns.wave_period(size)), draw) for draw in draws]
    return Probe(
        **windows.figures(placed, portraits, windows.aspects(placed, run, period)),
        **channels.figures(mixings),
        frozen=frozen(placed, graphs),
        tilt=(min(tilts), max(tilts)),
        askew=float(np.mean([_is_askew(degrees) for degrees in turns])),
        padded=_lower([borders.padded(run, size, draw) for draw in draws]),
        framed=_lower([borders.padded(run, size, i, borders.SQUARE) for i in draws]),
        blind=borders.blind(run, draws) if flexible else 0.0,
        blur=min(resampling.blur(run, size, draw) for draw in draws) / windows.enlargement(placed),
        apart=float(np.median([channels.apart(out) for out in hills])),
        mirrored_lines=float(np.median([placement.mirrored_lines(out) for out in hills])),
        aliasing=resampling.aliasing(run, size, len(draws)) if flexible else None,
        nearest=float(
            np.mean(
                [
                    resampling.is_doubled(out) or resampling.is_nearest(run, draw)
                    for draw, out in zip(draws[:3], hills, strict=False)
                ]
            )
        ),
        small=accidents.small_error(raw[0], size),
        odd=odd,
        levels=measured,
        detail=detail(run, size, is_training, flexible),
        # Known when all of the pictures were put in.
        refused=refused or next((one.refused for one in graphs if one.refused), None),
    )


def _is_askew(degrees: float) -> bool:
    return degrees > ASKEW and min(abs(degrees - right) for right in (90, 180)) > TILTED


def _lower(shares: Sequence[float]) -> float:
    """The lower quartile."""
    return float(np.percentile(shares, 25))
