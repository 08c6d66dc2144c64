"""What a pipeline does with pictures whose content is known: place, flips, channels, levels.

A pipeline is a black box here: see patterns.py for what goes in, placement.py for how a window is
found again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from imagenet_tools.diagnosis import patterns, placement, runs
from imagenet_tools.diagnosis.detail import Detail, detail
from imagenet_tools.diagnosis.levels import Levels, levels
from imagenet_tools.diagnosis.patterns import HEIGHT, LARGE, WIDTH
from imagenet_tools.diagnosis.placement import Placement
from imagenet_tools.diagnosis.runs import Run
from imagenet_tools.pipelines.pipeline import Pipeline

GRAPHS, EACH = 5, 5  # draws in each of some graphs: what Python draws is drawn once a graph
DRAWS = 8  # of everything else
ALIKE = 0.05  # of the strongest answer: output channels that follow one of the source by this
SAME_LEVEL = 0.02  # of the span: two values of nearest-neighbour noise are this alike
LUCK = 1e-6  # the chance that a mean over draws is further off than its margin
CYCLES = 8  # waves that a window must show for its place to be known


@dataclass(frozen=True)
class Probe:
    """What was measured in one mode; figures of training are over several draws.

    zoom: source pixels an output pixel, geometric mean; zoom_range: 5th and 95th percentile.
    aspect: horizontal zoom over vertical, geometric mean; 1.33 is a 4:3 photograph squashed square.
    zoom_margin, aspect_margin: how far luck alone may move their natural logarithms, see _margin.
    found: draws whose place is known. area: mean share of the photograph seen. match: correlation
    of the output with its place in the picture, in the best draw. off_centre: y, x of the mean
    window's middle from the picture's, in parts of the room that the window has (-0.5..0.5);
    off_centre_margin: the same. place_varies: whether windows lie in different places. frozen: what
    is the same in all draws of a graph and other in another graph. mirrored, upside_down,
    transposed, negative: shares of draws. padded: share of the output at its borders that shows no
    picture, in three quarters of the draws or more; blind: share that never answers to the
    picture's brightness. channels: where the output's channels come from, "RGB", "BGR", "grey", or
    "-" for one that follows nothing; orders: those of single draws. mixing: [source, output] how
    strongly each follows each, the strongest 1, below zero against it; least_mixing, most_mixing:
    over the draws. blur: width of an edge in output pixels, of that which the zoom makes, in the
    sharpest draw. aliasing: standard deviation left of noise that the resize should average out,
    0..1; None where values are standardised. nearest: share of draws sampled by nearest neighbour.
    small: the error on an image smaller than the output; odd, refused: the odd picture that does
    not come out finite, or fails; None where there is none. levels, detail: see Levels, Detail.
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
    place_varies: bool
    frozen: tuple[str, ...]
    mirrored: float
    upside_down: float
    transposed: float
    negative: float
    padded: float
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
    levels: Levels
    detail: Detail

    @property
    def placed(self) -> bool:
        """Whether windows were found again, so that zoom, place and flips are known."""
        return self.match >= placement.KNOWN


def probe(pipeline: Pipeline, size: int, is_training: bool) -> Probe:
    """Measure one mode of a pipeline at an output of size x size."""
    draws = range(DRAWS if is_training else 1)
    raw = [runs.compiled(pipeline, size, is_training) for _ in range(GRAPHS if is_training else 1)]
    graphs = [runs.Tidy(run) for run in raw]
    run = graphs[0]
    placed = _placed(graphs, size, range(EACH if is_training else 1))
    known = [one for graph in placed for one in graph if one.known]
    portraits = [one for one in _portraits(run, size, draws) if one.known]
    zooms = np.array([one.zoom for one in known or placed[0]])
    both, aspects = np.sqrt(zooms.prod(axis=1)), np.log(zooms[:, 1] / zooms[:, 0])
    windows = _windows(known or placed[0])
    off_centre = [_off_centre(known, axis) for axis in (0, 1)]
    mixings = [_mixing(run, draw) for draw in draws]
    orders = [_channels(one) for one in mixings]
    mixing = np.stack([_coloured(rows) for rows in np.stack(mixings, axis=1)])
    enlarged = max(1.0, 1 / float(both.mean())) if known else 1.0
    odd, refused = _odd(raw[0])
    measured = levels(run, run.exact, size, is_training)
    if run.bad and not odd:
        odd = f"{run.bad} of {run.calls} draws of test pictures"
    flexible = measured.curve is not None
    return Probe(
        zoom=float(np.exp(np.log(both).mean())),
        zoom_range=(float(np.percentile(both, 5)), float(np.percentile(both, 95))),
        zoom_margin=_margin(np.log(both), windows, 0.005),
        aspect=float(np.exp(aspects.mean())),
        aspect_margin=_margin(aspects, windows, 0.005),
        found=len(known),
        area=float(np.mean([_area(one) for one in known or placed[0]])),
        match=max(abs(one.match) for graph in placed for one in graph),
        off_centre=(off_centre[0][0], off_centre[1][0]),
        off_centre_margin=(off_centre[0][1], off_centre[1][1]),
        place_varies=_spread([one.centre for one in known]) > 1.0,
        frozen=_frozen(placed, _tints(graphs)),
        mirrored=_share([one.mirrored for one in known]),
        upside_down=_share([one.upside_down and not one.transposed for one in known]),
        transposed=_share([one.transposed for one in [*known, *portraits]]),
        negative=_share([one.match < 0 for one in known]),
        padded=float(np.percentile([_padded(run, size, draw) for draw in draws], 25)),
        blind=_blind(run, draws) if flexible else 0.0,
        channels=_channels(mixing),
        orders=tuple(sorted(set(orders))),
        mixing=_rows(mixing),
        least_mixing=_rows(np.min(mixings, axis=0)),
        most_mixing=_rows(np.max(mixings, axis=0)),
        blur=min(_blur(run, size, draw) for draw in draws) / enlarged,
        aliasing=_aliasing(run, size, len(draws)) if flexible else None,
        nearest=float(np.mean([_is_nearest(run, draw) for draw in list(draws)[:3]])),
        small=_small_error(raw[0], size),
        odd=odd,
        refused=refused,
        levels=measured,
        detail=detail(run, size, is_training),
    )


def _placed(graphs: Sequence[Run], size: int, draws: Sequence[int]) -> list[list[Placement]]:
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


def _portraits(run: Run, size: int, draws: Sequence[int]) -> list[Placement]:
    """The places of upright pictures, as of the same lying down; a pipeline may turn them alone."""
    period = patterns.wave_period(size)
    upright = patterns.landmarks(period).transpose(1, 0, 2)
    return [placement.place(run(upright, i).transpose(1, 0, 2), period) for i in draws]


def _area(one: Placement) -> float:
    return min(one.seen[0] / HEIGHT, 1) * min(one.seen[1] / WIDTH, 1)


def _windows(known: Sequence[Placement]) -> int:
    """How many different windows were drawn: under a global seed every graph draws the same."""
    return len({(one.zoom, one.centre) for one in known})


def _margin(figures: np.ndarray, windows: int, still: float) -> float:
    """How far a mean over draws may lie from the truth by luck (Student's t, at LUCK).

    0 where they spread by less than `still`, as they are measured; infinite of a single window.
    """
    spread = float(figures.std())
    if spread < still:
        return 0.0
    if windows < 2:
        return math.inf
    return float(stats.t.isf(LUCK, windows - 1)) * spread / math.sqrt(windows - 1)


def _off_centre(known: Sequence[Placement], axis: int) -> tuple[float, float]:
    """How far the mean window is from the middle, in parts of its room, and its margin.

    0 without much room.
    """
    whole = (HEIGHT, WIDTH)[axis]
    room = np.array([abs(whole - one.seen[axis]) for one in known])
    away = np.array([one.centre[axis] - whole / 2 for one in known])
    if not known or not room.mean() > 0.06 * whole:
        return 0.0, 0.0
    share = float(away.mean() / room.mean())
    return share, _margin(away - share * room, _windows(known), 0.5) / float(room.mean())


def _share(votes: Sequence[bool]) -> float:
    return float(np.mean(votes)) if votes else 0.0


def _spread(points: Sequence[tuple[float, float]]) -> float:
    """The largest range of either coordinate."""
    return float(np.ptp(np.array(points), axis=0).max()) if points else 0.0


def _tints(graphs: Sequence[Run]) -> list[list[tuple[float, float]]]:
    """What becomes of a colour in four draws of each graph, of the span of black to white in %."""
    white, black = (graphs[0](patterns.flat(level), 0) for level in (255, 0))
    span = max(float(np.abs(np.median(white) - np.median(black))), 1e-9) / 100
    colour = patterns.flat((200, 110, 60))
    tints = []
    for number, run in enumerate(graphs):
        outs = [np.median(run(colour, 100 * number + i), axis=(0, 1)) / span for i in range(4)]
        tints.append([(float(out[0]), float(out[-1])) for out in outs])
    return tints


def _frozen(
    placed: Sequence[Sequence[Placement]], tints: Sequence[Sequence[tuple[float, float]]]
) -> tuple[str, ...]:
    """What all draws of a graph have in common and graphs differ in."""
    if len(placed) < 2 or not all(one.known for graph in placed for one in graph):
        return ()
    kinds = {
        "place": [[one.centre for one in graph] for graph in placed],
        "zoom": [[(50 * one.zoom[0], 50 * one.zoom[1]) for one in graph] for graph in placed],
        "mirror image": [[(9.0 * one.mirrored, 0.0) for one in graph] for graph in placed],
        "colour": tints,
    }
    return tuple(
        name
        for name, graphs in kinds.items()
        if max(_spread(graph) for graph in graphs) < 1.0
        and _spread([graph[0] for graph in graphs]) > 4.0
    )


def _padded(run: Run, size: int, draw: int) -> float:
    """Share of an output of patches that lies in lines of one value along its borders."""
    block = max(8, 2 * HEIGHT // size)
    shares = []
    for shape in ((HEIGHT, WIDTH), (WIDTH, HEIGHT)):
        try:
            out = run(patterns.patches(block, shape), draw)
        except Exception:  # that it fails is said by `refused`
            continue
        shares.append(1 - out[placement.inside(out)].size / out.size)
    return max(shares)


def _blind(run: Run, draws: Sequence[int]) -> float:
    """Share of the output that answers to brightness in no draw.

    Cut-outs move from draw to draw, a border or a mark stays.
    """
    answers = []
    for draw in draws:
        light, dark = (run(patterns.flat(level), draw).mean(axis=2) for level in (235, 20))
        answers.append(np.abs(light - dark))
    most = np.max(answers, axis=0)
    whole = float(np.median(most))
    return float(np.mean(most < 0.1 * whole)) if whole > 1e-3 else 0.0


def _mixing(run: Run, draw: int) -> np.ndarray:
    """How strongly each output channel follows each source channel, of the strongest: [3, c]."""
    rows = []
    for channel in range(3):
        out = run(patterns.slope(0, channel), draw)
        edge = out.shape[0] // 5
        smooth = ndimage.uniform_filter(out[edge:-edge, edge:-edge], (7, 7, 1))
        flat = smooth.reshape(-1, smooth.shape[-1])
        flat = flat - flat.mean(axis=0)
        leading = flat[:, flat.std(axis=0).argmax()]
        rows.append(flat.T @ leading / (np.linalg.norm(leading) or 1.0))
    mixing = np.stack(rows)
    return np.asarray(mixing / (np.abs(mixing).max() or 1.0))


def _coloured(rows: np.ndarray) -> np.ndarray:
    """The median of what draws do to one source channel; of those that are not grey, if any."""
    apart = rows[np.ptp(rows, axis=1) >= ALIKE]
    return np.asarray(np.median(apart if len(apart) else rows, axis=0))


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _channels(mixing: np.ndarray) -> str:
    """Which source channel each output channel follows most."""
    if mixing.shape[1] == 1 or (np.ptp(mixing, axis=1) < ALIKE).all():
        return "grey"
    size = np.abs(mixing)
    return "".join(
        "-" if most < 0.05 else "RGB"[source]
        for most, source in zip(size.max(axis=0), size.argmax(axis=0), strict=True)
    )


def _blur(run: Run, size: int, draw: int) -> float:
    """The width of sharp edges in output pixels: the range over the steepest step."""
    cell = max(24, 16 * HEIGHT // size)
    out = run(patterns.checkers(cell), draw).astype(np.float64).mean(axis=2)
    low, high = (float(value) for value in np.percentile(out, [3, 97]))
    steep = [np.percentile(np.abs(np.diff(out, axis=axis)).max(axis=axis), 75) for axis in (0, 1)]
    return (high - low) / max(float(min(steep)), 1e-9)


def _aliasing(run: Run, size: int, draws: int) -> float:
    """What is left of pixel noise, of what is left of coarse blocks."""
    block = max(8, 8 * min(LARGE) // size)
    fine, coarse = patterns.noise(), patterns.noise(block)
    left = [run(fine, i).std() / max(run(coarse, i).std(), 1e-9) for i in range(min(draws, 3))]
    return float(min(np.median(left), 1.0))


def _is_nearest(run: Run, draw: int) -> bool:
    """Whether black and white noise comes out in two levels only."""
    out = run(patterns.noise()[:600, :800], draw)[..., 0]
    low, high = float(out.min()), float(out.max())
    if not high - low > 1e-6:
        return False
    near = np.minimum(np.abs(out - low), np.abs(out - high))
    return bool(np.mean(near < SAME_LEVEL * (high - low)) > 0.98)


def _small_error(run: Run, size: int) -> str | None:
    """What happens to an image of half the output's size; None where it comes out whole."""
    side = max(1, size // 2)
    try:
        out = run(patterns.flat(90, (side, side)), 0)
    except Exception as error:  # whatever a plug-in raises is the finding
        return _first_line(error)
    return None if math.isfinite(float(out.sum())) else "values that are NaN or infinite"


def _odd(run: Run) -> tuple[str | None, str | None]:
    """The first odd picture that gives NaN or infinite values, and the first that fails: why."""
    odd = refused = None
    for name, picture in patterns.odd_pictures().items():
        try:
            finite = bool(np.isfinite(run(picture, 0)).all())
        except Exception as error:  # whatever a plug-in raises is the finding
            refused = refused or f"{name}: {_first_line(error)}"
            continue
        odd = odd or (None if finite else name)
    return odd, refused


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
