"""A diagnosis as a page: findings by code with their remedy, then what was measured."""

from __future__ import annotations

import os
from pathlib import Path

from imagenet_tools import pages
from imagenet_tools.diagnosis import Diagnosis, passport
from imagenet_tools.diagnosis.finding import Finding
from imagenet_tools.pages.blocks import Block, Fold, Items, Section, Text


def write(diagnosis: Diagnosis, out: str | os.PathLike[str]) -> None:
    """Write one self-contained .html page."""
    target = Path(out)
    title = f"Diagnosis of {', '.join(diagnosis.passports)}"
    target.write_text(pages.page(title, sections(diagnosis), target.parent), encoding="utf-8")


def sections(diagnosis: Diagnosis) -> list[Section]:
    """The findings, worst first, and the passports side by side."""
    faults = [one for one in diagnosis.findings if one.severity != "note"]
    notes = [one for one in diagnosis.findings if one.severity == "note"]
    told: list[Block | Fold] = [*(_told(one) for one in faults)]
    if not faults:
        told.append(Text("No fault was found, and nothing that is known to move a result.", "next"))
    if notes:
        told.append(Fold(f"To be known ({len(notes)})", [_told(one) for one in notes]))
    if diagnosis.muted:
        names = ", ".join(f"{one.code} {one.name}" for one in diagnosis.muted)
        told.append(Text(f"Muted: {names}.", "note"))
    heads = ["measured", *diagnosis.passports]
    measured = pages.beside("passports", heads, passport.table(diagnosis.passports))
    return [Section("", told), Section("What was measured", measured)]


def _told(one: Finding) -> Items:
    kind = "note" if one.severity == "note" else "warning"
    return Items(f"{one.code} {one.title}.", [one.explanation, one.consequence], kind)
