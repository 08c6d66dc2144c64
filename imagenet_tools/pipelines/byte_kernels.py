"""Compiled loops over bytes, one a kind of operation: table, affine, blend, hue; what they need.

Images are uint8 [h, w, 3]. What comes out is torchvision's to the byte, so the order of the sums
and what is rounded between them matter: no fastmath, and a product with its sum that torch rounds
once (a fused multiply-add) is made in float64 and then rounded.
preprocessing/byte_ops.py makes the operations of these loops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

FLOAT: Any = np.float32  # and what is made of it: mypy knows no scalar of NumPy as a float
ZERO, ONE, MOST = FLOAT(0), FLOAT(1), FLOAT(255)
RED, GREEN, BLUE = FLOAT(0.2989), FLOAT(0.5870), FLOAT(0.1140)  # ops.LUMA
THIRTEENTH, SIXTH, LEVEL, LEVELS = FLOAT(1 / 13), FLOAT(1 / 6), FLOAT(1 / 255), FLOAT(255.999)


@njit(nogil=True, cache=True)
def to_bytes(image: np.ndarray, out: np.ndarray) -> None:
    """Float pixels [h, w, 3] of 0..255 as whole levels, rounded half to even."""
    pixels, levels = image.reshape(-1), out.reshape(-1)
    for i in range(pixels.size):
        levels[i] = np.uint8(min(max(np.rint(pixels[i]), ZERO), MOST))


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
    for row in range(height):
        y = FLOAT(row - 0.5 * (height - 1))
        across, along = grid[0, 1] * y, grid[1, 1] * y
        for column in range(width):
            x = FLOAT(column - 0.5 * (width - 1))
            at_x = FLOAT(
                np.float64(grid[0, 0] * x + across + grid[0, 2] + ONE) * (0.5 * width) - 0.5
            )
            at_y = FLOAT(
                np.float64(grid[1, 0] * x + along + grid[1, 2] + ONE) * (0.5 * height) - 0.5
            )
            if smooth:
                _between(image, at_y, at_x, out[row, column])
                continue
            i, j = int(np.rint(at_y)), int(np.rint(at_x))
            inside = 0 <= i < height and 0 <= j < width
            for channel in range(3):
                out[row, column, channel] = image[i, j, channel] if inside else 0


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
        pixel[channel] = np.uint8(min(max(np.rint(total), ZERO), MOST))


@njit(nogil=True, cache=True)
def blend(image: np.ndarray, other: np.ndarray, factor: float, out: np.ndarray) -> None:
    """factor * image + (1 - factor) * other, cut to 0..255 and to whole levels."""
    pixels, others, made = image.reshape(-1), other.reshape(-1), out.reshape(-1)
    share, rest = FLOAT(factor), np.float64(FLOAT(1.0 - factor))
    for i in range(pixels.size):
        level = FLOAT(np.float64(others[i]) * rest + np.float64(FLOAT(pixels[i]) * share))
        made[i] = np.uint8(min(max(level, ZERO), MOST))


@njit(nogil=True, cache=True)
def sharpen(image: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Inside the border: blend with the mean of nine pixels, the middle one five times, rounded."""
    height, width, _ = image.shape
    lines, made = image.reshape(height, -1), out.reshape(height, -1)
    columns, rest = np.empty(3 * width, np.float32), np.float64(FLOAT(1.0 - factor))
    out[:] = image
    for y in range(1, height - 1):
        above, here, below, drawn = lines[y - 1], lines[y], lines[y + 1], made[y]
        for i in range(3 * width):
            columns[i] = FLOAT(above[i]) + FLOAT(here[i]) + FLOAT(below[i])
        for i in range(3, 3 * width - 3):
            total = columns[i - 3] + columns[i] + columns[i + 3] + FLOAT(4) * FLOAT(here[i])
            smooth = np.rint(total * THIRTEENTH)  # a sum by 13 is never in the middle of two
            level = FLOAT(np.float64(smooth - FLOAT(here[i])) * rest + np.float64(here[i]))
            drawn[i] = np.uint8(min(max(level, ZERO), MOST))


@njit(nogil=True, cache=True)
def gray(image: np.ndarray, out: np.ndarray) -> int:
    """The luma in all three channels, its fraction cut off; returns its sum over the pixels."""
    pixels, made = image.reshape(-1, 3), out.reshape(-1, 3)
    total = 0
    for i in range(pixels.shape[0]):
        luma = FLOAT(pixels[i, 0]) * RED
        luma = FLOAT(np.float64(pixels[i, 1]) * GREEN + luma)
        level: Any = np.uint8(FLOAT(np.float64(pixels[i, 2]) * BLUE + luma))
        made[i, 0] = made[i, 1] = made[i, 2] = level
        total += level
    return total


@njit(nogil=True, cache=True, inline="always")
def _circle(hue: Any) -> Any:
    """A hue of -1 to 2 as one of 0 to 1: its remainder by 1, quicker."""
    if hue < ZERO:
        return hue + ONE
    return hue - ONE if hue >= ONE else hue


@njit(nogil=True, cache=True, error_model="numpy")
def turn(image: np.ndarray, shift: float, out: np.ndarray) -> None:
    """Turn the hue by a share of the full circle, by way of HSV; times 255.999 and cut off."""
    pixels, made = image.reshape(-1, 3), out.reshape(-1, 3)
    for k in range(pixels.shape[0]):
        red, green = FLOAT(pixels[k, 0]) * LEVEL, FLOAT(pixels[k, 1]) * LEVEL
        blue = FLOAT(pixels[k, 2]) * LEVEL
        value = max(max(red, green), blue)
        span = value - min(min(red, green), blue)
        if span == ZERO:  # gray
            made[k] = np.uint8(value * LEVELS)
            continue
        saturation = span / value
        to_red, to_green = (value - red) / span, (value - green) / span
        to_blue = (value - blue) / span
        if value == red:
            hue = to_blue - to_green
        elif value == green:
            hue = (to_red + FLOAT(2)) - to_blue
        else:
            hue = (to_green + FLOAT(4)) - to_red
        hue = _circle(_circle(hue * SIXTH + ONE) + FLOAT(shift)) * FLOAT(6)
        sector = np.floor(hue)
        part = saturation * (hue - sector)
        low, falling = (ONE - saturation) * value, (ONE - part) * value
        rising = (part + (ONE - saturation)) * value
        order = int(sector) % 6
        if order == 0:
            red, green, blue = value, rising, low
        elif order == 1:
            red, green, blue = falling, value, low
        elif order == 2:
            red, green, blue = low, value, rising
        elif order == 3:
            red, green, blue = low, falling, value
        elif order == 4:
            red, green, blue = rising, low, value
        else:
            red, green, blue = value, low, falling
        for channel, level in enumerate((red, green, blue)):
            made[k, channel] = np.uint8(min(max(level, ZERO), ONE) * LEVELS)
