"""Put the arms of several finished comparisons into one, and judge them together."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison import run_files, stored
from imagenet_tools.comparison.report import document

# What must be the same for runs to be comparable: everything but the arms and what is judged.
SAME = ("recipe", "model", "image_size", "seeds", "data", "labels_offset", "num_classes")


def join(
    folders: Sequence[storage.AnyPath], out: storage.AnyPath, *, command: str = ""
) -> document.Report:
    """Join finished comparisons in a new folder `out`, and report there.

    The first folder's first arm is compared with every other; an arm that several folders have is
    taken from the first. Files are linked where the disk allows it, else copied. Raises
    ValueError naming what the comparisons differ in, or the run that is missing.
    """
    places, own = [stored.opened(folder) for folder in folders], storage.staging(out)
    found = [plans.read(place)[0] for place in places]
    first = found[0]
    for folder, other in zip(folders[1:], found[1:], strict=True):
        different = [name for name in SAME if getattr(first, name) != getattr(other, name)]
        if different:
            raise ValueError(
                f"{folder} cannot be joined with {folders[0]}: they differ in "
                f"{', '.join(different)}"
            )
    arms = _arms(places, found)
    slugs = [arm.slug for arm, _ in arms]
    joined = dataclasses.replace(
        first,
        arms=tuple(arm for arm, _ in arms),
        contrasts=tuple((slugs[0], slug) for slug in slugs[1:]),
        looks=(),
        matrix=False,  # no arm was evaluated under the paths of another folder's
        attribute=False,
    )
    plans.write(joined, own)
    for arm, folder in arms:
        for seed in joined.seeds:
            if run_files.finished(folder, joined, arm, seed) is None:
                raise ValueError(f"{folder}: {arm.slug} seed {seed} is not finished")
            target = run_files.run_folder(own, arm, seed)
            if not target.exists():
                shutil.copytree(
                    run_files.run_folder(folder, arm, seed), target, copy_function=_link
                )
    written = document.write(joined, own, command=command, **_diagnoses(places))
    return stored.keep_report(out, written)


def _arms(folders: Sequence[Path], found: Sequence[plans.Plan]) -> list[tuple[plans.Arm, Path]]:
    arms: list[tuple[plans.Arm, Path]] = []
    taken: set[str] = set()
    for folder, one in zip(folders, found, strict=True):
        own = [arm for arm in one.arms if arm.slug not in taken]
        taken |= {arm.slug for arm in own}
        arms += [(arm, folder) for arm in own]
    return arms


def _diagnoses(folders: Sequence[Path]) -> dict[str, Any]:
    """What the folders' reports say of their arms, put together."""
    passports: dict[str, Any] = {}
    findings: list[dict[str, Any]] = []
    names: list[str] = []
    for folder in folders:
        try:
            there = document.read(folder)
        except FileNotFoundError:
            continue
        passports = {**there["passports"], **passports}
        findings += [one for one in there["findings"] if one not in findings]
        names = names or there["class_names"]
    return {"passports": passports, "findings": findings, "class_names": names}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
