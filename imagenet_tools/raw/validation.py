"""ImageNet's validation images: 50,000 files whose labels stand elsewhere, and the check of those
that lie in class folders or stand in lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagenet_tools import labels as imagenet
from imagenet_tools.raw import intake
from imagenet_tools.raw.classes import Numbering
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
    if match is None or not 1 <= int(match[1]) <= imagenet.VALIDATION_IMAGES:
        return None
    label = imagenet.validation_labels()[int(match[1]) - 1]
    return label if match[2] in (None, imagenet.synsets()[label - 1]) else None


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


def label_by_name(filename: str) -> int | None:
    """ImageNet's label of an image by its name alone, which begins with a synset or is that of a
    validation image; None where it says nothing."""
    return known_label(filename) or imagenet.label_of().get(filename.split("_")[0])


def disagreement(part: RawSplit, numbering: Numbering) -> str:
    """Which ILSVRC2012_val images of a split that is numbered as ImageNet have other labels than
    the list shipped with us, in words; "" where none has."""
    if b"ILSVRC2012_val_" not in part.names or not numbering.is_imagenets:
        return ""
    wrong = [
        (name, label, truth)
        for name, label in part.labelled()
        if (truth := known_label(name.rsplit("/", 1)[-1])) not in (None, label)
    ]
    if not wrong:
        return ""
    name, *labels = wrong[0]
    given, true = (part.classes[one - 1] for one in labels if one)
    from_one = all(truth and label == truth + 1 for _, label, truth in wrong)
    guess = "count from 1" if from_one else "be in another order, the devkit's ILSVRC2012_ID"
    return (
        f"{name} as {given.key} ({given.words}); by ImageNet's ground truth it is {true.key} "
        f"({true.words}), and {len(wrong):,} validation images in all disagree. The labels seem "
        f"to {guess}"
    )


def elsewhere(part: RawSplit) -> str:
    """In words, of a split that is numbered as ImageNet: the images whose names begin with the
    synset of another class than they lie in; "" where there are none."""
    numbers, synsets = imagenet.label_of(), imagenet.synsets()
    strays = [
        (name, label)
        for name, label in part.labelled()
        if name[9:10] == "_" and numbers.get(name[:9], label) != label
    ]
    if not strays:
        return ""
    name, label = strays[0]
    return f"{len(strays):,} images named after another class ({name} in {synsets[label - 1]})"


def synset_labels(path: Path, names: list[str]) -> dict[str, int]:
    """Labels from a text of one synset a line, in the order of the sorted file names.

    Cloud TPU's validation layout (synset_labels.txt). Raises ValueError for names whose order is
    another one by their numbers.
    """
    names = sorted(names)
    for name, other in zip(names, sorted(names, key=_by_numbers), strict=True):
        if name != other:
            raise ValueError(
                f"{path} has a line an image in their order, which is another one by the numbers "
                f"in their names ({other} before {name}); pad these with zeros"
            )
    lines = intake.text_of(path).split()
    if len(lines) != len(names):
        raise ValueError(f"{path} has {len(lines)} lines for {len(names)} images")
    unknown = [line for line in lines if line not in imagenet.label_of()]
    if unknown:
        raise ValueError(f"{path} names {unknown[0]}, which is no ImageNet synset")
    return {n: imagenet.label_of()[s] for n, s in zip(names, lines, strict=True)}


def _by_numbers(name: str) -> list[tuple[str, int]]:
    """What a name is sorted by where 2 comes before 10."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    return [(text, int(number or -1)) for text, number in parts]
