"""The statistics held to simulation: errors, coverage, power, equivalence, looks."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from imagenet_tools import comparison
from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import bootstrap, degrees, fresh_run, looks, power, statistics
from imagenet_tools.comparison.verdicts import decide


def simulate(
    k: int,
    tau: float,
    draws: int,
    *,
    n: int = 1500,
    shift: float = 0.0,
    image_variance: float = 0.0,
    seed: int = 0,
) -> list[statistics.Difference]:
    """Comparisons of two arms whose runs differ by `tau` points beyond the churn of images.

    Images have chances of being right from a U-shaped distribution, as real ones do: most are
    right or wrong in every run, some flip. shift: true difference in points. image_variance: of the
    arms' difference in an image's chance; above 0 every comparison has images of its own, else all
    have the same ones.
    """
    rng = np.random.default_rng([seed, k, int(100 * tau), int(1000 * image_variance)])
    first, second = 0.6, 0.5
    total = first + second
    weight_mean = first * second / (total * (total + 1))  # of chance * (1 - chance)
    # This share of each arm's images has a chance of its own, the others the common one.
    own = 1 - np.sqrt(1 - image_variance / (2 * weight_mean / total))

    def chances() -> tuple[np.ndarray, np.ndarray]:
        common = rng.beta(first, second, n)
        a, b = (np.where(rng.random(n) < own, rng.beta(first, second, n), common) for _ in "ab")
        return a, b

    def arm(chance: np.ndarray, offset: float) -> np.ndarray:
        runs = (offset + rng.normal(0, tau, k)) / 100
        weight = chance * (1 - chance) / weight_mean
        return rng.random((k, n), np.float32) < chance + runs[:, None] * weight

    a, b = chances()
    found = []
    for _ in range(draws):
        if image_variance:
            a, b = chances()
        found.append(statistics.difference(arm(a, shift), arm(b, 0.0)))
    return found


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("tau", [0.0, 0.3])
@pytest.mark.parametrize("image_variance", [0.0, 0.02])
def test_errors_and_coverage(k: int, tau: float, image_variance: float) -> None:
    found = simulate(k, tau, 2000, image_variance=image_variance)
    errors = np.mean([one.p < 0.05 for one in found])
    # 2000 draws know a share of 5 % to within 0.49 points (one standard error): an error of 7 % is
    # let through in one case of twenty, by all eight never. The slow test has 10,000.
    assert 0.03 <= errors <= 0.055 + 0.0049
    for one in found[:300]:  # so that the interval covers zero in the other draws
        low, high = one.interval()
        assert (low <= 0 <= high) == (one.p >= 0.05)


@pytest.mark.parametrize(("copies", "churned"), [(2, False), (5, True), (10, False), (10, True)])
def test_near_duplicates_rarely_make_it_err(copies: int, churned: bool) -> None:
    """1,500 images that show 750 to 150 pictures; churned: every image flips on its own."""
    rng = np.random.default_rng(copies)
    pictures, draws, errors = 1500 // copies, 1000, 0
    groups = np.repeat(np.arange(pictures), copies)
    for _ in range(draws):
        arms = []
        for chance in rng.beta(0.6, 0.5, (2, pictures)):
            line = chance + rng.normal(0, 0.003, (3, 1)) * chance * (1 - chance) / 0.13
            drawn = line[:, groups] if churned else line
            right = rng.random(drawn.shape) < drawn
            arms.append(right if churned else right[:, groups])
        errors += statistics.difference(*arms, groups).p < 0.05
    assert errors / draws <= 0.055 + 0.007  # 1,000 draws know 5 % to 0.7 points


def test_one_large_group_makes_no_verdict() -> None:
    """200 images of one picture among 1,500 that A has right and B wrong: one picture's word."""
    groups = np.concatenate([np.zeros(200, int), np.arange(1, 1301)])
    rng = np.random.default_rng(0)
    a, b = (rng.random((3, 1500)) < 0.5 for _ in "ab")
    a[:, :200], b[:, :200] = True, False
    assert statistics.difference(a, b).p < 0.01
    assert statistics.difference(a, b, groups).p > 0.2
    with pytest.raises(ValueError, match=r"one number an image, 1,500, not \(7,\)"):
        statistics.difference(a, b, groups[:7])


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("tau", [0.0, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("image_variance", [0.0, 0.02, 0.06])
def test_errors_in_many_draws(k: int, tau: float, image_variance: float) -> None:
    found = simulate(k, tau, 10_000, image_variance=image_variance, seed=1)
    # 10,000 draws know a share of 5 % to within 0.22 points.
    assert 0.03 <= np.mean([one.p < 0.05 for one in found]) <= 0.055 + 0.0022


# Of the variance at 3 seeds: what other images would change.
IMAGE_SHARES = [0.0, 0.05, 0.2, 0.5, 0.9]


def rejected(k: int, share: float, alpha: float, accuracies: np.ndarray) -> np.ndarray:
    """Which of many comparisons find a difference; accuracies: [2, draws, seeds], SD 1."""
    image_part = share / (1 - share) * 2 / 3
    a, b = accuracies[:, :, :k]
    part_a, part_b = a.var(1, ddof=1) / k, b.var(1, ddof=1) / k
    seed_part = part_a + part_b
    images = np.random.default_rng(9).normal(0, np.sqrt(image_part), len(a))
    t = (a.mean(1) - b.mean(1) + images) / np.sqrt(seed_part + image_part)
    seed_df = degrees.seed_degrees(part_a, part_b, k, k)
    df = degrees.total_degrees(seed_part, seed_df, image_part, 50_000)
    return 2 * stats.t.sf(np.abs(t), df) < alpha


@pytest.mark.parametrize("share", IMAGE_SHARES)
def test_errors_whatever_the_share_of_the_images(share: float) -> None:
    """One test, and looks at 3, 5 and 8 seeds on growing data: 60,000 comparisons."""
    accuracies = np.random.default_rng(0).normal(0, 1, (2, 60_000, 8))
    for k in (3, 5, 8):
        # 60,000 draws know a share of 5 % to within 0.09 points; two of these.
        errors = rejected(k, share, 0.05, accuracies).mean()
        assert 0.035 <= errors <= 0.055 + 0.0018
    looked = [rejected(k, share, alpha, accuracies) for k, alpha in looks.LOOKS.items()]
    assert 0.04 <= np.any(looked, axis=0).mean() <= 0.055 + 0.0018


@pytest.mark.parametrize(
    ("image_variance", "n", "shift"), [(0.0, 4000, 1.5), (0.02, 4000, 1.5), (0.0, 200, 6.0)]
)
def test_power_is_the_planners(image_variance: float, n: int, shift: float) -> None:
    found = simulate(5, 0.3, 800, n=n, shift=shift, image_variance=image_variance, seed=2)
    sd = float(np.sqrt(np.mean([one.sd_a**2 for one in found])))
    mean = float(np.mean([one.value for one in found]))
    rejected = np.mean([one.p < 0.05 for one in found])
    image_sd = power.image_deviation(image_variance, n)
    # 800 draws know a share of 70 % to within 1.6 points.
    assert rejected == pytest.approx(power.power(mean, 5, sd, image_sd), abs=0.03 + 0.016)


@pytest.mark.parametrize("image_variance", [0.0, 0.02])
def test_equivalence_is_rarely_claimed_at_the_margin(image_variance: float) -> None:
    found = simulate(5, 0.3, 1200, shift=1.0, image_variance=image_variance, seed=3)
    mean = float(np.mean([one.value for one in found]))
    claimed = np.mean([one.equivalence_p(mean) < 0.05 for one in found])
    assert claimed <= 0.05 + 0.0063


def test_the_chance_of_a_decision_is_what_happens() -> None:
    """Predicted at 3 seeds for 8, against the share that 8 seeds decide; normal accuracies."""
    rng = np.random.default_rng(4)
    template = comparison.verdict(correct(0.5, 3, 500), correct(0.5, 3, 500, seed=1), margin=1.0)
    predicted, decided = [], []
    for _ in range(1500):
        shift = rng.normal(0, 1)
        a, b = rng.normal(shift, 0.7, 8), rng.normal(0, 0.7, 8)
        three, eight = (of_accuracies(a[:k], b[:k]) for k in (3, 8))
        kind = decide(three.value, three.p, three.equivalence_p(1.0), 0.005)
        if kind != "inconclusive":
            continue
        now = replace(template, estimate=three, seeds=(3, 3), images=50_000)
        predicted.append(power.chance_decided(now, 8, 0.043))
        then = decide(eight.value, eight.p, eight.equivalence_p(1.0), 0.043)
        decided.append(then != "inconclusive")
    assert len(decided) > 1000
    # 1000 comparisons know the share to within 1.5 points; the prediction takes 3 seeds' word.
    assert np.mean(decided) == pytest.approx(np.mean(predicted), abs=0.06)
    likely, unlikely = (np.array(predicted) > 0.7), (np.array(predicted) < 0.3)
    assert np.mean(np.array(decided)[likely]) > np.mean(np.array(decided)[unlikely]) + 0.2


def of_accuracies(a: np.ndarray, b: np.ndarray) -> statistics.Difference:
    """The difference of arms of which the accuracies are known and no images."""
    variances = a.var(ddof=1), b.var(ddof=1)
    of_means = [variance / len(arm) for variance, arm in zip(variances, (a, b), strict=True)]
    df = float(degrees.seed_degrees(*of_means, len(a), len(b)))
    return statistics.Difference(
        value=a.mean() - b.mean(),
        seed_variance=sum(of_means),
        image_variance=0.0,
        churn=0.0,
        seed_df=df,
        df=df,
        mean_a=a.mean(),
        mean_b=b.mean(),
        sd_a=variances[0] ** 0.5,
        sd_b=variances[1] ** 0.5,
        run_variance=sum(variances),
    )


def test_planner_against_known_figures() -> None:
    # The detectable difference at 80 % power by the noncentral t: (t + t.8) * sqrt(2/k) * sd.
    assert power.detectable(5, 0.20) == pytest.approx(0.40, abs=0.02)
    assert power.detectable(10, 0.10) == pytest.approx(0.13, abs=0.01)
    assert power.seeds_needed(0.5, 0.2) == 5
    assert power.seeds_needed(0.001, 0.3) is None


@pytest.mark.parametrize("known", [(0.5, 0.2, 0.0, 0.05), (2.0, 3.0, 0.2, 0.001)])
def test_one_seed_fewer_would_not_do(known: tuple[float, ...]) -> None:
    difference, *noise, alpha = known
    needed = power.seeds_needed(difference, *noise, alpha=alpha)
    counts = range(2, 80)
    found = [power.power(difference, one, *noise, alpha) >= power.POWER for one in counts]
    assert needed and found == [one >= needed for one in counts]


def test_the_planner_says_seeds_and_hours(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "--difference", "0.5", "--seed-sd", "0.2", "--train-images", "1000"]
    assert cli_main.run([*command, "--epochs", "36"]) == 0
    printed = capsys.readouterr().out
    assert "5 seeds an arm find a difference of 0.5 points" in printed
    # 2 arms x 5 seeds x 36 epochs x 1,000 images at 101.4 images/s: 3,550 s, at 3,000: 120 s.
    assert "59 minutes on 2 CPU cores (101 images/s at 224 px), 2 minutes where a GPU" in printed
    assert cli_main.run([*command, "--epochs", "25", "--images-per-second", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hours"] == pytest.approx(2 * 5 * 25 * 1000 / 10 / 3600)
    assert found["detectable"]["3"] == pytest.approx(0.69, abs=0.005)
    few = ["plan", "--difference", "1", "--images", "50"]  # one more of them is 2 points
    assert cli_main.run(few) == 0
    said = capsys.readouterr().out
    assert said.startswith("no number of seeds: such images show differences of 7.9 points and")
    assert cli_main.run([*few, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seeds"] is None


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
    p_values = list(np.random.default_rng(1).uniform(0, 0.2, 9))
    assert statistics.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert statistics.holm([]) == [] and statistics.holm([0.0, 1.0]) == [0.0, 1.0]
    for none in (math.nan, -0.01, 1.01):  # NaN counted among the others, and came out as itself
        with pytest.raises(ValueError, match=f"^a p-value is {none}; it must be from 0 to 1"):
            statistics.holm([0.01, none, 0.03])


def test_mcnemar_is_statsmodels() -> None:
    a, b = correct(0.6, 1, 300)[0], correct(0.5, 1, 300, seed=1)[0]
    only_a, only_b, p = statistics.mcnemar(a, b)
    table = [[int(np.sum(a & b)), only_a], [only_b, int(np.sum(~a & ~b))]]
    assert np.sum(table) == 300
    assert p == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_bootstrap_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(7)
    chance = rng.beta(0.6, 0.5, 3000)
    a, b = rng.random((5, 3000)) < chance, rng.random((5, 3000)) < chance
    low, high = statistics.difference(a, b).interval()
    found = bootstrap.bootstrap_interval(a, b)
    assert found[1] - found[0] == pytest.approx(high - low, rel=0.8)


def test_bootstrap_draws_seeds_and_images() -> None:
    """Against resampling rows and columns one by one."""
    rng = np.random.default_rng(8)
    chance = rng.beta(0.6, 0.5, 400)
    a, b = rng.random((3, 400)) < chance, rng.random((4, 400)) < chance
    draws = []
    for _ in range(4000):
        images = rng.integers(0, 400, 400)
        rows_a, rows_b = rng.integers(0, 3, 3), rng.integers(0, 4, 4)
        draws.append(100 * (a[rows_a][:, images].mean() - b[rows_b][:, images].mean()))
    value = 100 * (a.mean() - b.mean())
    spread = np.sqrt(3 / 2) * (np.percentile(draws, [2.5, 97.5]) - value)
    found = np.array(bootstrap.bootstrap_interval(a, b, draws=4000)) - value
    assert found == pytest.approx(spread, rel=0.08)


def test_bootstrap_is_in_points_about_the_difference_and_wider_for_few_seeds() -> None:
    right, wrong = np.ones((2, 60), bool), np.zeros((2, 60), bool)
    assert bootstrap.bootstrap_interval(right, wrong) == (100.0, 100.0)
    # Runs that are all right or all wrong: one draw in 16 has the largest difference, 100 points,
    # and 2 seeds have half of the variance.
    mixed = np.vstack([right[:1], wrong[:1]])
    wide = bootstrap.bootstrap_interval(mixed, mixed)
    assert wide == pytest.approx((-100 * 2**0.5, 100 * 2**0.5))
    a, b = correct(0.6, 3, 200), correct(0.5, 3, 200, seed=1)
    assert bootstrap.bootstrap_interval(a, b) == bootstrap.bootstrap_interval(a, b, draws=1000)


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


def test_an_interval_without_zero_that_is_no_winner_says_why() -> None:
    rng = np.random.default_rng(0)
    arms = [rng.random((3, 4000)) < rate for rate in (0.52, 0.5)]
    plain = comparison.verdict(*arms)
    assert plain.kind == "A better"
    strict = comparison.verdict(*arms, alpha=plain.p / 2)
    assert strict.kind == "inconclusive"
    assert f"p = {plain.p:.2g} is not below the level of {plain.p / 2:g} here" in strict.sentence


def test_one_seed_never_names_a_winner() -> None:
    found = comparison.verdict(correct(0.9, 1), correct(0.1, 1, seed=1))
    assert found.kind == "inconclusive"
    assert found.checkpoints[0].p < 1e-6
    assert "one seed an arm" in found.sentence


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.ones((3, 5), int), np.ones((3, 5), int), "boolean array"),
        (np.ones(5, bool), np.ones(5, bool), "boolean array"),
        (np.full((3, 5), np.nan), np.ones((3, 5)), "NaN or infinite"),
        (np.ones((3, 5), bool), np.ones((3, 6), bool), "must be the same"),
        (np.ones((3, 1), bool), np.ones((3, 1), bool), "2 images or more"),
    ],
)
def test_wrong_arrays(a: np.ndarray, b: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statistics.difference(a, b)
    with pytest.raises(ValueError, match=message):
        comparison.verdict(a, b)


def test_a_margin_is_above_zero() -> None:
    for margin in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="must be above 0"):
            comparison.verdict(correct(0.5, 3), correct(0.5, 3, seed=1), margin)


def integrated_error(k_a: int, k_b: int, ratio: float, alpha: float = 0.05) -> float:
    """Type-I error of the seeds' t at variances `ratio`:1, by integration over their ratio.

    Given the ratio of the sample variances, the difference over any multiple of their sum is
    Student's with k_A + k_B - 2 degrees of freedom (Ray and Pitman, JRSS B 23, 1961).
    """
    df_a, df_b = k_a - 1, k_b - 1
    share = stats.beta.ppf((np.arange(400) + 0.5) / 400, df_a / 2, df_b / 2)
    of_a, of_b = ratio * share / df_a / k_a, (1 - share) / df_b / k_b
    df = degrees.seed_degrees(of_a, of_b, k_a, k_b)
    bound = stats.t.ppf(1 - alpha / 2, df) * np.sqrt(of_a + of_b)
    true = np.sqrt((ratio / k_a + 1 / k_b) / (df_a + df_b))
    return float(np.mean(2 * stats.t.sf(bound / true, df_a + df_b)))


@pytest.mark.parametrize("k_a", range(2, 9))
def test_errors_with_any_number_of_seeds(k_a: int) -> None:
    for k_b in range(2, 9):
        for ratio, most in ((1, 0.050), (2, 0.050), (4, 0.055), (8, 0.060), (16, 0.060)):
            assert integrated_error(k_a, k_b, ratio) <= most
        assert integrated_error(k_a, k_b, 1) >= 0.018


@pytest.mark.parametrize("n", [2, 3, 10, 20, 49])
def test_a_few_images_decide_nothing(n: int) -> None:
    right, wrong = np.ones((3, n), bool), np.zeros((3, n), bool)
    for a, b in ((right, wrong), (right, right), (wrong, right)):
        found = comparison.verdict(a, b, margin=0.5)
        assert found.kind == "inconclusive"
        assert found.p > 0 and found.equivalence_p > 0.05
        assert found.seeds_more is None
        assert f"{n} images are too few for a verdict, which takes 50" in found.sentence


def test_runs_that_all_agree_are_not_certain() -> None:
    right = np.ones((3, 100), bool)
    found = comparison.verdict(right, right)
    # Of 100 images that agree, 3 in 100 others may not: the rule of three.
    assert found.kind == "inconclusive"
    assert found.interval == pytest.approx((-2.81, 2.81), abs=0.01)
    assert found.chance_a_beats_b == 0.5
    assert "100 images are too few, however many seeds" in found.sentence
    many = np.ones((3, 50_000), bool)
    assert comparison.verdict(many, many).kind == "equivalent"


def test_more_images_are_what_they_take() -> None:
    """With the images that are asked for, the same chances show the difference."""
    rng = np.random.default_rng(3)
    chance = np.round(rng.beta(0.6, 0.5, (2, 4000)))  # each arm has images of its own
    arms = [rng.random((3, 4000)) < np.clip(one, 0.02, 0.98) for one in chance]
    found = comparison.verdict(arms[0], arms[1], margin=1.5)
    assert found.kind == "inconclusive"
    assert found.images_more is not None and found.seeds_more is None
    variance = found.estimate.image_variance * 4000 / (4000 + found.images_more)
    target = max(1.5, abs(found.difference))
    assert target / variance**0.5 == pytest.approx(1.96 + 0.84, abs=0.02)


def test_seeds_that_go_together_are_said() -> None:
    assert statistics.seed_correlation(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == 1
    assert statistics.seed_correlation(np.array([1.0, 2, 4]), np.array([2.0, 1, 2])) == (
        pytest.approx(np.corrcoef([1, 2, 4], [2, 1, 2])[0, 1])
    )
    assert statistics.seed_correlation(np.array([1.0, 2]), np.array([2.0, 4])) is None
    assert statistics.seed_correlation(np.array([1.0, 1, 1]), np.array([2.0, 4, 1])) is None
    found = comparison.verdict(correct(0.6, 3), correct(0.5, 3, seed=1))
    accuracy = [correct(0.6, 3).mean(1), correct(0.5, 3, seed=1).mean(1)]
    assert found.seed_correlation == pytest.approx(np.corrcoef(*accuracy)[0, 1])
    # Of unequal numbers nobody knows which rows are of one seed.
    unequal = comparison.verdict(correct(0.6, 3), correct(0.5, 4, seed=1))
    assert unequal.seed_correlation is None


def test_a_correlation_that_chance_hardly_makes() -> None:
    a, b = np.array([1.0, 2, 4, 3, 7]), np.array([2.0, 2.5, 3, 5, 6])
    found = stats.pearsonr(a, b)
    for one in (b, -b):
        correlation = statistics.seed_correlation(a, one)
        assert correlation is not None
        assert statistics.correlation_p(correlation, 5) == pytest.approx(found.pvalue)
    assert statistics.correlation_p(1.0, 3) == statistics.correlation_p(-1.0, 3) == 0


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 1, 2], [3, 4], "run 1 of x and run 2 of x"),
        ([1, 2, 3], [4, 5, 4], "run 1 of y and run 3 of y"),
        ([1, 2], [3, 2], "run 2 of x and run 2 of y"),
    ],
)
def test_a_copy_is_no_seed(a: list[int], b: list[int], message: str) -> None:
    runs = correct(0.6, 6, 200)
    with pytest.raises(ValueError, match=f"{message} get the same images right, all 200"):
        comparison.verdict(runs[a], runs[b], names=("x", "y"))
    assert comparison.verdict(runs[a], runs[b], distinct=True).images == 200


def test_runs_right_on_nearly_all_images_may_agree() -> None:
    nearly = np.tile(np.arange(500) != 7, (3, 1))
    found = comparison.verdict(nearly, nearly[:2])
    assert found.interval[1] > 0.5 and found.equivalence_p > 0.03


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_the_chance_of_a_fresh_run_comes_true(k: int) -> None:
    """Differences of 1.5 deviations of a run; of all comparisons, and of those with a winner."""
    rng, draws = np.random.default_rng([11, k]), 40_000
    shift = rng.normal(0, 1.5, draws)
    a, b = shift[:, None] + rng.normal(0, 1, (draws, k)), rng.normal(0, 1, (draws, k))
    fresh = shift + rng.normal(0, 1, draws) - rng.normal(0, 1, draws)
    value, of_a, of_b = a.mean(1) - b.mean(1), a.var(1, ddof=1), b.var(1, ddof=1)
    df = degrees.seed_degrees(of_a / k, of_b / k, k, k)
    chance = fresh_run.chance_to_win(value, of_a + of_b, (of_a + of_b) / k, df)
    said, came = np.maximum(chance, 1 - chance), fresh * value > 0
    won = 2 * stats.t.sf(np.abs(value) / np.sqrt((of_a + of_b) / k), df) < 0.05
    # 40,000 draws know a share to within 0.2 points, those with a winner at 2 seeds to within 0.6.
    assert said.mean() == pytest.approx(came.mean(), abs=0.03)
    assert said[won].mean() == pytest.approx(came[won].mean(), abs=0.03 + 0.006)


def test_a_difference_of_many_deviations_leaves_no_doubt() -> None:
    assert fresh_run.chance_to_win(20, 2, 2 / 3, 4) > 0.98
    assert fresh_run.chance_to_win(-20, 2, 2 / 3, 4) < 0.02
    assert fresh_run.chance_to_win(0, 2, 2 / 3, 4) == pytest.approx(0.5)
