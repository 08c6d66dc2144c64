"""The rows of a list: a path and a label each, whatever stands between them."""

from __future__ import annotations

import csv
import os
import posixpath
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imagenet_tools.raw import intake
from imagenet_tools.raw.intake import Intake

LONGEST = 4096  # characters of a path, as systems have it
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
# Of a number that no class can have, or of several: -1, 1.0, 3 4; or what pandas has for none.
_NO_LABEL = re.compile(r"[-+.0-9][-+.,;\s0-9eE]*|[Nn]a[Nn]", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f]")
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
_NO_CLASS = re.compile(
    r"text|captions?|prompt|description|title|url|width|height|size|date|md5|sha256", re.IGNORECASE
)
_IDS = ("id", "id_code", "image", "image_id", "imageid", "filename", "file_name", "img")
# Of a label, by whether those above it are numbers.
_WANTED = {
    True: "a label from 0",
    False: "a class's name for a label",
    None: "a label from 0, or a class's name for one",
}
# MXNet's labels: numbers from 0, as C writes floats.
_WHOLE = re.compile(r"([0-9]+)\.0*", re.ASCII)


class Row(NamedTuple):
    """A row of a list: its path, relative to some folder; its label as it stands; its line."""

    name: str
    label: str
    line: int


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


LST = Columns("\t", path=2, label=1, width=3, form="index label path")  # MXNet's im2rec


class ListFile(NamedTuple):
    """A list. numbers: its labels are numbers. names: of such labels, where another column has one
    for each. folder: what its paths are relative to."""

    path: Path
    rows: list[Row]
    numbers: bool
    names: Mapping[str, str]
    folder: str = ""


def read(path: Path, root: str, seen: Intake) -> ListFile:
    """Read a list. root: the folder that no path may leave; one that begins with it, or with where
    it lies, is below it.

    Raises ValueError, naming file and line, for a row that is no path and label, where some labels
    are numbers and others names, and for images of several splits.
    """
    lines = list(numbered(intake.text_of(path)))
    columns = columns_of([line for _, line in lines[:2]], path)
    headings = _fields(lines[0][1], columns.separator) if columns.heading else []
    if headings:
        _refuse_texts(headings[columns.label], path)
    roots = tuple(dict.fromkeys((root, os.path.abspath(root), os.path.realpath(root))))
    rows, splits, others = list[Row](), set[str](), defaultdict[str, set[str]](set)
    numbers: bool | None = None
    for number, line in lines[columns.heading :]:
        where = f"{path}, line {number}"
        fields = _fields(line, columns.separator)
        label = fields[columns.label] if len(fields) == columns.width else ""
        if columns is LST and (whole := _WHOLE.fullmatch(label)):
            label = whole[1]
        is_number = NUMBER.fullmatch(label) is not None
        if numbers is not None and is_number != numbers or not is_number and _is_no_label(label):
            shown = intake.printable(line[:80])
            wanted = f"`{columns.form}` with {_WANTED[numbers]}"
            raise ValueError(f"{where}: {shown!r} is not {wanted}")
        numbers, label = is_number, str(int(label)) if is_number else label
        # Few labels for many rows: each is kept once.
        rows.append(Row(_relative(fields[columns.path], roots, where), sys.intern(label), number))
        if columns.split >= 0:
            splits.add(fields[columns.split])
        if columns.other >= 0:
            others[label].add(fields[columns.other])
    if not rows:
        raise ValueError(f"{path} has no row")
    if len(splits) > 1:
        raise ValueError(
            f"{path} has images of several splits ({', '.join(sorted(splits)[:3])}): a list for "
            "each (train.csv and val.csv, say) tells them apart"
        )
    names = _names(others) if numbers else {}
    used = {columns.path, columns.label, columns.other if names else -1}
    for heading in (one for at, one in enumerate(headings) if one and at not in used):
        seen.say(f"columns of {path.name} that are not used", heading)
    if not columns.known:
        seen.say(f"the first line of {path.name} is taken for a heading", lines[0][1])
    return ListFile(path, rows, bool(numbers), names)


def _names(others: Mapping[str, set[str]]) -> dict[str, str]:
    """Label -> its name, where each has one of its own and no number for one."""
    names = {label: next(iter(those)) for label, those in others.items() if len(those) == 1}
    different = len(names) == len(others) == len(set(names.values()))
    worded = all(name and not NUMBER.fullmatch(name) for name in names.values())
    return names if different and worded else {}


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text that hold something, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip():
            yield number, stripped


def paths_of(first: list[str], source: Path) -> list[str]:
    """The paths in the first lines of a list; none of a line that has no label."""
    columns = columns_of(first, source)
    fields = [_fields(line, columns.separator) for line in first[columns.heading :]]
    return [one[columns.path] for one in fields if len(one) > max(1, columns.path)]


def columns_of(first: list[str], source: Path) -> Columns:
    """What the first two lines of a list say of its columns.

    Raises ValueError where it has more than two, and no heading says which are meant.
    """
    if source.suffix == ".lst":
        return LST
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


def _refuse_texts(called: str, source: Path) -> None:
    """Refuse a table whose only other column is a caption, say, and no label."""
    if _NO_CLASS.fullmatch(called):
        raise ValueError(
            f"{source}, line 1: {called} is no label, by its name; a column called label, or "
            "class, is read, and a list of something else goes under another name"
        )


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
    return [_bare(one.strip()) for one in fields]


def _before_last(line: str) -> list[str]:
    """What stands before the last word, and that. Backwards: the time is that of the length."""
    word = _WORD.match(line[::-1])
    rest = line[: -len(word[0])].rstrip() if word else ""
    rest = rest[:-1].rstrip() if rest.endswith((",", ";")) else rest
    return [rest, word[0][::-1]] if word and rest else [line]


def _bare(field: str) -> str:
    """A field without the quotes around it."""
    quoted = len(field) > 1 and field[0] == field[-1] and field[0] in "\"'"
    return field[1:-1].strip() if quoted else field


def _relative(name: str, roots: tuple[str, ...], where: str) -> str:
    """A path as it is below the folder. Raises ValueError for one that leads out of it.

    roots: the folder by all its names.
    """
    if not name or len(name) > LONGEST or _CONTROL.search(name):
        raise ValueError(f"{where}: {intake.printable(name[:80])!r} is no file's name")
    path = name.replace("\\", "/")
    for start in roots:
        path = path.removeprefix(f"{start}/")
    path = posixpath.normpath(path)
    if os.path.isabs(path) or f"{path}/".startswith("../"):
        raise ValueError(
            f"{where}: {intake.printable(name)} leads out of the data set; paths are read as they "
            f"are below {roots[0]}"
        )
    return path


def _is_no_label(label: str) -> bool:
    return not label or label.isdigit() or bool(_NO_LABEL.fullmatch(label) or intake.by_name(label))
