"""Records read at random, verified, without TensorFlow; and their order."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import pickle
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_raw import make_raw

from imagenet_tools import raw, records, storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import features, manifest, offsets, order, schema, tfrecord
from imagenet_tools.records.reader import RecordReader, open_records

COUNT = 24  # of make_raw's three classes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw images and records of them, train in three shards."""
    place = tmp_path_factory.mktemp("reader")
    found = raw.detect(make_raw(place / "raw"))
    records.build(found, place / "records", workers=1, train_shards=3)
    return place


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage, not yet indexed."""
    ignore = shutil.ignore_patterns("imgtools_offsets_*")
    shutil.copytree(whole / "records", tmp_path / "records", ignore=ignore)
    return tmp_path / "records"


def stored(folder: Path) -> list[dict[str, list]]:
    """Every record of train, parsed by the general parser."""
    return list(records.examples(folder, "train"))


def test_every_record_is_what_is_stored(whole: Path) -> None:
    reader, examples = open_records(whole / "records"), stored(whole / "records")
    assert len(reader) == len(examples) == COUNT
    for found, example in zip(reader, examples, strict=True):
        name = example[schema.FILENAME][0].decode()
        synset = example[schema.SYNSET][0].decode()
        assert found.key == f"{synset}/{name}" and found.words == example[schema.TEXT][0].decode()
        assert [found.encoded] == example[schema.ENCODED] and [found.label] == example[schema.LABEL]
        source = whole / "raw" / "train" / synset / name
        assert found.encoded == source.read_bytes() and found.boxes == ()
        with Image.open(source) as image:
            assert (found.width, found.height) == image.size and found.image_format == "JPEG"
            np.testing.assert_array_equal(found.pixels(), np.asarray(image))


def test_numbers_of_either_sign_and_of_numpy(whole: Path) -> None:
    reader = open_records(whole / "records")
    assert reader[-1] == reader[COUNT - 1] == reader[np.int64(COUNT - 1)]
    assert pickle.loads(pickle.dumps(reader[-1])) == reader[-1]
    assert reader[-COUNT] == reader[0] == reader[np.uint8(0)]
    for beyond in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError, match="of the 24 of train"):
            reader[beyond]
    for wrong in (1.0, "1", slice(2), [1, 2], np.arange(2), np.True_, None):
        with pytest.raises(TypeError, match=r"one whole number, not by .*records\[i\] for i in"):
            reader[wrong]  # type: ignore[index]


def test_it_is_a_sequence(whole: Path) -> None:
    reader = open_records(whole / "records")
    assert isinstance(reader, Sequence) and len(random.sample(reader, 5)) == 5
    assert reader[3] in reader and reader.index(reader[3]) == 3
    assert next(iter(reversed(reader))) == reader[-1]


def test_pixels_may_be_written_into(whole: Path) -> None:
    record = open_records(whole / "records")[0]
    pixels = record.pixels()
    pixels += 1
    assert np.array_equal(pixels, record.pixels() + 1)


def test_labels_are_as_written_less_the_offset(whole: Path) -> None:
    written = [record.label for record in open_records(whole / "records")]
    less = [record.label for record in open_records(whole / "records", labels_offset=1)]
    assert sorted(set(written)) == [1, 2, 3] and less == [label - 1 for label in written]
    reader = open_records(whole / "records", "validation")
    assert len(reader) == 9
    assert all(record.key.startswith(reader.classes[record.label - 1][0]) for record in reader)
    with pytest.raises(ValueError, match="has no split 'test'; it has train, validation"):
        open_records(whole / "records", "test")
    assert len(open_records(os.fsencode(whole / "records"), "validation")) == 9
    with pytest.raises(TypeError, match="integer"):
        open_records(whole / "records", labels_offset="1")  # type: ignore[arg-type]


def test_what_is_no_folder_of_records_is_called_what_it_is(folder: Path) -> None:
    for nothing in (folder / "nosuch", folder.parent):
        with pytest.raises(FileNotFoundError, match=f"no finished .* --out {nothing}"):
            open_records(nothing)
    with pytest.raises(NotADirectoryError, match="00000-of-00003 is a file: give the folder"):
        open_records(folder / "train-00000-of-00003")
    (folder / manifest.NAME).unlink()
    with pytest.raises(FileNotFoundError, match=r"the same command goes on.*imgtools inspect"):
        open_records(folder)


def test_boxes_long_names_and_raw_pixels_are_read(tmp_path: Path) -> None:
    place = make_raw(tmp_path / "raw", classes=("ant",), train=3, validation=1)
    long = place / "train" / "ant" / ("n" * 180 + ".JPEG")
    (place / "train" / "ant" / "ant_train_0.JPEG").rename(long)
    boxes = tmp_path / "boxes.csv"
    rows = [f"ant_train_1.JPEG,0.1,0.2,{x},0.75" for x in np.linspace(0.3, 1, 60)]
    boxes.write_text("\n".join([*rows, "ant_train_2.JPEG,0.0,0.25,0.5,1.0"]) + "\n")
    found = raw.detect(place, boxes=boxes)
    records.build(found, tmp_path / "records", settings=records.Settings(store="raw"), workers=1)
    by_name = {record.key: record for record in open_records(tmp_path / "records")}
    many, one = by_name["ant/ant_train_1.JPEG"], by_name["ant/ant_train_2.JPEG"]
    assert len(many.boxes) == 60 and one.boxes == ((0.0, 0.25, 0.5, 1.0),)
    assert by_name[f"ant/{long.name}"].boxes == ()
    assert one.image_format == "RAW"
    with Image.open(place / "train" / "ant" / "ant_train_2.JPEG") as image:
        np.testing.assert_array_equal(one.pixels(), np.asarray(image))


FACTS = {"height": 24, "width": 300, "label": 3, "synset": "n1", "text": "a cat", "filename": "c"}
BOX = ((0.125, 0.25, 0.5, 1.0),)


@pytest.mark.parametrize("size", [0, 1, 50, 128, 16_000, 16_384, 2_000_000, 2_100_000])
@pytest.mark.parametrize("boxes", [(), BOX], ids=["plain", "box"])
def test_a_head_is_parsed_as_the_whole(size: int, boxes: features.Boxes) -> None:
    record = schema.encode_example(b"\xff" * size, **FACTS, boxes=boxes)
    parsed = features.parse_head(record[: features.HEAD], len(record))
    assert parsed is not None
    found, start = parsed
    assert (found, record[start:]) == features.decode(record)
    assert found == (24, 300, "JPEG", 3, "a cat", "n1/c", boxes)


@pytest.mark.parametrize("size", [*range(90, 130), *range(16_340, 16_390)])
def test_where_lengths_grow_by_a_byte_the_whole_parser_may_be_asked(size: int) -> None:
    record = schema.encode_example(b"\xff" * size, **FACTS)
    parsed = features.parse_head(record[: features.HEAD], len(record))
    assert parsed is None or (parsed[0], record[parsed[1] :]) == features.decode(record)


def test_what_is_in_another_order_is_left_to_the_whole_parser() -> None:
    record = schema.encode_example(b"image", **FACTS)
    example = schema.decode_example(record)
    # As protobuf may write it: the image first, and an entry's value before its key.
    entries = {key: schema._entry(key, *_feature(values)) for key, values in example.items()}
    turned = b"".join(reversed(entries.values()))
    other = b"\x0a" + schema.varint(len(turned)) + turned
    assert schema.decode_example(other) == example
    assert features.parse_head(other, len(other)) is None
    assert features.decode(other) == features.decode(record)
    for cut in range(len(record)):
        assert features.parse_head(record[:cut], cut) is None
    with pytest.raises(ValueError, match="image/filename must be one bytes"):
        features.decode(schema.encode_example(b"image", **FACTS).replace(b"filename", b"filenama"))


def test_garbage_is_refused_by_both_parsers() -> None:
    rng = np.random.default_rng(0)
    record = schema.encode_example(b"image" * 40, **FACTS, boxes=BOX)
    for _ in range(3000):
        data = bytearray(record)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] = rng.integers(256)
        parsed = features.parse_head(bytes(data[: features.HEAD]), len(data))
        assert parsed is None or parsed[1] <= len(data)
        with contextlib.suppress(ValueError):  # and nothing else
            features.decode(bytes(data))


def _feature(values: list) -> tuple[bytes, bytes]:
    """The tag of a list of values, and its content."""
    if values and isinstance(values[0], bytes):
        return schema.BYTES, schema._field(b"\x0a", values[0])
    packed = b"".join(map(schema.varint, values))
    return schema.INT64, schema._field(b"\x0a", packed) if values else b""


def test_classes_that_begin_alike_are_told_apart() -> None:
    long = "n" * 300
    heads = [
        schema.encode_example(b"x", **{**FACTS, "synset": f"{long}{n}", "text": f"t{n}"})
        for n in (1, 2, 1)
    ]
    found = [features.parse_head(head, len(head)) for head in heads]
    assert [one[0].words for one in found if one] == ["t1", "t2", "t1"]
    assert [one[0].key[300:] for one in found if one] == ["1/c", "2/c", "1/c"]


def test_the_index_is_made_once_and_again_for_other_shards(
    whole: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = list(open_records(folder))
    path = folder / offsets.file_name("train")
    assert path.stat().st_size == 32 + 8 * COUNT
    assert records.verify(folder, workers=1).problems == ()

    def never(*_: object) -> None:
        raise AssertionError("listed again")

    with monkeypatch.context() as once:
        once.setattr(offsets, "ends_of", never)
        assert list(open_records(folder)) == first
    # A torn file, a foreign one, and other shards in its place.
    good = path.read_bytes()
    for bad in (b"", good[:-8], good[:40] + b"\0" + good[41:]):
        path.write_bytes(bad)
        assert list(open_records(folder)) == first and path.read_bytes() == good
    other = raw.detect(whole / "raw")
    records.build(other, tmp_path / "other", workers=1, train_shards=3, seed=5)
    shutil.copy(path, tmp_path / "other")
    again = open_records(tmp_path / "other")
    assert sorted(one.key for one in again) == sorted(one.key for one in first)
    assert [one.key for one in again] != [one.key for one in first]


def test_a_folder_that_is_only_read_is_listed_in_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(offsets, "_write", refused)
    reader = open_records(folder)
    assert not (folder / offsets.file_name("train")).exists()
    monkeypatch.setattr(offsets, "ends_of", refused)
    # The listing travels with the reader.
    assert list(pickle.loads(pickle.dumps(reader))) == list(reader)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_damaged_record_is_named_with_what_mends_it(folder: Path) -> None:
    reader = open_records(folder)
    path = Path(records.shard_paths(folder, "train")[1])
    ends = [0, *np.cumsum(list(tfrecord.sizes(path)))]
    middle = COUNT // 3 + 2
    name = reader[middle].key.rpartition("/")[2]
    wrong = {
        ends[2] + 3: rf"record 2 \({name}\): the CRC of its length",
        ends[2] + 9: rf"record 2 \({name}\): the CRC of its length",
        ends[2] + 300: r"record 2.*: the CRC of its data",
        ends[3] - 40: rf"record 2 \({name}\): the CRC of its data",
        ends[3] - 2: rf"record 2 \({name}\): the CRC of its data",
    }
    for at, words in wrong.items():
        flip(path, at)
        remedy = f"imgtools repair-tfrecords {folder} --raw RAW"
        with pytest.raises(DamagedData, match=f"{path}: {words} does not hold; .*{remedy}"):
            reader[middle]
        assert reader[middle - 1].label and reader[middle + 1].label
        flip(path, at)
    assert reader[middle].label
    os.unlink(folder / offsets.file_name("train"))
    flip(path, ends[2] + 3)
    with pytest.raises(DamagedData, match="record 2: the CRC of its length does not hold"):
        open_records(folder)


def test_no_flipped_bit_passes(folder: Path) -> None:
    reader = open_records(folder)
    path = Path(records.shard_paths(folder, "train")[0])
    good, size = path.read_bytes(), next(tfrecord.sizes(path))
    with open(path, "r+b", buffering=0) as file:
        for at in range(size):
            os.pwrite(file.fileno(), bytes([good[at] ^ 1 << at % 8]), at)
            with pytest.raises(DamagedData, match="record 0"):
                reader[0]
            os.pwrite(file.fileno(), good[at : at + 1], at)
    assert reader[0].key


def test_a_shard_that_is_not_the_manifests_is_refused(folder: Path) -> None:
    path = Path(records.shard_paths(folder, "train")[1])
    data = path.read_bytes()
    path.write_bytes(data + b"\0")
    with pytest.raises(DamagedData, match=r"00001-of-00003: it has .* bytes where the manifest"):
        open_records(folder)
    path.unlink()
    with pytest.raises(DamagedData, match=r"00001-of-00003: it is missing; .*repair-tfrecords"):
        open_records(folder)
    # Whole records, but those of another shard, and as many bytes.
    ends = list(tfrecord.sizes(records.shard_paths(folder, "train")[0]))
    path.write_bytes(data)
    reader = open_records(folder)
    before, after = tfrecord.frame(data[12 : ends[0]])
    path.write_bytes((before + data[12 : ends[0]] + after).ljust(len(data), b"\0"))
    with pytest.raises(DamagedData, match="record 0"):
        reader[COUNT // 3]


def test_a_shard_that_goes_while_it_is_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, path = open_records(folder), folder / "train-00000-of-00003"
    path.rename(folder / "elsewhere")
    with pytest.raises(DamagedData, match=f"{path}: it is missing; .*repair-tfrecords"):
        reader[0]
    (folder / "elsewhere").rename(path)
    assert reader[0].key

    def failing(fd: int, size: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", failing)
    with pytest.raises(OSError, match=f"Input/output error: '{path}'"):
        reader[0]


def keys_of(reader: RecordReader) -> list[str]:
    return [record.key for record in reader]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of processes with threads
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_is_read_in_other_processes_and_threads(whole: Path, method: str) -> None:
    reader = open_records(whole / "records")
    keys = keys_of(reader)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(keys_of, [reader] * 4) == [keys] * 4
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda at: reader[at % COUNT].key, range(400))) == [
            keys[at % COUNT] for at in range(400)
        ]


def test_no_more_files_are_held_open_than_may_be(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.build(raw.detect(whole / "raw"), tmp_path / "many", workers=1, train_shards=COUNT)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 8))
    reader = open_records(tmp_path / "many")
    assert len(keys_of(reader)) == COUNT
    assert reader._file.cache_info().currsize == 4
    there = {os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()}
    assert len([path for path in there if "many/train-" in path]) == 4


def test_a_file_stays_open_while_a_thread_reads_from_it(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, pread = open_records(whole / "records"), os.pread

    def others_need_the_place(fd: int, size: int, offset: int) -> bytes:
        reader._file.cache_clear()
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", others_need_the_place)
    assert len(keys_of(reader)) == COUNT


def test_records_that_were_built_anew_are_not_mixed(whole: Path, folder: Path) -> None:
    sent = pickle.dumps(open_records(folder))
    shutil.rmtree(folder)
    records.build(raw.detect(whole / "raw"), folder, workers=1, train_shards=3, seed=5)
    with pytest.raises(DamagedData, match="holds other records"):
        pickle.loads(sent)


def test_an_order_holds_every_record_once_and_is_pinned() -> None:
    first = order.permutation(1000, seed=3, epoch=0)
    assert first.dtype == np.int64 and sorted(first) == list(range(1000))
    np.testing.assert_array_equal(first, order.permutation(1000, seed=3, epoch=0))
    assert (first != order.permutation(1000, seed=3, epoch=1)).any()
    assert (first != order.permutation(1000, seed=4, epoch=0)).any()
    # For ever: a run that goes on elsewhere, or years later, sees what it would have seen.
    assert order.permutation(10, seed=1, epoch=2).tolist() == [4, 2, 0, 6, 1, 5, 9, 8, 7, 3]
    # No record is bound to a place: each is about as often in the first half as in the second.
    early = np.zeros(100)
    for epoch in range(400):
        early[order.permutation(100, seed=0, epoch=epoch)[:50]] += 1
    assert abs(early - 200).max() < 50  # five standard deviations of 400 coins


def test_no_two_seeds_or_epochs_have_one_order() -> None:
    wanted = order.permutation(10, 1, 2)
    for one in (np.int64, np.int32, np.uint64, np.uint8):
        assert np.array_equal(order.permutation(10, one(1), one(2)), wanted)
    negative = order.permutation(10, -1, 0)
    assert np.array_equal(order.permutation(10, np.int64(-1), 0), negative)
    for seed in (2**63, 2**64, 2**64 - 1, -(2**63) - 1):
        with pytest.raises(ValueError, match=f"seed {seed} is not one of"):
            order.permutation(10, seed, 0)
    for epoch in (-1, 2**63, 2**64):
        with pytest.raises(ValueError, match=f"epoch {epoch} is not one of 0"):
            order.permutation(10, 0, epoch)
    for wrong in (1.0, "1", None):
        with pytest.raises(TypeError):
            order.permutation(10, wrong, 0)  # type: ignore[arg-type]


def test_not_a_line_of_tensorflow_is_needed(whole: Path) -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from imagenet_tools.records.reader import open_records\n"
        f"reader = open_records({str(whole / 'records')!r}, 'train')\n"
        "print(len(reader), reader[3].label, reader[3].pixels().shape, reader.order(0, 1)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    reader = open_records(whole / "records")
    wanted = (len(reader), reader[3].label, reader[3].pixels().shape, reader.order(0, 1)[0])
    assert done.stdout.split() == " ".join(map(str, wanted)).split()


def test_a_store_is_read_through_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra [cloud] is not installed")
    monkeypatch.setenv(storage.CACHE, str(tmp_path / "cache"))
    store = fsspec.filesystem("memory")
    store.put(str(folder), "/bucket/records", recursive=True)
    try:
        reader = open_records("memory://bucket/records")
        assert list(reader) == list(open_records(folder))
        # Later ones find the shards and their index here.
        sent = pickle.dumps(reader)
        for one in store.find("/bucket/records"):
            if not one.endswith(records.NAME):
                store.rm(one)
        assert list(pickle.loads(sent)) == list(reader)
        (path,) = (tmp_path / "cache").rglob("train-00001-of-00003")
        flip(path, 300)
        with pytest.raises(DamagedData, match=f"remove {path}, and it is fetched from memory://"):
            reader[COUNT // 3]
    finally:
        store.rm("/bucket", recursive=True)
