"""Compiled loops over bytes, one a kind of operation: table, affine, blend, hue; what they need.

Images are uint8 [h, w, 3]. What comes out is torchvision's to the byte, so the order of the sums
and what is rounded between them matter: no fastmath, and a product with its sum that torch rounds
once is one instruction here, too. The compiler makes vectors of a loop that has no branches, finds
its pixels at 3 * i, and writes one channel after the other: that is why they look as they do.
preprocessing/byte_ops.py makes the operations of these loops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

FLOAT: Any = np.float32  # and what is made of it: mypy knows no scalar of NumPy as a float
ZERO, ONE, MOST = FLOAT(0), FLOAT(1), FLOAT(255)
RED, GREEN, BLUE = FLOAT(0.2989), FLOAT(0.5870), FLOAT(0.1140)  # ops.LUMA
THIRTEENTH, SIXTH, LEVEL, LEVELS = FLOAT(1 / 13), FLOAT(1 / 6), FLOAT(1 / 255), FLOAT(255.999)
TWO, THREE, FOUR, FIVE, SIX = (FLOAT(number) for number in range(2, 7))
_intrinsic: Any = intrinsic  # what it makes takes one argument less than its type says


@_intrinsic
def _fused(typing: Any, factor: Any, other: Any, term: Any) -> Any:
    """factor * other + term in float32, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@njit(nogil=True, cache=True, inline="always")
def _level(number: Any) -> Any:
    """A number as a level, cut to 0..255, its fraction cut off."""
    return np.uint8(np.int32(min(max(number, ZERO), MOST)))


@njit(nogil=True, cache=True)
def to_bytes(image: np.ndarray, out: np.ndarray) -> None:
    """Float pixels [h, w, 3] of 0..255 as whole levels, rounded half to even."""
    pixels, levels = image.reshape(-1), out.reshape(-1)
    for i in range(pixels.size):
        levels[i] = _level(np.rint(pixels[i]))


@njit(nogil=True, cache=True)
def look_up(image: np.ndarray, table: np.ndarray, out: np.ndarray) -> None:
    """What each level becomes, by a table of its channel: uint8 [3, 256]."""
    pixels, made = image.reshape(-1, 3), out.reshape(-1, 3)
    for i in range(pixels.shape[0]):
        for channel in range(3):
            made[i, channel] = table[channel, pixels[i, channel]]


@njit(nogil=True, cache=True)
def counts(image: np.ndarray) -> np.ndarray:
    """How many pixels have each level, int64 [3, 256]."""
    pixels, histogram = image.reshape(-1, 3), np.zeros((3, 256), np.int64)
    for i in range(pixels.shape[0]):
        for channel in range(3):
            histogram[channel, pixels[i, channel]] += 1
    return histogram


@njit(nogil=True, cache=True)
def affine(image: np.ndarray, grid: np.ndarray, smooth: bool, out: np.ndarray) -> None:
    """Show the input at grid (float32 [2, 3]) * (x, y, 1), zeros outside.

    x, y: of the output, from the middle. The place is in halves of the sides, from the middle, too.
    Not smooth: the nearest pixel, half to even; smooth: bilinear, the sum rounded.
    """
    height, width, _ = image.shape
    columns = np.arange(width).astype(np.float32) - FLOAT(0.5 * (width - 1))
    places = np.empty((2, width), np.float32)
    for row in range(height):
        y = FLOAT(row - 0.5 * (height - 1))
        for axis, side in ((0, width), (1, height)):
            along, first, place = grid[axis, 1] * y, grid[axis, 0], places[axis]
            for i in range(width):
                at = first * columns[i] + along + grid[axis, 2] + ONE
                place[i] = FLOAT(np.float64(at) * (0.5 * side) - 0.5)
        if smooth:
            for i in range(width):
                _between(image, places[1, i], places[0, i], out[row, i])
        else:
            _nearest(image, places, out[row])


@njit(nogil=True, cache=True)
def _nearest(image: np.ndarray, places: np.ndarray, line: np.ndarray) -> None:
    """Fill a line [width, 3] with the pixels nearest to x, y of float32 [2, width], or zeros."""
    height, width, _ = image.shape
    pixels, made, found = image.reshape(-1), line.reshape(-1), np.empty(width, np.int32)
    for i in range(width):
        x, y = np.int32(np.rint(places[0, i])), np.int32(np.rint(places[1, i]))
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        found[i] = y * width + x if inside else -1
    for i in range(width):
        k = found[i]
        for channel in range(3):
            made[3 * i + channel] = pixels[3 * k + channel] if k >= 0 else 0


@njit(nogil=True, cache=True)
def _between(image: np.ndarray, at_y: float, at_x: float, pixel: np.ndarray) -> None:
    """Fill a pixel of three bytes with what lies between four of the image, zeros outside."""
    top, left = math.floor(at_y), math.floor(at_x)
    down, right = at_y - FLOAT(top), at_x - FLOAT(left)
    for channel in range(3):
        total = ZERO
        for k in range(4):
            i, j = top + k // 2, left + k % 2
            if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                part = (right if k % 2 else ONE - right) * (down if k // 2 else ONE - down)
                total = FLOAT(np.float64(image[i, j, channel]) * part + total)
        pixel[channel] = _level(np.rint(total))


@njit(nogil=True, cache=True)
def blend(image: np.ndarray, other: np.ndarray, factor: float, out: np.ndarray) -> None:
    """factor * image + (1 - factor) * other, cut to 0..255 and to whole levels."""
    pixels, others, made = image.reshape(-1), other.reshape(-1), out.reshape(-1)
    share, rest = FLOAT(factor), FLOAT(1.0 - factor)
    for i in range(pixels.size):
        made[i] = _level(_fused(FLOAT(others[i]), rest, FLOAT(pixels[i]) * share))


@njit(nogil=True, cache=True)
def sharpen(image: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Inside the border: blend with the mean of nine pixels, the middle one five times, rounded."""
    height, width, _ = image.shape
    lines, made = image.reshape(height, -1), out.reshape(height, -1)
    columns, rest = np.empty(3 * width, np.float32), FLOAT(1.0 - factor)
    left, middle, right = columns[:-6], columns[3:-3], columns[6:]
    for y in range(height):  # number by number: see kernels.py
        here, drawn = lines[y], made[y]
        for i in range(3 * width):
            drawn[i] = here[i]
    for y in range(1, height - 1):
        above, here, below = lines[y - 1], lines[y], lines[y + 1]
        for i in range(3 * width):
            columns[i] = FLOAT(above[i]) + FLOAT(here[i]) + FLOAT(below[i])
        inside, drawn = here[3:-3], made[y, 3:-3]
        for i in range(3 * width - 6):
            level = FLOAT(inside[i])
            total = left[i] + middle[i] + right[i] + FOUR * level
            smooth = np.rint(total * THIRTEENTH)  # a sum by 13 is never in the middle of two
            drawn[i] = _level(_fused(smooth - level, rest, level))


@njit(nogil=True, cache=True)
def gray(image: np.ndarray, out: np.ndarray) -> int:
    """The luma in all three channels, its fraction cut off; returns its sum over the pixels."""
    pixels = image.reshape(-1)
    lumas = np.empty(pixels.size // 3, np.uint8)
    for k in range(lumas.size):
        luma = _fused(FLOAT(pixels[3 * k + 1]), GREEN, FLOAT(pixels[3 * k]) * RED)
        lumas[k] = _level(_fused(FLOAT(pixels[3 * k + 2]), BLUE, luma))
    _interleave(lumas, lumas, lumas, out)
    total = 0
    for k in range(lumas.size):
        total += lumas[k]
    return total


@njit(nogil=True, cache=True)
def _interleave(red: np.ndarray, green: np.ndarray, blue: np.ndarray, out: np.ndarray) -> None:
    made = out.reshape(-1)
    for k in range(red.size):
        made[3 * k], made[3 * k + 1], made[3 * k + 2] = red[k], green[k], blue[k]


@njit(nogil=True, cache=True, error_model="numpy")
def turn(image: np.ndarray, shift: float, out: np.ndarray) -> None:
    """Turn the hue by a share of the full circle, by way of HSV; times 255.999 and cut off."""
    pixels, by = image.reshape(-1), FLOAT(shift)
    planes = np.empty((3, pixels.size // 3), np.uint8)
    reds, greens, blues = planes[0], planes[1], planes[2]
    for k in range(reds.size):
        red, green = FLOAT(pixels[3 * k]) * LEVEL, FLOAT(pixels[3 * k + 1]) * LEVEL
        blue = FLOAT(pixels[3 * k + 2]) * LEVEL
        value = max(max(red, green), blue)
        span = value - min(min(red, green), blue)
        saturation = span / (value if value > ZERO else ONE)
        divisor = span if span > ZERO else ONE  # of a gray pixel, whose hue plays no part
        to_red, to_green = (value - red) / divisor, (value - green) / divisor
        to_blue = (value - blue) / divisor
        from_green, from_blue = (to_red + TWO) - to_blue, (to_green + FOUR) - to_red
        side = from_green if value == green else from_blue
        side = to_blue - to_green if value == red else side
        hue = _circle(_circle(side * SIXTH + ONE) + by) * SIX
        sector = np.floor(hue)
        part = saturation * (hue - sector)
        low, falling = (ONE - saturation) * value, (ONE - part) * value
        rising = (part + (ONE - saturation)) * value
        sector = ZERO if sector == SIX else sector
        green_sector = sector - TWO if sector >= TWO else sector + FOUR
        blue_sector = sector - FOUR if sector >= FOUR else sector + TWO
        reds[k] = _wave(sector, value, falling, low, rising)
        greens[k] = _wave(green_sector, value, falling, low, rising)
        blues[k] = _wave(blue_sector, value, falling, low, rising)
    _interleave(reds, greens, blues, out)


@njit(nogil=True, cache=True, inline="always")
def _circle(hue: Any) -> Any:
    """A hue of -1 to 2 as one of 0 to 1: its remainder by 1, quicker."""
    above = hue - ONE if hue >= ONE else hue
    return hue + ONE if hue < ZERO else above


@njit(nogil=True, cache=True, inline="always")
def _wave(sector: Any, value: Any, falling: Any, low: Any, rising: Any) -> Any:
    """The level of a channel that is at the value in sector 0 and 5, falls in 1, rises in 4."""
    share = low if TWO <= sector <= THREE else value
    share = falling if sector == ONE else share
    share = rising if sector == FOUR else share
    return np.uint8(np.int32(min(max(share, ZERO), ONE) * LEVELS))
