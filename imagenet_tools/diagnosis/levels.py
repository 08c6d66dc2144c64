"""What becomes of grey levels: the curve from 0..255 to the output's values, and its accidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.runs import Run

LEVELS = tuple(range(0, 256, 15))
DRAWS = 12
SURE = 24  # draws of one grey: all on one side of the evaluation's by luck once in 8 million
GREY = 120  # one of LEVELS
SMOOTH = 8  # draws of smooth hills
FLAT = 1e-3  # of a noisy picture's deviation; where flat ones are this alike, it is by rounding
SAME = 1e-5  # of the span: what is cut off is this alike, and a gamma's dark levels are not
CELLS = 6
ORANGE = (200, 110, 60)
BROWN, PEACH = (100, 55, 30), (225, 180, 155)  # apart by as much, below and above the middle
FADED = 0.1  # what is left of BROWN beside PEACH; a gamma of 2.2 leaves 0.3
SPECKS = 0.6  # a sharpened edge, whatever its strength, has below 0.5
STEP = 0.02  # of the span
WIDE = 4.0  # deviations of a noisy picture; a line has 3.5
WHOLE = 0.01  # grey levels
FEW = 48  # distinct values; five bits give 32, eight 256


@dataclass(frozen=True)
class Levels:
    """The curve of flat pictures, and what smooth hills show; of training, medians of draws.

    curve: by level of LEVELS the value of each output channel; None where values are standardised
        or centred by picture, so that a flat one has none.
    doubt: how far luck alone may move a training curve, of its span; without a curve how far apart
        flat pictures come out, of a noisy one's deviation.
    zero: the grey level that becomes 0, by channel; None without a curve, infinite where it is
        flat.
    bend: largest distance of the curve from a line between its extremes, of its span.
    lost: share of the levels that end on the curve's extremes in every draw.
    drop: the largest fall of a rising curve, of its span.
    wraps: share of smooth hills' lines that rise, fall from the highest value to the lowest at once
        and rise on, in a quarter of the draws.
    coloured_wraps: the same share of coloured hills, mean over draws.
    distinct: different values in the output of such hills.
    moved: grey levels that draws move a flat picture by, deviation; 0 without a curve, or where it
        is by whole levels, as in a JPEG.
    middle: least and most that becomes of GREY, in SURE draws; 0 without a curve.
    grain: difference of neighbours in the output of a flat picture, root mean square, of the
        curve's span.
    shade: how light a flat picture comes out in each of CELLS x CELLS places of its inner part,
        from its middle level, of the span; none without a curve.
    contrast: least and largest deviation of the output of coarse noise.
    tint: how far channels of a flat orange come out apart, of the largest contrast; 0 where
        each is standardised by itself.
    dark: how far those of a dark colour do at most, of those of a light one; 1 where neither does.
    specks: how far the output goes back beside an edge from black to white, of its range, in a
        quarter of the draws; 0 without a curve, as where levels are equalised.
    """

    curve: tuple[tuple[float, ...], ...] | None
    doubt: float
    zero: tuple[float, ...] | None
    bend: float
    lost: float
    drop: float
    wraps: float
    coloured_wraps: float
    distinct: float
    moved: float
    middle: tuple[float, float]
    grain: float
    shade: tuple[float, ...]
    contrast: tuple[float, float]
    tint: float
    dark: float
    specks: float

    @property
    def few(self) -> bool:
        """Whether most levels of a smooth picture were rounded away."""
        return self.distinct < FEW

    @property
    def flat(self) -> bool:
        """Whether a smooth picture comes out as one value, so that nothing else can be seen."""
        return self.distinct < 2

    @property
    def broken(self) -> bool:
        """Whether a little more light makes the output fall by half of its range at once, or what
        goes beyond white at an edge comes out dark."""
        return self.drop > max(0.5, self.doubt) or self.wraps > 0.5 or self.specks > SPECKS

    @property
    def faded(self) -> bool:
        """Whether dark colours come out grey, and light ones do not."""
        return self.dark < FADED and not self.flat


def levels(run: Run, raw: Run, size: int, is_training: bool) -> Levels:
    """Measure one mode; raw: the run with what is not finite left in."""
    draws = range(DRAWS if is_training else 1)
    flats = [patterns.flat(level) for level in LEVELS]
    values = np.array(
        [[np.median(raw(flat, draw), axis=(0, 1)) for flat in flats] for draw in draws],
        np.float64,
    )
    curve = np.median(values, axis=0)
    span = float(np.ptp(curve, axis=0).max())
    noise = patterns.noise(max(24, 8 * patterns.HEIGHT // size), (patterns.HEIGHT, patterns.WIDTH))
    strongly, faintly = (
        [float(run(picture, draw).std()) for draw in draws] for picture in (noise, noise // 2 + 64)
    )
    shown = _shown(run, size, draws, (min(strongly), max(strongly)))
    # Each picture is brought to a spread of its own?
    standardised = bool(np.median(faintly) >= 0.75 * np.median(strongly))
    # Not where both spreads are cut off at the same ends, or are those of the border.
    with np.errstate(invalid="ignore"):  # infinite values are no curve anyway
        rises = np.diff(curve.mean(axis=1)) * np.sign(curve[-1] - curve[0]).mean()
    rising = rises.min() >= 0 and np.count_nonzero(rises > STEP * span) >= 3
    standardised &= not (rising and 1 < span / (max(strongly) or 1.0) < WIDE)
    no_curve = standardised or span <= FLAT * max(strongly)
    if no_curve or not np.isfinite(values).all():
        apart = float(np.ptp(values)) / (max(strongly) or 1.0)
        return Levels(
            None, apart, None, 0.0, 0.0, 0.0,
            moved=0.0, middle=(0.0, 0.0), grain=0.0, shade=(), specks=0.0, **shown,
        )  # fmt: skip
    # The true median lies between the second draw and the last but one, by 99.4 in 100.
    ranked = np.sort(values, axis=0)
    doubt = float((ranked[-2] - ranked[1]).max()) if is_training else 0.0
    even = [run(patterns.flat(GREY), draw) for draw in draws]
    more = [run(patterns.flat(GREY), draw) for draw in range(DRAWS, SURE) if is_training]
    greys = [float(np.median(out, axis=(0, 1)).mean()) for out in [*even, *more]]
    edges = [_specks(run(patterns.black_and_white(), draw)) for draw in draws]
    sign = np.sign(curve[-1] - curve[0])
    falls = np.maximum(-np.diff(curve * sign, axis=0), 0)
    return Levels(
        curve=tuple(tuple(float(value) for value in row) for row in curve),
        doubt=doubt / span,
        zero=tuple(_zero(channel) for channel in curve.T),
        bend=max(_bend(channel, span) for channel in curve.T) / span,
        lost=max(_lost(values[..., channel]) for channel in range(values.shape[2])),
        drop=float(falls.max() / span),
        moved=_moved(values),
        middle=(min(greys), max(greys)),
        grain=float(np.median([_grain(out) for out in even])) / span,
        shade=_shade(even, span),
        specks=float(np.percentile(edges, 75)),
        **shown,
    )


def _shown(run: Run, size: int, draws: range, contrast: tuple[float, float]) -> dict[str, Any]:
    """What shows whether or not a flat picture has a value of its own, by its name in Levels."""
    hills = patterns.hills(patterns.wave_period(size))
    smooth = [run(hills, draw) for draw in draws[:SMOOTH]]
    coloured = patterns.coloured_hills(patterns.wave_period(size))
    orange, brown, peach = (
        [np.ptp(np.median(run(patterns.flat(colour), draw), axis=(0, 1))) for draw in draws]
        for colour in (ORANGE, BROWN, PEACH)
    )
    span = contrast[1] or 1.0
    dark, light = float(np.max(brown)) / span, float(np.max(peach)) / span  # some draws are grey
    return {
        "wraps": float(np.percentile([_wraps(out) for out in smooth], 75)),
        "coloured_wraps": float(np.mean([_wraps(run(coloured, draw)) for draw in draws])),
        "distinct": float(np.median([_distinct(out) for out in smooth])),
        "contrast": contrast,
        "tint": float(np.median(orange)) / span,
        "dark": dark / light if light > FADED else 1.0,
    }


def _zero(channel: np.ndarray) -> float:
    slope, start = np.polyfit(LEVELS, channel, 1)
    return float(-start / slope) if abs(slope) > 1e-12 else float("inf")


def _bend(channel: np.ndarray, span: float) -> float:
    """How far the levels between the extremes are from their line."""
    shown = np.minimum(channel - channel.min(), channel.max() - channel) > SAME * span
    if np.count_nonzero(shown) < 3:
        return 0.0
    levels, values = np.array(LEVELS)[shown], channel[shown]
    return float(np.abs(values - np.polyval(np.polyfit(levels, values, 1), levels)).max())


def _lost(draws: np.ndarray) -> float:
    """Share of the levels beside the outermost that have an outermost one's value in every draw.

    draws: [draws, levels] of a channel.
    """
    near = SAME * np.ptp(draws, axis=1, keepdims=True)
    ends = [np.abs(draws - draws[:, [end]]) <= near for end in (0, -1)]
    lost = ((ends[0] | ends[1]) & (near > 0)).all(axis=0)
    return float(np.mean(lost[1:-1]))


def _moved(draws: np.ndarray) -> float:
    """See Levels. draws: [draws, levels, channels]."""
    curve = np.median(draws, axis=0)
    moves = (draws - curve) * 255 / np.maximum(np.ptp(curve, axis=0), 1e-9)
    halves = 2 * moves  # a median of two whole numbers lies between them
    whole = np.abs(halves - np.rint(halves)).max() < WHOLE
    return 0.0 if whole else float(moves.std(axis=0).max())


def _distinct(out: np.ndarray) -> int:
    return max(len(np.unique(channel)) for channel in np.moveaxis(out, -1, 0))


def _wraps(out: np.ndarray) -> float:
    """Share of the lines down smooth hills that go by all of the range in one step, against what
    they do before and after."""
    edge = out.shape[0] // 6
    inside = out[edge:-edge, edge:-edge].astype(np.float64)
    whole = float(np.ptp(inside))
    if whole == 0:
        return 0.0
    steps = np.diff(inside, axis=0)
    around = steps[:-2] + steps[2:]
    falls = (np.abs(steps[1:-1]) > 0.7 * whole) & (steps[1:-1] * around < 0)
    return float(np.mean(falls.any(axis=0), axis=0).max())


def _specks(out: np.ndarray) -> float:
    """See Levels; of the line across an edge that goes from one side's grey to the other's."""
    line = np.median(out.mean(axis=2), axis=0)[len(out) // 8 : -(len(out) // 8)]
    quarter, whole = len(line) // 4, float(np.ptp(line))
    across = float(np.median(line[-quarter:]) - np.median(line[:quarter]))
    if abs(across) < whole / 2 or whole == 0:
        return 0.0
    line = line * np.sign(across)
    at, reach = int(np.diff(line).argmax()), max(4, len(out) // 12)
    near = line[max(0, at - reach) : at + reach + 2]
    return float((np.maximum.accumulate(near) - near).max()) / whole


def _grain(out: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.diff(out.astype(np.float64), axis=1)[:, 2:-2] ** 2)))


def _shade(outs: list[np.ndarray], span: float) -> tuple[float, ...]:
    """See Levels; the medians of draws, without their borders."""
    grey = np.median([out - np.median(out, axis=(0, 1)) for out in outs], axis=0).mean(axis=2)
    edge = grey.shape[0] // 6
    rows = np.array_split(grey[edge:-edge, edge:-edge], CELLS, axis=0)
    cells = [np.array_split(row, CELLS, axis=1) for row in rows]
    return tuple(float(cell.mean()) / span for row in cells for cell in row)
