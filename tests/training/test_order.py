"""The order of training is open_records' own, and a run of another one is not gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imagenet_tools
from imagenet_tools.comparison import prepare
from imagenet_tools.records.reader import open_records
from imagenet_tools.training import recipes, run, schedule


def keys(folder: Path, steps: int, **changes: Any) -> list[list[str]]:
    settings: dict[str, Any] = {"batch_size": 6, "image_size": 16, "seed": 5}
    stream = imagenet_tools.batches(folder, "train", "lenet", **{**settings, **changes})
    stream = stream.take(steps)
    return [[key.decode() for key in batch["key"]] for batch in stream.as_numpy_iterator()]


def test_training_follows_the_readers_order(tiny_records: Path) -> None:
    reader = open_records(tiny_records)
    wanted = [reader[at].key for epoch in range(3) for at in reader.order(5, epoch)]
    assert len(set(wanted)) == 24
    assert sum(keys(tiny_records, 12), []) == wanted
    for step in (1, 4, 7):  # within the first epoch, at the second, within it
        assert sum(keys(tiny_records, 12 - step, start_step=step), []) == wanted[6 * step :]
    assert sum(keys(tiny_records, 14, batch_size=5), []) == wanted[:70]  # across epochs


def test_workers_share_the_order(tiny_records: Path) -> None:
    whole = keys(tiny_records, 6, start_step=2)
    parts = [keys(tiny_records, 6, start_step=2, worker=(i, 3)) for i in range(3)]
    for step, batch in enumerate(whole):
        assert [parts[i % 3][step][i // 3] for i in range(6)] == batch


def test_an_evaluation_goes_through_once_in_turn(tiny_records: Path) -> None:
    wanted = [record.key for record in open_records(tiny_records)]
    assert sum(keys(tiny_records, -1, is_training=False), []) == wanted
    of_validation = imagenet_tools.batches(tiny_records, "validation", ["lenet"], batch_size=4)
    shapes = [batch["image"].shape for batch in of_validation.as_numpy_iterator()]
    assert shapes == [(4, 224, 224, 3), (4, 224, 224, 3), (1, 224, 224, 3)]


def test_workers_share_an_evaluation(tiny_records: Path) -> None:
    wanted = [record.key for record in open_records(tiny_records)]
    for count in (2, 3):
        parts = [keys(tiny_records, -1, is_training=False, worker=(i, count)) for i in range(count)]
        assert [sum(part, []) for part in parts] == [wanted[i::count] for i in range(count)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number, 1 to 2147483647"),
        ({"batch_size": "4"}, "batch_size is '4'; it must"),
        ({"image_size": (16, 24)}, r"image_size is \(16, 24\); it must be a whole number"),
        ({"image_size": 16.5}, r"image_size is 16\.5"),
        ({"image_size": None}, "image_size is None"),
        ({"start_step": -1}, "start_step is -1; it must be a whole number, 0 or more"),
        ({"labels_offset": -1}, "labels_offset is -1; .* 0 to 1"),
        ({"batch_size": 2**31}, "batch_size is 2147483648; .* 1 to 2147483647"),
        ({"seed": 2**31}, "seed is 2147483648; .* -2147483648 to 2147483647"),
        ({"seed": 1.0}, r"seed is 1\.0"),
        ({"threads": -1}, "threads is -1; it must be a whole number, 1 or more"),
        ({"worker": (2, 2)}, "worker's i is 2; it must be a whole number, 0 to 1"),
        ({"worker": (0, 0)}, "worker's k is 0; it must be a whole number, 1 or more"),
        ({"worker": (0, 4)}, "a batch of 6 is not shared evenly by 4 workers"),
        ({"ten_crop": True}, "ten_crop is of evaluation"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    tiny_records: Path, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        keys(tiny_records, 1, **wrong)


def test_numbers_of_numpy_are_numbers(tiny_records: Path) -> None:
    numbers = {"batch_size": 6, "image_size": 16, "seed": 5, "start_step": 2, "threads": 1}
    as_numpy = {name: np.int64(number) for name, number in numbers.items()}
    assert keys(tiny_records, 2, **as_numpy) == keys(tiny_records, 2, **numbers)


@pytest.mark.parametrize("pipelines", [None, b"lenet", 5, {"lenet"}, ["lenet", None], [], ""])
def test_what_is_no_pipeline_is_called_that(tiny_records: Path, pipelines: Any) -> None:
    with pytest.raises(ValueError, match="is no pipeline|pipelines is empty"):
        imagenet_tools.batches(tiny_records, "train", pipelines, batch_size=6)


def test_a_run_of_the_former_order_is_refused(
    tiny_records: Path, tiny_net: str, tmp_path: Path
) -> None:
    def train() -> None:
        recipe = recipes.recipe("quick", batch_size=8, image_size=32)
        run.train(
            tiny_records, tmp_path, preprocessing="lenet", recipe=recipe, model="tiny", steps=1
        )

    train()
    path = tmp_path / "run.json"
    written = json.loads(path.read_text())
    del written["run"]["order"]
    path.write_text(json.dumps(written))
    with pytest.raises(ValueError, match=r"another run \(order 'shuffle buffer' -> 'whole split"):
        train()


def test_a_batch_larger_than_the_training_set_is_said(
    tiny_records: Path, tiny_net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "a batch of 48 is larger than the training set, 24 images: each is in it 2 times on av"
    recipe = recipes.recipe("quick", batch_size=48, image_size=32)
    (tmp_path / "large.yaml").write_text(recipes.dump(recipe))
    for begin in (
        lambda: keys(tiny_records, 1, batch_size=48),
        lambda: run.train(tiny_records, tmp_path / "run", recipe=recipe, model="tiny", steps=1),
        lambda: prepare.prepare(
            ["lenet", "vgg"], tiny_records, tmp_path / "out", recipe=tmp_path / "large.yaml"
        ),
    ):
        schedule.warn_if_repeated.cache_clear()  # a process says it once
        begin()
        assert capsys.readouterr().err.count(said) == 1
    with pytest.raises(ValueError, match=r"lenet\+mixup mixes .* and a batch of 1 has no two"):
        imagenet_tools.batches(tiny_records, "train", "lenet+mixup", batch_size=1)
    keys(tiny_records, 1, batch_size=24)
    assert "larger" not in capsys.readouterr().err
