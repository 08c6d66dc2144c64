"""Pictures that a pipeline fails on, or makes NaN or infinite values of."""

from __future__ import annotations

import math

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.runs import Run
from imagenet_tools.pipelines import probe


def small_error(run: Run, size: int) -> str | None:
    """What happens to an image of half the output's size; None where it comes out whole."""
    side = max(1, size // 2)
    try:
        out = run(patterns.flat(90, (side, side)), 0)
    except Exception as error:  # whatever a plug-in raises is the finding
        return probe.last_word(error)[:120]
    return None if math.isfinite(float(out.sum())) else "values that are NaN or infinite"


def odd(run: Run) -> tuple[str | None, str | None]:
    """The first odd picture that gives NaN or infinite values, and the first that fails: why."""
    bad = refused = None
    for name, picture in patterns.odd_pictures().items():
        try:
            finite = bool(np.isfinite(run(picture, 0)).all())
        except Exception as error:  # whatever a plug-in raises is the finding
            refused = refused or f"{name}: {probe.last_word(error)[:120]}"
            continue
        bad = bad or (None if finite else name)
    return bad, refused
