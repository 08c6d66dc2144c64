"""compare-preproc end to end, and how it resumes, with and without real runs."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import pytest
import tiny_net as tiny_net_file
import yaml
from made_up_runs import diverging, launched, made_up, reported, undiagnosed

import imagenet_tools
from imagenet_tools import diagnosis, raw, records, registry, synthetic
from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import (
    arms,
    compare,
    cost,
    diagnosed,
    prepare,
    run_files,
    stored,
    worker,
)
from imagenet_tools.comparison.children import Children
from imagenet_tools.comparison.plan import Arm, make_plan, run_seed
from imagenet_tools.comparison.plan_file import changes, read_plan, write_plan
from imagenet_tools.comparison.report import content, opening, published
from imagenet_tools.comparison.results import judge
from imagenet_tools.comparison.run_result import finished, read_result, write_result
from imagenet_tools.diagnosis import Diagnosis, Finding, sample, values
from imagenet_tools.engines import processes
from imagenet_tools.errors import DAMAGED, STOPPED, DamagedData, Unfinished
from imagenet_tools.evaluation import scores
from imagenet_tools.storage.write import write_json
from imagenet_tools.training import checkpoints


def test_report_of_made_up_runs(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    written = reported(made, tmp_path, command="imgtools compare-preproc alexnet inception")
    assert written.kinds == ("A better",)
    (contrast,) = json.loads((tmp_path / "report.json").read_text())["contrasts"]
    assert contrast["difference"] == pytest.approx(10.0, abs=2.5)
    assert contrast["interval"][0] > 0
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "alexnet is better than inception by" in page
    assert "alexnet is better than inception by" in text
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "src=" not in page.replace('src="data:', "")


def test_the_short_runs_on_synthetic_images_go_by_twos(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2, synthetic=True)
    write_plan(made, tmp_path)
    monkeypatch.setattr(processes, "cores", lambda: 6)  # of a machine that has more, or fewer
    threads, workers = [], arms._workers

    def started(*given: Any) -> Children:
        threads.append(given[2])
        return workers(*given)

    monkeypatch.setattr(arms, "_workers", started)
    together = threading.Barrier(2)

    def launch(folder: Path, arm: Arm, seed: int) -> int:
        together.wait(60)  # for ever, where runs come one by one
        return made_up(made)(folder, arm, seed)

    arms.run_all(made, tmp_path, tiny_records, launch=launch)
    assert threads == [3]


def test_a_demo_goes_on_with_the_images_that_it_began_with(tmp_path: Path) -> None:
    images, built = tmp_path / "synthetic-images", tmp_path / "synthetic-records"
    synthetic.generate(images, classes=2, train_per_class=16, validation_per_class=2, workers=1)
    made = records.build(raw.detect(images, labels="folders"), built)
    plan, _, data = prepare.prepare(["alexnet", "inception"], out=tmp_path)
    assert (plan.train_images, plan.data, data) == (32, made.digest, str(built))
    (built / made.splits["validation"].shards[0].file).unlink()
    with pytest.raises(DamagedData, match="validation-00000-of-00001: it is missing"):
        prepare.prepare(["alexnet", "inception"], out=tmp_path)  # before anything is trained


def test_the_function(tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names or pipelines, and paths in; a typed report out."""

    def launch(folder: Path, arm: Arm, seed: int) -> int:
        return made_up(read_plan(folder))(folder, arm, seed)

    monkeypatch.setattr(arms, "_start", lambda _, *run: launch(*run))
    folder = undiagnosed(tmp_path / "out")
    pipelines = ["alexnet", registry.get("inception")]
    report = imagenet_tools.compare_preproc(
        pipelines, tiny_records, folder, seeds=2, margin=1.0, image_size=67
    )
    assert report.kinds == ("A better",)
    assert report.sentences[0].startswith("alexnet is better than inception by")
    assert (report.plan.margin, report.plan.seeds) == (1.0, (1, 2))
    assert (report.folder / "report.html").exists()
    assert repr(report) == f"{report.sentences[0]}\n{folder / 'report.html'}"
    with pytest.raises(ValueError, match="two pipelines or more"):
        imagenet_tools.compare_preproc(["alexnet"], tiny_records)
    with pytest.raises(LookupError, match="Did you mean inception"):
        imagenet_tools.compare_preproc(["alexnet", "incepton"], tiny_records)


def test_what_to_do_next_is_no_deviation(tiny_records: Path, tmp_path: Path) -> None:
    """More seeds are new ones in a new folder; the command is the one that was typed, and more."""
    made = make_plan(("alexnet", "inception"), tiny_records)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, alexnet=0.505))
    command = "imgtools compare-preproc alexnet inception --data records --seeds 3"
    report = content.make(judge(made, tmp_path), command=command)
    words, again = opening.next_step(report)
    more = report.judgement.contrasts[0].verdict.seeds_more
    assert more is not None
    typed = command.removesuffix(" --seeds 3")
    assert again == f"{typed} --seeds {3 + more} --first-seed 4 --out NEW-FOLDER"
    assert "all of them new" in words
    later = make_plan(("alexnet", "inception"), tiny_records, seeds=2, first_seed=4)
    assert later.seeds == (4, 5)
    guessing = {"alexnet": 1 / 4, "inception": 1 / 4}
    arms.run_all(made, tmp_path / "g", tiny_records, launch=made_up(made, **guessing))
    guessed = content.make(judge(made, tmp_path / "g"), command=command)
    _, again = opening.next_step(guessed)
    assert again == "imgtools diagnose alexnet inception --data records"
    # One of six learned, as where a schedule is short: more images are not what is missing.
    (contrast,) = guessed.judgement.contrasts
    undecided = replace(contrast.verdict, images_more=2)
    judgement = replace(
        guessed.judgement, contrasts=(replace(contrast, verdict=undecided, unlearned=False),)
    )
    _, again = opening.next_step(replace(guessed, judgement=judgement))
    assert again == "imgtools diagnose alexnet inception --data records"
    assert opening.headline(report.judgement.contrasts[0]).badge == "inconclusive"


def test_what_a_paper_takes(tiny_records: Path, tmp_path: Path, figures_for_paper: None) -> None:
    made = make_plan(("alexnet", "alexnet_2012"), tiny_records)
    write_plan(made, tmp_path)
    lost = {("alexnet_2012", 2)}
    arms.run_all(made, tmp_path, tiny_records, launch=diverging(made, lost, alexnet_2012=0.55))
    report = reported(made, tmp_path)
    lines = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [(one["arm"], one["seed"], one["diverged"]) for one in lines] == [
        *(("alexnet", seed, "0") for seed in "123"),
        *(("alexnet_2012", "1", "0"), ("alexnet_2012", "2", "1"), ("alexnet_2012", "3", "0")),
    ]
    top1 = report.judgement.arms[0].accuracy()
    assert [float(one["top1"]) for one in lines[:3]] == pytest.approx(top1, abs=1e-3)
    assert lines[4]["top1"] == ""
    table = (tmp_path / "table.tex").read_text()
    spread = f"${top1.mean():.2f} \\pm {top1.std(ddof=1):.2f}$"
    assert f"\\texttt{{alexnet}} & {spread} & $100.00" in table
    assert "\\texttt{alexnet\\_2012}" in table
    plain = (tmp_path / "table.md").read_text().splitlines()
    words = f"{top1.mean():.2f} ± {top1.std(ddof=1):.2f}"
    assert plain[2].startswith(f"| `alexnet` | {words} | 100.00")
    assert plain[5].startswith("`alexnet` - `alexnet_2012`: ")
    said = list(csv.reader((tmp_path / "predictions.csv").read_text().splitlines()))
    runs = [f"alexnet/seed-{seed}" for seed in "123"]
    assert said[0] == ["key", "label", *runs, *(f"alexnet_2012/seed-{seed}" for seed in "13")]
    guesses = [str(guess) for arm in report.judgement.arms for guess in arm.top1[:, 0]]
    assert len(said) == 4001 and said[1] == ["c/0", "0", *guesses] and "1" in guesses
    methods = (tmp_path / "methods.txt").read_text()
    assert report.sentences[0] in methods and "3 seeds an arm" in methods
    for name in ("runs", "difference", "curves"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert "<text" in (tmp_path / f"{name}.svg").read_text()


def test_finished_runs_are_left_alone_and_failed_ones_named(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    write_plan(made, tmp_path)
    real, started = made_up(made), []

    def launch(folder: Path, arm: Arm, seed: int) -> int:
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
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=1)
    made_up(made)(tmp_path, made.arms[0], 1)
    assert finished(tmp_path, made, made.arms[0], 1) is not None
    path = run_files.run_folder(tmp_path, made.arms[0].slug, 1) / run_files.RESULT
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "fingerprint": "0" * 12}))
    assert finished(tmp_path, made, made.arms[0], 1) is None


def test_a_run_whose_predictions_are_gone_is_evaluated_again(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=1)
    started: list[tuple[str, int]] = []
    launch = launched(made, {}, started)
    arms.run_all(made, tmp_path, tiny_records, launch=launch)
    own = run_files.run_folder(tmp_path, "inception", 1)
    for path in ("inception", "common"):
        (own / run_files.predictions_file(path)).unlink()
        started.clear()
        arms.run_all(made, tmp_path, tiny_records, launch=launch)
        assert started == [("inception", 1)]
    assert judge(made, tmp_path).contrasts[0].judged


def test_another_plan_in_the_same_folder_is_refused(tiny_records: Path, tmp_path: Path) -> None:
    write_plan(make_plan(("alexnet", "inception"), tiny_records), tmp_path)
    with pytest.raises(ValueError, match="another plan"):
        write_plan(make_plan(("alexnet", "vgg"), tiny_records), tmp_path)
    write_plan(make_plan(("alexnet", "inception"), tiny_records, seeds=5), tmp_path)
    there = read_plan(tmp_path)
    assert there.seeds == (1, 2, 3, 4, 5)
    assert changes(there) == []  # an extension that a plan of 3 seeds has levels for
    write_plan(make_plan(("alexnet", "inception"), tiny_records, seeds=9), tmp_path)
    there = read_plan(tmp_path)
    assert (len(there.seeds), there.first) == (9, 3)
    assert "planned with 5 seeds" in changes(there)[0]


def test_a_plan_from_before_there_was_a_precision_goes_on(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    content = json.loads((tmp_path / "plan.json").read_text())
    assert content.pop("precision") == "float32"
    write_json(tmp_path / "plan.json", content)
    write_plan(made, tmp_path)
    assert read_plan(tmp_path) == made


def test_a_plan_of_the_former_order_is_read_and_not_gone_on_with(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    content = json.loads((tmp_path / "plan.json").read_text())
    del content["order"]
    write_json(tmp_path / "plan.json", content)
    assert read_plan(tmp_path).order == "shuffle buffer"
    with pytest.raises(ValueError, match="another plan .order shuffle buffer -> whole split"):
        write_plan(made, tmp_path)


def test_a_precision_is_said_with_what_holds(tiny_records: Path, tmp_path: Path) -> None:
    for precision, said in (("float32", "lsuv start; data"), ("bfloat16", "in bfloat16; data")):
        made = make_plan(("alexnet", "inception"), tiny_records, precision=precision)
        folder = tmp_path / precision
        write_plan(made, folder)
        arms.run_all(made, folder, tiny_records, launch=made_up(made))
        assert said in opening.scope(reported(made, folder))
    with pytest.raises(ValueError, match="precision is 'half'; it must be float32 or bfloat16"):
        replace(made, precision="half")


def test_what_differs_is_said_in_words(tiny_records: Path, tmp_path: Path) -> None:
    write_plan(make_plan(("alexnet", "inception"), tiny_records), tmp_path)
    for other, words in (
        (
            make_plan(("alexnet", "vgg"), tiny_records),
            r"pipelines alexnet \(\w+\), inception \(\w+",
        ),
        (make_plan(("alexnet", "inception"), tiny_records, margin=1.0), "margin 0.5 -> 1.0"),
        (
            make_plan(("alexnet", "inception"), tiny_records, precision="bfloat16"),
            "precision float32 -> bfloat16",
        ),
        (
            make_plan(("alexnet", "inception"), tiny_records, changes={"epochs": 3.0}),
            "epochs 8.0 -> 3.0",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            write_plan(other, tmp_path)


def test_two_comparisons_of_different_plans_at_once(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    longer = make_plan(("alexnet", "inception"), tiny_records, seeds=5)
    with stored.planned(made, tmp_path, "imgtools compare-preproc alexnet inception"):
        with stored.planned(made, tmp_path):
            pass  # a second task of the same plan
        with (
            pytest.raises(ValueError, match=rf"process {os.getpid()} on .*compare-preproc alexnet"),
            stored.planned(longer, tmp_path),
        ):
            pass
    with stored.planned(longer, tmp_path):
        assert len(read_plan(tmp_path).seeds) == 5


def test_a_number_keeps_its_sign_in_the_folders_name(tiny_records: Path) -> None:
    specs = ("alexnet:multiply=1e18", "alexnet:multiply=1e-18", "inception.geometry+alexnet.colour")
    assert [arm.slug for arm in make_plan(specs, tiny_records).arms] == [
        "alexnet-multiply=1e+18",
        "alexnet-multiply=1e-18",
        "inception.geometry-alexnet.colour",
    ]


def test_every_setting_is_there_under_the_other_arms_path(tiny_records: Path) -> None:
    specs = (
        *("alexnet:multiply=2.39", "inception:multiply=2.11", "alexnet:borders=keep,scale=1.0"),
        "vgg.geometry+inception.colour:fast_mode=0",
    )
    made = make_plan(specs, tiny_records)
    for arm in made.arms:
        paths = worker.evaluation_paths(made, arm)
        assert sorted(paths) == sorted([*(one.slug for one in made.arms), "common"])
        assert next(iter(paths)) == arm.slug
        for name, path in paths.items():
            for kind in ("colour", "range"):
                assert path.parts[kind] == arm.pipeline.parts[kind]
            assert path.universal == arm.pipeline.universal
            if name != "common":
                assert path.parts["geometry"] == made.arm(name).pipeline.parts["geometry"]


def test_a_result_of_older_code_is_not_mixed_in(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    path = run_files.run_folder(tmp_path, "inception", 2) / run_files.RESULT
    content = json.loads(path.read_text())
    del content["version"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"inception/seed-2/result\.json was written by another"):
        judge(made, tmp_path)
    started: list[tuple[str, int]] = []
    arms.run_all(made, tmp_path, tiny_records, launch=launched(made, {}, started))
    assert started == [("inception", 2)]


def test_a_diagnosis_of_older_code_is_measured_anew(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    finding = Finding("IMG101", "scale", "vgg", "warning", "large", "values of 255", "match it")
    found = Diagnosis((finding,), {})
    monkeypatch.setattr(diagnosis, "diagnose", lambda *_, **__: found)
    old = {"code": "scale", "arm": "vgg"}
    (tmp_path / diagnosed.FILE).write_text(json.dumps({"findings": [old], "passports": {}}))
    assert diagnosed.kept(tmp_path) is None
    assert diagnosed.measured(made, tmp_path, tiny_records).findings == (finding,)
    monkeypatch.setattr(diagnosis, "diagnose", None)
    assert diagnosed.measured(made, tmp_path, tiny_records).findings == (finding,)
    (tmp_path / diagnosed.FILE).write_text("[")
    with pytest.raises(DamagedData, match=r"diagnosis\.json"):
        diagnosed.kept(tmp_path)


def test_another_runs_result_is_named(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    path = run_files.run_folder(tmp_path, "alexnet", 1) / run_files.RESULT
    path.write_text(json.dumps({**json.loads(path.read_text()), "seed": 2}))
    with pytest.raises(ValueError, match=r"is of another seed \(2; this comparison's is 1\)"):
        judge(made, tmp_path)


def test_a_net_of_nan_counts_as_diverged(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, inception=1.0))
    for seed in (1, 2, 3):
        own = run_files.run_folder(tmp_path, "inception", seed)
        result = read_result(own)
        for file in own.glob("predictions-*.npz"):
            found, meta = scores.read_predictions(file)
            found.rank[7:1307], found.probability[7:1307] = scores.UNRANKED, np.nan
            scores.write_predictions(file, found, meta)
        lost = {"top1": 67.5, "top5": 67.5, "loss": math.nan, "ece": math.nan}
        spoilt = {
            path: replace(one, metrics=lost, not_finite=1300, first_not_finite="c/7")
            for path, one in result.evaluations.items()
        }
        write_result(own, replace(result, evaluations=spoilt))
    write_plan(made, tmp_path)
    report = reported(made, tmp_path)
    assert report.kinds == ("inconclusive",)
    assert "scores of 1,300 of 4,000 images are NaN or infinite, first c/7" in report.deviations[0]


def test_a_run_that_dies_says_why(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=1)
    log = run_files.run_folder(tmp_path, "alexnet", 1) / run_files.LOG
    log.parent.mkdir(parents=True)
    chatter = "Could not find cuda drivers on your machine\n"
    log.write_text(f"imgtools run failed: no space left\n{chatter}")
    for code, words in (
        (-9, r"first, alexnet seed 1, was killed by signal 9 \(SIGKILL\)"),
        (-11, r"killed by signal 11 \(SIGSEGV\)"),
        (1, r"run\.log: no space left$"),
        (130, r"was interrupted \(SIGINT\)"),
        (STOPPED, r"was told to end \(SIGTERM\); its last checkpoint is kept"),
    ):
        with pytest.raises(Unfinished, match=words):
            arms.run_all(made, tmp_path, tiny_records, launch=lambda f, a, s, code=code: code)
    with pytest.raises(DamagedData, match="2 of 2 runs failed"):
        arms.run_all(made, tmp_path, tiny_records, launch=lambda f, a, s: DAMAGED)
    log.write_text(f"Traceback (most recent call last):\nModuleNotFoundError: No module\n{chatter}")
    with pytest.raises(Unfinished, match="ModuleNotFoundError: No module$"):
        arms.run_all(made, tmp_path, tiny_records, launch=lambda f, a, s: 1)
    log.write_text(chatter)
    with pytest.raises(Unfinished, match="exit code 1 and without a word of its own"):
        arms.run_all(made, tmp_path, tiny_records, launch=lambda f, a, s: 1)


def test_an_interrupt_reaches_the_runs(tmp_path: Path) -> None:
    # As a worker does: a shell's background jobs ignore the signal.
    patient = (
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "print('on', file=sys.stderr); time.sleep(60)"
    )
    children, log = Children([sys.executable, "-c", patient], os.environ), tmp_path / "run.log"
    with ThreadPoolExecutor(1) as pool:
        code = pool.submit(children.run, "alexnet 1", log)
        while not (log.exists() and log.stat().st_size):
            time.sleep(0.01)
        children.stop()
        assert code.result() in (1, 130, -signal.SIGINT)  # as Python ends of KeyboardInterrupt
    assert children.run("alexnet 2", log) == -signal.SIGINT  # no more
    children.close()


def test_an_interrupt_is_said_while_runs_are_waited_for(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        arms.run_all(made, tmp_path, tiny_records, launch=made_up(made), ended=interrupt)
    assert "stopping when the runs under way have saved; once more: at" in capsys.readouterr().err


def test_a_child_stays_for_the_next_task_and_is_replaced_when_it_dies(tmp_path: Path) -> None:
    """It answers with a line; the tasks here are exit codes, 0 for one that is done."""
    worker_like = (
        "import os, sys\nfor task in sys.stdin:\n"
        " print(os.getpid(), task.strip(), file=sys.stderr, flush=True)\n"
        " if int(task) < 0: os.kill(os.getpid(), -int(task))\n"
        " if int(task): sys.exit(int(task))\n print('done', flush=True)"
    )
    children, log = Children([sys.executable, "-c", worker_like], os.environ), tmp_path / "run.log"
    try:
        assert [children.run(task, log) for task in ("0", "0", "3", "0", "-9", "0")] == [
            0, 0, 3, 0, -9, 0,
        ]  # fmt: skip
        processes = [int(line.split()[0]) for line in log.read_text().splitlines()]
        assert len(set(processes[:3])) == len(set(processes[3:5])) == 1
        assert len(set(processes)) == 3
        os.kill(processes[-1], signal.SIGKILL)  # while it waits
        os.waitid(os.P_PID, processes[-1], os.WEXITED | os.WNOWAIT)
        assert children.run("0", log) == 0
    finally:
        children.close()
    last = int(log.read_text().splitlines()[-1].split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


@pytest.mark.usefixtures("warm")
def test_a_used_worker_gives_what_a_fresh_one_gives(
    tiny_records: Path, tiny_net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and predictions, to the bit."""
    made = make_plan(
        ("alexnet", "inception"), tiny_records, seeds=1, matrix=False, model=tiny_net,
        image_size=32, changes={"epochs": 2.0, "batch_size": 8},
    )  # fmt: skip
    started = []
    monkeypatch.setattr(
        subprocess, "Popen", lambda *a, **k: started.append(Popen(*a, **k)) or started[-1]
    )
    plugin = str(tiny_net_file.__file__)
    for name in ("used", "fresh"):
        write_plan(made, tmp_path / name)
    arms.run_all(made, tmp_path / "used", tiny_records, plugins=[plugin])
    assert len(started) == 1
    data = str(tiny_records)
    assert arms.start(tmp_path / "fresh", "inception", 1, data, None, [plugin]) == 0
    weights, probabilities = [], []
    for name in ("used", "fresh"):
        own = run_files.run_folder(tmp_path / name, "inception", 1)
        weights.append(checkpoints.read(own).tensors)
        found, _ = scores.read_predictions(own / run_files.predictions_file("inception"))
        probabilities.append(found.probability)
    assert len(weights[0]) > 8
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name], err_msg=name)
    np.testing.assert_array_equal(*probabilities)


def test_arms_share_seeds_and_twins_do_not(tiny_records: Path) -> None:
    made = make_plan(("inception", "inception"), tiny_records)
    assert [arm.slug for arm in made.arms] == ["inception", "inception-2"]
    assert run_seed(made, made.arms[0], 1) == 1
    assert run_seed(made, made.arms[1], 1) == 1001


def test_unknown_names_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["compare-preproc", "alexnet", "incepton"]) == 2
    assert "Did you mean inception" in capsys.readouterr().err
    assert cli_main.run(["compare-preproc", "alexnet"]) == 2
    assert "two pipelines" in capsys.readouterr().err


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("model", ["tiny", pytest.param("alexnet_v2", marks=pytest.mark.slow)])
def test_the_whole_job(
    model: str, tiny_records: Path, tiny_net: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Two arms, one seed, real training in child processes: one seed names no winner.

    The first arm's passport stands for the second's, too, which takes as long again.
    """
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
    command += ["--plugin", str(tiny_net_file.__file__)]
    monkeypatch.setattr(prepare, "prepare", partial(prepare.prepare, model=model))
    measure, passports = diagnosis.measure, list[diagnosis.Passport]()

    def measured(*what: Any) -> diagnosis.Passport:
        if not passports:
            passports.append(measure(*what))
        return passports[0]

    monkeypatch.setattr(diagnosis, "measure", measured)
    assert cli_main.run([*command, "--fail-if-undecided"]) == 5
    printed = capsys.readouterr().out
    assert "VERDICT  Inconclusive: one seed an arm" in printed
    assert "a proxy" in printed
    content = json.loads((tmp_path / "out/report.json").read_text())
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
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=diverging(made, {("inception", 2)}))
    written = reported(made, tmp_path)
    assert written.kinds == ("A better",)
    assert "1 of 3 inception runs diverged; the means are of the others" in written.sentences[0]
    assert written.as_json()["contrasts"][0]["seeds"] == [3, 2]
    assert "1 of 3 runs of inception diverged (seeds 2)" in written.as_json()["deviations"][0]
    assert "2 (1 diverged)" in (tmp_path / "report.md").read_text()


def test_an_arm_whose_runs_all_diverged_is_reported(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "_write_preview", lambda *_: None)  # of each arm's outputs
    made = make_plan(("alexnet", "inception", "vgg"), tiny_records)
    lost = {("vgg", seed) for seed in (1, 2, 3)}
    written = compare.carry_out(
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
    tiny_records: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    profile: str, optimizer: str, batch: int, epochs: float, size: int, seeds: int,
    looks: list[int],
) -> None:  # fmt: skip
    speed = cost.Speed(start=10, trained=100, evaluated=300)
    monkeypatch.setattr(cost, "measure", lambda *_: speed)
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
    runs = 2 * seeds
    # Each is evaluated on 9 images under two arms' paths and a common one, and on 9 of training.
    seconds = 8 + 2 * 5 + runs * (10 + 36 / 300) + runs * steps * batch / 100
    assert planned["cost"]["hours"] == pytest.approx(seconds / 3600)
    assert cli_main.run(command) == 0
    printed = capsys.readouterr().out
    assert f"# {2 * seeds} runs of {steps:,} steps" in printed
    assert "100 images/s in training" in printed
    assert yaml.safe_load(printed)["profile"] == profile  # the cost is a comment


def test_a_machines_speed_is_measured(tiny_records: Path, tiny_net: str) -> None:
    made = make_plan(
        ("alexnet", "inception"), tiny_records, model=tiny_net, image_size=32,
        changes={"batch_size": 8},
    )  # fmt: skip
    speed = cost.measure(made, tiny_records)
    assert all(0 < value < math.inf for value in vars(speed).values())


@pytest.mark.slow
def test_a_run_killed_in_training_goes_on(tiny_records: Path, tmp_path: Path) -> None:
    """kill -9 of a run between its steps and its result; the same command finishes it."""
    made = make_plan(
        ("alexnet", "inception"), tiny_records, seeds=1, image_size=67, matrix=False,
        changes={"epochs": 80.0, "batch_size": 8},
    )  # fmt: skip
    folder = undiagnosed(tmp_path / "out")
    write_plan(made, folder)
    first = made.arms[0]
    own = run_files.run_folder(folder, first.slug, 1)
    command = [
        sys.executable,
        "-m",
        worker.__name__,
        str(folder),
        str(tiny_records),
    ]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin
    child.stdin.write(f"{first.slug} 1\n".encode())
    child.stdin.flush()
    metrics = own / "metrics.jsonl"
    deadline = time.monotonic() + 600
    while not (metrics.exists() and metrics.stat().st_size):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    with child:
        child.kill()
    assert finished(folder, made, first, 1) is None
    written = compare.carry_out(made, folder, tiny_records)
    assert written.as_json()["arms"][0]["seeds"] == [1]
    done = (own / run_files.RESULT).stat().st_mtime_ns
    compare.carry_out(made, folder, tiny_records)
    assert (own / run_files.RESULT).stat().st_mtime_ns == done


def test_runs_that_only_guess_are_named(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    chance = 1 / 4  # three classes and background
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, inception=chance))
    (warning,) = reported(made, tmp_path).warnings
    assert "3 of 3 runs of inception guess" in warning


def test_arms_that_both_only_guess_are_not_called_equivalent(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, margin=20.0)
    write_plan(made, tmp_path)
    chance = {"alexnet": 1 / 4, "inception": 1 / 4}
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made, **chance))
    written = reported(made, tmp_path)
    assert written.kinds == ("inconclusive",)
    assert "every run of alexnet and inception guesses among 1 classes" in written.sentences[0]
    assert len(written.warnings) == 2


def test_runs_of_other_versions_are_a_deviation(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    path = run_files.run_folder(tmp_path, made.arms[1].slug, 3) / run_files.RESULT
    write_json(path, {**json.loads(path.read_text()), "versions": {"tensorflow": "1"}})
    deviations = reported(made, tmp_path).deviations
    assert deviations == ("the runs were made with more than one tensorflow: 0, 1",)


def test_the_published_run_stands_beside_a_replication(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("inception", "alexnet"), tiny_records, profile="replicate-slim", seeds=2)
    assert (made.recipe.optimizer, made.recipe.batch_size, made.image_size) == (
        "rmsprop", 32, 224,
    )  # fmt: skip
    write_plan(made, tmp_path)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    content = reported(made, tmp_path).as_json()
    assert (content["published"]["top1"], content["published"]["top5"]) == (56.828, 79.854)
    text = (tmp_path / "report.md").read_text()
    assert "| 56.828 | 79.854 |" in text
    assert "no replication of it: 3 classes (1,000)" in text
    full = replace(made, num_classes=1000, train_images=1_281_167, validation_images=50_000)
    assert published.differences(full) == []


def test_attribution_adds_up(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "vgg"), tiny_records, attribute=True)
    slugs = [arm.slug for arm in made.arms]
    # vgg leaves colours as they are; every other combination is an arm of its own.
    assert len(slugs) == 8
    assert made.contrasts == (("alexnet", "vgg"),)
    accuracy = {slug: 0.40 + 0.10 * slug.count("alexnet") for slug in slugs} | {"alexnet": 0.70}
    arms.run_all(made, tmp_path, tiny_records, launch=launched(made, accuracy, []))
    write_plan(made, tmp_path)
    content = reported(made, tmp_path).as_json()
    total = sum(share["points"] for share in content["attribution"])
    assert total == pytest.approx(content["contrasts"][0]["difference"], abs=1e-4)
    assert [share["part"] for share in content["attribution"]] == ["geometry", "colour", "range"]


def test_unit_scale(tiny_records: Path) -> None:
    matched = prepare.unit_scale(
        [registry.get("alexnet_2012"), registry.get("vgg")], tiny_records, 67
    )
    for pipeline in matched:
        found = values.measure(pipeline, 67, sample.images(tiny_records, 64))
        assert found.train_rms == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match="sets multiply itself"):
        prepare.unit_scale([registry.get("vgg:multiply=0.01")], tiny_records, 67)


def test_config_file(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    speed = cost.Speed(start=10, trained=100, evaluated=300)
    monkeypatch.setattr(cost, "measure", lambda *_: speed)
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
    assert "line 1: unknown option marjin. Did you mean margin?" in capsys.readouterr().err
    for text, said in (
        ("seeds: 2\nmargin: wide", "line 2: margin: 'wide' is not a valid float"),
        ("seeds: 2.5", "line 1: seeds: 2.5 is not a whole number"),
        ("seeds: true", "line 1: seeds: True is not a whole number"),
        ("no-matrix: 1", "line 1: no-matrix: 1 is not true or false"),
        ("pipelines: [alexnet, inception", "line 1: expected ',' or ']'"),
        ("seeds: 2\nseeds: 3", "line 2: seeds is given twice, on line 1 already"),
    ):
        file.write_text(text)
        assert cli_main.run(["compare-preproc", "--config", str(file)]) == 2
        assert f"{file}, {said}" in capsys.readouterr().err
