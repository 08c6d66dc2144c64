"""What a verdict must not depend on, whatever the arrays: names, order, copies of the data."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from imagenet_tools.comparison import statistics, verdict
from imagenet_tools.comparison.statistics import Difference

Arms = tuple[np.ndarray, np.ndarray]
MIRRORED = {"mean_a": "mean_b", "mean_b": "mean_a", "sd_a": "sd_b", "sd_b": "sd_a"}
# Machines under load take their time; an example is a few milliseconds.
checked = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def arms(draw: st.DrawFn) -> Arms:
    """Two arms of 2 to 5 seeds on 50 to 200 images, of accuracies from 0 to 1."""
    n = draw(st.integers(50, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    chance = rng.beta(*draw(st.sampled_from([(0.6, 0.5), (0.05, 1.0), (1.0, 0.02), (5.0, 5.0)])), n)
    seeds = st.integers(2, 5)
    a, b = (rng.random((draw(seeds), n)) < chance for _ in "ab")
    return a, b


def close(one: Difference, other: Difference) -> None:
    for name, value in asdict(one).items():
        assert value == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-9), name


@checked
@given(arms())
def test_arms_change_places(pair: Arms) -> None:
    a, b = pair
    one, other = statistics.difference(a, b), statistics.difference(b, a)
    assert other.value == pytest.approx(-one.value)
    for name, value in asdict(one).items():
        if name != "value":
            mirrored = getattr(other, MIRRORED.get(name, name))
            assert mirrored == pytest.approx(value, rel=1e-9, abs=1e-9), name
    assert other.p == pytest.approx(one.p)
    assert other.chance_a_beats_b == pytest.approx(1 - one.chance_a_beats_b)
    assert other.interval() == pytest.approx([-end for end in reversed(one.interval())])
    kinds = {"A better": "B better", "B better": "A better"}
    first, second = (verdict(*both, distinct=True) for both in ((a, b), (b, a)))
    assert second.kind == kinds.get(first.kind, first.kind)


@checked
@given(arms(), st.randoms(use_true_random=False))
def test_images_and_seeds_have_no_order(pair: Arms, random: object) -> None:
    a, b = pair
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    images = rng.permutation(a.shape[1])
    shuffled = (rng.permutation(arm)[:, images] for arm in (a, b))
    close(statistics.difference(a, b), statistics.difference(*shuffled))


@checked
@given(arms())
def test_images_given_twice_are_no_news_of_the_seeds(pair: Arms) -> None:
    """They would halve the images' part, as if they were others; nothing else changes."""
    a, b = pair
    one = statistics.difference(a, b)
    twice = statistics.difference(np.tile(a, 2), np.tile(b, 2))
    assert twice.value == pytest.approx(one.value)
    assert twice.seed_variance == pytest.approx(one.seed_variance)
    assert twice.seed_df == pytest.approx(one.seed_df)
    assert (twice.sd_a, twice.sd_b) == pytest.approx((one.sd_a, one.sd_b))
    assert twice.image_variance <= one.image_variance / 2 * 1.02 + 1e-9


@checked
@given(arms(), st.integers(2, 5), st.randoms(use_true_random=False))
def test_images_known_to_be_copies_are_no_news_at_all(
    pair: Arms, copies: int, random: object
) -> None:
    images = pair[0].shape[1]
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    groups = rng.permutation(np.repeat(np.arange(images), copies))
    close(
        statistics.difference(*(arm[:, groups] for arm in pair), groups),
        statistics.difference(*pair),
    )
    alone = statistics.difference(*pair, rng.permutation(images))
    close(alone, statistics.difference(*pair))


@checked
@given(arms(), st.integers(1, 40))
def test_images_that_all_agree_on_shift_both_arms_alike(pair: Arms, count: int) -> None:
    """With images that every run has right the difference shrinks as the accuracies do."""
    a, b = pair
    right = [np.concatenate([arm, np.ones((len(arm), count), bool)], axis=1) for arm in (a, b)]
    wrong = [np.concatenate([arm, np.zeros((len(arm), count), bool)], axis=1) for arm in (a, b)]
    up, down = statistics.difference(*right), statistics.difference(*wrong)
    share = a.shape[1] / (a.shape[1] + count)
    assert up.value == pytest.approx(statistics.difference(a, b).value * share)
    assert up.mean_a - down.mean_a == pytest.approx(100 * (1 - share))
    for name in ("value", "seed_variance", "image_variance", "churn", "df", "run_variance"):
        assert getattr(up, name) == pytest.approx(getattr(down, name), rel=1e-9, abs=1e-9), name


@checked
@given(arms())
def test_right_and_wrong_may_be_exchanged(pair: Arms) -> None:
    a, b = pair
    one, other = statistics.difference(a, b), statistics.difference(~a, ~b)
    assert other.value == pytest.approx(-one.value)
    assert (other.se, other.df, other.p) == pytest.approx((one.se, one.df, one.p))


@checked
@given(arms(), st.floats(0.05, 5))
def test_what_a_verdict_says_fits_together(pair: Arms, margin: float) -> None:
    found = statistics.difference(*pair)
    low, high = found.interval()
    assert low < found.value < high
    assert 0 < found.p <= 1 and 0 < found.equivalence_p(margin) < 1
    assert (found.p < 0.05) == (not low <= 0 <= high)
    inner = stats.t.ppf(0.95, found.df) * found.se  # of the interval of 90 %
    inner_low, inner_high = found.value - inner, found.value + inner
    assert (found.equivalence_p(margin) < 0.05) == (-margin < inner_low and inner_high < margin)
    assert 0 < found.chance_a_beats_b < 1
    assert (found.chance_a_beats_b > 0.5) == (found.value > 0) or abs(found.value) < 1e-9
    of_images = pair[0].shape[1] - 1
    assert found.seed_df >= 1
    assert min(found.seed_df, of_images) - 1e-9 <= found.df <= found.seed_df + of_images + 1e-9
    assert statistics.combination(pair, (1.0, -1.0))[0] == pytest.approx(found.value)
