"""plan.json: runs are held to the plan that they were made under, whatever is done to the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import edit, made_up, reported, without_plan

from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import arms, compare, join
from imagenet_tools.comparison.plan import join_plans, make_plan
from imagenet_tools.comparison.plan_file import changes, read_plan, write_plan
from imagenet_tools.comparison.report import document
from imagenet_tools.comparison.results import judge, level
from imagenet_tools.errors import DamagedData
from imagenet_tools.storage.write import write_json


def compared(folder: Path, records: Path, other: str = "inception", seeds: int = 3) -> Path:
    """A comparison of made-up runs, extended where it is there."""
    write_plan(make_plan(("alexnet", other), records, seeds=seeds), folder)
    made = read_plan(folder)
    arms.run_all(made, folder, records, launch=made_up(made, vgg=0.55, alexnet_2012=0.55))
    return folder


EDITS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"margin": 5.0}, "margin 0.5 -> 5.0"),
    ({"looks": [3]}, "looks [] -> [3]"),
    ({"seeds": [1, 2]}, "seeds [1, 2, 3] -> [1, 2]"),
    ({"first": 2}, "first 3 -> 2"),
    ({"validation_images": 7}, " -> 7"),
    ({"contrasts": [["inception", "alexnet"]]}, "contrasts [["),
    ({"recipe": {"epochs": 99.0}}, "epochs 8.0 -> 99.0"),
)


def test_a_plan_that_was_edited_after_runs_is_named(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(tmp_path, tiny_records)
    whole = json.loads((tmp_path / "plan.json").read_text())
    for change, said in EDITS:
        edited = {**whole, **change}
        if "recipe" in change:
            edited["recipe"] = {**whole["recipe"], **change["recipe"]}
        write_json(tmp_path / "plan.json", edited)
        with pytest.raises(
            DamagedData, match=r"plan.json is not the plan that .*alexnet/seed-1"
        ) as why:
            read_plan(tmp_path)
        assert said in str(why.value)
    assert cli_main.run(["compare-runs", str(tmp_path)]) == 3
    assert "was made under (epochs 8.0 -> 99.0): one of them was altered" in capsys.readouterr().err
    # Or without it, where the plan is what the runs say.
    (tmp_path / "plan.json").unlink()
    with pytest.raises(ValueError, match="of another plan"):
        write_plan(make_plan(("alexnet", "inception"), tiny_records, margin=9.0), tmp_path)
    write_plan(make_plan(("alexnet", "inception"), tiny_records), tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text()) == whole


def test_seeds_are_added_by_the_command_alone(tiny_records: Path, tmp_path: Path) -> None:
    compared(tmp_path, tiny_records)
    compared(tmp_path, tiny_records, seeds=5)
    plan = read_plan(tmp_path)
    assert [len(stage.seeds) for stage in plan.stages] == [3, 5] and changes(plan) == []
    edit(tmp_path / "plan.json", lambda content: content.update(former=[]))
    with pytest.raises(
        DamagedData, match=r"seed-1/result.json was made under .seeds \[1, 2, 3\] -> \[1, 2, 3, "
    ):
        read_plan(tmp_path)
    (tmp_path / "plan.json").unlink()
    write_plan(make_plan(("alexnet", "inception"), tiny_records, seeds=5), tmp_path)
    assert read_plan(tmp_path) == plan


def test_a_report_judges_as_many_seeds_as_were_planned(tiny_records: Path, tmp_path: Path) -> None:
    compared(tmp_path, tiny_records)
    write_json(
        tmp_path / "report.json", {"command": "", "class_names": [], "plan": {"margin": 0.5}}
    )
    for seeds in ([1, 2], [2, 3, 4], [1, 2, 3, 4]):
        edit(tmp_path / "report.json", lambda content, seeds=seeds: content.update(seeds=seeds))
        with pytest.raises(DamagedData, match="report.json judges the seeds .*judged after 3 of"):
            compare.report_again(tmp_path)


def test_joined_comparisons_are_what_their_parts_make_of_them(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "write", lambda report, folder: None)
    parts = [compared(tmp_path / name, tiny_records, name) for name in ("inception", "vgg")]
    join.join(parts, tmp_path / "both")
    other = compared(tmp_path / "2012", tiny_records, "alexnet_2012")
    join.join([tmp_path / "both", other], tmp_path / "all")
    # One that was interrupted, or lost a file, is gone on with.
    for lost in ("vgg/seed-2/result.json", "vgg/seed-2/predictions-vgg.npz"):
        (tmp_path / "all" / lost).unlink()
        with pytest.raises(ValueError, match="seed-2"):
            judge(read_plan(tmp_path / "all"), tmp_path / "all")
        join.join([tmp_path / "both", other], tmp_path / "all")
    plan = read_plan(tmp_path / "all")
    assert [arm.slug for arm in plan.arms] == ["alexnet", "inception", "vgg", "alexnet_2012"]
    assert [len(one.joined) for one in plan.joined] == [2, 0]
    whole = (tmp_path / "both/plan.json").read_text()
    for change in ({"margin": 5.0}, {"first": 5}, {"seeds": [1, 2]}, {"num_classes": 8}):
        edit(tmp_path / "both/plan.json", lambda content, change=change: content.update(change))
        said = (
            rf"plan.json is not the plan that .*\({next(iter(change))} .* remove it, and compare-ru"
        )
        with pytest.raises(DamagedData, match=said):
            read_plan(tmp_path / "both")
        (tmp_path / "both/plan.json").unlink()
        join.join(parts, tmp_path / "both")
        assert (tmp_path / "both/plan.json").read_text() == whole


def test_what_a_part_deviated_in_is_said_of_the_whole(tiny_records: Path, tmp_path: Path) -> None:
    for other, planned in (("inception", (9,)), ("vgg", (3, 9))):
        for seeds in planned:
            made = make_plan(("alexnet", other), tiny_records, seeds=seeds)
            write_plan(made, tmp_path / other)
    parts = [read_plan(tmp_path / other) for other in ("inception", "vgg")]
    (said,) = changes(join_plans(parts))
    assert said.startswith("alexnet vs vgg: planned with 3 seeds an arm, changed later to 9 seeds")
    other = replace(parts[0], margin=2.0)
    assert changes(join_plans([parts[0], other])) == [
        "alexnet vs inception: planned with a margin of 2 points, not judged with it"
    ]


def test_results_that_do_not_say_their_plan_are_judged_and_it_is_said(
    tiny_records: Path, tmp_path: Path
) -> None:
    compared(tmp_path, tiny_records)
    without_plan(tmp_path)
    edit(
        tmp_path / "plan.json", lambda content: [content.pop(name) for name in ("former", "joined")]
    )
    report = reported(read_plan(tmp_path), tmp_path)
    assert report.warnings == (
        "6 of 6 results do not say under which plan they were made, as those of an earlier "
        "imgtools: that plan.json is as it was then is not checked",
    )
    assert report.kinds == ("A better",)


def test_a_plan_of_a_result_that_says_too_little_is_refused(
    tiny_records: Path, tmp_path: Path
) -> None:
    """Without its former stages it would be passed over, and plan.json be held to nothing."""
    compared(tmp_path, tiny_records)
    edit(tmp_path / "alexnet/seed-1/result.json", lambda content: content["plan"].pop("former"))
    with pytest.raises(DamagedData, match=r"alexnet/seed-1/result.json is not as it was written"):
        judge(read_plan(tmp_path), tmp_path)


def test_joined_comparisons_keep_the_level_of_their_looks(tiny_records: Path) -> None:
    looked, plain = (
        make_plan(("alexnet", other), tiny_records, profile=profile, seeds=seeds)
        for other, profile, seeds in (("inception", "verdict", None), ("vgg", "screen", 8))
    )
    assert [level(one, 8) for one in (looked, plain)] == [0.042, 0.05]
    assert level(join_plans([looked, looked]), 8) == level(join_plans([plain, looked]), 8) == 0.042
    assert level(join_plans([plain, plain]), 8) == 0.05
