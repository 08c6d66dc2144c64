"""Bounding boxes: TF-Slim's CSV, ImageNet's XML folders, Kaggle's LOC csv, or none.

Every box is (xmin, ymin, xmax, ymax), each 0..1 of the image; a box outside is cut to it, an
empty one is dropped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from imagenet_tools import storage
from imagenet_tools.raw.index import Box

# Where raw data sets keep them, relative to the root.
USUAL = ("imagenet_2012_bounding_boxes.csv", "bounding_boxes.csv", "bbox.csv", "bboxes")
SIDES = ("xmin", "ymin", "xmax", "ymax")


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


def _cut(xmin: float, ymin: float, xmax: float, ymax: float) -> Box | None:
    low_x, high_x = sorted((min(max(xmin, 0.0), 1.0), min(max(xmax, 0.0), 1.0)))
    low_y, high_y = sorted((min(max(ymin, 0.0), 1.0), min(max(ymax, 0.0), 1.0)))
    return (low_x, low_y, high_x, high_y) if high_x > low_x and high_y > low_y else None


def from_csv(path: Path) -> Boxes:
    """TF-Slim's list: file name, xmin, ymin, xmax, ymax a line, no heading."""
    found: dict[str, tuple[Box, ...]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row:
                continue
            try:
                name, *sides = row
                xmin, ymin, xmax, ymax = map(float, sides)
            except ValueError as error:
                if path.name.startswith("LOC_"):
                    raise ValueError(f"{path}: Kaggle's boxes need the images' sizes") from error
                raise ValueError(
                    f"{path}, line {number}: {','.join(row)!r} is not `file name, xmin, ymin, "
                    "xmax, ymax` with numbers of 0..1"
                ) from error
            box = _cut(xmin, ymin, xmax, ymax)
            if box:
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
                found.append(_cut(x0 / width, y0 / height, x1 / width, y1 / height))
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path} is no readable annotation ({error})") from error
    return tuple(box for box in found if box)


def from_kaggle(path: Path) -> dict[str, list[tuple[str, float, float, float, float]]]:
    """LOC_{train,val}_solution.csv: image id -> (synset, xmin, ymin, xmax, ymax) in pixels."""
    found = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            words = re.split(r"\s+", (row.get("PredictionString") or "").strip())
            fives = [words[i : i + 5] for i in range(0, len(words) - 4, 5)]
            try:
                boxes = [(s, *(float(side) for side in sides)) for s, *sides in fives]
            except ValueError as error:
                raise ValueError(f"{path}: {row.get('ImageId')}: {error}") from error
            found[row["ImageId"]] = boxes
    return found  # type: ignore[return-value]
