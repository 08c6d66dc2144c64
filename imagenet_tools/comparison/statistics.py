"""The statistics of a comparison: the unit is the seed, the images are shared by every run.

Two runs of one pipeline differ; two checkpoints that differ "significantly" on the same images
say nothing about their pipelines (type-I error 30-40 % at a seed deviation of 0.2-0.3 points).
So a difference of pipelines is judged against the spread between seeds, plus the spread that
other images would add.

Everything is in points (percent of accuracy). Arrays are [seeds, images]: boolean where they say
which images a run got right, or means of such over several evaluations of a run.
benchmarks/simulate_verdict.py measures the error rates; docs/why/error-rates.md has its tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from imagenet_tools.comparison import degrees, fresh_run

POOLED = 2 / 3  # see combination
# Images that are taken to differ beside those that do (Bonett and Price, J. Educ. Behav. Stat.
# 37, 2012: one more of each kind). Without them the error of a few images that all agree is 0.
EXTRA_IMAGES = 2
# Below it nothing is decided: error rates were simulated from here on, and what fewer images
# leave open no number of seeds closes.
FEWEST_IMAGES = 50
QUANTILE = 0.975  # where a two-sided interval of 95 % ends


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean accuracy of A less that of B, and where its uncertainty comes from.

    value, se, mean_a, mean_b, sd_a, sd_b: points.
    seed_variance: s_A^2/k_A + s_B^2/k_B, what other seeds would change (points squared; it contains
        the churn of single images between runs).
    image_variance: what other images would change beyond that.
    churn: the part of image_variance's raw estimate that single runs explain, already taken off.
    seed_df: degrees of freedom of the seeds.
    df: of seeds and images together.
    run_variance: of a run of A less a run of B about the true difference.
    """

    value: float
    seed_variance: float
    image_variance: float
    churn: float
    seed_df: float
    df: float
    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    run_variance: float

    @property
    def se(self) -> float:
        return math.sqrt(self.seed_variance + self.image_variance)

    @property
    def run_deviation(self) -> float:
        """Standard deviation of a run of either arm."""
        return math.sqrt((self.sd_a**2 + self.sd_b**2) / 2)

    def interval(self) -> tuple[float, float]:
        """Two-sided interval of the difference, 95 %, in points."""
        half = float(stats.t.ppf(QUANTILE, self.df)) * self.se
        return self.value - half, self.value + half

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference."""
        return float(2 * stats.t.sf(abs(self.value) / self.se, self.df))

    def equivalence_p(self, margin: float) -> float:
        """The larger p-value of the two one-sided tests that the difference is within +-margin."""
        return float(stats.t.sf((margin - abs(self.value)) / self.se, self.df))

    @property
    def chance_a_beats_b(self) -> float:
        """Probability that a fresh run of A beats a fresh run of B on these images."""
        return float(
            fresh_run.chance_to_win(self.value, self.run_variance, self.seed_variance, self.seed_df)
        )


def difference(
    runs_a: np.ndarray, runs_b: np.ndarray, groups: np.ndarray | None = None
) -> Difference:
    """Estimate the difference of two arms from arrays [seeds, images], 2 seeds or more.

    groups: int [images], the same number for images that show one picture, which then count as one
    (`clustered`); n below is the number of groups.

    Var(d) = s_A^2/k_A + s_B^2/k_B + max(0, Var_i(d_i) - churn) / n + 2 / n^2, where d_i is image
    i's mean difference, churn the part of its variance that single runs explain, and the last
    term EXTRA_IMAGES. Degrees of freedom: see degrees.py. ValueError for other
    arrays, one seed, or fewer than 2 images.
    """
    a, b = checked(runs_a, runs_b)
    if min(len(a), len(b)) < 2:
        raise ValueError("a difference between pipelines needs 2 seeds an arm or more")
    (a, b), known = clustered((a, b), groups)
    n = a.shape[1]
    if n < 2:
        raise ValueError(f"a difference between pipelines needs 2 images or more, not {n}")
    churn = _churn(a) + _churn(b)
    spread = float(np.var(a.mean(axis=0) - b.mean(axis=0), ddof=1))
    of_images = 1e4 * max(0.0, spread - churn) / n
    accuracy_a, accuracy_b = 100 * a.mean(axis=1), 100 * b.mean(axis=1)
    return of_accuracies(accuracy_a, accuracy_b, of_images, n, known=known, churn=1e4 * churn / n)


def of_accuracies(
    a: np.ndarray, b: np.ndarray, of_images: float, n: int, *, known: float, churn: float = 0.0
) -> Difference:
    """The difference of two arms from the accuracy of each run, in points.

    of_images: what other images would change, points squared, to which EXTRA_IMAGES among n are
    added. known: how many images it is known from.
    """
    variance_a, variance_b = float(a.var(ddof=1)), float(b.var(ddof=1))
    seed_variance = variance_a / len(a) + variance_b / len(b)
    image_floor = 1e4 * EXTRA_IMAGES / n**2
    image_variance = of_images + image_floor
    seed_df = float(degrees.seed_degrees(variance_a / len(a), variance_b / len(b), len(a), len(b)))
    return Difference(
        value=float(a.mean() - b.mean()),
        seed_variance=seed_variance,
        image_variance=image_variance,
        churn=churn,
        seed_df=seed_df,
        df=float(degrees.total_degrees(seed_variance, seed_df, image_variance, known)),
        mean_a=float(a.mean()),
        mean_b=float(b.mean()),
        sd_a=math.sqrt(variance_a),
        sd_b=math.sqrt(variance_b),
        run_variance=variance_a + variance_b + image_floor,
    )


def clustered(
    arms: Sequence[np.ndarray], groups: np.ndarray | None
) -> tuple[list[np.ndarray], float]:
    """Arrays [seeds, images] as [seeds, groups], the mean of every run unchanged, and how many
    groups of equal size would tell as much.

    What each group adds to the accuracy less what its size would, so that the variance between the
    columns is the cluster-robust one (Liang and Zeger 1986). A few large groups make that variance
    an estimate from few values: as many as Satterthwaite has it, where what a group adds varies
    with its size, (sum of squares)^2 / sum of fourth powers.
    """
    n = arms[0].shape[1]
    if groups is None:
        return list(arms), float(n)
    if np.shape(groups) != (n,):
        raise ValueError(f"groups must be one number an image, {n:,}, not {np.shape(groups)}")
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == n:
        return list(arms), float(n)
    influences = []
    for arm in arms:
        sums = np.stack([np.bincount(member, run, len(sizes)) for run in arm])
        mean = float(arm.mean())
        influences.append(mean + len(sizes) / n * (sums - sizes * mean))
    squares = sizes.astype(float) ** 2
    return influences, float(squares.sum() ** 2 / (squares**2).sum())


def combination(
    arms: Sequence[np.ndarray],
    weights: Sequence[float],
    groups: np.ndarray | None = None,
) -> tuple[float, tuple[float, float]]:
    """A weighted sum of many arms' mean accuracies, in points, and its two-sided interval of 95 %.

    As `difference`, but the variance between seeds is pooled over the arms: those of one comparison
    are alike. Of its degrees of freedom two thirds are counted, since they are not quite. Errors of
    a nominal 5 % with Shapley's weights, 8 arms of 2 or 3 seeds and new images: 4.1 to 4.3 %, and
    up to 5.2 % where half of the arms have 4 or 16 times the variance of the others.
    Without bounds where no arm has 2 seeds. groups: as for `difference`.
    """
    arms, known = clustered(arms, groups)
    n = arms[0].shape[1]
    value = 100 * sum(w * float(arm.mean()) for w, arm in zip(weights, arms, strict=True))
    if not any(weights):
        return 0.0, (0.0, 0.0)
    seed_df = sum(len(arm) - 1 for arm in arms)
    if not seed_df or n < 2:
        return value, (-math.inf, math.inf)
    squares = sum(len(arm) * float(arm.mean(axis=1).var()) for arm in arms)
    of_means = sum(w**2 / len(arm) for w, arm in zip(weights, arms, strict=True))
    seed_variance = 1e4 * squares / seed_df * of_means
    image = sum(w * arm.mean(axis=0) for w, arm in zip(weights, arms, strict=True))
    many = [(w, arm) for w, arm in zip(weights, arms, strict=True) if len(arm) > 1]
    churn = sum(w**2 * _churn(arm) for w, arm in many)
    extra = EXTRA_IMAGES / 2 * sum(w**2 for w in weights) / n**2
    image_variance = 1e4 * (max(0.0, float(np.var(image, ddof=1)) - churn) / n + extra)
    df = float(degrees.total_degrees(seed_variance, POOLED * seed_df, image_variance, known))
    half = float(stats.t.ppf(QUANTILE, df)) * math.sqrt(seed_variance + image_variance)
    return value, (value - half, value + half)


def _churn(runs: np.ndarray) -> float:
    """Variance of an image's mean over the seeds that single runs explain, averaged over images.

    For boolean runs it is p (1 - p) / (k - 1).
    """
    return float(np.mean(runs.var(axis=0, ddof=1))) / len(runs)


def checked(runs_a: np.ndarray, runs_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; ValueError where they are not finite [seeds, images] of the same images."""
    if any(np.ma.is_masked(runs) for runs in (runs_a, runs_b)):
        raise ValueError("correct has masked values; every run needs an answer for every image")
    a, b = np.asarray(runs_a), np.asarray(runs_b)
    for array in (a, b):
        if array.ndim != 2 or array.dtype.kind not in "bf":
            raise ValueError(
                f"correct must be a boolean array [seeds, images], not {array.dtype} {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError("correct has values that are NaN or infinite")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"A has {a.shape[1]} images and B {b.shape[1]}; they must be the same")
    return a, b


def seed_correlation(accuracy_a: np.ndarray, accuracy_b: np.ndarray) -> float | None:
    """Correlation of the arms' accuracies over the seeds that they share, in one order.

    None with fewer than 3 seeds, or where an arm does not vary. Arms that share a seed share
    initial weights and order: where that makes them alike, the interval is wider than it need be
    (errors 2.3 % at a correlation of .3); where one is good when the other is bad it is too narrow
    (5.8 to 7.8 % at -.3 with 3 to 8 seeds).
    """
    a, b = np.asarray(accuracy_a, float), np.asarray(accuracy_b, float)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def correlation_p(correlation: float, seeds: int) -> float:
    """Two-sided p-value of no correlation, of one found over so many seeds, 3 or more."""
    if abs(correlation) >= 1:
        return 0.0
    t = correlation * math.sqrt((seeds - 2) / (1 - correlation**2))
    return float(2 * stats.t.sf(abs(t), seeds - 2))


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, float]:
    """Exact McNemar test of two checkpoints on the same images: (A only, B only, p-value).

    About these two checkpoints alone, never about their pipelines.
    """
    only_a = int(np.sum(correct_a & ~correct_b))
    only_b = int(np.sum(correct_b & ~correct_a))
    both = only_a + only_b
    return only_a, only_b, float(stats.binomtest(only_a, both).pvalue) if both else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given. ValueError for one that is none, NaN, say."""
    if stray := [p for p in p_values if not 0 <= p <= 1]:
        raise ValueError(f"a p-value is {stray[0]}; it must be from 0 to 1")
    adjusted, order = np.array(p_values, float), np.argsort(p_values, kind="stable")
    stepped = np.arange(len(order), 0, -1) * adjusted[order]
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return [float(p) for p in adjusted]
