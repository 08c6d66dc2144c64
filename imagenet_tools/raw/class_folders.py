"""Class folders: train/<class>/image, with val|validation|valid in class folders or flat.

A tar that is called after a synset is that class's folder: train/n01440764.tar.
ImageNet in synset folders, Imagenette, data sets of the user's own. A folder of class folders
without splits (ImageNet-A, -R, -V2) is taken as training images and said to be, or as the split
that is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
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
    names_files,
    remedies,
    tables,
    validation,
)
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import TAKEN, RawSet
from imagenet_tools.raw.split import SPLITS, RawSplit, columns, joined, renumbered

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = (
    "train/<class>/*.jpg or train/<synset>.tar, with val/, validation/ or valid/ likewise or flat"
)
SYNSET_LABELS = "synset_labels.txt"  # Cloud TPU's: one a line for the images of a flat folder
IMAGENETS_LIST = "ImageNet's list"


@dataclass(frozen=True)
class SplitFolder:
    """A folder of class folders and of tars of a class each.

    images: of both, label i is that of names[i - 1]. beside: what lies there beside the tars.
    """

    path: Path
    names: list[str]
    images: RawSplit
    beside: listing.Listed

    @property
    def present(self) -> list[str]:
        """The names that hold an image."""
        import numpy as np

        return [self.names[label - 1] for label in np.unique(self.images.labels)]

    @property
    def is_flat(self) -> bool:
        """Whether images lie there, and none in class folders."""
        return bool(self.beside.images) and not len(self.images)

    def labelled(self, numbering: classes.Numbering) -> RawSplit:
        labels = [numbering.label_of.get(name, 0) for name in self.names]  # 0: without an image
        return renumbered(self.images, numbering.classes, labels)


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` (or the only folder in it) holds class folders."""
    if not place.is_dir():
        return None
    for root in listing.roots(place):
        paths = {split: listing.split_folder(root, split) for split in SPLITS}
        if any(paths.values()):
            return _of_splits(place, root, {s: path for s, path in paths.items() if path}, options)
    return _unsplit(place, options)


def _of_splits(place: Path, root: Path, paths: dict[str, Path], options: Options) -> RawSet:
    seen, real = Intake(), listing.real(root)
    listed = {split: listing.entries(path, real) for split, path in paths.items()}
    folders = {
        split: _read(path, split, listed[split], listed[split].folders, options, seen)
        for split, path in paths.items()
    }
    for folder in folders.values():
        class_checks.refuse_nested(folder.path, folder.beside.folders)
        class_checks.refuse_images(folder.path, folder.present, root)
    numbering = _choose(root, folders, options, seen)
    splits, refused = {}, dict[str, str]()
    for split, folder in folders.items():
        try:
            splits[split] = _part(root, split, folder, numbering, seen)
        except validation.UnknownLabel as error:
            if not splits:
                raise
            refused[split] = str(error)
    if len(paths) == 1 and (unread := list_files.unread(root)):
        seen.say(unread)
    class_checks.say_linked(paths, {split: one.folders for split, one in listed.items()}, seen)
    listing.above(root, place, seen)
    used = {*names_files.names(root), *box_files.names(options.boxes, root)}
    used |= {path.name for path in paths.values()}
    if (validated := folders.get("validation")) and validated.is_flat:
        used.add(SYNSET_LABELS)
    listing.beside(root, used, seen, place)
    return RawSet.described(
        "class folders",
        f"class folders under {root}",
        numbering,
        splits,
        seen=seen,
        boxes=box_files.load(options.boxes, root),
        refused=refused,
    )


def _read(
    path: Path, split: str, listed: listing.Listed, names: list[str], options: Options, seen: Intake
) -> SplitFolder:
    """What lies in class folders of these names, and in tars of a class each."""
    part = columns(split, (), listing.class_entries(path, names, seen, split))
    folders = SplitFolder(path, names, part, listed)
    tars = class_tars.among(path, listed, folders.present, seen)
    of_tars = class_tars.images(path, tars, len(names) + 1, options.tars, seen)
    names = [*names, *map(class_tars.class_of, tars)]
    return SplitFolder(path, names, joined(part, *of_tars), listed.without(tars))


def _part(
    root: Path, split: str, folder: SplitFolder, numbering: classes.Numbering, seen: Intake
) -> RawSplit:
    """A split: what lies in its class folders, and beside them, or flat without any."""
    part, beside, name = folder.labelled(numbering), folder.beside, folder.path.name
    if split == "validation" and folder.is_flat:
        part, used = _flat(root, folder, numbering, seen)
        beside = beside.without([used])
    else:
        if wrong := validation.disagreement(part, numbering):
            seen.say(f"{name} has {wrong}")  # and not refused: folders may hold relabelled images
        loose = _loose(folder, numbering, seen)
        part = joined(part, columns(split, numbering.classes, loose))
    beside.tell(seen, f"{name}/")
    return part


def _flat(
    root: Path, folder: SplitFolder, numbering: classes.Numbering, seen: Intake
) -> tuple[RawSplit, str]:
    """Validation images of no class folder, labelled from a text where there is one; its name."""
    path, names = folder.path, folder.beside.images
    if not numbering.is_imagenets:
        raise validation.UnknownLabel(
            f"{path} is flat, which is labelled from ImageNet's list, and the "
            "training classes are not numbered as ImageNet's; --labels imagenet, or sort the "
            "validation images into class folders"
        )
    texts = [place / SYNSET_LABELS for place in (root, path)]
    text = next((one for one in texts if one.exists()), None)
    if text:
        label_of = validation.synset_labels(text, names)
        entries = iter([Entry(str(path), name, label_of[name]) for name in names])
    else:
        entries = validation.flat_entries(path, names)
    part = columns("validation", numbering.classes, entries)
    if text and (wrong := validation.disagreement(part, numbering)):
        raise ValueError(f"{text} gives {wrong}")
    seen.say(f"validation flat, labelled from {text.name if text else IMAGENETS_LIST}")
    return part, text.name if text else ""


def _loose(folder: SplitFolder, numbering: classes.Numbering, seen: Intake) -> Iterator[Entry]:
    """The images beside class folders whose names say their class; the others are counted."""
    for name in folder.beside.images:
        label, where = validation.label_by_name(name), f"{folder.path.name}/{name}"
        if numbering.is_imagenets and label:
            seen.say("beside the class folders, labelled by their names", where)
            yield Entry(str(folder.path), name, label)
        else:
            seen.leave(intake.OUTSIDE, where)


def _choose(
    root: Path, folders: dict[str, SplitFolder], options: Options, seen: Intake
) -> classes.Numbering:
    """The classes that hold an image. Raises ValueError where there is none."""
    class_checks.refuse_labelled(root, sum(len(one.images) for one in folders.values()), seen)
    present = {name for folder in folders.values() for name in folder.present}
    named = names_files.read([root], present, seen)
    words = named.words(present, seen) if named else {}
    if not present and "train" not in folders and folders["validation"].beside.images:
        return classes.choose(imagenet.synsets(), options.labels, seen, words)
    if not present:
        outside = Intake()
        for split, folder in folders.items():
            folder.beside._replace(links=[]).tell(outside, f"{split}/")
            outside.leave_all((intake.OUTSIDE, f"{split}/{one}") for one in folder.beside.images)
        notes = "; ".join([f"{root}: {classes.NO_CLASS}", *outside.notes()])
        raise ValueError(f"{notes}{remedies.remedy(root)}")
    return classes.choose(present, options.labels, seen, words)


def _unsplit(place: Path, options: Options) -> RawSet | None:
    """Class folders without splits: training images, or those of the split that is asked for."""
    for root in listing.roots(place):
        listed = listing.entries(root)
        names = [name for name in listed.folders if listing.entries(root / name).images]
        tars = class_tars.among(root, listed, names, Intake())
        if names or tars:
            _refuse_no_classes(root, names, tars)
            break
    else:
        return None
    seen = Intake()
    folder = _read(root, "train", listed, names, options, seen)
    numbering = _choose(root, {"train": folder}, options, seen)
    part = folder.labelled(numbering)
    if wrong := validation.disagreement(part, numbering):
        seen.say(f"it has {wrong}")
    used = {*names, *tars, *box_files.names(options.boxes, root), *names_files.names(root)}
    _say_tables(root, place, used, part, seen)
    listing.above(root, place, seen)
    listing.beside(root, used, seen, place)
    return RawSet.described(
        "class folders without splits",
        f"class folders under {root}, no split folders, {TAKEN}",
        numbering,
        {"train": part},
        seen=seen,
        boxes=box_files.load(options.boxes, root),
        unsplit=True,
    )


def _say_tables(root: Path, place: Path, used: set[str], part: RawSplit, seen: Intake) -> None:
    """Say which files tell more of these images than their folders do."""
    if unread := list_files.unread(place) or list_files.unread(root):
        seen.say(unread)
    for path in tables.around(root, place, used, part.filenames()):
        if path.name not in unread:
            how = tables.read_as([path], root)
            seen.say(
                f"files of these images that are not read; {how}", os.path.relpath(path, place)
            )


def _refuse_no_classes(root: Path, names: list[str], tars: list[str]) -> None:
    """Refuse folders of images that are results of ours, splits, or one folder of any name."""
    if told := remedies.results((root, *(root / name for name in names))):
        raise ValueError(f"{root} holds no raw images. {told}")
    if len(names) == 1 and not tars and names[0] not in imagenet.label_of():
        raise ValueError(
            f"{root} holds one folder of images, {intake.printable(names[0])}: no split, and a "
            f"single class, if it is one. A class goes into train/{intake.printable(names[0])}"
            f"{remedies.remedy(root)}"
        )
    if not tars:
        class_checks.refuse_splits(root, names)
        class_checks.refuse_images(root, names, root)
