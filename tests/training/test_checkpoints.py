"""Checkpoints: found wherever they lie, replaced whole, unpacked safely."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools.errors import DamagedData
from imagenet_tools.training import checkpoints

TENSORS = {"net/weights": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_found_by_folder_prefix_index_and_zip(tmp_path: Path) -> None:
    prefix = checkpoints.write(tmp_path, 42, TENSORS)
    assert Path(prefix).name == "model.ckpt-42"
    packed = tmp_path / "model.ckpt-42.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in tmp_path.glob("model.ckpt-42.[id]*"):
            archive.write(path, f"../../outside/{path.name}")
    for where in (tmp_path, prefix, f"{prefix}.index", packed):
        found = checkpoints.read(where)
        assert found.step == 42
        np.testing.assert_array_equal(found.tensors["net/weights"], TENSORS["net/weights"])
    assert not (tmp_path.parent.parent / "outside").exists()


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        checkpoints.write(tmp_path, step, TENSORS, keep=2)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == [
        "model.ckpt-3.index",
        "model.ckpt-4.index",
    ]
    assert checkpoints.latest(tmp_path) == str(tmp_path / "model.ckpt-4")
    # TensorFlow's own reader of the file `checkpoint` agrees.
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-4")


@pytest.mark.parametrize(
    "named", ["{old}/model.ckpt-1", "../old/model.ckpt-1", r"C:\\old\\model.ckpt-1"]
)
def test_a_copied_folder_is_read_itself(named: str, tmp_path: Path) -> None:
    """TF1 names checkpoints by the path that the folder had; there may be other weights by now."""
    checkpoints.write(tmp_path / "old", 1, {"w": np.zeros(1)})
    for step in (1, 2):
        checkpoints.write(tmp_path / "new", step, {"w": np.full(1, step)})
    path = named.format(old=tmp_path / "old")
    (tmp_path / "new/checkpoint").write_text(f'model_checkpoint_path: "{path}"\n')
    found = checkpoints.read(tmp_path / "new")
    assert (found.prefix, found.tensors["w"]) == (str(tmp_path / "new/model.ckpt-1"), 1)


def test_a_failed_save_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.write(tmp_path, 1, TENSORS)

    def full(**_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.raw_ops, "SaveV2", full)
    with pytest.raises(OSError, match="was not saved: No space left"):
        checkpoints.write(tmp_path, 2, TENSORS)
    assert checkpoints.read(tmp_path).step == 1


def test_one_that_may_not_be_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training is not to go back to the one before it."""
    checkpoints.write(tmp_path, 1, TENSORS)

    def denied(*_: object) -> None:
        raise tf.errors.PermissionDeniedError(None, None, "a.data; Permission denied")

    monkeypatch.setattr(tf.train, "load_checkpoint", denied)
    with pytest.raises(PermissionError, match=r"model.ckpt-1: a.data; Permission denied"):
        checkpoints.newest_whole(tmp_path)


def test_nothing_there_and_damage_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        checkpoints.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint there"):
        checkpoints.read(tmp_path / "model.ckpt-9")
    prefix = checkpoints.write(tmp_path, 3, TENSORS)
    Path(f"{prefix}.index").write_bytes(b"no index")
    with pytest.raises(DamagedData, match="not a readable checkpoint"):
        checkpoints.read(prefix)
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with pytest.raises(DamagedData, match="no readable zip"):
        checkpoints.read(tmp_path / "a.zip")


def test_a_checkpoint_that_was_cut_off_is_damaged_data(tmp_path: Path) -> None:
    prefix = checkpoints.write(tmp_path, 1, TENSORS)
    data = Path(f"{prefix}.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:10])
    with pytest.raises(DamagedData, match="model.ckpt-1: not a readable checkpoint"):
        checkpoints.read(prefix)
