"""The statistics held to simulation: errors, coverage, power, equivalence, looks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from imagenet_tools import comparison
from imagenet_tools.comparison import statistics


def simulate(
    k: int, tau: float, draws: int, *, n: int = 4000, shift: float = 0.0, seed: int = 0
) -> list[statistics.Difference]:
    """Comparisons of two arms whose runs differ by `tau` points beyond the churn of images.

    Images have chances of being right from a U-shaped distribution, as real ones do: most are
    right or wrong in every run, some flip. shift: true difference in points.
    """
    rng = np.random.default_rng([seed, k, int(100 * tau)])
    chance = rng.beta(0.6, 0.5, n)
    weight = chance * (1 - chance)
    weight /= weight.mean()

    def arm(offset: float) -> np.ndarray:
        runs = (offset + rng.normal(0, tau, k)) / 100
        return rng.random((k, n), np.float32) < chance + runs[:, None] * weight

    return [statistics.difference(arm(shift), arm(0.0)) for _ in range(draws)]


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_errors_and_coverage(k: int, tau: float) -> None:
    found = simulate(k, tau, 1500)
    errors = np.mean([one.p < 0.05 for one in found])
    covered = np.mean([low <= 0 <= high for low, high in (one.interval() for one in found)])
    # 1500 draws know a share of 5 % to within 0.6 points (one standard error).
    assert errors <= 0.055 + 0.006
    assert 0.94 - 0.006 <= covered <= 0.965 + 0.006


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("tau", [0.0, 0.1, 0.2, 0.3])
def test_errors_in_many_draws(k: int, tau: float) -> None:
    found = simulate(k, tau, 10_000, seed=1)
    assert np.mean([one.p < 0.05 for one in found]) <= 0.055


def test_power_is_the_planners() -> None:
    found = simulate(5, 0.3, 800, shift=1.5, seed=2)
    sd = float(np.sqrt(np.mean([one.sd_a**2 for one in found])))
    mean = float(np.mean([one.value for one in found]))
    power = np.mean([one.p < 0.05 for one in found])
    assert power == pytest.approx(statistics.power(mean, 5, sd), abs=0.03 + 0.018)


def test_equivalence_is_rarely_claimed_at_the_margin() -> None:
    found = simulate(5, 0.3, 1200, shift=1.0, seed=3)
    mean = float(np.mean([one.value for one in found]))
    claimed = np.mean([one.equivalence_p(mean) < 0.05 for one in found])
    assert claimed <= 0.05 + 0.006


def test_looking_three_times_costs_five_percent() -> None:
    """Looks at 3, 5 and 8 seeds on growing data, normal accuracies, 40,000 comparisons."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.2, (40_000, 8)), rng.normal(0, 0.2, (40_000, 8))
    rejected = np.zeros(len(a), bool)
    for k, alpha in statistics.LOOKS.items():
        part_a, part_b = a[:, :k].var(1, ddof=1) / k, b[:, :k].var(1, ddof=1) / k
        t = (a[:, :k].mean(1) - b[:, :k].mean(1)) / np.sqrt(part_a + part_b)
        df = statistics.seed_degrees(part_a, part_b, k, k)
        rejected |= 2 * stats.t.sf(np.abs(t), df) < alpha
    assert 0.04 <= rejected.mean() <= 0.055


def test_planner_against_known_figures() -> None:
    # The detectable difference at 80 % power by the noncentral t: (t + t.8) * sqrt(2/k) * sd.
    assert statistics.detectable(5, 0.20) == pytest.approx(0.40, abs=0.02)
    assert statistics.detectable(10, 0.10) == pytest.approx(0.13, abs=0.01)
    assert statistics.seeds_needed(0.5, 0.2) == 4
    assert statistics.seeds_needed(0.001, 0.3) is None


def test_pooling_seeds_as_images_would_be_wrong() -> None:
    """McNemar on single checkpoints finds differences that are not the pipelines'."""
    rng = np.random.default_rng(5)
    chance = rng.beta(0.6, 0.5, 20_000)
    weight = chance * (1 - chance)
    weight /= weight.mean()
    wrong = 0
    for _ in range(200):
        one, two = rng.normal(0, 0.6, 2) / 100
        a, b = (rng.random(chance.size) < chance + run * weight for run in (one, two))
        wrong += statistics.mcnemar(a, b)[2] < 0.05
    assert wrong / 200 > 0.2


def test_holm_steps_down() -> None:
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_bootstrap_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(7)
    chance = rng.beta(0.6, 0.5, 3000)
    a, b = rng.random((5, 3000)) < chance, rng.random((5, 3000)) < chance
    low, high = statistics.difference(a, b).interval()
    found = statistics.bootstrap_interval(a, b)
    assert found[1] - found[0] == pytest.approx(high - low, rel=0.8)


def correct(rate: float, seeds: int, n: int = 5000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, n)) < rate


def test_four_verdicts() -> None:
    better = comparison.verdict(correct(0.6, 3), correct(0.5, 3, seed=1))
    assert (better.kind, better.winner) == ("A better", "A")
    assert better.interval[0] > 0
    worse = comparison.verdict(correct(0.5, 3), correct(0.6, 3, seed=1), names=("x", "y"))
    assert worse.kind == "B better"
    assert worse.sentence.startswith("y is better than x by")
    same = comparison.verdict(correct(0.5, 5), correct(0.5, 5, seed=1), margin=3.0)
    assert same.kind == "equivalent"
    unsure = comparison.verdict(correct(0.5, 3, 500), correct(0.5, 3, 500, seed=1))
    assert unsure.kind == "inconclusive"
    assert unsure.seeds_more is not None and unsure.seeds_more > 5


def test_one_seed_never_names_a_winner() -> None:
    found = comparison.verdict(correct(0.9, 1), correct(0.1, 1, seed=1))
    assert found.kind == "inconclusive"
    assert found.checkpoints[0].p < 1e-6
    assert "one seed an arm" in found.sentence


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.ones((3, 5)), np.ones((3, 5)), "boolean array"),
        (np.ones((3, 5), bool), np.ones((3, 6), bool), "must be the same"),
    ],
)
def test_wrong_arrays(a: np.ndarray, b: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statistics.difference(a, b)


def test_equal_runs_are_equivalent() -> None:
    same = np.tile(np.arange(100) < 60, (3, 1))
    assert comparison.verdict(same, same).kind == "equivalent"
