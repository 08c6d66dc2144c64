"""How many seeds a difference wants: the power of the comparison's test, before it is made."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import stats

from imagenet_tools.comparison import statistics

POWER = 0.80
MOST_SEEDS = 200
IMAGES = 10_000  # bounds the degrees of freedom alone


@functools.cache
def power(
    difference: float, seeds: int, seed_sd: float, image_sd: float = 0.0, alpha: float = 0.05
) -> float:
    """Probability that `seeds` seeds an arm find a true difference (points), two-sided.

    seed_sd: deviation of accuracy between runs of one arm, points. image_sd: deviation of the
    difference over draws of the images, points (sqrt(v / n)). The sample variances of the arms are
    chi-squares; given them the difference is normal with a known error, so that the power is an
    integral over both.
    """
    seed_variance, image_variance = 2 * seed_sd**2 / seeds, image_sd**2
    se = math.sqrt(seed_variance + image_variance)
    if se == 0.0:
        return float(difference != 0.0)
    shift = abs(difference) / se
    grid = (np.arange(60) + 0.5) / 60
    quantile = stats.chi2.ppf(grid, seeds - 1) / (seeds - 1)
    of_a, of_b = (seed_variance / 2 * one for one in np.meshgrid(quantile, quantile))
    seed_df = statistics.seed_degrees(of_a, of_b, seeds, seeds)
    df = statistics.total_degrees(of_a + of_b, seed_df, image_variance, IMAGES)
    critical = stats.t.ppf(1 - alpha / 2, df) * np.sqrt(of_a + of_b + image_variance) / se
    return float(np.mean(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift)))


def seeds_needed(
    difference: float,
    seed_sd: float,
    image_sd: float = 0.0,
    *,
    alpha: float = 0.05,
    wanted: float = POWER,
) -> int | None:
    """Seeds an arm for that power; None where no number up to 200 reaches it."""
    for seeds in range(2, MOST_SEEDS + 1):
        if power(difference, seeds, seed_sd, image_sd, alpha) >= wanted:
            return seeds
    return None


def detectable(seeds: int, seed_sd: float, image_sd: float = 0.0, alpha: float = 0.05) -> float:
    """The smallest difference (points) that `seeds` seeds find with 80 % power."""
    low, high = 0.0, 100.0
    for _ in range(40):
        middle = (low + high) / 2
        if power(middle, seeds, seed_sd, image_sd, alpha) < POWER:
            low = middle
        else:
            high = middle
    return high
