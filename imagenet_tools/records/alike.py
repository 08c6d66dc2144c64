"""Near-duplicates among images: which of them show one picture, found by their hashes.

Those of a split are looked for once and kept beside its shards, as lists of records' numbers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from imagenet_tools import terminal
from imagenet_tools.engines import processes
from imagenet_tools.images import likeness
from imagenet_tools.records.reader import Record, RecordReader, open_records
from imagenet_tools.records.shards import shard_paths
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

VERSION = 2  # of the file (2 has mirror images); raised when other images become near-duplicates

# Of two hashes that differ in 10 bits, one of the four parts differs in 2 at most: so those are
# looked up by each part, with every change of up to 2 bits.
_PART = 16
_CHANGES = [
    sum(1 << bit for bit in bits)
    for count in range(likeness.NEAR // (64 // _PART) + 1)
    for bits in itertools.combinations(range(_PART), count)
]
_EVEN, _FOURS, _BYTES, _EACH = (
    np.uint64(byte * 0x0101010101010101) for byte in (0x55, 0x33, 0x0F, 0x01)
)


# The thumbnails of images by their numbers.
Thumbnails = Callable[[Sequence[int]], Mapping[int, np.ndarray]]


def near(
    hashes: np.ndarray, others: np.ndarray | None = None, mirrored: bool = False
) -> np.ndarray:
    """Pairs of uint64 hashes that differ in at most likeness.NEAR bits: int64 [pairs, 2].

    Of hashes among themselves each pair once; else (index of the first, index of the other).
    mirrored: of an image and the mirror image of the other. Blank images are near to none.
    """
    first, second = hashes, hashes if others is None else others
    if mirrored:
        second = second ^ np.uint64(likeness.MIRROR)
    mine, theirs = np.flatnonzero(~blank(first)), np.flatnonzero(~blank(second))
    close = [np.zeros((0, 2), np.int64)]
    for shift in range(0, 64, _PART):
        key, table = (_part(one, shift) for one in (first[mine], second[theirs]))
        order = np.argsort(table, kind="stable")
        starts = np.searchsorted(table[order], np.arange((1 << _PART) + 1))
        for change in _CHANGES:
            low, high = starts[key ^ change], starts[(key ^ change) + 1]
            counts = high - low
            a = np.repeat(np.arange(len(mine)), counts)
            within = np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts)
            pairs = np.stack([mine[a], theirs[order[low[a] + within]]], axis=1)
            if others is None:
                pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            differ = _ones(first[pairs[:, 0]] ^ second[pairs[:, 1]])
            close.append(pairs[differ <= likeness.NEAR])
    return np.unique(np.concatenate(close), axis=0)


def _part(hashes: np.ndarray, shift: int) -> np.ndarray:
    return np.asarray((hashes >> np.uint64(shift)) & np.uint64((1 << _PART) - 1)).astype(np.int64)


def _ones(numbers: np.ndarray) -> np.ndarray:
    """How many bits of each uint64 are set: sums of pairs, of fours, of bytes, of all eight."""
    left = numbers - ((numbers >> np.uint64(1)) & _EVEN)
    left = (left & _FOURS) + ((left >> np.uint64(2)) & _FOURS)
    left = (left + (left >> np.uint64(4))) & _BYTES
    return np.asarray((left * _EACH) >> np.uint64(56))


def blank(hashes: np.ndarray) -> np.ndarray:
    """bool [n]: the image is of one shade."""
    return np.asarray(hashes >= np.uint64(likeness.FLAT))


def grouped(hashes: np.ndarray, thumbnails: Thumbnails, count: int | None = None) -> np.ndarray:
    """Which images show one picture, or its mirror image: int32 [n], for each the first that does.

    thumbnails: those of the images with these numbers, asked for once where hashes are near.
    count: only the first so many are held against each other, and the others against them. Blank
    images of one shade are a group: a net has one answer for them all.
    """
    count = len(hashes) if count is None else count
    close = {
        mirrored: near(hashes[:count], None, mirrored).tolist()
        + (near(hashes[:count], hashes[count:], mirrored) + [0, count]).tolist()
        for mirrored in (False, True)
    }
    seen = thumbnails(sorted({at for pairs in close.values() for pair in pairs for at in pair}))
    pairs = [
        (a, b)
        for mirrored, near_pairs in close.items()
        for a, b in near_pairs
        if likeness.alike(seen[a], seen[b][:, ::-1] if mirrored else seen[b])
    ]
    shades = hashes[:count][blank(hashes[:count]) & (hashes[:count] != np.uint64(likeness.UNKNOWN))]
    for shade in np.unique(shades):
        first, *rest = np.flatnonzero(hashes[:count] == shade).tolist()
        pairs += [(first, other) for other in rest]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(hashes), len(hashes)))
    _, firsts, member = np.unique(
        connected_components(graph, directed=False)[1], return_index=True, return_inverse=True
    )
    return np.asarray(firsts[member], np.int32)


def groups(folder: str | os.PathLike[str], split: str) -> np.ndarray:
    """Which images of a split show one picture: int32 [records], in their order; see `grouped`.

    Raises what open_records raises, and DamagedData for a record that cannot be read.
    """
    reader = open_records(folder, split)
    kept = Path(os.path.dirname(shard_paths(folder, split)[0])) / file_name(split)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        return _read(kept, reader)
    group = _compared(reader)
    with contextlib.suppress(OSError):  # a folder that is only read
        several = [np.flatnonzero(group == one).tolist() for one in repeated(group)]
        write_json(kept, {"version": VERSION, "data": reader.digest, "groups": several})
    return group


def file_name(split: str) -> str:
    """The name under which a split's near-duplicates are kept; no reader's glob matches it."""
    return f"imgtools_near_duplicates_{split}.json"


def _read(path: Path, reader: RecordReader) -> np.ndarray:
    content = json_file.read(path)
    if (content["version"], content["data"]) != (VERSION, reader.digest):
        raise ValueError(f"{path} is of other records")
    group = np.arange(len(reader), dtype=np.int32)
    for members in content["groups"]:
        if members[0] < 0 or members != sorted(set(members)):
            raise ValueError(f"{path} holds a group that is none")
        group[members] = members[0]
    return group


def repeated(group: np.ndarray) -> np.ndarray:
    """The numbers of the groups of several images."""
    return np.flatnonzero(np.bincount(group) > 1)


def _compared(reader: RecordReader) -> np.ndarray:
    def hashed(at: int) -> int:
        try:
            return likeness.perceptual_hash(_thumbnail(reader[at]))
        except ValueError:  # what does not decode is like nothing else
            return likeness.UNKNOWN

    with ThreadPoolExecutor(processes.cores()) as pool:
        several = pool.map(hashed, range(len(reader)))
        bar = terminal.bar("near-duplicates", "images", iterable=several, total=len(reader))
        hashes = np.fromiter(bar, np.uint64, len(reader))
    return grouped(hashes, lambda wanted: {at: _thumbnail(reader[at]) for at in wanted})


def _thumbnail(record: Record) -> np.ndarray:
    if record.image_format == "RAW":
        return likeness.squeezed(record.pixels())
    return likeness.thumbnail(record.encoded)
