"""ImageNet's validation images: 50,000 files whose labels stand elsewhere, and the check of those
that lie in class folders or stand in lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagenet_tools import labels as imagenet
from imagenet_tools.raw import intake
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.split import RawSplit

# The name as ImageNet has it; Hugging Face's archives put the synset behind it.
NAME = re.compile(r"ILSVRC2012_val_([0-9]{8})(?:_(n[0-9]{8}))?\.[A-Za-z]+")


class UnknownLabel(ValueError):
    """A flat validation folder holds an image whose label nothing says."""


def known_label(filename: str) -> int | None:
    """The label 1..1000 of ILSVRC2012_val_00000001 .. _00050000, from the list shipped with us;
    None for any other name, and for one that names another synset."""
    match = NAME.fullmatch(filename)
    number = int(match.group(1)) if match else 0
    if not 1 <= number <= imagenet.VALIDATION_IMAGES:
        return None
    label = imagenet.validation_labels()[number - 1]
    said = match.group(2) if match else None
    return label if said in (None, imagenet.synsets()[label - 1]) else None


def shipped_label(filename: str, place: Path) -> int:
    """The same; raises UnknownLabel for any other name. place: where the image lies."""
    label = known_label(filename)
    if label is None:
        raise UnknownLabel(
            f"{place}: {intake.printable(filename)} lies in a flat validation folder and is not "
            "named like ILSVRC2012_val_00000001.JPEG, so its label is unknown; sort such images "
            "into class folders"
        )
    return label


def flat_entries(folder: Path, names: Iterable[str]) -> Iterator[Entry]:
    """Entries of a flat validation folder, labelled from the shipped list."""
    return (Entry(str(folder), name, shipped_label(name, folder)) for name in names)


def disagreement(part: RawSplit) -> str:
    """Which ILSVRC2012_val images of a split that is numbered as ImageNet have other labels than
    the list shipped with us, in words; "" where none has."""
    if b"ILSVRC2012_val_" not in part.names:
        return ""
    pairs = [
        (name, label, truth)
        for name, label in zip(part.filenames(), part.labels.tolist(), strict=True)
        if (truth := known_label(name.rsplit("/", 1)[-1])) not in (None, label)
    ]
    if not pairs:
        return ""
    name, *labels = pairs[0]
    given, true = (part.classes[one - 1] for one in labels if one)
    from_one = all(truth and label == truth + 1 for _, label, truth in pairs)
    guess = "count from 1" if from_one else "be in another order, the devkit's ILSVRC2012_ID"
    return (
        f"{name} as {given.key} ({given.words}); by ImageNet's ground truth it is {true.key} "
        f"({true.words}), and {len(pairs):,} validation images in all disagree. The labels seem "
        f"to {guess}"
    )


def elsewhere(part: RawSplit) -> str:
    """In words, of a split that is numbered as ImageNet: the images whose names begin with the
    synset of another class than they lie in; "" where there are none."""
    numbers, synsets = imagenet.label_of(), imagenet.synsets()
    strays = [
        (name, label)
        for name, label in zip(part.filenames(), part.labels.tolist(), strict=True)
        if name[9:10] == "_" and numbers.get(name[:9], label) != label
    ]
    if not strays:
        return ""
    name, label = strays[0]
    return f"{len(strays):,} images named after another class ({name} in {synsets[label - 1]})"


def synset_labels(path: Path, names: list[str]) -> dict[str, int]:
    """Labels from a text of one synset a line, in the order of the sorted file names.

    Cloud TPU's validation layout (synset_labels.txt).
    """
    lines = intake.text_of(path).split()
    if len(lines) != len(names):
        raise ValueError(f"{path} has {len(lines)} lines for {len(names)} images")
    unknown = [line for line in lines if line not in imagenet.label_of()]
    if unknown:
        raise ValueError(f"{path} names {unknown[0]}, which is no ImageNet synset")
    return {n: imagenet.label_of()[s] for n, s in zip(sorted(names), lines, strict=True)}
