"""Runs shown elsewhere: TensorBoard's files, and trackers found by entry point, all offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import tensorflow as tf

from imagenet_tools.training import events, trackers
from imagenet_tools.training.trackers import About

ASKED = {"preprocessing": "alexnet", "seed": 3, "recipe": {"epochs": 2.0}, "model": "alexnet_v2"}
PLUGIN = """
told = []

class Told:
    def __init__(self, about):
        told.append(about)
    def log(self, step, values):
        if step == 30:
            raise RuntimeError("the server is gone")
        told.append((step, dict(values)))
    def close(self):
        told.append("closed")

begin = Told
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list:
    """What a tracker of the user's own was told; it is installed as a package would be."""
    site = tmp_path / "site"
    info = site / "told_tracker-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: told-tracker\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[imgtools.trackers]\ntold = told_tracker:begin\n")
    (site / "told_tracker.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv(trackers.VARIABLE, "told")
    import told_tracker

    told_tracker.told.clear()
    return told_tracker.told


def written(folder: Path) -> None:
    """A run of 20 steps that is resumed at 10, and evaluated."""
    for step in (0, 10):
        log = events.EventLog(folder, "metrics.jsonl", step, ASKED)
        log.write(step + 10, loss=2.0 - step / 10, learning_rate=0.1)
        log.close()
    events.evaluated(folder, 20, ASKED, {"eval/Accuracy": 0.62})


def test_a_tracker_is_told_everything(told: list, tmp_path: Path) -> None:
    written(tmp_path)
    about, *rest = told
    assert (about.name, about.group) == ("alexnet seed 3", "alexnet")
    assert about.config == {
        "preprocessing": "alexnet", "seed": 3, "epochs": 2.0, "model": "alexnet_v2",
    }  # fmt: skip
    assert [one for one in rest if isinstance(one, tuple)] == [
        (10, {"loss": 2.0, "learning_rate": 0.1}),
        (20, {"loss": 1.0, "learning_rate": 0.1}),
        (20, {"eval/Accuracy": 0.62}),
    ]
    assert rest.count("closed") == 3


def test_a_tracker_that_fails_is_left_out(
    told: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = events.EventLog(tmp_path, "metrics.jsonl", 0, ASKED)
    for step in (30, 40):
        log.write(step, loss=1.0)
    log.close()
    assert "told failed and is left out of this run: the server is gone" in capsys.readouterr().err
    assert len(told) == 1  # what the run is; nothing after the failure
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 2


def test_an_unknown_tracker_is_named(told: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trackers.VARIABLE, "told, tolt")
    with pytest.raises(LookupError, match="the tracker 'tolt'; there .*told"):
        trackers.Tracking(Path("run"), ASKED)


def test_validation_is_among_tensorboards_points(tmp_path: Path) -> None:
    written(tmp_path)
    found = [
        (event.step, value.tag, pytest.approx(value.simple_value))
        for path in sorted(tmp_path.glob("events.*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    assert (20, "eval/Accuracy", 0.62) in found and (20, "losses/clone_loss", 1.0) in found


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra [tensorboard] is not installed",
    )
    run = tmp_path / "alexnet/seed-3"
    run.mkdir(parents=True)
    written(run)
    found = accumulator.EventAccumulator(str(run))
    found.Reload()
    (point,) = found.Scalars("eval/Accuracy")
    assert (point.step, round(point.value, 4)) == (20, 0.62)
    assert [one.step for one in found.Scalars("losses/clone_loss")] == [10, 20]


def logged(begin, folder: Path) -> None:
    """A run in two processes' turns, as it is when it is resumed."""
    values: list[Mapping[str, float]] = [{"loss": 2.0}, {"loss": 1.0, "eval/Accuracy": 0.62}]
    for step, one in enumerate(values, start=1):
        tracker = begin(About(folder, "alexnet seed 3", "alexnet", {"epochs": 2.0}))
        tracker.log(10 * step, one)
        tracker.close()


def test_wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the extra [wandb] is not installed")
    from imagenet_tools.training.trackers import wandb_runs

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    logged(wandb_runs.begin, tmp_path)
    files = sorted(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 2 and len({file.stem for file in files}) == 1  # one run, twice begun
    kept = b"".join(file.read_bytes() for file in files)
    for word in (b"alexnet seed 3", b"epochs", b"eval/Accuracy", b"0.62"):
        assert word in kept


def test_mlflow_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra [mlflow] is not installed")
    from imagenet_tools.training.trackers import mlflow_runs

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # its offline mode; a server is usual
    logged(mlflow_runs.begin, tmp_path / "run")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("imgtools")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("alexnet seed 3", "FINISHED")
    assert run.data.params == {"epochs": "2.0"}
    assert run.data.metrics == {"loss": 1.0, "eval/Accuracy": 0.62}
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(one.step, one.value) for one in history] == [(10, 2.0), (20, 1.0)]
