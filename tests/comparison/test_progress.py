"""What is shown of a comparison under way: from the files of its runs alone."""

from __future__ import annotations

import fcntl
import io
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_runs import made_up, reported

from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import (
    cost,
    forecast,
    looks,
    power,
    progress,
    results,
    run_files,
    statistics,
    stored,
)
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.plan_file import write_plan
from imagenet_tools.comparison.report import provisional
from imagenet_tools.evaluation import scores


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def log(own: Path, step: int, loss: float | None) -> None:
    own.mkdir(parents=True, exist_ok=True)
    line = {"step": step, "loss": loss, "images_per_second": 250.0, "epoch": 1.0}
    with open(own / run_files.METRICS, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def test_a_comparison_under_way(tiny_records: Path, tmp_path: Path, monkeypatch) -> None:
    made = make_plan(
        ("alexnet", "inception"), tiny_records, seeds=2, changes={"epochs": 100.0, "batch_size": 8}
    )
    assert made.steps == 300
    made_up(made)(tmp_path, made.arms[0], 1)
    second = run_files.run_folder(tmp_path, "inception", 1)
    log(second, 10, 2.0)
    log(second, 150, 1.25)
    with open(second / run_files.METRICS, "a") as file:
        file.write('{"step": 160, "lo')  # half a line
    with open(second / run_files.LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = progress.states(made, tmp_path, made.runs())
        assert [one.done for one in found] == [True, False, False, False]
        assert [one.running for one in found] == [False, True, False, False]
        assert found[1].line(300) == "inception seed 1: step 150/300, loss 1.250, 250 images/s"
        left = 8 * 750 / 250 + 3 * 3.0  # three evaluations like that of the run that has ended
        assert progress.summary(made, found) == (
            f"runs 1/4, 38% trained, 250 images/s, {left:.0f} s left"
        )
        lines = progress.frame(made, found, 40)
        assert len(lines) == 2 and max(map(len, lines)) < 40
        # On a terminal the frame is drawn anew in its place.
        monkeypatch.setenv("TERM", "xterm")
        screen = Terminal()
        display = progress.Display(made, tmp_path, made.runs(), screen)
        display.show()
        made_up(made)(tmp_path, made.arms[1], 1)
        display.show()
        assert "\x1b[2F\x1b[Jinception seed 1: top-1 " in screen.getvalue()
        display.show(last=True)
        assert screen.getvalue().endswith("\x1b[1F\x1b[J")


def test_the_forecast_follows_what_was_seen(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look at which a difference of the size seen is found with 80 % power, and the time
    to its seeds at the rate of the runs under way."""
    changes = {"epochs": 100.0, "batch_size": 8}
    made = make_plan(("alexnet", "inception"), tiny_records, profile="verdict", changes=changes)
    run = made_up(made, alexnet=0.53)
    for arm, seed in made.runs(1):
        run(tmp_path, arm, seed)
    assert forecast.forecasts(made, tmp_path) == ()  # one run an arm tells of no spread
    for arm, seed in made.runs(2):
        run(tmp_path, arm, seed)
    (one,) = forecast.forecasts(made, tmp_path)
    a, b = (arm.correct[arm.arm.slug] for arm in results.judge(made, tmp_path, 2).arms)
    seen = statistics.difference(a, b)
    assert one.difference == pytest.approx(100 * (a.mean() - b.mean()))
    assert one.deviation == pytest.approx(((seen.sd_a**2 + seen.sd_b**2) / 2) ** 0.5)
    found = [
        power.power(one.difference, k, one.deviation, seen.image_variance**0.5, looks.LOOKS[k])
        for k in (3, 5)
    ]
    assert found[0] < 0.5 and found[1] > 0.85 and one.wanted == 5
    third = run_files.run_folder(tmp_path, "alexnet", 3)
    log(third, 150, 1.25)
    with open(third / run_files.LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runs = progress.states(made, tmp_path, made.runs())
        line = progress.frame(made, runs, 200, one)[-1]
        provisional.write(made, tmp_path, tmp_path / "report.html")
    seconds = (10 * 300 - 4 * 300 - 150) * 8 / 250 + 6 * 3.0
    assert line == (
        f"  forecast: 5 seeds an arm would probably settle it, in {cost.duration(seconds)} "
        f"(alexnet less inception {one.difference:+.2f} points, deviation of a run "
        f"{one.deviation:.2f}, from 2 + 2 seeds)"
    )
    assert line.strip() in (tmp_path / "report.html").read_text()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    display = progress.Display(made, tmp_path, made.runs(), screen := Terminal())
    display.show()
    assert "forecast: 5 seeds" in screen.getvalue()
    # What has not changed is not read again, for another frame or for the page.
    with monkeypatch.context() as patched:
        patched.setattr(scores, "read_predictions", None)
        assert forecast.forecasts(made, tmp_path) == (one,)
    # Files that cannot be judged together end no comparison here: judging names them.
    damaged = run_files.run_folder(tmp_path, "inception", 2) / run_files.predictions_file(
        "inception"
    )
    predicted, meta = scores.read_predictions(damaged)
    fewer = {name: value[:-1] for name, value in vars(predicted).items() if value is not None}
    scores.write_predictions(damaged, scores.Predictions(**fewer), meta)
    assert forecast.forecasts(made, tmp_path) == ()
    damaged.write_bytes(b"PK")
    assert forecast.forecasts(made, tmp_path) == ()


def test_an_arm_that_has_not_begun_ends_no_forecast(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception", "vgg"), tiny_records, seeds=3)
    run = made_up(made)
    for arm, seed in made.runs(2):
        if arm.slug != "vgg":
            run(tmp_path, arm, seed)
    (one,) = forecast.forecasts(made, tmp_path)
    assert (one.a, one.b, one.seeds) == ("alexnet", "inception", (2, 2))


def test_a_log_has_no_control_characters(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=1)
    written = io.StringIO()
    display = progress.Display(made, tmp_path, made.runs(), written)
    display.show()
    made_up(made)(tmp_path, made.arms[0], 1)
    display.show()
    display.show(last=True)
    (line,) = written.getvalue().splitlines()
    assert line[5:].startswith(" alexnet seed 1: top-1 ")


def test_watch(tiny_records: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(progress, "REDRAWN", 0.0)
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=1)
    write_plan(made, tmp_path)
    made_up(made)(tmp_path, made.arms[0], 1)
    assert cli_main.run(["watch", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "No run is under way; 1 of 2 are done." in printed
    assert "alexnet seed 1: top-1 " in printed
    assert cli_main.run(["watch", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (done, _) = told["runs"]
    assert (told["schema"], done["done"], done["slug"]) == (1, True, "alexnet")
    assert cli_main.run(["watch", str(tmp_path / "alexnet")]) == 2


def test_the_page_of_a_comparison_under_way(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    for arm, seed in made.runs()[:3]:
        made_up(made)(tmp_path, arm, seed)
    provisional.write(made, tmp_path, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<meta http-equiv="refresh" content="30">' in page
    assert "Provisional: runs 3/6" in page
    assert "is better than" not in page  # a verdict is of the seeds that were planned
    assert page.count("top-1 ") >= 3


def test_what_was_compared_so_far(tiny_records: Path, tmp_path: Path, capsys) -> None:
    for name in ("one", "two"):
        made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
        write_plan(made, tmp_path / name)
        for arm, seed in made.runs()[: 4 if name == "two" else 1]:
            made_up(made)(tmp_path / name, arm, seed)
    report = reported(made, tmp_path / "two")
    (tmp_path / "records").mkdir()
    (tmp_path / "records/plan.json").write_text('{"digest": "of a build"}')
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/plan.json").write_text('{"arms": [')
    assert cli_main.run(["list-runs", str(tmp_path)]) == 0
    printed, said = capsys.readouterr()
    cut, others = said.splitlines()
    assert cut.startswith(f"left out: {tmp_path}/cut/plan.json is not readable as JSON (Expecting")
    assert others == f"left out: {tmp_path}/records/plan.json is no comparison's plan"
    assert f"alexnet vs inception on {made.data_name}, 4 of 4 runs" in printed
    assert report.sentences[0] in printed and "1 of 4 runs\n  no report yet." in printed
    assert cli_main.run(["list-runs", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["folder"]: one["runs"] for one in found} == {
        str(tmp_path / "one"): [1, 4],
        str(tmp_path / "two"): [4, 4],
    }


def test_a_page_leads_to_the_reports(tiny_records: Path, tmp_path: Path) -> None:
    for name in ("one two", "three"):
        write_plan(make_plan(("alexnet", "vgg"), tiny_records), tmp_path / "runs" / name)
    page = tmp_path / "index.html"
    assert cli_main.run(["list-runs", str(tmp_path / "runs"), "--out", str(page)]) == 0
    text = page.read_text()
    assert 'href="runs/one%20two/report.html"' in text and 'href="runs/three/report.html"' in text
    assert "<li>alexnet</li><li>vgg</li>" in text and "0 of 6" in text
    assert cli_main.run(["list-runs", str(tmp_path), "--out", "index.txt"]) == 2


def test_who_is_at_a_comparison(tiny_records: Path, tmp_path: Path) -> None:
    """Before its first run starts, it measures the pipelines: who watches waits for it."""
    made = make_plan(("alexnet", "inception"), tiny_records)
    assert not stored.carried_out(tmp_path)
    with stored.planned(made, tmp_path, "imgtools compare-preproc"):
        assert stored.carried_out(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for text in (f"process {ended.pid} on {platform.node()}", "process 1 on elsewhere", ""):
        (tmp_path / stored.LOCK).write_text(text)
        assert not stored.carried_out(tmp_path)
