"""Tiny ImageNet as unzipped: train/<wnid>/images, val/images and val_annotations.txt, wnids.txt."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagenet_tools.raw import boxes, classes, intake, listing
from imagenet_tools.raw.index import Entry, RawSet, columns
from imagenet_tools.raw.intake import Intake

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
    folders = listing.entries(place).folders
    inside = [place / name for name in folders] if len(folders) == 1 else []
    root = next((one for one in (place, *inside) if _fits(one)), None)
    if root is None:
        return None
    seen = Intake()
    numbering = _numbering(root, options)
    rows: list[Row] = []
    splits = {}
    if (root / "train").is_dir():
        splits["train"] = columns("train", numbering.classes, _train(root, numbering, rows, seen))
    if (root / "val").is_dir():
        entries = _val(root / "val", numbering, rows, seen)
        splits["validation"] = columns("validation", numbering.classes, entries)
    listing.above(root, place, seen)
    listing.beside(root, {"train", "val", WNIDS, WORDS, *boxes.USUAL}, seen, place)
    found = boxes.load(options.boxes, root)
    if not found.source:
        found = boxes.Boxes("Tiny ImageNet's annotations")
        for row in rows:
            found.add(boxes.Row(f"{row.synset}/{row.name}", row.box, row.where))
    splits, source = found.attached(splits)
    return RawSet.described(
        "Tiny ImageNet",
        f"Tiny ImageNet under {root}",
        numbering.classes,
        numbering.convention,
        splits,
        seen=seen,
        boxes_source=source,
    )


def _fits(root: Path) -> bool:
    return (root / WNIDS).is_file() and (
        (root / "val" / TRUTH).is_file() or (root / "train").is_dir()
    )


def _numbering(root: Path, options: Options) -> classes.Numbering:
    """The classes of wnids.txt; ImageNet's numbers where all are its own."""
    names = intake.text_of(root / WNIDS).split()
    words: dict[str, str] = {}
    if (root / WORDS).is_file():
        pairs = (line.partition("\t") for line in intake.text_of(root / WORDS).splitlines())
        words = {key: text.strip() for key, _, text in pairs if key in set(names)}
    return classes.choose(names, options.labels, words)


def _train(
    root: Path, numbering: classes.Numbering, rows: list[Row], seen: Intake
) -> Iterator[Entry]:
    for synset in (listed := listing.entries(root / "train")).folders:
        folder = root / "train" / synset
        inside = listing.class_images(str(folder))
        if inside.images and synset not in numbering.label_of:
            raise ValueError(f"{folder}: {synset} is not in {WNIDS}")
        text = f"{synset}_boxes.txt"
        if (text_path := folder / text).is_file():
            rows.extend(_rows(text_path, synset))
        seen.leave_all((why, f"train/{synset}/{n}") for why, n in inside.left_out if n != text)
        for name in inside.images:
            deeper, base = os.path.split(name)
            yield Entry(os.path.join(folder, deeper), base, numbering.label_of[synset])
    _count_beside(listed, "train", seen)


def _val(
    folder: Path, numbering: classes.Numbering, rows: list[Row], seen: Intake
) -> Iterator[Entry]:
    """The images that val_annotations.txt names; others are counted, as are rows without one."""
    found = list(_rows(folder / TRUTH))
    rows.extend(found)
    listed = listing.entries(folder / "images") if (folder / "images").is_dir() else None
    present = set(listed.images) if listed else set()
    for row in found:
        if row.synset not in numbering.label_of:
            raise ValueError(f"{row.where}: {row.synset} is not in {WNIDS}")
        if row.name not in present:
            seen.say(f"rows of {TRUTH} whose file is not there", row.name)
        yield Entry(str(folder / "images"), row.name, numbering.label_of[row.synset])
    for name in sorted(present - {row.name for row in found}):
        seen.leave(f"not in {TRUTH}", f"val/images/{name}")
    if listed:
        _count_beside(listed._replace(images=[]), "val/images", seen, folders=True)
    around = listing.entries(folder)
    kept = [one for one in around.left_out if one[1] != TRUTH]
    others = [name for name in around.folders if name != "images"]
    _count_beside(around._replace(left_out=kept, folders=others), "val", seen, folders=True)


def _count_beside(
    listed: listing.Listed, where: str, seen: Intake, *, folders: bool = False
) -> None:
    seen.leave_all((why, f"{where}/{name}") for why, name in listed.left_out)
    for name in listed.images:
        seen.leave(intake.OUTSIDE, f"{where}/{name}")
    for name in listed.folders if folders else ():
        seen.leave(intake.OTHER_FOLDERS, f"{where}/{name}/")


def _rows(path: Path, synset: str = "") -> Iterator[Row]:
    """name, synset (but in a class's own text) and four sides in pixels, separated by tabs."""
    for number, line in enumerate(intake.text_of(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{path}, line {number}"
        own = words[1] if not synset and len(words) > 1 else synset
        try:
            sides = boxes.PixelBox(*map(float, words[1 if synset else 2 :]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {line.strip()!r} is no name, class and box") from error
        yield Row(words[0], own, sides, where)
