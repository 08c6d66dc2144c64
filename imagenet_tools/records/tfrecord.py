"""The TFRecord file format: length, its CRC, data, its CRC (masked CRC-32C, little endian)."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import google_crc32c

from imagenet_tools.errors import DamagedData

BAD_CRC = "the CRC of its data does not hold"
GZIP = "the file is compressed by gzip; uncompress it first"
OTHERS = "its records are not those that the manifest's digest was taken of"
BEFORE = 12  # bytes before a record's data: its length and the length's CRC
OVERHEAD = 16  # bytes a record costs beside its data: these, and the data's CRC behind it
_MASK = 0xA282EAD8  # TensorFlow's (core/lib/hash/crc32c.h)
_LENGTH, _CRC = struct.Struct("<Q").pack, struct.Struct("<I").pack


def masked(crc: int) -> int:
    """A CRC-32C rotated right by 15 bits plus a constant, as TensorFlow stores it."""
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def frame(head: bytes, data: bytes = b"") -> tuple[bytes, bytes]:
    """Return what stands before and after the record head + data in the file."""
    length = _LENGTH(len(head) + len(data))
    crc = google_crc32c.extend(google_crc32c.value(head), data)
    return length + _CRC(masked(google_crc32c.value(length))), _CRC(masked(crc))


def length_in(before: bytes) -> int:
    """The length that the first BEFORE bytes of a record tell. Raises ValueError where its CRC is
    not there, or does not hold."""
    length, crc = struct.unpack_from("<QI", before.ljust(BEFORE))
    if masked(google_crc32c.value(before[:8])) != crc:
        raise ValueError("the CRC of its length does not hold")
    return int(length)


class Framed(NamedTuple):
    """A record as it lies in a file: where, its data, both CRCs with its length, what is wrong."""

    offset: int
    data: bytes
    frame: bytes  # the 12 bytes before it and the 4 after it
    problem: str | None = None


def scan(path: str | os.PathLike[str]) -> Iterator[Framed]:
    """Yield each record, damaged ones too with the problem named.

    It ends after a record whose length cannot be trusted, since no later one can be found.
    """
    offset = 0
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size
        while before := file.read(BEFORE):
            if len(before) < BEFORE:
                yield Framed(offset, b"", before, "truncated in its header")
                return
            try:
                length = length_in(before)
            except ValueError as error:
                packed = offset == 0 and before.startswith(b"\x1f\x8b")
                yield Framed(offset, b"", before, GZIP if packed else str(error))
                return
            # Never asked for more than the file has: a length with a valid CRC may still lie.
            data = file.read(min(length, left))
            after = file.read(4)
            if len(data) < length or len(after) < 4:
                cut = f"truncated: {length:,} bytes wanted, {len(data):,} are there"
                yield Framed(offset, data, before + after, cut)
                return
            holds = _CRC(masked(google_crc32c.value(data))) == after
            problem = None if holds else BAD_CRC
            yield Framed(offset, data, before + after, problem)
            offset += length + OVERHEAD


def read(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, data) of each record, with both CRCs checked.

    Raises DamagedData with file, record number and offset where one does not hold.
    """
    for number, record in enumerate(scan(path)):
        if record.problem:
            raise DamagedData(
                f"{path}: record {number} at byte {record.offset:,}: {record.problem}"
            )
        yield record.offset, record.data


def read_at(path: str | os.PathLike[str], numbers: Iterable[int]) -> Iterator[bytes]:
    """Yield the data of the records of these numbers, ascending; they were found sound before."""
    wanted, offset = set(numbers), 0
    with open(path, "rb") as file:
        for number, size in enumerate(sizes(path) if wanted else ()):
            if number in wanted:
                file.seek(offset + BEFORE)
                yield file.read(size - OVERHEAD)
                wanted.remove(number)
                if not wanted:  # what follows may be damaged
                    return
            offset += size


def mismatch(path: str | os.PathLike[str], records: int, digest: str) -> str | None:
    """Read a file through; return why it is not one of so many records and this digest, or None."""
    total, count = hashlib.sha256(), 0
    for count, record in enumerate(scan(path), 1):
        if record.problem:
            return f"record {count - 1} at byte {record.offset:,}: {record.problem}"
        total.update(record.frame)
    if (count, total.hexdigest()) != (records, digest):
        return OTHERS
    return None


def sizes(path: str | os.PathLike[str]) -> Iterator[int]:
    """Yield the bytes each record takes in the file, from the lengths alone."""
    with open(path, "rb", buffering=0) as file:
        end, offset = os.fstat(file.fileno()).st_size, 0
        while offset < end:
            length = int.from_bytes(os.pread(file.fileno(), 8, offset), "little")
            yield length + OVERHEAD
            offset += length + OVERHEAD
