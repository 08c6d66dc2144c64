"""The rows of tables of runs, and what a cell may hold.

arm,seed,image,label,prediction     which class a run gave each image
arm,seed,accuracy,n                 percent right of n images
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import composed, printable, readable, text_of

BY_IMAGE, BY_RUN = ("arm", "seed", "image", "label", "prediction"), ("arm", "seed", "accuracy", "n")
WHOLE = re.compile(r"0*([0-9]+)(?:\.0*|,0{1,2})?", re.ASCII)
_NOT_FINITE = re.compile(r"nan|#n/?a|<na>|[+-]?inf", re.IGNORECASE)
_NO_CLASS = re.compile(r"none|null|n/?a|[?]+|-[0-9.]+", re.IGNORECASE)  # or one of that name
Rows = Sequence[tuple[str, Mapping[str, str]]]  # where each stands, and its cells


def read_rows(file: storage.AnyPath) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(where, row) of a file, with the columns of one kind filled throughout."""
    with storage.local_copy(file) as local:
        # Macs write an accent as a sign of its own; files that are put together keep their marks.
        text = composed(text_of(Path(local)).replace("\ufeff", ""))
        if "\0" in text:
            raise DamagedData(f"{file} has NUL bytes; write it as UTF-8 text")
        header = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text), delimiter=max(",;\t|", key=header.count))
        with readable(Path(local)):
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    there = _names(lines[0][1]) if lines else []
    columns = BY_IMAGE if "image" in there else BY_RUN
    if twice := [name for name in columns if there.count(name) > 1]:
        raise ValueError(f"{file} has the column {twice[0]!r} {there.count(twice[0])} times")
    if missing := [name for name in columns if name not in there]:
        raise ValueError(
            f"{file} has no column {missing[0]!r} (it has {', '.join(there) or 'none'}); a "
            f"table has {', '.join(BY_IMAGE)}, or {', '.join(BY_RUN)}"
        )
    for number, cells in lines[1:]:
        if _names(cells) == there:  # where files were put together, one after another
            continue
        where = f"{file}, line {number}"
        row = dict(zip(there, (printable(" ".join(cell.split())) for cell in cells), strict=False))
        if any(cells[len(there) :]):
            raise ValueError(
                f"{where}: {len(cells)} cells under {len(there)} columns; a cell with a comma in "
                "it, as 75,5, goes between quotes, and numbers of rows have a heading"
            )
        if blank := [name for name in columns if not row.get(name)]:
            raise ValueError(f"{where}: {blank[0]} is empty")
        yield where, row
    if not lines[1:]:
        raise ValueError(f"{file} has no rows below its header")


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def check_seeds(rows: Rows) -> None:
    """Raise ValueError where some seeds are numbers and some are not: a mean is no run."""
    words = [(where, row["seed"]) for where, row in rows if not WHOLE.fullmatch(row["seed"])]
    if words and len(words) < len(rows):
        where, seed = words[0]
        raise ValueError(
            f"{where}: the seed is {seed!r}, those of other rows are numbers; a mean or a "
            "deviation of runs is no run, and stands in no table of them"
        )


def check_classes(rows: Rows) -> None:
    """Raise ValueError where a label or prediction is none: not finite, or a word for nothing, or a
    number below 0, that the other column never has. Some data have a class `none`, or -1 and 1."""
    named = {name: {row[name] for _, row in rows} for name in ("label", "prediction")}
    both = named["label"] & named["prediction"]
    for name, remedy in (
        ("label", "an image without one is left out of every run"),
        ("prediction", "a run whose scores are not finite diverged, and is left out and named"),
    ):
        none = {*filter(_NOT_FINITE.fullmatch, named[name])}
        none |= {*filter(_NO_CLASS.fullmatch, named[name] - both)}
        if none:
            where, text = next((where, row[name]) for where, row in rows if row[name] in none)
            raise ValueError(f"{where}: the {name} {text!r} is no class; {remedy}")


def as_compared(text: str) -> str:
    """A class or seed as it is compared: 7.0, 7,0 and 07, which spreadsheets make of it, are 7."""
    match = WHOLE.fullmatch(text)
    return match[1] if match else text


def number(where: str, name: str, text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)  # which Python takes
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: {name} is {text!r}, which is no finite number")
    return value
