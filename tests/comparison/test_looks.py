"""A comparison that looks at its result on the way stops where it is decided, or hopeless."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import launched, undiagnosed
from scipy import stats

from imagenet_tools.comparison import compare, degrees, looks, power, results
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.report import opening, provisional


@pytest.fixture(autouse=True)
def without_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each arm's outputs: nothing here looks at them."""
    monkeypatch.setattr(compare, "_write_preview", lambda *_: None)


@pytest.fixture(autouse=True)
def no_page_after_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen runs in no time, each with a page and its figure; test_progress.py looks at it."""
    monkeypatch.setattr(provisional, "write", lambda *_: None)


def test_looks_stop_where_the_result_is_decided(tiny_records: Path, tmp_path: Path) -> None:
    started: list[tuple[str, int]] = []
    made = make_plan(("alexnet", "inception"), tiny_records, profile="verdict")
    assert made.seeds == tuple(range(1, 9))
    launch = launched(made, {}, started)
    made = replace(made, image_size=67)
    written = compare.carry_out(made, undiagnosed(tmp_path / "early"), tiny_records, launch=launch)
    assert {seed for _, seed in started} == {1, 2, 3}
    assert written.as_json()["contrasts"][0]["alpha"] == 0.003
    text = (tmp_path / "early/report.md").read_text()
    assert "Looked at after 3 of 8 planned seeds (looks after 3, 5, 8)" in text
    assert "futility" not in text


def test_looks_stop_where_more_seeds_would_not_help(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[tuple[str, int]] = []
    made = make_plan(("alexnet", "inception"), tiny_records, profile="verdict", margin=0.01)
    made = replace(made, image_size=67)
    launch = launched(made, {"alexnet": 0.503}, started)
    written = compare.carry_out(made, undiagnosed(tmp_path), tiny_records, launch=launch)
    # After 5 seeds the runs are alike but for chance, and 8 could not say so within 0.01 points.
    assert written.kinds == ("inconclusive",)
    assert {seed for _, seed in started} == {1, 2, 3, 4, 5}
    assert "Looked at after 3 of 8 seeds: Inconclusive: alexnet less inception" in (
        capsys.readouterr().err
    )
    assert "Stopped for futility" in (tmp_path / "report.md").read_text()
    started.clear()
    compare.carry_out(made, undiagnosed(tmp_path), tiny_records, launch=launch)
    assert started == []
    # Going on is a change of the plan, and said.
    on = replace(made, looks=())
    content = compare.carry_out(on, tmp_path, tiny_records, launch=launch).as_json()
    assert {seed for _, seed in started} == {6, 7, 8}
    assert "planned with 8 seeds an arm and looks after 3, 5, 8" in content["deviations"][0]


def test_a_plan_goes_on_with_the_seeds_that_its_report_asks_for(
    tiny_records: Path, tmp_path: Path
) -> None:
    started: list[tuple[str, int]] = []
    folder, command = undiagnosed(tmp_path), "imgtools compare-preproc alexnet inception"
    later = (0.0004, 0.0008, 0.0016, 0.0032, 0.0064)
    for seeds, alpha, left in ((None, 0.0425, later), (5, later[1], later[2:])):
        made = make_plan(("alexnet", "inception"), tiny_records, seeds=seeds)
        made = replace(made, image_size=67)
        launch = launched(made, {"alexnet": 0.515}, started)
        report = compare.carry_out(made, folder, tiny_records, launch=launch, command=command)
        verdict = report.judgement.contrasts[0].verdict
        assert (verdict.alpha, verdict.later) == (alpha, pytest.approx(left))
        assert report.deviations == ()
        assert f"a difference counts where p is below {alpha:g}" in (report.look or "")
    assert {seed for _, seed in started} == {1, 2, 3, 4, 5}
    undecided = replace(verdict, kind="inconclusive", seeds_more=2, images_more=None)
    for contrast in report.judgement.contrasts:
        object.__setattr__(contrast, "verdict", undecided)
    words, again = opening.next_step(report)
    assert "7 seeds an arm, in the same folder. The plan allows for up to 8" in words
    assert again == f"{command} --seeds 7"


def test_the_advice_at_a_look_is_of_the_looks_that_follow(tiny_records: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, profile="verdict")
    assert results.later(made, 3) == [0, 0.014, 0, 0, 0.042]
    assert results.later(made, 8) == [0.05]  # a comparison of its own
    twelve = make_plan(("alexnet", "inception"), tiny_records, seeds=12)
    assert results.later(twelve, 10) == [0, 0.05]


def test_levels_of_an_extendable_plan() -> None:
    levels = [looks.level(seeds, 3) for seeds in range(3, 10)]
    assert levels == pytest.approx([0.0425, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.05])
    assert [looks.level(seeds) for seeds in (3, 8)] == [0.05, 0.05]


def test_levels_are_those_of_the_documentation() -> None:
    """Which says how often whoever looks at them errs."""
    page = (Path(__file__).parents[2] / "docs/why/comparison.md").read_text()
    rows = re.findall(r"^\| ([2-7]) \| (\.\d+) \| (\.\d+) \|", page, re.MULTILINE)
    assert [int(planned) for planned, *_ in rows] == list(looks.EXTENDABLE) == [2, 3, 4, 5, 6, 7]
    for planned, first, last in rows:
        seeds = int(planned)
        assert looks.level(seeds, seeds) == float(first)
        later = [looks.level(one, seeds) for one in range(seeds + 1, 9)]
        assert later == [float(last) / 2 ** (8 - one) for one in range(seeds + 1, 9)]
        assert looks.level(9, seeds) == 0.05
    planned = re.search(r"after 3, 5 and 8 seeds .* judged at (.+) and (\.\d+), 4\.4", page)
    assert planned is not None
    told = [*planned[1].split(", "), planned[2]]
    assert dict(zip((3, 5, 8), map(float, told), strict=True)) == looks.LOOKS
    assert [looks.level(seeds, first) for seeds, first in ((8, 8), (5, 1), (1, 1))] == [0.05] * 3


def p_values(draws: int, ratio: float, first: int) -> np.ndarray:
    """p at every number of seeds from `first` to MOST, [looks, draws]; arms are equal, A's variance
    between seeds `ratio` times B's."""
    a, b = np.random.default_rng([5, first]).normal(0, 1, (2, draws, looks.MOST))
    a *= ratio**0.5
    found = []
    for k in range(first, looks.MOST + 1):
        of_a, of_b = a[:, :k].var(1, ddof=1) / k, b[:, :k].var(1, ddof=1) / k
        t = (a[:, :k].mean(1) - b[:, :k].mean(1)) / np.sqrt(of_a + of_b)
        found.append(2 * stats.t.sf(np.abs(t), degrees.seed_degrees(of_a, of_b, k, k)))
    return np.array(found)


@pytest.mark.parametrize("first", looks.EXTENDABLE)
def test_whoever_looks_at_every_number_of_seeds_errs_in_5_percent(first: int) -> None:
    levels = [[looks.level(k, first)] for k in range(first, looks.MOST + 1)]
    for ratio, most in ((1.0, 0.05), (4.0, 0.055), (16.0, 0.06)):
        errors = (p_values(40_000, ratio, first) < levels).any(0).mean()
        # 40,000 draws know a share of 5 % to within 0.11 points; two of these.
        assert errors <= most + 0.0022


@pytest.mark.parametrize("margin", [0.0, 3.0])
@pytest.mark.parametrize(("ratio", "least", "most"), [(1.0, 0.03, 0.05), (16.0, 0.05, 0.06)])
def test_whoever_follows_the_advice_errs_in_less(
    ratio: float, least: float, most: float, margin: float
) -> None:
    """Planned with 3 seeds, and after every undecided look with those that are asked for, by the
    difference seen, or the margin, in deviations of the seeds; 8 where that would not do."""
    levels, draws = {k: looks.level(k, 3) for k in range(3, looks.MOST + 1)}, 40_000
    asked = np.array([
        next((k for k in range(4, 9) if power.power(seen / 10, k, 1.0, 0.0, levels[k]) >= 0.8), 8)
        for seen in range(1, 121)
    ])  # fmt: skip
    a, b = np.random.default_rng([5, 3]).normal(0, 1, (2, draws, looks.MOST))
    a *= ratio**0.5
    at, wrong = np.full(draws, 3), np.zeros(draws, bool)
    for k, p in enumerate(p_values(draws, ratio, 3), 3):
        here = (at == k) & ~wrong
        wrong |= here & (p < levels[k])
        sd = np.sqrt((a[:, :k].var(1, ddof=1) + b[:, :k].var(1, ddof=1)) / 2)
        seen = np.maximum(np.abs(a[:, :k].mean(1) - b[:, :k].mean(1)), margin) / sd
        wanted = asked[np.clip((seen * 10).astype(int) - 1, 0, 119)]
        at[here] = np.maximum(k + 1, wanted)[here]
    # 40,000 draws know a share of 6 % to within 0.12 points.
    assert least <= wrong.mean() <= most + 0.0024
