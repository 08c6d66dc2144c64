"""Where an output lies in its picture: found again by its landmarks, however its values changed.

The waves of patterns.landmarks give the zoom: brightness and contrast leave a frequency as it is.
The terrain under them is then sought in the picture by normalised correlation, in the eight ways a
picture can be turned and mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from scipy import fft, ndimage

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.patterns import HEIGHT, WIDTH

KNOWN = 0.7  # a correlation from which on a place is taken as found,
CLEAR = 0.15  # and by how much it must be above those of the other seven ways
TORN = 0.5  # of the variance: a line that is further from its neighbours than hills ever are (0.1)
SAMPLES = 25  # of the terrain in a window; fewer fit anywhere


@dataclass(frozen=True)
class Placement:
    """One output's place.

    zoom: source pixels an output pixel, along the picture's y and x.
    centre, seen: y, x of the window's middle and its height, width, in source pixels, without
        borders of one value.
    upside_down, mirrored, transposed: what was done to the window, transposing last.
    match: the correlation at that place, -1..1, below zero where light is dark.
    second: the next best of the eight ways, without its sign.
    level, contrast: mean and deviation of the output's values.
    """

    zoom: tuple[float, float]
    centre: tuple[float, float]
    seen: tuple[float, float]
    upside_down: bool
    mirrored: bool
    transposed: bool
    match: float
    second: float = 0.0
    level: float = 0.0
    contrast: float = 0.0

    @property
    def known(self) -> bool:
        """Whether this is where the window was."""
        return abs(self.match) >= max(KNOWN, self.second + CLEAR)


def place(out: np.ndarray, period: float) -> Placement:
    """Find an output [height, width, channels] of patterns.landmarks(period) in it."""
    grey = _grey(out)
    if min(grey.shape) < 8 or np.ptp(grey) == 0:
        middle, seen = (HEIGHT / 2, WIDTH / 2), (float(out.shape[0]), float(out.shape[1]))
        return Placement((1.0, 1.0), middle, seen, False, False, False, 0.0)
    zoom = _zoom(grey, period)
    sought = _sought(grey, period, zoom)
    return replace(sought, level=float(grey.mean()), contrast=float(grey.std()))


def aspect(out: np.ndarray, period: float) -> float:
    """Horizontal zoom over vertical, of an output whose place was found in draws before."""
    vertical, horizontal = _zoom(_grey(out), period)
    return horizontal / vertical


def _grey(out: np.ndarray) -> np.ndarray:
    return np.asarray(out[inside(out)].astype(np.float64).mean(axis=2))


def _zoom(grey: np.ndarray, period: float) -> tuple[float, float]:
    return frequency(grey.mean(axis=1)) * period, frequency(grey.mean(axis=0)) * period


def inside(out: np.ndarray) -> tuple[slice, slice]:
    """The part of an output without the lines of one value along its borders."""
    near = 0.02 * float(np.ptp(out))
    ranges = []
    for axis in (1, 0):
        lines = np.flatnonzero(np.ptp(out, axis=axis).max(axis=1) > near)
        ranges.append(slice(int(lines[0]), int(lines[-1]) + 1) if len(lines) else slice(0, 0))
    return ranges[0], ranges[1]


def mirrored_lines(out: np.ndarray) -> int:
    """How many rows and columns of an output of smooth hills fit their neighbours when reversed."""
    grey = _grey(out)
    if min(grey.shape) < 3:
        return 0
    count = 0
    for lines in (grey, grey.T):
        between, line = (lines[:-2] + lines[2:]) / 2, lines[1:-1]
        away, reversed_away = (
            np.mean((one - between) ** 2, axis=1) for one in (line, line[:, ::-1])
        )
        count += int(np.sum((away > TORN * grey.var()) & (4 * reversed_away < away)))
    return count


def frequency(line: np.ndarray) -> float:
    """Cycles a sample of the strongest wave, differences being weighed by their frequency."""
    n = 8192
    power = np.abs(np.fft.rfft((line - line.mean()) * np.hanning(len(line)), n))
    power *= np.arange(len(power))  # terrain is strong where waves are slow
    lowest = round(1.5 * n / len(line))  # below, it would be the window's own shape
    return float(lowest + np.argmax(power[lowest:])) / n


def _sought(grey: np.ndarray, period: float, zoom: tuple[float, float]) -> Placement:
    """The best of the eight ways at a given zoom."""
    step = period / 2
    field, border = _field(period, step)
    candidates = []
    for transposed in (False, True):
        turned = grey.T if transposed else grey
        scale = zoom[::-1] if transposed else zoom
        window = _window(turned, period, scale, step)
        window = window[: field.shape[0], : field.shape[1]]
        window = window - window.mean()
        spread = _spread(period, step, *window.shape)
        for upside_down in (False, True):
            for mirrored in (False, True):
                tried = window[::-1] if upside_down else window
                tried = tried[:, ::-1] if mirrored else tried
                match, y, x = _matched((period, step), spread, tried)
                centre = ((y - border) * step, (x - border) * step)
                seen = (turned.shape[0] * scale[0], turned.shape[1] * scale[1])
                candidates.append(
                    Placement(scale, centre, seen, upside_down, mirrored, transposed, match)
                )
    *_, second, best = sorted(candidates, key=lambda one: abs(one.match))
    return replace(best, second=abs(second.match))


@cache
def _field(period: float, step: float) -> tuple[np.ndarray, int]:
    """The terrain on a grid of `step` pixels, with a border for windows that reach outside."""
    whole = ndimage.gaussian_filter(np.tanh(0.7 * patterns.terrain(period)), 0.45 * period)
    y, x = np.arange(step / 2, HEIGHT, step) - 0.5, np.arange(step / 2, WIDTH, step) - 0.5
    grid = ndimage.map_coordinates(whole, np.meshgrid(y, x, indexing="ij"), order=1)
    border = min(grid.shape) // 3
    return np.pad(grid - grid.mean(), border), border


def _window(grey: np.ndarray, period: float, zoom: tuple[float, float], step: float) -> np.ndarray:
    """The output on the same grid, its waves smoothed away."""
    smooth = ndimage.gaussian_filter(grey, [0.45 * period / one for one in zoom], mode="nearest")
    sides = [_middles(count, step / one) for count, one in zip(grey.shape, zoom, strict=True)]
    return np.asarray(ndimage.map_coordinates(smooth, np.meshgrid(*sides, indexing="ij"), order=1))


def _middles(count: int, step: float) -> np.ndarray:
    """The middles of as many steps as fit into so many pixels, what is left shared by both ends.

    So a window has one place, mirrored or not.
    """
    steps = max(int(count / step), 1)
    return (np.arange(steps) - (steps - 1) / 2) * step + (count - 1) / 2


@lru_cache(maxsize=64)
def _spread(period: float, step: float, height: int, width: int) -> np.ndarray:
    """The norm of each part of the field of a window's size, less its mean."""
    ones = np.ones((height, width))
    total = _convolved((period, step), 1, ones)
    square = _convolved((period, step), 2, ones)
    return np.asarray(np.sqrt(np.maximum(square - total**2 / ones.size, 1e-6 * square.max())))


def _convolved(grid: tuple[float, float], power: int, window: np.ndarray) -> np.ndarray:
    """signal.fftconvolve of the field, to a power, where all of the window lies in it; the field's
    own transform is kept."""
    field, _ = _field(*grid)
    (height, width), (rows, columns) = field.shape, window.shape
    whole = (height + rows - 1, width + columns - 1)
    padded = tuple(fft.next_fast_len(side, real=True) for side in whole)
    product = _transformed(grid, power, padded) * fft.rfftn(window, padded)
    return np.asarray(fft.irfftn(product, padded)[rows - 1 : height, columns - 1 : width])


@lru_cache(maxsize=64)
def _transformed(grid: tuple[float, float], power: int, padded: tuple[int, int]) -> np.ndarray:
    return np.asarray(fft.rfftn(_field(*grid)[0] ** power, padded))


def _matched(
    grid: tuple[float, float], spread: np.ndarray, window: np.ndarray
) -> tuple[float, float, float]:
    """The strongest normalised correlation, and the window's middle there in grid steps."""
    height, width = window.shape
    norm = np.sqrt(np.sum(window**2))
    if window.size < SAMPLES or norm < 1e-12:
        return 0.0, 0.0, 0.0
    product = _convolved(grid, 1, window[::-1, ::-1]) / (spread * norm)
    y, x = np.unravel_index(np.argmax(np.abs(product)), product.shape)
    dy, dx = _between(np.abs(product[:, x]), int(y)), _between(np.abs(product[y]), int(x))
    return float(product[y, x]), y + dy + height / 2, x + dx + width / 2


def _between(line: np.ndarray, at: int) -> float:
    """The top of a parabola through a peak and its neighbours, in steps from the peak."""
    if not 0 < at < len(line) - 1:
        return 0.0
    left, top, right = line[at - 1 : at + 2]
    return float(0.5 * (left - right) / min(left - 2 * top + right, -1e-12))
