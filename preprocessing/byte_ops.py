"""The operations of pixel_ops on NumPy arrays, by compiled loops: uint8 [h, w, 3] in and out.

Equal to torchvision's tensor backend to the byte (tests/preprocessing/test_torchvision.py); the
sources are those of pixel_ops.py, which TensorFlow's graphs use. No TensorFlow here.
"""

from __future__ import annotations

import math

import numpy as np

from imagenet_tools.pipelines import byte_kernels as kernels

LEVELS = np.arange(256, dtype=np.float32)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """As pixel_ops.to_bytes, of float32 [h, w, 3]."""
    out = np.empty(image.shape, np.uint8)
    kernels.to_bytes(image, out)
    return out


def brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply by the factor."""
    return _look_up(image, LEVELS * np.float32(factor))


def contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the mean of the gray image."""
    total = kernels.gray(image, np.empty_like(image))
    mean = np.float32(total) / np.float32(image.shape[0] * image.shape[1])
    rest = float(np.float32(1.0 - factor))
    scaled = (LEVELS * np.float32(factor)).astype(np.float64)
    return _look_up(image, (float(mean) * rest + scaled).astype(np.float32))


def saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the gray image."""
    other, out = np.empty_like(image), np.empty_like(image)
    kernels.gray(image, other)
    kernels.blend(image, other, float(factor), out)
    return out


def hue(image: np.ndarray, shift: float) -> np.ndarray:
    """Turn the hue by a share of the full circle."""
    out = np.empty_like(image)
    kernels.turn(image, float(shift), out)
    return out


def sharpness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with a 3 x 3 smoothing inside the border."""
    if min(image.shape[:2]) <= 2:
        return image
    out = np.empty_like(image)
    kernels.sharpen(image, float(factor), out)
    return out


def posterize(image: np.ndarray, bits: int) -> np.ndarray:
    """Keep the highest bits."""
    return _look_up(image, np.arange(256) & (255 << (8 - int(bits))))


def solarize(image: np.ndarray, level: float) -> np.ndarray:
    """Invert what is as bright as the level, or brighter."""
    return _look_up(image, np.where(level <= LEVELS, 255 - LEVELS, LEVELS))


def autocontrast(image: np.ndarray) -> np.ndarray:
    """Stretch each channel to 0..255."""
    there = kernels.counts(image) > 0
    first, last = there.argmax(axis=1), 255 - there[:, ::-1].argmax(axis=1)
    low, high = (side[:, np.newaxis].astype(np.float32) for side in (first, last))
    span = np.where(high > low, high - low, np.float32(255)) * np.float32(1 / 255)
    return _look_up(image, np.where(high > low, (LEVELS - low) / span, LEVELS))


def equalize(image: np.ndarray) -> np.ndarray:
    """Make each channel's levels about equally common."""
    counts = kernels.counts(image)
    brightest = 255 - (counts[:, ::-1] > 0).argmax(axis=1)
    last = np.take_along_axis(counts, brightest[:, np.newaxis], axis=1)
    step = (counts.sum(axis=1, keepdims=True) - last) // 255
    below = np.cumsum(counts, axis=1) - counts
    safe = np.maximum(step, 1)
    return _look_up(image, np.where(step > 0, (below + safe // 2) // safe, np.arange(256)))


def shear_x(image: np.ndarray, slope: float, smooth: bool = False) -> np.ndarray:
    """Slant rows about the top left corner."""
    return _affine(image, ((1, slope, 0.5 * image.shape[0] * slope), (0, 1, 0)), smooth)


def shear_y(image: np.ndarray, slope: float, smooth: bool = False) -> np.ndarray:
    """Slant columns about the top left corner."""
    return _affine(image, ((1, 0, 0), (slope, 1, 0.5 * image.shape[1] * slope)), smooth)


def translate(image: np.ndarray, right: float, down: float) -> np.ndarray:
    """Move by whole pixels, cut towards zero."""
    return _affine(image, ((1, 0, -int(right)), (0, 1, -int(down))), False)


def rotate(image: np.ndarray, degrees: float, smooth: bool = False) -> np.ndarray:
    """Turn counter-clockwise about the middle."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    return _affine(image, ((cosine, -sine, 0), (sine, cosine, 0)), smooth)


def _affine(image: np.ndarray, matrix: tuple[tuple[float, ...], ...], smooth: bool) -> np.ndarray:
    """As pixel_ops has it."""
    halves = np.array([[0.5 * image.shape[1]], [0.5 * image.shape[0]]], np.float32)
    out = np.empty_like(image)
    kernels.affine(image, np.array(matrix, np.float32) / halves, smooth, out)
    return out


def _look_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """What each level becomes, by a table [256], or [3, 256] for each channel; cut to bytes."""
    out = np.empty_like(image)
    levels = np.clip(table, 0, 255).astype(np.uint8)
    kernels.look_up(image, np.ascontiguousarray(np.broadcast_to(levels, (3, 256))), out)
    return out
