"""The statistics of a comparison: the unit is the seed, the images are shared by every run.

Two runs of one pipeline differ; two checkpoints that differ "significantly" on the same images
say nothing about their pipelines (type-I error 30-40 % at a seed deviation of 0.2-0.3 points).
So a difference of pipelines is judged against the spread between seeds, plus the spread that
other images would add.

Everything is in points (percent of accuracy). Arrays are boolean [seeds, images].
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

# Looks at 3, 5 and 8 seeds, each at its own level, so that looking three times costs 5 % in all
# (calibrated by simulation; raw 5 % at each look would cost 9.7 %).
LOOKS = {3: 0.005, 5: 0.018, 8: 0.043}
POWER = 0.80
MOST_SEEDS = 200


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of A less that of B, and where its uncertainty comes from.

    value, se: points. seed_variance: s_A^2/k_A + s_B^2/k_B, what other seeds would change (points
    squared; it contains the churn of single images between runs). image_variance: what other
    images would change beyond that. churn: the part of image_variance's raw estimate that single
    runs explain, already taken off. df: Welch's over seeds, with both components.
    """

    value: float
    seed_variance: float
    image_variance: float
    churn: float
    df: float
    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float

    @property
    def se(self) -> float:
        return math.sqrt(self.seed_variance + self.image_variance)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval of the difference, in points."""
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.se
        return self.value - half, self.value + half

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference."""
        if self.se == 0.0:
            return 1.0 if self.value == 0.0 else 0.0
        return float(2 * stats.t.sf(abs(self.value) / self.se, self.df))

    def equivalence_p(self, margin: float) -> float:
        """The larger p-value of the two one-sided tests that the difference is within +-margin."""
        if self.se == 0.0:
            return 0.0 if abs(self.value) < margin else 1.0
        return float(stats.t.sf((margin - abs(self.value)) / self.se, self.df))

    @property
    def chance_a_beats_b(self) -> float:
        """Probability that a fresh run of A beats a fresh run of B on these images."""
        spread = math.hypot(self.sd_a, self.sd_b)
        if spread == 0.0:
            return 0.5 if self.value == 0.0 else float(self.value > 0)
        return float(stats.norm.cdf(self.value / spread))


def difference(correct_a: np.ndarray, correct_b: np.ndarray) -> Difference:
    """Estimate the difference of two arms from boolean arrays [seeds, images], 2 seeds or more.

    Var(d) = s_A^2/k_A + s_B^2/k_B + max(0, Var_i(d_i) - churn) / n, where d_i is image i's mean
    difference and churn the part of its variance that single runs explain. Degrees of freedom:
    see seed_degrees and total_degrees.
    """
    a, b = checked(correct_a, correct_b)
    if min(len(a), len(b)) < 2:
        raise ValueError("a difference between pipelines needs 2 seeds an arm or more")
    n = a.shape[1]
    if n < 2:
        raise ValueError(f"a difference between pipelines needs 2 images or more, not {n}")
    runs_a, runs_b = 100 * a.mean(axis=1), 100 * b.mean(axis=1)
    part_a, part_b = runs_a.var(ddof=1) / len(a), runs_b.var(ddof=1) / len(b)
    image_a, image_b = a.mean(axis=0), b.mean(axis=0)
    # Within-image variance between runs, p (1 - p) without bias: k / (k - 1) of the sample's.
    churn_a = float(np.mean(image_a * (1 - image_a))) / (len(a) - 1)
    churn_b = float(np.mean(image_b * (1 - image_b))) / (len(b) - 1)
    spread = float(np.var(image_a - image_b, ddof=1))
    image_part = 1e4 * max(0.0, spread - churn_a - churn_b) / n
    seed_part = float(part_a + part_b)
    seed_df = seed_degrees(part_a, part_b, len(a), len(b))
    return Difference(
        value=float(runs_a.mean() - runs_b.mean()),
        seed_variance=seed_part,
        image_variance=image_part,
        churn=1e4 * (churn_a + churn_b) / n,
        df=float(total_degrees(seed_part, seed_df, image_part, n)),
        mean_a=float(runs_a.mean()),
        mean_b=float(runs_b.mean()),
        sd_a=float(runs_a.std(ddof=1)),
        sd_b=float(runs_b.std(ddof=1)),
    )


def checked(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; ValueError where they are not boolean [seeds, images] of the same images."""
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    for array in (a, b):
        if array.ndim != 2 or array.dtype != np.bool_:
            raise ValueError(
                f"correct must be a boolean array [seeds, images], not {array.dtype} {array.shape}"
            )
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"A has {a.shape[1]} images and B {b.shape[1]}; they must be the same")
    return a, b


def seed_degrees(part_a: Any, part_b: Any, k_a: int, k_b: int) -> Any:
    """Degrees of freedom of s_A^2/k_A + s_B^2/k_B: Welch's second formula (Biometrika 1947).

    (a + b)^2 / (a^2/(k_A+1) + b^2/(k_B+1)) - 2, kept between min(k) - 1 and k_A + k_B - 2. The
    usual one (k - 1 and no -2) is too careful for few seeds: 3.5 % in place of 5 % errors at three
    seeds an arm, against 4.2 % with this one (200,000 simulated comparisons, equal variances).
    """
    part_a, part_b = np.asarray(part_a, float), np.asarray(part_b, float)
    total = part_a + part_b
    below = part_a**2 / (k_a + 1) + part_b**2 / (k_b + 1)
    degrees = np.divide(total**2, below, out=np.zeros_like(below), where=below > 0) - 2
    return np.clip(degrees, min(k_a, k_b) - 1, k_a + k_b - 2)


def total_degrees(seed_part: Any, seed_df: Any, image_part: Any, n: int) -> Any:
    """Degrees of freedom with the image component added, at most n - 1.

    seed_df * (total / seed_part) ^ (4/3). Satterthwaite's exponent is 2 where the image component
    is as good as known; but it is put on an estimate from a few seeds, and where these agree by
    luck the error is too small and the degrees too many at once. Simulated for 3 seeds an arm and
    image components of 5 to 60 % of the variance, errors of a nominal 5 % were 5.0 to 5.5 % with
    2 and 4.3 to 4.6 % with 4/3 (6.3 and 5.5 % where one arm's variance is four times the other's).
    """
    seed_part, image_part = np.asarray(seed_part, float), np.asarray(image_part, float)
    only_images = np.where(image_part > 0, n - 1.0, seed_df)
    ratio = np.divide(
        seed_part + image_part, seed_part, out=np.ones_like(seed_part), where=seed_part > 0
    )
    return np.where(seed_part > 0, np.minimum(seed_df * ratio ** (4 / 3), n - 1), only_images)


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, float]:
    """Exact McNemar test of two checkpoints on the same images: (A only, B only, p-value).

    About these two checkpoints alone, never about their pipelines.
    """
    only_a = int(np.sum(correct_a & ~correct_b))
    only_b = int(np.sum(correct_b & ~correct_a))
    if only_a + only_b == 0:
        return 0, 0, 1.0
    return only_a, only_b, float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def bootstrap_interval(
    correct_a: np.ndarray, correct_b: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval by resampling seeds and images together; a check on the formula.

    A resample of few seeds is too narrow (3 seeds: 2/3 of their variance), so it is widened by
    sqrt(k / (k - 1)) about the estimate. What single images change from run to run comes in with
    the seeds and again with the images (Owen 2007, the pigeonhole bootstrap), so that it is too
    wide, by up to 1.4 times, where runs differ by nothing else.
    """
    rng = np.random.default_rng(seed)
    a, b = checked(correct_a, correct_b)
    # Images that the same runs get right are alike: their kinds are drawn, some dozens.
    stacked, n = np.vstack([a, b]), a.shape[1]
    kind = np.zeros(n, np.int64)
    for run in stacked:
        kind = np.unique(2 * kind + run, return_inverse=True)[1]
    _, first, counts = np.unique(kind, return_index=True, return_counts=True)
    kinds = stacked[:, first].T.astype(np.float64)
    runs = rng.multinomial(n, counts / n, draws) @ kinds / n  # [draws, seeds of a and b]
    runs_a, runs_b = runs[:, : len(a)], runs[:, len(a) :]
    pick_a, pick_b = (rng.integers(0, part.shape[1], part.shape) for part in (runs_a, runs_b))
    mean_a = np.take_along_axis(runs_a, pick_a, 1).mean(1)
    mean_b = np.take_along_axis(runs_b, pick_b, 1).mean(1)
    found = 100 * (mean_a - mean_b)
    low, high = np.percentile(found, [2.5, 97.5])
    value = 100 * float(a.mean() - b.mean())
    k = min(len(a), len(b))
    widen = math.sqrt(k / (k - 1)) if k > 1 else 1.0
    return value + widen * (float(low) - value), value + widen * (float(high) - value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@functools.cache
def power(
    difference: float, seeds: int, seed_sd: float, image_sd: float = 0.0, alpha: float = 0.05
) -> float:
    """Probability that `seeds` seeds an arm find a true difference (points), two-sided.

    seed_sd: deviation of accuracy between runs of one arm, points. image_sd: deviation of the
    difference over draws of the images, points (sqrt(v / n)). Welch's test on equal variances
    loses against the noncentral t; it is integrated over the ratio of the two sample variances.
    """
    seed_variance, image_variance = 2 * seed_sd**2 / seeds, image_sd**2
    se = math.sqrt(seed_variance + image_variance)
    if se == 0.0:
        return float(difference != 0.0)
    shift = abs(difference) / se
    # Sample variances of the arms are chi-squares; given them, d is normal with known error.
    grid = (np.arange(60) + 0.5) / 60
    quantile = stats.chi2.ppf(grid, seeds - 1) / (seeds - 1)
    one, two = np.meshgrid(quantile, quantile)
    part_one, part_two = seed_variance / 2 * one, seed_variance / 2 * two
    seed_part = part_one + part_two
    estimated = seed_part + image_variance
    df = total_degrees(
        seed_part, seed_degrees(part_one, part_two, seeds, seeds), image_variance, 10_000
    )
    critical = stats.t.ppf(1 - alpha / 2, df) * np.sqrt(estimated) / se
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
