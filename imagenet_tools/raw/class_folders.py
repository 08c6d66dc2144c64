"""Splits of class folders: train/<class>/image and val|validation|valid|test-less/<class>/image.

Imagenette, ImageNet in synset folders, and data sets of the user's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from imagenet_tools import labels as imagenet
from imagenet_tools.raw.index import SPLITS, ClassInfo, Entry, RawSet, columns

LOOKED_FOR = "train/<class>/*.jpg with val/, validation/ or valid/ in class folders or flat"
SPLIT_FOLDERS = {"train": ("train",), "validation": ("val", "validation", "valid")}
EXTENSIONS = (".jpeg", ".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def find(place: Path, options: object) -> RawSet | None:
    """Return the data set where `place` (or a single folder in it) holds split folders."""
    if not place.is_dir():
        return None
    root = _root(place)
    if root is None:
        return None
    folders = {split: _split_folder(root, split) for split in SPLITS}
    found = {split: folder for split, folder in folders.items() if folder}
    names = {split: class_names(folder) for split, folder in found.items()}
    classes, convention = choose_classes(sorted(set().union(*names.values())), options)
    label_of = {info.key: number for number, info in enumerate(classes, 1)}
    splits = {}
    for split, folder in found.items():
        listing = entries(folder, names[split], label_of, split)
        splits[split] = columns(split, classes, listing)
    counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
    return RawSet(
        layout="class folders",
        description=f"class folders under {root}: {counts}",
        label_convention=convention,
        classes=classes,
        splits=splits,
    )


def _root(place: Path) -> Path | None:
    """The folder with a train folder: `place`, or the only folder inside it."""
    if _split_folder(place, "train"):
        return place
    inside = [entry for entry in place.iterdir() if entry.is_dir()]
    if len(inside) == 1 and _split_folder(inside[0], "train"):
        return inside[0]
    return None


def _split_folder(root: Path, split: str) -> Path | None:
    for name in SPLIT_FOLDERS[split]:
        if (root / name).is_dir():
            return root / name
    return None


def class_names(folder: Path) -> list[str]:
    with os.scandir(folder) as listing:
        return sorted(entry.name for entry in listing if entry.is_dir())


def choose_classes(names: list[str], options: object) -> tuple[tuple[ClassInfo, ...], str]:
    """Return the classes and the label convention in words, from the names of the folders."""
    wanted = options.labels  # type: ignore[attr-defined]
    known = imagenet.is_imagenet(names)
    if wanted == "imagenet" and not known:
        strange = [name for name in names if name not in imagenet.label_of()]
        raise ValueError(
            f"--labels imagenet, but {len(strange)} folders are no ImageNet synsets "
            f"({', '.join(strange[:5])}); --labels folders numbers them by name"
        )
    if known and wanted != "folders":
        classes = tuple(ClassInfo(*item) for item in imagenet.words().items())
        return classes, imagenet.IMAGENET_CONVENTION
    words = imagenet.words()
    classes = tuple(ClassInfo(name, words.get(name, name)) for name in names)
    return classes, f"folders: 1..{len(names)} by sorted folder name, 0 = background"


def entries(
    folder: Path, names: list[str], label_of: dict[str, int], split: str
) -> Iterator[Entry]:
    """List the images of each class folder, sorted by name."""
    bar = tqdm(desc=f"listing {split}", unit="image", disable=None)
    with bar:
        for name in names:
            container = os.path.join(folder, name)
            with os.scandir(container) as listing:
                files = sorted(
                    entry.name
                    for entry in listing
                    if entry.name.lower().endswith(EXTENSIONS) and not entry.name.startswith(".")
                )
            for filename in files:
                yield Entry(container, filename, label_of[name])
            bar.update(len(files))
