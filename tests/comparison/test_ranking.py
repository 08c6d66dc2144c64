"""Many arms ranked: groups that cannot be told apart, every pair with Holm's adjustment."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from made_up_runs import diverging, made_up, reported

from imagenet_tools.comparison import arms, statistics
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.ranking import Pair, best, groups, ranking
from imagenet_tools.comparison.results import judge
from imagenet_tools.pages import html_page


def apart(*names: str) -> list[Pair]:
    return [Pair(a, b, 1.0, (0.5, 1.5), 0.001, True) for a, b in names]


def test_groups() -> None:
    assert groups("abc", []) == (("a", "b", "c"),)
    assert groups("abc", apart("ac")) == (("a", "b"), ("b", "c"))
    assert groups("abc", apart("ab", "ac", "bc")) == (("a",), ("b",), ("c",))
    # Not by rank: a noisy arm in between may be told apart from neither.
    assert groups("abcd", apart("ab", "ac", "cd")) == (("a", "d"), ("b", "c"), ("b", "d"))


@pytest.mark.parametrize("pairs", ["", "ab", "ab cd", "ac bd ad", "ab bc cd de", "ae be ce de"])
def test_every_two_share_a_group_unless_they_are_apart(pairs: str) -> None:
    parted = {frozenset(pair) for pair in pairs.split()}
    found = groups("abcde", apart(*pairs.split()))
    for a, b in itertools.combinations("abcde", 2):
        assert any(a in one and b in one for one in found) != (frozenset((a, b)) in parted)


def test_which_may_be_the_best() -> None:
    """At the level over the pairs of those left: 6, of three 3, of two 1."""
    p = {("a", "b"): 0.04, ("a", "c"): 0.016, ("a", "d"): 0.008}
    assert best("abcd", p, 0.05) == ("a",)
    assert best("abcd", {**p, ("a", "b"): 0.05}, 0.05) == ("a", "b")
    assert best("abcd", {**p, ("a", "c"): 0.017}, 0.05) == ("a", "b", "c")
    assert best("abcd", {**p, ("a", "d"): 0.009}, 0.05) == ("a", "b", "c", "d")
    # The one between, that varies, stays, whatever is behind it.
    assert best("abcd", {**p, ("a", "b"): 0.5}, 0.05) == ("a", "b")


def test_arms_are_ranked(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception", "vgg"), tiny_records)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, vgg=0.60))
    found = ranking(judge(made, tmp_path))
    assert found is not None
    assert [one.arm.slug for one in found.arms] == ["vgg", "alexnet", "inception"]
    assert [found.letters(one) for one in ("vgg", "alexnet", "inception")] == ["a", "a", "b"]
    by_slug = {one.arm.slug: one.correct[one.arm.slug] for one in found.arms}
    each = [statistics.difference(by_slug[one.a], by_slug[one.b]) for one in found.pairs]
    assert [one.difference for one in found.pairs] == [one.value for one in each]
    assert [one.p for one in found.pairs] == statistics.holm([one.p for one in each])
    assert found.pair("inception", "vgg") == (found.pair("vgg", "inception")[0], -1.0)
    with pytest.raises(LookupError, match="lenet"):
        found.pair("vgg", "lenet")
    assert found.best == ("vgg", "alexnet")
    content = reported(made, tmp_path).as_json()["ranking"]
    assert content["best"] == ["vgg", "alexnet"]
    assert content["arms"] == ["vgg", "alexnet", "inception"]
    assert content["groups"] == [["vgg", "alexnet"], ["inception"]]
    page = (tmp_path / "report.html").read_text()
    assert "The best arm is vgg or alexnet; every other one is worse than the first." in page
    assert 'id="ranking"' in page and "Top-1 accuracy of each arm against the time" in page


def test_two_seeds_do_not_tell_many_arms_apart(tiny_records: Path, tmp_path: Path) -> None:
    """Six arms are not told apart by 2 seeds, five are."""
    specs = [f"alexnet:multiply={at}" for at in range(1, 7)]
    for count, parted in ((5, True), (6, False)):
        made = make_plan(specs[:count], tiny_records, seeds=2)
        right = {one.slug: at / 6 for at, one in enumerate(made.arms)}
        folder = tmp_path / str(count)
        arms.run_all(made, folder, tiny_records, launch=made_up(made, **right))
        found = ranking(judge(made, folder))
        assert found is not None
        assert any(one.apart for one in found.pairs) == parted
        assert (len(found.best) < count) == parted


@pytest.mark.parametrize("lost", ["vgg", "alexnet"])
def test_an_arm_without_a_run_is_not_judged(tiny_records: Path, tmp_path: Path, lost: str) -> None:
    """The others are; of three arms two are left, which need no ranking."""
    made = make_plan(("alexnet", "inception", "vgg"), tiny_records, seeds=2)
    gone = {(lost, seed) for seed in made.seeds}
    arms.run_all(made, tmp_path, tiny_records, launch=diverging(made, gone, vgg=0.60))
    judgement = judge(made, tmp_path)
    for one in judgement.contrasts:
        hit = lost in (one.a.slug, one.b.slug)
        assert one.judged is not hit
        assert (f"every run of {lost} diverged" in one.verdict.sentence) is hit
        assert (one.verdict.estimate is None) is hit
    assert ranking(judgement) is None
    assert lost not in judgement.matrix and len(judgement.matrix) == 2


def test_two_arms_are_not_ranked(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    report = reported(made, tmp_path)
    assert report.ranking is None and report.as_json()["ranking"] is None
    assert 'id="ranking"' not in (tmp_path / "report.html").read_text()


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("heat", ["#0072b2", "#d55e00"])
@pytest.mark.parametrize("ink, paper", [("#1c2430", "#fdfdfb"), ("#e7ebf0", "#14181d")])
def test_what_stands_on_a_heat_map_can_be_read(heat: str, ink: str, paper: str) -> None:
    style = html_page.resource("page.css")
    for name, colour in (("above|below", heat), ("ink", ink), ("paper", paper)):
        assert any(f"--{one}: {colour}" in style for one in name.split("|"))
    share = html_page.MOST / 100
    parts = [(int(heat[at : at + 2], 16), int(paper[at : at + 2], 16)) for at in (1, 3, 5)]
    mixed = [round(share * above + (1 - share) * below) for above, below in parts]
    assert contrast(ink, "#{:02x}{:02x}{:02x}".format(*mixed)) >= 4.5
