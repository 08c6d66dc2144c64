"""What a layout yields: classes, and for each split a columnar index of its images.

Columns (NumPy arrays and one block of names) in place of an object an image: ImageNet's 1.28
million entries take some 60 MB, ImageNet-21k's 14.2 million under 1 GB.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # at run time where it is used: a worker starts in half the time without it
    import numpy as np

SPLITS = ("train", "validation")
BLOCK = 65536  # entries that are lists of Python's at one time
Box = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax, each 0..1 of the image


class ClassInfo(NamedTuple):
    """A class: its key (a synset or a folder's name) and its words. Class i has label i + 1."""

    key: str
    words: str


class RawImage(NamedTuple):
    """One image and where its bytes lie.

    path: the file that holds them. size < 0: the whole file; otherwise `size` bytes at `offset`.
    row >= 0: row of a parquet file instead. label: 1..N; 0 is background and never given.
    """

    split: str
    filename: str
    synset: str
    label: int
    path: str
    offset: int = 0
    size: int = -1
    row: int = -1
    boxes: tuple[Box, ...] = ()

    @property
    def key(self) -> str:
        """What identifies the image wherever it is stored: synset/filename."""
        return f"{self.synset}/{self.filename}"


class Entry(NamedTuple):
    """What a layout says of one image while it lists: container is a folder or an archive."""

    container: str
    filename: str
    label: int
    offset: int = 0
    size: int = -1
    row: int = -1


@dataclass(frozen=True)
class Images:
    """Some images of a split, as columns of plain Python: what the task of a shard carries.

    Made and pickled in a tenth of the time that the images themselves take, so that one process
    keeps many workers busy; a worker makes the images of it, without NumPy.
    """

    split: str
    containers: dict[int, str]
    synsets: dict[int, str]  # of the labels that occur
    container: list[int]
    labels: list[int]
    offsets: list[int]
    sizes: list[int]
    rows: list[int]
    names: bytes
    name_ends: list[int]
    boxes: Sequence[tuple[Box, ...]] = ()  # empty: none has any

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[RawImage]:
        start = 0
        boxes = self.boxes or itertools.repeat(())
        columns = (self.container, self.labels, self.offsets, self.sizes, self.rows)
        # Not strict: the boxes that are none have no end.
        for number, label, offset, size, row, end, own in zip(
            *columns, self.name_ends, boxes, strict=False
        ):
            filename = os.fsdecode(self.names[start:end])
            start = end
            place = self.containers[number]
            path = os.path.join(place, filename) if size < 0 and row < 0 else place
            yield RawImage(
                self.split, filename, self.synsets[label], label, path, offset, size, row, own
            )


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
    boxes: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def filename(self, index: int) -> str:
        start = int(self.name_ends[index - 1]) if index else 0
        return os.fsdecode(self.names[start : int(self.name_ends[index])])

    def key(self, index: int) -> str:
        return f"{self.classes[int(self.labels[index]) - 1].key}/{self.filename(index)}"

    def keys(self) -> Iterator[str]:
        synsets, start = [info.key for info in self.classes], 0
        for first in range(0, len(self), BLOCK):
            block = slice(first, first + BLOCK)
            ends, labels = self.name_ends[block].tolist(), self.labels[block].tolist()
            for label, end in zip(labels, ends, strict=True):
                yield f"{synsets[label - 1]}/{os.fsdecode(self.names[start:end])}"
                start = end

    def __getitem__(self, index: int) -> RawImage:
        return next(iter(self.take([index])))

    def take(self, indices: Sequence[int] | np.ndarray) -> Images:
        """The images at these positions, in this order."""
        import numpy as np

        at = np.asarray(indices, np.int64)
        ends = self.name_ends[at]
        lengths = ends - np.where(at > 0, self.name_ends[at - 1], 0)
        name_ends = np.cumsum(lengths)
        # Of each byte of the names its place in self.names: a gather in place of a slice a name.
        places = np.arange(lengths.sum()) + np.repeat(ends - name_ends, lengths)
        names = np.frombuffer(self.names, np.uint8)[places].tobytes()
        labels, container = self.labels[at].tolist(), self.container[at].tolist()
        images = Images(
            split=self.name,
            containers={number: self.containers[number] for number in set(container)},
            synsets={label: self.classes[label - 1].key for label in set(labels)},
            container=container,
            labels=labels,
            offsets=self.offsets[at].tolist(),
            sizes=self.sizes[at].tolist(),
            rows=self.rows[at].tolist(),
            names=names,
            name_ends=name_ends.tolist(),
        )
        if not self.boxes:
            return images
        stems = (os.path.splitext(image.filename)[0] for image in images)
        return replace(images, boxes=[self.boxes.get(stem, ()) for stem in stems])


@dataclass(frozen=True)
class RawSet:
    """A raw data set as found: what it is, its classes and its splits."""

    layout: str
    description: str
    label_convention: str
    classes: tuple[ClassInfo, ...]
    splits: dict[str, RawSplit]
    boxes_source: str = ""

    @property
    def num_classes(self) -> int:
        """Number of classes without background."""
        return len(self.classes)


def columns(
    name: str,
    classes: tuple[ClassInfo, ...],
    entries: Iterable[Entry],
    boxes: Mapping[str, tuple[Box, ...]] | None = None,
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
        encoded = os.fsencode(entry.filename)
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
        boxes=boxes or {},
    )
