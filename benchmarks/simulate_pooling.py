"""Three arms or more: does one variance between seeds, pooled over all arms, keep the error rate?

    python -m benchmarks.simulate_pooling

Accuracies of the seeds alone, normal, arms that do not differ; the first arm against each other,
by Holm. The numbers are of 40,000 comparisons each, known to 0.1 points.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from benchmarks.simulate_verdict import table
from imagenet_tools.comparison.degrees import seed_degrees

DRAWS = 40_000
DIFFERENCE = 2.0  # of the first arm, deviations of a run, where power is asked for
# What a family of arms is like: the variance of each arm but the first, and of the first.
FAMILIES: dict[str, Callable[[int], list[float]]] = {
    "equal": lambda arms: [1.0] * arms,
    "first 4:1": lambda arms: [4.0] + [1.0] * (arms - 1),
    "first 16:1": lambda arms: [16.0] + [1.0] * (arms - 1),
    "one other 4:1": lambda arms: [1.0] * (arms - 1) + [4.0],
    "one other 16:1": lambda arms: [1.0] * (arms - 1) + [16.0],
    "half 4:1": lambda arms: [4.0 if at % 2 else 1.0 for at in range(arms)],
}


def own(variances: np.ndarray, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared error and degrees of freedom of the first arm less each other, as the verdict has."""
    a, b = variances[:, :1] / seeds, variances[:, 1:] / seeds
    return a + b, seed_degrees(a + 0 * b, b, seeds, seeds)


def pooled(
    variances: np.ndarray, seeds: int, counted: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The same from one variance of all arms; counted: the share of its degrees that count."""
    arms = variances.shape[1]
    square = np.repeat(2 / seeds * variances.mean(1, keepdims=True), arms - 1, axis=1)
    return square, np.full_like(square, counted * arms * (seeds - 1))


def where_alike(variances: np.ndarray, seeds: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Pooled where Bartlett's test does not tell the variances apart at this level, else own."""
    arms, df = variances.shape[1], seeds - 1
    mean_log = np.log(variances).mean(1)
    correction = 1 + (arms + 1) / (3 * arms * df)
    bartlett = arms * df * (np.log(variances.mean(1)) - mean_log) / correction
    alike = (stats.chi2.sf(bartlett, arms - 1) > level)[:, np.newaxis]
    pairs = zip(pooled(variances, seeds, 2 / 3), own(variances, seeds), strict=True)
    square, degrees = (np.where(alike, one, other) for one, other in pairs)
    return square, degrees


WAYS: dict[str, Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]] = {
    "own": own,
    "pooled": pooled,
    "pooled, 2/3 of the degrees": lambda v, k: pooled(v, k, 2 / 3),
    "pooled where alike (Bartlett p > .5)": lambda v, k: where_alike(v, k, 0.5),
    "pooled where alike (Bartlett p > .8)": lambda v, k: where_alike(v, k, 0.8),
}


def p_values(
    rng: np.random.Generator, of_arms: list[float], seeds: int, difference: float
) -> dict[str, np.ndarray]:
    """p of the first arm against each other, before Holm: way -> [draws, arms - 1]."""
    runs = rng.normal(size=(DRAWS, len(of_arms), seeds)) * np.sqrt(of_arms)[:, np.newaxis]
    means, variances = runs.mean(2), runs.var(2, ddof=1)
    gap = np.abs(means[:, :1] + difference - means[:, 1:])
    found = {}
    for name, way in WAYS.items():
        square, degrees = way(variances, seeds)
        found[name] = 2 * stats.t.sf(gap / np.sqrt(square), degrees)
    return found


def main() -> None:
    rng = np.random.default_rng(0)
    for arms in (3, 5, 8):
        rows = []
        for name, family in FAMILIES.items():
            for seeds in (2, 3, 5):
                wrong = p_values(rng, family(arms), seeds, 0.0)
                # Any at all: Holm's first step, the smallest p times the number of contrasts.
                rates = [100 * np.mean(p.min(1) * (arms - 1) < 0.05) for p in wrong.values()]
                rows.append([f"{name}, {seeds} seeds", *(f"{one:.1f}" for one in rates)])
        table([f"{arms} arms: any false difference, %", *WAYS], rows)
    rows = []
    for arms in (3, 5, 8):
        for seeds in (2, 3, 5):
            right = p_values(rng, FAMILIES["equal"](arms), seeds, DIFFERENCE)
            told = [100 * np.mean(p * (arms - 1) < 0.05) for p in right.values()]
            rows.append([f"{arms} arms, {seeds} seeds", *(f"{one:.0f}" for one in told)])
    table([f"found at {DIFFERENCE:g} deviations of a run, %", *WAYS], rows)


if __name__ == "__main__":
    main()
