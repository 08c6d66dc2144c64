"""The images of a split as columns.

NumPy arrays and one block of names in place of an object an image: ImageNet's 1.28 million entries
take some 60 MB, ImageNet-21k's 14.2 million under 1 GB.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from imagenet_tools.raw import texts
from imagenet_tools.raw.image import Box, ClassInfo, Entry, RawImage
from imagenet_tools.raw.images import Images
from imagenet_tools.raw.texts import UTF8

if TYPE_CHECKING:  # at run time where it is used: a worker starts in half the time without it
    import numpy as np

SPLITS = ("train", "validation")
BLOCK = 65536  # entries that are lists of Python's at one time
# Numbers that a split has of each image, in an array each.
COLUMNS = {
    **{"container": "int32", "labels": "int32"},
    **{"offsets": "int64", "sizes": "int64", "rows": "int64", "name_ends": "int64"},
}


@dataclass(frozen=True)
class RawSplit:
    """The images of one split as columns; len(), take() and keys() are what the builder uses."""

    name: str
    classes: tuple[ClassInfo, ...]
    containers: tuple[str, ...]
    container: np.ndarray  # int32 [n], index into containers
    labels: np.ndarray  # int32 [n]
    offsets: np.ndarray  # int64 [n]
    sizes: np.ndarray  # int64 [n], -1 for a whole file
    rows: np.ndarray  # int64 [n], -1 unless parquet
    names: bytes
    name_ends: np.ndarray  # int64 [n]
    boxes: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)  # by the image's key
    versions: np.ndarray | None = None  # int64 [n], of what a store holds: another, and it changed

    def __len__(self) -> int:
        return len(self.labels)

    def filename(self, index: int) -> str:
        start = int(self.name_ends[index - 1]) if index else 0
        return self.names[start : int(self.name_ends[index])].decode(*UTF8)

    def key(self, index: int) -> str:
        return f"{self.classes[int(self.labels[index]) - 1].key}/{self.filename(index)}"

    def keys(self) -> Iterator[str]:
        synsets = [info.key for info in self.classes]
        return (f"{synsets[label - 1]}/{name}" for name, label in self.labelled())

    def labelled(self) -> Iterator[tuple[str, int]]:
        """The name of each image, and its label."""
        return zip(self.filenames(), _numbers(self.labels), strict=True)

    def filenames(self) -> Iterator[str]:
        start = 0
        for end in _numbers(self.name_ends):
            yield self.names[start:end].decode(*UTF8)
            start = end

    def __getitem__(self, index: int) -> RawImage:
        return next(iter(self.take([index])))

    def take(self, indices: Sequence[int] | np.ndarray) -> Images:
        """The images at these positions, in this order."""
        import numpy as np

        at = np.asarray(indices, np.int64)
        places, container = np.unique(self.container[at], return_inverse=True)
        present = np.unique(self.labels[at])
        folders, synsets, words = self._texts
        numbers: dict[str, Any] = {
            name: texts.smallest(getattr(self, name)[at])
            for name in ("labels", "offsets", "sizes", "rows", "versions")
            if getattr(self, name) is not None
        }
        return Images(
            split=self.name,
            containers=texts.take(*folders, places),
            present=texts.smallest(present),
            synsets=texts.take(*synsets, present - 1),
            class_words=texts.take(*words, present - 1),
            container=texts.smallest(container),
            names=texts.take(self.names, self.name_ends, at),
            boxes=[self.boxes.get(self.key(int(one)), ()) for one in at] if self.boxes else (),
            **numbers,
        )

    @functools.cached_property
    def _texts(self) -> list[tuple[bytes, np.ndarray]]:
        """The containers, and the keys and the words of the classes."""
        keys, words = ([info[at] for info in self.classes] for at in (0, 1))
        return [texts.block(several) for several in (self.containers, keys, words)]


def _numbers(column: np.ndarray) -> Iterator[int]:
    blocks = (column[first : first + BLOCK] for first in range(0, len(column), BLOCK))
    return itertools.chain.from_iterable(block.tolist() for block in blocks)


def renumbered(part: RawSplit, classes: tuple[ClassInfo, ...], labels: Sequence[int]) -> RawSplit:
    """A split listed before its classes were known: label i becomes labels[i - 1]."""
    import numpy as np

    table = np.array([0, *labels], np.int32)
    return replace(part, classes=classes, labels=table[part.labels])


def joined(first: RawSplit, *others: RawSplit) -> RawSplit:
    """The images of several, which have the same classes, under the name of the first."""
    import numpy as np

    parts = [part for part in (first, *others) if len(part)]
    if len(parts) < 2:
        return replace(parts[0], name=first.name) if parts else first
    both: dict[str, Any] = {
        column: np.concatenate([getattr(part, column) for part in parts]) for column in COLUMNS
    }
    # Containers and the bytes of names are counted on from one part to the next.
    for column, counted in (("container", "containers"), ("name_ends", "names")):
        before = np.cumsum([0, *(len(getattr(part, counted)) for part in parts[:-1])])
        both[column] += np.repeat(before, [len(part) for part in parts]).astype(both[column].dtype)
    return replace(
        first,
        containers=tuple(itertools.chain.from_iterable(part.containers for part in parts)),
        names=b"".join(part.names for part in parts),
        **both,
    )


def columns(name: str, classes: tuple[ClassInfo, ...], entries: Iterable[Entry]) -> RawSplit:
    """Gather a split's entries into columns, in bounded memory beside the columns themselves."""
    import numpy as np

    containers: dict[str, int] = {}
    # Each column in blocks of its own type, joined one column at a time: 14 million entries stay
    # under 2 GB on the way.
    blocks: dict[str, list[np.ndarray]] = {column: [] for column in COLUMNS}
    rows: list[tuple[int, ...]] = []
    names = bytearray()

    def store() -> None:
        table = np.array(rows, np.int64).reshape(-1, len(COLUMNS))
        for number, (column, kind) in enumerate(COLUMNS.items()):
            blocks[column].append(table[:, number].astype(kind))
        rows.clear()

    for entry in entries:
        names += entry.filename.encode(*UTF8)
        number = containers.setdefault(entry.container, len(containers))
        rows.append((number, entry.label, entry.offset, entry.size, entry.row, len(names)))
        if len(rows) == BLOCK:
            store()
    store()
    arrays: dict[str, Any] = {}
    for column in COLUMNS:
        arrays[column] = np.concatenate(blocks.pop(column))
    return RawSplit(
        name=name, classes=classes, containers=tuple(containers), names=bytes(names), **arrays
    )
