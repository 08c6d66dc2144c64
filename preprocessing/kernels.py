"""Compiled loops over pixels: what TensorFlow's own operations do slowly on a processor.

Numba compiles them when they are first called (some seconds, kept in a cache on disk); they run
without Python's lock. They take and fill NumPy arrays. preprocessing/compiled.py puts them into
TensorFlow's graphs, and tests hold them to TensorFlow's operations.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BILINEAR, TRIANGLE = range(2)
Pair = tuple[int, int]  # y, x or height, width


@njit(nogil=True, cache=True, fastmath=True)
def _taps(
    size: int, origin: int, crop: int, plane: int, window: int, count: int, method: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where along one axis each output looks: the first source pixel, and the weights from there.

    Returns int64 [count], -1 outside the plane, and float32 [count, taps].
    """
    step = crop / plane
    low, high = max(0, origin), min(size, origin + crop) - 1
    reach = max(step, 1.0)
    taps = 2 if method == BILINEAR else math.ceil(2 * reach) + 1
    taps = max(1, min(taps, high - low + 1))
    starts = np.full(count, -1, np.int64)
    weights = np.zeros((count, taps), np.float32)
    for i in range(count):
        at = window + i
        if at < 0 or at >= plane:
            continue
        if method == BILINEAR:  # in float32, as TensorFlow's kernel
            place = np.float32(at) * np.float32(step)
            before = math.floor(place)
            part = place - np.float32(before)
            start = min(max(before + origin, low), high + 1 - taps)
            weights[i, min(before + origin, high) - start] += np.float32(1) - part
            weights[i, min(before + origin + 1, high) - start] += part
        else:
            centre = (at + 0.5) * step + origin
            first = max(math.ceil(centre - reach - 0.5), low)
            last = min(math.floor(centre + reach - 0.5), high)
            start = min(first, high + 1 - taps)
            total = 0.0
            for k in range(first, last + 1):
                weight: float = max(0.0, 1.0 - abs(k + 0.5 - centre) / reach)
                weights[i, k - start] = weight
                total += weight
            for k in range(taps):
                weights[i, k] /= total
        starts[i] = start
    return starts, weights


@njit(nogil=True, cache=True, fastmath=True)
def sample(
    pixels: np.ndarray,
    origin: Pair,
    crop: Pair,
    plane: Pair,
    window: Pair,
    flip: bool,
    method: int,
    line: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill `out` with a window of the plane that a crop is resized to.

    pixels: uint8 [h, w, 3], a part of the source. origin: of the crop's corner in `pixels`,
    negative where they begin inside the crop. crop, plane: sizes. window: of the output's corner
    in the plane. line: float32 [2, 3], what pixels of 0..255 are multiplied by and then what is
    added, for each channel. out: float32 [H, W, 3]; outside the plane pixels are 0. BILINEAR takes
    TF1's grid, output i at source i * step; TRIANGLE is antialiased and has half pixel centres,
    as tf.image.resize(antialias=True).
    """
    height, width, _ = out.shape
    source = pixels.reshape(pixels.shape[0], -1)
    rows, row_weights = _taps(
        pixels.shape[0], origin[0], crop[0], plane[0], window[0], height, method
    )
    columns, weights = _taps(
        pixels.shape[1], origin[1], crop[1], plane[1], window[1], width, method
    )
    taps = weights.shape[1]
    low, high = pixels.shape[1], 0
    for x in range(width):
        if columns[x] >= 0:
            low, high = min(low, columns[x]), max(high, columns[x] + taps)
    # Named here, so that the inner loop need not look again after each write.
    red_gain, green_gain, blue_gain = line[0, 0], line[0, 1], line[0, 2]
    red_bias, green_bias, blue_bias = line[1, 0], line[1, 1], line[1, 2]
    # Down first, over whole rows of the source; then along the row.
    row = np.empty(3 * max(high - low, 0), np.float32)
    for y in range(height):
        if rows[y] < 0 or high <= low:
            out[y] = line[1]
            continue
        for tap in range(row_weights.shape[1]):
            weight = row_weights[y, tap]
            part = source[rows[y] + tap, 3 * low : 3 * high]
            if tap == 0:
                for i in range(row.size):
                    row[i] = weight * np.float32(part[i])
            elif weight != 0:
                for i in range(row.size):
                    row[i] += weight * np.float32(part[i])
        for x in range(width):
            red = green = blue = np.float32(0)
            if columns[x] >= 0:
                at = 3 * (columns[x] - low)
                if taps == 2:
                    a, b = weights[x, 0], weights[x, 1]
                    red = a * row[at] + b * row[at + 3]
                    green = a * row[at + 1] + b * row[at + 4]
                    blue = a * row[at + 2] + b * row[at + 5]
                else:
                    for tap in range(taps):
                        weight = weights[x, tap]
                        red += weight * row[at]
                        green += weight * row[at + 1]
                        blue += weight * row[at + 2]
                        at += 3
            to = width - 1 - x if flip else x
            out[y, to, 0] = red * red_gain + red_bias
            out[y, to, 1] = green * green_gain + green_bias
            out[y, to, 2] = blue * blue_gain + blue_bias


@njit(nogil=True, cache=True, fastmath=True)
def saturate(image: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Fill `out` with the image, its HSV saturation multiplied by factor and cut at 1.

    image, out: float32 [..., 3]; a pixel without a channel above 0 becomes gray, as in
    tf.image.adjust_saturation. Hue and value stay, so every channel moves along its distance to
    the largest one. TensorFlow goes by way of the hue and makes a pixel gray where that rounds to
    a full circle (1 of a million values); here it keeps its colour.
    """
    scale = np.float32(factor)
    pixels, moved = image.reshape(-1, 3), out.reshape(-1, 3)
    for i in range(pixels.shape[0]):
        red, green, blue = pixels[i, 0], pixels[i, 1], pixels[i, 2]
        value = max(max(red, green), blue)
        span = value - min(min(red, green), blue)
        part = np.float32(0)
        if value > 0:
            part = scale if scale * span <= value else value / span
        moved[i, 0] = value - (value - red) * part
        moved[i, 1] = value - (value - green) * part
        moved[i, 2] = value - (value - blue) * part
