"""A verdict to the letter, and its arithmetic by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import mean, variance
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from imagenet_tools import comparison
from imagenet_tools.comparison import (
    bootstrap,
    copies,
    degrees,
    fresh_run,
    power,
    statistics,
    verdicts,
)
from imagenet_tools.comparison.judged import Verdict, chance, say

A = np.array([[1, 1, 1, 0, 1, 0], [1, 1, 0, 0, 1, 1]], bool)
B = np.array([[1, 0, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1]], bool)


def test_a_difference_by_hand() -> None:
    found = statistics.difference(A, B)
    runs_a, runs_b = ([100 * mean(map(int, run)) for run in arm] for arm in (A, B))
    assert found.value == pytest.approx(mean(runs_a) - mean(runs_b))
    assert (found.mean_a, found.mean_b) == pytest.approx((mean(runs_a), mean(runs_b)))
    spreads = variance(runs_a), variance(runs_b)
    assert (found.sd_a**2, found.sd_b**2) == pytest.approx(spreads)
    assert found.run_deviation == pytest.approx(math.sqrt(mean(spreads)))
    seeds = variance(runs_a) / 2 + variance(runs_b) / 3
    assert found.seed_variance == pytest.approx(seeds)
    p_a, p_b = ([mean(map(int, image)) for image in arm.T] for arm in (A, B))
    churn = mean(p * (1 - p) for p in p_a) / 1 + mean(p * (1 - p) for p in p_b) / 2
    assert found.churn == pytest.approx(1e4 * churn / 6)
    spread = variance([a - b for a, b in zip(p_a, p_b, strict=True)])
    images = 1e4 * (max(0, spread - churn) / 6 + 2 / 36)
    assert found.image_variance == pytest.approx(images)
    assert found.se == pytest.approx(math.sqrt(seeds + images))
    assert found.run_variance == pytest.approx(variance(runs_a) + variance(runs_b) + 1e4 * 2 / 36)
    half = stats.t.ppf(0.975, found.df) * found.se
    assert found.interval() == pytest.approx((found.value - half, found.value + half))
    assert found.p == pytest.approx(2 * stats.t.sf(found.value / found.se, found.df))


def test_degrees_of_freedom_by_hand() -> None:
    def second(a: float, b: float) -> float:
        return (a + b) ** 2 / (a**2 / 6 + b**2 / 4) - 2

    # 5 and 3 seeds: factor 1.7 * (4 / 2) ^ (2.25 / 2).
    factor = 1.7 * 2**1.125
    for a, b in ((1.0, 1.0), (1.0, 3.0)):
        wanted = min(max(min(second(factor * a, b), second(a, factor * b)), 2), 6)
        assert degrees.seed_degrees(a, b, 5, 3) == pytest.approx(wanted)
    assert degrees.seed_degrees(0.0, 0.0, 5, 3) == 2
    careful = (1 + 10 / 4**2) * 3
    share = careful / (careful + 2)
    for images in (1000, 6):
        wanted = 1 / (share**2 / 4 + (1 - share) ** 2 / (images - 1))
        assert degrees.total_degrees(3.0, 4.0, 2.0, images) == pytest.approx(wanted)
    assert degrees.total_degrees(3.0, 4.0, 0.0, 1000) == 4
    assert degrees.total_degrees(0.0, 4.0, 2.0, 1000) == 999


def test_a_chance_by_hand() -> None:
    """One prior of the mixture alone is a t of one more degree of freedom."""
    value, run, seed, df = 2.0, 1.5, 0.5, 4.0
    parts, weights = [], []
    for wider, often in zip(fresh_run.WIDER, fresh_run.HOW_OFTEN, strict=True):
        prior = (1.5 * wider) ** 2 / 2 * run
        drawn = prior / (prior + seed)
        scale = (df * run + value**2 * run / (prior + seed)) / (df + 1)
        t = value * drawn / math.sqrt(scale * (1 + drawn * seed / run))
        parts.append(stats.t.cdf(t, df + 1))
        weights.append(often / math.sqrt(prior + seed) * scale ** (-(df + 1) / 2))
    wanted = np.average(parts, weights=weights)
    assert fresh_run.chance_to_win(value, run, seed, df) == pytest.approx(wanted)
    assert sum(fresh_run.HOW_OFTEN) == pytest.approx(1)


def known(**changes: Any) -> Verdict:
    """A verdict that could go either way, to be put in words."""
    rng = np.random.default_rng(0)
    made = comparison.verdict(rng.random((3, 400)) < 0.6, rng.random((3, 400)) < 0.6)
    plain = {"difference": 1.234, "interval": (-0.5, 2.968), "images_more": None}
    return replace(made, **{"kind": "inconclusive", **plain, **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"kind": "A better", "interval": (0.1, 2.368), "chance_a_beats_b": 0.914},
            "x is better than y by 1.23 points of top-1 (95 % interval +0.10 to +2.37; 3 + 3 seeds,"
            " 400 images). A fresh x run beats a fresh y run with probability 0.91",
        ),
        (
            {"kind": "B better", "difference": -1.234, "interval": (-2.368, -0.1),
             "chance_a_beats_b": 0.001},
            "y is better than x by 1.23 points of top-1 (95 % interval +0.10 to +2.37; 3 + 3 seeds,"
            " 400 images). A fresh y run beats a fresh x run with probability above 0.99",
        ),
        (
            {"kind": "B better", "difference": -0.8, "interval": (-1.5, -0.1),
             "chance_a_beats_b": 0.234},
            "y is better than x by 0.80 points of top-1 (95 % interval +0.10 to +1.50; 3 + 3 seeds,"
            " 400 images). A fresh y run beats a fresh x run with probability 0.77",
        ),
        (
            {"kind": "equivalent", "margin": 4.0},
            "x and y are equivalent within 4 points of top-1 (difference +1.23, 95 % interval "
            "-0.50 to +2.97; 3 + 3 seeds, 400 images)",
        ),
        (
            {"seeds_more": 4},
            "Inconclusive: x less y is +1.23 points of top-1 (95 % interval -0.50 to +2.97; 3 + 3 "
            "seeds, 400 images); about 4 more seeds an arm would probably settle it",
        ),
        (
            {"seeds_more": 1, "interval": (0.1, 2.4), "p": 0.0321, "alpha": 0.0425},
            "Inconclusive: x less y is +1.23 points of top-1 (95 % interval +0.10 to +2.40; 3 + 3 "
            "seeds, 400 images); p = 0.032 is not below the level of 0.0425 here; about 1 more seed"
            " an arm would probably settle it",
        ),
        (
            {"seeds_more": None},
            "Inconclusive: x less y is +1.23 points of top-1 (95 % interval -0.50 to +2.97; 3 + 3 "
            "seeds, 400 images); more than 200 more seeds would be needed",
        ),
        (
            {"images_more": 2345},
            "Inconclusive: x less y is +1.23 points of top-1 (95 % interval -0.50 to +2.97; 3 + 3 "
            "seeds, 400 images); 400 images are too few, however many seeds: it takes 2,745 at "
            "least",
        ),
        (
            {"images": 49, "images_more": 1, "interval": (0.1, 2.4)},
            "Inconclusive: x less y is +1.23 points of top-1 (95 % interval +0.10 to +2.40; 3 + 3 "
            "seeds, 49 images); 49 images are too few for a verdict, which takes 50",
        ),
    ],
)  # fmt: skip
def test_sentences(changes: dict[str, Any], sentence: str) -> None:
    assert say(known(**changes), ("x", "y")) == sentence


def test_other_sentences() -> None:
    one = comparison.verdict(A[:1], B[:2], names=("x", "y"), alpha=0.01)
    assert one.sentence == (
        "Inconclusive: one seed an arm cannot tell x from y (difference +33.33 points on 6 images, "
        "of these checkpoints only); run 3 seeds or more"
    )
    assert (one.difference, one.seeds, one.images) == (pytest.approx(100 / 3), (1, 2), 6)
    assert (one.kind, one.p, one.equivalence_p, one.chance_a_beats_b) == ("inconclusive", 1, 1, 0.5)
    assert (one.alpha, one.later, one.margin, one.seeds_more) == (0.01, (0.01,), 0.5, 2)
    assert (one.estimate, len(one.checkpoints)) == (None, 1)
    lost = verdicts.all_diverged(("x", "y"), (0, 2), 300, 0.5, 0.05)
    assert lost.sentence == (
        "Inconclusive: every run of x diverged, so there is no accuracy to compare; `imgtools "
        "diagnose` says why, a lower rate or --match-scale may help"
    )
    assert verdicts.all_diverged(("x", "y"), (0, 0), 3, 0.5, 0.05).sentence.startswith(
        "Inconclusive: every run of x and y diverged"
    )
    assert math.isnan(lost.difference) and math.isnan(lost.chance_a_beats_b)
    assert (lost.kind, lost.images, lost.seeds) == ("inconclusive", 300, (0, 2))
    guess = verdicts.nothing_learned(known(kind="equivalent", seeds_more=3), ("x", "y"), 1000)
    assert guess.sentence == (
        "Inconclusive: every run of x and y guesses among 1,000 classes (difference +1.23 points), "
        "so this says nothing of the pipelines; `imgtools diagnose` says why, a longer schedule or "
        "another rate may help"
    )
    assert (guess.kind, guess.seeds_more, guess.images_more) == ("inconclusive", None, None)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.99, "0.99"), (0.9951, "above 0.99"), (0.01, "0.01"), (0.0049, "below 0.01"), (0.5, "0.50")],
)
def test_chances_in_words(value: float, words: str) -> None:
    assert chance(value) == words


def test_two_seeds_are_judged_and_levels_decide() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 2000)) < 0.9, rng.random((2, 2000)) < 0.1
    assert comparison.verdict(a, b).kind == "A better"
    assert verdicts.decide(1.0, 0.04, 0.2, 0.05) == "A better"
    assert verdicts.decide(-1.0, 0.04, 0.2, 0.05) == "B better"
    assert verdicts.decide(1.0, 0.05, 0.05, 0.05) == "inconclusive"
    assert verdicts.decide(1.0, 0.01, 0.04, 0.05) == "equivalent"


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"^a difference between pipelines needs 2 seeds an arm"):
        statistics.difference(A[:1], B)
    with pytest.raises(ValueError, match=r"^a difference .* needs 2 images or more, not 1$"):
        statistics.difference(A[:, :1], B[:, :1])
    with pytest.raises(ValueError, match=r"^correct must be a boolean .*, not float64$"):
        comparison.verdict(A.astype(float), B.astype(float))
    with pytest.raises(ValueError, match=r"^margin is -1 points; it must be above 0, and"):
        comparison.verdict(A, B, -1)


def test_what_is_no_comparison_is_refused() -> None:
    for name, value, message in (
        ("margin", math.inf, "margin is inf points; it must be above 0, and finite"),
        ("margin", math.nan, "margin is nan points"),
        ("alpha", 0.0, "alpha is 0.0; it must be between 0 and 1"),
        ("alpha", 1.0, "alpha is 1.0"),
        ("alpha", math.nan, "alpha is nan"),
    ):
        with pytest.raises(ValueError, match=message):
            comparison.verdict(A, B, **{name: value})
    with pytest.raises(ValueError, match=f"0 and {len(B)} runs on {A.shape[1]} images"):
        comparison.verdict(A[:0], B)
    with pytest.raises(ValueError, match="on 0 images: nothing to compare"):
        comparison.verdict(A[:, :0], B[:, :0])
    with pytest.raises(ValueError, match="masked values; every run needs an answer"):
        comparison.verdict(np.ma.masked_array(A, mask=A), B)


def test_seeds_to_add() -> None:
    estimate = replace(
        statistics.difference(A, B), value=0.3, sd_a=0.2, sd_b=0.4, image_variance=0.01
    )
    sd = math.sqrt((0.2**2 + 0.4**2) / 2)
    needed = power.seeds_needed(0.5, round(sd, 3), 0.1, alpha=0.02)
    assert needed is not None
    assert power.more_seeds(estimate, 0.5, 3, [0.02]) == needed - 3
    assert power.more_seeds(estimate, 0.5, needed + 5, [0.02]) == 1
    # Each number of seeds at its own level, the last of them from there on.
    assert power.more_seeds(estimate, 0.5, needed - 1, [1e-9, 1e-9, 0.02]) == 3
    assert power.more_seeds(replace(estimate, sd_a=90.0), 0.5, 3, [0.02]) is None
    larger = power.seeds_needed(0.9, round(sd, 3), 0.1, alpha=0.02)
    assert larger is not None
    assert power.more_seeds(replace(estimate, value=-0.9), 0.5, 2, [0.02]) == max(1, larger - 2)


def test_power_by_simulation() -> None:
    rng, draws = np.random.default_rng(4), 40_000
    a, b = rng.normal(1.5, 1, (draws, 4)), rng.normal(0, 1, (draws, 4))
    images = rng.normal(0, 0.5, draws)
    of_a, of_b = a.var(1, ddof=1) / 4, b.var(1, ddof=1) / 4
    df = degrees.total_degrees(of_a + of_b, degrees.seed_degrees(of_a, of_b, 4, 4), 0.25, 10**4)
    t = (a.mean(1) - b.mean(1) + images) / np.sqrt(of_a + of_b + 0.25)
    for alpha in (0.05, 0.01):
        found = np.mean(2 * stats.t.sf(np.abs(t), df) < alpha)
        # 40,000 draws know it to within 0.25 points.
        assert power.power(1.5, 4, 1.0, 0.5, alpha) == pytest.approx(found, abs=0.0075)
    assert power.power(0.0, 4, 0.0) == 0 and power.power(0.1, 4, 0.0) == 1
    assert power.power(-1.5, 4, 1.0, 0.5) == power.power(1.5, 4, 1.0, 0.5)
    assert power.seeds_needed(1.0, 1.0, 0.5) is None  # other images alone hide it


def judged_of(seed_variance: float, image_variance: float, margin: float) -> Verdict:
    estimate = replace(
        statistics.difference(A, B),
        value=0.4,
        seed_variance=seed_variance,
        image_variance=image_variance,
    )
    return known(difference=0.4, estimate=estimate, margin=margin, images=400, seeds=(3, 4))


@pytest.mark.parametrize("margin", [0.1, 1.5])
def test_a_predicted_decision_by_hand(margin: float) -> None:
    """Variances between seeds drawn by their chi-square, the difference by what is to come."""
    found = power.chance_decided(judged_of(0.3, 0.05, margin), 8, 0.03)
    rng, draws = np.random.default_rng(8), 200_000
    variance = 0.3 * 4 / rng.chisquare(4, draws)
    then = variance * 3 / 8
    value = rng.normal(0.4, np.sqrt(variance - then))
    df = degrees.total_degrees(then, 14.0, 0.05, 400)
    se = np.sqrt(then + 0.05)
    differs = 2 * stats.t.sf(np.abs(value) / se, df) < 0.03
    equal = stats.t.sf((margin - np.abs(value)) / se, df) < 0.03
    assert found == pytest.approx(np.mean(differs | equal), abs=0.01)
    assert 0.05 < found < 0.95


def test_a_decision_is_certain_where_nothing_is_left_open() -> None:
    one_seed = comparison.verdict(A[:1], B[:1])
    assert power.chance_decided(one_seed, 8, 0.05) == 1
    assert power.chance_decided(judged_of(0.0, 0.05, 0.1), 8, 0.05) == 1
    assert power.chance_decided(judged_of(0.3, 0.05, 0.1), 3, 0.05) == 1


def test_images_to_add_by_hand() -> None:
    judged = judged_of(0.3, 0.09, 0.5)
    wanted = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    one = 400 * 0.09 - 2e4 / 400
    assert judged.estimate is not None
    more = power.more_images(judged.estimate, 0.5, 400, 0.05)
    variance = (0.5 / wanted) ** 2
    needed = next(n for n in range(401, 9999) if max(one, -1e9) / n + 2e4 / n**2 <= variance)
    assert more == needed - 400
    assert power.more_images(judged.estimate, 5.0, 400, 0.05) is None
    few = verdicts.concluded(replace(judged, images=49), ("x", "y"))
    assert (few.kind, few.images_more, few.seeds_more) == ("inconclusive", 1, None)
    rng = np.random.default_rng(0)
    arms = rng.random((2, 50)) < 0.97, rng.random((2, 50)) < 0.03
    assert comparison.verdict(*arms).kind == "A better"
    assert comparison.verdict(*(arm[:, :49] for arm in arms)).kind == "inconclusive"


def test_the_bootstrap_repeats_itself_and_takes_one_seed() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 300)) < 0.7, rng.random((2, 300)) < 0.6
    assert bootstrap.bootstrap_interval(a, b) == bootstrap.bootstrap_interval(a, b)
    assert bootstrap.bootstrap_interval(a, b, seed=1) != bootstrap.bootstrap_interval(a, b)
    low, high = bootstrap.bootstrap_interval(a[:1], b)
    assert low < 100 * (a[:1].mean() - b.mean()) < high
    alone = bootstrap.bootstrap_interval(a[:1], b[:1], draws=20_000)
    spread = np.std(100 * (a[0] * 1.0 - b[0])) / 300**0.5
    assert alone[1] - alone[0] == pytest.approx(2 * 1.96 * spread, rel=0.05)
    assert statistics.mcnemar(a[0], a[0]) == (0, 0, 1.0)


def test_near_duplicates_are_in_every_part_of_a_verdict() -> None:
    groups = np.arange(A.shape[1]) // 2
    found = comparison.verdict(A, B, distinct=True, groups=groups)
    assert found.estimate == statistics.difference(A, B, groups)
    assert found.estimate != statistics.difference(A, B)
    assert found.bootstrap == bootstrap.bootstrap_interval(A, B, groups=groups)
    assert found.bootstrap != bootstrap.bootstrap_interval(A, B)
    assert found.pictures == len(np.unique(groups)) == A.shape[1] - found.near_duplicates
    one = comparison.verdict(A[:1], B[:1], distinct=True, groups=groups)
    assert one.near_duplicates == found.near_duplicates


def test_the_planner_counts_from_2_to_200() -> None:
    assert power.seeds_needed(100.0, 0.01) == 2
    between = (power.detectable(200, 1.0) + power.detectable(201, 1.0)) / 2
    assert power.seeds_needed(between, 1.0) is None
    assert power.seeds_needed(power.detectable(200, 1.0) + 1e-6, 1.0) == 200
    (last,) = (one for one in (0.280, 0.281, 0.282) if power.seeds_needed(one, 1.0) == 200)
    estimate = replace(
        statistics.difference(A, B), value=last, sd_a=1.0, sd_b=1.0, image_variance=0.0
    )
    assert power.more_seeds(estimate, 0.1, 3, [0.05]) == 197
    assert power.more_seeds(replace(estimate, value=last - 0.002), 0.1, 3, [0.05]) is None


def test_a_comparison_without_runs_keeps_its_level() -> None:
    lost = verdicts.all_diverged(("x", "y"), (0, 3), 500, 0.5, 0.014)
    assert (lost.alpha, lost.later, lost.margin, lost.images) == (0.014, (0.014,), 0.5, 500)


def test_verdicts_on_several_pairs_share_the_level() -> None:
    """The difference, the equivalence, and the seeds that are missing: of two contrasts each is
    asked at half the level. One that has no accuracy counts among them, and stays as it is."""
    rng = np.random.default_rng(11)
    arms = [rng.random((3, 2000)) < right for right in (0.600, 0.598, 0.596)]
    pairs = verdicts.against_first(["x", "y", "z"])
    assert pairs == [("x", "y"), ("x", "z")]
    alone = [comparison.verdict(arms[0], arm, 2.0, later=(0.03, 0.04)) for arm in arms[1:]]
    assert [one.kind for one in alone] == ["inconclusive", "equivalent"]
    found = verdicts.adjusted(alone, pairs)
    for name in ("p", "equivalence_p"):
        single, together = ([getattr(one, name) for one in some] for some in (alone, found))
        assert together == pytest.approx(multipletests(single, method="holm")[1])
        assert together != single
    for one, (_, other) in zip(found, pairs, strict=True):
        assert one.kind == "inconclusive" and one.estimate is not None
        assert f"Inconclusive: x less {other} is" in one.sentence
        half, whole = (power.more_seeds(one.estimate, 2.0, 3, levels)
                       for levels in ([0.015, 0.02], [0.03, 0.04]))  # fmt: skip
        assert one.seeds_more == half != whole
    lost = verdicts.all_diverged(("x", "y"), (3, 0), 2000, 2.0, 0.05)
    kept, other = verdicts.adjusted([lost, alone[1]], pairs)
    assert kept is lost and other.p == min(1.0, 2 * alone[1].p)
    assert verdicts.adjusted(alone[:1], pairs[:1]) == alone[:1]


def test_given_runs_are_paired_by_seed_and_grouped() -> None:
    rng = np.random.default_rng(6)
    a, b = (rng.random((3, 400)) < right for right in (0.6, 0.5))
    labels, groups = np.arange(400) % 4, np.arange(400) // 2
    known: Any = {"names": ["x", "y"], "seeds": [(1, 2, 3), (3, 9, 1)], "groups": groups}
    (found,) = verdicts.of_given([a, b], labels, 2.0, **known)
    assert found == comparison.verdict(
        a, b, 2.0, names=("x", "y"), seeds=((1, 2, 3), (3, 9, 1)), groups=groups
    )
    assert [(one.only_a, one.only_b) for one in found.checkpoints] == [
        (int((a[at] & ~b[there]).sum()), int((b[there] & ~a[at]).sum()))
        for at, there in ((0, 2), (2, 0))
    ]
    assert (found.near_duplicates, found.margin) == (200, 2.0)
    # A run of either arm guesses among four classes; of one class that cannot be known.
    b[1] = rng.random(400) < 0.25
    for some, said in ((labels, True), (np.zeros(400, int), False)):
        (found,) = verdicts.of_given([a, b], some, 2.0, **known)
        said_so = "1 of 6 runs guess among 4 classes, they learned nothing" in found.sentence
        assert said_so == said == ("guess" in found.sentence)


def test_other_images_by_hand() -> None:
    for spread, images in ((0.02, 4000), (0.0, 60)):
        wanted = 100 * math.sqrt(spread / images + 2 / images**2)
        assert power.image_deviation(spread, images) == pytest.approx(wanted)
    assert power.detectable(2, 60.0) == 100.0
    least = power.detectable(3, 0.4, 0.1, 0.01)
    assert power.power(least, 3, 0.4, 0.1, 0.01) == pytest.approx(0.8, abs=1e-6)
    # Seeds that tell everything leave a normal error: (1.96 + 0.84) deviations.
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert power.detectable(200, 1e-9, 0.1) == pytest.approx(0.1 * normal, rel=2e-4)


@pytest.mark.parametrize(("wrong", "unlike", "doubted"), [
    (30, 2, True), (30, 3, False), (29, 2, False), (200, 19, True), (200, 20, False),
])  # fmt: skip
def test_runs_that_are_hardly_two_by_their_numbers(wrong: int, unlike: int, doubted: bool) -> None:
    """From 30 images on that are wrong, or right, less than a tenth of them apart."""
    run = np.arange(500) >= wrong
    other = run.copy()
    other[250 : 250 + unlike] = False
    for arm in ([run, other], [~run, ~other]):
        said = [*copies.doubted([np.array(arm)], ["x"])]
        assert said == doubted * [
            f"Runs 1 and 2 of x get the same images right but for {unlike} of 500, as checkpoints "
            "of one run do, which are no seeds"
        ]


def test_copies_by_their_numbers() -> None:
    """30 images wrong are telling, 29 are not; an arm's run may have a share rounded otherwise."""
    for wrong, telling in ((30, True), (29, False)):
        run = np.arange(500) >= wrong
        if not telling:
            copies.refuse([np.array([run, run])], ["x"])
            continue
        with pytest.raises(ValueError, match="run 1 of x and run 2 of x .* right, all 500: they"):
            copies.refuse([np.array([run, run])], ["x"])
    run = np.arange(500) >= 100
    for unlike, refused in ((2, True), (3, False)):
        other = run.copy()
        other[200 : 200 + unlike] = False
        copies.refuse([run[None], other[None]], ["x", "y"], 0.02)  # two arms may be one net
        if not refused:
            copies.refuse([np.array([run, other])], ["x"], 0.02)
            continue
        with pytest.raises(ValueError, match="all but 2 of 500: they are one run"):
            copies.refuse([np.array([run, other])], ["x"], 0.02)
