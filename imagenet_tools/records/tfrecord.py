"""The TFRecord file format: length, its CRC, data, its CRC (masked CRC-32C, little endian)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from imagenet_tools.errors import DamagedData

OVERHEAD = 16  # bytes a record costs beside its data
_MASK = 0xA282EAD8  # TensorFlow's (core/lib/hash/crc32c.h)


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated right by 15 bits plus a constant, as TensorFlow stores it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def frame(data: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the data in the file."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)), struct.pack("<I", masked_crc(data))


def read(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, data) of each record, with both CRCs checked.

    Raises DamagedData with file, record number and offset where one does not hold.
    """
    with open(path, "rb") as file:
        number, offset = 0, 0
        while head := file.read(12):
            data = _read_one(file, head, f"{path}: record {number} at byte {offset:,}")
            yield offset, data
            number, offset = number + 1, offset + len(data) + OVERHEAD


def _read_one(file: BinaryIO, head: bytes, where: str) -> bytes:
    if len(head) < 12:
        raise DamagedData(f"{where}: truncated in its header")
    length, crc = struct.unpack("<QI", head)
    if masked_crc(head[:8]) != crc:
        raise DamagedData(f"{where}: the CRC of its length does not hold")
    data = file.read(length)
    tail = file.read(4)
    if len(data) < length or len(tail) < 4:
        raise DamagedData(f"{where}: truncated: {length:,} bytes wanted, {len(data):,} are there")
    if masked_crc(data) != struct.unpack("<I", tail)[0]:
        raise DamagedData(f"{where}: the CRC of its data does not hold")
    return data
