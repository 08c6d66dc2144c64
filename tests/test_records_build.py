"""The build: same bytes anywhere, nothing lost, nothing silently wrong."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import pickle
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_raw import contents, encoded, make_raw, picture

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw.index import RawSet, RawSplit
from imagenet_tools.records import journal, plan, schema, tfrecord
from imagenet_tools.records.shard import ShardTask, build_shard

# The module, which the package's function of the same name hides.
BUILD = importlib.import_module("imagenet_tools.records.build")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def found(images: Path) -> RawSet:
    return raw.detect(images)


def build(raw_set: RawSet, out: Path, **options: Any) -> records.Manifest:
    options = {"train_shards": 4, "validation_shards": 2, "workers": 1, **options}
    return records.build(raw_set, out, **options)


def examples(folder: Path, split: str) -> list[dict]:
    return [
        schema.decode_example(data)
        for path in records.shard_paths(folder, split)
        for _, data in tfrecord.read(path)
    ]


def name_of(example: dict) -> str:
    return example[schema.FILENAME][0].decode()


def test_every_image_is_in_the_records_once_with_its_own_bytes(
    images: Path, found: RawSet, tmp_path: Path
) -> None:
    manifest = build(found, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == [
        "imgtools_manifest.json",
        "labels.txt",
        *(f"train-{shard:05d}-of-00004" for shard in range(4)),
        *(f"validation-{shard:05d}-of-00002" for shard in range(2)),
    ]
    for split, folder, count in (("train", "train", 24), ("validation", "val", 9)):
        held = examples(tmp_path, split)
        assert manifest.splits[split].records == len(held) == count
        for example in held:
            synset, filename = (
                example[key][0].decode() for key in (schema.SYNSET, schema.FILENAME)
            )
            data = (images / folder / synset / filename).read_bytes()
            assert example[schema.ENCODED] == [data]
            assert example[schema.LABEL] == [("ant", "bee", "cat").index(synset) + 1]
            with Image.open(io.BytesIO(data)) as image:
                assert image.size == (example[schema.WIDTH][0], example[schema.HEIGHT][0])
    assert manifest.splits["train"].class_counts == {"ant": 8, "bee": 8, "cat": 8}
    assert (tmp_path / "labels.txt").read_text() == "0:background\n1:ant\n2:bee\n3:cat\n"
    assert not (tmp_path / journal.FOLDER).exists()


def test_manifest_says_what_the_files_are(found: RawSet, tmp_path: Path) -> None:
    manifest = build(found, tmp_path, seed=7)
    assert records.read_manifest(tmp_path) == manifest
    assert (manifest.num_classes, manifest.seed, manifest.store) == (3, 7, "original")
    for split in manifest.splits.values():
        sizes = [shard.records for shard in split.shards]
        assert max(sizes) - min(sizes) <= 1
        for shard in split.shards:
            path = tmp_path / shard.file
            assert shard.bytes == path.stat().st_size
            assert shard.records == len(list(tfrecord.sizes(path)))
            assert shard.classes == len(
                {schema.decode_example(data)[schema.LABEL][0] for _, data in tfrecord.read(path)}
            )
    content = json.loads((tmp_path / records.NAME).read_text())
    content["splits"]["train"]["shards"][0]["records"] += 1
    (tmp_path / records.NAME).write_text(json.dumps(content))
    with pytest.raises(DamagedData, match="was changed"):
        records.read_manifest(tmp_path)


def test_bytes_do_not_depend_on_workers_or_order_of_listing(
    images: Path, found: RawSet, tmp_path: Path
) -> None:
    build(found, tmp_path / "one")
    build(found, tmp_path / "two", workers=2)
    shuffled = replace(
        found, splits={name: reordered(part) for name, part in reversed(found.splits.items())}
    )
    build(shuffled, tmp_path / "shuffled")
    elsewhere = shutil.copytree(images, tmp_path / "elsewhere")
    build(raw.detect(elsewhere), tmp_path / "copy")
    expected = contents(tmp_path / "one")
    for other in ("two", "copy", "shuffled"):
        assert contents(tmp_path / other) == expected


def reordered(part: RawSplit) -> RawSplit:
    """The same split as a disk that lists its files in another order gives it."""
    order = list(range(len(part)))
    random.Random(3).shuffle(order)
    names = [os.fsencode(part.filename(at)) for at in order]
    columns = {
        name: getattr(part, name)[order]
        for name in ("container", "labels", "offsets", "sizes", "rows")
    }
    ends = np.cumsum([len(name) for name in names])
    return replace(part, **columns, names=b"".join(names), name_ends=ends)


def test_the_seed_changes_the_order_alone(found: RawSet, tmp_path: Path) -> None:
    build(found, tmp_path / "a", seed=0)
    build(found, tmp_path / "b", seed=1)
    order = {
        name: [example[schema.FILENAME][0] for example in examples(tmp_path / name, "train")]
        for name in "ab"
    }
    assert order["a"] != order["b"] and sorted(order["a"]) == sorted(order["b"])


def test_the_shuffle_mixes_classes(tmp_path: Path) -> None:
    part = raw.detect(make_raw(tmp_path, train=40, validation=1)).splits["train"]
    shards = plan.plan_split(part, 8, seed=0)
    for shard in range(8):
        labels = Counter(int(part.labels[at]) for at in shards.members(shard))
        assert len(labels) == 3 and max(labels.values()) <= 11  # of 15; 5 each are expected


@pytest.mark.parametrize(
    ("split", "images", "expected"),
    [
        ("train", 1_281_167, 1024),
        ("validation", 50_000, 128),
        ("train", 14_197_122, 1024),
        ("train", 9469, 8),
        ("train", 3, 1),
    ],
)
def test_shards_scale_with_the_data(split: str, images: int, expected: int) -> None:
    assert plan.shard_count(split, images, None) == expected


def test_more_shards_than_images_are_refused(found: RawSet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--train-shards is 25; with 24 images"):
        build(found, tmp_path, train_shards=25)
    assert build(found, tmp_path, train_shards=24).splits["train"].shards[23].records == 1


def test_an_empty_split_is_refused(found: RawSet, tmp_path: Path) -> None:
    empty = replace(found.splits["validation"], labels=np.zeros(0, np.int32))
    bad = replace(found, splits={**found.splits, "validation": empty})
    with pytest.raises(ValueError, match="validation split holds no images"):
        build(bad, tmp_path)


def test_resume_writes_only_what_is_missing(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    out = tmp_path / "out"
    written: list[str] = []

    def stopping(task: Any) -> Any:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(os.path.basename(task.path))
        return build_shard(task)

    monkeypatch.setattr(BUILD, "build_shard", stopping)
    with pytest.raises(KeyboardInterrupt):
        build(found, out)
    before = {name: (out / name).stat().st_ino for name in written}
    (out / ".tmp-train-00003-of-00004.99").write_bytes(b"half")
    monkeypatch.setattr(
        BUILD,
        "build_shard",
        lambda task: written.append(os.path.basename(task.path)) or build_shard(task),
    )
    build(found, out)
    assert len(written) == len(set(written)) == 6
    assert {name: (out / name).stat().st_ino for name in before} == before
    assert contents(out) == contents(tmp_path / "whole")
    written.clear()
    build(found, out)
    assert written == []


def test_a_shard_cut_after_its_note_is_written_again(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("imagenet_tools.records.finish.write_manifest", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(found, out)
    (out / "train-00001-of-00004").write_bytes(b"cut")
    (out / "train-00002-of-00004").unlink()
    build(found, out)
    assert contents(out) == contents(tmp_path / "whole")


def test_other_data_or_settings_never_mix(found: RawSet, tmp_path: Path) -> None:
    build(found, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match="other data or settings"):
        build(found, tmp_path / "out", seed=1)
    with pytest.raises(ValueError, match="--decode"):
        build(found, tmp_path / "out", settings=records.Settings(verify="decode"))
    assert contents(tmp_path / "out") == before
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "train-00000-of-00001").write_bytes(b"somebody's")
    with pytest.raises(ValueError, match="no manifest describes"):
        build(found, strange)
    assert (strange / "train-00000-of-00001").read_bytes() == b"somebody's"


def test_a_missing_shard_of_a_finished_folder_is_not_passed_over(
    found: RawSet, tmp_path: Path
) -> None:
    build(found, tmp_path)
    (tmp_path / "train-00001-of-00004").unlink()
    with pytest.raises(DamagedData, match=r"train-00001-of-00004 is missing.*repair-tfrecords"):
        build(found, tmp_path)


def test_two_runs_on_one_folder(found: RawSet, tmp_path: Path) -> None:
    with (
        journal.locked(tmp_path),
        pytest.raises(OSError, match="another imgtools run is writing here"),
    ):
        build(found, tmp_path)
    assert build(found, tmp_path).splits["train"].records == 24


def test_a_full_disk_is_named_and_what_is_finished_stays(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    calls = 0
    writev = os.writev

    def full(out: int, parts: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 15:
            return writev(out, [b"".join(parts)[:100]])  # a short write, as a full disk gives
        return writev(out, parts)

    def no_space(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        patch.setattr(os, "write", no_space)
        with pytest.raises(Unfinished, match=r"train-00002-of-00004 was not written.*No space"):
            build(found, out)
    assert sorted(path.name for path in out.glob("*-of-*")) == [
        "train-00000-of-00004",
        "train-00001-of-00004",
    ]
    assert not list(out.glob(".tmp-*"))
    build(found, out)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_disk_that_is_too_small_is_refused_at_once(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="GB are free; choose another --out"):
        build(found, tmp_path)


def test_an_unreadable_image_is_named(
    images: Path, found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = raw.read

    def failing(image: raw.RawImage) -> bytes:
        if image.filename == "bee_train_3.JPEG":
            raise OSError(errno.EIO, "Input/output error")
        return read(image)

    monkeypatch.setattr(raw, "read", failing)
    with pytest.raises(Unfinished, match=r"bee/bee_train_3\.JPEG cannot be read: Input/output"):
        build(found, tmp_path)


def test_settings_are_checked_when_made() -> None:
    with pytest.raises(ValueError, match=r"verify is 'no'.*structure, decode"):
        records.Settings(verify="no")
    with pytest.raises(ValueError, match="at least 8"):
        records.Settings(max_side=7)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A data set with a cut file, a text, and one with a hole in its tables."""
    folder = make_raw(tmp_path / "raw")
    cut = folder / "train" / "ant" / "ant_train_1.JPEG"
    cut.write_bytes(encoded(picture(9, 64, 64))[:-300])
    (folder / "train" / "bee" / "bee_train_2.JPEG").write_bytes(b"<html>404</html>")
    hollow = folder / "val" / "cat" / "cat_val_0.JPEG"
    data = bytearray(hollow.read_bytes())
    at = data.index(b"\xff\xc4")
    data[at + 5 : at + 21] = bytes([255] * 16)
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
    assert not records.verify(tmp_path / "out", decode=True, workers=1).findings


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
    with pytest.raises(DamagedData, match="no usable image is left for validation-00000"):
        build(
            raw.detect(folder),
            tmp_path / "out",
            train_shards=1,
            validation_shards=1,
            settings=records.Settings(on_damaged="skip"),
        )


def test_other_formats_are_found_by_content(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", classes=("ant",), train=4, validation=1)
    place = folder / "train" / "ant"
    sources = {
        "ant_train_0.JPEG": encoded(picture(1), "PNG"),
        "ant_train_1.JPEG": encoded(picture(2, mode="CMYK")),
        "ant_train_2.JPEG": encoded(picture(3, mode="L")),
    }
    for name, data in sources.items():
        (place / name).write_bytes(data)
    manifest = build(raw.detect(folder), tmp_path / "out", train_shards=1, validation_shards=1)
    assert [(note["key"], note["reason"]) for note in manifest.converted] == [
        ("ant/ant_train_0.JPEG", "PNG RGB re-encoded as JPEG"),
        ("ant/ant_train_1.JPEG", "JPEG CMYK re-encoded as JPEG"),
    ]
    held = {
        example[schema.FILENAME][0].decode(): example
        for example in examples(tmp_path / "out", "train")
    }
    assert held["ant_train_2.JPEG"][schema.ENCODED] == [sources["ant_train_2.JPEG"]]
    for name, example in held.items():
        with Image.open(io.BytesIO(example[schema.ENCODED][0])) as image:
            assert image.format == "JPEG" and image.mode == ("L" if "_2" in name else "RGB")
        assert example[schema.FORMAT] == [b"JPEG"]


def test_max_side_makes_images_smaller_without_aliasing(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", classes=("ant",), train=2, validation=1)
    place = folder / "train" / "ant"
    stripes = np.zeros((120, 180, 3), np.uint8)
    stripes[:, ::2] = 255  # what a filter without antialiasing turns into broad bands
    (place / "ant_train_0.JPEG").write_bytes(encoded(Image.fromarray(stripes), quality=95))
    small = (place / "ant_train_1.JPEG").read_bytes()
    settings = records.Settings(max_side=30)
    manifest = build(
        raw.detect(folder), tmp_path / "out", train_shards=1, validation_shards=1, settings=settings
    )
    held = {e[schema.FILENAME][0]: e for e in examples(tmp_path / "out", "train")}
    assert held[b"ant_train_1.JPEG"][schema.ENCODED] == [small]  # never enlarged, nor touched
    example = held[b"ant_train_0.JPEG"]
    assert (example[schema.HEIGHT], example[schema.WIDTH]) == ([30], [45])
    with Image.open(io.BytesIO(example[schema.ENCODED][0])) as image:
        assert image.size == (45, 30)
        assert np.asarray(image).std() < 12
    assert manifest.max_side == 30 and manifest.saved > 0


def test_raw_pixels_are_the_decoded_image(images: Path, found: RawSet, tmp_path: Path) -> None:
    manifest = build(found, tmp_path, settings=records.Settings(store="raw", max_side=16))
    assert manifest.store == "raw" and manifest.saved < 0
    example = examples(tmp_path, "validation")[0]
    assert example[schema.FORMAT] == [b"RAW"] and example[schema.CHANNELS] == [3]
    name = example[schema.FILENAME][0].decode()
    with Image.open(images / "val" / name.split("_")[0] / name) as image:
        factor = 16 / image.size[1]
        size = (round(image.size[0] * factor), 16)
        expected = image.resize(size, Image.Resampling.BILINEAR).tobytes()
    assert example[schema.ENCODED] == [expected]
    assert (example[schema.WIDTH][0], example[schema.HEIGHT][0]) == size
    assert not records.verify(tmp_path, decode=True, workers=1).findings


def test_dali_index_is_out_of_reach_of_readers(found: RawSet, tmp_path: Path) -> None:
    build(found, tmp_path / "with", index="dali")
    build(found, tmp_path / "later")
    build(found, tmp_path / "later", index="dali")
    assert contents(tmp_path / "with") == contents(tmp_path / "later")
    path = tmp_path / "with" / "train-00000-of-00004"
    data = path.read_bytes()
    lines = (tmp_path / "with" / "index" / "train-00000-of-00004.idx").read_text().splitlines()
    shard = records.read_manifest(tmp_path / "with").splits["train"].shards[0]
    assert len(lines) == shard.records
    for line, (offset, content) in zip(lines, tfrecord.read(path), strict=True):
        start, size = map(int, line.split())
        assert start == offset and data[start : start + size][12:-4] == content
    assert len(list((tmp_path / "with").glob("train-*"))) == 4


def test_names_that_are_no_utf8_survive(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", classes=("ant",), train=2, validation=1)
    strange = os.fsencode(folder / "train" / "ant") + b"/caf\xe9.JPEG"
    with open(strange, "wb") as file:
        file.write(encoded(picture(5)))
    build(raw.detect(folder), tmp_path / "out", train_shards=1, validation_shards=1)
    names = {example[schema.FILENAME][0] for example in examples(tmp_path / "out", "train")}
    assert b"caf\xe9.JPEG" in names


def test_command_prints_what_it_made(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["build-tfrecords", "--raw", str(images), "--out", str(tmp_path / "out")]
    assert cli_main.run([*line, "--workers", "1", "--train-shards", "2"]) == 0
    output = capsys.readouterr().out
    assert "33 records" in output
    assert "train: 24 records in 2 shards; 3 of 3 classes, 3 to 3 in a shard" in output
    assert "labels: folders: 1..3 by sorted folder name, 0 = background" in output
    assert cli_main.run([*line, "--train-shards", "2", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["splits"]["validation"]["records"] == 9


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--train-shards", "100"], 1, "it must be 1 to 24"),
        (["--max-side", "4"], 2, "--max-side"),
        (["--store", "png"], 2, "--store"),
    ],
)
def test_command_refuses_with_the_right_code(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    message: str,
) -> None:
    line = ["build-tfrecords", "--raw", str(images), "--out", str(tmp_path), "--workers", "1"]
    assert cli_main.run([*line, *options]) == code
    assert message in capsys.readouterr().err


def test_command_says_damage_with_code_3(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["build-tfrecords", "--raw", str(damaged), "--out", str(tmp_path / "out")]
    assert cli_main.run([*line, "--workers", "1"]) == 3
    assert "2 damaged image(s)" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert cli_main.run([*line[:-1], str(tmp_path / "file")]) == 1
    assert "choose another --out" in capsys.readouterr().err


def test_a_task_survives_pickling(found: RawSet) -> None:
    images = tuple(found.splits["train"][index] for index in range(3))
    words = {image.synset: "words" for image in images}
    task = ShardTask("/out/x", images, words, records.Settings(max_side=64), digest="d")
    assert pickle.loads(pickle.dumps(task)) == task
