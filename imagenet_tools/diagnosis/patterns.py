"""The test pictures of a diagnosis: what is in them is known, so what comes out can be measured."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from scipy import ndimage

HEIGHT, WIDTH = 375, 500  # the commonest size in ImageNet
MIDDLE = 128  # grey levels
Shape: TypeAlias = "tuple[int, int]"  # height, width
LARGE = (1200, 1600)  # where a resize without antialiasing shows


def flat(level: int | tuple[int, int, int], shape: Shape = (HEIGHT, WIDTH)) -> np.ndarray:
    """A picture of one grey, or of one colour: uint8 [height, width, 3]."""
    return np.broadcast_to(np.array(level, np.uint8), (*shape, 3)).copy()


def wave_period(size: int) -> float:
    """Pixels of a wave that survives every usual resize to an output of this size."""
    return max(6.0, 2.7 * HEIGHT / size)


@cache
def terrain(period: float) -> np.ndarray:
    """Smooth hills, much coarser than waves of this period: float [375, 500], deviation about 1."""
    noise = np.random.default_rng(11).standard_normal((HEIGHT, WIDTH))
    hills = ndimage.gaussian_filter(noise, 0.6 * period)
    return np.asarray(hills / hills.std())


def _grey(levels: np.ndarray) -> np.ndarray:
    """A grey picture of these levels [height, width]: uint8 [height, width, 3]."""
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def _blocks(seed: int, low: int, high: int, block: int, shape: Shape, kind: Any) -> np.ndarray:
    """Numbers from low to below high, drawn for blocks of so many pixels: [height, width]."""
    height, width = shape
    sides = (-(-height // block), -(-width // block))
    grid = np.random.default_rng(seed).integers(low, high, sides, kind)
    return np.asarray(np.kron(grid, np.ones((block, block), kind))[:height, :width])


@cache
def landmarks(period: float) -> np.ndarray:
    """Terrain, by which any window is known, under waves along both axes, which show the zoom."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = np.cos(2 * np.pi * x / period) + np.cos(2 * np.pi * y / period)
    return _grey(np.rint(127 + 45 * np.tanh(0.7 * terrain(period)) + 38 * waves))


def slope(axis: int, channel: int | None = None) -> np.ndarray:
    """Grey (or one channel) rising along an axis from 30 to 220; the rest at 128."""
    shape = [1, 1, 1]
    shape[axis] = (HEIGHT, WIDTH)[axis]
    rise = np.linspace(30, 220, shape[axis]).reshape(shape)
    image = np.full((HEIGHT, WIDTH, 3), 128.0)
    chosen = slice(None) if channel is None else slice(channel, channel + 1)
    image[:, :, chosen] = rise
    return image.astype(np.uint8)


@cache
def checkers(cell: int) -> np.ndarray:
    """A chess board of cells of so many pixels, dark and light grey: sharp edges everywhere."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return _grey(60 + 140 * ((y // cell + x // cell) % 2))


@cache
def bars(width: int) -> np.ndarray:
    """Upright bars of so many pixels, dark and light grey in turn."""
    return _grey(np.tile(60 + 140 * (np.arange(WIDTH) // width % 2), (HEIGHT, 1)))


@cache
def spots(strength: int, size: int) -> tuple[np.ndarray, float]:
    """Grey with scattered squares of an output's pixel, lighter or darker, and their share."""
    side = max(1, HEIGHT // size)
    grey, room = np.full((HEIGHT, WIDTH), MIDDLE, np.uint8), 6 * side
    rng = np.random.default_rng(3)
    for top in range(0, HEIGHT - room, room):
        for left in range(0, WIDTH - room, room):
            y, x = (int(one) for one in rng.integers(0, room // 2, 2))
            grey[top + y : top + y + side, left + x : left + x + side] = MIDDLE + strength
    return _grey(grey), float(np.mean(grey != MIDDLE))


def texture(strength: int, size: int) -> np.ndarray:
    """Grey with noise of +-strength levels, in blocks of two pixels of an output of this size."""
    bits = _blocks(7, 0, 2, max(2, 2 * HEIGHT // size), (HEIGHT, WIDTH), int)
    return _grey(MIDDLE + strength * (2 * bits - 1))


@cache
def noise(block: int = 1, shape: Shape = LARGE) -> np.ndarray:
    """Dark and light noise, in blocks of so many pixels."""
    return _grey(55 + 145 * _blocks(3, 0, 2, block, shape, np.uint8))


@cache
def patches(block: int, shape: Shape = (HEIGHT, WIDTH)) -> np.ndarray:
    """Blocks of so many pixels, each of a grey of its own: no line is of one value."""
    return _grey(_blocks(5, 40, 216, block, shape, np.uint8))


@cache
def hills(period: float) -> np.ndarray:
    """Terrain alone, from black to white: smooth, and every window of it has most levels."""
    return _grey(np.clip(np.rint(127.5 + 60 * terrain(period)), 0, 255))


@cache
def coloured_hills(period: float) -> np.ndarray:
    """Hills in each channel, other ones in each: most colours, and smooth."""
    one = hills(period)[..., 0]
    return np.stack([one, one[::-1], one[:, ::-1]], axis=2)


def black_and_white() -> np.ndarray:
    """Black on the left, white on the right."""
    picture = flat(0)
    picture[:, WIDTH // 2 :] = 255
    return picture


def odd_pictures() -> dict[str, np.ndarray]:
    """Pictures that real sets have a few of, and that careless arithmetic divides by zero on."""
    spot = flat(0)
    spot[HEIGHT // 2, WIDTH // 2] = 255
    colours = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
    return {
        **{f"grey of one level ({level})": flat(level) for level in (0, 128, 255)},
        **{f"pure {name}": flat(colour) for name, colour in colours.items()},
        "black with a white spot": spot,
        "half black, half white": black_and_white(),
        "a portrait": noise(16, (WIDTH, HEIGHT)),
    }
