"""Files beside raw data that name its classes, one a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from imagenet_tools import labels as imagenet
from imagenet_tools.raw import classes, intake
from imagenet_tools.raw.image import ClassInfo
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.list_columns import bare

# `name`, `name<TAB>words`, `synset words`, `label:name` or `name,label` a line.
FILES = (
    *("classes.txt", "class_names.txt", "synset_words.txt", "synsets.txt", "labels.txt"),
    "LOC_synset_mapping.txt",
)
_BETWEEN = r"\s*(?P<between>[:,;=|\t ]|[.)-](?=\s))\s*"  # `0. tench` too
_BEFORE = re.compile(rf"(?P<number>[0-9]{{1,7}}){_BETWEEN}(?P<name>.+)")
_BEHIND = re.compile(rf"(?P<name>.+?){_BETWEEN}(?P<number>[0-9]{{1,7}})")
# `id,name`, `class_name label`: columns that are called after what they hold.
_WORD = (
    r"(?:class|label|category|synset)?[_ ]?"
    r"(?:id|idx|index|number|class|label|categor(?:y|ie)|synset|name|text|words|description)(?:e?s)?"
)
_HEADING = re.compile(rf"{_WORD}(?:\s*[:,\t ]\s*{_WORD})+", re.IGNORECASE)
# What may stand above names alone: `class`, `class name`, `#classes`, `Classes:`, their number.
_COMMENT = r"(?:[#;%]|//).*"
_ABOVE = re.compile(rf"{_WORD}|{_COMMENT}|.*:|[0-9]+", re.IGNORECASE)
_OF_ANOTHER_FORM = re.compile(
    r'[\[\]{}].*|"[^"]*"\s*[:,].*|- .*|(?:id|names?|item)\s*[:{].+', re.IGNORECASE
)


class Named(NamedTuple):
    """The classes that a file names, in its order. first: the number that it gives to the first of
    them; 0 where it has no numbers."""

    file: Path
    classes: list[ClassInfo]
    first: int

    def words(self, names: set[str], seen: Intake) -> dict[str, str]:
        """The words of classes by their names, or by the numbers that those are, 007 too.

        Names go first: of a listing of the folders 0..11, the third line is 10. What the file is
        not used for is said.
        """
        by_name = {one.key: one.words for one in self.classes}
        words = {at: one.words for at, one in enumerate(self.classes, self.first)}
        numbers = sorted((int(name), name) for name in names if re.fullmatch("[0-9]{1,7}", name))
        by_number = {name: words[at] for at, name in numbers if at in words}
        if names <= by_number.keys() and not names <= by_name.keys():
            by_name = by_number
        used = [name for name in by_name if name in names]
        if not used:
            seen.leave(intake.reason(self.file.name), self.file.name)
        elif used != sorted(used):
            seen.say(
                f"{self.file.name} gives words, not numbers: classes are numbered as they sort"
            )
        return by_name


def names(folder: Path) -> list[str]:
    """Those of these files that are in a folder."""
    return [name for name in FILES if (folder / name).is_file()]


def read(folders: Iterable[Path], used: Collection[str], seen: Intake) -> Named | None:
    """The classes that a file beside the data names; None where there is none.

    used: the labels, or names, of the images that are there.
    """
    there = [folder / name for folder in dict.fromkeys(folders) for name in names(folder)]
    if not there:
        return None
    path, *others = there
    seen.leave_all((intake.reason(other.name), other.name) for other in others)
    lines = [line.strip() for line in intake.text_of(path).splitlines()]
    lines = [line for line in lines if line and not line.startswith("# ")]
    headed = bool(lines and _HEADING.fullmatch(lines[0]))
    heading, lines = lines[:headed], lines[headed:]
    first = 0
    if lines and _is_above(lines):
        seen.say(f"the first line of {path.name} is taken for a heading", lines[0])
        lines = lines[1:]
    if pairs := _numbers(path, lines, _BEFORE) or _numbers(path, lines, _BEHIND):
        lines, first = _by_number(path, pairs)
    else:
        if str(len(lines)) in used:  # one line a label, and no heading
            lines = [*heading, *lines]
        if lines and _stands_above(path, lines, heading, used, seen):
            lines, first = lines[1:], 1
    infos = list(map(class_of, lines))
    # ImageNet's words have a crane and a maillot too many.
    if classes.imagenet_order(infos) is None:
        classes.refuse_twice(infos, str(path))
    return Named(path, infos, first)


def class_of(line: str) -> ClassInfo:
    """The class of a line: a name and, behind a tab, its words; or a synset and words."""
    key, tab, words = line.partition("\t")
    if not tab and classes.SYNSET.fullmatch(line.partition(" ")[0]):
        key, _, words = line.partition(" ")
    return classes.info(bare(key.strip()), bare(words.strip()))


def _is_above(lines: Sequence[str]) -> bool:
    """True for a first line of columns, without a number, above rows of one and a name: a comma, or
    a tab, stands in each."""
    for form in (_BEFORE, _BEHIND):
        rows = [form.fullmatch(line) for line in lines[1:]]
        between = {one["between"] if one else "" for one in rows}
        if between in ({","}, {"\t"}) and _count_up(_pairs(rows)) and not form.fullmatch(lines[0]):
            return between.pop() in lines[0]
    return False


def _stands_above(
    path: Path, lines: Sequence[str], heading: Sequence[str], used: Collection[str], seen: Intake
) -> bool:
    """Whether the first of lines without numbers is no class, of labels from 1 on: a heading, or
    the background of TF-Slim and Keras.

    Raises ValueError where images have numbers for labels, and it is not known which lines are
    names: a heading or a comment among them, and no image of the last one of so many classes.
    """
    from_1, counted = "0" not in used, str(len(lines) - 1) in used
    if from_1 and lines[0] in (*heading, imagenet.BACKGROUND) and lines[0] not in used:
        return True
    if not any(map(str.isdecimal, used)):
        return False
    if other := next(filter(_OF_ANOTHER_FORM.fullmatch, lines), None):
        raise ValueError(
            f"{path}: {intake.printable(other)!r} is of JSON or YAML; names are read one a line, "
            "alone or behind their labels (0:cat, 1:dog)"
        )
    above = _ABOVE.fullmatch(lines[0]) and not all(map(_ABOVE.fullmatch, lines))
    if above and not counted:
        _refuse_heading(path, lines[0], "may be what stands above names")
    comments = [line for line in lines[1:] if re.fullmatch(_COMMENT, line)]
    if comments and len(comments) < len(lines) - 1 and (from_1 or not counted):
        _refuse_heading(path, comments[0], "may be a comment")
    if above and from_1:
        seen.say(f"the first line of {path.name} is taken for a heading", lines[0])
    return bool(above) and from_1


def _pairs(matches: Iterable[re.Match[str] | None]) -> list[tuple[int, str]]:
    """Numbers and names in the order of the numbers."""
    return sorted((int(one["number"]), one["name"]) for one in matches if one)


def _numbers(path: Path, lines: Sequence[str], form: re.Pattern[str]) -> list[tuple[int, str]]:
    """Numbers and names in the order of the numbers, where these are labels; none, and it is [].

    Raises ValueError for a line without one, which may be a heading or a class.
    """
    matches = [form.fullmatch(line) for line in lines]
    pairs = _pairs(matches)
    if form is _BEFORE and all(matches):
        return pairs
    above = next((at for at, one in enumerate(matches) if one), 0)
    if not _count_up(pairs) or form is _BEHIND and not all(matches[above:]):
        return []
    if not all(matches):
        plain = next(line for line, one in zip(lines, matches, strict=True) if not one)
        _refuse_heading(path, plain, f"has no number, and {pairs[0][1]} has one")
    return pairs


def _refuse_heading(path: Path, line: str, why: str) -> NoReturn:
    raise ValueError(
        f"{path}: {intake.printable(line)!r} {why}: a heading or a class? A heading goes behind "
        "`# `; of classes put the labels before all (0:cat, 1:dog)"
    )


def _count_up(pairs: Sequence[tuple[int, str]]) -> bool:
    """Whether numbers behind names are those of the classes, and no part of the names."""
    numbers = [number for number, _ in pairs]
    counted = any(numbers == list(range(first, first + len(pairs))) for first in (0, 1))
    return counted and len(pairs) == len({name for _, name in pairs}) > 1


def _by_number(path: Path, pairs: Sequence[tuple[int, str]]) -> tuple[list[str], int]:
    """Names in the order of their numbers, and the first of these: 0, or 1 where they count from it
    or are TF-Slim's, with 0:background."""
    first, names = pairs[0][0], [name for _, name in pairs]
    if [number for number, _ in pairs] != list(range(first, first + len(pairs))) or first > 1:
        raise ValueError(
            f"{path} does not number its classes from 0 or 1 without a gap; where the numbers are "
            f"part of the names, put the labels before them (0:{first} {names[0]})"
        )
    if first == 0 and names[0] == imagenet.BACKGROUND:
        return names[1:], 1
    return names, first
