"""Lists of "path label": meta/{train,val}.txt or {train,val}_list.txt (Caffe, MMPretrain)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import labels as imagenet
from imagenet_tools.raw import boxes, classes, listing
from imagenet_tools.raw.index import SPLITS, ClassInfo, Entry, RawSet, columns
from imagenet_tools.raw.texts import readable

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = 'meta/train.txt and meta/val.txt, or train_list.txt and val_list.txt, of "path label"'
FORMS = ("meta/{}.txt", "{}_list.txt", "{}.txt")


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds such lists. Labels in them count from 0."""
    if not place.is_dir():
        return None
    found = {split: _list_file(place, split) for split in SPLITS}
    lists = {split: path for split, path in found.items() if path}
    if not lists:
        return None
    rows = {split: list(_rows(path)) for split, path in lists.items()}
    infos, convention = _classes(rows, options)
    around = boxes.load(options.boxes, place)
    splits = {}
    for split, path in lists.items():
        folder = _image_folder(place, path, split, rows[split])
        entries = (
            Entry(os.path.dirname(os.path.join(folder, name)), os.path.basename(name), label + 1)
            for name, label in rows[split]
        )
        splits[split] = columns(split, infos, entries, around.of)
    counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
    files = ", ".join(str(path.relative_to(place)) for path in lists.values())
    return RawSet(
        layout="lists",
        description=f"lists of path and label under {place} ({files}): {counts}",
        label_convention=convention,
        classes=infos,
        splits=splits,
        boxes_source=around.source,
    )


def _list_file(place: Path, split: str) -> Path | None:
    for form in FORMS:
        for name in listing.SPLIT_FOLDERS[split]:
            path = place / form.format(name)
            if path.is_file() and _looks_right(path):
                return path
    return None


def _looks_right(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        words = file.readline().rsplit(None, 1)
    return len(words) == 2 and words[1].isdigit() and classes.is_image_name(words[0].split("/")[-1])


def _rows(path: Path) -> Iterator[tuple[str, int]]:
    with readable(path), path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            words = line.rsplit(None, 1)
            if len(words) != 2 or not words[1].isdigit():
                raise ValueError(f"{path}, line {number}: {line.strip()!r} is not `path label`")
            name = words[0]
            if os.path.isabs(name) or ".." in Path(name).parts:
                raise ValueError(f"{path}, line {number}: {name} leads out of the data set")
            yield name, int(words[1])


def _classes(
    rows: dict[str, list[tuple[str, int]]], options: Options
) -> tuple[tuple[ClassInfo, ...], str]:
    """ImageNet's classes where paths and labels agree with its numbering; else numbered ones."""
    pairs = {(Path(name).parts[-2] if "/" in name else "", label)
             for part in rows.values() for name, label in part}  # fmt: skip
    named = {(key, label) for key, label in pairs if key in imagenet.label_of()}
    wrong = sorted((key, label) for key, label in named if imagenet.label_of()[key] != label + 1)
    if wrong and options.labels != "folders":
        key, label = wrong[0]
        raise ValueError(
            f"the lists give {key} the label {label}; counted from 0 by sorted synset it is "
            f"{imagenet.label_of()[key] - 1}. Another order (Caffe's, the devkit's)? --labels "
            "folders takes the lists' own numbering"
        )
    highest = max(label for _, label in pairs)
    if options.labels != "folders" and (named or highest == imagenet.NUM_CLASSES - 1):
        return classes.imagenet_classes(), imagenet.IMAGENET_CONVENTION
    names = {label: key for key, label in pairs if key}
    infos = tuple(ClassInfo(names.get(i, str(i)), names.get(i, str(i))) for i in range(highest + 1))
    return infos, f"the lists': their 0..{highest} plus 1, 0 = background"


def _image_folder(place: Path, path: Path, split: str, rows: list[tuple[str, int]]) -> str:
    """The folder that the paths are relative to: the one in which the first of them exists."""
    names = listing.SPLIT_FOLDERS[split]
    tried = [place, path.parent, *(place / name for name in names)]
    for folder in tried:
        if rows and (folder / rows[0][0]).is_file():
            return str(folder)
    where = ", ".join(str(folder) for folder in tried)
    first = rows[0][0] if rows else "nothing"
    raise ValueError(f"{path} names {first}, which is in none of {where}")
