"""What a build has finished so far: notes beside the shards, until the manifest takes their place.

A shard's note is written before the shard gets its name, so a shard in place always has one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.engines.slices import Slice
from imagenet_tools.records.manifest import Shard
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardResult, ShardTask
from imagenet_tools.storage.write import write_json

FOLDER = ".imgtools-journal"
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
                own = place / f"{LOCK}-{part.index}-of-{part.count}"
                _lock(held, own, fcntl.LOCK_EX)
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


def open_journal(folder: Path, plan: str, part: Slice | None = None) -> Path:
    """Return the folder of notes for this plan, begun or taken up again.

    Raises ValueError where `folder` holds records of another plan, or of another hand.
    """
    journal = folder / FOLDER
    stamp = journal / "plan.json"
    if stamp.exists():
        if json.loads(stamp.read_text()).get("plan") != plan:
            raise ValueError(
                f"{folder} holds an unfinished build of other data or settings; choose another "
                "--out, or remove the folder"
            )
    else:
        _refuse_strangers(folder, stamp)
        journal.mkdir(exist_ok=True)
        write_json(stamp, {"plan": plan})
    if part:
        (journal / f"{SLICES}{part.count}").touch()
    return journal


def slice_counts(journal: Path) -> list[int]:
    """Into how many slices the build was cut, by the tasks that began."""
    return [int(path.name.removeprefix(SLICES)) for path in journal.glob(f"{SLICES}*")]


def _refuse_strangers(folder: Path, stamp: Path) -> None:
    strangers = [
        entry.name for entry in folder.iterdir() if entry.name.startswith(("train-", "validation-"))
    ]
    if strangers and not stamp.exists():  # else another slice began meanwhile
        raise ValueError(
            f"{folder} holds {len(strangers)} files such as {min(strangers)} that no manifest "
            "describes; choose another --out"
        )


def remove_leftovers(folder: Path, files: Container[str] | None = None) -> None:
    """Remove what a killed run left half-written of these files (None: of any), in one listing."""
    for leftover in (one for place in _both(folder) for one in place.glob(".tmp-*")):
        file = leftover.name.removeprefix(".tmp-").rpartition(".")[0]
        if files is None or file in files:
            leftover.unlink(missing_ok=True)


def _both(folder: Path) -> set[Path]:
    """A folder, and where what is on its way there is written."""
    return {folder, storage.staging(folder)}


def note_path(journal: Path, file: str) -> Path:
    return journal / f"{file}.json"


def read_note(path: str | os.PathLike[str]) -> tuple[ShardResult, dict[str, Any]]:
    """A noted result and the settings it was written under; its shard may be gone since.

    Raises OSError, or ValueError, TypeError and KeyError where it is no such note.
    """
    content = json.loads(storage.place(path).read_text())
    shard = content["shard"] and Shard(**content["shard"])
    return ShardResult(shard, content["notes"], content["saved"]), content["settings"]


def finished(journal: Path, file: str, settings: Settings) -> ShardResult | None:
    """The result of a shard that stands there whole, written under settings that cover these."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        result, former = read_note(note_path(journal, file))
        clean = not (result.notes["skipped"] or result.notes["repaired"])
        size = (journal.parent / file).stat().st_size
        if result.shard and size == result.shard.bytes and settings.covered_by(former, clean):
            return result
    return None


def once(function: Callable[[ShardTask], ShardResult], task: ShardTask) -> ShardResult:
    """Do a task, unless an earlier attempt at it has put its shard in place: then what it noted."""
    if task.note_path is None:
        return function(task)
    folder = storage.place(task.note_path).parent
    return finished(folder, os.path.basename(task.path), task.settings) or function(task)


def done_before(journal: Path, file: str, settings: Settings) -> ShardResult | None:
    """The result of a shard that a former run finished.

    Otherwise None, and what stands under the name is removed, lest a note and a shard of two
    runs stand together.
    """
    result = finished(journal, file, settings)
    if result is None:
        (journal.parent / file).unlink(missing_ok=True)
    return result


def all_done_before(
    journal: Path, files: Iterable[str], settings: Settings
) -> Iterator[tuple[str, ShardResult | None]]:
    """`done_before` of each file."""
    files = list(files)
    look = partial(done_before, journal, settings=settings)
    for file, found in zip(
        files, storage.ahead(look, files, storage.is_remote(journal)), strict=True
    ):
        yield file, found()


def remove(folder: Path) -> None:
    """Remove the notes, the slices' locks, and what was left half-written."""
    storage.remove_tree(folder / FOLDER)
    for lock in storage.staging(folder).glob(f"{LOCK}-*"):
        lock.unlink(missing_ok=True)
    remove_leftovers(folder)
