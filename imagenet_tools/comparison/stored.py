"""Comparisons whose folder is in a store: carried out in a working copy, kept there when a run or
a report is finished. For a local folder nothing is done."""

from __future__ import annotations

import dataclasses
import fnmatch
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.report import document
from imagenet_tools.storage import AnyPath, sync

LAST = (run_files.RESULT, "report.json")
# What neither a verdict nor a report needs of a run.
HEAVY = ("*/model.ckpt-*", "*/checkpoint", "*/events.out.*")


def opened(folder: AnyPath) -> Path:
    """The working copy of a comparison's folder, with every finished run but its weights."""
    return sync.pull(
        folder, lambda name: not any(fnmatch.fnmatch(name, one) for one in HEAVY), LAST
    )


def keep(folder: AnyPath) -> None:
    """Bring plan, report and finished runs to where they are kept."""
    own = storage.staging(folder)

    def wanted(name: str) -> bool:
        run = name.rpartition("/")[0]
        return not run or (own / run / run_files.RESULT).exists()

    sync.push(folder, wanted, LAST)


def keep_report(folder: AnyPath, written: document.Report) -> document.Report:
    """`keep`, and name the report's folder as it was asked for."""
    keep(folder)
    return dataclasses.replace(written, folder=storage.place(folder))
