"""What a layout yields: classes, and for each split a columnar index of its images.

Columns (NumPy arrays and one block of names) in place of an object an image: ImageNet's 1.28
million entries take some 60 MB, ImageNet-21k's 14.2 million under 1 GB.
"""

from __future__ import annotations

import functools
import itertools
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # at run time where it is used: a worker starts in half the time without it
    import numpy as np

    from imagenet_tools.raw.intake import Intake

Box = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax, each 0..1 of the image

SPLITS = ("train", "validation")
UTF8 = "utf-8", "surrogateescape"  # file names may be any bytes
BLOCK = 65536  # entries that are lists of Python's at one time


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

    @property
    def where(self) -> str:
        """Its file, or the file that holds it and its key."""
        return self.path if self.size < 0 and self.row < 0 else f"{self.path}: {self.key}"


class Entry(NamedTuple):
    """What a layout says of one image while it lists: container is a folder or an archive."""

    container: str
    filename: str
    label: int
    offset: int = 0
    size: int = -1
    row: int = -1


@dataclass(frozen=True)
class Texts:
    """Strings in one block, taken and pickled in a fraction of the time that each alone would."""

    block: bytes
    ends: array[int]

    def __iter__(self) -> Iterator[str]:
        start = 0
        # ASCII, as nearly all are, is decoded at one time.
        text = self.block.decode("ascii") if self.block.isascii() else None
        for end in self.ends:
            yield self.block[start:end].decode(*UTF8) if text is None else text[start:end]
            start = end


class Words(Mapping[str, str]):
    """Synset -> words of the classes of some images; made a dict where it is first looked into."""

    def __init__(self, synsets: Texts, words: Texts) -> None:
        self._synsets, self._words = synsets, words

    @functools.cached_property
    def _found(self) -> dict[str, str]:
        return dict(zip(self._synsets, self._words, strict=True))

    def __getitem__(self, synset: str) -> str:
        return self._found[synset]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True)
class Images:
    """Some images of a split, as columns without NumPy: what the task of a shard carries.

    Made and pickled in a tenth of the time that the images themselves take, so that one process
    keeps many workers busy; a worker makes the images of it.
    """

    split: str
    places: array[int]  # the containers that occur, by number
    containers: Texts
    present: array[int]  # the labels that occur
    synsets: Texts
    class_words: Texts
    container: array[int]
    labels: array[int]
    offsets: array[int]
    sizes: array[int]
    rows: array[int]
    names: Texts
    boxes: Sequence[tuple[Box, ...]] = ()  # empty: none has any
    versions: Sequence[int] = ()  # empty: none is known

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[RawImage]:
        places = dict(zip(self.places, self.containers, strict=True))
        synsets = dict(zip(self.present, self.synsets, strict=True))
        folders = {number: os.path.join(place, "") for number, place in places.items()}
        boxes = self.boxes or itertools.repeat(())
        columns = (self.container, self.labels, self.offsets, self.sizes, self.rows)
        # Not strict: the boxes that are none have no end.
        for number, label, offset, size, row, filename, box in zip(
            *columns, self.names, boxes, strict=False
        ):
            path = folders[number] + filename if size < 0 and row < 0 else places[number]
            yield RawImage(
                self.split, filename, synsets[label], label, path, offset, size, row, box
            )

    @property
    def words(self) -> Words:
        """Words of the classes of these images."""
        return Words(self.synsets, self.class_words)


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
            places=_array(places),
            containers=_take(*self._places, places),
            present=_array(present),
            synsets=_take(*self._synsets, present - 1),
            class_words=_take(*self._words, present - 1),
            container=_array(container),
            labels=_array(labels),
            offsets=_array(self.offsets[at]),
            sizes=_array(self.sizes[at]),
            rows=_array(self.rows[at]),
            names=_take(self.names, self.name_ends, at),
            versions=() if self.versions is None else _array(self.versions[at]),
        )
        if not self.boxes:
            return images
        return replace(images, boxes=[self.boxes.get(self.key(int(one)), ()) for one in at])

    @functools.cached_property
    def _places(self) -> tuple[bytes, np.ndarray]:
        return _block(self.containers)

    @functools.cached_property
    def _synsets(self) -> tuple[bytes, np.ndarray]:
        return _block(info.key for info in self.classes)

    @functools.cached_property
    def _words(self) -> tuple[bytes, np.ndarray]:
        return _block(info.words for info in self.classes)


def _array(values: np.ndarray) -> array[int]:
    """As few bytes as it takes: what all tasks that wait for workers have in memory."""
    import numpy as np

    if not len(values) or int(values.max()) < 2**31:
        return array("i", values.astype(np.int32).tobytes())
    return array("q", values.astype(np.int64).tobytes())


def _block(texts: Iterable[str]) -> tuple[bytes, np.ndarray]:
    """Strings one after another, and where each ends."""
    import numpy as np

    encoded = [text.encode(*UTF8) for text in texts]
    return b"".join(encoded), np.cumsum([len(one) for one in encoded], dtype=np.int64)


def _take(block: bytes, ends: np.ndarray, at: np.ndarray) -> Texts:
    """Some of a block's strings."""
    import numpy as np

    own_ends = ends[at]
    lengths = own_ends - np.where(at > 0, ends[at - 1], 0)
    new_ends = np.cumsum(lengths)
    # Of each byte its place in the block: a gather in place of a slice a string.
    bytes_at = np.arange(lengths.sum()) + np.repeat(own_ends - new_ends, lengths)
    return Texts(np.frombuffer(block, np.uint8)[bytes_at].tobytes(), _array(new_ends))


@dataclass(frozen=True)
class RawSet:
    """A raw data set as found: what it is, its classes and its splits; what was looked for.

    left_out: reason -> {"count": of the entries that no record will hold, "first": some names}.
    unsplit: its images are of no split; they are called training images until `only` is asked.
    refused: a split that is there and cannot be taken -> why.
    """

    layout: str
    description: str
    label_convention: str
    classes: tuple[ClassInfo, ...]
    splits: dict[str, RawSplit]
    boxes_source: str = ""
    looked_for: str = ""
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    unsplit: bool = False
    refused: dict[str, str] = field(default_factory=dict)

    @classmethod
    def described(
        cls,
        layout: str,
        place: str,
        classes: tuple[ClassInfo, ...],
        label_convention: str,
        splits: dict[str, RawSplit],
        *,
        seen: Intake,
        boxes_source: str = "",
        unsplit: bool = False,
        refused: dict[str, str] | None = None,
    ) -> RawSet:
        """The data set with its description: place (what lies where), counts, what was seen."""
        counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
        return cls(
            layout=layout,
            description="; ".join(
                filter(None, [f"{place}: {counts}", boxes_source, *seen.notes()])
            ),
            label_convention=label_convention,
            classes=classes,
            splits=splits,
            boxes_source=boxes_source,
            left_out=seen.left_out,
            unsplit=unsplit,
            refused=refused or {},
        )

    @property
    def num_classes(self) -> int:
        """Number of classes without background."""
        return len(self.classes)

    def only(self, splits: Iterable[str]) -> RawSet:
        """The data set with these splits alone, its classes and labels as they are.

        Raises ValueError, saying what was found and looked for, where one of them is not there.
        """
        wanted = tuple(splits)
        if self.unsplit and wanted == ("validation",):
            part = replace(self.splits["train"], name="validation")
            return replace(self, splits={"validation": part}, unsplit=False)
        if refused := [self.refused[name] for name in wanted if name in self.refused]:
            raise ValueError(refused[0])
        if missing := [name for name in wanted if name not in self.splits]:
            looked_for = f". Looked for: {self.looked_for}" if self.looked_for else ""
            raise ValueError(f"no {' or '.join(missing)} split: {self.description}{looked_for}")
        return replace(self, splits={name: self.splits[name] for name in wanted})


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
