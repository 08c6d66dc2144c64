"""compare-runs: finished runs judged again, joined, or given as files of predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import edit, made_up, reported, scored, without_plan

from imagenet_tools import registry
from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import arms, join, listed
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.plan_file import read_plan, with_margin, write_plan
from imagenet_tools.comparison.results import judge
from imagenet_tools.evaluation import scores


def test_compare_runs(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    assert cli_main.run(["compare-runs", str(tmp_path)]) == 2  # killed before there was a report
    assert f"{tmp_path} has no report yet; the same compare-preproc" in capsys.readouterr().err
    reported(made, tmp_path, command="imgtools compare-preproc alexnet inception")
    assert cli_main.run(["compare-runs", str(tmp_path), "--margin", "30"]) == 0
    assert "are equivalent within 30 points" in capsys.readouterr().out
    assert "changed to 30 afterwards" in (tmp_path / "report.md").read_text()


def test_comparisons_are_joined(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for other in ("inception", "vgg"):
        made = make_plan(("alexnet", other), tiny_records)
        write_plan(made, tmp_path / other)
        arms.run_all(made, tmp_path / other, tiny_records, launch=made_up(made, vgg=0.55))
        reported(made, tmp_path / other, command="imgtools compare-preproc")
    both = [str(tmp_path / "inception"), str(tmp_path / "vgg"), "--out", str(tmp_path / "all")]
    assert cli_main.run(["compare-runs", *both, "--margin", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("VERDICT  alexnet is better than") == 2
    content = json.loads((tmp_path / "all/report.json").read_text())
    assert [arm["spec"] for arm in content["arms"]] == ["alexnet", "inception", "vgg"]
    assert "margin of 0.5 points changed to 1 afterwards" in content["deviations"]
    assert content["contrasts"][1]["difference"] == pytest.approx(5.0, abs=2.5)
    without_plan(tmp_path / "vgg")
    edit(tmp_path / "vgg/plan.json", lambda plan: plan["arms"][0].update(fingerprint="another"))
    assert cli_main.run(["compare-runs", *both[:3], str(tmp_path / "none")]) == 2
    assert "alexnet is alexnet (another) in" in capsys.readouterr().err
    five = make_plan(("alexnet", "vgg"), tiny_records, seeds=5)
    write_plan(five, tmp_path / "five")
    both = [str(tmp_path / "inception"), str(tmp_path / "five"), "--out", str(tmp_path / "no")]
    assert cli_main.run(["compare-runs", *both]) == 2
    assert "they differ in seeds" in capsys.readouterr().err
    assert cli_main.run(["compare-runs", *both[:2]]) == 2


def test_of_joined_comparisons_one_may_have_ten_crops_and_none_another_order(
    tiny_records: Path, tmp_path: Path
) -> None:
    for other, ten_crop in (("inception", True), ("vgg", False)):
        made = make_plan(("alexnet", other), tiny_records, seeds=2, ten_crop=ten_crop)
        write_plan(made, tmp_path / other)
        arms.run_all(made, tmp_path / other, tiny_records, launch=made_up(made, vgg=0.55))
        reported(made, tmp_path / other, command="imgtools compare-preproc")
    both = [tmp_path / "inception", tmp_path / "vgg"]
    assert len(join.join(both, tmp_path / "all").judgement.arms) == 3
    assert not read_plan(tmp_path / "all").ten_crop
    write_plan(replace(made, order="another"), tmp_path / "other")
    with pytest.raises(ValueError, match="they differ in order"):
        join.join([both[0], tmp_path / "other"], tmp_path / "none")


def test_compare_runs_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    files = {}
    for arm, accuracy in (("one", 0.7), ("two", 0.5)):
        for seed in (1, 2, 3):
            found = scored(rng.random(2000) > accuracy)
            files[arm, seed] = str(tmp_path / f"{arm}{seed}.npz")
            meta = {"preprocessing": arm, "fingerprint": arm * 4}
            scores.write_predictions(files[arm, seed], found, meta)
    a, b = ([files[arm, seed] for seed in (1, 2, 3)] for arm in ("one", "two"))
    options = [word for flag, part in (("--a", a), ("--b", b)) for f in part for word in (flag, f)]
    assert cli_main.run(["compare-runs", *options]) == 0
    assert "one is better than two by" in capsys.readouterr().out
    (tmp_path / "runs.CSV").touch()
    assert cli_main.run(["compare-runs", "--a", a[0], "--b", str(tmp_path / "runs.CSV")]) == 2
    assert "a table is given by itself: imgtools compare-runs" in capsys.readouterr().err
    assert cli_main.run(["compare-runs", a[0], b[0]]) == 2
    assert f"prediction files are given by arm: --a {a[0]} --b" in capsys.readouterr().err
    assert cli_main.run(["compare-runs", "--a", a[0], "--a", b[0], "--b", b[1]]) == 2
    assert "never mix" in capsys.readouterr().err


def test_results_that_were_altered_are_named(tiny_records: Path, tmp_path: Path) -> None:
    """A run is said to have diverged, its files are another arm's, its images are more than one."""
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    own = tmp_path / "alexnet/seed-1"
    whole, predictions = (own / "result.json").read_text(), own / "predictions-alexnet.npz"
    sound, meta = scores.read_predictions(predictions)

    def left_out(content: dict[str, Any]) -> None:
        content["training"].update(diverged=True)
        content.update(evaluations={}, on_training=None)

    edit(own / "result.json", left_out)
    with pytest.raises(ValueError, match=r"says that the run diverged, predictions-alexnet.npz"):
        judge(made, tmp_path)
    predictions.unlink()  # as a run that diverged leaves none
    assert judge(made, tmp_path).arms[0].diverged == (1,)

    (own / "result.json").write_text(whole)
    scores.write_predictions(predictions, sound, {**meta, "fingerprint": "inception's"})
    with pytest.raises(ValueError, match=r"alexnet.npz is of another pipeline \(inception's; this"):
        judge(made, tmp_path)

    edit(own / "result.json", lambda content: content["evaluations"]["alexnet"].update(
        near_duplicates=0))  # fmt: skip
    scores.write_predictions(predictions, replace(sound, group=np.arange(4000) // 2), meta)
    with pytest.raises(ValueError, match=r"near_duplicates of 2000, result.json beside it says 0"):
        judge(made, tmp_path)


def test_a_list_has_what_the_runs_say_whatever_the_report_does(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    write_plan(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    report = reported(made, tmp_path)
    assert listed.comparisons(tmp_path)[0].verdicts == report.sentences
    methods, (true,) = tmp_path / "methods.txt", report.sentences
    said = true.replace("is better", "is far better")
    edit(tmp_path / "report.json", lambda content: content["contrasts"][0].update(sentence=said))
    methods.write_text(methods.read_text().replace(true, said))
    assert listed.comparisons(tmp_path)[0].verdicts == (true,)
    again = reported(with_margin(made, 25.0)[0], tmp_path)  # as compare-runs --margin does
    assert "equivalent within 25 points" in again.sentences[0]
    assert listed.comparisons(tmp_path)[0].verdicts == again.sentences
    for change, why in (
        (lambda content: content["plan"].update(margin=-1), "margin is -1.0 points; it must be ab"),
        (lambda content: content.update(seeds=[1]), "report.json judges the seeds 1; this compari"),
    ):
        edit(tmp_path / "report.json", change)
        (said,) = listed.comparisons(tmp_path)[0].verdicts
        assert said.startswith("not judged: ") and why in said
    reported(made, tmp_path)
    (tmp_path / "alexnet/seed-1/predictions-inception.npz").write_bytes(b"")  # not for a verdict
    assert listed.comparisons(tmp_path)[0].verdicts == (true,)
    edit(tmp_path / "alexnet/seed-1/result.json", lambda content: content.update(seed=2))
    (said,) = listed.comparisons(tmp_path)[0].verdicts
    assert said.startswith("not judged: ") and "is of another seed (2; this comparison's" in said


def test_a_list_wants_no_pipeline(tiny_records: Path, tmp_path: Path) -> None:
    """That of a plug-in which is not loaded is judged like any other."""
    with registry.temporary():
        registry.register("mine")(lambda image, height, width, is_training=False: image)
        made = make_plan(("mine", "alexnet"), tiny_records, seeds=2)
        write_plan(made, tmp_path)
        arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, mine=0.2))
        report = reported(made, tmp_path)
    assert listed.comparisons(tmp_path)[0].verdicts == report.sentences
    assert "alexnet is better than mine by" in report.sentences[0]
