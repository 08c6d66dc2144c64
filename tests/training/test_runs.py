"""Runs on tiny synthetic records: trained, interrupted, resumed, evaluated."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.evaluation import evaluate, scores
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.training import checkpoints, loop, recipes, symptoms
from imagenet_tools.training import run as training
from imagenet_tools.training import step as trainer

RECIPE = recipes.recipe("quick", batch_size=8, epochs=2.0, image_size=32)


@pytest.fixture
def data(tiny_records: Path, tiny_net: str) -> Path:
    return tiny_records


def run(data: Path, folder: Path, **changes: object) -> training.TrainResult:
    settings = {"preprocessing": "alexnet", "recipe": RECIPE, "seed": 3, "deterministic": True}
    settings["model"] = "tiny"
    return training.train(data, folder, **{**settings, **changes})


@pytest.fixture(scope="module")
def trained(tiny_records: Path, tiny_net: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    result = run(tiny_records, folder)
    assert (result.steps, result.diverged) == (6, False)
    return folder


def test_a_run_says_what_it_was(trained: Path, data: Path) -> None:
    content = json.loads((trained / "run.json").read_text())
    assert content["run"]["preprocessing"] == "alexnet"
    assert content["run"]["data"] == records.read_manifest(data).digest
    assert content["run"]["num_classes"] == 4
    assert content["result"]["checkpoint"] == "model.ckpt-6"
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [6]
    assert np.isfinite(lines[0]["loss"])


def test_events_hold_tf_slims_tags(trained: Path) -> None:
    (events,) = trained.glob("events.out.tfevents.*")
    written = [data for _, data in tfrecord.read(events)]
    assert b"brain.Event:2" in written[0]
    assert b"total_loss" in written[1]
    assert b"learning_rate" in written[1]


def test_interrupted_and_resumed_gives_the_same_bits(
    trained: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    whole = trainer.Trainer.learning_rate

    def interrupt(self: trainer.Trainer, step: int) -> float:
        steps.append(step)
        if len(steps) == 4:
            raise RuntimeError("killed")
        return whole(self, step)

    monkeypatch.setattr(trainer.Trainer, "learning_rate", interrupt)
    with pytest.raises(RuntimeError, match="killed"):
        run(data, tmp_path, save_steps=2)
    assert checkpoints.read(tmp_path).step == 2
    monkeypatch.undo()
    run(data, tmp_path, save_steps=2)
    once, twice = checkpoints.read(trained).tensors, checkpoints.read(tmp_path).tensors
    assert once.keys() == twice.keys()
    different = [name for name in once if not np.array_equal(once[name], twice[name])]
    assert different == []


def test_a_finished_run_is_not_run_again(trained: Path, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    before = (folder / "run.json").read_bytes()
    again = run(data, folder)
    assert (folder / "run.json").read_bytes() == before
    result = json.loads(before)["result"]
    assert (again.steps, again.final_loss) == (6, result["final_loss"])
    assert again.checkpoint == str(folder / "model.ckpt-6")
    # Killed between the last checkpoint and the result: the loss is the one that was logged.
    content = json.loads(before)
    del content["result"]
    (folder / "run.json").write_text(json.dumps(content))
    assert run(data, folder).final_loss == result["final_loss"]


def test_a_finished_run_whose_checkpoint_was_cut_makes_it_again(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(data, tmp_path, save_steps=2)
    weights = tmp_path / "model.ckpt-6.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert run(data, tmp_path, save_steps=2).checkpoint == str(tmp_path / "model.ckpt-6")
    assert "model.ckpt-6: not a readable checkpoint" in capsys.readouterr().err
    once, again = checkpoints.read(trained).tensors, checkpoints.read(tmp_path).tensors
    assert all(np.array_equal(once[name], again[name]) for name in once)


PROGRAM = """
import sys
import imagenet_tools
sys.path.append(sys.argv[3])
import tiny_net
recipe = imagenet_tools.recipe("quick", batch_size=8, epochs=2.0, image_size=32)
imagenet_tools.train(sys.argv[1], sys.argv[2], preprocessing="alexnet", recipe=recipe, seed=3,
               model="tiny", deterministic=True, save_steps=2, log_steps=1)
"""


def test_killed_and_resumed_gives_the_same_bits(
    trained: Path, data: Path, warm_python: str, tmp_path: Path
) -> None:
    """kill -9 as soon as the checkpoint of step 2 is named; then the same program again."""
    program = [warm_python, "-c", PROGRAM, str(data), str(tmp_path), str(Path(__file__).parents[1])]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(program, **quiet) as process:
        while process.poll() is None and not (tmp_path / checkpoints.STATE).exists():
            time.sleep(0.005)
        process.kill()
        process.communicate()  # until the fork, too, has ended
    assert checkpoints.read(tmp_path).step in (2, 4)
    subprocess.run(program, check=True, **quiet)
    once, twice = checkpoints.read(trained).tensors, checkpoints.read(tmp_path).tensors
    assert [name for name in once if not np.array_equal(once[name], twice[name])] == []


DISK_FULL = """
import resource, signal, sys
import numpy as np
from imagenet_tools.training import checkpoints
checkpoints.write(sys.argv[1], 1, {"w": np.ones(100_000, np.float32)})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # what a full disk looks like
try:
    checkpoints.write(sys.argv[1], 2, {"w": np.zeros(100_000, np.float32)})
except OSError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_last_checkpoint(warm: None, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DISK_FULL, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "model.ckpt-2 was not saved" in done.stdout
    saved = checkpoints.read(tmp_path)
    assert (saved.step, saved.tensors["w"].sum()) == (1, 100_000)
    assert not list(tmp_path.glob(".tmp*")) and not list(tmp_path.glob("model.ckpt-2*"))


def test_a_folder_of_another_run_is_refused(trained: Path, data: Path) -> None:
    with pytest.raises(ValueError, match="another run.*seed 3 -> 4"):
        run(data, trained, seed=4)
    changed = recipes.recipe("quick", batch_size=8, epochs=2.0, image_size=32, momentum=0.8)
    with pytest.raises(ValueError, match=r"another run \(momentum 0.9 -> 0.8\)"):
        run(data, trained, recipe=changed)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"model": "alexnet"}, "known: alexnet_v2"),
        ({"model": "alexnet_v2", "image_size": 300}, "67 to 226 pixels"),
        ({"trainable_scopes": ["conv9"]}, "no variable is in conv9"),
        ({"checkpoint_path": "nowhere"}, "no checkpoint there"),
    ],
)
def test_a_run_that_cannot_start_does_not_take_the_folder(
    wrong: dict[str, object], named: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises((LookupError, ValueError, FileNotFoundError), match=named):
        run(data, tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_every_so_many_seconds(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path, save_interval_secs=1e-6, steps=2)
    assert {path.name for path in tmp_path.glob("*.index")} == {
        "model.ckpt-1.index",
        "model.ckpt-2.index",
    }
    assert loop.Saving(None, math.inf, 5).due(10**6, 0.0) is False
    assert loop.Saving(4, 0.0, 5).due(6, 0.0) is False


@pytest.mark.parametrize(
    ("start", "step", "causes"),
    [
        ("slim", 20, "only 20 steps, TF-Slim's own initialisation"),
        ("lsuv", 5000, "Likely causes: a learning rate too low or too high"),
    ],
)
def test_a_loss_at_chance_is_explained(start: str, step: int, causes: str) -> None:
    recipe = recipes.recipe("quick", initialisation=start)
    at_work: Any = SimpleNamespace(net=SimpleNamespace(num_classes=11), recipe=recipe)
    text = symptoms.stuck(2.39, step, at_work)
    assert text is not None and causes in text and "labels that do not fit" in text
    assert symptoms.stuck(2.0, step, at_work) is None


def test_averages_are_what_is_evaluated(data: Path, tmp_path: Path) -> None:
    """TF1's decay of min(d, (1 + t) / (10 + t)), from the weights of every step."""
    recipe = recipes.recipe("quick", **{**vars(RECIPE), "moving_average_decay": 0.3})
    run(data, tmp_path, recipe=recipe, save_steps=1, keep=10, steps=5)
    name = "tiny/conv1/weights"
    states = [checkpoints.read(tmp_path / f"model.ckpt-{step}").tensors for step in range(1, 6)]
    for step in range(1, 5):
        before, now = (states[i][name + checkpoints.AVERAGE] for i in (step - 1, step))
        decay = min(0.3, (1 + step) / (10 + step))
        np.testing.assert_allclose(now, decay * before + (1 - decay) * states[step][name], 1e-5)
    found = {
        averaged: evaluate.evaluate(data, tmp_path, moving_average=averaged)
        for averaged in (None, True, False)
    }
    assert found[None].weights == found[True].weights != found[False].weights
    assert (found[None].averaged, found[False].averaged) == (True, False)


def test_images_grow_and_a_run_goes_on_at_its_size(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, killed = [], []
    whole = trainer.Trainer.update

    def update(self: trainer.Trainer, batch: Any, *rest: Any) -> Any:
        seen.append(batch["image"].shape[1])
        if len(seen) == 6 and not killed:
            killed.append(seen.pop())
            raise RuntimeError("killed")
        return whole(self, batch, *rest)

    monkeypatch.setattr(trainer.Trainer, "update", update)
    recipe = recipes.recipe("quick", **{**vars(RECIPE), "epochs": 4.0, "image_size_start": 20})
    with pytest.raises(RuntimeError, match="killed"):
        run(data, tmp_path / "twice", recipe=recipe, save_steps=1)
    run(data, tmp_path / "twice", recipe=recipe, save_steps=1)
    assert seen == [20] * 6 + [32] * 6
    run(data, tmp_path / "once", recipe=recipe)
    once, twice = (checkpoints.read(tmp_path / name).tensors for name in ("once", "twice"))
    assert [name for name in once if not np.array_equal(once[name], twice[name])] == []


@pytest.mark.parametrize(
    ("model", "start", "says"),
    [
        ("tiny", 40, "image_size_start 40 is above the image size, 32"),
        ("alexnet_v2", 20, "alexnet_v2 takes images of 67 to 226 pixels, not 20"),
        ("alexnet_v2", 80, r"alexnet_v2 is another net there \(alexnet_v2/fc6/weights is \(1, 1"),
    ],
)
def test_images_that_cannot_grow_are_refused(
    model: str, start: int, says: str, data: Path, tmp_path: Path
) -> None:
    size = 32 if model == "tiny" else 160
    recipe = recipes.recipe("quick", image_size=size, image_size_start=start)
    with pytest.raises(ValueError, match=says):
        run(data, tmp_path, recipe=recipe, model=model)


def test_averages_that_are_not_there_are_named(trained: Path, data: Path) -> None:
    with pytest.raises(ValueError, match="trained without --moving-average-decay"):
        evaluate.evaluate(data, trained, moving_average=True)


def test_tf_slims_own_flags(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The flags of its two scripts as they are written there."""
    done = cli_main.run(
        [
            "train", f"--dataset_dir={data}", f"--train_dir={tmp_path}", "--model_name=tiny",
            "--preprocessing_name=alexnet", "--train_image_size=32", "--batch_size=8",
            "--max_number_of_steps=1", "--save_interval_secs=60", "--log_every_n_steps=1",
            "--optimizer=rmsprop", "--learning_rate=0.001", "--weight_decay=0.00004",
            f"--checkpoint_path={trained}", "--checkpoint_exclude_scopes=tiny/fc2",
            "--ignore_missing_vars", "--labels_offset=1", "--moving_average_decay=0.9",
        ]
    )  # fmt: skip
    assert done == 0
    done = cli_main.run(
        [
            "eval", f"--dataset_dir={data}", f"--checkpoint_path={tmp_path}", "--batch_size=3",
            "--dataset_split_name=validation", "--model_name=tiny", "--labels_offset=1",
            "--preprocessing_name=alexnet", "--eval_image_size=32",
        ]
    )  # fmt: skip
    assert done == 0
    assert "eval/Recall_5[1]" in capsys.readouterr().out  # of three classes


def keys_in_order(data: Path) -> list[str]:
    return [schema.key_of(one) for one in records.examples(data, "validation")]


def test_every_image_once_in_order_for_any_batch_size(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    found = {}
    for size in (2, 9):
        path = tmp_path / f"{size}.npz"
        result = evaluate.evaluate(data, trained, batch_size=size, predictions=path)
        found[size], meta = scores.read_predictions(path)
        assert result.n == 9
        assert result.top1 == pytest.approx(100 * found[size].correct.mean())
        assert meta["step"] == 6
    assert list(found[2].key) == keys_in_order(data)
    np.testing.assert_allclose(found[2].probability, found[9].probability, atol=1e-6)
    np.testing.assert_array_equal(found[2].top5, found[9].top5)


def test_another_pipeline_than_in_training_is_a_warning(trained: Path, data: Path) -> None:
    result = evaluate.evaluate(data, trained, preprocessing="inception")
    assert "trained under alexnet" in result.warnings[0]


def test_a_checkpoint_without_a_run_needs_its_preprocessing(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    for path in trained.glob("model.ckpt-6*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="--preprocessing"):
        evaluate.evaluate(data, tmp_path / "model.ckpt-6")


def test_a_loss_that_becomes_nan_ends_the_run(data: Path, tmp_path: Path) -> None:
    recipe = recipes.recipe(
        "quick", batch_size=8, epochs=4.0, image_size=32, learning_rate=1e20, gradient_clip=0.0
    )
    result = run(data, tmp_path, recipe=recipe, log_steps=1, deterministic=False)
    assert result.diverged
    assert "diverged" in result.warnings[0]


def test_finetuning_to_another_number_of_classes(trained: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="checkpoint-exclude-scopes tiny/fc2"):
        run(data, tmp_path / "a", labels_offset=1, checkpoint_path=str(trained), steps=1)
    result = run(
        data, tmp_path / "b", labels_offset=1, checkpoint_path=str(trained), steps=1,
        checkpoint_exclude_scopes=["tiny/fc2"], trainable_scopes=["tiny/fc2"],
    )  # fmt: skip
    old, new = checkpoints.read(trained).tensors, checkpoints.read(result.checkpoint).tensors
    name = "tiny/conv2/weights"
    np.testing.assert_array_equal(old[name], new[name])
    assert new["tiny/fc2/biases"].shape == (3,)


def test_a_step_leaves_nothing_behind() -> None:
    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line)

    if not Path("/proc/self/status").exists():
        pytest.skip("resident memory is read from /proc")
    rate, number = trainer.scalars(0.5, 1)
    assert (rate.dtype, number.dtype) == (tf.float32, tf.int32)
    # What earlier tests left running here may grow once; what a step leaves grows always.
    growth = []
    for first in range(0, 30_000, 10_000):
        before = resident()
        for step in range(first, first + 10_000):
            trainer.scalars(step * 1e-6, step)
        growth.append(resident() - before)
    assert min(growth) < 4_000  # kB; 15,000 by way of Python numbers


def test_precision_is_asked_for_as_in_comparisons(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def train(data: str, folder: str, *, mixed_precision: bool, **settings: Any) -> None:
        asked.append(mixed_precision)
        raise ValueError("that is all")

    monkeypatch.setattr(training, "train", train)
    command = ["train", "--data", str(data), "--train-dir", str(tmp_path / "run")]
    for more in ([], ["--precision", "float32"], ["--precision", "bfloat16"]):
        assert cli_main.run([*command, *more]) == 2
    assert asked == [False, False, True]
