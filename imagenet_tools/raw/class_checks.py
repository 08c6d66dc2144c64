"""Class folders that cannot be meant: splits and folders of all images that pass for classes, and
splits that have no class in common."""

from __future__ import annotations

from pathlib import Path

from imagenet_tools.raw import listing
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.split import SPLITS, RawSplit

ALL_IMAGES = ("images", "image", "imgs", "img", "jpegimages", "data")
# What data sets of detection and segmentation have beside them.
OF_IMAGES = ("mask", "masks", "label", "labels", "annotations", "segmentation", "segmentations")
LISTED = "list them in train.csv and val.csv in {}, a path and a label in a row"


def refuse_nested(folder: Path, names: list[str]) -> None:
    """Refuse train/train, which was unpacked into a folder of its own name, and train/val among the
    classes that it has itself: neither is a class."""
    for name in (one for one in names if one.lower() in listing.SPLIT_OF):
        inside = listing.entries(folder / name)
        if len(names) == 1 and not inside.images:
            raise ValueError(
                f"{folder} holds the folder {name} alone, and no image lies directly in that: "
                f"unpacked into a folder of its own name? Move what is in {folder / name} up"
            )
        if not inside.images and not {*inside.folders}.isdisjoint(names):
            raise ValueError(
                f"{folder} holds the folder {name}, which has the same classes: a split in "
                f"another? Move {folder / name} out of it"
            )


def refuse_labelled(folder: Path, images: int, seen: Intake) -> None:
    """Refuse images with a label beside each, whose folders are shards and no classes."""
    labels = seen.left_out.get(".cls")
    if images and labels and 2 * labels.count >= images:
        raise ValueError(
            f"{folder} has {labels.count:,} files .cls for {images:,} images: WebDataset's "
            "labels, which are not read, and the folders are no classes. "
            f"{LISTED.format(folder).capitalize()}"
        )


def refuse_splits(root: Path, names: list[str]) -> None:
    """Refuse train2017 and val2017, or cars_train and cars_test: splits, and not two classes."""
    kinds = {match[1].lower() for name in names if (match := listing.SPLIT_NAME.fullmatch(name))}
    if len(kinds) > 1 and all(map(listing.SPLIT_NAME.fullmatch, names)):
        raise ValueError(
            f"{root} holds {', '.join(names[:4])}: splits by name, of images and no classes. "
            f"Sort the images into train/<class>/ and val/<class>/, or {LISTED.format(root)}"
        )


def refuse_images(folder: Path, names: list[str], root: Path) -> None:
    """Refuse train/images as the only class, or beside train/masks: its images are of no class
    yet."""
    lower = {name.lower() for name in names}
    if lower.isdisjoint(ALL_IMAGES) or not lower <= {*ALL_IMAGES, *OF_IMAGES}:
        return
    what, are = f"one folder of images, {names[0]}", "is no class by its name"
    if len(names) > 1:
        what, are = f"folders of images, {' and '.join(names)}", "are no classes by their names"
    raise ValueError(
        f"{folder} holds {what}, which {are}. Sort the images into {folder.name}/<class>/, or "
        f"{LISTED.format(root)}"
    )


def say_linked(folders: dict[str, Path], names: dict[str, list[str]], seen: Intake) -> None:
    """Say it where the folders of both splits are one, or those of two classes."""
    if len(folders) == 2 and len(set(map(listing.real, folders.values())) - {""}) == 1:
        seen.say("both splits are one folder, by a link: validation has the training images")
    for split, folder in folders.items():
        for name in names[split] if listing.real(folder) else ():
            path = folder / name
            if path.is_symlink() and (other := path.resolve()).parent == folder.resolve():
                seen.say("classes that are another one by a link", f"{name} ({other.name})")


def say_nested(splits: dict[str, RawSplit], seen: Intake) -> None:
    """Say which images lie in a folder of a class that is called after another class."""
    for part in splits.values():
        classes = {info.key for info in part.classes}
        for name, label in part.labelled() if b"/" in part.names else ():
            own, inside = part.classes[label - 1].key, name.split("/")[:-1]
            if own not in inside and not classes.isdisjoint(inside):
                seen.say("in a folder called after another class than their own", f"{own}/{name}")


def compare(splits: dict[str, RawSplit], seen: Intake, imagenets: bool) -> None:
    """Say which classes validation alone has; of ImageNet's only where none is in both, which is
    else refused by a ValueError."""
    if len(splits) < 2:
        return
    import numpy as np

    train, val = (np.unique(splits[split].labels).tolist() for split in SPLITS)
    names = splits["train"].classes
    if not set(train) & set(val):
        ours, others = (names[one[0] - 1].key for one in (train, val))
        told = f"no class of validation is one of training: {others} and {ours}, for example"
        if not imagenets:
            raise ValueError(
                f"{told}. Give the same class the same name, or take the validation images away "
                "and build with --split train"
            )
        seen.say(told)
    for label in sorted(set(val) - set(train)) if not imagenets else ():
        seen.say("classes of validation without a training image", names[label - 1].key)
