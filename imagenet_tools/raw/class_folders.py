"""Class folders: train/<class>/image, with val|validation|valid in class folders or flat.

A tar that is called after a synset is that class's folder: train/n01440764.tar.
ImageNet in synset folders, Imagenette, data sets of the user's own. A folder of class folders
without splits (ImageNet-A, -R, -V2) is taken as training images and said to be, or as the split
that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import labels as imagenet
from imagenet_tools.raw import (
    box_files,
    class_checks,
    class_tars,
    classes,
    intake,
    list_files,
    listing,
    remedies,
    validation,
)
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import SPLITS, RawSplit, columns, joined, renumbered

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = (
    "train/<class>/*.jpg or train/<synset>.tar, with val/, validation/ or valid/ likewise or flat"
)
SYNSET_LABELS = "synset_labels.txt"  # Cloud TPU's: one a line for the images of a flat folder
IMAGENETS_LIST = "ImageNet's list"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` (or the only folder in it) holds class folders."""
    if not place.is_dir():
        return None
    root = _root(place)
    if root is None:
        return _unsplit(place, options)
    seen = Intake()
    places = {split: listing.split_folder(root, split) for split in SPLITS}
    folders = {split: folder for split, folder in places.items() if folder}
    real = listing.real(root)
    inside = {split: listing.entries(folder, real) for split, folder in folders.items()}
    sorted_parts = {}
    for split, folder in folders.items():
        sorted_parts[split], inside[split] = _listed(folder, split, inside[split], options, seen)
    for split, folder in folders.items():
        class_checks.refuse_nested(folder, inside[split].folders)
        class_checks.refuse_images(folder, _present(*sorted_parts[split]))
    numbering = _choose(root, sorted_parts, options, inside, seen)
    splits, refused = {}, dict[str, str]()
    for split, folder in folders.items():
        try:
            part = sorted_parts[split]
            splits[split] = _part(root, folder, split, part, inside[split], numbering, seen)
        except validation.UnknownLabel as error:
            if not splits:
                raise
            refused[split] = str(error)
    class_checks.say_linked(folders, {split: inside[split].folders for split in folders}, seen)
    used = {*classes.NAMES_FILES, *box_files.names(options.boxes, root)}
    used |= {folder.name for folder in folders.values()}
    listing.above(root, place, seen)
    listing.beside(root, {*used, SYNSET_LABELS}, seen, place)
    splits, source = box_files.load(options.boxes, root).attached(splits)
    return RawSet.described(
        "class folders",
        f"class folders under {root}",
        numbering.classes,
        numbering.convention,
        splits,
        seen=seen,
        boxes_source=source,
        refused=refused,
    )


def _part(
    root: Path,
    folder: Path,
    split: str,
    sorted_part: Listed,
    inside: listing.Listed,
    numbering: classes.Numbering,
    seen: Intake,
) -> RawSplit:
    """A split: what lies in its class folders, and beside them, or flat without any."""
    part = _labelled(*sorted_part, numbering)
    flat = split == "validation" and not len(part)
    if flat and inside.images:
        _refuse_other_classes(folder, numbering)
    elif wrong := _disagreement(part, numbering):
        seen.say(f"{folder.name} has {wrong}")
    texts = [place / SYNSET_LABELS for place in (root, folder)] if flat else []
    text = next((path for path in texts if path.exists()), None)
    if flat:
        entries = _flat(folder, inside.images, text)
    else:
        entries = _loose(folder, inside.images, numbering, seen)
    part = joined(part, columns(split, numbering.classes, entries))
    if text and (wrong := _disagreement(part, numbering)):
        raise ValueError(f"{text} gives {wrong}")
    if flat and inside.images:
        seen.say(f"validation flat, labelled from {text.name if text else IMAGENETS_LIST}")
    for link in inside.links:
        seen.say(intake.LINKED_OUT, f"{folder.name}/{link}")
    left = [one for one in inside.left_out if not text or one[1] != text.name]
    seen.leave_all((reason, f"{folder.name}/{name}") for reason, name in left)
    return part


Listed = tuple[RawSplit, list[str]]  # label i is that of name i - 1


def _listed(
    folder: Path, split: str, inside: listing.Listed, options: Options, seen: Intake
) -> tuple[Listed, listing.Listed]:
    """What lies in class folders and in tars of a class each; and the folder without those tars."""
    names = inside.folders
    part = columns(split, (), listing.class_entries(folder, names, seen, split))
    tars = class_tars.among(folder, inside, _present(part, names), seen)
    entries = class_tars.entries(folder, tars, len(names) + 1, options.tars, seen)
    names = [*names, *map(class_tars.class_of, tars)]
    return (joined(part, columns(split, (), entries)), names), inside.without(tars)


def _present(part: RawSplit, names: list[str]) -> list[str]:
    """The names of folders that hold an image."""
    import numpy as np

    return [names[label - 1] for label in np.unique(part.labels)]


def _choose(
    root: Path,
    parts: dict[str, Listed],
    options: Options,
    inside: dict[str, listing.Listed],
    seen: Intake,
) -> classes.Numbering:
    """inside: what lies in the splits' folders. Raises ValueError where no class is there."""
    class_checks.refuse_labelled(root, sum(len(part) for part, _ in parts.values()), seen)
    named = classes.names_file([root])
    present = {name for part, names in parts.values() for name in _present(part, names)}
    words = _words(named, present) if named else {}
    if named:
        _say_words(named.file.name, [key for key in words if key in present], seen)
    if not present and "train" not in parts and inside["validation"].images:
        present = set(imagenet.synsets())
    if not present:
        outside = Intake()
        for split, one in inside.items():
            outside.leave_all((reason, f"{split}/{name}") for reason, name in one.left_out)
            outside.leave_all((intake.OUTSIDE, f"{split}/{name}") for name in one.images)
        notes = "; ".join([f"{root}: {classes.NO_CLASS}", *outside.notes()])
        raise ValueError(f"{notes}{remedies.remedy(root)}")
    return classes.choose(present, options.labels, seen, words)


def _words(named: classes.Named, present: set[str]) -> dict[str, str]:
    """The words of classes by their folders' names, or by the numbers that those are, 007 too.

    Names go first: of a listing of the folders 0..11, the third line is 10.
    """
    by_name = {one.key: one.words for one in named.classes}
    words = {at: one.words for at, one in enumerate(named.classes, named.first)}
    numbers = sorted((int(name), name) for name in present if re.fullmatch(r"[0-9]{1,7}", name))
    by_number = {name: words[at] for at, name in numbers if at in words}
    return by_number if present <= by_number.keys() and not present <= by_name.keys() else by_name


def _say_words(name: str, used: list[str], seen: Intake) -> None:
    """What a file of classes is not used for. used: the classes that are there, in its order."""
    if not used:
        seen.leave(intake.reason(name), name)
    elif used != sorted(used):
        seen.say(f"{name} gives words, not numbers: classes are numbered as they sort")


def _labelled(part: RawSplit, names: list[str], numbering: classes.Numbering) -> RawSplit:
    labels = [numbering.label_of.get(name, 0) for name in names]  # 0: a folder without an image
    return renumbered(part, numbering.classes, labels)


def _disagreement(part: RawSplit, numbering: classes.Numbering) -> str:
    """What is said and not refused: folders may hold relabelled images."""
    ours = numbering.convention == imagenet.IMAGENET_CONVENTION
    return validation.disagreement(part) if ours else ""


def _root(place: Path) -> Path | None:
    """The folder that holds a train or validation folder: `place`, or the only one inside it."""
    candidates = [place, *(place / name for name in _only_folder(place))]
    for candidate in candidates:
        if any(listing.split_folder(candidate, split) for split in SPLITS):
            return candidate
    return None


def _only_folder(place: Path) -> list[str]:
    names = listing.entries(place).folders
    return names if len(names) == 1 else []


def _refuse_other_classes(folder: Path, numbering: classes.Numbering) -> None:
    if numbering.convention != imagenet.IMAGENET_CONVENTION:
        raise validation.UnknownLabel(
            f"{folder} is flat, which is labelled from ImageNet's list, and the "
            "training classes are not numbered as ImageNet's; --labels imagenet, or sort the "
            "validation images into class folders"
        )


def _flat(folder: Path, names: list[str], text: Path | None) -> Iterator[Entry]:
    if text is None:
        return validation.flat_entries(folder, names)
    label = validation.synset_labels(text, names)
    return iter([Entry(str(folder), name, label[name]) for name in names])


def _loose(
    folder: Path, names: list[str], numbering: classes.Numbering, seen: Intake
) -> Iterator[Entry]:
    """The images beside class folders whose names say their class; the others are counted."""
    ours = numbering.convention == imagenet.IMAGENET_CONVENTION
    for name in names:
        label = validation.known_label(name) or imagenet.label_of().get(name.split("_")[0])
        if ours and label:
            seen.say("beside the class folders, labelled by their names", f"{folder.name}/{name}")
            yield Entry(str(folder), name, label)
        else:
            seen.leave(intake.OUTSIDE, f"{folder.name}/{name}")


def _unsplit(place: Path, options: Options) -> RawSet | None:
    """Class folders without splits: training images, or those of the split that is asked for."""
    for root in (place, *(place / name for name in _only_folder(place))):
        inside = listing.entries(root)
        names = [name for name in inside.folders if listing.entries(root / name).images]
        tars = class_tars.among(root, inside, names, Intake())
        if not names and not tars:
            continue
        if told := remedies.results((root, *(root / name for name in names))):
            raise ValueError(f"{root} holds no raw images. {told}")
        if not tars:
            class_checks.refuse_splits(root, names)
        if len(names) == 1 and not tars and names[0] not in imagenet.label_of():
            raise ValueError(
                f"{root} holds one folder of images, {intake.printable(names[0])}: no split, and a "
                f"single class, if it is one. A class goes into train/{intake.printable(names[0])}"
                f"{remedies.remedy(root)}"
            )
        seen = Intake()
        (part, names), _ = _listed(root, "train", inside._replace(folders=names), options, seen)
        numbering = _choose(root, {"train": (part, names)}, options, {}, seen)
        splits = {"train": _labelled(part, names, numbering)}
        if wrong := _disagreement(splits["train"], numbering):
            seen.say(f"it has {wrong}")
        if unread := list_files.unread(place) or list_files.unread(root):
            seen.say(f"{unread} is not read: {list_files.UNREAD}")
        listing.above(root, place, seen)
        used = {*names, *tars, *box_files.names(options.boxes, root), *classes.NAMES_FILES}
        listing.beside(root, used, seen, place)
        splits, source = box_files.load(options.boxes, root).attached(splits)
        return RawSet.described(
            "class folders without splits",
            f"class folders under {root}, no split folders, taken as training images (or as "
            "validation images by --split validation)",
            numbering.classes,
            numbering.convention,
            splits,
            seen=seen,
            boxes_source=source,
            unsplit=True,
        )
    return None
