"""Comparisons whose folder is in a store: carried out in a working copy, kept there when a run or
a report is finished. For a local folder nothing is done, but that a comparison under way holds it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import fnmatch
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import storage
from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.plan import Plan, Stage
from imagenet_tools.comparison.plan_file import PLAN, differences, to_dict, write_plan
from imagenet_tools.storage import AnyPath, json_file, sync

if TYPE_CHECKING:
    from imagenet_tools.comparison.report.content import Report

LAST = (run_files.RESULT, run_files.REPORT)
# What neither a verdict nor a report needs of a run.
HEAVY = ("*/model.ckpt-*", "*/checkpoint", "*/events.out.*")
LOCK = ".lock"


def opened(folder: AnyPath) -> Path:
    """The working copy of a comparison's folder, with every finished run but its weights."""
    return sync.pull(
        folder, lambda name: not any(fnmatch.fnmatch(name, one) for one in HEAVY), LAST
    )


@contextlib.contextmanager
def planned(plan: Plan, place: Path, command: str = "") -> Iterator[None]:
    """Write plan.json, or check that this plan is there, and hold it while it is carried out.

    Several commands may carry out one plan (slices of an array job); none may change it meanwhile.
    Raises ValueError naming who holds another one.
    """
    place.mkdir(parents=True, exist_ok=True)
    with open(place / LOCK, "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody is at it: on the same plan, once that is written?
            fcntl.flock(lock, fcntl.LOCK_SH)
            if not _same_plan(plan, place):
                lock.seek(0)
                raise ValueError(
                    f"{place} is in use by a comparison of another plan ({lock.read().strip()}); "
                    "wait for its end, or choose another --out"
                ) from None
        else:
            write_plan(plan, place)
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {platform.node()} {command}".strip())
            lock.flush()
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def carried_out(place: Path) -> bool:
    """True while a process of this machine is at the comparison, by what it wrote into the lock.

    The lock itself is not asked: a command that begins at that instant would find it taken.
    """
    try:
        storage.size(place / LOCK)  # a pipe would be waited for
        kind, process, _, machine, *_ = (place / LOCK).read_text(encoding="utf-8").split()
        if (kind, machine) != ("process", platform.node()):
            return False
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _same_plan(plan: Plan, place: Path) -> bool:
    try:
        there = json_file.read(place / PLAN)
    except (OSError, ValueError):
        return False
    wanted = to_dict(plan)
    same = all(there.get(name) == wanted[name] for name in Stage._fields)
    return same and not differences(there, wanted)


def keep(folder: AnyPath) -> None:
    """Bring plan, report and finished runs to where they are kept."""
    place = storage.staging(folder)

    def wanted(name: str) -> bool:
        run = name.rpartition("/")[0]
        return not run or (place / run / run_files.RESULT).exists()

    sync.push(folder, wanted, LAST)


def keep_report(folder: AnyPath, report: Report) -> Report:
    """`keep`, and name the report's folder as it was asked for."""
    keep(folder)
    return dataclasses.replace(report, folder=storage.place(folder))
