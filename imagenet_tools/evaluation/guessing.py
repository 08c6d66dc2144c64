"""How often a net is right that has learned nothing."""

from __future__ import annotations

import numpy as np
from scipy import stats


def chance(labels: np.ndarray, classes: int) -> float:
    """How often a net that names one class throughout is right at most: the commonest's share.

    Where the labels have one class only, one in `classes`: there, always right is no guessing.
    """
    counts = np.unique(labels, return_counts=True)[1]
    return float(counts.max() / counts.sum()) if len(counts) > 1 else 1 / classes


def at_chance(right: int, n: int, share: float) -> bool:
    """True where guessing, right with this share, often hits as many (probability above 1 %)."""
    return bool(stats.binom.sf(right - 1, n, share) > 0.01)


def guesses(correct: np.ndarray, labels: np.ndarray, classes: int) -> int:
    """How many runs, of those whose bool [runs, images] say what they got right, only guess."""
    share = chance(labels, classes)
    return sum(at_chance(int(right), len(labels), share) for right in correct.sum(axis=1))
