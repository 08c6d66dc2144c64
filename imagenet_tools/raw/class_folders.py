"""Class folders: train/<class>/image, with val|validation|valid in class folders or flat.

ImageNet in synset folders, Imagenette, data sets of the user's own. A folder of class folders
without splits is taken as training images, and said to be.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools.raw import boxes, classes, listing, validation
from imagenet_tools.raw.index import SPLITS, Entry, RawSet, columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "train/<class>/*.jpg, with val/, validation/ or valid/ in class folders or flat"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` (or the only folder in it) holds class folders."""
    if not place.is_dir():
        return None
    root = _root(place)
    if root is None:
        return _unsplit(place, options)
    found = {split: listing.split_folder(root, split) for split in SPLITS}
    folders = {split: folder for split, folder in found.items() if folder}
    names = {split: listing.class_folders(folder) for split, folder in folders.items()}
    flat = "validation" in names and not names["validation"]
    known = sorted(set().union(*names.values()))
    infos, convention = classes.choose(known, options.labels)
    if flat and convention != classes.imagenet.IMAGENET_CONVENTION:
        raise ValueError(
            f"{folders['validation']} is flat, which is labelled from ImageNet's list, and the "
            "training classes are not numbered as ImageNet's; --labels imagenet, or sort the "
            "validation images into class folders"
        )
    label_of = {info.key: number for number, info in enumerate(infos, 1)}
    around = boxes.load(options.boxes, root)
    splits = {}
    for split, folder in folders.items():
        if split == "validation" and flat:
            entries = iter(_flat(root, folder))
        else:
            entries = listing.class_entries(folder, names[split], label_of, split)
        splits[split] = columns(split, infos, entries, around.of)
    counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
    shape = " (validation flat, labelled from ImageNet's list)" if flat else ""
    return RawSet(
        layout="class folders",
        description=f"class folders under {root}: {counts}{shape}",
        label_convention=convention,
        classes=infos,
        splits=splits,
        boxes_source=around.source,
    )


def _root(place: Path) -> Path | None:
    """The folder that holds a train or validation folder: `place`, or the only one inside it."""
    candidates = [place, *(place / name for name in _only_folder(place))]
    for candidate in candidates:
        if any(listing.split_folder(candidate, split) for split in SPLITS):
            return candidate
    return None


def _only_folder(place: Path) -> list[str]:
    names = listing.class_folders(place)
    return names if len(names) == 1 else []


def _flat(root: Path, folder: Path) -> list[Entry]:
    names = listing.images_in(folder)
    texts = [place / "synset_labels.txt" for place in (root, folder)]
    text = next((path for path in texts if path.exists()), None)
    if text is None:
        return list(validation.flat_entries(folder, names))
    label = validation.synset_labels(text, names)
    return [Entry(str(folder), name, label[name]) for name in names]


def _unsplit(place: Path, options: Options) -> RawSet | None:
    """Class folders without splits: training images."""
    for root in (place, *(place / name for name in _only_folder(place))):
        names = [n for n in listing.class_folders(root) if listing.images_in(root / n)]
        if not names:
            continue
        infos, convention = classes.choose(names, options.labels)
        label_of = {info.key: number for number, info in enumerate(infos, 1)}
        around = boxes.load(options.boxes, root)
        entries = listing.class_entries(root, names, label_of, "train")
        part = columns("train", infos, entries, around.of)
        return RawSet(
            layout="class folders without splits",
            description=f"class folders under {root}, no split folders: {len(part):,} images, "
            "taken as training images",
            label_convention=convention,
            classes=infos,
            splits={"train": part},
            boxes_source=around.source,
        )
    return None
