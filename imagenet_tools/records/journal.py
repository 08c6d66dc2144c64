"""What a build has finished so far: notes beside the shards, until the manifest takes their place.

A shard's note is written before the shard gets its name, so a shard in place always has one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Container, Iterator
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import sources
from imagenet_tools.records.outline import Outline
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardResult, ShardTask
from imagenet_tools.records.tfrecord import mismatch
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

FOLDER = ".imgtools-journal"
OUTLINE = "outline.json"
LOCK = ".imgtools-lock"
SLICES = "slices-of-"


@contextlib.contextmanager
def locked(folder: Path, part: Slice | None = None) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process, so that a kill leaves none behind.

    Slices share the folder with each other, each one alone with its number, and with nothing
    else. Makes the folder. Raises OSError where that fails or another run holds the lock. A folder
    in a store is locked on this machine alone; shards written twice are the same.
    """
    place = storage.staging(folder)
    with contextlib.ExitStack() as held:
        try:
            place.mkdir(parents=True, exist_ok=True)
            _lock(held, place / LOCK, fcntl.LOCK_SH if part else fcntl.LOCK_EX)
            if part:
                slice_lock = place / f"{LOCK}-{part.index}-of-{part.count}"
                _lock(held, slice_lock, fcntl.LOCK_EX)
        except BlockingIOError:
            raise OSError(
                f"{folder}: another imgtools run is writing here; wait for it or choose another "
                "--out"
            ) from None
        except OSError as error:
            raise OSError(
                f"{folder}: records cannot be written there ({error.strerror}); choose another "
                "--out"
            ) from error
        yield


def _lock(held: contextlib.ExitStack, path: Path, kind: int) -> None:
    lock = held.enter_context(open(path, "a", encoding="ascii"))  # noqa: SIM115
    fcntl.flock(lock, kind | fcntl.LOCK_NB)


def open_journal(folder: Path, outline: Outline, part: Slice | None = None) -> Path:
    """Return the folder of notes for this plan, begun or taken up again.

    Raises ValueError where `folder` holds records of another plan, or of another hand.
    """
    journal = folder / FOLDER
    if (journal / OUTLINE).exists():
        former = read_outline(journal)
        if former.plan != outline.plan:
            raise ValueError(
                f"{folder} holds an unfinished build of other data or settings: "
                f"{former.difference(outline)}; choose another --out, or remove the folder"
            )
    else:
        _refuse_strangers(folder)
        journal.mkdir(exist_ok=True)
    write_json(journal / OUTLINE, vars(outline))
    if part:
        (journal / f"{SLICES}{part.count}").touch()
    return journal


def read_outline(journal: Path) -> Outline:
    """What the build of a journal will be. Raises DamagedData where it cannot be understood."""
    content = json_file.read(journal / OUTLINE)
    try:
        outline: Outline = json_file.as_type(content, Outline)
    except ValueError as error:
        raise DamagedData(f"{journal / OUTLINE} lacks or mistakes something: {error}") from error
    return outline


def slice_counts(journal: Path) -> list[int]:
    """Into how many slices the build was cut, by the tasks that began."""
    return [int(path.name.removeprefix(SLICES)) for path in journal.glob(f"{SLICES}*")]


def refuse_unfinished(folder: Path) -> None:
    """Raise ValueError where a build of the folder's records has not ended."""
    if (folder / FOLDER).exists():
        raise ValueError(
            f"{folder} holds an unfinished build; run its build-tfrecords again first (of slices, "
            f"imgtools finalize {folder} says which are missing)"
        )


def _refuse_strangers(folder: Path) -> None:
    names = [entry.name for entry in folder.iterdir()]
    strangers = [name for name in names if name.startswith(("train-", "validation-"))]
    if strangers and not (folder / FOLDER / OUTLINE).exists():  # else a slice began meanwhile
        raise ValueError(
            f"{folder} holds {len(strangers)} files such as {min(strangers)} that no manifest "
            "describes; choose another --out"
        )


def remove_leftovers(folder: Path, files: Container[str] | None = None) -> None:
    """Remove what a killed run left half-written of these files (None: of any), in one listing."""
    for place in {folder, storage.staging(folder)}:
        for leftover in place.glob(".tmp-*"):
            file = leftover.name.removeprefix(".tmp-").rpartition(".")[0]
            if files is None or file in files:
                leftover.unlink(missing_ok=True)


def note_path(journal: Path, file: str) -> Path:
    return journal / f"{file}.json"


def read_note(path: str | os.PathLike[str]) -> tuple[ShardResult, Settings]:
    """A noted result and the settings it was written under; its shard may be gone since.

    Raises OSError, or ValueError where it is no such note.
    """
    content = json_file.read(storage.place(path))
    settings = json_file.as_type(content.pop("settings", None), Settings, "settings")
    return json_file.as_type(content, ShardResult), settings


def finished(task: ShardTask) -> ShardResult | None:
    """What was noted of a shard that stands there, written under settings that cover the task's,
    from raw files that are still the same (where the task has images)."""
    if task.note_path is None:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        result, former = read_note(task.note_path)
        clean = not (result.notes["skipped"] or result.notes["repaired"])
        whole = result.shard and storage.size(task.path) == result.shard.bytes
        covered = task.settings.covered_by(former, clean)
        same = not task.images or sources.same(task.images, result.sources)
        if whole and covered and same:
            return result
    return None


def once(function: Callable[[ShardTask], ShardResult], task: ShardTask) -> ShardResult:
    """Do a task, unless an earlier attempt at it has put its shard in place: then what it noted."""
    return finished(task) or function(task)


def taken_over(task: ShardTask) -> ShardResult | None:
    """The result of a shard that a former run finished, every byte of which was read (not a
    store's, which were checked when they arrived there).

    Otherwise None, and what stands under the name is removed, lest a note and a shard of two
    runs stand together.
    """
    result = finished(task)
    if result and result.shard:
        if storage.is_remote(task.path):
            return result
        with contextlib.suppress(OSError):
            if mismatch(task.path, result.shard.records, result.shard.digest) is None:
                return result
    storage.place(task.path).unlink(missing_ok=True)
    return None


def remove(folder: Path) -> None:
    """Remove the notes, the slices' locks, and what was left half-written."""
    storage.remove_tree(folder / FOLDER)
    for lock in storage.staging(folder).glob(f"{LOCK}-*"):
        lock.unlink(missing_ok=True)
    remove_leftovers(folder)
