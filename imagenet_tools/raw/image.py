"""An image of a raw data set, and a class."""

from __future__ import annotations

from typing import NamedTuple

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
