"""Moderated variances: is what single images' chances explain of a run's spread a prior for it?

    python -m benchmarks.simulate_moderation [--draws 40000]

The churn of an arm is known from its images' chances; the variance between its runs is `ratio`
times that. The prior (Smyth 2004) takes a ratio for known as well as so many degrees of freedom
tell: s^2 becomes (d0 x taken x churn + (k - 1) x s^2) / (d0 + k - 1). Accuracies are normal, of the
seeds alone, looked at after 2, 3, 5 and 8 of them.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from benchmarks.simulate_verdict import table
from imagenet_tools.comparison import looks
from imagenet_tools.comparison.degrees import seed_degrees

RATIOS = (1, 3, 5, 10, 20, 60, 300)
# (ratio taken, prior degrees of freedom); the ratios of real comparisons were 2.8 to 10.
PRIORS = ((5.0, 4.0), (10.0, 4.0), (20.0, 1.0), (20.0, 2.0), (20.0, 4.0))
# Of each look; together they err in at most 5 % where the ratio taken is the true one.
LEVELS = dict.fromkeys((2, 3, 5, 8), 0.027)


def found_at(
    accuracies: np.ndarray, prior: tuple[float, float] | None, levels: dict[int, float]
) -> np.ndarray:
    """Seeds at which each of the comparisons [2, draws, 8] finds a difference; 0 for none.

    Variances are in units of the churn. prior None: today's.
    """
    at = np.zeros(accuracies.shape[1], int)
    for k, alpha in levels.items():
        now = accuracies[:, :, :k]
        variances = now.var(2, ddof=1)
        counted = k
        if prior is not None:
            taken, degrees = prior
            variances = (degrees * taken + (k - 1) * variances) / (degrees + k - 1)
            counted = int(k + degrees)  # seed_degrees takes one off, for the mean
        of_a, of_b = variances / k
        df = seed_degrees(of_a, of_b, counted, counted)
        p = 2 * stats.t.sf(np.abs(now[0].mean(1) - now[1].mean(1)) / np.sqrt(of_a + of_b), df)
        at[(at == 0) & (p < alpha)] = k
    return at


def drawn(rng: np.random.Generator, draws: int, a: float, b: float, gap: float) -> np.ndarray:
    """Accuracies of two arms with these ratios, A ahead by `gap` deviations of a run of B."""
    runs = rng.normal(size=(2, draws, looks.MOST)) * np.sqrt([a, b])[:, None, None]
    runs[0] += gap * np.sqrt(b)
    return runs


def ways() -> dict[str, tuple[tuple[float, float] | None, dict[int, float]]]:
    named = {f"ratio {taken:g}, {d0:g} df": ((taken, d0), LEVELS) for taken, d0 in PRIORS}
    return {"today's, looks at 3, 5, 8": (None, looks.LOOKS), **named}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=40_000)
    draws = parser.parse_args().draws
    rows = []
    for spread in (1, 4):
        for name, (prior, levels) in ways().items():
            errors = []
            for ratio in RATIOS:  # of the arm that varies more
                runs = drawn(np.random.default_rng(1), draws, ratio, max(1.0, ratio / spread), 0)
                errors.append(f"{100 * (found_at(runs, prior, levels) > 0).mean():.1f}")
            rows.append([f"{spread}:1, {name}", *errors])
    table(["errors of all looks in %; true ratio", *map(str, RATIOS)], rows)
    rows = []
    for name, (prior, levels) in ways().items():
        row = [name]
        for ratio in (1, 3, 5, 10, 20):
            seeds = [
                found_at(drawn(np.random.default_rng(2), draws, ratio, ratio, gap), prior, levels)
                for gap in (5, 3, 2)
            ]
            row.append(" ".join(f"{np.where(one, one, looks.MOST).mean():.1f}" for one in seeds))
        rows.append(row)
    table(["seeds until found at 5, 3, 2 deviations; true ratio", "1", "3", "5", "10", "20"], rows)


if __name__ == "__main__":
    main()
