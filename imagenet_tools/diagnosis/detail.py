"""What becomes of fine detail: edges that overshoot, and faint texture that is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.patterns import HEIGHT
from imagenet_tools.diagnosis.runs import Run

DRAWS = 8
FAINT, STRONG = 8, 60  # grey levels about the mean


@dataclass(frozen=True)
class Detail:
    """Figures of one mode.

    overshoot: how far bars go beyond their own grey beside an edge, of the edge's height, in the
    median draw; a bicubic resize has 0.05, a bilinear one nothing. edge: width of an edge in output
    pixels, in the median draw. faint: correlation of what faint texture changes in the output with
    what the same texture changes when it is strong: 1 where the output is the sum of its parts, as
    after any resize, less where faint detail is rounded away, as in a JPEG of low quality. None in
    training, whose draws cannot always be repeated.
    """

    overshoot: float
    edge: float
    faint: float | None


def detail(run: Run, size: int, is_training: bool) -> Detail:
    """Measure one mode."""
    bars = patterns.bars(max(24, 16 * HEIGHT // size))
    edges = [_edges(run(bars, draw)) for draw in range(DRAWS if is_training else 1)]
    overshoot, width = (float(one) for one in np.median(edges, axis=0))
    return Detail(overshoot, width, None if is_training else _faint(run, size))


def _edges(out: np.ndarray) -> tuple[float, float]:
    """How far the mean line across bars goes beyond the grey of its light and dark parts, and the
    width of its steepest edge in pixels."""
    line = out.mean(axis=(0, 2))
    middle = (line.max() + line.min()) / 2
    light, dark = line[line > middle], line[line < middle]
    if not (light.size and dark.size):
        return 0.0, 0.0
    high, low = float(np.median(light)), float(np.median(dark))
    over = max(line.max() - high, low - line.min()) / (high - low)
    return float(over), float((high - low) / np.abs(np.diff(line)).max())


def _faint(run: Run, size: int) -> float:
    changes = []
    for strength in (FAINT, STRONG):
        light, dark = (run(patterns.texture(sign * strength, size), 0) for sign in (1, -1))
        changes.append((light - dark).ravel())
    both = np.linalg.norm(changes[0]) * np.linalg.norm(changes[1])
    return float(changes[0] @ changes[1] / both) if both else 0.0
