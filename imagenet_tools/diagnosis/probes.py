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
UNEVEN = 0.01  # of the span, root mean square; honest pipelines have below 0.002
PADDED = 0.003


@dataclass(frozen=True)
class Probe:
    """What was measured in one mode; figures of training are over several draws.

    zoom: source pixels an output pixel, geometric mean; zoom_range: 5th and 95th percentile.
    aspect: horizontal zoom over vertical, geometric mean; 1.33 is a 4:3 photograph squashed square.
    zoom_margin, aspect_margin: how far luck alone may move their natural logarithms, see _margin.
    found: draws whose place is known. area: mean share of the photograph seen. match: correlation
    of the output with its place in the picture, in the best draw. off_centre: y, x of the mean
    window's middle from the picture's, in parts of the room that the window has (-0.5..0.5);
    off_centre_margin: the same. centre: y, x of the mean window's middle in source pixels.
    place_varies: whether windows lie in different places. frozen: what is the same in all draws of
    a graph and other in another graph. tied: pairs of what is drawn that go together, see
    windows.tied. tilt: least and greatest degrees that draws turn the picture by. mirrored,
    upside_down, transposed, negative: shares of draws. padded: share of the output at its borders
    that shows no picture, in three quarters of the draws or more; framed: the same of a square
    picture; blind: share that never answers to the picture's brightness. channels: where the
    output's channels come from, "RGB", "BGR", "grey", or "-" for one that follows nothing; orders:
    those of single draws. mixing: [source, output] how strongly each follows each, see
    channels.mixing, below zero against it; least_mixing, most_mixing: over the draws. blur: width
    of an edge in output pixels, of that which the zoom makes, in the sharpest draw. aliasing:
    standard deviation left of noise that the resize should average out, 0..1; None where values are
    standardised. nearest: share of draws sampled by nearest neighbour. small: the error on an image
    smaller than the output; odd, refused: the odd picture that does not come out finite, or fails;
    None where there is none. apart: pixels that channels are displaced against each other by;
    mirrored_lines: single rows and columns that are reversed, both in the median draw. levels,
    detail: see Levels, Detail.
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
    placed = windows.placed(graphs, size, range(EACH if is_training else 1))
    known = [one for graph in placed for one in graph if one.known]
    portraits = [one for one in windows.portraits(run, size, draws) if one.known]
    zooms = np.array([one.zoom for one in known or placed[0]])
    both, aspects = np.sqrt(zooms.prod(axis=1)), np.log(zooms[:, 1] / zooms[:, 0])
    drawn = windows.different(known or placed[0])
    off_centre = [windows.off_centre(known, axis) for axis in (0, 1)]
    mixings = [channels.mixing(run, draw) for draw in range(MIXINGS if is_training else 1)]
    orders = [channels.order(one) for one in mixings]
    mixing = np.stack([channels.coloured(rows) for rows in np.stack(mixings, axis=1)])
    enlarged = max(1.0, 1 / float(both.mean())) if known else 1.0
    odd, refused = accidents.odd(raw[0])
    measured = levels(run, run.exact, size, is_training)
    if run.bad and not odd:
        odd = f"{run.bad} of {run.calls} draws of test pictures"
    flexible = measured.curve is not None
    tilts = [tilt.tilt(run, draw) for draw in draws]
    hills = [run(patterns.hills(patterns.wave_period(size)), draw) for draw in draws]
    return Probe(
        zoom=float(np.exp(np.log(both).mean())),
        zoom_range=(float(np.percentile(both, 5)), float(np.percentile(both, 95))),
        zoom_margin=windows.margin(np.log(both), drawn, 0.005),
        aspect=float(np.exp(aspects.mean())),
        aspect_margin=windows.margin(aspects, drawn, 0.005),
        found=len(known),
        area=float(np.mean([windows.area(one) for one in known or placed[0]])),
        match=max(abs(one.match) for graph in placed for one in graph),
        off_centre=(off_centre[0][0], off_centre[1][0]),
        off_centre_margin=(off_centre[0][1], off_centre[1][1]),
        centre=_mean([one.centre for one in known or placed[0]]),
        place_varies=windows.spread([one.centre for one in known]) > 1.0,
        frozen=frozen(placed, graphs),
        tied=windows.tied(known),
        tilt=(min(tilts), max(tilts)),
        mirrored=_share([one.mirrored for one in known]),
        upside_down=_share([one.upside_down and not one.transposed for one in known]),
        transposed=_share([one.transposed for one in [*known, *portraits]]),
        negative=_share([one.match < 0 for one in known]),
        padded=_lower([borders.padded(run, size, draw) for draw in draws]),
        framed=_lower([borders.padded(run, size, i, borders.SQUARE) for i in draws]),
        blind=borders.blind(run, draws) if flexible else 0.0,
        channels=channels.order(mixing),
        orders=tuple(sorted(set(orders))),
        mixing=_rows(mixing),
        least_mixing=_rows(np.min(mixings, axis=0)),
        most_mixing=_rows(np.max(mixings, axis=0)),
        blur=min(resampling.blur(run, size, draw) for draw in draws) / enlarged,
        apart=float(np.median([channels.apart(out) for out in hills])),
        mirrored_lines=float(np.median([placement.mirrored_lines(out) for out in hills])),
        aliasing=resampling.aliasing(run, size, len(draws)) if flexible else None,
        nearest=float(np.mean([resampling.is_nearest(run, draw) for draw in list(draws)[:3]])),
        small=accidents.small_error(raw[0], size),
        odd=odd,
        refused=refused,
        levels=measured,
        detail=detail(run, size, is_training, flexible),
    )


def _share(votes: Sequence[bool]) -> float:
    return float(np.mean(votes)) if votes else 0.0


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    y, x = np.mean(points, axis=0)
    return float(y), float(x)


def _lower(shares: Sequence[float]) -> float:
    """The lower quartile."""
    return float(np.percentile(shares, 25))


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)
