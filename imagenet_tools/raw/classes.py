"""Which classes a raw set has and how they are numbered; shared by the layouts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagenet_tools import labels as imagenet
from imagenet_tools.raw.index import ClassInfo

EXTENSIONS = (".jpeg", ".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def is_image_name(name: str) -> bool:
    """True for an image's extension in any case; what it is, its bytes decide later."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def imagenet_classes() -> tuple[ClassInfo, ...]:
    """ImageNet's 1000 classes in label order."""
    return tuple(ClassInfo(*item) for item in imagenet.words().items())


def choose(names: Sequence[str], wanted: str) -> tuple[tuple[ClassInfo, ...], str]:
    """Return the classes and the label convention in words, from the sorted class folders.

    wanted: "imagenet", "folders", or "auto": ImageNet's numbering where all are its synsets.
    Raises ValueError for folders named by devkit ids or by integers that sort as strings.
    """
    if not names:
        raise ValueError("no class folder holds an image; a class is a folder of images")
    known = imagenet.is_imagenet(list(names))
    if wanted == "imagenet" and not known:
        strange = [name for name in names if name not in imagenet.label_of()]
        raise ValueError(
            f"--labels imagenet, but {len(strange)} folders are no ImageNet synsets "
            f"({', '.join(strange[:5])}); --labels folders numbers them by name"
        )
    if known and wanted != "folders":
        return imagenet_classes(), imagenet.IMAGENET_CONVENTION
    if wanted == "auto":
        _refuse_integers(names)
    words = imagenet.words()
    classes = tuple(ClassInfo(name, words.get(name, name)) for name in names)
    return classes, f"folders: 1..{len(names)} by sorted folder name, 0 = background"


def _refuse_integers(names: Sequence[str]) -> None:
    """Refuse class folders that are numbers: what they stand for cannot be known."""
    if not all(re.fullmatch(r"\d+", name) for name in names):
        return
    numbers = [int(name) for name in names]
    if sorted(numbers) == list(range(1, 1001)):
        raise ValueError(
            "the class folders are 1..1000: that is either the devkit's ILSVRC2012_ID, whose order "
            "is not that of the synsets, or a label; rename them to synsets (n01440764, ...), or "
            "--labels folders takes them as they sort by name"
        )
    if numbers != sorted(numbers):
        raise ValueError(
            f"the class folders are integers that sort as strings ({', '.join(names[:4])}, ...), "
            "so class 10 would come before class 2; pad them with zeros, or --labels folders takes "
            "them as they sort by name"
        )
