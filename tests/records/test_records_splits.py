"""A split that is not there is an error; one split alone is built where that is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_raw import contents, make_raw

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.engines.slices import Slice


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_raw(tmp_path / "raw")


@pytest.fixture
def lone(images: Path) -> Path:
    """Training images without the folder of validation images."""
    shutil.rmtree(images / "val")
    return images


def test_a_missing_split_is_an_error_that_names_what_was_looked_for(
    lone: Path, tmp_path: Path
) -> None:
    found = raw.detect(lone)
    wanted = r"no validation split: .*24 train images.* Looked for: .*val/, validation/.*--split tr"
    with pytest.raises(ValueError, match=wanted):
        records.build(found, tmp_path / "out", workers=1)
    with pytest.raises(ValueError, match=wanted):
        records.build_slice(found, tmp_path / "out", Slice(0, 2), workers=1)
    with pytest.raises(ValueError, match="no validation split"):
        records.build(found, tmp_path / "out", splits=("validation",), workers=1)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_classes_without_splits_is_training_images_on_request(
    lone: Path, tmp_path: Path
) -> None:
    found = raw.detect(lone / "train")
    with pytest.raises(ValueError, match=r"taken as training images \(or .*Looked for.*--split tr"):
        records.build(found, tmp_path / "out", workers=1)
    manifest = records.build(found, tmp_path / "out", splits=("train",), workers=1)
    assert {name: part.records for name, part in manifest.splits.items()} == {"train": 24}


def test_one_split_alone_has_the_bytes_and_labels_it_has_beside_the_other(
    images: Path, tmp_path: Path
) -> None:
    shutil.rmtree(images / "val" / "ant")  # labels are those of both splits' classes all the same
    found = raw.detect(images)
    records.build(found, tmp_path / "both", workers=1)
    both = contents(tmp_path / "both")
    for split in ("train", "validation"):
        manifest = records.build(found, tmp_path / split, splits=(split,), workers=1)
        assert list(manifest.splits) == [split]
        alone = contents(tmp_path / split)
        assert {n: d for n, d in both.items() if n.startswith(split)} == {
            name: data for name, data in alone.items() if name.startswith(split)
        }
        assert alone["labels.txt"] == both["labels.txt"]


def test_one_split_is_finalized_verified_and_repaired(images: Path, tmp_path: Path) -> None:
    found, out = raw.detect(images), tmp_path / "out"
    for number in range(2):
        part = Slice(number, 2)
        records.build_slice(found, out, part, splits=["train"], train_shards=3, workers=1)
    assert list(records.finalize(out).splits) == ["train"]
    assert records.verify(out, workers=1) == records.Verification({"train": 24}, (), (), True)
    whole = contents(out)
    (out / "train-00001-of-00003").write_bytes(b"broken")
    # The raw data has both splits; those of the records count.
    assert records.repair(out, found, workers=1).rebuilt == ("train-00001-of-00003",)
    assert contents(out) == whole


def test_repair_says_which_split_the_raw_data_lacks(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    records.build(raw.detect(images), out, workers=1)
    shutil.rmtree(images / "train")
    with pytest.raises(ValueError, match="no train split: class folders"):
        records.repair(out, raw.detect(images), workers=1)


def test_commands(lone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["build-tfrecords", "--raw", str(lone), "--out", str(tmp_path / "out")]
    assert cli_main.run([*line, "--workers", "1"]) == 2
    assert "Error: no validation split" in capsys.readouterr().err
    assert cli_main.run(["inspect", str(lone)]) == 0
    assert "24 train images; no validation split\n" in capsys.readouterr().out
    assert cli_main.run([*line, "--workers", "1", "--split", "train"]) == 0
    assert "24 records" in capsys.readouterr().out
    assert cli_main.run([*line, "--workers", "1", "--split", "test"]) == 2
    assert "'train', 'validation'" in capsys.readouterr().err
