"""Lists of "path label": meta/{train,val}.txt or {train,val}_list.txt (Caffe, MMPretrain), and csv.

A row is a path and a label that counts from 0, separated by spaces, tabs, commas or semicolons,
quoted or not; a csv may have a heading.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagenet_tools import labels as imagenet
from imagenet_tools import storage
from imagenet_tools.raw import boxes, classes, intake, listing, validation
from imagenet_tools.raw.index import SPLITS, Entry, RawSet, columns
from imagenet_tools.raw.intake import Intake

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = 'meta/train.txt and meta/val.txt, or train_list.txt and val_list.txt, of "path label"'
FORMS = ("meta/{}.txt", "{}_list.txt", "{}.txt", "meta/{}.csv", "{}_list.csv", "{}.csv")
LABEL = re.compile(r"[0-9]{1,18}", re.ASCII)
HEADING = re.compile(r"label|class|target|category|y", re.IGNORECASE)
# path and label: quoted or not, then any of the usual separators
ROW = re.compile(r"""(?P<path>"[^"]*"|'[^']*'|.*?\S)\s*[\s,;]\s*["']?(?P<label>[^\s,;"']+)["']?""")


class Row(NamedTuple):
    """A row of a list: its path, its label from 0, its line."""

    name: str
    label: int
    line: int


@dataclass(frozen=True)
class ListFile:
    """A list, and the folder that its paths are relative to."""

    path: Path
    folder: str
    rows: list[Row]


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds such lists."""
    if not place.is_dir():
        return None
    paths = {split: path for split in SPLITS if (path := _list_file(place, split))}
    if not paths:
        return None
    lists = {split: _read(place, path, split) for split, path in paths.items()}
    seen = Intake()
    numbering = _numbering(place, lists, options, seen)
    splits, unnamed = {}, dict[str, set[str]]()
    for split, one in lists.items():
        entries = _entries(one, numbering, seen, unnamed)
        splits[split] = columns(split, numbering.classes, entries)
        ours = numbering.convention == imagenet.IMAGENET_CONVENTION
        if ours and (wrong := validation.disagreement(splits[split])):
            raise ValueError(f"{one.path} has {wrong}; --labels folders takes them as they are")
    _count_unnamed(place, lists, unnamed, seen)
    splits, source = boxes.load(options.boxes, place).attached(splits)
    files = ", ".join(str(path.relative_to(place)) for path in paths.values())
    return RawSet.described(
        "lists",
        f"lists of path and label under {place} ({files})",
        numbering.classes,
        numbering.convention,
        splits,
        seen=seen,
        boxes_source=source,
    )


def _list_file(place: Path, split: str) -> Path | None:
    """The list of a split under one of its usual names, where it looks like one."""
    for form in FORMS:
        for name in listing.SPLIT_FOLDERS[split]:
            path = place / form.format(name)
            if path.is_file() and _looks_right(path, place):
                return path
    return None


def _looks_right(path: Path, place: Path) -> bool:
    """True where one of the first two rows begins with an image's name or a file that is there,
    and does not end with it."""
    with path.open("rb") as file:
        lines = intake.decoded(file.read(8192), "replace").split("\n")
    names = (re.escape(name) for name in intake.IMAGE_NAMES)
    image = re.compile(rf"""({"|".join(names)})["']?[\s,;]+\S""", re.IGNORECASE)
    for line in [one.strip() for one in lines if one.strip()][:2]:
        row = ROW.fullmatch(line)
        name = row["path"].strip("\"'") if row else ""
        if image.search(line) or ("/" in name and "\0" not in name and (place / name).is_file()):
            return True
    return False


def _read(place: Path, path: Path, split: str) -> ListFile:
    rows = list(_rows(path))
    if not rows:
        raise ValueError(f"{path} has no row")
    return ListFile(path, _image_folder(place, path, split, rows), rows)


def _rows(path: Path) -> Iterator[Row]:
    first = True
    for number, line in enumerate(intake.text_of(path).split("\n"), 1):
        if not line.strip():
            continue
        found, where = ROW.fullmatch(line.strip()), f"{path}, line {number}"
        label = found["label"] if found else ""
        if not found or not LABEL.fullmatch(label):
            if first and found and HEADING.search(label):
                first = False
                continue
            shown = intake.printable(line.strip()[:80])
            raise ValueError(f"{where}: {shown!r} is not `path label` with a label from 0")
        name, first = found["path"].strip("\"'").strip(), False
        _refuse_path(name, where)
        yield Row(name.replace("\\", "/").removeprefix("./"), int(label), number)


def _refuse_path(name: str, where: str) -> None:
    if any(ord(one) < 32 for one in name):
        raise ValueError(f"{where}: {intake.printable(name)!r} is no file's name")
    if os.path.isabs(name) or ".." in Path(name).parts:
        raise ValueError(f"{where}: {name} leads out of the data set")


def _numbering(
    place: Path, lists: dict[str, ListFile], options: Options, seen: Intake
) -> classes.Numbering:
    """The classes: as a file names them, else ImageNet's where paths say so, else the folders that
    the labels go with, else numbers."""
    rows = [row for one in lists.values() for row in one.rows]
    highest = max((row.label, one.path, row.line) for one in lists.values() for row in one.rows)
    source = f"{highest[1]}, line {highest[2]}"
    present = {row.label for row in rows}
    folders = defaultdict(set)
    for row in rows:
        folders[_folder(row.name)].add(row.label)
    named = classes.names_file([place, *{one.path.parent: None for one in lists.values()}])
    if named is not None:
        seen.say(f"classes named by {named[0].name}")
        return classes.numbered(present, options.labels, named[1], source, seen)
    if options.labels != "folders" and _by_synsets(folders) | _by_truth(lists):
        names = classes.imagenet_classes()
        return classes.numbered(present, options.labels, names, source, seen)
    numbering = classes.numbered(present, options.labels, None, source, seen)
    of_label = {label: name for name, labels in folders.items() for label in labels}
    if all(len(labels) == 1 for labels in folders.values()) and len(of_label) == len(folders):
        return _named(numbering, of_label)
    return numbering


def _folder(name: str) -> str:
    return name.rsplit("/", 2)[-2] if "/" in name else ""


def _named(numbering: classes.Numbering, names: dict[int, str]) -> classes.Numbering:
    """The classes under the names of their folders; those without one keep their number."""
    infos = tuple(
        classes.info(names.get(label) or one.key, imagenet.words().get(names.get(label, ""), ""))
        for label, one in enumerate(numbering.classes)
    )
    different = len({one.key for one in infos}) == len(infos)
    ours = numbering.convention == imagenet.IMAGENET_CONVENTION
    return numbering if ours or not different else numbering._replace(classes=infos)


def _by_synsets(folders: dict[str, set[int]]) -> bool:
    """True where folders are ImageNet's synsets and labels agree with their numbers.

    Raises ValueError where they do not agree.
    """
    pairs = [(name, label) for name, found in folders.items() for label in sorted(found)]
    named = sorted((name, label) for name, label in pairs if name in imagenet.label_of())
    wrong = [(name, label) for name, label in named if imagenet.label_of()[name] != label + 1]
    if wrong:
        name, label = wrong[0]
        from_one = all(imagenet.label_of()[key] == number for key, number in wrong)
        guess = "Do they count from 1?" if from_one else "Another order (Caffe's, the devkit's)?"
        raise ValueError(
            f"the lists give {name} the label {label}; counted from 0 by sorted synset "
            f"it is {imagenet.label_of()[name] - 1}. {guess} --labels folders takes the lists' own "
            "numbering"
        )
    return bool(named)


def _by_truth(lists: dict[str, ListFile]) -> bool:
    """True where a list has ILSVRC2012_val images; that their labels are true is checked later."""
    return any(
        validation.known_label(os.path.basename(row.name)) is not None
        for one in lists.values()
        for row in one.rows
    )


def _entries(
    one: ListFile, numbering: classes.Numbering, seen: Intake, unnamed: dict[str, set[str]]
) -> Iterator[Entry]:
    """The images of the rows. A row whose file is not there is taken, and is a damaged image.

    unnamed: of each folder what no list has named so far; kept up here.
    """
    folders: dict[str, list[Row]] = defaultdict(list)
    for row in one.rows:
        folders[os.path.dirname(row.name)].append(row)
    bare = {(row.label, os.path.basename(row.name)) for row in one.rows}
    unique = len(bare) == len(one.rows)
    places = [os.path.join(one.folder, name) if name else one.folder for name in folders]
    listed = storage.ahead(_names_in, places, storage.is_remote(one.folder))
    for (folder, rows), place, names in zip(folders.items(), places, listed, strict=True):
        present, labels = names(), dict[str, int]()
        for row in rows:
            base = os.path.basename(row.name)
            if labels.setdefault(base, row.label) != row.label:
                raise ValueError(
                    f"{one.path}, line {row.line}: {row.name} has the label {row.label}, and above "
                    f"it has {labels[base]}"
                )
            if base not in present:
                seen.say(f"rows of {one.path.name} whose file is not there", row.name)
            label = numbering.label_of[str(row.label)]
            if unique or not folder:
                yield Entry(place, base, label)
            else:
                yield Entry(one.folder, row.name, label)
        unnamed[place] = unnamed.get(place, present).difference(labels)


def _count_unnamed(
    place: Path, lists: dict[str, ListFile], unnamed: dict[str, set[str]], seen: Intake
) -> None:
    """Count the images in the lists' folders that no list names, and what lies beside them all."""
    root = str(place)
    for folder, names in sorted(unnamed.items()):
        for name in sorted(filter(intake.by_name, names)):
            seen.leave("in no list", f"{folder}/{name}".removeprefix(f"{root}/"))
    if root in unnamed:
        return
    used = {*boxes.USUAL, *classes.NAMES_FILES}
    for path in [*unnamed, *(str(one.path) for one in lists.values())]:
        used.add(path.removeprefix(f"{root}/").split("/")[0])
    listing.beside(place, used, seen)


def _names_in(folder: str) -> set[str]:
    try:
        if storage.is_remote(folder):
            return {one.name for one in storage.place(folder).iterdir()}
        return set(os.listdir(folder))
    except OSError:
        return set()


def _image_folder(place: Path, path: Path, split: str, rows: list[Row]) -> str:
    """The folder that the paths are relative to: the one in which one of the first exists."""
    names = listing.SPLIT_FOLDERS[split]
    tried = [place, path.parent, *(place / name for name in names), place / "images"]
    for row in rows[:100]:
        for folder in tried:
            if (folder / row.name).is_file():
                return str(folder)
    where = ", ".join(str(folder) for folder in tried)
    raise ValueError(f"{path} names {rows[0].name}, which is in none of {where}")
