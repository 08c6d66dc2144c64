"""Which fields of a list's rows are path and label, and what stands between them.

The first two lines of a file say it:

    a.jpg 3                   path label, and spaces between them
    3,a.jpg                   label path, where the second names an image
    image,label               a heading of known words, of any number of columns
    id,breed                  one of a csv of two columns
    file,what                 two words above an image and its label: taken for a heading, and said
    apple_pie/1005649         paths alone, whose folders are the classes

A .lst is MXNet's: index, label, path.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imagenet_tools.raw import intake

NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_SEPARATORS = ("\t", ",", ";")
_IMAGE = "(?:" + "|".join(map(re.escape, intake.IMAGE_NAMES)) + ")"
_NAMED = re.compile(rf"""("[^"]*"|'[^']*'|.*{_IMAGE})[\s,;]+(.+)""", re.IGNORECASE)
_WORD = re.compile(r"[^\s,;]+")
_MORE = re.compile(r"[0-9]+\s+\S")  # a label and something else: `3 cat`, `3 # a cat`
# Headings of columns: `class_name`, `image_id`.
_LABELS = re.compile(
    r"(?:.*[_ ])?(?:label|class|target|category|synset|wnid|y)s?(?:[_ ]?(?:id|name|index|idx))?",
    re.IGNORECASE,
)
_PATHS = re.compile(
    r"(?:.*[_ ])?(?:image|img|file|path|name|id|x)s?(?:[_ ]?(?:id|name|path|code))?",
    re.IGNORECASE,
)
# What a csv has of its images beside labels.
_SPLIT = re.compile(
    r"split|subset|(?:data[_ ]?)?set|phase|usage|partition|is_?(?:train|val|valid|test)",
    re.IGNORECASE,
)
_IDS = ("id", "id_code", "image", "image_id", "imageid", "filename", "file_name", "img")


class Columns(NamedTuple):
    """How the rows of a text are made: what stands between their fields (None: spaces, mostly),
    whether the first is a heading, which fields are path and label, how many there are, and all
    that in words. known: the heading's words say so. split: the field that says which split an
    image is of; other: that of another label; -1 for none."""

    separator: str | None
    heading: bool = False
    path: int = 0
    label: int = 1
    width: int = 2
    form: str = "path label"
    known: bool = True
    split: int = -1
    other: int = -1

    def fields(self, line: str) -> list[str]:
        """The fields of a row; none of one that is no path where the list has paths alone."""
        if self.width == 1:
            return [bare(line)] if _is_path(line) else []
        return _fields(line, self.separator)


LST = Columns("\t", path=2, label=1, width=3, form="index label path")  # MXNet's im2rec
PATHS = Columns(None, label=-1, width=1, form="path")  # Food-101's, DTD's: folders are the classes


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text that hold something, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip():
            yield number, stripped


def paths_of(first: list[str], columns: Columns) -> list[str]:
    """The paths in the first lines of a list; none of a line that has no label where any has."""
    least = min(2, columns.width)
    fields = [columns.fields(line) for line in first[columns.heading :]]
    return [one[columns.path] for one in fields if len(one) >= max(least, columns.path + 1)]


def columns_of(first: list[str], source: Path) -> Columns:
    """What the first two lines of a list say of its columns.

    Raises ValueError where it has more than two, and no heading says which are meant.
    """
    if source.suffix == ".lst":
        return LST
    alone = first[1:] if first and _PATHS.fullmatch(first[0]) else first
    if alone and all(map(_is_path, alone)):
        return PATHS._replace(heading=alone is not first)
    separator = _separator(first, source)
    lines = [_fields(line, separator) for line in first]
    head, data = (lines[0], lines[-1]) if lines else ([], [])
    named = [intake.by_name(one) for one in data]
    known = _is_heading(head, any(named)) or _is_pair(head, source)
    if not known and not _is_over(head, data):
        if len(head) > 2:
            raise ValueError(
                f"{source}, line 1: {len(head)} columns and no heading (image, label) that says "
                "which are path and label; names with commas must stand in quotes"
            )
        if separator and named == [None, True]:
            return Columns(separator, path=1, label=0, form="label path")
        return Columns(separator)
    paths = [_PATHS.fullmatch(one) and not _LABELS.fullmatch(one) for one in head]
    path = _first(named, _first(paths, 0))
    words = [at != path and _LABELS.fullmatch(one) for at, one in enumerate(head)]
    label = _first(words, 0 if path == 1 else 1)
    return Columns(
        separator,
        heading=True,
        path=path,
        label=label,
        width=len(head),
        known=known,
        split=_first([at != path and _SPLIT.fullmatch(one) for at, one in enumerate(head)], -1),
        other=_first([at != label and one for at, one in enumerate(words)], -1),
    )


def _is_path(line: str) -> bool:
    """True for a path with a folder, and nothing beside it: an image's, or one of no ending."""
    path = bare(line)
    alone = re.fullmatch(r"[^\t,;]*[/\\][^\t,;]*", path) and not _NAMED.fullmatch(line)
    return bool(alone) and bool(intake.by_name(path) or " " not in path)


def is_label(heading: str) -> bool:
    """Whether a column is one of labels by its heading."""
    return _LABELS.fullmatch(heading) is not None


def _first(values: Sequence[object], otherwise: int) -> int:
    return next((at for at, one in enumerate(values) if one), otherwise)


def _is_heading(fields: list[str], over_names: bool) -> bool:
    """over_names: an image's name stands in the row below."""
    if any("/" in one or intake.by_name(one) for one in fields):
        return False
    labels = any(map(_LABELS.fullmatch, fields))
    return labels and (over_names or any(map(_PATHS.fullmatch, fields)))


def _is_over(head: list[str], data: list[str]) -> bool:
    """True for two words that name no image and no number, above an image and its label; a mark
    before them (`# path label`) is one of them."""
    if len(head) != 2 or len(data) != 2 or sum(map(bool, map(intake.by_name, data))) != 1:
        return False
    return not any("/" in one or intake.by_name(one) or NUMBER.fullmatch(one) for one in head)


def _is_pair(fields: list[str], source: Path) -> bool:
    """True for the heading of a csv of an image and something of it: id,breed."""
    csv_of_two = source.suffix == ".csv" and len(fields) == 2
    return csv_of_two and fields[0].lower() in _IDS and not NUMBER.fullmatch(fields[1])


def _separator(first: list[str], source: Path) -> str | None:
    """What sets an image's name apart; else, in what is called csv, what is there."""
    there = [one for one in _SEPARATORS if any(one in line for line in first)]
    for separator in there:
        fields = [one for line in first for one in _split(line, separator)]
        if any(map(intake.by_name, fields)):
            return separator
    return there[0] if there and source.suffix.lower() in (".csv", ".tsv") else None


def _split(line: str, separator: str) -> list[str]:
    """The fields of a row of csv; none, and it is none."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error:
        return []


def _fields(line: str, separator: str | None) -> list[str]:
    if separator is None:
        match = _NAMED.fullmatch(line)
        fields = list(match.groups()) if match else _before_last(line)
        fields = [line] if _MORE.match(fields[-1]) else fields
    else:
        fields = _split(line, separator)
    return [bare(one.strip()) for one in fields]


def _before_last(line: str) -> list[str]:
    """What stands before the last word, and that. Backwards: the time is that of the length."""
    word = _WORD.match(line[::-1])
    rest = line[: -len(word[0])].rstrip() if word else ""
    rest = rest[:-1].rstrip() if rest.endswith((",", ";")) else rest
    return [rest, word[0][::-1]] if word and rest else [line]


def bare(field: str) -> str:
    """A field without the quotes around it."""
    quoted = len(field) > 1 and field[0] == field[-1] and field[0] in "\"'"
    return field[1:-1].strip() if quoted else field
