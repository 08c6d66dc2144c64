"""Many arms, which is best: what it costs and errs to drop those that a look shows to be worse.

    python -m benchmarks.simulate_dropping [--draws 10000]

At each look that is planned the best arm so far is set against each other one at the level
of that look over the number of pairs of the arms that are left. What is worse gets no further
seeds, and of those that are left it is asked again. A comparison ends where one arm is left. An
error is any arm that is dropped though none is better. Run to the end, arms are trained on all the
same until one would be left. Accuracies are normal.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable

import numpy as np
from scipy import stats

from benchmarks.simulate_verdict import table
from imagenet_tools.comparison import degrees, looks

# When each is looked at, and the levels: those of a plan with looks, and of 2 and 3 seeds extended.
PLANS = {
    "looks at 3, 5, 8": looks.LOOKS,
    **{
        f"{first} seeds, extended": {k: looks.level(k, first) for k in range(first, looks.MOST + 1)}
        for first in (2, 3)
    },
}
# Where arms stand, in deviations of a run, the best at 0.
STANDING: dict[str, Callable[[int], list[float]]] = {
    "all equal": lambda arms: [0.0] * arms,
    "one 3 ahead": lambda arms: [0.0] + [-3.0] * (arms - 1),
    "one 5 ahead": lambda arms: [0.0] + [-5.0] * (arms - 1),
    "two equal, the others 5 behind": lambda arms: [0.0] * 2 + [-5.0] * (arms - 2),
    "two equal, the others 1 behind": lambda arms: [0.0] * 2 + [-1.0] * (arms - 2),
    "1.5 apart": lambda arms: [-1.5 * at for at in range(arms)],
}
SPREADS: dict[str, Callable[[int], list[float]]] = {
    "1:1": lambda arms: [1.0] * arms,
    "first 4:1": lambda arms: [4.0] + [1.0] * (arms - 1),
    "half 4:1": lambda arms: [4.0 if at % 2 else 1.0 for at in range(arms)],
    "half 16:1": lambda arms: [16.0 if at % 2 else 1.0 for at in range(arms)],
}


def p_values(
    means: np.ndarray, of_means: np.ndarray, best: np.ndarray, seeds: int, image_variance: float
) -> np.ndarray:
    """Two-sided p of the best arm against each, [draws, arms]; 1 where it is not below that."""
    rows = np.arange(len(best))[:, None]
    gap, square = means[rows, best[:, None]] - means, of_means[rows, best[:, None]] + of_means
    seed_df = degrees.seed_degrees(square - of_means, of_means, seeds, seeds)
    df = degrees.total_degrees(square, seed_df, image_variance, 50_000)
    p = 2 * stats.t.sf(gap / np.sqrt(square + image_variance), df)
    return np.where(gap > 0, p, 1.0)


def simulate(
    standing: list[float],
    variances: list[float],
    draws: int,
    *,
    levels: dict[int, float] = looks.LOOKS,
    images: float = 0.0,
) -> tuple[float, float, float, float]:
    """Errors in %, how often the best is alone left in %, and the share of 8 runs an arm that are
    trained: to the end, and with arms dropped.

    images: the share of a pair's variance at 3 seeds that other images would change.
    """
    arms, rng = len(standing), np.random.default_rng([len(standing), round(100 * images)])
    image_variance = images / (1 - images) * 2 / 3
    shift = standing + rng.normal(0, np.sqrt(image_variance / 2), (draws, arms))
    runs = rng.normal(size=(draws, arms, looks.MOST)) * np.sqrt(variances)[:, None]
    accuracies = runs + shift[..., None]
    left, trained, whole = np.ones((draws, arms), bool), np.zeros(draws), np.zeros(draws)
    for before, k in itertools.pairwise((0, *levels)):
        many = left.sum(1)
        trained += np.where(many > 1, many * (k - before), 0)
        whole += np.where(many > 1, arms * (k - before), 0)
        means, of_means = accuracies[..., :k].mean(2), accuracies[..., :k].var(2, ddof=1) / k
        for _ in range(arms):  # as long as one is dropped
            best = np.where(left, means, -np.inf).argmax(1)
            pairs = np.maximum(1, left.sum(1) * (left.sum(1) - 1) / 2)
            p = p_values(means, of_means, best, k, image_variance)
            worse = left & (p * pairs[:, None] < levels[k])
            if not worse.any():
                break
            left &= ~worse
    top = np.array(standing) == max(standing)
    errors = 100 * (~left[:, top]).any(1).mean()
    alone = 100 * ((left.sum(1) == 1) & left[:, 0]).mean()
    whole_share, share = (one.mean() / (arms * looks.MOST) for one in (whole, trained))
    return errors, alone, whole_share, share


def errors_table(plan: str, draws: int) -> None:
    rows = []
    for name in ("all equal", "two equal, the others 5 behind", "two equal, the others 1 behind"):
        for spread, family in SPREADS.items():
            row = [f"{name}, {spread}"]
            for arms in (3, 5, 10):
                scale = np.sqrt(max(family(arms)))  # in deviations of the arm that varies most
                standing = [scale * one for one in STANDING[name](arms)]
                found = [
                    simulate(standing, family(arms), draws, levels=PLANS[plan], images=images)[0]
                    for images in (0.0, 0.2, 0.5)
                ]
                row.append(" ".join(f"{one:.1f}" for one in found))
            rows.append(row)
    head = f"{plan}: errors in %; images 0, 20, 50 %"
    table([head, "3 arms", "5 arms", "10 arms"], rows)


def costs_table(draws: int) -> None:
    rows = []
    for name, standing in STANDING.items():
        row = [name]
        for arms in (3, 5, 10):
            _, alone, whole, dropped = simulate(standing(arms), [1.0] * arms, draws)
            row.append(f"{whole:.2f}, {dropped:.2f} ({alone:.0f} %)")
        rows.append(row)
    table(["runs, of 8 an arm: to the end, dropped (best named)", "3", "5", "10 arms"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    draws = parser.parse_args().draws
    for plan in PLANS:
        errors_table(plan, draws)
    costs_table(draws)


if __name__ == "__main__":
    main()
