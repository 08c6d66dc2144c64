"""By how many degrees an output is turned: the way in which a slope of grey rises."""

from __future__ import annotations

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.runs import Run

PLAIN = 0.8  # of the output's variance: below, no slope is left that could be turned


def tilt(run: Run, draw: int) -> float:
    """Degrees of -90..90, clockwise; 0 where no slope is left. Upside down counts as upright."""
    out = run(patterns.slope(0), draw).mean(axis=2)
    edge = out.shape[0] // 6
    grey = out[edge:-edge, edge:-edge]
    y, x = (axis - axis.mean() for axis in np.mgrid[: grey.shape[0], : grey.shape[1]])
    down, right = float((grey * y).sum() / (y**2).sum()), float((grey * x).sum() / (x**2).sum())
    plane = down * y + right * x
    if not plane.var() > PLAIN * grey.var():
        return 0.0
    return float(np.degrees(np.arctan2(-right * np.sign(down), abs(down))))
