"""Compiled loops over pixels: what TensorFlow's own operations do slowly on a processor.

Numba compiles them when they are first called (some seconds, kept in a cache on disk); they run
without Python's lock. They take and fill NumPy arrays. compiled.py puts them into
TensorFlow's graphs, and tests hold them to TensorFlow's operations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import make_array

# The filters, by their radius in steps of the grid; BILINEAR is TF1's, on its own grid.
BILINEAR, TRIANGLE, CUBIC = range(3)
Pair = tuple[int, int]  # y, x or height, width

# Numba has no short vectors, and its compiler does not find them in a pixel's three channels. In
# four lanes lie a pixel and, for nothing, the first channel of the next one.
LANES = 4
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
# As fastmath=True: a product and a sum may become one instruction.
_FAST = ("fast",)
_intrinsic: Any = intrinsic  # what it makes takes one argument less than its type says


class Lanes(types.Type):
    """Numba's type of four float32 in one register."""

    def __init__(self) -> None:
        super().__init__("Lanes")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """How Lanes are kept: as LLVM's vector."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    make: Any = make_array
    array = make(signature.args[0])(context, builder, arguments[0])
    place = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(place, _VECTOR.as_pointer())


@_intrinsic
def _load(typing: Any, array: Any, index: Any) -> Any:
    """Four neighbours of a contiguous float32 array [n], from index on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature, arguments), align=LANES)

    return Lanes()(array, types.intp), generate


@_intrinsic
def _store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        builder.store(arguments[2], address, align=LANES)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@_intrinsic
def _spread(typing: Any, number: Any) -> Any:
    """One number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = ir.Constant(ir.IntType(32), 0)
        lanes = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], first)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(lanes, lanes, everywhere)

    return Lanes()(types.float32), generate


@_intrinsic
def _plus(typing: Any, lanes: Any, others: Any, factor: Any) -> Any:
    """lanes + others * factor"""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, others, factor = arguments
        return builder.fadd(lanes, builder.fmul(others, factor, flags=_FAST), flags=_FAST)

    return Lanes()(lanes, others, factor), generate


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
    colours[:, :3], colours[:, 3] = line, line[:, 0]
    return colours


@njit(nogil=True, cache=True, fastmath=True)
def _along(
    row: np.ndarray, places: np.ndarray, weights: np.ndarray, colours: np.ndarray, drawn: np.ndarray
) -> None:
    """Fill `drawn` with a line of pixels, each a weighted sum of the row's, in four lanes."""
    gain, bias, taps = _load(colours[0], 0), _load(colours[1], 0), weights.shape[1]
    for x in range(places.size):
        at = places[x]
        pixel = _plus(_spread(np.float32(0)), _load(row, at), _spread(weights[x, 0]))
        pixel = _plus(pixel, _load(row, at + 3), _spread(weights[x, 1]))
        tap = 2
        while tap < taps:  # a range of two by two would cost more than it does here
            pixel = _plus(pixel, _load(row, at + 3 * tap), _spread(weights[x, tap]))
            pixel = _plus(pixel, _load(row, at + 3 * tap + 3), _spread(weights[x, tap + 1]))
            tap += 2
        _store(drawn, 3 * x, _plus(bias, pixel, gain))


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
    plain: bool,
) -> None:
    """Fill `out` with a window of the plane that a crop is resized to.

    pixels: uint8 or float32 [h, w, 3], a part of the source. origin: of the crop's corner in
    `pixels`, negative where they begin inside the crop. crop, plane: sizes. window: of the output's
    corner in the plane. line: float32 [2, 3], what pixels of 0..255 are multiplied by and then what
    is added, for each channel. out: float32 [H, W, 3]; outside the plane pixels are 0. BILINEAR
    takes TF1's grid, output i at source i * step; TRIANGLE and CUBIC are antialiased and have half
    pixel centres, as tf.image.resize(antialias=True); CUBIC may leave 0..255 a little.
    plain: by a loop without Lanes; the same but for rounding.
    """
    height, width, _ = out.shape
    last = pixels.shape[0] - 1
    source, flat = pixels.reshape(last + 1, -1), out.reshape(height, -1)
    rows, row_weights = _taps(
        pixels.shape[0], origin[0], crop[0], plane[0], window[0], height, method
    )
    columns, weights = _taps(
        pixels.shape[1], origin[1], crop[1], plane[1], window[1], width, method
    )
    if flip:
        columns, weights = columns[::-1].copy(), weights[::-1].copy()
    taps = weights.shape[1]
    low, high = _reach(columns, taps, pixels.shape[1])
    size = 3 * max(high - low, 0)
    # A pixel outside the plane has no weights: where it reads does not matter.
    places = 3 * (np.maximum(columns, low) - low)
    colours = _lanes(line)
    # Down first, over whole rows of the source; then along the row. Both have room for the lanes
    # of what follows their end.
    row = np.zeros(size + 3 + LANES, np.float32)
    drawn = np.empty(3 * width + 1, np.float32)
    for y in range(height):
        if rows[y] < 0 or size == 0:
            out[y] = line[1]
            continue
        for tap in range(0, row_weights.shape[1], 2):
            a, b = row_weights[y, tap], row_weights[y, tap + 1]
            upper = source[rows[y] + tap, 3 * low : 3 * high]
            lower = source[min(rows[y] + tap + 1, last), 3 * low : 3 * high]
            if tap == 0:
                for i in range(size):
                    row[i] = a * np.float32(upper[i]) + b * np.float32(lower[i])
            elif a != 0 or b != 0:
                for i in range(size):
                    row[i] += a * np.float32(upper[i]) + b * np.float32(lower[i])
        if plain:
            _along_plainly(row, places, weights, colours, drawn)
        else:
            _along(row, places, weights, colours, drawn)
        line_of = flat[y]
        for i in range(3 * width):
            line_of[i] = drawn[i]


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
