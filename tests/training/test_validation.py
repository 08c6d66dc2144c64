"""Validation along training: what is logged of it, and that a run is to the bit the same."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools.evaluation import evaluate, ranks
from imagenet_tools.training import checkpoints, recipes
from imagenet_tools.training import run as training
from imagenet_tools.training.batches import Reading
from imagenet_tools.training.validation import Validation

KEYS = ("validation_loss", "validation_top1", "validation_images")


def train(data: Path, folder: Path, **changes: Any) -> list[dict[str, Any]]:
    """A run of 6 steps with dropout, and averages of the weights; its log."""
    recipe = recipes.recipe(
        "quick", batch_size=8, epochs=2.0, image_size=32, moving_average_decay=0.5
    )
    settings = {"recipe": recipe, "model": "tiny", "seed": 3, "deterministic": True, "log_steps": 1}
    training.train(data, folder, preprocessing="alexnet", **{**settings, **changes})
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, np.ndarray]:
    return checkpoints.read(folder).tensors


@pytest.fixture(scope="module")
def run(tiny_records: Path, tiny_net: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(tiny_records, folder)
    return folder


def test_each_quarter_is_measured(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "validation_loss" in line] == [2, 3, 5, 6]
    assert all(line["validation_images"] == 9 for line in lines if "validation_loss" in line)
    assert all(set(KEYS) <= set(line) or not set(KEYS) & set(line) for line in lines)


def test_the_last_measure_is_what_an_evaluation_finds(run: Path, tiny_records: Path) -> None:
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    result = evaluate.evaluate(tiny_records, run)
    assert result.averaged
    assert last["validation_loss"] == pytest.approx(result.loss, abs=1e-5)
    assert last["validation_top1"] == pytest.approx(result.top1)


def test_an_image_is_right_where_an_evaluation_has_it_right() -> None:
    nan, inf = np.nan, np.inf
    logits = np.float32(
        [[2, 1, 0], [2, 2, 0], [2, nan, 0], [nan, 1, 0], [2, -inf, 0], [inf, 1, 0], [0, 1, 2]]
    )
    labels = np.zeros(len(logits), np.int32)
    trainer: Any = SimpleNamespace(
        steps=9, recipe=SimpleNamespace(batch_size=8), net=lambda _: tf.constant(logits)
    )
    reading = Reading("records", "validation", (), 8, 32, is_training=False)
    each = Validation(trainer, reading, len(logits))._of_batch(tf.zeros([7]), tf.constant(labels))
    assert float(each[1]) == 1
    rank = ranks.score(tf.constant(logits), tf.constant(labels))[3]
    assert (rank.numpy() == 0).tolist() == [True] + [False] * 6


def test_a_run_is_the_same_to_the_bit_without_it(
    run: Path, tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "due", lambda *_, **__: False)
    lines = train(tiny_records, tmp_path)
    assert not any(set(KEYS) & set(line) for line in lines)
    before, after = weights(run), weights(tmp_path)
    assert before.keys() == after.keys()
    assert [name for name in before if not np.array_equal(before[name], after[name])] == []
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == [line["loss"] for line in logged]


def test_a_split_that_cannot_be_read_ends_no_run(
    run: Path, tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "records"
    data.mkdir()
    for path in tiny_records.iterdir():
        if path.is_file():
            content = bytearray(path.read_bytes())
            if path.name.startswith("validation-00000"):
                content[len(content) // 2] ^= 255
            (data / path.name).write_bytes(content)
    lines = train(data, tmp_path / "run")
    assert not any(set(KEYS) & set(line) for line in lines)
    assert "not validated along the way: " in capsys.readouterr().err
    before, after = weights(run), weights(tmp_path / "run")
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("steps", "batch", "there", "images"),
    [(750, 64, 1500, 500), (750, 64, 470, 450), (188, 64, 1500, 300), (47, 64, 500, 100),
     (9, 8, 30, 30), (9, 8, 0, 0)],
)  # fmt: skip
def test_how_many_images_and_when(steps: int, batch: int, there: int, images: int) -> None:
    trainer: Any = SimpleNamespace(steps=steps, recipe=SimpleNamespace(batch_size=batch))
    reading = Reading("records", "validation", (), batch, 32, is_training=False)
    validation = Validation(trainer, reading, there)
    assert validation.images == images
    logged = [*range(10, steps, 10), steps]
    due = [at for at, before in zip(logged, [0, *logged], strict=False)
           if validation.due(at, before)]  # fmt: skip
    quarters = [next(at for at in logged if at * 4 >= steps * i) for i in (1, 2, 3, 4)]
    assert due == (sorted(set(quarters)) if images else [])
