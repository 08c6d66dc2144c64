"""Folders that are worked in locally and kept in a store: runs and reports."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.storage import AnyPath, delivery, stores

AT_ONCE = 4  # files on their way at one time; a checkpoint's part is held in memory


def pull(
    folder: AnyPath,
    wanted: Callable[[str], bool] | None = None,
    last: Sequence[str] = (),
    there: Mapping[str, dict[str, Any]] | None = None,
) -> Path:
    """The working copy of a folder, with what the store has of it; a local folder is its own.

    wanted: which files, by their names relative to the folder (default: all). last: names of files
    that speak for others, and come after them. there: what `find` has found, where it was asked.
    """
    local = storage.staging(folder)
    if not storage.is_remote(folder):
        return local
    url, files = storage.normal(folder), find(folder) if there is None else there

    def fetch(name: str) -> None:
        target = local / name
        if not _same(target, files[name]):
            target.parent.mkdir(parents=True, exist_ok=True)
            stores.download(f"{url}/{name}", str(target))

    _each(fetch, sorted(name for name in files if wanted is None or wanted(name)), last)
    return local


def push(
    folder: AnyPath,
    wanted: Callable[[str], bool] | None = None,
    last: Sequence[str] = (),
    drop: Callable[[str], bool] | None = None,
) -> None:
    """Bring a folder's working copy into the store; nothing for a local folder.

    Files that the store has already are left, and so is what is only there. drop: which files of
    the store are removed when all others have arrived.
    """
    if not storage.is_remote(folder):
        return
    local, url = storage.staging(folder), storage.normal(folder)
    paths = (path for path in local.rglob("*") if path.is_file() and not path.is_symlink())
    names = sorted(path.relative_to(local).as_posix() for path in paths)
    names = [name for name in names if _counts(name) and (wanted is None or wanted(name))]
    there = stores.find(url)

    def send(name: str) -> None:
        if name not in there or not _same(local / name, there[name]):
            delivery.upload(str(local / name), f"{url}/{name}")

    _each(send, names, last)
    for name in there:
        if drop is not None and drop(name):
            stores.remove(f"{url}/{name}")


def find(folder: AnyPath) -> dict[str, dict[str, Any]]:
    """What the store has of a folder, by names relative to it, and says of each file."""
    entries = stores.find(storage.normal(folder))
    return {name: one for name, one in entries.items() if _counts(name)}


def _each(action: Callable[[str], None], names: list[str], last: Sequence[str]) -> None:
    """Do it for every file, some at a time; for each of `last` after all others."""

    def turn(name: str) -> int:
        base = os.path.basename(name)
        return last.index(base) if base in last else -1

    for _, now in itertools.groupby(sorted(names, key=turn), turn):
        for done in storage.ahead(action, now, True, AT_ONCE):
            done()


def _counts(name: str) -> bool:
    """Neither a lock nor half-written."""
    base = os.path.basename(name)
    return not base.startswith((".tmp-", ".lock", ".imgtools-")) and not base.endswith(".tmp")


def _same(path: Path, facts: dict[str, Any]) -> bool:
    """True where the store says by its digest that it has this very file."""
    if not path.is_file() or path.stat().st_size != facts["size"]:
        return False
    return delivery.digest(facts) in delivery.digests(str(path))[1:]
