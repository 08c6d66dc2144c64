"""Which classes a raw set has and how they are numbered; shared by the layouts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from imagenet_tools import labels as imagenet
from imagenet_tools.raw import intake
from imagenet_tools.raw.image import ClassInfo
from imagenet_tools.raw.intake import Intake

SYNSET = re.compile(r"n\d{8}")
_BEGINS = re.compile(SYNSET.pattern + "(?![0-9])", re.IGNORECASE)  # n01440764_tench, N01440764
_BETWEEN = re.compile(r"[\s,;|]+")  # of several labels in one
NO_CLASS = "no class folder holds an image; a class is a folder of images"
MOST_CLASSES = 1_000_000
SPARSE = 100  # a highest label above so many times the labels that occur is no class's number


class Numbering(NamedTuple):
    """The classes, the label convention in words, and the label 1..N of each name or number that
    the raw data use."""

    classes: tuple[ClassInfo, ...]
    convention: str
    label_of: Mapping[str, int]

    @property
    def is_imagenets(self) -> bool:
        return self.convention == imagenet.IMAGENET_CONVENTION


def of_imagenet(label_of: Mapping[str, int] | None = None) -> Numbering:
    """ImageNet's 1000 classes in label order. label_of: of what the data have for its synsets."""
    infos = tuple(ClassInfo(*item) for item in imagenet.words().items())
    return Numbering(infos, imagenet.IMAGENET_CONVENTION, label_of or imagenet.label_of())


def info(key: str, words: str = "") -> ClassInfo:
    """A class whose names fit on a line, whatever bytes its folder's name has."""
    return ClassInfo(intake.printable(key), intake.printable(words or key))


def choose(
    names: Iterable[str],
    wanted: str,
    seen: Intake,
    words: Mapping[str, str] | None = None,
    kind: str = "folder",
) -> Numbering:
    """Number the class folders that hold an image, or the names that stand for labels.

    wanted: "imagenet", "folders", or "auto": ImageNet's numbering where all are its synsets.
    seen: is told which are the reason where most are ImageNet's and not all. words: of the classes,
    by name, where the data have them. kind: "folder", or "name" where they are labels. Names that
    differ in the form of Unicode alone are one class. Raises ValueError for names that differ in
    case alone, and for folders named by devkit ids or by integers that sort as strings.
    """
    names = sorted(names)
    if not names:
        raise ValueError(NO_CLASS)
    strange = [name for name in names if name not in imagenet.label_of()]
    if not strange and wanted != "folders":
        return of_imagenet()
    if wanted == "imagenet" and all(re.fullmatch(r"[0-9]{1,3}", name) for name in names):
        return of_imagenet({name: int(name) + 1 for name in names})
    if wanted == "imagenet":
        raise ValueError(
            f"--labels imagenet, but {len(strange)} {kind}s are no ImageNet synsets "
            f"({', '.join(map(intake.printable, strange[:5]))}); --labels folders numbers them by "
            "name"
        )
    if wanted == "auto":
        _refuse_integers(names, f"class {kind}s")
        _say_strange(names, strange, kind, seen)
    for name in names if kind == "name" else ():
        if len(parts := {*_BETWEEN.split(name)}) > 1 and parts.issubset(names):
            seen.say("labels that are several of the others, and classes of their own here", name)
    key_of = _one_spelling(names, f"class {kind}s")
    words = {**imagenet.words(), **(words or {})}
    number = {key: label for label, key in enumerate(sorted(set(key_of.values())), 1)}
    infos = tuple(info(key, words.get(key, key)) for key in number)
    refuse_twice(infos, f"the class {kind}s")
    sorted_by = "folder name" if kind == "folder" else kind
    return Numbering(
        infos,
        f"{kind}s: 1..{len(infos)} by sorted {sorted_by}, 0 = background",
        {name: number[key] for name, key in key_of.items()},
    )


def _say_strange(names: Sequence[str], strange: Sequence[str], kind: str, seen: Intake) -> None:
    """Say why classes that seem ImageNet's are not numbered as they are."""
    for name in strange if 2 * len(strange) <= len(names) else ():
        seen.say("not numbered as ImageNet, for classes that are none of its synsets", name)
    if all(_BEGINS.match(name) and name[:9].lower() in imagenet.label_of() for name in names):
        seen.say(
            f"not numbered as ImageNet, for {kind}s that begin with its synsets; called by the "
            "synset alone they are",
            names[0],
        )


def _one_spelling(names: Sequence[str], what: str) -> dict[str, str]:
    """Name -> the name that stands for it: the first in order of those spelt alike."""
    by_spelling: dict[str, str] = {}
    key_of = {}
    for name in names:
        key = by_spelling.setdefault(intake.spelling(name), intake.composed(name))
        if key != intake.composed(name):
            raise ValueError(
                f"the {what} {intake.printable(key)!r} and {intake.printable(name)!r} "
                "differ in case or spaces alone; where they are one class give them one name"
            )
        key_of[name] = key
    return key_of


def _refuse_integers(names: Sequence[str], what: str) -> None:
    """Refuse classes that are numbers: what they stand for cannot be known."""
    if not all(re.fullmatch(r"[0-9]{1,18}", name) for name in names):
        return
    numbers, first = [int(name) for name in names], f"{', '.join(names[:4])}, ..."
    if sorted(numbers) == list(range(1, 1001)):
        raise ValueError(
            f"the {what} are 1..1000: that is either the devkit's ILSVRC2012_ID, whose order "
            "is not that of the synsets, or a label; rename them to synsets (n01440764, ...), or "
            "--labels folders takes them as they sort by name"
        )
    if len(set(numbers)) < len(numbers):
        raise ValueError(
            f"the {what} are integers, and two of them are the same number ({first}); give them "
            "one name, or --labels folders takes them as they are"
        )
    if numbers != sorted(numbers):
        known = ""
        if max(numbers) < imagenet.NUM_CLASSES:
            known = "; --labels imagenet takes them as ImageNet's classes in order, counted from 0"
        raise ValueError(
            f"the {what} are integers that sort as strings ({first}), so class 10 would come "
            "before class 2; pad them with zeros, or --labels folders takes them as they sort by "
            f"name{known}"
        )


def refuse_twice(infos: Sequence[ClassInfo], source: str) -> None:
    """Raise ValueError for two classes of one name. source: where they stand."""
    key, count = max(Counter(one.key for one in infos).items(), key=lambda item: item[1])
    if count > 1:
        raise ValueError(f"{source}: {count} classes have the name {key!r}")


def numbered(
    places: Mapping[int, str],
    wanted: str,
    names: Sequence[ClassInfo] | None,
    seen: Intake,
    first: int = 0,
) -> Numbering:
    """Number classes whose labels are numbers: written is 1 for the first of them.

    places: of each label, where it stands. names: of the classes in order, where the data have
    them; they say whether the numbering is ImageNet's. first: the number of the first class, 0 or
    1. Raises ValueError for a label that no class can have.
    """
    lowest, highest = min(places), max(places)
    if names is None and wanted == "imagenet":
        names = of_imagenet().classes
    if names is None:
        names = _without_names(places, seen)
    elif not first <= lowest <= highest < first + len(names):
        wrong = lowest if lowest < first else highest
        from_1 = wanted != "imagenet" and (lowest, highest, first) == (1, len(names), 0)
        remedy = "; where labels count from 1, so do names: 1:cat, 2:dog" if from_1 else ""
        raise ValueError(
            f"{places[wrong]}: the label {wrong:,}, but {len(names):,} classes are named, counted "
            f"from {first}{remedy}"
        )
    elif lowest == 1 and not first:
        seen.say("no image has the label 0, as if they counted from 1")
    ours = imagenet_order(names)
    if ours is not None and wanted != "folders":
        return of_imagenet({str(label): ours[label - first] for label in places})
    refuse_twice(names, places[highest])
    if wanted == "imagenet":
        raise ValueError(
            f"--labels imagenet, but the classes of {places[highest]} are not ImageNet's"
        )
    return Numbering(
        tuple(names),
        f"as given: {first}..{first + len(names) - 1}{'' if first else ' plus 1'}, 0 = background",
        {str(label): label - first + 1 for label in places},
    )


def _without_names(places: Mapping[int, str], seen: Intake) -> list[ClassInfo]:
    """The classes of labels that nothing names, up to the highest."""
    lowest, highest = min(places), max(places)
    if highest >= min(MOST_CLASSES, max(imagenet.NUM_CLASSES, SPARSE * len(places))):
        raise ValueError(
            f"{places[highest]}: the label {highest:,} is no number of a class: "
            f"{len(places):,} labels occur, and classes are counted from 0"
        )
    if gaps := highest + 1 - len(places):
        gap = next(label for label in range(highest) if label not in places)
        begin = ", as if they counted from 1" if lowest == 1 else ""
        seen.say(f"{gaps:,} of the labels 0..{highest:,} without an image (first {gap:,}{begin})")
    return [info(str(label)) for label in range(highest + 1)]


def imagenet_order(names: Sequence[ClassInfo]) -> list[int] | None:
    """ImageNet's label of each class where all are its own: by synset, or by words in its order."""
    if all(one.key in imagenet.label_of() for one in names):
        return [imagenet.label_of()[one.key] for one in names]
    if len(names) != imagenet.NUM_CLASSES:
        return None
    # Lists agree in the first of the words, but for a few (crane and crane2 in Hugging Face's).
    same = sum(
        one.words.split(",")[0].strip().casefold() == words.split(",")[0].casefold()
        for one, words in zip(names, imagenet.words().values(), strict=True)
    )
    return list(range(1, imagenet.NUM_CLASSES + 1)) if same >= 0.9 * imagenet.NUM_CLASSES else None
