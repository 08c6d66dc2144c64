"""Images whose very bytes are in both splits of a folder of records."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imagenet_tools import storage
from imagenet_tools.raw.intake import FIRST, Counted
from imagenet_tools.raw.listing import SPLIT_FOLDERS
from imagenet_tools.raw.split import SPLITS
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.foreign import split_of

if TYPE_CHECKING:  # at run time where it is used: a worker starts in half the time without it
    import numpy as np

COPIES = "images of both splits"
Hashes = Mapping[str, "array[int]"]  # shard -> of each of its records one, of 64 bits


class At(NamedTuple):
    """Where an image is: its shard, the number in it, and its file's name."""

    file: str
    record: int
    name: str

    def __str__(self) -> str:
        return f"{self.file} record {self.record} ({self.name})"


class SplitRecords:
    """The records of a split's shards, counted through, and a hash of each."""

    def __init__(self, place: Path, hashes: Hashes, split: str) -> None:
        import numpy as np

        self.place = place
        self.shards = [name for name in hashes if split_of(name) in SPLIT_FOLDERS[split]]
        each = [np.array(hashes[name], np.uint64) for name in self.shards]
        self.ends = np.cumsum([0, *map(len, each)])
        self.hashes: np.ndarray = np.concatenate([np.zeros(0, np.uint64), *each])

    def at(self, numbers: Sequence[int]) -> Iterator[tuple[int, At, dict[str, list[Any]]]]:
        """Read records, ascending: number, place and content, each shard opened once."""
        import numpy as np

        wanted = np.array(sorted(numbers), np.int64)
        shard_of = np.searchsorted(self.ends, wanted, side="right") - 1
        for shard in np.unique(shard_of):
            name, before = self.shards[shard], int(self.ends[shard])
            held = (wanted[shard_of == shard] - before).tolist()
            with storage.local_copy(self.place / name) as path:
                for at, data in zip(held, tfrecord.read_at(path, held), strict=True):
                    example = schema.decode_example(data)
                    yield before + at, At(name, at, schema.text(example, schema.FILENAME)), example


def copies(place: Path, hashes: Hashes) -> list[tuple[At, At]]:
    """Of each image of both splits where it is first, in training and in validation."""
    splits = [SplitRecords(place, hashes, split) for split in SPLITS]
    return _compared(splits, _shared(*splits))


def _compared(splits: Sequence[SplitRecords], shared: np.ndarray) -> list[tuple[At, At]]:
    """As `copies`, of the images that have one of these hashes: they are read and compared."""
    import numpy as np

    train, validation = dict[bytes, At](), dict[bytes, At]()
    for one, first in zip(splits, (train, validation), strict=True):
        for _, where, example in one.at(np.flatnonzero(np.isin(one.hashes, shared)).tolist()):
            first.setdefault(hashlib.sha256(example[schema.ENCODED][0]).digest(), where)
    return [(where, validation[image]) for image, where in train.items() if image in validation]


def _shared(train: SplitRecords, validation: SplitRecords) -> np.ndarray:
    """The hashes that both have, but for that of no image."""
    import numpy as np

    values, first = np.unique(train.hashes, return_index=True)
    found = np.isin(values, validation.hashes) & (values != 0)
    return np.asarray(values[found][np.argsort(first[found])])


def noticed(place: Path, hashes: Hashes) -> list[tuple[str, Counted]]:
    """What a build says of images that are there twice: how many there are by their hashes, and the
    names of the first, which are read again and compared here; but not from a store."""
    splits = [SplitRecords(place, hashes, split) for split in SPLITS]
    shared, looked = _shared(*splits), 0 if storage.is_remote(place) else FIRST
    both = [f"{one.name} as {other.name}" for one, other in _compared(splits, shared[:looked])]
    found = [(COPIES, Counted(len(shared[looked:]) + len(both), both))]
    for split, records in zip(SPLITS, splits, strict=True):
        pairs = _pairs(records)
        named = list(_named(records, pairs[:looked]))
        found.append((f"images twice in {split}", Counted(len(pairs[looked:]) + len(named), named)))
    return [(what, one) for what, one in found if one.count]


def _pairs(records: SplitRecords) -> np.ndarray:
    """The records whose hash another one has, each with the one before it: int64 [n, 2]."""
    import numpy as np

    order = np.argsort(records.hashes, kind="stable")
    same = np.flatnonzero(records.hashes[order[1:]] == records.hashes[order[:-1]])
    return np.stack([order[same], order[same + 1]], axis=1)


def _named(records: SplitRecords, pairs: np.ndarray) -> Iterator[str]:
    """Those of the pairs that are of the same bytes, by class and name."""
    import numpy as np

    examples = {at: example for at, _, example in records.at(np.unique(pairs).tolist())}
    for one, other in ((examples[at] for at in pair) for pair in pairs.tolist()):
        if one[schema.ENCODED] == other[schema.ENCODED]:
            yield " as ".join(
                f"{schema.text(at, schema.SYNSET)}/{schema.text(at, schema.FILENAME)}"
                for at in (one, other)
            )
