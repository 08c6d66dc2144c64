"""Tiny ImageNet as unzipped: train/<wnid>/images, val/images and val_annotations.txt, wnids.txt."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagenet_tools.raw import box_files, boxes, classes, intake, listing, names_files
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "Tiny ImageNet's train/<wnid>/images, val/val_annotations.txt and wnids.txt"
WNIDS, WORDS, TRUTH = "wnids.txt", "words.txt", "val_annotations.txt"


class Row(NamedTuple):
    """A row of the texts beside the images: an image, its synset and its box."""

    name: str
    synset: str
    box: boxes.PixelBox
    where: str


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place`, or the only folder in it, is Tiny ImageNet's."""
    if not place.is_dir():
        return None
    root = next(filter(_fits, listing.roots(place)), None)
    if root is None:
        return None
    seen, rows = Intake(), list[Row]()
    numbering = _numbering(root, options, seen)
    splits = {}
    for split, folder, entries in (("train", "train", _train), ("validation", "val", _val)):
        if (root / folder).is_dir():
            listed = entries(root / folder, numbering, rows, seen)
            splits[split] = columns(split, numbering.classes, listed)
    listing.above(root, place, seen)
    used = {"train", "val", WNIDS, WORDS, *box_files.names(options.boxes, root)}
    listing.beside(root, used, seen, place)
    return RawSet.described(
        "Tiny ImageNet",
        f"Tiny ImageNet under {root}",
        numbering,
        splits,
        seen=seen,
        boxes=_boxes(root, rows, options),
    )


def _boxes(root: Path, rows: list[Row], options: Options) -> boxes.Boxes:
    """What is given; else the boxes that stand beside the labels."""
    given = box_files.load(options.boxes, root)
    if given.source:
        return given
    of_rows = boxes.Boxes("Tiny ImageNet's annotations")
    for row in rows:
        of_rows.add(boxes.Row(f"{row.synset}/{row.name}", row.box, row.where))
    return of_rows


def _fits(root: Path) -> bool:
    return (root / WNIDS).is_file() and (
        (root / "val" / TRUTH).is_file() or (root / "train").is_dir()
    )


def _numbering(root: Path, options: Options, seen: Intake) -> classes.Numbering:
    """The classes of wnids.txt; ImageNet's numbers where all are its own."""
    names = intake.text_of(root / WNIDS).split()
    text = intake.text_of(root / WORDS) if (root / WORDS).is_file() else ""
    words = dict(map(names_files.class_of, text.splitlines()))
    return classes.choose(names, options.labels, seen, words)


def _train(
    folder: Path, numbering: classes.Numbering, rows: list[Row], seen: Intake
) -> Iterator[Entry]:
    for synset in (synsets := listing.entries(folder).folders):
        text = folder / synset / f"{synset}_boxes.txt"
        if text.is_file():
            rows.extend(_rows(text, synset))
        yield from _class(folder, synset, numbering, seen, text.name)
    listing.beside(folder, synsets, seen, folder.parent)


def _class(
    folder: Path, synset: str, numbering: classes.Numbering, seen: Intake, text: str = ""
) -> Iterator[Entry]:
    """The images of a class folder of a split. text: a file of it that is used elsewhere."""
    inside = listing.class_images(str(folder / synset))
    if inside.images and synset not in numbering.label_of:
        raise ValueError(f"{folder / synset}: {synset} is not in {WNIDS}")
    inside.without([text]).tell(seen, f"{folder.name}/{synset}/")
    for name in inside.images:
        deeper, base = os.path.split(name)
        yield Entry(os.path.join(folder, synset, deeper), base, numbering.label_of[synset])


def _val(
    folder: Path, numbering: classes.Numbering, rows: list[Row], seen: Intake
) -> Iterator[Entry]:
    """The images that val_annotations.txt names, and those that were sorted into class folders;
    others are counted, as are rows without one."""
    distinct = _distinct(_rows(folder / TRUTH) if (folder / TRUTH).exists() else (), seen)
    rows.extend(distinct)
    synsets = [name for name in listing.entries(folder).folders if name in numbering.label_of]
    put = dict[str, str]()
    for synset in synsets:
        for entry in _class(folder, synset, numbering, seen):
            put[entry.filename] = synset
            yield entry
    flat = folder / "images"
    present = set(listing.entries(flat).images) if flat.is_dir() else set()
    for row in distinct:
        if row.synset not in numbering.label_of:
            raise ValueError(f"{row.where}: {row.synset} is not in {WNIDS}")
        if put.get(row.name, row.synset) != row.synset:
            raise ValueError(f"{row.where}: {row.name} is in the folder {put[row.name]}")
        if row.name in put:
            if row.name in present:
                seen.leave("in a class folder too", f"val/images/{row.name}")
            continue
        if not flat.is_dir():
            raise ValueError(f"{row.where}: {row.name} is in {flat}, which is not there")
        if row.name not in present:
            seen.say(f"rows of {TRUTH} whose file is not there", row.name)
        yield Entry(str(flat), row.name, numbering.label_of[row.synset])
    for name in sorted(present - {row.name for row in distinct}):
        seen.leave(f"not in {TRUTH}", f"val/images/{name}")
    if flat.is_dir():
        listing.beside(flat, present, seen, folder.parent)
    listing.beside(folder, {TRUTH, flat.name, *synsets}, seen, folder.parent)


def _distinct(rows: Iterable[Row], seen: Intake) -> list[Row]:
    """The rows, each image once. Raises ValueError for an image of two classes."""
    of_name: dict[str, Row] = {}
    for row in rows:
        former = of_name.setdefault(row.name, row)
        if former.synset != row.synset:
            raise ValueError(f"{row.where}: {row.name} is {row.synset}, and above {former.synset}")
        if former is not row:
            seen.leave("rows given twice", row.where)
    return list(of_name.values())


def _rows(path: Path, synset: str = "") -> Iterator[Row]:
    """name, synset (but in a class's own text) and four sides in pixels, separated by tabs."""
    for number, line in enumerate(intake.text_of(path).splitlines(), 1):
        if not line.strip():
            continue
        words = [one.strip() for one in line.split("\t" if "\t" in line else None)]
        where = f"{path}, line {number}"
        key = words[1] if not synset and len(words) > 1 else synset
        try:
            sides = boxes.PixelBox(*map(float, words[1 if synset else 2 :]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {line.strip()!r} is no name, class and box") from error
        yield Row(words[0], key, sides, where)
