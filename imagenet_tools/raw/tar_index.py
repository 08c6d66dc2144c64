"""What lies in tars, kept beside a build: finding it takes a read of each header (in a store a
request), which each task of an array job and each build that goes on would do for itself."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_tools import storage, version
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.split import RawSplit, columns
from imagenet_tools.storage.write import write_bytes

NAME = ".imgtools-tars"  # beside the manifest: it is true of one copy of the data
FORMAT = 1
FEW = 1000  # images of local tars, which are found sooner than they are kept
NUMBERS = ("labels", "offsets", "sizes", "name_ends")

Walker = Callable[[Path, Intake], Iterable[Entry]]


@dataclass(frozen=True)
class Walk:
    """What was found in a tar. state: what tells that it is still the same; "" where nothing does.
    intake: what was left out and said."""

    state: str
    images: RawSplit
    intake: dict[str, Any]


class TarIndex:
    """The tars that were walked, each once while it stays the same: by size and times or, in a
    store, by version.

    file: where they are kept; None for nowhere.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._walks = {} if file is None else _read(file)
        self._used: dict[str, Walk] = {}
        self._grown = False
        self._versions: dict[str, dict[str, int]] = {}
        self._guard = threading.Lock()  # a store's tars are walked in threads
        self._turn = contextlib.ExitStack()
        self._waited = file is None

    def walk(self, path: Path, walker: Walker) -> Walk:
        """What `walker` finds in a tar, or what it found when the tar was walked before."""
        state, key = self._state(str(path)), str(path)
        walk = self._known(key, state)
        if walk is None:
            self._wait()
            walk = self._known(key, state)
        if walk is None:
            seen = Intake()
            images = columns("", (), walker(path, seen))
            walk = Walk(state, images, seen.content())
            self._grown = True
        self._used[key] = walk
        return walk

    def _known(self, key: str, state: str) -> Walk | None:
        walk = self._walks.get(key)
        return walk if walk and state and walk.state == state else None

    def _state(self, path: str) -> str:
        if not storage.is_remote(path):
            status = os.stat(path)
            return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        folder, _, name = path.rpartition("/")
        with self._guard:
            if folder not in self._versions:
                self._versions[folder] = storage.versions(folder)
        version = self._versions[folder].get(name, 0)
        return str(version) if version else ""

    def _wait(self) -> None:
        """Wait for a task of this build that walks its tars, and read what it has kept.

        A folder in a store is locked on this machine alone, and one that cannot be locked not at
        all: tars that are walked twice come to the same.
        """
        with self._guard:
            if self._waited or self._file is None:
                return
            self._waited = True
            with contextlib.suppress(OSError):
                lock = storage.staging(self._file.parent) / f"{NAME}-lock"
                lock.parent.mkdir(parents=True, exist_ok=True)
                file = self._turn.enter_context(open(lock, "a", encoding="ascii"))  # noqa: SIM115
                self._turn.callback(lock.unlink, missing_ok=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            self._walks = _read(self._file)

    def save(self) -> None:
        """Keep what was walked, where that is much; the next task finds it there."""
        if self._file is None or not self._grown:
            return
        kept = {key: walk for key, walk in self._used.items() if walk.state}
        many = sum(len(walk.images) for walk in kept.values()) >= FEW
        if many or any(map(storage.is_remote, kept)):
            with contextlib.suppress(OSError):  # the build itself will say so
                write_bytes(self._file, _packed(kept))

    def close(self) -> None:
        """Let the tasks go on that wait."""
        self._turn.close()


@contextlib.contextmanager
def kept(out: str | os.PathLike[str]) -> Iterator[TarIndex]:
    """The index beside a build into `out`, written there at the end where it has grown."""
    index = TarIndex(storage.place(out) / NAME)
    try:
        yield index
        index.save()
    finally:
        index.close()


def _packed(walks: dict[str, Walk]) -> bytes:
    import numpy as np

    images = [walk.images for walk in walks.values()]
    heads = [
        {"path": key, "state": walk.state, "intake": walk.intake, "images": len(walk.images)}
        for key, walk in walks.items()
    ]
    about = json.dumps({"format": FORMAT, "version": version.installed(), "tars": heads}).encode()
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in images]) for name in NUMBERS
    }
    arrays["names"] = np.frombuffer(b"".join(one.names for one in images), np.uint8)
    data = io.BytesIO()
    np.savez_compressed(data, about=np.frombuffer(about, np.uint8), **arrays)
    return data.getvalue()


def _read(file: Path) -> dict[str, Walk]:
    """Path -> what was found in the tar; empty where nothing that this version wrote is there."""
    import numpy as np

    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(arrays["about"].tobytes())
        if (about["format"], about["version"]) != (FORMAT, version.installed()):
            return {}
        return dict(_unpacked(about["tars"], arrays))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}


def _unpacked(heads: list[dict[str, Any]], arrays: dict[str, Any]) -> Iterator[tuple[str, Walk]]:
    import numpy as np

    names, first, at = arrays["names"].tobytes(), 0, 0
    for head in heads:
        count = head["images"]
        numbers: dict[str, Any] = {name: arrays[name][first : first + count] for name in NUMBERS}
        end = at + (int(numbers["name_ends"][-1]) if count else 0)
        images = RawSplit(
            name="",
            classes=(),
            containers=(head["path"],) if count else (),
            container=np.zeros(count, np.int32),
            rows=np.full(count, -1, np.int64),
            names=names[at:end],
            **numbers,
        )
        yield head["path"], Walk(head["state"], images, head["intake"])
        first, at = first + count, end
