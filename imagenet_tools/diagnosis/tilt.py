"""By how many degrees an output is turned or slanted: the way in which slopes of grey rise."""

from __future__ import annotations

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.runs import Run

PLAIN = 0.8  # of the output's variance: below, no slope is left that could be turned


def tilt(run: Run, draw: int) -> float:
    """Degrees of -90..90, clockwise; 0 where no slope is left. Upside down counts as upright.

    Of a slope down and one to the right, which a slant turns one of, that which is turned more.
    """
    down, right = (_rise(run(patterns.slope(axis), draw)) for axis in (0, 1))
    return max(_degrees(-down[1], down[0]), _degrees(right[0], right[1]), key=abs)


def turn(run: Run, draw: int) -> float:
    """Degrees of 0..180, to either side, that a slope down is turned by; 0 where none is left."""
    down, right = _rise(run(patterns.slope(0), draw))
    return float(np.degrees(np.arctan2(abs(right), down)))


def _rise(out: np.ndarray) -> tuple[float, float]:
    """By how much an output rises a pixel, down and to the right; 0, 0 where it is no slope."""
    edge = out.shape[0] // 6
    grey = out.mean(axis=2)[edge:-edge, edge:-edge]
    y, x = (axis - axis.mean() for axis in np.mgrid[: grey.shape[0], : grey.shape[1]])
    down, right = float((grey * y).sum() / (y**2).sum()), float((grey * x).sum() / (x**2).sum())
    plane = down * y + right * x
    return (down, right) if plane.var() > PLAIN * grey.var() else (0.0, 0.0)


def _degrees(aside: float, along: float) -> float:
    return float(np.degrees(np.arctan2(aside * (np.sign(along) or 1), abs(along))))
