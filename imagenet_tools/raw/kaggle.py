"""Kaggle's download: ILSVRC/Data/CLS-LOC/{train,val}, LOC_*_solution.csv, Annotations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import labels as imagenet
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import box_files, boxes, classes, intake, listing, validation
from imagenet_tools.raw.classes import Numbering
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.remedies import KAGGLE as IMAGES
from imagenet_tools.raw.split import RawSplit, columns, joined, renumbered

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "Kaggle's ILSVRC/Data/CLS-LOC/train and val, with LOC_val_solution.csv"
MAPPING = "LOC_synset_mapping.txt"
TRAIN_SOLUTION, SOLUTION = "LOC_train_solution.csv", "LOC_val_solution.csv"
FILES = (MAPPING, TRAIN_SOLUTION, SOLUTION, "LOC_sample_submission.csv")
BOXES = ("ILSVRC/Annotations/CLS-LOC", *box_files.USUAL)
PARTS = ("Data", "Annotations", "ImageSets")


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds ILSVRC/Data/CLS-LOC (or is ILSVRC itself)."""
    if not place.is_dir():
        return None
    root = next((p for p in (place, place.parent) if (p / IMAGES).is_dir()), None)
    if root is None:
        return None
    if (root / MAPPING).is_file():
        _check_mapping(root / MAPPING)
    numbering, seen = classes.of_imagenet(), Intake()
    train, val, solution = root / IMAGES / "train", root / IMAGES / "val", root / SOLUTION
    splits, refused = {}, dict[str, str]()
    if train.is_dir():
        splits["train"] = _train(train, numbering, seen)
    if val.is_dir():
        source = SOLUTION if solution.exists() else "ImageNet's shipped list"
        seen.say(f"validation labelled from {source}")
        try:
            splits["validation"] = _validation(val, solution, numbering, seen)
        except validation.UnknownLabel as error:
            if not splits:
                raise
            refused["validation"] = str(error)
    if place == root:
        used = {"ILSVRC", *FILES, *box_files.names(options.boxes, root, BOXES)}
        listing.beside(root, used, seen)
    # ImageSets has but names.
    parts = {"ILSVRC": PARTS, "ILSVRC/Data": {"CLS-LOC"}, IMAGES: {"train", "val"}}
    for folder, inside in parts.items():
        listing.beside(root / folder, inside, seen, root)
    return RawSet.described(
        "Kaggle",
        f"Kaggle's CLS-LOC under {root}",
        numbering,
        splits,
        seen=seen,
        boxes=_boxes(root, options),
        refused=refused,
    )


def _train(folder: Path, numbering: Numbering, seen: Intake) -> RawSplit:
    names = listing.entries(folder).folders
    listing.beside(folder, names, seen, folder.parent)
    part = _sorted(folder, "train", names, numbering, seen)
    for name in names:
        if name not in numbering.label_of and str(folder / name) in part.containers:
            raise ValueError(f"{folder / name}: its name is no ImageNet synset")
    return part


def _sorted(
    folder: Path, split: str, names: list[str], numbering: Numbering, seen: Intake
) -> RawSplit:
    """The images in folders of synsets."""
    part = columns(split, (), listing.class_entries(folder, names, seen, split))
    return renumbered(part, numbering.classes, [numbering.label_of.get(name, 0) for name in names])


def _check_mapping(path: Path) -> None:
    """Compare Kaggle's classes, `synset words` a line, with the shipped ones."""
    lines = intake.text_of(path).splitlines()
    synsets = {line.split(maxsplit=1)[0] for line in lines if line.strip()}
    if strange := sorted(synsets ^ set(imagenet.synsets())):
        raise DamagedData(
            f"{path} has {len(synsets):,} classes, and {strange[0]} is in it or in ImageNet's "
            "1,000, not in both; it is damaged or of another data set"
        )


def _validation(folder: Path, solution: Path, numbering: Numbering, seen: Intake) -> RawSplit:
    """Validation images: flat as they come, and those that were sorted into folders of synsets."""
    listed = listing.entries(folder)
    flat = columns("validation", numbering.classes, _flat(folder, listed.images, solution))
    synsets = [name for name in listed.folders if name in numbering.label_of]
    part = joined(_sorted(folder, "validation", synsets, numbering, seen), flat)
    if wrong := validation.disagreement(part, numbering):
        seen.say(f"val has {wrong}")
    listing.beside(folder, {*listed.images, *synsets}, seen, folder.parent)
    return part


def _flat(folder: Path, names: list[str], solution: Path) -> Iterator[Entry]:
    """Validation images with their labels, from the solution file where there is one."""
    if not solution.exists():
        yield from validation.flat_entries(folder, names)
        return
    truth: dict[str, set[str]] = defaultdict(set)
    for image, objects in box_files.solution(solution):
        truth[image].update(synset for synset, _ in objects)
    for name in names:
        stem = name.rsplit(".", 1)[0]
        synsets = sorted(truth.get(stem, ()))
        if len(synsets) > 1:
            raise ValueError(f"{solution} has several classes for {stem}: {', '.join(synsets)}")
        synset = "".join(synsets)
        if synset not in imagenet.label_of():
            raise validation.UnknownLabel(
                f"{solution} names no ImageNet synset for {stem} ({synset!r}); give it a row, or "
                "take the image away"
            )
        label, shipped = imagenet.label_of()[synset], validation.known_label(name)
        if shipped is not None and shipped != label:
            raise ValueError(
                f"{solution} says {synset} for {name}, the list shipped with imgtools says "
                f"{imagenet.synsets()[shipped - 1]}; one of them is damaged"
            )
        yield Entry(str(folder), name, label)


def _boxes(root: Path, options: Options) -> boxes.Boxes:
    """The annotations' boxes, which name each image's size; else the csv's, where it is there."""
    given = box_files.load(options.boxes, root, BOXES)
    paths = [root / name for name in (TRAIN_SOLUTION, SOLUTION)]
    there = (path for path in paths if path.is_file())
    return given if given.source else box_files.from_solutions(there)
