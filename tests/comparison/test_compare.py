"""compare-preproc end to end, and how it resumes, with and without real runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from made_up_runs import diverging, launched, made_up, undiagnosed

from imagenet_tools import registry
from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import arms, compare, plan, run_files, worker
from imagenet_tools.comparison.report import document, published
from imagenet_tools.diagnosis import sample, values
from imagenet_tools.errors import Unfinished
from imagenet_tools.storage.write import write_json


def test_report_of_made_up_runs(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records)
    plan.write(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    written = document.write(made, tmp_path, command="imgtools compare-preproc alexnet inception")
    assert written.kinds == ("A better",)
    (contrast,) = document.read(tmp_path)["contrasts"]
    assert contrast["difference"] == pytest.approx(10.0, abs=2.5)
    assert contrast["interval"][0] > 0
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "alexnet is better than inception by" in page
    assert "alexnet is better than inception by" in text
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def test_finished_runs_are_left_alone_and_failed_ones_named(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records, seeds=2)
    plan.write(made, tmp_path)
    real, started = made_up(made), []

    def launch(folder: Path, arm: plan.Arm, seed: int) -> int:
        started.append((arm.slug, seed))
        return 1 if (arm.slug, seed) == ("inception", 1) else real(folder, arm, seed)

    with pytest.raises(Unfinished, match=r"1 of 4 runs failed.*inception"):
        arms.run_all(made, tmp_path, tiny_records, launch=launch)
    started.clear()
    arms.run_all(
        made, tmp_path, tiny_records, launch=lambda f, a, s: started.append((a.slug, s)) or 0
    )
    assert started == [("inception", 1)]


def test_results_of_other_data_do_not_count(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records, seeds=1)
    made_up(made)(tmp_path, made.arms[0], 1)
    assert run_files.finished(tmp_path, made, made.arms[0], 1) is not None
    path = run_files.run_folder(tmp_path, made.arms[0], 1) / run_files.RESULT
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "fingerprint": "0" * 12}))
    assert run_files.finished(tmp_path, made, made.arms[0], 1) is None


def test_another_plan_in_the_same_folder_is_refused(tiny_records: Path, tmp_path: Path) -> None:
    plan.write(plan.make(("alexnet", "inception"), tiny_records), tmp_path)
    with pytest.raises(ValueError, match="another plan"):
        plan.write(plan.make(("alexnet", "vgg"), tiny_records), tmp_path)
    plan.write(plan.make(("alexnet", "inception"), tiny_records, seeds=5), tmp_path)
    there, changes = plan.read(tmp_path)
    assert there.seeds == (1, 2, 3, 4, 5)
    assert "planned with 3 seeds" in changes[0]


def test_arms_share_seeds_and_twins_do_not(tiny_records: Path) -> None:
    made = plan.make(("inception", "inception"), tiny_records)
    assert [arm.slug for arm in made.arms] == ["inception", "inception-2"]
    assert plan.run_seed(made, made.arms[0], 1) == 1
    assert plan.run_seed(made, made.arms[1], 1) == 1001


def test_unknown_names_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["compare-preproc", "alexnet", "incepton"]) == 2
    assert "Did you mean inception" in capsys.readouterr().err
    assert cli_main.run(["compare-preproc", "alexnet"]) == 2
    assert "two pipelines" in capsys.readouterr().err


def test_the_whole_job(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two arms, one seed, real training in child processes: one seed names no winner."""
    command = [
        "compare-preproc",
        "alexnet",
        "inception",
        "--data",
        str(tiny_records),
        "--seeds",
        "1",
    ]
    command += ["--epochs", "1", "--image-size", "67", "--out", str(tmp_path / "out")]
    assert cli_main.run([*command, "--fail-if-undecided"]) == 5
    printed = capsys.readouterr().out
    assert "VERDICT  Inconclusive: one seed an arm" in printed
    assert "a proxy" in printed
    content = document.read(tmp_path / "out")
    assert set(content["matrix"]["alexnet"]) == {"alexnet", "inception", "common"}
    # alexnet's own evaluation is the common one: it is made once.
    run = tmp_path / "out/alexnet/seed-1"
    files = [(run / f"predictions-{name}.npz").read_bytes() for name in ("alexnet", "common")]
    assert files[0] == files[1]
    evaluations = json.loads((run / "result.json").read_text())["evaluations"]
    assert evaluations["alexnet"]["seconds"] > 0 == evaluations["common"]["seconds"]
    assert cli_main.run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["contrasts"][0]["kind"] == "inconclusive"


def test_a_diverged_run_counts_and_is_reported(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records)
    plan.write(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=diverging(made, {("inception", 2)}))
    written = document.write(made, tmp_path, command="")
    assert written.kinds == ("A better",)
    assert "1 of 3 inception runs diverged; the means are of the others" in written.sentences[0]
    assert written.content["contrasts"][0]["seeds"] == [3, 2]
    assert "1 of 3 runs of inception diverged (seeds 2)" in written.content["deviations"][0]
    assert "2 (1 diverged)" in (tmp_path / "report.md").read_text()


def test_an_arm_whose_runs_all_diverged_is_reported(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "inception", "vgg"), tiny_records)
    lost = {("vgg", seed) for seed in (1, 2, 3)}
    written = compare.compare(
        replace(made, image_size=67),
        undiagnosed(tmp_path),
        tiny_records,
        launch=diverging(made, lost, vgg=0.55),
    )
    assert written.kinds == ("A better", "inconclusive")
    assert "every run of vgg diverged" in written.sentences[1]
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["contrasts"][1]["difference"] is None
    assert content["arms"][2]["top1"] == []
    assert "0 (3 diverged)" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("profile", "optimizer", "batch", "epochs", "size", "seeds", "looks"),
    [
        ("quick", "momentum", 64, 8, 96, 3, []),
        ("screen", "momentum", 128, 60, 224, 3, []),
        ("verdict", "momentum", 128, 90, 224, 8, [3, 5, 8]),
        ("replicate-slim", "rmsprop", 32, 226, 224, 3, []),
    ],
)
def test_a_profile_and_what_it_costs(
    tiny_records: Path, capsys: pytest.CaptureFixture[str], profile: str, optimizer: str,
    batch: int, epochs: float, size: int, seeds: int, looks: list[int],
) -> None:  # fmt: skip
    command = ["compare-preproc", "alexnet", "inception", "--data", str(tiny_records)]
    command += ["--profile", profile, "--plan-only"]
    assert cli_main.run([*command, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    recipe = planned["recipe"]
    assert (recipe["optimizer"], recipe["batch_size"], recipe["epochs"]) == (
        optimizer, batch, epochs,
    )  # fmt: skip
    assert (planned["image_size"], len(planned["seeds"]), planned["looks"]) == (size, seeds, looks)
    steps = max(1, round(epochs * 24 / batch))  # of the 24 training images
    assert planned["cost"]["images_trained"] == 2 * seeds * steps * batch
    speed = {96: 470, 224: 101.4}[size]
    hours = planned["cost"]["images_trained"] / speed / 3600
    assert planned["cost"]["cpu_hours"] == pytest.approx(hours, rel=0.01)
    assert cli_main.run(command) == 0
    printed = capsys.readouterr().out
    assert f"# {2 * seeds} runs of {steps:,} steps" in printed
    assert yaml.safe_load(printed)["profile"] == profile  # the cost is a comment


@pytest.mark.slow
def test_a_run_killed_in_training_goes_on(tiny_records: Path, tmp_path: Path) -> None:
    """kill -9 of a run between its steps and its result; the same command finishes it."""
    made = plan.make(
        ("alexnet", "inception"), tiny_records, seeds=1, image_size=67, matrix=False,
        changes={"epochs": 80.0, "batch_size": 8},
    )  # fmt: skip
    folder = undiagnosed(tmp_path / "out")
    plan.write(made, folder)
    first = made.arms[0]
    own = run_files.run_folder(folder, first, 1)
    command = [
        sys.executable,
        "-m",
        worker.__name__,
        str(folder),
        first.slug,
        "1",
        str(tiny_records),
    ]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    metrics = own / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert run_files.finished(folder, made, first, 1) is None
    written = compare.compare(made, folder, tiny_records)
    assert written.content["arms"][0]["seeds"] == [1]
    done = (own / run_files.RESULT).stat().st_mtime_ns
    compare.compare(made, folder, tiny_records)
    assert (own / run_files.RESULT).stat().st_mtime_ns == done


def test_runs_that_only_guess_are_named(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records)
    plan.write(made, tmp_path)
    chance = 1 / 4  # three classes and background
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, inception=chance))
    (warning,) = document.write(made, tmp_path, command="").content["warnings"]
    assert "3 of 3 runs of inception guess" in warning


def test_arms_that_both_only_guess_are_not_called_equivalent(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records, margin=20.0)
    plan.write(made, tmp_path)
    chance = {"alexnet": 1 / 4, "inception": 1 / 4}
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, **chance))
    written = document.write(made, tmp_path, command="")
    assert written.kinds == ("inconclusive",)
    assert "every run of alexnet and inception guesses among 3 classes" in written.sentences[0]
    assert len(written.content["warnings"]) == 2


def test_runs_of_other_versions_are_a_deviation(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "inception"), tiny_records)
    plan.write(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    path = run_files.run_folder(tmp_path, made.arms[1], 3) / run_files.RESULT
    write_json(path, {**json.loads(path.read_text()), "versions": {"tensorflow": "1"}})
    deviations = document.write(made, tmp_path, command="").content["deviations"]
    assert deviations == ["the runs were made with more than one tensorflow: 0, 1"]


def test_the_published_run_stands_beside_a_replication(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("inception", "alexnet"), tiny_records, profile="replicate-slim", seeds=2)
    assert (made.recipe["optimizer"], made.recipe["batch_size"], made.image_size) == (
        "rmsprop", 32, 224,
    )  # fmt: skip
    plan.write(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    content = document.write(made, tmp_path, command="").content
    assert (content["published"]["top1"], content["published"]["top5"]) == (56.828, 79.854)
    text = (tmp_path / "report.md").read_text()
    assert "| 56.828 | 79.854 |" in text
    assert "no replication of it: 3 classes (1,000)" in text
    full = replace(made, num_classes=1000, train_images=1_281_167, validation_images=50_000)
    assert published.differences(full) == []


def test_attribution_adds_up(tiny_records: Path, tmp_path: Path) -> None:
    made = plan.make(("alexnet", "vgg"), tiny_records, attribute=True)
    slugs = [arm.slug for arm in made.arms]
    # vgg leaves colours as they are; every other combination is an arm of its own.
    assert len(slugs) == 8
    assert made.contrasts == (("alexnet", "vgg"),)
    accuracy = {slug: 0.40 + 0.10 * slug.count("alexnet") for slug in slugs} | {"alexnet": 0.70}
    arms.run_all(made, tmp_path, tiny_records, launch=launched(made, accuracy, []))
    plan.write(made, tmp_path)
    content = document.write(made, tmp_path, command="").content
    total = sum(share["points"] for share in content["attribution"])
    assert total == pytest.approx(content["contrasts"][0]["difference"], abs=1e-4)
    assert [share["part"] for share in content["attribution"]] == ["geometry", "colour", "range"]


def test_unit_scale(tiny_records: Path) -> None:
    matched = compare.unit_scale(("alexnet_2012", "vgg"), tiny_records, 67)
    for spec in matched:
        found = values.measure(registry.get(spec), 67, sample.images(tiny_records, 64))
        assert found.train_rms == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match="sets multiply itself"):
        compare.unit_scale(("vgg:multiply=0.01",), tiny_records, 67)


def test_config_file(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "comparison.yaml"
    file.write_text(
        f"pipelines: [alexnet, inception]\ndata: {tiny_records}\nseeds: 4\nmargin: 1.5\n"
    )
    assert cli_main.run(["compare-preproc", "--config", str(file), "--plan-only", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["seeds"], planned["margin"]) == ([1, 2, 3, 4], 1.5)
    assert [arm["spec"] for arm in planned["arms"]] == ["alexnet", "inception"]
    assert cli_main.run(["compare-preproc", "--config", str(file), "--plan-only"]) == 0
    assert "# 8 runs of" in capsys.readouterr().out
    file.write_text("marjin: 2\n")
    assert cli_main.run(["compare-preproc", "--config", str(file)]) == 2
    assert "unknown marjin" in capsys.readouterr().err
