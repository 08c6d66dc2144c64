"""Lists of "path label": meta/{train,val}.txt or {train,val}_list.txt (Caffe, MMPretrain), csv
(Kaggle's labels.csv), and MXNet's .lst. Or of paths alone, by whose folders they are (Food-101).

Labels count from 0, or are the names of classes (synsets, say), which are numbered as they sort.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import labels as imagenet
from imagenet_tools import storage
from imagenet_tools.raw import (
    box_files,
    class_checks,
    classes,
    intake,
    list_files,
    listing,
    names_files,
    validation,
)
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import TAKEN, RawSet
from imagenet_tools.raw.rows import ListFile, Row
from imagenet_tools.raw.split import columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = (
    'meta/train.txt and meta/val.txt, or train_list.txt and val_list.txt, of "path label"; or as '
    "csv, labels.csv alone, or MXNet's train.lst"
)
IN_NO_LIST = "in no list"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds such lists."""
    if not place.is_dir():
        return None
    seen = Intake()
    lists, unsplit = list_files.read(place, seen)
    if not lists:
        return None
    numbering = _numbering(place, lists, options, seen)
    splits, left = {}, dict[str, listing.Listed]()
    for split, one in lists.items():
        entries = _entries(one, numbering, seen, left)
        splits[split] = columns(split, numbering.classes, entries)
        if wrong := validation.disagreement(splits[split], numbering):
            raise ValueError(f"{one.path} has {wrong}; --labels folders takes them as they are")
    _count_left(place, lists, left, options, seen)
    list_files.say_shared(lists, seen)
    _say_gap(place, lists, unsplit, seen)
    files = ", ".join(str(one.path.relative_to(place)) for one in lists.values())
    return RawSet.described(
        "lists",
        f"lists of path and label under {place} ({files})"
        + (f", no split: {TAKEN}" if unsplit else ""),
        numbering,
        splits,
        seen=seen,
        boxes=box_files.load(options.boxes, place),
        unsplit=unsplit,
    )


def _say_gap(place: Path, lists: dict[str, ListFile], unsplit: bool, seen: Intake) -> None:
    """Say what may be the other split, which has no list: a folder, another list, the rest."""
    if len(lists) > 1:
        return
    folder, (one,) = listing.other_split(place, lists), lists.values()
    gap, name = ("validation", "val") if "train" in lists else ("train", "train")
    if folder and not any(row.name.startswith(f"{folder.name}/") for row in one.rows):
        seen.say(
            f"{folder.name}/ is not read beside {one.path.name}: for both, list its images in "
            f"{name}.csv, or sort those of {one.path.name} into class folders and take it away"
        )
    if other := list_files.would_be(place, lists):
        seen.say(other)
    asked = f"{name}{one.path.suffix}"
    if not (other or unsplit or (place / asked).exists()) and IN_NO_LIST in seen.left_out:
        seen.say(f"images in no list would be the {gap} split's in {asked}")


def _numbering(
    place: Path, lists: dict[str, ListFile], options: Options, seen: Intake
) -> classes.Numbering:
    """The classes: as labels name them; else as a file does, else ImageNet's where paths or names
    say so, else another column's names, else the folders that the labels go with, else numbers."""
    used = {row.label for one in lists.values() for row in one.rows}
    named = names_files.read([place, *(one.path.parent for one in lists.values())], used, seen)
    if len({one.numbers for one in lists.values()}) > 1:
        both = " and ".join(one.path.name for one in lists.values())
        raise ValueError(f"{place}: of {both} one has numbers for labels, the other names")
    if not all(one.numbers for one in lists.values()):
        _check_folders(place, [one for one in lists.values() if not one.labelled], seen)
        return _by_names(lists, options, named, seen)
    pairs, source = set[tuple[str, int]](), dict[int, str]()
    for one in lists.values():
        for row in one.rows:
            pairs.add((_folder(row.name), label := int(row.label)))
            source.setdefault(label, f"{one.path}, line {row.line}")
    _refuse_own_numbers(lists, options)
    called = _called(lists)
    if named is not None:
        seen.say(f"classes named by {named.file.name}")
        return classes.numbered(source, options.labels, named.classes, seen, named.first)
    said = pairs | {(name, label) for label, name in called.items()}
    if options.labels != "folders" and _by_synsets(said) | _by_truth(lists):
        return classes.numbered(source, options.labels, classes.of_imagenet().classes, seen)
    own = {label: name for name, label in pairs}
    alone = len(own) == len(pairs) == len({name for name, _ in pairs})
    numbering = classes.numbered(source, options.labels, None, seen)
    return _named(numbering, called or (own if alone else {}))


def _check_folders(place: Path, lists: list[ListFile], seen: Intake) -> None:
    """Say which lists have paths alone. Raises ValueError where the folders of these are splits, or
    one of all images."""
    for one in lists:
        seen.say("lists without labels, which are the folders of their images", one.path.name)
    names = sorted({row.label for one in lists for row in one.rows})
    if len(names) == 1:
        raise ValueError(
            f"{lists[0].path} has no labels, and all its images lie in {names[0]}/, which is no "
            "class where there is no other; write `path label` rows, or give the images without it"
        )
    class_checks.refuse_splits(place, names)
    class_checks.refuse_images(place, names, place)


def _refuse_own_numbers(lists: dict[str, ListFile], options: Options) -> None:
    """Refuse lists in which each folder has a label of its own, and not the same one in both: each
    was numbered by itself."""
    if len(lists) < 2 or options.labels == "folders":
        return
    by_list = []
    for one in lists.values():
        pairs = {(_folder(row.name), row.label) for row in one.rows}
        by_list.append(dict(sorted(pairs)))
        if len(pairs) != len(by_list[-1]) or len(pairs) != len(set(by_list[-1].values())):
            return
    train, validation = by_list
    for folder in sorted(train.keys() & validation.keys()):
        if train[folder] != validation[folder]:
            raise ValueError(
                f"{' and '.join(str(one.path) for one in lists.values())} give the images of "
                f"{intake.printable(folder)}/ the labels {train[folder]} and {validation[folder]}: "
                "each was numbered by itself? --labels folders takes them as they are"
            )


def _called(lists: dict[str, ListFile]) -> dict[int, str]:
    """The names that a column beside the labels has for them. Raises ValueError for two of one."""
    called = dict[int, str]()
    for one in lists.values():
        for label, name in one.names.items():
            if (former := called.setdefault(int(label), name)) != name:
                raise ValueError(
                    f"{one.path} calls the label {label} {name}, and the other list {former}"
                )
    return called


def _by_names(
    lists: dict[str, ListFile], options: Options, named: names_files.Named | None, seen: Intake
) -> classes.Numbering:
    """The classes whose names the labels are: ImageNet's where all are its synsets."""
    given = [row for one in lists.values() for row in one.rows]
    names = {row.label for row in given}
    known = names | imagenet.label_of().keys()
    for row in given:
        if (folder := _folder(row.name)) in known and folder != row.label:
            seen.say("rows whose label is not the name of their folder", row.name)
    words = named.words(names, seen) if named else {}
    return classes.choose(names, options.labels, seen, words, kind="name")


def _folder(name: str) -> str:
    return name.rsplit("/", 2)[-2] if "/" in name else ""


def _named(numbering: classes.Numbering, names: dict[int, str]) -> classes.Numbering:
    """The classes under the names of their folders; those without one keep their number."""
    infos = tuple(
        classes.info(names.get(label) or one.key, imagenet.words().get(names.get(label, ""), ""))
        for label, one in enumerate(numbering.classes)
    )
    different = len({one.key for one in infos}) == len(infos)
    same = numbering.is_imagenets or not different
    return numbering if same else numbering._replace(classes=infos)


def _by_synsets(said: set[tuple[str, int]]) -> bool:
    """True where folders, or another column, are ImageNet's synsets and labels are their numbers.

    said: names and the labels that go with them. Raises ValueError where the two do not agree.
    """
    label_of = imagenet.label_of()
    named = sorted(pair for pair in said if pair[0] in label_of)
    wrong = [(name, label) for name, label in named if label_of[name] != label + 1]
    if wrong:
        name, label = wrong[0]
        from_one = all(label_of[key] == number for key, number in wrong)
        guess = "Do they count from 1?" if from_one else "Another order (Caffe's, the devkit's)?"
        raise ValueError(
            f"the lists give {name} the label {label}; counted from 0 by sorted synset "
            f"it is {label_of[name] - 1}. {guess} --labels folders takes the lists' own "
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
    one: ListFile, numbering: classes.Numbering, seen: Intake, left: dict[str, listing.Listed]
) -> Iterator[Entry]:
    """The images of the rows. A row whose file is not there is taken, and is a damaged image.

    left: of each folder what no list has named so far; kept up here.
    """
    folders: dict[str, list[Row]] = defaultdict(list)
    for row in one.rows:
        folders[os.path.dirname(row.name)].append(row)
    bare = {(row.label, os.path.basename(row.name)) for row in one.rows}
    unique = len(bare) == len(one.rows)
    places = [os.path.join(one.folder, name) if name else one.folder for name in folders]
    inside = storage.ahead(
        partial(listing.entries_if_there, root=listing.real(Path(one.folder))),
        places,
        storage.is_remote(one.folder),
    )
    for those, place, entries in zip(folders.values(), places, inside, strict=True):
        listed = entries()
        if listed is None:
            where = f"{one.path}, line {those[0].line}"
            raise ValueError(f"{where}: {those[0].name} is in a folder that is not there")
        present = {*listed.images, *listed.folders, *(name for _, name in listed.left_out)}
        for row in those:
            base = os.path.basename(row.name)
            if base in listed.links:
                seen.say(intake.LINKED_OUT, row.name)
            if base not in present:
                seen.say(f"rows of {one.path.name} whose file is not there", row.name)
            container, name = (place, base) if unique else (one.folder, row.name)
            yield Entry(container, name, numbering.label_of[row.label])
        left[place] = left.get(place, listed).without(os.path.basename(row.name) for row in those)


def _count_left(
    place: Path,
    lists: dict[str, ListFile],
    left: dict[str, listing.Listed],
    options: Options,
    seen: Intake,
) -> None:
    """Count what lies in the lists' folders, and on the way there, and no list names."""
    root, paths = str(place), [str(one.path) for one in lists.values()]
    texts = {root, *map(os.path.dirname, paths)}
    used = {
        f"{folder}/{name}" for folder in texts for name in names_files.names(storage.place(folder))
    }
    used |= {f"{root}/{name}" for name in box_files.names(options.boxes, place)}
    ways = {root, *left}
    for path in (*paths, *left):
        used.add(path)
        while (path := os.path.dirname(path)).startswith(f"{root}/"):
            ways.add(path)
    for folder in sorted(ways):
        inside = left[folder] if folder in left else listing.entries(folder)
        others = [*inside.left_out, *((IN_NO_LIST, name) for name in inside.images)]
        others += [(intake.OTHER_FOLDERS, f"{name}/") for name in inside.folders]
        for reason, name in others:
            full = f"{folder}/{name}"
            if full not in used and full.rstrip("/") not in ways:
                seen.leave(reason, full.removeprefix(f"{root}/"))
