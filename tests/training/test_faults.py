"""Runs that meet damage, a signal, another run or a number that is not finite, and say so."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import registry, terminal
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData, PipelineFailed, Stopped, Unfinished
from imagenet_tools.pipelines import rendering
from imagenet_tools.records.reader import open_records
from imagenet_tools.training import checkpoints, loop, recipes, run_folder
from imagenet_tools.training import run as training
from imagenet_tools.training.step import Trainer

RECIPE = recipes.recipe("quick", batch_size=8, image_size=32, warmup_epochs=0.0)


def train(data: Path, folder: Path, **changes: object) -> training.TrainResult:
    settings = {"preprocessing": "alexnet", "recipe": RECIPE, "seed": 3, "steps": 4}
    return training.train(data, folder, **{**settings, "model": "tiny", **changes})


@pytest.fixture
def data(tiny_records: Path, tiny_net: str) -> Path:
    return tiny_records


@pytest.fixture(scope="module")
def trained(tiny_records: Path, tiny_net: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps, a checkpoint at each second one."""
    folder = tmp_path_factory.mktemp("trained")
    train(tiny_records, folder, save_steps=2)
    return folder


@pytest.fixture(scope="module")
def undisturbed(
    tiny_records: Path, tiny_net: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Four steps that repeat to the bit."""
    folder = tmp_path_factory.mktemp("undisturbed")
    train(tiny_records, folder, deterministic=True)
    return folder


def logged(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# Numbers


def test_the_loss_is_the_mean_over_the_interval(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "each", log_steps=1, steps=5)
    result = train(data, tmp_path / "few", log_steps=3, steps=5)
    each = [line["loss"] for line in logged(tmp_path / "each")]
    few = [line["loss"] for line in logged(tmp_path / "few")]
    assert few == pytest.approx([np.mean(each[:3]), np.mean(each[3:])])
    assert result.final_loss == few[-1]


def test_weights_that_are_not_finite_after_the_last_update(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Trainer, "learning_rate", lambda self, step: math.inf)
    result = train(data, tmp_path, steps=1)
    assert math.isfinite(result.final_loss)
    assert (result.diverged, result.checkpoint) == (True, "")
    assert "tiny/" in result.warnings[0] and "not finite at step 1" in result.warnings[0]
    assert checkpoints.latest(tmp_path) is None
    again = train(data, tmp_path, steps=1)  # as it is written
    assert again.diverged
    command = ["train", "--data", str(data), "--train-dir", str(tmp_path / "b"), "--model", "tiny"]
    command += ["--image-size", "32", "--batch-size", "8", "--preprocessing", "alexnet", "--json"]
    assert cli_main.run([*command, "--max-number-of-steps", "2", "--initialisation", "he"]) == 1
    assert json.loads(capsys.readouterr().out)["final_loss"] is None


def test_a_good_checkpoint_stays_the_newest(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {0: 0.01, 1: 0.01}
    monkeypatch.setattr(Trainer, "learning_rate", lambda self, step: rates.get(step, math.inf))
    result = train(data, tmp_path, save_steps=1, keep=1)
    assert result.diverged and result.steps == 3
    assert result.checkpoint == str(tmp_path / "model.ckpt-2") == checkpoints.latest(tmp_path)
    assert checkpoints.not_finite(checkpoints.read(tmp_path).tensors) == []


def test_memory_that_ends_inside_tensorflow_is_said_like_any(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        message = "OOM when allocating tensor with shape[8,9] and type float\n\t [[node]]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(Trainer, "_step", full)
    with pytest.raises(MemoryError, match=r"^OOM when allocating tensor with .* type float$"):
        train(data, tmp_path)


# The folder


def test_a_full_disk_is_gone_on_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tf.raw_ops.SaveV2

    def full(**given: Any) -> None:
        if "ckpt-4" in given["prefix"]:
            what = "{{function_node __wrapped__SaveV2}} a.tempstate; No space left on device"
            raise tf.errors.ResourceExhaustedError(None, None, f"{what} [Op:SaveV2]")
        whole(**given)

    monkeypatch.setattr(tf.raw_ops, "SaveV2", full)
    said = "model.ckpt-4 was not saved: a.tempstate; No space left on device; what was saved before"
    with pytest.raises(Unfinished, match=said):
        train(data, tmp_path, save_steps=2)
    assert checkpoints.read(tmp_path).step == 2
    monkeypatch.undo()
    assert train(data, tmp_path, save_steps=2).steps == 4


@pytest.mark.parametrize(
    ("number", "times", "raised"),
    [(15, 1, Stopped), (2, 1, KeyboardInterrupt), (1, 2, Stopped)],  # 1: a terminal that is closed
)
def test_a_signal_is_obeyed_between_two_steps(
    number: int,
    times: int,
    raised: type[BaseException],
    data: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Trainer.learning_rate

    def interrupt(self: Trainer, step: int) -> float:
        if step == 1:
            for _ in range(times):
                os.kill(os.getpid(), number)
        return whole(self, step)

    monkeypatch.setattr(Trainer, "learning_rate", interrupt)
    before = signal.default_int_handler
    outside = signal.signal(number, before)  # under nohup a SIGHUP is ignored
    try:
        with pytest.raises(raised):
            train(data, tmp_path / "a", deterministic=True)
        assert signal.getsignal(number) is before
    finally:
        signal.signal(number, outside)
    assert checkpoints.read(tmp_path / "a").step == 2
    if number != signal.SIGTERM:
        return  # what is left is as after a SIGTERM
    monkeypatch.undo()
    train(data, tmp_path / "a", deterministic=True)
    one, two = (checkpoints.read(folder).tensors for folder in (tmp_path / "a", undisturbed))
    assert [name for name in one if not np.array_equal(one[name], two[name])] == []


def test_a_signal_in_one_long_call_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a call of TensorFlow's lasts, the main thread heeds nothing; nor does it here, while it
    waits and the signal goes to another one."""
    said, stopping, main = threading.Event(), loop.Stopping(), threading.get_ident()
    heard: list[tuple[str, int | None]] = []

    def warn(text: str) -> None:
        heard.append((text, stopping.asked))
        said.set()

    def interrupt() -> None:
        while sys._current_frames()[main].f_code.co_name != "wait":
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(terminal, "warn", warn)
    with stopping:
        threading.Thread(target=interrupt).start()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            assert said.wait(60)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    assert stopping.asked == signal.SIGINT
    assert heard == [("stopping after this step, which is saved; once more: at once", None)]
    assert signal.set_wakeup_fd(-1) == -1


def test_the_program_that_is_told_to_end_says_how_to_resume(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Trainer.learning_rate

    def interrupt(self: Trainer, step: int) -> float:
        os.kill(os.getpid(), signal.SIGTERM)
        return whole(self, step)

    monkeypatch.setattr(Trainer, "learning_rate", interrupt)
    command = ["train", "--data", str(data), "--train-dir", str(tmp_path), "--model", "tiny"]
    command += ["--image-size", "32", "--batch-size", "8", "--preprocessing", "alexnet"]
    assert cli_main.run(command) == 143
    said = capsys.readouterr().err
    assert "told to end at step 1" in said and "To resume: imgtools train --data" in said


def test_one_run_writes_in_a_folder(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with run_folder.alone(folder), pytest.raises(OSError, match=f"process {os.getpid()} on"):
        train(data, folder)
    assert not folder.exists()
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / run_folder.WRITER).write_text("process 1")  # it was killed
    assert train(data, tmp_path / "dead", steps=1).steps == 1
    assert not (tmp_path / "dead" / run_folder.WRITER).exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [("run.json", "run.json cannot be read: it is .*; remove it"), ("metrics.jsonl", "it is a")],
)
def test_a_pipe_in_a_run_is_not_waited_for(
    name: str, said: str, trained: Path, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "model.ckpt-4.index").unlink()  # there is something to do
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises((OSError, DamagedData), match=said):
        train(data, folder, save_steps=2)


def test_a_disk_without_locks_is_no_hindrance(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(run_folder.fcntl, "flock", refused)
    assert train(data, tmp_path / "run", steps=1).steps == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"checkpoint_exclude_scopes": ["tiny/fc2"]}, "exclude-scopes is about a checkpoint; give"),
        ({"ignore_missing_vars": True}, "--ignore-missing-vars is about a checkpoint; give it as"),
        ({"checkpoint_path": "A", "checkpoint_exclude_scopes": ["tiny"]}, "nothing of .* is taken"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    given: dict[str, object], said: str, trained: Path, data: Path, tmp_path: Path
) -> None:
    if "checkpoint_path" in given:
        given = {**given, "checkpoint_path": str(trained)}
    with pytest.raises(ValueError, match=said):
        train(data, tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"steps": 0}, {"steps": -1}, {"save_steps": 0}, {"keep": 0}, {"log_steps": 0}),
        *({"image_size": 0}, {"seed": 2**31}, {"labels_offset": 2}, {"labels_offset": -1}),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    wrong: dict[str, int], data: Path, tmp_path: Path
) -> None:
    ((name, number),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name} is {number}; it must be a whole number"):
        train(data, tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_another_image_size_is_another_run(trained: Path, data: Path) -> None:
    with pytest.raises(ValueError, match="holds another run .image_size 32 -> 40"):
        train(data, trained, image_size=40)


def test_no_run_in_a_folder_of_records(data: Path) -> None:
    for folder in (data, data / "run"):
        with pytest.raises(ValueError, match="a folder of records; choose another"):
            train(data, folder)
    assert not (data / "run").exists()


def test_what_a_killed_writer_left_is_removed(data: Path, tmp_path: Path) -> None:
    (tmp_path / ".tmp-model.ckpt-7.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / ".tmp-model.ckpt-7_temp").mkdir()
    train(data, tmp_path, steps=1)
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_word(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "model.ckpt-4.data-00000-of-00001").write_bytes(b"cut")
    with pytest.raises(DamagedData, match="model.ckpt-4: not a readable.*beside it: model.ckpt-2"):
        checkpoints.read(folder)
    (folder / "run.json").write_text(json.dumps({"run": run_folder.asked(folder)}))
    result = train(data, folder, save_steps=3)
    assert "model.ckpt-4: not a readable checkpoint" in result.warnings[0]
    assert result.images == 8  # of steps 3 and 4, the first of which is not counted
    assert checkpoints.read(folder).step == 4
    named = (folder / checkpoints.STATE).read_text()
    assert named.startswith('model_checkpoint_path: "model.ckpt-4"')


def test_none_that_is_whole_is_an_error(trained: Path, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "run.json").write_text(json.dumps({"run": run_folder.asked(folder)}))
    for path in folder.glob("*.index"):
        path.write_bytes(b"")
    with pytest.raises(DamagedData, match="none of 2 in .* To begin again, remove them"):
        train(data, folder, save_steps=2)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("run.json", "", "run.json is empty, as a power cut leaves it; remove it, and the same"),
        ("run.json", "[1]", "run.json is not the record of a run"),
        ("run.json", '{"run": 3}', "run.json is not the record of a run"),
        ("run.json", '{"run": {}, "result": []}', "run.json is not the record of a run"),
        ("run.json", '{"run', "run.json is no JSON"),
        ("run.json", '{"result": {"checkpoint": "model.ckpt-4"}}', "the result in it is not under"),
        ("metrics.jsonl", "[]\n", r"metrics.jsonl, line 1: '\[\]' is no line of a run"),
        ("metrics.jsonl", '{"step": "4"}\n{}\n', "metrics.jsonl, line 1"),
    ],
)
def test_what_a_power_cut_leaves_is_named(
    file: str, text: str, said: str, trained: Path, data: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({"run": content["run"]}))
    (folder / file).write_text(text)
    with pytest.raises(DamagedData, match=said):
        train(data, folder, save_steps=2)
    (folder / file).unlink()  # the way on
    assert train(data, folder, save_steps=2).steps == 4


def test_a_line_that_a_kill_cut_off_is_dropped(trained: Path, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "run.json").unlink()
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"step": 5, "lo')
    assert train(data, folder, save_steps=2).final_loss == logged(trained)[-1]["loss"]


def test_tensorboard_is_told_where_a_resumed_run_begins(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "run.json").unlink()
    (folder / "checkpoint").unlink()
    (folder / "model.ckpt-4.index").unlink()
    for path in folder.glob("events*"):
        path.unlink()
    train(data, folder, save_steps=2)
    (events,) = folder.glob("events*")
    found = list(tf.compat.v1.train.summary_iterator(str(events)))
    started = [event for event in found if event.session_log.status == event.session_log.START]
    assert [event.step for event in started] == [3]  # what was logged at 2 stays
    assert [event.step for event in found if event.summary.value] == [4]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trainable_scopes": ["tiny/fc2", "tiny/cov1"]}, "trainable-scopes.*tiny/cov1.*tiny/conv"),
        ({"checkpoint_exclude_scopes": ["fc2"]}, "exclude-scopes.* in fc2. Did you mean tiny/fc2?"),
    ],
)
def test_a_misspelt_scope_names_the_near_ones(
    wrong: dict[str, object], said: str, trained: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        train(data, tmp_path / "run", checkpoint_path=str(trained), **wrong)
    assert not (tmp_path / "run").exists()


# Images that a pipeline does not take; tests/faults has damaged records


def brightest(folder: Path) -> tuple[str, float]:
    """The key of the training image with the highest mean, and a bound that it alone exceeds."""
    means = {}
    for record in open_records(folder):
        image = tf.cast(rendering.decode(tf.constant(record.encoded)), tf.float32)
        means[record.key] = float(tf.reduce_mean(image))
    (second, _), (first, key) = sorted((mean, key) for key, mean in means.items())[-2:]
    return key, (first + second) / 2


def test_a_pipeline_that_gives_nan_is_named_with_the_image(data: Path, tmp_path: Path) -> None:
    key, bound = brightest(data)

    @registry.register("gives_nan")
    def preprocess(image, output_height, output_width, is_training=False):  # type: ignore[no-untyped-def]
        """NaN for one image."""
        image = tf.cast(image, tf.float32)
        small = tf.image.resize(image, [output_height, output_width]) / 128.0
        return tf.where(tf.reduce_mean(image) > bound, math.nan, small)

    recipe = recipes.recipe("quick", batch_size=8, image_size=32, initialisation="he")
    result = train(data, tmp_path / "run", preprocessing="gives_nan", recipe=recipe, steps=3)
    assert result.diverged
    said = f"gives_nan gives NaN or infinity for 1 of 24 images of steps 1 to 3, the first {key}, "
    assert said in result.warnings[0] and "learning rate" not in result.warnings[0]
    whole = recipes.recipe("quick", batch_size=24, image_size=32)  # LSUV meets it before
    with pytest.raises(PipelineFailed, match="gives_nan gives NaN or infinity for 1 of 24 images"):
        train(data, tmp_path / "whole", preprocessing="gives_nan", recipe=whole)


def test_a_pipeline_that_failed_at_once_may_be_mended(data: Path, tmp_path: Path) -> None:
    file, recipe = tmp_path / "mended.py", recipes.recipe("quick", batch_size=8, image_size=32)
    for body in ("tf.debugging.assert_less(tf.shape(image)[0], 0)", "pass"):
        file.write_text(
            "import tensorflow as tf\n"
            "from imagenet_tools import registry\n\n\n"
            "@registry.register('mended')\n"
            "def mended(image, height, width, is_training=False):\n"
            "    '''Resized.'''\n"
            f"    {body}\n"
            "    return tf.image.resize(image, [height, width]) / 128.0\n"
        )
        with registry.temporary():
            registry.load_plugin(file)
            settings = {"preprocessing": "mended", "recipe": recipe, "steps": 1}
            if body != "pass":
                with pytest.raises(PipelineFailed, match="mended"):
                    train(data, tmp_path / "run", **settings)
            else:
                assert train(data, tmp_path / "run", **settings).steps == 1


def test_a_pipeline_that_fails_is_named_with_the_image(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, bound = brightest(data)

    def refuse(image: np.ndarray) -> np.ndarray:
        if image.mean() >= bound:
            raise RuntimeError("too bright\nfor me")
        return image

    @registry.register("fails_on_one")
    def preprocess(image, output_height, output_width, is_training=False):  # type: ignore[no-untyped-def]
        """An error in Python for one image."""
        image = tf.numpy_function(refuse, [tf.cast(image, tf.float32)], tf.float32)
        image = tf.ensure_shape(image, [None, None, 3])
        return tf.image.resize(image, [output_height, output_width]) / 128.0

    said = f"fails_on_one failed on image {key}, record .*: UnknownError: RuntimeError: too bright$"
    with pytest.raises(PipelineFailed, match=said):
        train(data, tmp_path / "run", preprocessing="fails_on_one")
    command = ["train", "--data", str(data), "--train-dir", str(tmp_path / "cli"), "--model"]
    command += ["tiny", "--image-size", "32", "--batch-size", "8", "--preprocessing"]
    assert cli_main.run([*command, "fails_on_one"]) == 1
    said = capsys.readouterr().err
    assert f"failed on image {key}" in said and "not expected" not in said
