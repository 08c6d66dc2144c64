"""Shares of a difference: of parts, of training and evaluation, of classes; images in them all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.comparison import attribution, degrees, statistics
from imagenet_tools.comparison.report import flips
from imagenet_tools.pipelines.crosses import combined, subsets


def runs(rng: np.random.Generator, chance: np.ndarray, k: int, tau: float = 0.5) -> np.ndarray:
    """Runs [k, images] whose accuracy differs by `tau` points beyond the churn of images."""
    weight = chance * (1 - chance)
    shift = rng.normal(0, tau / 100, (k, 1)) * weight / weight.mean()
    return rng.random((k, chance.size)) < chance + shift


def contrast(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> Any:
    """What attribution and class changes read of a contrast; arms named a and b."""
    arms = [
        SimpleNamespace(slug=slug, correct=correct, own=correct[slug], label=None, group=None)
        for slug, correct in (("a", a), ("b", b))
    ]
    return SimpleNamespace(a=arms[0], b=arms[1], judged=True)


def test_training_and_evaluation_add_up_and_have_intervals() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(0.6, 0.5, 1000)
    a = {"a": runs(rng, chance + 0.03, 3), "b": runs(rng, chance + 0.02, 3)}
    b = {"a": runs(rng, chance, 3), "b": runs(rng, chance, 3)}
    found = {one.part: one for one in attribution.effects(contrast(a, b))}
    assert list(found) == ["training", "evaluation", "interaction"]
    total = 100 * (a["a"].mean() - b["b"].mean())
    assert found["training"].points + found["evaluation"].points == pytest.approx(total)
    means = [[100 * one[path].mean() for path in "ab"] for one in (a, b)]
    (aa, ab), (ba, bb) = means
    assert found["training"].points == pytest.approx((aa - ba + ab - bb) / 2)
    assert found["interaction"].points == pytest.approx((aa - ab - ba + bb) / 2)
    for one in found.values():
        low, high = one.interval
        assert low < one.points < high


def test_effects_are_none_without_the_others_path_and_unbounded_with_one_seed() -> None:
    one = np.arange(100) % 3 > 0
    assert attribution.effects(contrast({"a": one[None]}, {"b": one[None]})) == []
    both = {"a": one[None], "b": ~one[None]}
    assert all(s.interval == attribution.UNKNOWN for s in attribution.effects(contrast(both, both)))


@pytest.mark.parametrize("new", [False, True])
def test_an_interval_of_eight_arms_covers(new: bool) -> None:
    """Shapley's weights of the first of three parts, whose images are half of the arms' own."""
    weights = np.array([2, 1, 1, 2, -2, -1, -1, -2]) / 6
    rng, draws = np.random.default_rng(1), 800
    wrong = 0
    for _ in range(draws):
        common = rng.beta(0.6, 0.5, 400)
        own = np.where(rng.random(400) < 0.3 * new, rng.beta(0.6, 0.5, 400), common)
        arms = [runs(rng, own if weight > 0 else common, 3) for weight in weights]
        low, high = statistics.combination(arms, list(weights))[1]
        wrong += not low <= 0 <= high
    assert wrong / draws <= 0.055 + 0.008  # one standard error of 800 draws


def test_every_part_has_what_it_adds() -> None:
    """Right images: 100 of 400, and for each part that is a's so many more, also for mixing."""
    a, b = registry.get("alexnet+cutmix"), registry.get("inception")
    adds = {"geometry": 8, "colour": 4, "range": 12, "mixing": 20}
    arms = []
    for chosen in subsets(tuple(adds)):
        right = 100 + sum(adds[part] for part in chosen)
        correct = np.repeat(np.arange(400) < right, 2).reshape(400, 2).T
        fingerprint = combined(a, b, chosen).fingerprint
        arm = SimpleNamespace(fingerprint=fingerprint)
        arms.append(SimpleNamespace(arm=arm, own=correct, group=None))
    found: Any = attribution.shares(a.spec, b.spec, arms)
    assert {one.part: one.points for one in found} == pytest.approx(
        {part: more / 4 for part, more in adds.items()}
    )
    (*_, of_three) = attribution.shares("alexnet", "inception", arms)
    assert of_three.part == "range"


def test_shares_count_a_picture_once() -> None:
    """Copies of every image, known to be such, leave each share and its interval as they are."""
    a, b = registry.get("alexnet"), registry.get("inception")
    rng = np.random.default_rng(3)
    chance, groups = rng.beta(0.6, 0.5, 80), np.repeat(np.arange(80), 3)
    once: Any = []
    copied: Any = []
    for chosen in subsets(("geometry", "colour", "range")):
        arm = SimpleNamespace(fingerprint=combined(a, b, chosen).fingerprint)
        correct = runs(rng, chance + 0.05 * len(chosen), 2)
        once.append(SimpleNamespace(arm=arm, own=correct, group=None))
        copied.append(SimpleNamespace(arm=arm, own=correct[:, groups], group=groups))
    found: Any = [attribution.shares(a.spec, b.spec, arms) for arms in (once, copied)]
    for one, other in zip(*found, strict=True):
        assert (other.points, *other.interval) == pytest.approx((one.points, *one.interval))


def test_a_combination_of_two_is_their_difference() -> None:
    rng = np.random.default_rng(2)
    chance = rng.beta(0.6, 0.5, 500)
    a, b = runs(rng, chance, 4), runs(rng, chance, 4)
    value, (low, high) = statistics.combination([a, b], [1.0, -1.0])
    wanted = statistics.difference(a, b)
    assert value == pytest.approx(wanted.value)
    df = degrees.total_degrees(wanted.seed_variance, 4.0, wanted.image_variance, 500)
    assert high - value == pytest.approx(wanted.se * statistics.stats.t.ppf(0.975, df))
    assert (low + high) / 2 == pytest.approx(value)


def test_a_part_that_changes_nothing_has_no_share() -> None:
    some = np.arange(60).reshape(2, 30) % 2 == 0
    assert statistics.combination([some, some], [0.0, 0.0]) == (0.0, (0.0, 0.0))
    value, interval = statistics.combination([some[:1], ~some[:1]], [1.0, -1.0])
    assert (value, interval) == (0.0, (-np.inf, np.inf))


def test_a_class_that_turns_in_every_run_is_found() -> None:
    """Arms that never vary: all of one class right under A and wrong under B, another equal."""
    label = np.repeat([1, 2, 3], 60)
    a = np.tile(label != 3, (3, 1))
    b = np.tile(label == 2, (3, 1))
    made = contrast({"a": a}, {"b": b})
    made.a.label = label
    found = {one.label: one for one in flips.class_changes(made)}
    assert (found[1].a, found[1].b) == (100, 0)
    assert found[1].p < 1e-9
    assert found[2].p == 1
    assert found[3].p == 1


@pytest.mark.parametrize("k", [2, 3])
def test_a_combination_has_the_images_part_of_a_difference(k: int) -> None:
    rng = np.random.default_rng(k)
    a, b = (runs(rng, rng.beta(0.6, 0.5, 12), k) for _ in "ab")
    wanted = statistics.difference(a, b)
    df = degrees.total_degrees(wanted.seed_variance, 2 / 3 * 2 * (k - 1), wanted.image_variance, 12)
    half = stats.t.ppf(0.975, df) * wanted.se
    bounds = (wanted.value - half, wanted.value + half)
    value, interval = statistics.combination([a, b], [1.0, -1.0])
    assert (value, *interval) == pytest.approx((wanted.value, *bounds))
    groups = rng.permutation(np.repeat(np.arange(12), 3))
    copies = statistics.combination([a[:, groups], b[:, groups]], [1.0, -1.0], groups=groups)
    assert (copies[0], *copies[1]) == pytest.approx((wanted.value, *bounds))


def test_effects_count_a_picture_once_and_want_a_judged_contrast() -> None:
    rng = np.random.default_rng(1)
    chance = rng.beta(0.6, 0.5, 60)
    arms = [{name: runs(rng, chance, 2) for name in "ab"} for _ in "ab"]
    groups = np.repeat(np.arange(60), 4)
    once = attribution.effects(contrast(*arms))
    assert all(np.isfinite(one.interval).all() for one in once)
    copies = [{name: array[:, groups] for name, array in arm.items()} for arm in arms]
    known = contrast(*copies)
    known.a.group = groups
    for one, other in zip(once, attribution.effects(known), strict=True):
        assert (one.points, *one.interval) == pytest.approx((other.points, *other.interval))
    known.judged = False
    assert attribution.effects(known) == []
