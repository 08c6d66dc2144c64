"""The interval of a difference by resampling, which checks the formula of statistics.py."""

from __future__ import annotations

import math

import numpy as np

from imagenet_tools.comparison import statistics


def bootstrap_interval(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % interval by resampling seeds and images together; a check on the formula.

    A resample of few seeds is too narrow (3 seeds: 2/3 of their variance), so it is widened by
    sqrt(k / (k - 1)) about the estimate. What single images change from run to run comes in with
    the seeds and again with the images (Owen 2007, the pigeonhole bootstrap), so that it is too
    wide, by up to 1.4 times, where runs differ by nothing else. groups: as for `difference`.
    """
    rng = np.random.default_rng(seed)
    (a, b), _ = statistics.clustered(statistics.checked(correct_a, correct_b), groups)
    # Images that the same runs get right are alike: their kinds are drawn, some dozens.
    stacked, n = np.vstack([a, b]), a.shape[1]
    kind = np.zeros(n, np.int64)
    for run in stacked:
        values, which = np.unique(run, return_inverse=True)
        kind = np.unique(len(values) * kind + which, return_inverse=True)[1]
    _, first, counts = np.unique(kind, return_index=True, return_counts=True)
    kinds = stacked[:, first].T.astype(np.float64)
    runs = rng.multinomial(n, counts / n, draws) @ kinds / n  # [draws, seeds of a and b]
    means = []
    for arm in (runs[:, : len(a)], runs[:, len(a) :]):
        pick = rng.integers(0, arm.shape[1], arm.shape)
        means.append(np.take_along_axis(arm, pick, 1).mean(1))
    low, high = np.percentile(100 * (means[0] - means[1]), [2.5, 97.5])
    value = 100 * float(a.mean() - b.mean())
    k = min(len(a), len(b))
    widen = math.sqrt(k / (k - 1)) if k > 1 else 1.0
    return value + widen * (float(low) - value), value + widen * (float(high) - value)
