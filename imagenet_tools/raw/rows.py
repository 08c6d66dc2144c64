"""The rows of a list: a path and a label each, whatever stands between them; or paths alone, of
images in class folders."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from imagenet_tools.raw import intake
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.list_columns import LST, NUMBER, Columns, columns_of, is_label, numbered

LONGEST = 4096  # characters of a path, as systems have it
# Of a number that no class can have, or of several: -1, 1.0, 3 4; or what pandas has for none.
_NO_LABEL = re.compile(r"[-+.0-9][-+.,;\s0-9eE]*|[Nn]a[Nn]", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f]")
_NO_CLASS = re.compile(
    r"text|captions?|prompt|description|title|url|width|height|size|date|md5|sha256", re.IGNORECASE
)
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


class ListFile(NamedTuple):
    """A list. numbers: its labels are numbers. names: of such labels, where another column has one
    for each. labelled: it has labels; else they are the names of its images' folders. folder: what
    its paths are relative to."""

    path: Path
    rows: list[Row]
    numbers: bool
    names: Mapping[str, str]
    labelled: bool = True
    folder: str = ""


def read(path: Path, root: str, seen: Intake) -> ListFile:
    """Read a list. root: the folder that no path may leave; one that begins with it, or with where
    it lies, is below it.

    Raises ValueError, naming file and line, for a row that is no path and label, where some labels
    are numbers and others names, and for images of several splits.
    """
    lines = list(numbered(intake.text_of(path)))
    columns = columns_of([line for _, line in lines[:2]], path)
    roots = tuple(dict.fromkeys((root, os.path.abspath(root), os.path.realpath(root))))
    if columns.label < 0:
        return _of_folders(path, lines[columns.heading :], columns, roots)
    headings = columns.fields(lines[0][1]) if columns.heading else []
    if headings:
        _refuse_texts(headings[columns.label], path)
    rows, splits, others = list[Row](), set[str](), defaultdict[str, set[str]](set)
    numbers: bool | None = None
    for number, line in lines[columns.heading :]:
        where = f"{path}, line {number}"
        fields = columns.fields(line)
        label = _label(fields, columns)
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
    if any(len(those) > 1 for those in others.values()):
        _refuse_coarser(headings[columns.label], headings[columns.other], path)
    names = _names(others) if numbers else {}
    if headings:
        used = {columns.path, columns.label, columns.other if names else -1}
        for heading in (one for at, one in enumerate(headings) if one and at not in used):
            seen.say(f"columns of {path.name} that are not used", heading)
        if columns.known and not is_label(headings[columns.label]):
            seen.say(f"labels of {path.name} are its column {headings[columns.label]}")
    if not columns.known:
        seen.say(f"the first line of {path.name} is taken for a heading", lines[0][1])
    return ListFile(path, rows, bool(numbers), names)


def _label(fields: list[str], columns: Columns) -> str:
    """A row's label as it stands; "" where the row has other fields than the list has columns."""
    label = fields[columns.label] if len(fields) == columns.width else ""
    whole = _WHOLE.fullmatch(label) if columns is LST else None
    return whole[1] if whole else label


def _of_folders(
    path: Path, lines: list[tuple[int, str]], columns: Columns, roots: tuple[str, ...]
) -> ListFile:
    """A list of paths alone. Raises ValueError for a row with more, and for two folders of one
    name, which may be one class or two."""
    rows, folders = list[Row](), dict[str, str]()
    for number, line in lines:
        where, shown = f"{path}, line {number}", intake.printable(line[:80])
        fields = columns.fields(line)
        if not fields:
            raise ValueError(f"{where}: {shown!r} is no path alone, as the first rows are")
        name = _relative(fields[0], roots, where)
        folder, _, _ = name.rpartition("/")
        label = folder.rpartition("/")[2]
        if not label:
            raise ValueError(f"{where}: {shown!r} has no label, and no folder that could be one")
        if (former := folders.setdefault(label, folder)) != folder:
            raise ValueError(
                f"{where}: no labels, and the folders {intake.printable(former)} and "
                f"{intake.printable(folder)} have one name; write `path label` rows"
            )
        rows.append(Row(name, sys.intern(label), number))
    return ListFile(path, rows, False, {}, labelled=False)


def _names(others: Mapping[str, set[str]]) -> dict[str, str]:
    """Label -> its name, where each has one of its own and no number for one."""
    names = {label: next(iter(those)) for label, those in others.items() if len(those) == 1}
    different = len(names) == len(others) == len(set(names.values()))
    worded = all(name and not NUMBER.fullmatch(name) for name in names.values())
    return names if different and worded else {}


def _refuse_coarser(label: str, other: str, source: Path) -> None:
    """Refuse labels that another column of labels tells apart, unless they alone are called so."""
    if label.lower() != "label" or other.lower() == "label":
        raise ValueError(
            f"{source}, line 1: {label} and {other} are both labels by their names, and the second "
            "has several for one of the first; call the one that is meant label and let it stand "
            "first, or take the other away"
        )


def _refuse_texts(called: str, source: Path) -> None:
    """Refuse a table whose only other column is a caption, say, and no label."""
    if _NO_CLASS.fullmatch(called):
        raise ValueError(
            f"{source}, line 1: {called} is no label, by its name; a column called label, or "
            "class, is read, and a list of something else goes under another name"
        )


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
    odd = _NO_LABEL.fullmatch(label) or _CONTROL.search(label) or intake.by_name(label)
    return not label or label.isdigit() or bool(odd)
