"""The file format by itself: what is framed is read again, and every kind of damage is named."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import google_crc32c
import pytest

from imagenet_tools.errors import DamagedData
from imagenet_tools.records import tfrecord

RECORDS = [b"", b"a", b"one record", bytes(range(256)) * 5]
STARTS = [0, 16, 33, 59, 1355]  # and the end


def masked(data: bytes) -> int:
    """The definition: rotated right by 15 bits, plus a constant, of 32 bits."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def written(path: Path) -> bytearray:
    content = b""
    for data in RECORDS:
        before, after = tfrecord.frame(data[:3], data[3:])
        length = struct.pack("<Q", len(data))
        assert before == length + struct.pack("<I", masked(length))
        assert after == struct.pack("<I", masked(data))
        content += before + data + after
    path.write_bytes(content)
    return bytearray(content)


def test_what_is_framed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "records"
    content = written(path)
    assert list(tfrecord.read(path)) == list(zip(STARTS, RECORDS, strict=False))
    assert list(tfrecord.sizes(path)) == [len(data) + tfrecord.OVERHEAD for data in RECORDS]
    assert list(tfrecord.read_at(path, [3, 1])) == [RECORDS[1], RECORDS[3]]
    found = list(tfrecord.scan(path))
    assert [one.offset for one in found] == STARTS[:4] and not any(one.problem for one in found)
    frames = [one.frame for one in found]
    assert frames[2] == content[33:45] + content[55:59]
    digest = hashlib.sha256(b"".join(frames)).hexdigest()
    assert tfrecord.mismatch(path, 4, digest) is None
    other = "its records are not those that the manifest's digest was taken of"
    assert tfrecord.mismatch(path, 3, digest) == tfrecord.mismatch(path, 4, "0") == other


@pytest.mark.parametrize(
    ("at", "kept", "records", "problem"),
    [
        (47, None, 4, "the CRC of its data does not hold"),
        (55, None, 4, "the CRC of its data does not hold"),
        (33, None, 3, "the CRC of its length does not hold"),
        (41, None, 3, "the CRC of its length does not hold"),
        (None, 40, 3, "truncated in its header"),
        (None, 50, 3, "truncated: 10 bytes wanted, 5 are there"),
        (None, 57, 3, "truncated: 10 bytes wanted, 10 are there"),
    ],
)
def test_damage_is_named(
    tmp_path: Path, at: int | None, kept: int | None, records: int, problem: str
) -> None:
    """In the third record; what follows it is read where its length can be trusted."""
    path = tmp_path / "records"
    content = written(path)
    if at is not None:
        content[at] ^= 1
    path.write_bytes(content[:kept])
    found = list(tfrecord.scan(path))
    assert [one.problem for one in found] == [None, None, problem, None][:records]
    assert [one.offset for one in found] == STARTS[:records]
    where = rf"records: record 2 at byte 33: {problem}"
    with pytest.raises(DamagedData, match=where):
        list(tfrecord.read(path))
    assert tfrecord.mismatch(path, 4, "0") == f"record 2 at byte 33: {problem}"


def test_a_length_that_lies_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "records"
    length = struct.pack("<Q", 2**60)
    path.write_bytes(length + struct.pack("<I", masked(length)) + b"abc")
    (found,) = tfrecord.scan(path)
    assert found.problem == f"truncated: {2**60:,} bytes wanted, 3 are there"
    assert (found.offset, found.data) == (0, b"abc")


def test_a_compressed_file_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "records"
    content = written(path)
    path.write_bytes(gzip.compress(bytes(content)))
    (found,) = tfrecord.scan(path)
    assert (found.problem, found.data) == (tfrecord.GZIP, b"")
    path.write_bytes(content[:16] + gzip.compress(bytes(content)))
    assert [one.problem for one in tfrecord.scan(path)][1] == "the CRC of its length does not hold"
