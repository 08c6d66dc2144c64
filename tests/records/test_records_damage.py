"""Damaged images: all of them named, left out or mended, and never in the records unnoticed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_raw import build, contents, encoded, examples, make_raw, picture

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import schema


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A data set with a cut file, a text, and one with a hole in its scan."""
    folder = make_raw(tmp_path / "raw")
    cut = folder / "train" / "ant" / "ant_train_1.JPEG"
    cut.write_bytes(encoded(picture(9, 64, 64))[:-300])
    (folder / "train" / "bee" / "bee_train_2.JPEG").write_bytes(b"<html>404</html>")
    hollow = folder / "val" / "cat" / "cat_val_0.JPEG"
    data = bytearray(hollow.read_bytes())
    at = len(data) - 100
    data[at : at + 60] = bytes(60)
    hollow.write_bytes(data)
    return folder


def test_damage_fails_after_listing_all_of_it(damaged: Path, tmp_path: Path) -> None:
    found = raw.detect(damaged)
    settings = records.Settings(verify="decode")
    with pytest.raises(DamagedData) as error:
        build(found, tmp_path / "out", settings=settings)
    message = str(error.value)
    assert "3 damaged image(s)" in message
    assert "ant_train_1.JPEG: truncated: no end marker" in message
    assert "bee_train_2.JPEG: not an image" in message
    assert "cat_val_0.JPEG: does not decode" in message
    assert not (tmp_path / "out" / records.NAME).exists()


def test_damage_is_skipped_and_listed(damaged: Path, tmp_path: Path) -> None:
    settings = records.Settings(verify="decode", on_damaged="skip")
    manifest = build(raw.detect(damaged), tmp_path / "out", settings=settings)
    assert [note["key"] for note in manifest.skipped] == [
        "ant/ant_train_1.JPEG",
        "bee/bee_train_2.JPEG",
        "cat/cat_val_0.JPEG",
    ]
    assert manifest.splits["train"].class_counts == {"ant": 7, "bee": 7, "cat": 8}
    assert manifest.splits["validation"].records == 8
    assert not records.verify(tmp_path / "out", decode=True, workers=1).problems


def test_what_is_skipped_in_a_subfolder_is_counted_off_its_class(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw")
    inside = folder / "train" / "bee" / "more" / "yet"
    inside.mkdir(parents=True)
    (inside / "a.jpg").write_bytes(b"junk")
    settings = records.Settings(on_damaged="skip")
    manifest = build(raw.detect(folder), tmp_path / "out", settings=settings)
    assert [note["key"] for note in manifest.skipped] == ["bee/more/yet/a.jpg"]
    assert manifest.splits["train"].class_counts == {"ant": 8, "bee": 8, "cat": 8}
    assert not records.verify(tmp_path / "out", workers=1).problems


def test_a_split_of_damaged_images_alone_is_said(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", train=2)
    for path in (folder / "train").rglob("*.JPEG"):
        path.write_bytes(b"junk")
    settings = records.Settings(on_damaged="skip")
    with pytest.raises(DamagedData, match="every train image is damaged"):
        build(raw.detect(folder), tmp_path / "out", settings=settings)


def test_damage_is_repaired_where_pixels_are_left(damaged: Path, tmp_path: Path) -> None:
    settings = records.Settings(on_damaged="repair")
    manifest = build(raw.detect(damaged), tmp_path / "out", settings=settings)
    assert [note["key"] for note in manifest.repaired] == ["ant/ant_train_1.JPEG"]
    assert [note["key"] for note in manifest.skipped] == ["bee/bee_train_2.JPEG"]
    (mended,) = (
        example
        for example in examples(tmp_path / "out", "train")
        if example[schema.FILENAME] == [b"ant_train_1.JPEG"]
    )
    with Image.open(io.BytesIO(mended[schema.ENCODED][0])) as image:
        upper = np.asarray(image).astype(int)[:16]
    assert abs(upper - np.asarray(picture(9, 64, 64)).astype(int)[:16]).mean() < 12


def test_a_failed_build_goes_on_under_another_policy(damaged: Path, tmp_path: Path) -> None:
    found, out = raw.detect(damaged), tmp_path / "out"
    with pytest.raises(DamagedData):
        build(found, out, settings=records.Settings(verify="decode"))
    skip = records.Settings(verify="decode", on_damaged="skip")
    build(found, out, settings=skip)
    build(found, tmp_path / "at-once", settings=skip)
    assert contents(out) == contents(tmp_path / "at-once")


def test_shards_of_a_looser_check_do_not_count_for_a_stricter_one(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, out = raw.detect(damaged), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("imagenet_tools.records.finish._gather", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(found, out, settings=records.Settings(on_damaged="skip"))
    with pytest.raises(DamagedData, match=r"3 damaged"):
        build(found, out, settings=records.Settings(verify="decode"))


def test_a_shard_of_damage_alone_is_an_error(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", train=1, validation=1)
    for path in (folder / "val").rglob("*.JPEG"):
        path.write_bytes(b"")
    named = r"left for validation-00000-of-00001: every .*(\n  .*ant_val_0.JPEG: the file is empty)"
    with pytest.raises(DamagedData, match=named):
        build(
            raw.detect(folder),
            tmp_path / "out",
            train_shards=1,
            validation_shards=1,
            settings=records.Settings(on_damaged="skip"),
        )


def test_command_says_damage_with_code_3(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["build-tfrecords", "--raw", str(damaged), "--out", str(tmp_path / "out")]
    assert cli_main.run([*line, "--workers", "1"]) == 3
    assert "2 damaged image(s)" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert cli_main.run([*line[:-1], str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err
