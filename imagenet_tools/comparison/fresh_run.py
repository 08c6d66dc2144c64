"""The probability that a fresh run of one arm beats a fresh run of the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

# What differences of pipelines are like, in standard deviations of one run: normal with this one in
# 19 of 20 comparisons, in the others with 2, 4, ... 32 times it, each half as often as the former.
LIKELY = 1.5
WIDER = 2.0 ** np.arange(6)
HOW_OFTEN = np.array([0.95, *0.05 * (0.5 ** np.arange(1, 6)) / (1 - 0.5**5)])


def chance_to_win(value: Any, run_variance: Any, seed_variance: Any, seed_df: Any) -> Any:
    """Predictive probability that a fresh run of A beats one of B; the fields of a Difference.

    The normal distribution at value / sqrt(run_variance) says .98 where .88 comes true (3 seeds an
    arm, differences of 1.5 deviations of a run, arms called the winner), and Student's t .94: that
    the larger arm was chosen for being larger is in neither. So the difference has a prior,
    LIKELY, and is drawn towards 0; run_variance is known from the seeds and from the difference.
    Then it says .720 for .720 at 3 seeds (winners .877 for .878), too little where differences are
    wider than that, and too much where they are narrower.
    """
    value, run_variance, seed_variance, seed_df = (
        np.asarray(one, float)[..., np.newaxis]
        for one in (value, run_variance, seed_variance, seed_df)
    )
    prior = (LIKELY * WIDER) ** 2 / 2
    error = seed_variance / run_variance  # of the mean difference, as prior in run variances
    spread = (seed_df + value**2 / run_variance / (prior + error)) / (seed_df + 1)
    weight = HOW_OFTEN * (prior + error) ** -0.5 * spread ** (-(seed_df + 1) / 2)
    drawn = prior / (prior + error)
    t = value * drawn / np.sqrt(run_variance * spread * (1 + drawn * error))
    return np.sum(weight * stats.t.cdf(t, seed_df + 1), axis=-1) / np.sum(weight, axis=-1)
