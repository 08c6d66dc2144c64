"""The images of a split as columns.

NumPy arrays and one block of names in place of an object an image: ImageNet's 1.28 million entries
take some 60 MB, ImageNet-21k's 14.2 million under 1 GB.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from imagenet_tools.raw import texts
from imagenet_tools.raw.image import Box, ClassInfo, Entry, RawImage
from imagenet_tools.raw.images import Images
from imagenet_tools.raw.texts import UTF8

if TYPE_CHECKING:  # at run time where it is used: a worker starts in half the time without it
    import numpy as np

SPLITS = ("train", "validation")
BLOCK = 65536  # entries that are lists of Python's at one time


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
        synsets, start = [info.key for info in self.classes], 0
        for first in range(0, len(self), BLOCK):
            block = slice(first, first + BLOCK)
            ends, labels = self.name_ends[block].tolist(), self.labels[block].tolist()
            for label, end in zip(labels, ends, strict=True):
                yield f"{synsets[label - 1]}/{self.names[start:end].decode(*UTF8)}"
                start = end

    def filenames(self) -> Iterator[str]:
        start = 0
        for end in self.name_ends.tolist():
            yield self.names[start:end].decode(*UTF8)
            start = end

    def __getitem__(self, index: int) -> RawImage:
        return next(iter(self.take([index])))

    def take(self, indices: Sequence[int] | np.ndarray) -> Images:
        """The images at these positions, in this order."""
        import numpy as np

        at = np.asarray(indices, np.int64)
        container, labels = self.container[at], self.labels[at]
        places, present = np.unique(container), np.unique(labels)
        images = Images(
            split=self.name,
            places=texts.smallest(places),
            containers=texts.take(*self._places, places),
            present=texts.smallest(present),
            synsets=texts.take(*self._synsets, present - 1),
            class_words=texts.take(*self._words, present - 1),
            container=texts.smallest(container),
            labels=texts.smallest(labels),
            offsets=texts.smallest(self.offsets[at]),
            sizes=texts.smallest(self.sizes[at]),
            rows=texts.smallest(self.rows[at]),
            names=texts.take(self.names, self.name_ends, at),
            versions=() if self.versions is None else texts.smallest(self.versions[at]),
        )
        if not self.boxes:
            return images
        return replace(images, boxes=[self.boxes.get(self.key(int(one)), ()) for one in at])

    @functools.cached_property
    def _places(self) -> tuple[bytes, np.ndarray]:
        return texts.block(self.containers)

    @functools.cached_property
    def _synsets(self) -> tuple[bytes, np.ndarray]:
        return texts.block(info.key for info in self.classes)

    @functools.cached_property
    def _words(self) -> tuple[bytes, np.ndarray]:
        return texts.block(info.words for info in self.classes)


def renumbered(part: RawSplit, classes: tuple[ClassInfo, ...], labels: Sequence[int]) -> RawSplit:
    """A split listed before its classes were known: label i becomes labels[i - 1]."""
    import numpy as np

    table = np.array([0, *labels], np.int32)
    return replace(part, classes=classes, labels=table[part.labels])


def joined(first: RawSplit, second: RawSplit) -> RawSplit:
    """The images of both, which have the same classes."""
    import numpy as np

    if not len(second):
        return first
    shift = len(first.containers)
    return replace(
        first,
        containers=first.containers + second.containers,
        container=np.concatenate([first.container, second.container + np.int32(shift)]),
        labels=np.concatenate([first.labels, second.labels]),
        offsets=np.concatenate([first.offsets, second.offsets]),
        sizes=np.concatenate([first.sizes, second.sizes]),
        rows=np.concatenate([first.rows, second.rows]),
        names=first.names + second.names,
        name_ends=np.concatenate([first.name_ends, second.name_ends + len(first.names)]),
    )


def columns(
    name: str,
    classes: tuple[ClassInfo, ...],
    entries: Iterable[Entry],
) -> RawSplit:
    """Gather a split's entries into columns, in bounded memory beside the columns themselves."""
    import numpy as np

    containers: dict[str, int] = {}
    # Each column in blocks of its own type, joined one column at a time: 14 million entries stay
    # under 2 GB on the way.
    types = (np.int32, np.int32, np.int64, np.int64, np.int64, np.int64)
    blocks: list[list[np.ndarray]] = [[] for _ in types]
    rows: list[tuple[int, int, int, int, int, int]] = []
    names = bytearray()

    def store() -> None:
        table = np.array(rows, np.int64).reshape(-1, len(types))
        for number, kind in enumerate(types):
            blocks[number].append(table[:, number].astype(kind))
        rows.clear()

    for entry in entries:
        encoded = entry.filename.encode(*UTF8)
        names += encoded
        number = containers.setdefault(entry.container, len(containers))
        rows.append((number, entry.label, entry.offset, entry.size, entry.row, len(names)))
        if len(rows) == BLOCK:
            store()
    store()
    joined = []
    while blocks:
        joined.append(np.concatenate(blocks.pop(0)))
    container, label, offset, size, row, name_end = joined
    return RawSplit(
        name=name,
        classes=classes,
        containers=tuple(containers),
        container=container,
        labels=label,
        offsets=offset,
        sizes=size,
        rows=row,
        names=bytes(names),
        name_ends=name_end,
    )
