"""How the picture is brought to its size: blurred, aliased, by nearest neighbour."""

from __future__ import annotations

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.patterns import HEIGHT, LARGE
from imagenet_tools.diagnosis.runs import Run

SAME_LEVEL = 0.02  # of the span: two values of nearest-neighbour noise are this alike
DOUBLED = 0.1  # of the inner lines of hills; a reflected border repeats one, at the border


def blur(run: Run, size: int, draw: int) -> float:
    """The width of sharp edges in output pixels: the range over the steepest step."""
    cell = max(24, 16 * HEIGHT // size)
    out = run(patterns.checkers(cell), draw).astype(np.float64).mean(axis=2)
    low, high = (float(value) for value in np.percentile(out, [3, 97]))
    steep = [np.percentile(np.abs(np.diff(out, axis=axis)).max(axis=axis), 75) for axis in (0, 1)]
    return (high - low) / max(float(min(steep)), 1e-9)


def aliasing(run: Run, size: int, draws: int) -> float:
    """What is left of pixel noise, of what is left of coarse blocks."""
    block = max(8, 8 * min(LARGE) // size)
    fine, coarse = patterns.noise(), patterns.noise(block)
    left = [
        _deviation(_middle(run(fine, i))) / max(_deviation(run(coarse, i)), 1e-9)
        for i in range(min(draws, 3))
    ]
    return float(min(np.median(left), 1.0))


def _deviation(out: np.ndarray) -> float:
    """Within channels: they may have means of their own."""
    return float(np.sqrt(out.var(axis=(0, 1)).mean()))


def _middle(out: np.ndarray) -> np.ndarray:
    """Without a border, which is no noise."""
    edge = len(out) // 4
    return out[edge:-edge, edge:-edge]


def is_nearest(run: Run, draw: int) -> bool:
    """Whether black and white noise comes out in two levels only."""
    out = run(patterns.noise()[:600, :800], draw)[..., 0]
    low, high = float(out.min()), float(out.max())
    if not high - low > 1e-6:
        return False
    near = np.minimum(np.abs(out - low), np.abs(out - high))
    return bool(np.mean(near < SAME_LEVEL * (high - low)) > 0.98)


def is_doubled(hills: np.ndarray) -> bool:
    """Whether rows or columns of an output of smooth hills are copies of the ones before."""
    edge = len(hills) // 6
    inside = hills[edge:-edge, edge:-edge]
    for lines in (inside, inside.swapaxes(0, 1)):
        shown = np.ptp(lines[1:], axis=1).any(axis=1)
        copies = (lines[1:] == lines[:-1]).all(axis=(1, 2)) & shown
        if copies.mean() > DOUBLED:
            return True
    return False
