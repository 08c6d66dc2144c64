"""Kaggle's download: ILSVRC/Data/CLS-LOC/{train,val}, LOC_*_solution.csv, Annotations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import labels as imagenet
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import boxes, classes, listing, validation
from imagenet_tools.raw.index import Entry, RawSet, columns
from imagenet_tools.raw.texts import readable

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "Kaggle's ILSVRC/Data/CLS-LOC/train and val, with LOC_val_solution.csv"
IMAGES = "ILSVRC/Data/CLS-LOC"
MAPPING = "LOC_synset_mapping.txt"
TRAIN_SOLUTION, SOLUTION = "LOC_train_solution.csv", "LOC_val_solution.csv"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds ILSVRC/Data/CLS-LOC (or is ILSVRC itself)."""
    root = next((p for p in (place, place.parent) if (p / IMAGES).is_dir()), None)
    if root is None or not place.is_dir():
        return None
    if (root / MAPPING).is_file():
        _check_mapping(root / MAPPING)
    infos = classes.imagenet_classes()
    label_of = imagenet.label_of()
    train, val = root / IMAGES / "train", root / IMAGES / "val"
    around = _boxes(root, options)
    splits = {}
    if train.is_dir():
        names = listing.class_folders(train)
        unknown = [name for name in names if name not in label_of]
        if unknown:
            raise ValueError(f"{train / unknown[0]}: its name is no ImageNet synset")
        entries = listing.class_entries(train, names, label_of, "train")
        splits["train"] = columns("train", infos, entries, around.of)
    source = ""
    if val.is_dir():
        solution = root / SOLUTION
        source = SOLUTION if solution.exists() else "ImageNet's shipped list"
        source = f" (validation labelled from {source})"
        splits["validation"] = columns("validation", infos, _val(val, solution), around.of)
    counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
    return RawSet(
        layout="Kaggle",
        description=f"Kaggle's CLS-LOC under {root}: {counts}{source}",
        label_convention=imagenet.IMAGENET_CONVENTION,
        classes=infos,
        splits=splits,
        boxes_source=around.source,
    )


def _check_mapping(path: Path) -> None:
    """Compare Kaggle's classes, `synset words` a line, with the shipped ones."""
    with readable(path):
        lines = path.read_text(encoding="utf-8").splitlines()
    found = {line.split(maxsplit=1)[0] for line in lines if line.strip()}
    if strange := sorted(found ^ set(imagenet.synsets())):
        raise DamagedData(
            f"{path} has {len(found):,} classes, and {strange[0]} is in it or in ImageNet's 1,000, "
            "not in both; it is damaged or of another data set"
        )


def _val(folder: Path, solution: Path) -> Iterator[Entry]:
    """Validation images with their labels, from the solution file where there is one."""
    names = listing.images_in(folder)
    if not solution.exists():
        yield from validation.flat_entries(folder, names)
        return
    truth = dict(boxes.solution(solution))
    for name in names:
        stem = name.rsplit(".", 1)[0]
        synset = truth[stem][0][0] if truth.get(stem) else ""
        if synset not in imagenet.label_of():
            raise ValueError(f"{solution} names no ImageNet synset for {stem} ({synset!r})")
        label = imagenet.label_of()[synset]
        if validation.NAME.fullmatch(name) and validation.shipped_label(name) != label:
            raise ValueError(
                f"{solution} says {synset} for {name}, the list shipped with imgtools says "
                f"{imagenet.synsets()[validation.shipped_label(name) - 1]}; one of them is damaged"
            )
        yield Entry(str(folder), name, label)


def _boxes(root: Path, options: Options) -> boxes.Boxes:
    """The annotations' boxes, which name each image's size; else the csv's, where it is there."""
    annotations = root / "ILSVRC" / "Annotations" / "CLS-LOC"
    if options.boxes is None and annotations.is_dir():
        return boxes.from_xml(annotations)
    found = boxes.load(options.boxes, root)
    if found.source:
        return found
    paths = [root / name for name in (TRAIN_SOLUTION, SOLUTION)]
    return boxes.from_solutions([path for path in paths if path.is_file()])
