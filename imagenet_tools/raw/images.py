"""Some images of a split, as the task of a shard carries them."""

from __future__ import annotations

import functools
import itertools
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imagenet_tools.raw.image import Box, RawImage
from imagenet_tools.raw.texts import Texts


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
    containers: Texts  # that occur
    present: array[int]  # the labels that occur
    synsets: Texts
    class_words: Texts
    container: array[int]  # index into containers
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
        places = list(self.containers)
        folders = [os.path.join(place, "") for place in places]
        synsets = dict(zip(self.present, self.synsets, strict=True))
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
