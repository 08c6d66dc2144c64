"""Files of bounding boxes: TF-Slim's csv, ImageNet's XML folders, Kaggle's LOC csv."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.raw import intake
from imagenet_tools.raw.boxes import Boxes, PixelBox, Row
from imagenet_tools.raw.image import Box
from imagenet_tools.raw.listing import real

# Where raw data sets keep them, relative to the root.
USUAL = ("imagenet_2012_bounding_boxes.csv", "bounding_boxes.csv", "bbox.csv", "bboxes")
KAGGLE = ["ImageId", "PredictionString"]  # the heading of its csv
SIDES, SIZE = ("xmin", "ymin", "xmax", "ymax"), ("width", "height")
NAMES = ("filename", "file", "image", "image_id", "name", "path")  # of a csv's first column
RELATIVE = 2.0  # a side above this is in pixels: parts of an image reach a little out of it


def names(asked: str | None, root: Path, usual: Iterable[str] = USUAL) -> tuple[str, ...]:
    """The names in a data set's folder that boxes are read from, or that what is asked for is read
    in place of."""
    if asked is None:
        return tuple(filter(None, [_first(root, usual)]))
    own = storage.place(asked)
    inside = {str(own.parent), real(own.parent)} & {str(root), real(root)} - {""}
    return (*USUAL, own.name) if inside else USUAL


def load(asked: str | None, root: Path, usual: Iterable[str] = USUAL) -> Boxes:
    """Load what was asked for, or what lies at a usual place; none is no error."""
    if asked is not None:
        place = storage.place(asked)
        if not place.exists():
            raise FileNotFoundError(f"--boxes {asked}: no such file or folder")
        return from_xml(place) if place.is_dir() else from_csv(place)
    if name := _first(root, usual):
        return from_xml(root / name) if (root / name).is_dir() else from_csv(root / name)
    return Boxes()


def _first(root: Path, names: Iterable[str]) -> str:
    """The first of these names that is there; "" for none."""
    there = (name for name in names if (root / name).is_dir() or (root / name).is_file())
    return next(there, "")


def from_csv(path: Path) -> Boxes:
    """TF-Slim's list: file name, xmin, ymin, xmax, ymax a line, in parts of the image or in pixels,
    with a heading or none. Or Kaggle's."""
    boxes = Boxes(path.name)
    rows = list(_csv_rows(path))
    if rows and [word.strip() for word in rows[0][1]] == KAGGLE:
        return from_solutions([path])
    at = _columns(path, *rows[0]) if rows else None
    if at and (unused := [word for n, word in enumerate(rows[0][1]) if word and n not in at]):
        boxes.odd[f"columns not used ({', '.join(unused)})"] = len(unused)
    read = [_row(path, number, row, at) for number, row in rows[at is not None :]]
    if at is None and path.name != USUAL[0]:
        _refuse_sizes(read)
        boxes.source += " (no heading, so xmin, ymin, xmax, ymax)"
    pixels = any(abs(side) > RELATIVE for one in read for side in one.box if math.isfinite(side))
    sized = [one for one in read if one.size]
    of_boxes = 2 * sum(map(_is_own, sized)) > len(sized)
    for one in read:
        if pixels:
            if all(side <= 1 for side in one.box) and any(side % 1 for side in one.box):
                raise ValueError(f"{one.where}: parts of an image, among boxes in pixels")
            box = PixelBox(*one.box)
            one = one._replace(box=box.of(*one.size) if one.size and not of_boxes else box)
        boxes.add(one)
    return boxes


def _refuse_sizes(rows: Iterable[Row]) -> None:
    """Refuse rows without a heading where the last two sides seem to be width and height."""
    for row in rows:
        xmin, ymin, xmax, ymax = row.box
        if xmax < xmin or ymax < ymin:
            raise ValueError(
                f"{row.where}: xmax is below xmin, or ymax below ymin, as where width and height "
                f"stand in their place; a heading (filename,{','.join(SIDES)}) says that they are "
                "corners"
            )


def _is_own(row: Row) -> bool:
    """Whether width and height are the box's own, to a pixel, and not those of the image, which it
    then reached out of."""
    xmin, ymin, xmax, ymax = row.box
    sides = zip(row.size, (xmax - xmin, ymax - ymin), strict=True)
    return max(xmin, ymin) > 1 and all(abs(given - side) <= 1 for given, side in sides)


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a csv with their lines, separated by what its first line has."""
    text = intake.text_of(path)
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    with intake.readable(path):
        for number, row in enumerate(csv.reader(text.splitlines(), delimiter=separator), 1):
            if any(cell.strip() for cell in row):
                yield number, row


def _columns(path: Path, number: int, heading: list[str]) -> list[int] | None:
    """Where name and sides stand, by a heading, and the size of the image where it is given; None
    where the row is none. Raises ValueError for x and y, which of some lists are a corner and of
    others the middle."""
    words = [word.strip().lower() for word in heading]
    if set(SIDES) <= set(words):
        name = next((words.index(word) for word in NAMES if word in words), 0)
        size = SIZE if set(SIZE) <= set(words) else ()
        return [name, *(words.index(word) for word in (*SIDES, *size))]
    if {"x", "y"} <= set(words):
        raise ValueError(
            f"{path}, line {number}: x and y are a corner of a box, or its middle; give the "
            f"columns {', '.join(SIDES)}"
        )
    return None


def _row(path: Path, number: int, cells: list[str], at: list[int] | None) -> Row:
    where = f"{path}, line {number}"
    try:
        name, *numbers = cells if at is None else [cells[column] for column in at]
        xmin, ymin, xmax, ymax, *size = map(float, numbers)
        if size and at is None:
            raise ValueError("more than four numbers")
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"{where}: {','.join(cells)!r} is not `file name, xmin, ymin, xmax, ymax` with numbers "
            "of 0..1, or in pixels"
        ) from error
    known = tuple(size) if all(side > 0 for side in size) else ()
    return Row(name, (xmin, ymin, xmax, ymax), where, known)


def from_xml(folder: Path) -> Boxes:
    """ImageNet's annotation folders: <class>/<image>.xml, PASCAL VOC's form."""
    boxes = Boxes(folder.name)
    paths = list[Path]()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".xml" and not intake.is_junk(path.name):
            paths.append(path)
        elif not path.is_dir():
            boxes.odd["files that are no XML"] += 1
    for path, read in zip(
        paths, storage.ahead(xml_boxes, paths, storage.is_remote(folder)), strict=True
    ):
        found = read()
        if not found:
            boxes.odd["annotations without a box"] += 1
        for box in found:
            boxes.add(Row(str(path.relative_to(folder)), box, str(path)))
    return boxes


def xml_boxes(path: Path) -> list[Box]:
    """The boxes of one annotation as given, relative to the size that it names itself."""
    from xml.etree import ElementTree

    text = intake.text_of(path)
    if "<!ENTITY" in text:  # an annotation has no use for entities; expanding them is an attack
        raise ValueError(f"{path} declares entities; it is no ImageNet annotation")
    try:
        root = ElementTree.fromstring(text)
        width, height = (
            float(root.findtext(f"{{*}}size/{{*}}{side}") or 0) for side in ("width", "height")
        )
        boxes = [
            PixelBox(*(float(item.findtext(f"{{*}}{side}") or "nan") for side in SIDES))
            for item in root.iterfind(".//{*}bndbox")
        ]
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path} is no readable annotation ({error})") from error
    if width > 0 and height > 0:
        return [(a / width, b / height, c / width, d / height) for a, b, c, d in boxes]
    return [*boxes]


def from_solutions(paths: Iterable[Path]) -> Boxes:
    """Kaggle's LOC_train_solution.csv and LOC_val_solution.csv."""
    paths = list(paths)
    boxes = Boxes(", ".join(path.name for path in paths))
    for path in paths:
        for image, objects in solution(path):
            for _, box in objects:
                boxes.add(Row(image, box, f"{path}: {image}"))
    return boxes


def solution(path: Path) -> Iterator[tuple[str, list[tuple[str, PixelBox]]]]:
    """LOC_{train,val}_solution.csv: each image's id, with synset and box of each of its objects."""
    rows = _csv_rows(path)
    if [word.strip() for word in next(rows, (1, []))[1]] != KAGGLE:
        raise ValueError(f"{path} must begin with the line {','.join(KAGGLE)}")
    for number, row in rows:
        image, words = row[0].strip(), (row[1] if len(row) > 1 else "").split()
        where = f"{path}: {image}: line {number}"
        if len(words) % 5:
            raise ValueError(f"{where}: {len(words)} words; a synset and four sides an object")
        fives = [words[at : at + 5] for at in range(0, len(words), 5)]
        try:
            objects = [(synset, PixelBox(*map(float, sides))) for synset, *sides in fives]
        except ValueError as error:
            raise ValueError(f"{path}: {image}: {error} (line {number})") from error
        yield image, objects
