"""A comparison that looks at its result on the way stops where it is decided, or hopeless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from made_up_runs import launched, undiagnosed

from imagenet_tools.comparison import compare
from imagenet_tools.comparison.plan import make_plan


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


def test_looks_stop_where_more_seeds_would_not_help(tiny_records: Path, tmp_path: Path) -> None:
    started: list[tuple[str, int]] = []
    made = make_plan(("alexnet", "inception"), tiny_records, profile="verdict", margin=0.01)
    made = replace(made, image_size=67)
    launch = launched(made, {"alexnet": 0.503}, started)
    written = compare.carry_out(made, undiagnosed(tmp_path), tiny_records, launch=launch)
    # After 5 seeds the runs are alike but for chance, and 8 could not say so within 0.01 points.
    assert written.kinds == ("inconclusive",)
    assert {seed for _, seed in started} == {1, 2, 3, 4, 5}
    assert "Stopped for futility" in (tmp_path / "report.md").read_text()
    started.clear()
    compare.carry_out(made, undiagnosed(tmp_path), tiny_records, launch=launch)
    assert started == []
    # Going on is a change of the plan, and said.
    on = replace(made, looks=())
    content = compare.carry_out(on, tmp_path, tiny_records, launch=launch).as_json()
    assert {seed for _, seed in started} == {6, 7, 8}
    assert "planned with 8 seeds an arm and looks after 3, 5, 8" in content["deviations"][0]
