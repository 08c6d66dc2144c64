"""Type-I error and coverage of the verdict, by simulation: the tables of docs/why/error-rates.md.

    python -m benchmarks.simulate_verdict [--draws 4000] [--only seeds]

Every row is of two pipelines that do not differ, judged as `imgtools compare-preproc` judges them.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from imagenet_tools.comparison import degrees, looks, statistics

TAILS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, k: rng.normal(size=k),
    "t3": lambda rng, k: rng.standard_t(3, k) / np.sqrt(3),
}


@dataclass(frozen=True)
class Regime:
    """What two equal pipelines are like.

    tau: deviation in points of a run's accuracy beyond the churn of images. ratio: A's variance of
    it over B's. image_variance: of the arms' difference in an image's chance of being right; above
    0 every comparison has images of its own. shared: correlation of the runs of one seed. copies:
    near-duplicates of every image. known: these are told as groups. classes: drawn anew, this
    many, with effects of 2 points.
    """

    k_a: int = 3
    k_b: int = 3
    n: int = 1500
    accuracy: float = 0.55
    tau: float = 0.3
    ratio: float = 1.0
    image_variance: float = 0.0
    tails: str = "normal"
    shared: float = 0.0
    copies: int = 1
    known: bool = False
    classes: int = 0


def chances(rng: np.random.Generator, regime: Regime) -> np.ndarray:
    """Chances of each image of being right under both arms, [2, n].

    U-shaped, as those of real nets are: most images are right or wrong in every run, some flip.
    """
    first, second = 1.1 * regime.accuracy, 1.1 * (1 - regime.accuracy)
    n = -(-regime.n // regime.copies)
    common, *own = rng.beta(first, second, (3, n))
    # This share of each arm's images has a chance of its own, the others the common one.
    spread = 2 * regime.accuracy * (1 - regime.accuracy) / 2.1
    share = 1 - np.sqrt(max(0.0, 1 - regime.image_variance / spread))
    both = np.stack([np.where(rng.random(n) < share, one, common) for one in own])
    if regime.classes:
        effect = rng.normal(0, 0.02, regime.classes)[rng.integers(0, regime.classes, n)]
        both[0] += effect * weights(both[0], regime)
    return np.repeat(both, regime.copies, axis=1)[:, : regime.n]


def weights(chance: np.ndarray, regime: Regime) -> np.ndarray:
    """How much of a run's shift an image takes: those that are decided take none; mean 1."""
    mean = regime.accuracy * (1 - regime.accuracy) * 1.1 / 2.1
    return np.asarray(chance * (1 - chance) / mean)


def comparisons(regime: Regime, draws: int, seed: int = 0) -> Iterator[statistics.Difference]:
    """Differences of two pipelines that are equal over the images that there are."""
    rng = np.random.default_rng([seed, regime.k_a, regime.k_b, regime.n])
    both = chances(rng, regime)
    for _ in range(draws):
        if regime.image_variance or regime.copies > 1 or regime.classes:
            both = chances(rng, regime)
        most = max(regime.k_a, regime.k_b)
        together = np.sqrt(regime.shared) * rng.normal(size=most)
        arms = []
        for chance, k, scale in zip(
            both, (regime.k_a, regime.k_b), (np.sqrt(regime.ratio), 1.0), strict=True
        ):
            alone = np.sqrt(1 - regime.shared) * TAILS[regime.tails](rng, k)
            shift = regime.tau / 100 * scale * (together[:k] + alone)
            line = chance + shift[:, None] * weights(chance, regime)
            arms.append(rng.random((k, regime.n), np.float32) < line)
        groups = np.repeat(np.arange(regime.n), regime.copies)[: regime.n]
        yield statistics.difference(arms[0], arms[1], groups if regime.known else None)


def rates(regime: Regime, draws: int, seed: int = 0) -> tuple[float, float]:
    """Type-I error of a nominal 5 % and coverage of the 95 % interval, in percent."""
    found = list(comparisons(regime, draws, seed))
    covered = [low <= 0 <= high for low, high in (one.interval() for one in found)]
    return 100 * float(np.mean([one.p < 0.05 for one in found])), 100 * float(np.mean(covered))


def seeds_error(k_a: int, k_b: int, ratio: float, alpha: float = 0.05) -> float:
    """Type-I error of the seeds alone, accuracies normal, variances ratio:1, by integration.

    Given the ratio of the sample variances, the difference over any multiple of their sum is
    Student's with k_A + k_B - 2 degrees of freedom (Ray and Pitman, JRSS B 23, 1961).
    """
    df_a, df_b = k_a - 1, k_b - 1
    share = stats.beta.ppf((np.arange(800) + 0.5) / 800, df_a / 2, df_b / 2)
    of_a, of_b = ratio * share / df_a / k_a, (1 - share) / df_b / k_b
    df = degrees.seed_degrees(of_a, of_b, k_a, k_b)
    bound = stats.t.ppf(1 - alpha / 2, df) * np.sqrt(of_a + of_b)
    true = np.sqrt((ratio / k_a + 1 / k_b) / (df_a + df_b))
    return float(np.mean(2 * stats.t.sf(bound / true, df_a + df_b)))


def rejections(
    accuracies: np.ndarray, levels: dict[int, float], image_share: float = 0.0
) -> np.ndarray:
    """Whether each comparison finds a difference at any of the looks, bool [draws].

    accuracies: [2, draws, seeds]. levels: seeds -> level. image_share: of B's variance at 3 seeds
    an arm, what other images would change.
    """
    image_variance = image_share / (1 - image_share) * 2 / 3
    draws = accuracies.shape[1]
    images = np.random.default_rng(9).normal(0, np.sqrt(image_variance), draws)
    found = np.zeros(draws, bool)
    for k, alpha in levels.items():
        a, b = accuracies[:, :, :k]
        of_a, of_b = a.var(1, ddof=1) / k, b.var(1, ddof=1) / k
        df = degrees.total_degrees(
            of_a + of_b, degrees.seed_degrees(of_a, of_b, k, k), image_variance, 50_000
        )
        t = (a.mean(1) - b.mean(1) + images) / np.sqrt(of_a + of_b + image_variance)
        found |= 2 * stats.t.sf(np.abs(t), df) < alpha
    return found


def table(head: list[str], rows: list[list[str]]) -> None:
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |", flush=True)
    print()


def seeds_table() -> None:
    """The largest error over all pairs of 2 to 8 seeds, and some pairs."""
    ratios, pairs = (1, 2, 4, 8, 16), itertools.product(range(2, 9), repeat=2)
    found = {(a, b): [100 * seeds_error(a, b, ratio) for ratio in ratios] for a, b in pairs}
    shown = [(2, 2), (3, 3), (5, 5), (8, 8), (2, 3), (2, 5), (2, 8), (3, 5), (3, 8), (5, 2), (8, 3)]
    rows = [[f"{a} + {b}", *(f"{one:.1f}" for one in found[a, b])] for a, b in shown]
    worst = np.max(list(found.values()), axis=0)
    rows.append(["largest of all pairs of 2 to 8", *(f"{one:.1f}" for one in worst)])
    table(["seeds A + B, errors in %", *(f"variances {ratio}:1" for ratio in ratios)], rows)


REGIMES: dict[str, list[Regime]] = {
    "2, 3, 5, 8 seeds, the same images": [Regime(k, k) for k in (2, 3, 5, 8)],
    "the same, runs that differ by churn alone": [Regime(k, k, tau=0) for k in (2, 3, 5, 8)],
    "the same, new images (variance .04)": [
        Regime(k, k, image_variance=0.04) for k in (2, 3, 5, 8)
    ],
    "2+3, 2+5, 2+8, 3+5, 3+8 seeds": [
        Regime(a, b) for a, b in ((2, 3), (2, 5), (2, 8), (3, 5), (3, 8))
    ],
    "the same, the smaller arm's variance 4:1": [
        Regime(a, b, tau=1, ratio=4) for a, b in ((2, 3), (2, 5), (2, 8), (3, 5), (3, 8))
    ],
    "the same, 16:1": [
        Regime(a, b, tau=1, ratio=16) for a, b in ((2, 3), (2, 5), (2, 8), (3, 5), (3, 8))
    ],
    "3 seeds, variances 4:1, 16:1, and with new images": [
        Regime(tau=1, ratio=ratio, image_variance=new) for new in (0, 0.04) for ratio in (4, 16)
    ],
    "3 seeds, 50, 100, 500, 5,000, 50,000 images": [
        Regime(n=n) for n in (50, 100, 500, 5_000, 50_000)
    ],
    "the same, new images": [
        Regime(n=n, image_variance=0.04) for n in (50, 100, 500, 5_000, 50_000)
    ],
    "2 seeds, 50, 100, 500 images, new": [
        Regime(2, 2, n=n, image_variance=0.04) for n in (50, 100, 500)
    ],
    "3 seeds, accuracy 1, 10, 90, 99 %": [
        Regime(accuracy=accuracy) for accuracy in (0.01, 0.1, 0.9, 0.99)
    ],
    "the same, 100 new images": [
        Regime(n=100, accuracy=accuracy, image_variance=0.01) for accuracy in (0.01, 0.1, 0.9, 0.99)
    ],
    "2, 3, 5 seeds with heavy tails (t of 3 df)": [
        Regime(k, k, tau=1, tails="t3") for k in (2, 3, 5)
    ],
    "3 and 5 seeds shared, correlation .3, .9": [
        Regime(k, k, tau=1, shared=shared) for k in (3, 5) for shared in (0.3, 0.9)
    ],
    "near-duplicates that are found, 2, 5, 10 of every image, 3 and 5 seeds": [
        Regime(k, k, copies=copies, known=True, image_variance=0.06)
        for k in (3, 5)
        for copies in (2, 5, 10)
    ],
}
OUTSIDE: dict[str, list[Regime]] = {
    "near-duplicates that are not found, 4 or 10 of every image, 3 seeds": [
        Regime(copies=copies, image_variance=0.06) for copies in (4, 10)
    ],
    "10 other classes, deviation 2 points, 3 and 5 seeds": [
        Regime(k, k, classes=10) for k in (3, 5)
    ],
}


def regimes_table(regimes: dict[str, list[Regime]], draws: int) -> None:
    rows = []
    for name, cells in regimes.items():
        few = [draws if cell.n <= 5_000 else max(400, draws // 5) for cell in cells]
        found = [rates(cell, count, seed=1) for cell, count in zip(cells, few, strict=True)]
        rows.append([name, *(" ".join(f"{one[at]:.1f}" for one in found) for at in (0, 1))])
        print(rows[-1], flush=True)
    table(["regime", "errors, %", "covers, %"], rows)


def looks_table(draws: int = 200_000) -> None:
    rows = []
    for ratio in (1, 4, 16):
        accuracies = np.random.default_rng(0).normal(0, 1, (2, draws, 8))
        accuracies[0] *= np.sqrt(ratio)
        errors = [
            100 * rejections(accuracies, looks.LOOKS, share).mean() for share in (0, 0.2, 0.5)
        ]
        rows.append([f"{ratio}:1", *(f"{one:.1f}" for one in errors)])
    head = ["looks at 3, 5, 8 seeds: errors of all in %", "no images", "images 20 %", "50 %"]
    table(head, rows)


def extended_table(draws: int = 200_000) -> None:
    """Plans of 2 to 7 seeds, looked at again at every number up to MOST."""
    rows = []
    for first in looks.EXTENDABLE:
        levels = {k: looks.level(k, first) for k in range(first, looks.MOST + 1)}
        row = [f"{first}"]
        for ratio in (1, 4, 16):
            accuracies = np.random.default_rng(0).normal(0, 1, (2, draws, looks.MOST))
            accuracies[0] *= np.sqrt(ratio)
            errors = [100 * rejections(accuracies, levels, share).mean() for share in (0, 0.2, 0.5)]
            row.append(", ".join(f"{one:.1f}" for one in errors))
        rows.append(row)
    head = ["seeds planned, looked at up to 8: errors of all in %; images 0, 20, 50 %"]
    table([*head, *(f"variances {ratio}:1" for ratio in (1, 4, 16))], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--only", choices=("seeds", "looks", "extended", "regimes", "outside"))
    asked = parser.parse_args()
    tables: dict[str, Callable[[], None]] = {
        "seeds": seeds_table,
        "looks": looks_table,
        "extended": extended_table,
        "regimes": lambda: regimes_table(REGIMES, asked.draws),
        "outside": lambda: regimes_table(OUTSIDE, asked.draws),
    }
    for name, make in tables.items():
        if asked.only in (None, name):
            make()


if __name__ == "__main__":
    main()
