"""Records that are not what the manifest says: exit code 3, with the shard and what mends it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from imagenet_tools import records
from imagenet_tools.records import manifest as manifests
from imagenet_tools.records import schema, tfrecord

TRAIN = (
    "train --data {records} --train-dir {run} --model tiny --image-size 32 --batch-size 8 "
    "--preprocessing alexnet --max-number-of-steps 4 --initialisation he"
)
Fault = Callable[[list[Path]], object]
AT_START: dict[str, tuple[Fault, str]] = {}
IN_THE_MIDST: dict[str, tuple[Fault, str]] = {}


def at_start(named: str) -> Callable[[Fault], Fault]:
    """A fault of a split's shards that is found before the first step, and what is said."""
    return lambda fault: AT_START.setdefault(fault.__name__, (fault, named))[0]


def in_the_midst(named: str) -> Callable[[Fault], Fault]:
    """One that no size tells, and what is said when it is read."""
    return lambda fault: IN_THE_MIDST.setdefault(fault.__name__, (fault, named))[0]


@at_start(r"00000-of-0000\d: it has 0 bytes where")
def emptied(shards: list[Path]) -> None:
    shards[0].write_bytes(b"")


@at_start(r"00001-of-0000\d: it has .* bytes where")
def cut_at_a_record(shards: list[Path]) -> None:
    *_, (last, _) = tfrecord.read(shards[1])
    os.truncate(shards[1], last)


@at_start(r"00000-of-0000\d: it has .* bytes where")
def cut_in_a_record(shards: list[Path]) -> None:
    os.truncate(shards[0], shards[0].stat().st_size - 100)


@at_start(r"00000-of-0000\d: it has .* bytes where")
def a_record_doubled(shards: list[Path]) -> None:
    (_, first), *_ = tfrecord.read(shards[0])
    head, tail = tfrecord.frame(first)
    shards[0].write_bytes(shards[0].read_bytes() + head + first + tail)


@at_start(r"00000-of-0000\d: it has .* bytes where")
def a_shard_doubled(shards: list[Path]) -> None:
    shutil.copyfile(shards[1], shards[0])


@at_start(r"00000-of-0000\d: it has .* bytes where")
def swapped(shards: list[Path]) -> None:
    first, second = (shard.read_bytes() for shard in shards[:2])
    shards[0].write_bytes(second)
    shards[1].write_bytes(first)


@at_start(r"00000-of-0000\d: it has .* bytes where")
def of_the_other_split(shards: list[Path]) -> None:
    split = "validation" if shards[0].name.startswith("train") else "train"
    shutil.copyfile(records.shard_paths(shards[0].parent, split)[0], shards[0])


@at_start(r"00001-of-0000\d: it has .* bytes where")
def compressed(shards: list[Path]) -> None:
    shards[1].write_bytes(gzip.compress(shards[1].read_bytes()))


@at_start(r"00001-of-0000\d: it is missing")
def removed(shards: list[Path]) -> None:
    shards[1].unlink()


@at_start(r"00001-of-0000\d: it is missing")
def a_broken_link(shards: list[Path]) -> None:
    shards[1].unlink()
    shards[1].symlink_to("elsewhere")


@at_start(r"00000-of-0000\d: it is a folder")
def a_folder(shards: list[Path]) -> None:
    shards[0].unlink()
    shards[0].mkdir()


@at_start(r"00000-of-0000\d: it is a fifo")
def a_pipe(shards: list[Path]) -> None:
    shards[0].unlink()
    os.mkfifo(shards[0])


@at_start(r"00000-of-0000\d: ")
def a_link_to_itself(shards: list[Path]) -> None:
    shards[0].unlink()
    shards[0].symlink_to(shards[0])


def changed(shard: Path, at: int, change: Callable[[bytes], bytes]) -> None:
    """Change a record in its place, with CRCs that hold and the size that it had."""
    found = b""
    for number, (_, record) in enumerate(tfrecord.read(shard)):
        if number == at:
            length = len(record)
            record = change(record)
            assert len(record) == length
        head, tail = tfrecord.frame(record)
        found += head + record + tail
    shard.write_bytes(found)


def overwritten(shard: Path, at: int, content: bytes) -> None:
    with open(shard, "r+b") as file:
        file.seek(at)
        file.write(content)


def length_field(length: int, crc: bool = True) -> bytes:
    packed = length.to_bytes(8, "little")
    masked = tfrecord.masked(google_crc32c.value(packed)) if crc else 7
    return packed + masked.to_bytes(4, "little")


@in_the_midst(r"00000-of-0000\d: record 2: it has 4,611,686,018,427,387,904 bytes")
def a_length_of_2_to_the_62(shards: list[Path]) -> None:
    offsets = [offset for offset, _ in tfrecord.read(shards[0])]
    overwritten(shards[0], offsets[2], length_field(2**62))


@in_the_midst(r"00001-of-0000\d: record 0: it has .* bytes, ")
def a_length_past_the_end(shards: list[Path]) -> None:
    overwritten(shards[1], 0, length_field(shards[1].stat().st_size))


@in_the_midst(r"00000-of-0000\d: record 1: the CRC of its length")
def a_length_with_a_wrong_crc(shards: list[Path]) -> None:
    offsets = [offset for offset, _ in tfrecord.read(shards[0])]
    overwritten(shards[0], offsets[1] + 8, b"\0\0\0\0")


@in_the_midst(r"00000-of-0000\d: record 1.*: the CRC of its data")
def a_flipped_bit(shards: list[Path]) -> None:
    offsets = [offset for offset, _ in tfrecord.read(shards[0])]
    content = shards[0].read_bytes()
    overwritten(shards[0], offsets[1] + 99, bytes([content[offsets[1] + 99] ^ 4]))


@in_the_midst(r"00000-of-0000\d: record 0: ")
def zeros_throughout(shards: list[Path]) -> None:
    shards[0].write_bytes(bytes(shards[0].stat().st_size))


@in_the_midst(r"00000-of-0000\d: record 1.*: it is no Example")
def no_example(shards: list[Path]) -> None:
    changed(shards[0], 1, lambda record: b"\xff" * len(record))


@in_the_midst(r"00000-of-0000\d: record 1.*: it is no Example")
def an_example_without_an_image(shards: list[Path]) -> None:
    changed(shards[0], 1, lambda record: record.replace(b"image/encoded", b"image/encodes"))


@in_the_midst(r"00001-of-0000\d: record 0 \(.+\): its image is not decoded")
def an_image_that_nothing_decodes(shards: list[Path]) -> None:
    def spoilt(record: bytes) -> bytes:
        (image,) = schema.decode_example(record)["image/encoded"]
        assert isinstance(image, bytes)
        return record.replace(image, b"\xff\xd8" + bytes(len(image) - 2))

    changed(shards[1], 0, spoilt)


def commands(folder: Path, trained: Path, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    yield "train", TRAIN.format(records=folder, run=tmp_path / "new").split()
    yield "validation", f"eval --data {folder} --checkpoint {trained} --batch-size 4".split()


# An evaluation reads as training does, so that two of those that take seconds will do.
TRIED = [(name, split) for name in AT_START for split in ("train", "validation")]
TRIED += [(name, "train") for name in IN_THE_MIDST]
TRIED += [("a_length_of_2_to_the_62", "validation"), ("no_example", "validation")]


@pytest.mark.parametrize(("name", "split"), TRIED)
def test_it_is_named(
    name: str, split: str, folder: Path, trained: Path, tmp_path: Path, refused: Any
) -> None:
    fault, named = (AT_START | IN_THE_MIDST)[name]
    fault([Path(path) for path in records.shard_paths(folder, split)])
    command = dict(commands(folder, trained, tmp_path))[split]
    refused([*command, "--json"], 3, f"{split}-{named}", f"repair-tfrecords {folder}")
    assert (tmp_path / "new").exists() == (split == "train" and name in IN_THE_MIDST)


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / manifests.NAME
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def shard_called(name: str) -> Callable[[Path], None]:
    """The manifest names a shard otherwise, and is consistent with itself but for that."""

    def rename(content: dict[str, Any]) -> None:
        content["splits"]["train"]["shards"][0]["file"] = name

    return lambda folder: edited(folder, rename)


def written(data: bytes | str) -> Callable[[Path], object]:
    raw = data.encode() if isinstance(data, str) else data
    return lambda folder: (folder / manifests.NAME).write_bytes(raw)


def of_another_set(folder: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["splits"]["train"]["shards"][0]["digest"] = 64 * "0"

    edited(folder, change)


def in_its_place(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / manifests.NAME).unlink()
        make(folder / manifests.NAME)

    return replace


def with_field(name: str, value: object) -> Callable[[Path], None]:
    return lambda folder: edited(folder, lambda content: content.update({name: value}))


MANIFESTS: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "a shard elsewhere": (shard_called("../canary"), 3, r"shard 0 of train is called '\.\./canary"),
    "an absolute shard": (shard_called("/etc/passwd"), 3, "is called '/etc/passwd'"),
    "a shard in a store": (shard_called("s3://a/b"), 3, "is called 's3://a/b'"),
    "a shard with a NUL": (shard_called("train-0\0"), 3, "is called 'train-0"),
    "another digest": (of_another_set, 3, "its digest does not match"),
    "empty": (written(""), 3, "not readable as JSON"),
    "a list": (written("[]"), 3, "holds no object"),
    "null": (written("null"), 3, "holds no object"),
    "cut": (written('{"splits": {"tra'), 3, "not readable as JSON"),
    "NaN": (written("NaN"), 3, "holds no object|not readable"),
    "UTF-16": (written('{"a": 1}'.encode("utf-16")), 3, "not readable as JSON"),
    "a byte order mark": (written(b"\xef\xbb\xbf{}"), 3, "not readable|lacks|version"),
    "nested deeply": (written("[" * 100_000), 3, "nested too deeply"),
    "another version": (with_field("manifest_version", 99), 2, "version 99"),
    "no classes": (with_field("classes", None), 3, "lacks or mistakes something: classes"),
    "splits a list": (with_field("splits", []), 3, "lacks or mistakes something: splits"),
    "another store": (with_field("store", "raw"), 3, "store is 'raw'"),
    "a seed in words": (with_field("seed", "three"), 3, "seed"),
    "an unknown field": (with_field("sprits", {}), 3, "'sprits' that is not known"),
    "a folder": (in_its_place(Path.mkdir), 3, "cannot be read|regular file"),
    "a pipe": (in_its_place(os.mkfifo), 3, "cannot be read|regular file"),
    "a link to itself": (in_its_place(lambda path: path.symlink_to(path)), 3, "cannot be read"),
    "missing": (in_its_place(lambda path: None), 2, "holds no imgtools_manifest.json"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_cannot_be_is_named(
    name: str, folder: Path, trained: Path, tmp_path: Path, refused: Any
) -> None:
    fault, code, named = MANIFESTS[name]
    fault(folder)
    lines = [command for _, command in commands(folder, trained, tmp_path)]
    lines += [["compare-preproc", "alexnet", "vgg", "--data", folder, "--out", tmp_path / "new"]]
    for command in lines:
        refused(command, code, manifests.NAME, named)
    assert not (tmp_path / "new").exists()
