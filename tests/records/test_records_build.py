"""The build: every image once, the same bytes anywhere, a manifest that says what was made."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_raw import build, contents, encoded, examples, make_raw, picture

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import RawSplit
from imagenet_tools.records import journal, schema, shuffle, tfrecord
from imagenet_tools.records.builder import build_tfrecords
from imagenet_tools.records.shard import ShardTask


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def found(images: Path) -> RawSet:
    return raw.detect(images)


@pytest.mark.parametrize("inside", ["", "train", "train/ant", "val/bee/deeper"])
def test_records_are_not_written_among_the_raw_images(inside: str, tmp_path: Path) -> None:
    raw_folder = make_raw(tmp_path)
    out = raw_folder / inside
    before = sorted(raw_folder.rglob("*"))
    with pytest.raises(ValueError, match=f"{out} is a folder of the raw images"):
        build_tfrecords(raw_folder, out)
    assert cli_main.run(["build-tfrecords", "--raw", str(raw_folder), "--out", str(out)]) == 2
    assert sorted(raw_folder.rglob("*")) == before


def test_records_may_lie_beside_the_raw_images(tmp_path: Path) -> None:
    raw_folder = make_raw(tmp_path)
    assert build_tfrecords(raw_folder, raw_folder / "records").splits["train"].records == 24
    assert raw.detect(raw_folder).splits.keys() == {"train", "validation"}


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
    shard = content["splits"]["train"]["shards"][0]
    for field, value, message in (
        ("digest", "0" * 64, "was changed"),
        ("records", shard["records"] + 1, "25 records by shard, 24 by class"),
    ):
        shard[field] = value
        (tmp_path / records.NAME).write_text(json.dumps(content))
        with pytest.raises(DamagedData, match=message):
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


def test_the_manifest_is_the_same_whichever_shard_is_ready_first(tmp_path: Path) -> None:
    """All images are in both splits, and all boxes are cut."""
    place = make_raw(tmp_path / "raw", validation=0)
    shutil.rmtree(place / "val")
    shutil.copytree(place / "train", place / "val")
    names = sorted(path.name for path in (place / "train").rglob("*.JPEG"))
    rows = "".join(f"{split}/{name},5,5,99,99\n" for split in ("train", "val") for name in names)
    (place / "bbox.csv").write_text(rows)

    def backwards(function: Callable, tasks: Iterable, workers: int) -> Iterator:
        for task in reversed(list(tasks)):
            yield task, partial(function, task)

    found = raw.detect(place)
    manifest = build(found, tmp_path / "one")
    assert build(found, tmp_path / "other", engine=backwards) == manifest
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    assert {what: one.count for what, one in manifest.odd.items()} == {
        "boxes cut to the image": 48,
        "images of both splits": 24,
    }
    assert [len(one.first) for one in manifest.odd.values()] == [3, 3]


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
    shards = shuffle.plan_split(part, 8, seed=0)
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
    assert shuffle.shard_count(split, images, None) == expected


def test_more_shards_than_images_are_refused(found: RawSet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--train-shards is 25; with 24 images"):
        build(found, tmp_path, train_shards=25)
    assert build(found, tmp_path, train_shards=24).splits["train"].shards[23].records == 1


def test_an_empty_split_is_refused(found: RawSet, tmp_path: Path) -> None:
    empty = replace(found.splits["validation"], labels=np.zeros(0, np.int32))
    bad = replace(found, splits={**found.splits, "validation": empty})
    with pytest.raises(ValueError, match="validation split holds no images"):
        build(bad, tmp_path)


@pytest.mark.parametrize(
    "name, known",
    [
        ("verify", "structure, decode"),
        ("on_damaged", "fail, skip, repair"),
        ("store", "original, raw"),
        ("labels", "auto, imagenet, folders"),
        ("index", "dali"),
    ],
)
def test_settings_are_checked_when_made(
    found: RawSet, tmp_path: Path, name: str, known: str
) -> None:
    made: dict[str, Any] = {
        "labels": lambda **given: raw.detect(tmp_path, **given),
        "index": lambda **given: build(found, tmp_path / "out", **given),
    }
    with pytest.raises(ValueError) as refused:
        made.get(name, records.Settings)(**{name: "no"})
    assert str(refused.value) == f"{name} is 'no'; it must be one of {known}"


def test_a_side_of_some_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        records.Settings(max_side=7)


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
        (["--train-shards", "100"], 2, "it must be 1 to 24"),
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


def test_a_task_survives_pickling(found: RawSet) -> None:
    images = tuple(found.splits["train"][index] for index in range(3))
    words = {image.synset: "words" for image in images}
    task = ShardTask("/out/x", images, words, records.Settings(max_side=64), digest="d")
    assert pickle.loads(pickle.dumps(task)) == task


def test_what_was_left_out_stands_in_the_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_raw(tmp_path / "raw")
    for name in ("notes.txt", "more.txt"):
        (folder / "train" / "ant" / name).write_text("x")
    line = ["build-tfrecords", "--raw", str(folder), "--out", str(tmp_path / "out")]
    for _ in range(2):  # built, and complete already
        assert cli_main.run([*line, "--workers", "1"]) == 0
        assert "left out of the raw data: .txt 2" in capsys.readouterr().out
    left_out = records.read_manifest(tmp_path / "out").left_out
    assert {reason: one.count for reason, one in left_out.items()} == {".txt": 2}
    assert len(left_out[".txt"].first) == 2
