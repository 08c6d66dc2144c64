"""Training, evaluation and comparisons whose records and folders are in S3, on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import made_up

from imagenet_tools import checkpoints, evaluation, experiment, records, storage, training
from imagenet_tools.cli.main import run
from imagenet_tools.comparison import compare, plan, report, stored, worker
from imagenet_tools.diagnosis import sample
from imagenet_tools.slices import Slice
from imagenet_tools.storage import sync

pytest.importorskip("s3fs", reason="the extra [cloud] is not installed")
pytest.importorskip("moto.server", reason="moto's S3 server (extra [dev]) is not installed")
from faulty_store import Proxy, bucket, store

# Without momentum a checkpoint is half as large.
RECIPE = experiment.recipe("quick", batch_size=8, epochs=1.0, optimizer="sgd")


@pytest.fixture(scope="module")
def server() -> Iterator[Proxy]:
    with store() as proxy:
        yield proxy


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
    s3: Any, data: str, tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights as with local folders; finished there, it is finished everywhere."""
    settings = {"preprocessing": "alexnet", "recipe": RECIPE, "image_size": 67, "seed": 1}
    here = training.train(tiny_records, tmp_path / "run", **settings)
    there = training.train(data, "s3://bucket/run", **settings)
    assert there.final_loss == here.final_loss
    assert there.checkpoint == "s3://bucket/run/model.ckpt-3"
    names = {name.removeprefix("bucket/run/") for name in s3.find("bucket/run")}
    assert {"run.json", "checkpoint", "classes.tsv", "model.ckpt-3.index"} <= names
    assert not [name for name in names if "tmp" in name or "lock" in name]

    machine("second", tmp_path, monkeypatch)
    again = training.train(data, "s3://bucket/run", **settings)
    assert (again.steps, again.images) == (3, 0)  # no step was done again
    machine("third", tmp_path, monkeypatch)
    found = evaluation.evaluate(data, "s3://bucket/run", predictions="s3://bucket/p/a.npz")
    expected = evaluation.evaluate(tiny_records, tmp_path / "run")
    assert (found.n, found.top1, found.loss) == (9, expected.top1, expected.loss)
    prefix = checkpoints.resolve("s3://bucket/run/model.ckpt-3")
    assert prefix == checkpoints.resolve("s3://bucket/run")
    predictions, meta = evaluation.read_predictions("s3://bucket/p/a.npz")
    assert meta["step"] == 3
    assert len(predictions.key) == 9
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        evaluation.evaluate(data, "s3://bucket/nothing")


def test_another_run_in_the_store_is_not_overwritten(s3: Any, data: str) -> None:
    s3.pipe_file("bucket/run/run.json", json.dumps({"run": {"seed": 9}}).encode())
    with pytest.raises(ValueError, match="holds another run"):
        training.train(data, "s3://bucket/run", recipe=RECIPE, image_size=67)
    assert json.loads(s3.cat_file("bucket/run/run.json")) == {"run": {"seed": 9}}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons of made-up runs need no diagnosis."""
    content = {"findings": [], "passports": {}}
    monkeypatch.setattr(compare, "_diagnosis", lambda plan, folder, data: content)


def launcher(made: plan.Plan, started: list[tuple[str, int]]):
    """A made-up run that is carried out in the working copy, as a worker does."""

    def launch(folder: storage.AnyPath, arm: plan.Arm, seed: int) -> int:
        started.append((arm.slug, seed))
        place = sync.pull(folder, lambda name: name == plan.FILE)
        made_up(made)(place, arm, seed)
        own = worker.run_folder(place, arm, seed)
        (own / "model.ckpt-9.index").write_bytes(b"weights")
        inside = f"{own.relative_to(place).as_posix()}/"
        sync.push(folder, lambda name: name.startswith(inside), [worker.RESULT])
        return 0

    return launch


def test_a_comparison_in_a_store_goes_on_on_another_machine(
    quick: None,
    s3: Any,
    data: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = "s3://bucket/runs/mine"
    made = plan.make(("alexnet", "inception"), data, seeds=2)
    assert made.data_name == "records"
    started: list[tuple[str, int]] = []
    begun = compare.run_slice(made, out, data, Slice(0, 2), launch=launcher(made, started))
    assert begun == len(started) == 2
    assert "bucket/runs/mine/report.json" not in s3.find("bucket/runs/mine")

    machine("second", tmp_path, monkeypatch)
    done = list(started)
    written = compare.compare(made, out, data, launch=launcher(made, started))
    assert len(started) == 4
    assert set(started[2:]).isdisjoint(done)
    assert str(written.folder) == out
    kept = {name.removeprefix("bucket/runs/mine/") for name in s3.find("bucket/runs/mine")}
    assert {"plan.json", "report.json", "report.html", "report.md", "forest.png"} <= kept
    for slug, seed in started:
        assert f"{slug}/seed-{seed}/{worker.RESULT}" in kept
        assert f"{slug}/seed-{seed}/model.ckpt-9.index" in kept
    own = storage.staging(out)
    assert not (own / f"{done[0][0]}/seed-{done[0][1]}/model.ckpt-9.index").exists()  # not needed

    machine("third", tmp_path, monkeypatch)
    assert compare.compare(made, out, data, launch=launcher(made, started)).kinds == written.kinds
    assert len(started) == 4
    machine("fourth", tmp_path, monkeypatch)
    assert run(["compare-runs", out, "--margin", "2"]) == 0
    assert f"Report: {out}/report.html" in capfd.readouterr().out
    assert report.read(stored.opened(out))["plan"]["margin"] == 2
    assert run(["finalize", out, "--data", data]) == 0
    assert f"Report: {out}/report.html" in capfd.readouterr().out
    assert run(["compare-runs", out, out, "--out", "s3://bucket/runs/joined"]) == 0
    assert "bucket/runs/joined/report.html" in s3.find("bucket/runs/joined")


def test_unfinished_runs_stay_where_they_are(
    quick: None, s3: Any, data: str, server: Proxy
) -> None:
    """A run is in the store when it is finished, its result last; half of one is not."""
    out = "s3://bucket/runs/mine"
    made = plan.make(("alexnet", "inception"), data, seeds=1)
    half = worker.run_folder(storage.staging(out), made.arms[0], 1)
    half.mkdir(parents=True)
    (half / "metrics.jsonl").write_text("{}\n")
    server.requests.clear()
    compare.run_slice(made, out, data, Slice(1, 2), launch=launcher(made, []))
    kept = s3.find("bucket/runs/mine")
    assert not [name for name in kept if "/alexnet/" in name]
    names = [r.key for r in server.requests if r.copy_of and "/inception/" in r.key]
    assert names[-1].endswith(worker.RESULT)


def test_worker_of_another_machine(
    quick: None, s3: Any, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cluster's node does: plan from the store, run, result to the store."""
    out = "s3://bucket/runs/mine"
    made = plan.make(("alexnet", "inception"), data, seeds=1)
    compare.run_slice(made, out, data, Slice(1, 2), launch=launcher(made, []))
    machine("node", tmp_path, monkeypatch)
    monkeypatch.setattr(worker, "_die_with_parent", lambda: None)

    def execute(folder: Path, slug: str, seed: int, data: str) -> None:
        made_up(made)(folder, made.arm(slug), seed)

    monkeypatch.setattr(worker, "execute", execute)
    monkeypatch.setattr("sys.argv", ["worker", out, "alexnet", "1", data])
    worker.main()
    assert f"bucket/runs/mine/alexnet/seed-1/{worker.RESULT}" in s3.find("bucket/runs/mine")


def test_a_diagnosis_fetches_what_it_looks_at(s3: Any, data: str, server: Proxy) -> None:
    server.reset()
    pictures = sample.images(data, 4)
    assert len(pictures) == 4
    assert isinstance(pictures[0].encoded, bytes)
    fetched = {r.key for r in server.requests if r.method == "GET" and "-of-" in r.key}
    assert len(fetched) == 1
    assert list(sample.label_findings(data)) == []


def test_records_of_a_store_feed_the_input(data: str, tiny_records: Path) -> None:
    from imagenet_tools import input_pipeline, registry

    def first(folder: Any) -> np.ndarray:
        stream = input_pipeline.batches(
            folder, "train", registry.get("alexnet"), batch_size=4, image_size=67, is_training=True
        )
        return next(iter(stream))["image"].numpy()

    assert np.array_equal(first(data), first(tiny_records))
    assert records.shard_paths(data, "train")[0].startswith(str(storage.cache_folder()))
