"""Bounding boxes, and which image each of them is of.

A box is (xmin, ymin, xmax, ymax), each 0..1 of the image; a box outside is cut to it, an empty one
is dropped, sides in the wrong order are put right, and all of it is counted. A list that has pixels
and no sizes gives boxes that become relative when their image is read.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from imagenet_tools.raw.classes import SYNSET
from imagenet_tools.raw.image import Box
from imagenet_tools.raw.listing import SPLIT_OF
from imagenet_tools.raw.split import RawSplit

EMPTY, CUT = "empty or outside the image, dropped", "cut to the image"


class PixelBox(NamedTuple):
    """A box in pixels, of a list that does not say how large its images are."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    def of(self, width: float, height: float) -> Box:
        """The box relative to an image of this size."""
        return self.xmin / width, self.ymin / height, self.xmax / width, self.ymax / height


def cut(box: Box, odd: Counter[str]) -> Box | None:
    """A box, its sides in order, cut to the image; None where nothing is left. Either is counted in
    `odd`."""
    xmin, ymin, xmax, ymax = (min(max(side, 0.0), 1.0) for side in box)
    if xmin >= xmax or ymin >= ymax:
        odd[EMPTY] += 1
        return None
    kept = xmin, ymin, xmax, ymax
    if kept != box:
        odd[CUT] += 1
    return kept


class Row(NamedTuple):
    """A box as given: the image's name, with folders where they are given; where it is said; width
    and height of the image that it was drawn in, where they are given beside it."""

    name: str
    box: Box
    where: str
    size: tuple[float, ...] = ()


@dataclass
class Boxes:
    """What a source says, before it is known which image each box is of.

    source: its name, "" for none. given: rows in it. odd: what was put right -> how often.
    """

    source: str = ""
    of: dict[str, list[Box]] = field(default_factory=lambda: defaultdict(list))
    where: dict[str, str] = field(default_factory=dict)
    given: int = 0
    odd: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Take a row. Raises ValueError for sides that are no numbers."""
        self.given += 1
        if not all(map(math.isfinite, row.box)):
            raise ValueError(f"{row.where}: a side of the box of {row.name} is not finite")
        xmin, ymin, xmax, ymax = row.box
        ordered = min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax)
        if ordered != row.box:
            self.odd["sides reversed"] += 1
        in_pixels = isinstance(row.box, PixelBox)
        if box := PixelBox(*ordered) if in_pixels else cut(ordered, self.odd):
            name = row.name.strip().replace("\\", "/").removeprefix("./")
            self.of[name].append(box)
            self.where.setdefault(name, row.where)

    def attached(self, splits: dict[str, RawSplit]) -> tuple[dict[str, RawSplit], str]:
        """The RawSplits with these boxes on their images; the source in words, with its counts.

        Raises ValueError for a name that several images have.
        """
        if not self.source:
            return splits, ""
        boxes: dict[str, dict[str, tuple[Box, ...]]] = {split: {} for split in splits}
        unused = []
        images = _images(splits, self.of)
        classes = frozenset(info.key for part in splits.values() for info in part.classes)
        by_class = any(classes.intersection(name.split("/")[:-1]) for name in self.of)
        for name, boxes_of in self.of.items():
            owners = _owners(name, images[stem_of(name)], classes, by_class)
            if len(owners) > 1:
                both = ", ".join(f"{split} {key}" for split, key in owners[:3])
                raise ValueError(
                    f"{self.where[name]}: {len(owners)} images are called {name} ({both}); name "
                    "the class folder too, class/file"
                )
            if not owners:
                unused.append(name)
            for split, key in owners:
                boxes[split][key] = (*boxes[split].get(key, ()), *boxes_of)
        count = sum(map(len, boxes.values()))
        words = [f"{self.source}: boxes of {count:,} images"]
        words += [f"{times:,} {what}" for what, times in sorted(self.odd.items())]
        if unused:
            rows = sum(len(self.of[name]) for name in unused)
            words.append(
                f"{rows:,} of {self.given:,} for images that are not here ({unused[0]}"
                + (", ...)" if len(unused) > 1 else ")")
            )
        parts = {split: replace(part, boxes=boxes[split]) for split, part in splits.items()}
        return parts, "; ".join(words)


def stem_of(name: str) -> str:
    """The name of a file without its folders and its extension."""
    base = name.rpartition("/")[2]
    return base.rpartition(".")[0] or base


Owner = tuple[str, str]  # split and key of an image


def _images(splits: dict[str, RawSplit], names: Iterable[str]) -> dict[str, list[Owner]]:
    """Stem -> the images that have it, of those that are asked for."""
    owners_of: dict[str, list[Owner]] = {stem_of(name): [] for name in names}
    for split, part in splits.items():
        for key in iter(part.keys()):
            if (owners := owners_of.get(stem_of(key))) is not None:
                owners.append((split, key))
    return owners_of


def _owners(name: str, images: list[Owner], classes: frozenset[str], by_class: bool) -> list[Owner]:
    """The images that a name can mean: of the class and of the split that its folders name, and
    those that agree best with its ending. by_class: folders of other names are classes."""
    *folders, base = filter(None, name.split("/"))
    others = [one for one in folders if one not in SPLIT_OF and one not in classes]
    if named := classes.intersection(folders):
        images = [one for one in images if one[1].split("/")[0] in named]
    elif others and (by_class or SYNSET.fullmatch(others[-1])):
        return []  # of a class that is not here
    if splits := {SPLIT_OF[one] for one in folders if one in SPLIT_OF and one not in named}:
        images = [one for one in images if one[0] in splits]
    return [one for one in images if one[1].endswith(f"/{base}")] or images
