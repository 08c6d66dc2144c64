"""Records for anybody's training loop: counted, read at random, verified, and without TensorFlow.

    records = open_records("records", "train")
    len(records), records[7].label, records[7].pixels()

It is a map-style Dataset of PyTorch, a RandomAccessDataSource of Grain and a sequence of Python as
it stands: `len`, `[i]`, picklable, safe in threads and in forked processes.
"""

from __future__ import annotations

import functools
import mmap
import operator
import os
import resource
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, SupportsIndex

import google_crc32c
import numpy as np

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import features, offsets, order
from imagenet_tools.records.decoding import stored_pixels
from imagenet_tools.records.manifest import Manifest, read_manifest
from imagenet_tools.records.shards import check_size, damaged, shard_paths
from imagenet_tools.records.tfrecord import BAD_CRC, BEFORE, OVERHEAD, length_in, masked


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a split.

    encoded: the bytes of a JPEG; where image_format is "RAW", uint8 pixels [height, width, 3].
    label: 1..N with 0 for background as it is written, less the reader's labels_offset. words: of
    its class. key: class/filename, unique in the split. boxes: (xmin, ymin, xmax, ymax), each 0..1
    of the image.
    """

    encoded: bytes
    label: int
    words: str
    key: str
    boxes: features.Boxes
    height: int
    width: int
    image_format: str

    def pixels(self) -> np.ndarray:
        """Decode the image: uint8 [height, width, 3], RGB, yours to write into.

        Raises ValueError where it does not decode.
        """
        return stored_pixels(self.encoded, self.image_format, self.height, self.width).copy()


class RecordReader(Sequence[Record]):
    """The records of a split by number, 0 to len - 1, in the order of the shards.

    Every read checks both CRCs of the record. classes[i] is (key, words) of the class that is
    written as label i + 1; digest is that of the data set. Made by open_records.
    """

    def __init__(
        self,
        folder: str,
        split: str,
        labels_offset: int,
        manifest: Manifest,
        paths: list[str],
        ends: memoryview,
    ) -> None:
        self.folder, self.split = folder, split
        self.labels_offset = operator.index(labels_offset)
        self.classes, self.label_convention = manifest.classes, manifest.label_convention
        self.digest = manifest.digest
        self._paths, self._ends = paths, ends
        counts = (shard.records for shard in manifest.splits[split].shards)
        self._first = list(accumulate(counts, initial=0))
        # Half of what a process may have open; of more shards, some are opened again and again.
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._file = functools.lru_cache(limit // 2 if limit > 0 else None)(_File)

    def __len__(self) -> int:
        return self._first[-1]

    def __getitem__(self, index: SupportsIndex) -> Record:  # type: ignore[override]  # no slices
        """Read a record; -1 is the last one.

        Raises IndexError, or DamagedData with the shard, the record's number in it, its image's
        name where it can be read, and what mends it; OSError where the disk fails.
        """
        at = self._checked(index)
        path, number = self.place(at)
        start = self._ends[at - 1] if number else 0
        size = self._ends[at] - start - OVERHEAD
        try:
            file = self._file(path)  # open while it is held here
            fields, encoded = _read(file.fd, start, size)
        except FileNotFoundError as error:
            raise damaged(path, "it is missing") from error
        except OSError as error:
            error.filename = path  # which a read of an open file does not say
            raise
        except ValueError as error:
            name = _name(os.pread(file.fd, size, start + BEFORE))
            raise damaged(path, str(error), record=number, name=name) from error
        height, width, image_format, label, words, key, boxes = fields
        label -= self.labels_offset
        return Record(encoded, label, words, key, boxes, height, width, image_format)

    def place(self, index: SupportsIndex) -> tuple[str, int]:
        """Return the path of a record's shard, and its number there. Raises IndexError."""
        at = self._checked(index)
        shard = bisect_right(self._first, at) - 1
        return self._paths[shard], at - self._first[shard]

    def _checked(self, index: SupportsIndex) -> int:
        try:
            if isinstance(index, np.bool_):  # which older NumPys take for a number
                raise TypeError
            count, at = len(self), operator.index(index)
        except TypeError:
            raise TypeError(
                f"records are read by one whole number, not by {index!r:.60}; several are "
                "[records[i] for i in ...]"
            ) from None
        if not -count <= at < count:
            raise IndexError(f"record {at:,} of the {count:,} of {self.split} in {self.folder}")
        return at % count

    def __repr__(self) -> str:
        # Grain compares it when a checkpoint is resumed: the same for the same records anywhere.
        return (
            f"RecordReader({self.split}: {len(self):,} records, labels_offset="
            f"{self.labels_offset}, digest {self.digest[:16]})"
        )

    def order(self, seed: SupportsIndex, epoch: SupportsIndex) -> np.ndarray:
        """Return the numbers of all records, shuffled for an epoch: int64 [len].

        It depends on (seed, epoch) and len alone. So how far training is, is one integer:
        epoch * len + how many of the epoch's order are done, for any number of workers. Raises
        ValueError for a seed of more than 64 bits, or an epoch below 0.
        """
        return order.permutation(len(self), seed, epoch)

    def __reduce__(self) -> Any:
        return reopened, self.given

    @property
    def given(self) -> tuple[str, str, int, str, bytes | None]:
        """What `reopened` makes it of again, with no file open; an index no file holds travels."""
        ends = None if isinstance(self._ends.obj, mmap.mmap) else bytes(self._ends)
        return self.folder, self.split, self.labels_offset, self.digest, ends


def open_records(
    folder: str | os.PathLike[str], split: str = "train", labels_offset: int = 0
) -> RecordReader:
    """Open a split of a folder of records, here or in a store, for reading in any order.

    labels_offset: subtracted from labels, which are written as 1..N with 0 for background
    (TF-Slim's convention); 1 makes them 0..N-1, as torchvision, TFDS and Keras number classes. A
    store's shards are fetched into the cache first. The first time the ends of all records are
    listed and kept beside the manifest (in memory where the folder is only read).

    Raises FileNotFoundError where there are no finished records, ValueError naming the splits that
    are there, DamagedData where a shard is missing or is not the manifest's.
    """
    place = storage.normal(folder)
    if not storage.is_remote(place):
        place = os.path.abspath(place)  # the process may go elsewhere
    return _open(place, split, labels_offset)


def _open(folder: str, split: str, labels_offset: int, ends: bytes | None = None) -> RecordReader:
    manifest = read_manifest(folder)
    paths = shard_paths(folder, split)
    shards = manifest.splits[split].shards
    for path, shard in zip(paths, shards, strict=True):
        check_size(path, shard)
    if ends is None:
        view = offsets.ends(os.path.dirname(paths[0]), split, shards)
    else:
        view = memoryview(ends).cast("Q")
    return RecordReader(folder, split, labels_offset, manifest, paths, view)


def reopened(
    folder: str, split: str, labels_offset: int, digest: str, ends: bytes | None
) -> RecordReader:
    """Open the reader that was `given` by another one, in any process.

    Raises DamagedData where the folder holds other records since.
    """
    reader = _open(folder, split, labels_offset, ends)
    if reader.digest != digest:
        raise DamagedData(f"{folder} holds other records than when its reader was made; open again")
    return reader


class _File:
    """An open file, closed when nobody uses it any more: another thread may still read from it
    when the cache of files lets go of it."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if hasattr(self, "fd"):
            close(self.fd)


def _read(fd: int, start: int, size: int) -> tuple[features.Features, bytes]:
    """Read and verify the record of `size` bytes that is framed at `start`.

    First its head alone, so that the image is copied once, into the bytes that are returned.
    Raises ValueError saying what is wrong.
    """
    before = os.pread(fd, BEFORE + min(size, features.HEAD), start)
    if (length := length_in(before)) != size:
        raise ValueError(f"it has {length:,} bytes, {size:,} when the shard was indexed")
    head, data = before[BEFORE:], start + BEFORE
    parsed = features.parse_head(head, size)
    first = parsed[1] if parsed else 0  # of the bytes that are still to be read
    rest = os.pread(fd, size - first, data + first)
    crc = google_crc32c.extend(google_crc32c.value(head[:first]), rest)
    if masked(crc) != int.from_bytes(os.pread(fd, 4, data + size), "little"):
        raise ValueError(BAD_CRC)
    if parsed:
        return parsed[0], rest
    try:
        return features.decode(rest)
    except ValueError as error:
        raise ValueError(f"it is no Example ({error})") from error


def _name(record: bytes) -> str:
    """The name of a damaged record's image, "" where it cannot be read."""
    try:
        return features.decode(record)[0].key.rpartition("/")[2]
    except ValueError:
        return ""
