"""Compiled loops over pixels: what TensorFlow's own operations do slowly on a processor.

Numba compiles them when they are first called (some seconds, kept in a cache on disk); they run
without Python's lock. They take and fill NumPy arrays, number by number: for an array assigned to
a part of another, Numba would compile the check of their shapes with its message, which takes
longer than all the rest. compiled.py puts them into TensorFlow's graphs, and tests hold them to
TensorFlow's operations.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from imagenet_tools.pipelines.lanes import LANES, load, plus, spread, store

# The filters, by their radius in steps of the grid; BILINEAR is TF1's, on its own grid.
BILINEAR, TRIANGLE, CUBIC = range(3)
Pair = tuple[int, int]  # y, x or height, width
# Of a view: origin, crop, plane, window, flip; see `sample`.
Where = tuple[Pair, Pair, Pair, Pair, bool]


@njit(nogil=True, cache=True, fastmath=True)
def _weight(distance: float, radius: int) -> float:
    """What a pixel so many steps from the point, no more than radius, counts for."""
    if radius == TRIANGLE:
        return max(0.0, 1.0 - distance)
    if distance < 1.0:  # Keys' cubic, a = -0.5
        return (1.5 * distance - 2.5) * distance * distance + 1.0
    return ((2.5 - 0.5 * distance) * distance - 4.0) * distance + 2.0


@njit(nogil=True, cache=True, fastmath=True)
def _taps(
    size: int, origin: int, crop: int, plane: int, window: int, count: int, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where along one axis each output looks: the first source pixel, and the weights from there.

    Returns int64 [count], -1 outside the plane, and float32 [count, taps], an even number of taps;
    the last one, of weight 0, may lie beyond the source.
    """
    step = crop / plane
    low, high = max(0, origin), min(size, origin + crop) - 1
    wide = max(step, 1.0)
    reach = wide * radius
    # As many as lie between two places that are 2 * reach apart: at these the weight is 0.
    taps = 2 if radius == BILINEAR else math.ceil(2 * reach)
    taps = max(1, min(taps, high - low + 1))
    starts = np.full(count, -1, np.int64)
    weights = np.zeros((count, taps + taps % 2), np.float32)
    for i in range(count):
        at = window + i
        if at < 0 or at >= plane:
            continue
        if radius == BILINEAR:  # in float32, as TensorFlow's kernel
            place = np.float32(at) * np.float32(step)
            before = math.floor(place)
            part = place - np.float32(before)
            start = min(max(before + origin, low), high + 1 - taps)
            weights[i, min(before + origin, high) - start] += np.float32(1) - part
            weights[i, min(before + origin + 1, high) - start] += part
        else:
            centre = (at + 0.5) * step + origin
            first = max(math.floor(centre - reach - 0.5) + 1, low)
            last = min(math.ceil(centre + reach - 0.5) - 1, high, first + taps - 1)
            start = min(first, high + 1 - taps)
            total = 0.0
            for k in range(first, last + 1):
                weight: float = _weight(abs(k + 0.5 - centre) / wide, radius)
                weights[i, k - start] = weight
                total += weight
            for k in range(taps):
                weights[i, k] /= total
        starts[i] = start
    return starts, weights


@njit(nogil=True, cache=True, fastmath=True)
def _reach(columns: np.ndarray, taps: int, width: int) -> tuple[int, int]:
    """The first column of the source that is read, and the one after the last."""
    low, high = width, 0
    for first in columns:
        if first >= 0:
            low, high = min(low, first), max(high, first + taps)
    return low, min(high, width)


@njit(nogil=True, cache=True, fastmath=True)
def _lanes(line: np.ndarray) -> np.ndarray:
    """Gain and offset of R, G and B, float32 [2, LANES]; the lane that is over repeats R's."""
    colours = np.empty((2, LANES), np.float32)
    for lane in range(LANES):
        colours[0, lane], colours[1, lane] = line[0, lane % 3], line[1, lane % 3]
    return colours


@njit(nogil=True, cache=True, fastmath=True)
def _fill(pixels: np.ndarray, colour: np.ndarray) -> None:
    """Give each of the pixels, float32 [n, 3], the same colour."""
    for i in range(pixels.shape[0]):
        for channel in range(3):
            pixels[i, channel] = colour[channel]


@njit(nogil=True, cache=True, fastmath=True)
def _along(
    row: np.ndarray, places: np.ndarray, weights: np.ndarray, colours: np.ndarray, drawn: np.ndarray
) -> None:
    """Fill `drawn` with a line of pixels, each a weighted sum of the row's, in four lanes."""
    gain, bias, taps = load(colours[0], 0), load(colours[1], 0), weights.shape[1]
    for x in range(places.size):
        at = places[x]
        pixel = plus(spread(np.float32(0)), load(row, at), spread(weights[x, 0]))
        pixel = plus(pixel, load(row, at + 3), spread(weights[x, 1]))
        tap = 2
        while tap < taps:  # a range of two by two would cost more than it does here
            pixel = plus(pixel, load(row, at + 3 * tap), spread(weights[x, tap]))
            pixel = plus(pixel, load(row, at + 3 * tap + 3), spread(weights[x, tap + 1]))
            tap += 2
        store(drawn, 3 * x, plus(bias, pixel, gain))


@njit(nogil=True, cache=True, fastmath=True)
def _along_plainly(
    row: np.ndarray, places: np.ndarray, weights: np.ndarray, colours: np.ndarray, drawn: np.ndarray
) -> None:
    """As _along, channel by channel: what its lanes are held to."""
    for x in range(places.size):
        for channel in range(3):
            total = np.float32(0)
            for tap in range(weights.shape[1]):
                total += row[places[x] + 3 * tap + channel] * weights[x, tap]
            drawn[3 * x + channel] = colours[1, channel] + total * colours[0, channel]


@njit(nogil=True, cache=True, fastmath=True)
def _down(source: np.ndarray, first: int, weights: np.ndarray, row: np.ndarray) -> None:
    """Fill `row` with a weighted sum of the source's rows, from the first on."""
    last, size = source.shape[0] - 1, source.shape[1]
    for tap in range(0, weights.size, 2):
        a, b = weights[tap], weights[tap + 1]
        upper, lower = source[first + tap], source[min(first + tap + 1, last)]
        if tap == 0:
            for i in range(size):
                row[i] = a * np.float32(upper[i]) + b * np.float32(lower[i])
        elif a != 0 or b != 0:
            for i in range(size):
                row[i] += a * np.float32(upper[i]) + b * np.float32(lower[i])


@njit(nogil=True, cache=True, fastmath=True)
def _grid(
    pixels: np.ndarray, where: Where, method: int, size: Pair
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The columns of the source that are read, as float or uint8 [h, 3 * w]; by row and by column
    of the output the first place that is looked at, and the weights from there."""
    origin, crop, plane, window, flip = where
    columns, weights = _taps(
        pixels.shape[1], origin[1], crop[1], plane[1], window[1], size[1], method
    )
    if flip:
        columns, weights = columns[::-1].copy(), weights[::-1].copy()
    low, high = _reach(columns, weights.shape[1], pixels.shape[1])
    source = pixels.reshape(pixels.shape[0], -1)[:, 3 * low : 3 * max(low, high)]
    # A pixel outside the plane has no weights: where it reads does not matter.
    places = 3 * (np.maximum(columns, low) - low)
    rows, row_weights = _taps(
        pixels.shape[0], origin[0], crop[0], plane[0], window[0], size[0], method
    )
    return source, rows, row_weights, places, weights


@njit(nogil=True, cache=True, fastmath=True)
def sample(
    pixels: np.ndarray, where: Where, method: int, line: np.ndarray, out: np.ndarray, plain: bool
) -> None:
    """Fill `out` with a window of the plane that a crop is resized to.

    pixels: uint8 or float32 [h, w, 3], a part of the source. where: origin, of the crop's corner in
    `pixels`, negative where they begin inside the crop; the sizes of crop and plane; window, of the
    output's corner in the plane; whether it is mirrored. method: BILINEAR takes TF1's grid, output
    i at source i * step; TRIANGLE is antialiased and has half pixel centres, as
    tf.image.resize(antialias=True). line: float32 [2, 3], what pixels of 0..255 are multiplied by
    and then what is added, for each channel. out: float32 [H, W, 3]; outside the plane pixels are
    0. plain: by a loop without Lanes; the same but for rounding.
    """
    height, width, _ = out.shape
    size = (height, width)
    source, rows, row_weights, places, weights = _grid(pixels, where, method, size)
    colours, flat = _lanes(line), out.reshape(height, -1)
    # Both have room for the lanes of what follows their end.
    row = np.zeros(source.shape[1] + 3 + LANES, np.float32)
    drawn = np.empty(3 * width + 1, np.float32)
    for y in range(height):
        if rows[y] < 0 or source.shape[1] == 0:
            _fill(out[y], line[1])
            continue
        _down(source, rows[y], row_weights[y], row)
        if plain:
            _along_plainly(row, places, weights, colours, drawn)
        else:
            _along(row, places, weights, colours, drawn)
        line_of = flat[y]
        for i in range(3 * width):
            line_of[i] = drawn[i]


@njit(nogil=True, cache=True, fastmath=True)
def sample_cubic(
    pixels: np.ndarray, where: Where, line: np.ndarray, out: np.ndarray, plain: bool
) -> None:
    """As `sample`, by CUBIC, antialiased: along the rows and then down the columns, clipped to
    0..255 after each, as Pillow does. A function of its own: it takes seconds to compile."""
    height, width, _ = out.shape
    source, rows, row_weights, places, weights = _grid(pixels, where, CUBIC, (height, width))
    low, high = _reach(rows, row_weights.shape[1], source.shape[0])
    size = 3 * width
    same = np.zeros((2, LANES), np.float32)
    for lane in range(LANES):
        same[0, lane] = 1
    row = np.zeros(source.shape[1] + 3 + LANES, np.float32)
    drawn = np.empty((max(high - low, 0), size + 1), np.float32)
    for y in range(low, high):
        here, across = source[y], drawn[y - low]
        for i in range(here.size):
            row[i] = np.float32(here[i])
        if plain:
            _along_plainly(row, places, weights, same, across)
        else:
            _along(row, places, weights, same, across)
        for i in range(size):
            across[i] = min(max(across[i], np.float32(0)), np.float32(255))
    gains, offsets = np.empty(size, np.float32), np.empty(size, np.float32)
    for i in range(size):
        gains[i], offsets[i] = line[0, i % 3], line[1, i % 3]
    flat = out.reshape(height, -1)
    for y in range(height):
        if rows[y] < 0 or source.shape[1] == 0:
            _fill(out[y], line[1])
            continue
        _down(drawn[:, :size], rows[y] - low, row_weights[y], flat[y])
        for i in range(size):
            level = min(max(flat[y, i], np.float32(0)), np.float32(255))
            flat[y, i] = offsets[i] + level * gains[i]


@njit(nogil=True, cache=True, fastmath={"contract"})
def saturate(image: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Fill `out` with the image, its HSV saturation multiplied by factor and cut at 1.

    image, out: float32 [..., 3]; a pixel without a channel above 0 becomes gray, as in
    tf.image.adjust_saturation. Hue and value stay, so every channel moves along its distance to
    the largest one. TensorFlow goes by way of the hue and makes a pixel gray where that rounds to
    a full circle (1 of a million values); here it keeps its colour.
    """
    scale, zero = np.float32(factor), np.float32(0)
    pixels, moved = image.reshape(-1), out.reshape(-1)
    for k in range(pixels.size // 3):  # without branches, for the compiler to make vectors of
        red, green, blue = pixels[3 * k], pixels[3 * k + 1], pixels[3 * k + 2]
        value = max(max(red, green), blue)
        span = value - min(min(red, green), blue)
        most = value / (span if span > zero else np.float32(1))
        part = scale if scale * span <= value else most
        part = part if value > zero else zero
        moved[3 * k] = value - (value - red) * part
        moved[3 * k + 1] = value - (value - green) * part
        moved[3 * k + 2] = value - (value - blue) * part
