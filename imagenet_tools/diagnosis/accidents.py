"""Pictures that a pipeline fails on, or makes NaN or infinite values of."""

from __future__ import annotations

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.runs import Run
from imagenet_tools.pipelines import probe


def small_error(run: Run, size: int) -> str | None:
    """What happens to an image of half the output's size; None where it comes out whole."""
    side = max(1, size // 2)
    finite, error = _tried(run, patterns.flat(90, (side, side)))
    return error or (None if finite else "values that are NaN or infinite")


def odd(run: Run) -> tuple[str | None, str | None]:
    """The first odd picture that gives NaN or infinite values, and the first that fails: why."""
    bad = refused = None
    for name, picture in patterns.odd_pictures().items():
        finite, error = _tried(run, picture)
        if error:
            refused = refused or f"{name}: {error}"
        elif not finite:
            bad = bad or name
    return bad, refused


def _tried(run: Run, picture: np.ndarray) -> tuple[bool, str | None]:
    """Whether all values that come out are finite, and what the pipeline says where it fails."""
    try:
        return bool(np.isfinite(run(picture, 0)).all()), None
    except Exception as error:  # whatever a plug-in raises is the finding
        return False, probe.last_word(error)[:120]
