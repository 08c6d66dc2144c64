"""The share of an output that shows no picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagenet_tools.diagnosis import patterns, placement
from imagenet_tools.diagnosis.patterns import HEIGHT, WIDTH
from imagenet_tools.diagnosis.runs import Run

OBLONG, SQUARE = ((HEIGHT, WIDTH), (WIDTH, HEIGHT)), ((HEIGHT, HEIGHT),)


def padded(run: Run, size: int, draw: int, shapes: Sequence[tuple[int, int]] = OBLONG) -> float:
    """Share of an output of patches that lies in lines of one value along its borders.

    The most of pictures of these shapes.
    """
    block = max(8, 2 * HEIGHT // size)
    shares = [0.0]
    for shape in shapes:
        out = run(patterns.patches(block, shape), draw)
        if out.any():  # nothing is there where it failed, which `refused` says
            shares.append(1 - out[placement.inside(out)].size / out.size)
    return max(shares)


def blind(run: Run, draws: Sequence[int]) -> float:
    """Share of the output that answers to brightness in no draw.

    Cut-outs move from draw to draw, a border or a mark stays.
    """
    answers = []
    for draw in draws:
        light, dark = (run(patterns.flat(level), draw).mean(axis=2) for level in (235, 20))
        answers.append(np.abs(light - dark))
    most = np.max(answers, axis=0)
    whole = float(np.median(most))
    return float(np.mean(most < 0.1 * whole)) if whole > 1e-3 else 0.0
