"""The flat validation folder: 50,000 files whose labels stand elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagenet_tools import labels as imagenet
from imagenet_tools.raw.index import Entry
from imagenet_tools.raw.texts import readable

NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.[A-Za-z]+")


def shipped_label(filename: str) -> int:
    """The label 1..1000 of ILSVRC2012_val_00000001 .. _00050000, from the list shipped with us.

    Raises ValueError for any other name.
    """
    found = NAME.fullmatch(filename)
    number = int(found.group(1)) if found else 0
    if not 1 <= number <= imagenet.VALIDATION_IMAGES:
        raise ValueError(
            f"{filename} lies in a flat validation folder and is not named like "
            "ILSVRC2012_val_00000001.JPEG, so its label is unknown; sort such images into class "
            "folders"
        )
    return imagenet.validation_labels()[number - 1]


def flat_entries(folder: Path, names: Iterable[str]) -> Iterator[Entry]:
    """Entries of a flat validation folder, labelled from the shipped list."""
    return (Entry(str(folder), name, shipped_label(name)) for name in names)


def synset_labels(path: Path, names: list[str]) -> dict[str, int]:
    """Labels from a text of one synset a line, in the order of the sorted file names.

    Cloud TPU's validation layout (synset_labels.txt).
    """
    with readable(path):
        lines = path.read_text(encoding="utf-8").split()
    if len(lines) != len(names):
        raise ValueError(f"{path} has {len(lines)} lines for {len(names)} images")
    unknown = [line for line in lines if line not in imagenet.label_of()]
    if unknown:
        raise ValueError(f"{path} names {unknown[0]}, which is no ImageNet synset")
    return {n: imagenet.label_of()[s] for n, s in zip(sorted(names), lines, strict=True)}
