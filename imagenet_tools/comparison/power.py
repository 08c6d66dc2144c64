"""How many seeds and images a difference wants: the power of the comparison's test."""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize, stats

from imagenet_tools.comparison import degrees, statistics
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.statistics import Difference

POWER = 0.80
MOST_SEEDS = 200
IMAGES = 10_000  # bounds the degrees of freedom alone


@functools.cache
def power(
    difference: float, seeds: int, seed_sd: float, image_sd: float = 0.0, alpha: float = 0.05
) -> float:
    """Probability that `seeds` seeds an arm find a true difference (points), two-sided.

    seed_sd: deviation of accuracy between runs of one arm, points. image_sd: deviation of the
    difference over draws of the images, points (image_deviation). The sample variances of the arms
    are chi-squares; given them the difference is normal with a known error, so that the power is an
    integral over both.
    """
    seed_variance, image_variance = 2 * seed_sd**2 / seeds, image_sd**2
    se = math.sqrt(seed_variance + image_variance)
    if se == 0.0:
        return float(difference != 0.0)
    shift = abs(difference) / se
    of_a, of_b = (seed_variance / 2 * one for one in np.meshgrid(*[_variances(seeds)] * 2))
    seed_df = degrees.seed_degrees(of_a, of_b, seeds, seeds)
    df = degrees.total_degrees(of_a + of_b, seed_df, image_variance, IMAGES)
    critical = stats.t.ppf(1 - alpha / 2, df) * np.sqrt(of_a + of_b + image_variance) / se
    return float(np.mean(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift)))


@functools.cache
def _variances(seeds: int) -> np.ndarray:
    """Sample variances of so many seeds in 60 equally likely steps, of a variance of 1."""
    grid = (np.arange(60) + 0.5) / 60
    quantiles: np.ndarray = stats.chi2.ppf(grid, seeds - 1) / (seeds - 1)
    return quantiles


def image_deviation(variance: float, images: int) -> float:
    """Deviation of a difference over draws of so many images, in points, as verdicts have it.

    variance: of the arms' difference in the chance of an image.
    """
    return 100 * math.sqrt(variance / images + statistics.EXTRA_IMAGES / images**2)


def seeds_needed(
    difference: float,
    seed_sd: float,
    image_sd: float = 0.0,
    *,
    alpha: float = 0.05,
) -> int | None:
    """Seeds an arm for a power of 80 %; None where no number up to 200 reaches it."""
    known = seed_sd, image_sd, alpha
    return _first(range(2, MOST_SEEDS + 1), lambda seeds: power(difference, seeds, *known) >= POWER)


def detectable(seeds: int, seed_sd: float, image_sd: float = 0.0, alpha: float = 0.05) -> float:
    """The smallest difference (points) that `seeds` seeds find with 80 % power."""

    def lacking(difference: float) -> float:
        return POWER - power(difference, seeds, seed_sd, image_sd, alpha)

    return float(optimize.bisect(lacking, 0.0, 100.0)) if lacking(100.0) < 0 else 100.0


def more_seeds(
    estimate: Difference, margin: float, seeds: int, levels: Sequence[float]
) -> int | None:
    """Seeds an arm to add so that a difference of the size seen, or of the margin, is found.

    levels: with one, two, ... seeds more, the last of them with any more. None where it takes more
    than 200 seeds in all.
    """
    target = round(max(abs(estimate.value), margin), 3)
    known = round(estimate.run_deviation, 3), round(estimate.image_variance**0.5, 3)

    def found(more: int) -> bool:
        return power(target, seeds + more, *known, levels[min(more, len(levels)) - 1]) >= POWER

    counts = range(1, MOST_SEEDS - seeds + 1)
    first = next((more for more in counts[: len(levels)] if found(more)), None)
    return first or _first(counts[len(levels) :], found)  # at one level more seeds find more


def _first(counts: Sequence[int], found: Callable[[int], bool]) -> int | None:
    """The least of ascending counts for which it is True, as it is for all above; None for none."""
    at = bisect.bisect_left(counts, True, key=found)
    return counts[at] if at < len(counts) else None


def more_images(estimate: Difference, margin: float, n: int, alpha: float) -> int | None:
    """Images to add to n where these are too few for any number of seeds; None where they are not.

    Too few: what other images would change hides a difference of the size seen, or of the margin,
    with the usual power although the seeds told everything.
    """
    target = max(abs(estimate.value), margin)
    wanted = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER))
    # The number m with one / m + extra / m^2 = the variance at which the target is found.
    extra, variance = 1e4 * statistics.EXTRA_IMAGES, (target / wanted) ** 2
    one = n * estimate.image_variance - extra / n
    needed = math.ceil((one + math.sqrt(one**2 + 4 * variance * extra)) / (2 * variance))
    return needed - n if needed > n else None


def chance_decided(judged: Verdict, seeds: int, alpha: float) -> float:
    """Predicted chance that an inconclusive comparison is decided once it has `seeds` seeds an arm.

    Given the estimate now, that of all the seeds is spread about it by the part of the seeds'
    variance that is still to come (Spiegelhalter's predictive power), and that variance itself is
    known as well as the seeds tell it: a scaled inverse chi-square, of which quantiles are taken.
    alpha: the level of that look. Stopping where it is small costs no errors of the first kind.
    """
    estimate = judged.estimate
    if estimate is None:
        return 1.0  # one seed says nothing of the spread between seeds
    known = 2 * (min(judged.seeds) - 1)
    variance = estimate.seed_variance * known / stats.chi2.ppf((np.arange(40) + 0.5) / 40, known)
    share = min(1.0, min(judged.seeds) / seeds)
    then, spread = variance * share, np.sqrt(variance * (1 - share))
    image_variance = estimate.image_variance
    df = degrees.total_degrees(then, 2 * (seeds - 1), image_variance, judged.pictures)
    se = np.sqrt(then + image_variance)
    differs = stats.t.ppf(1 - alpha / 2, df) * se
    equal = np.clip(judged.margin - stats.t.ppf(1 - alpha, df) * se, 0, differs)
    if not spread.all():
        return 1.0
    below_a, above_a, below_equal, above_equal = (
        stats.norm.cdf((bound - estimate.value) / spread)
        for bound in (-differs, differs, -equal, equal)
    )
    return float(np.mean(below_a + 1 - above_a + above_equal - below_equal))
