"""Bounding boxes: TF-Slim's CSV, ImageNet's XML folders, Kaggle's LOC csv, or none.

A box is (xmin, ymin, xmax, ymax), each 0..1 of the image; a box outside is cut to it, an empty one
is dropped. Kaggle's csv has pixels and no sizes: such boxes become relative when their image is
read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from imagenet_tools import storage
from imagenet_tools.raw.box import Box, PixelBox, cut
from imagenet_tools.raw.texts import readable

# Where raw data sets keep them, relative to the root.
USUAL = ("imagenet_2012_bounding_boxes.csv", "bounding_boxes.csv", "bbox.csv", "bboxes")
KAGGLE = ["ImageId", "PredictionString"]  # the heading of its csv


@dataclass(frozen=True)
class Boxes:
    """of: file name without extension -> its boxes. source: where they came from, "" for none."""

    of: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)
    source: str = ""


def load(asked: str | None, root: Path) -> Boxes:
    """Load what was asked for, or what lies at a usual place; none is no error."""
    if asked is not None:
        place = storage.place(asked)
        if not place.exists():
            raise FileNotFoundError(f"--boxes {asked}: no such file or folder")
        return from_xml(place) if place.is_dir() else from_csv(place)
    for name in USUAL:
        if (root / name).is_dir():
            return from_xml(root / name)
        if (root / name).is_file():
            return from_csv(root / name)
    return Boxes()


def from_csv(path: Path) -> Boxes:
    """TF-Slim's list: file name, xmin, ymin, xmax, ymax a line, no heading. Or Kaggle's."""
    found: dict[str, tuple[Box, ...]] = {}
    with readable(path), path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row:
                continue
            if number == 1 and row == KAGGLE:
                return from_solutions([path])
            try:
                name, *sides = row
                xmin, ymin, xmax, ymax = map(float, sides)
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {number}: {','.join(row)!r} is not `file name, xmin, ymin, "
                    "xmax, ymax` with numbers of 0..1"
                ) from error
            if box := cut(xmin, ymin, xmax, ymax):
                stem = name.rsplit(".", 1)[0]
                found[stem] = (*found.get(stem, ()), box)
    return Boxes(found, f"{path.name}: boxes of {len(found):,} images")


def from_xml(folder: Path) -> Boxes:
    """ImageNet's annotation folders: <anything>/<image>.xml, PASCAL VOC's form."""
    found: dict[str, tuple[Box, ...]] = {}
    paths = sorted(folder.rglob("*.xml"))
    for path, read in zip(
        paths, storage.ahead(xml_boxes, paths, storage.is_remote(folder)), strict=True
    ):
        if boxes := read():
            found[path.stem] = boxes
    return Boxes(found, f"{folder.name}: boxes of {len(found):,} images")


def xml_boxes(path: Path) -> tuple[Box, ...]:
    """The boxes of one annotation, relative to the size that it names itself."""
    with readable(path):
        text = path.read_text(encoding="utf-8")
    if "<!ENTITY" in text:  # an annotation has no use for entities; expanding them is an attack
        raise ValueError(f"{path} declares entities; it is no ImageNet annotation")
    try:
        root = ElementTree.fromstring(text)
        width, height = (float(root.findtext(f"size/{n}") or 0) for n in ("width", "height"))
        found = []
        for item in root.iter("bndbox"):
            x0, y0, x1, y1 = (
                float(item.findtext(n) or 0) for n in ("xmin", "ymin", "xmax", "ymax")
            )
            if width > 0 and height > 0:
                found.append(cut(x0 / width, y0 / height, x1 / width, y1 / height))
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path} is no readable annotation ({error})") from error
    return tuple(box for box in found if box)


def from_solutions(paths: Iterable[Path]) -> Boxes:
    """Kaggle's LOC_train_solution.csv and LOC_val_solution.csv."""
    names = [path.name for path in paths]
    found = {
        image: tuple(box for _, box in objects)
        for path in paths
        for image, objects in solution(path)
        if objects
    }
    return Boxes(found, f"{', '.join(names)}: boxes of {len(found):,} images" if names else "")


def solution(path: Path) -> Iterator[tuple[str, list[tuple[str, PixelBox]]]]:
    """LOC_{train,val}_solution.csv: each image's id, with synset and box of each of its objects."""
    with readable(path), path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != KAGGLE:
            raise ValueError(f"{path} must begin with the line {','.join(KAGGLE)}")
        for row in rows:
            words = (row.get("PredictionString") or "").split()
            fives = [words[at : at + 5] for at in range(0, len(words) - 4, 5)]
            try:
                objects = [(synset, PixelBox(*map(float, sides))) for synset, *sides in fives]
            except ValueError as error:
                raise ValueError(f"{path}: {row.get('ImageId')}: {error}") from error
            yield row["ImageId"], objects
