"""Training, evaluation and comparisons whose records and folders are in S3, on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from faulty_store import Proxy, bucket
from made_up_runs import made_up

from imagenet_tools import records, storage
from imagenet_tools.cli.main import run
from imagenet_tools.comparison import arms, compare, diagnosed, run_files, stored, worker
from imagenet_tools.comparison.plan import Arm, Plan, make_plan
from imagenet_tools.comparison.plan_file import PLAN, write_plan
from imagenet_tools.diagnosis import Diagnosis, sample
from imagenet_tools.diagnosis.rules.data import labels
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import PipelineFailed, Unfinished
from imagenet_tools.evaluation import evaluate, scores
from imagenet_tools.storage import sync
from imagenet_tools.training import checkpoints, recipes, sending
from imagenet_tools.training import run as training

# Without momentum a checkpoint is half as large.
RECIPE = recipes.recipe("quick", batch_size=8, epochs=1.0, optimizer="sgd")


@pytest.fixture
def s3(server: Proxy, tmp_path: Path) -> Iterator[Any]:
    with bucket(server, "bucket", tmp_path / "cache") as fs:
        yield fs
        fs.rm("bucket", recursive=True)


@pytest.fixture
def data(s3: Any, tiny_records: Path) -> str:
    """The tiny records, in the bucket."""
    for path in tiny_records.iterdir():
        if not path.name.startswith("."):
            s3.put_file(str(path), f"bucket/records/{path.name}")
    return "s3://bucket/records"


def machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on on another machine: nothing but the store is left."""
    monkeypatch.setenv(storage.CACHE, str(tmp_path / name))


def test_a_run_from_a_store_into_a_store(
    s3: Any,
    data: str,
    tiny_records: Path,
    tiny_net: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same weights as with local folders; finished there, it is finished everywhere."""
    settings = {
        "preprocessing": "alexnet",
        "recipe": RECIPE,
        "image_size": 32,
        "seed": 1,
        "model": tiny_net,
    }
    here = training.train(tiny_records, tmp_path / "run", **settings)
    there = training.train(data, "s3://bucket/run", **settings)
    assert there.final_loss == here.final_loss
    assert there.checkpoint == "s3://bucket/run/model.ckpt-3"
    names = {name.removeprefix("bucket/run/") for name in s3.find("bucket/run")}
    assert {"run.json", "checkpoint", "classes.tsv", "model.ckpt-3.index"} <= names
    assert not [name for name in names if "tmp" in name or "lock" in name]

    machine("second", tmp_path, monkeypatch)
    again = training.train(data, "s3://bucket/run", **settings)
    assert again == there  # no step was done again
    machine("third", tmp_path, monkeypatch)
    found = evaluate.evaluate(data, "s3://bucket/run", predictions="s3://bucket/p/a.npz")
    expected = evaluate.evaluate(tiny_records, tmp_path / "run")
    assert (found.n, found.top1, found.loss) == (9, expected.top1, expected.loss)
    prefix = checkpoints.resolve("s3://bucket/run/model.ckpt-3")
    assert prefix == checkpoints.resolve("s3://bucket/run")
    predictions, meta = scores.read_predictions("s3://bucket/p/a.npz")
    assert meta["step"] == 3
    assert len(predictions.key) == 9
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        evaluate.evaluate(data, "s3://bucket/nothing")


def save(folder: Path, *steps: int) -> None:
    """Made-up checkpoints of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in steps:
        for ending in ("index", "data-00000-of-00001"):
            (folder / f"model.ckpt-{step}.{ending}").write_text(f"{step}")
    lines = "".join(f'all_model_checkpoint_paths: "model.ckpt-{step}"\n' for step in steps)
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "model.ckpt-{steps[-1]}"\n{lines}')


def checkpoints_in(s3: Any, folder: str) -> set[str]:
    return {Path(name).stem for name in s3.find(folder) if "/model.ckpt-" in name}


@pytest.mark.slow
def test_a_killed_run_goes_on_on_another_machine(
    s3: Any, data: str, tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its last checkpoint is in the store; the predictions are an uninterrupted run's."""
    recipe = recipes.recipe("quick", batch_size=8, epochs=4.0, optimizer="sgd")
    settings = {"preprocessing": "alexnet", "recipe": recipe, "image_size": 67, "save_steps": 4}
    code = (
        "import imagenet_tools\n"
        "recipe = imagenet_tools.recipe('quick', batch_size=8, epochs=4.0, optimizer='sgd')\n"
        f"imagenet_tools.train({data!r}, 's3://bucket/run', preprocessing='alexnet', "
        "recipe=recipe, image_size=67, save_steps=4)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while "bucket/run/checkpoint" not in s3.find("bucket/run"):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    time.sleep(0.3)  # what the server had begun
    assert "result" not in json.loads(s3.cat_file("bucket/run/run.json"))

    machine("second", tmp_path, monkeypatch)
    found = training.train(data, "s3://bucket/run", **settings)
    assert found.steps == 12
    assert 0 < found.images <= 8 * 7  # not from the start; the first step is not counted
    expected = training.train(tiny_records, tmp_path / "whole", **settings)
    assert found.final_loss == expected.final_loss
    seen = []
    for own in ("s3://bucket/run", tmp_path / "whole"):
        evaluate.evaluate(tiny_records, own, predictions=tmp_path / "predictions.npz")
        seen.append(scores.read_predictions(tmp_path / "predictions.npz")[0].probability)
    assert np.array_equal(*seen)
    lines = s3.cat_file("bucket/run/metrics.jsonl").decode().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 12]


def test_checkpoints_in_the_store(s3: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """The last one under way, what the run keeps at its end; the further copy is left."""
    out = "s3://bucket/run"
    own = storage.staging(out)
    save(own, 2)
    sending.send(out)
    save(own, 2, 4)
    sending.send(out)
    assert checkpoints_in(s3, "bucket/run") == {"model.ckpt-4"}
    save(own, 2, 4, 6)
    assert sending.fetch(out) == own
    assert checkpoints.latest(own) == str(own / "model.ckpt-6")
    sending.send_all(out)
    assert checkpoints_in(s3, "bucket/run") == {"model.ckpt-2", "model.ckpt-4", "model.ckpt-6"}
    diverged = storage.staging("s3://bucket/diverged")
    (diverged / "run.json").write_text("{}")  # before any checkpoint
    sending.send("s3://bucket/diverged")
    sending.send_all("s3://bucket/diverged")
    assert s3.find("bucket/diverged") == ["bucket/diverged/run.json"]


def test_a_store_that_fails_does_not_end_the_training(
    s3: Any, server: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    save(storage.staging("s3://bucket/run"), 3)
    server.fault = lambda request: "refuse" if request.writes else None
    sending.send("s3://bucket/run")
    assert "the checkpoint of step 3 was not sent: s3://bucket/run/" in capsys.readouterr().err
    server.fault = lambda request: None
    sending.send("s3://bucket/run")
    assert checkpoints_in(s3, "bucket/run") == {"model.ckpt-3"}


def test_another_run_in_the_store_is_not_overwritten(s3: Any, data: str) -> None:
    s3.pipe_file("bucket/run/run.json", json.dumps({"run": {"seed": 9}}).encode())
    with pytest.raises(ValueError, match="holds another run"):
        training.train(data, "s3://bucket/run", recipe=RECIPE, image_size=67)
    assert json.loads(s3.cat_file("bucket/run/run.json")) == {"run": {"seed": 9}}


def test_a_run_into_a_store_whose_first_batch_failed_may_be_mended(
    s3: Any, data: str, tiny_net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise PipelineFailed("the first batch")

    settings: dict[str, Any] = {"recipe": RECIPE, "image_size": 32, "model": tiny_net, "steps": 1}
    with monkeypatch.context() as patch, pytest.raises(PipelineFailed, match="the first batch"):
        patch.setattr(training.loop, "run", fails)
        training.train(data, "s3://bucket/run", preprocessing="vgg", **settings)
    assert not s3.exists("bucket/run")
    mended = training.train(data, "s3://bucket/run", preprocessing="alexnet", **settings)
    assert mended.steps == 1 and s3.exists("bucket/run/run.json")


def test_messages_name_what_was_asked_for(
    s3: Any, data: str, tiny_records: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the working copy of a run nor the cache of records is the user's."""
    s3.pipe_file("bucket/run/run.json", json.dumps({"run": {"seed": 9}}).encode())
    arguments = ["train", "--data", data, "--preprocessing", "alexnet", "--image-size", "67"]
    assert run([*arguments, "--train-dir", "s3://bucket/run"]) == 2
    assert "s3://bucket/run holds another run (" in capfd.readouterr().err
    first = Path(records.shard_paths(data, "validation")[0])
    assert storage.as_asked(f"{first}: no") == f"{data}/{first.name}: no"


def test_a_run_that_fails_says_where_its_log_is(
    warm: None, s3: Any, data: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = "s3://bucket/runs/mine"
    made = make_plan(("alexnet", "inception"), data, seeds=1)
    write_plan(made, storage.staging(out))
    sync.push(out)
    node = tmp_path / "node"

    def launch(folder: storage.AnyPath, arm: Arm, seed: int) -> int:
        """Another machine, which has no records."""
        with mock.patch.dict(os.environ, {storage.CACHE: str(node)}):
            return arms.start(folder, arm.slug, seed, "s3://bucket/nothing", None, [])

    with pytest.raises(Unfinished) as caught:
        arms.run_all(made, out, data, launch=launch, part=Slice(0, 2))
    message = storage.as_asked(str(caught.value))
    assert f"says at the end of {out}/alexnet/seed-1/run.log: " in message
    assert "s3://bucket/nothing" in message
    assert b"s3://bucket/nothing" in s3.cat_file("bucket/runs/mine/alexnet/seed-1/run.log")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons of made-up runs need no diagnosis."""
    nothing = Diagnosis((), {})
    monkeypatch.setattr(diagnosed, "measured", lambda plan, folder, data: nothing)


def launcher(made: Plan, started: list[tuple[str, int]]):
    """A made-up run that is carried out in the working copy, as a worker does."""

    def launch(folder: storage.AnyPath, arm: Arm, seed: int) -> int:
        started.append((arm.slug, seed))
        place = sync.pull(folder, lambda name: name == PLAN)
        made_up(made)(place, arm, seed)
        own = run_files.run_folder(place, arm.slug, seed)
        (own / "model.ckpt-9.index").write_bytes(b"weights")
        inside = f"{own.relative_to(place).as_posix()}/"
        sync.push(folder, lambda name: name.startswith(inside), [run_files.RESULT])
        return 0

    return launch


@pytest.mark.slow
def test_a_comparison_in_a_store_goes_on_on_another_machine(
    quick: None,
    s3: Any,
    data: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = "s3://bucket/runs/mine"
    made = make_plan(("alexnet", "inception"), data, seeds=2)
    assert made.data_name == "records"
    started: list[tuple[str, int]] = []
    begun = compare.run_slice(made, out, data, Slice(0, 2), launch=launcher(made, started))
    assert begun == len(started) == 2
    assert "bucket/runs/mine/report.json" not in s3.find("bucket/runs/mine")

    machine("second", tmp_path, monkeypatch)
    done = list(started)
    written = compare.carry_out(made, out, data, launch=launcher(made, started))
    assert len(started) == 4
    assert set(started[2:]).isdisjoint(done)
    assert str(written.folder) == out
    kept = {name.removeprefix("bucket/runs/mine/") for name in s3.find("bucket/runs/mine")}
    assert {"plan.json", "report.json", "report.html", "report.md", "difference.png"} <= kept
    for slug, seed in started:
        assert f"{slug}/seed-{seed}/{run_files.RESULT}" in kept
        assert f"{slug}/seed-{seed}/model.ckpt-9.index" in kept
    own = storage.staging(out)
    assert not (own / f"{done[0][0]}/seed-{done[0][1]}/model.ckpt-9.index").exists()  # not needed

    machine("third", tmp_path, monkeypatch)
    assert compare.carry_out(made, out, data, launch=launcher(made, started)).kinds == written.kinds
    assert len(started) == 4
    machine("fourth", tmp_path, monkeypatch)
    assert run(["compare-runs", out, "--margin", "2"]) == 0
    assert f"Report: {out}/report.html" in capfd.readouterr().out
    assert json.loads((stored.opened(out) / "report.json").read_text())["plan"]["margin"] == 2
    assert run(["finalize", out, "--data", data]) == 0
    assert f"Report: {out}/report.html" in capfd.readouterr().out
    assert run(["compare-runs", out, out, "--out", "s3://bucket/runs/joined"]) == 0
    assert "bucket/runs/joined/report.html" in s3.find("bucket/runs/joined")


def test_unfinished_runs_stay_where_they_are(
    quick: None, s3: Any, data: str, server: Proxy
) -> None:
    """A run is in the store when it is finished, its result last; half of one is not."""
    out = "s3://bucket/runs/mine"
    made = make_plan(("alexnet", "inception"), data, seeds=1)
    half = run_files.run_folder(storage.staging(out), made.arms[0].slug, 1)
    half.mkdir(parents=True)
    (half / "metrics.jsonl").write_text("{}\n")
    server.requests.clear()
    compare.run_slice(made, out, data, Slice(1, 2), launch=launcher(made, []))
    kept = s3.find("bucket/runs/mine")
    assert not [name for name in kept if "/alexnet/" in name]
    names = [r.key for r in server.requests if r.copy_of and "/inception/" in r.key]
    assert names[-1].endswith(run_files.RESULT)


def test_worker_of_another_machine(
    quick: None, s3: Any, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cluster's node does: plan from the store, run, result to the store."""
    out = "s3://bucket/runs/mine"
    made = make_plan(("alexnet", "inception"), data, seeds=1)
    compare.run_slice(made, out, data, Slice(1, 2), launch=launcher(made, []))
    machine("node", tmp_path, monkeypatch)

    def execute(folder: Path, slug: str, seed: int, data: str, saved: Any) -> None:
        """A made-up run that its machine leaves at its first checkpoint."""
        own = run_files.run_folder(folder, slug, seed)
        if (own / "model.ckpt-5.index").exists():
            return made_up(made)(folder, made.arm(slug), seed)
        save(own, 5)
        saved()
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "execute", execute)
    begin = partial(worker.attempt, worker.carry_out, out, "alexnet", 1, data)
    assert begin() == 130
    machine("another", tmp_path, monkeypatch)
    assert not (stored.opened(out) / "alexnet/seed-1/checkpoint").exists()
    assert begin() == 0
    assert f"bucket/runs/mine/alexnet/seed-1/{run_files.RESULT}" in s3.find("bucket/runs/mine")


def test_a_diagnosis_fetches_what_it_looks_at(s3: Any, data: str, server: Proxy) -> None:
    server.reset()
    pictures = sample.images(data, 4)
    assert len(pictures) == 4
    assert isinstance(pictures[0].encoded, bytes)
    fetched = {r.key for r in server.requests if r.method == "GET" and "-of-" in r.key}
    assert len(fetched) == 1
    assert list(labels(data)) == []


def test_records_of_a_store_feed_the_input(data: str, tiny_records: Path) -> None:
    from imagenet_tools import registry
    from imagenet_tools.training import batches

    def first(folder: Any) -> np.ndarray:
        stream = batches.batches(
            folder, "train", registry.get("alexnet"), batch_size=4, image_size=67, is_training=True
        )
        return next(iter(stream))["image"].numpy()

    assert np.array_equal(first(data), first(tiny_records))
    assert records.shard_paths(data, "train")[0].startswith(str(storage.cache_folder()))
