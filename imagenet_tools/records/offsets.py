"""Where each record of a split ends: listed once, and kept beside the manifest.

The file is a SHA-256 and then a uint64 a record. The digest is taken over what the manifest says
of the shards, and over the numbers: so it holds for no other shards, and for no torn file.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import sys
from array import array
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from imagenet_tools import storage, terminal
from imagenet_tools.records.manifest import Shard
from imagenet_tools.records.shards import damaged
from imagenet_tools.records.tfrecord import BEFORE, OVERHEAD, length_in
from imagenet_tools.storage.write import write_bytes

_DIGEST = hashlib.sha256().digest_size


def file_name(split: str) -> str:
    """The index's name, which no reader's glob of a split's shards matches."""
    return f"imgtools_offsets_{split}.bin"


def ends(folder: str, split: str, shards: Sequence[Shard]) -> memoryview:
    """Return for each record the offset in its shard at which it ends, as uint64 [records].

    folder: of the shards, local. From the file there (mapped, so that processes share it) or from
    the shards, a few bytes of each record; then the file is written, where the folder takes it.
    Raises DamagedData naming the shard and the record where a length cannot be trusted.
    """
    path = Path(folder) / file_name(split)
    if (known := kept(folder, split, shards)) is not None:
        return known
    ends_at = array("Q")
    # As of a store: a disk too answers many requests in the time of one.
    listings = storage.ahead(partial(ends_of, folder), shards, remote=True)
    with terminal.bar(f"indexing {split}", "shards", total=len(shards)) as bar:
        for listing in listings:
            ends_at.extend(listing())
            bar.update()
    try:
        _write(path, shards, ends_at)
        return _read(path, shards)
    except (OSError, ValueError):  # a folder that is only read
        return memoryview(ends_at)


def kept(folder: str, split: str, shards: Sequence[Shard]) -> memoryview | None:
    """The same where it is kept beside the shards; None where it is not, or of other shards."""
    with contextlib.suppress(OSError, ValueError):  # absent, or empty
        return _read(Path(folder) / file_name(split), shards)
    return None


def _read(path: Path, shards: Sequence[Shard]) -> memoryview:
    with open(path, "rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if data[:_DIGEST] != _digest(shards, data[_DIGEST:]):
        raise ValueError(f"{path} is no index of these shards")
    return data[_DIGEST:].cast("Q")


def _write(path: Path, shards: Sequence[Shard], ends_at: array[int]) -> None:
    write_bytes(path, _digest(shards, memoryview(ends_at)) + ends_at.tobytes())


def _digest(shards: Sequence[Shard], numbers: memoryview) -> bytes:
    total = hashlib.sha256(f"offsets 1 {sys.byteorder}\n".encode())
    for shard in shards:
        total.update(f"{shard.file} {shard.records} {shard.bytes} {shard.digest}\n".encode())
    total.update(numbers)
    return total.digest()


def ends_of(folder: str, shard: Shard) -> array[int]:
    """The offsets at which the records of a shard end, by its lengths, each with its CRC.

    Raises DamagedData where one does not hold, and for another number than the manifest has.
    """
    path, ends_at, at = os.path.join(folder, shard.file), array("Q"), 0
    with open(path, "rb", buffering=0) as file:
        while at < shard.bytes:
            try:
                length = length_in(os.pread(file.fileno(), BEFORE, at))
                at += length + OVERHEAD
                if at > shard.bytes:
                    raise ValueError(f"it has {length:,} bytes, more than are there")
            except ValueError as error:
                raise damaged(path, str(error), record=len(ends_at)) from error
            ends_at.append(at)
    if at != shard.bytes or len(ends_at) != shard.records:
        reason = f"{len(ends_at):,} records where the manifest says {shard.records:,}"
        raise damaged(path, reason)
    return ends_at
