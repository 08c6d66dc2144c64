"""Stamps of the raw files that shards are made of, by which a replaced one is known unread."""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from imagenet_tools import raw, storage
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

NAME = (
    ".imgtools-sources"  # shard -> stamp, beside the manifest: it is true of one copy of the data
)
LOST = "lost"  # in place of a stamp that was not kept
_pack = struct.Struct("<qqqq").pack


def versioned(raw_set: RawSet) -> RawSet:
    """The data set with the versions that a store's listings tell now; a local one as it is."""
    import numpy as np

    stored = {
        name: [image.path for image in part.take(range(len(part)))]
        for name, part in raw_set.splits.items()
        if any(map(storage.is_remote, part.containers))
    }
    folders = sorted({os.path.dirname(path) for paths in stored.values() for path in set(paths)})
    listed = storage.ahead(storage.versions, folders, True) if folders else ()
    known = {
        f"{folder}/{name}": version
        for folder, versions in zip(folders, listed, strict=True)
        for name, version in versions().items()
    }
    parts = dict(raw_set.splits)
    for name, paths in stored.items():
        column = np.array([known.get(path, 0) for path in paths], np.int64)
        parts[name] = replace(parts[name], versions=column)
    return replace(raw_set, splits=parts)


def stamp(images: raw.Images | Iterable[raw.RawImage]) -> str:
    """One number for size, time of change and place of what these images' bytes lie in; of what a
    store holds, for its versions, where they were asked for.

    The time that the file system itself keeps counts too, which no copying sets back. "" where
    nothing is known.
    """
    sources = Stamp(images)
    for image in images:
        sources.add(image)
    return sources.text()


class Stamp:
    """A stamp that is made image by image, as they are read."""

    def __init__(self, images: raw.Images | Iterable[raw.RawImage]) -> None:
        versions = images.versions if isinstance(images, raw.Images) else ()
        self._total, self._known = hashlib.blake2b(digest_size=8), True
        self._versions = iter(versions) if versions else itertools.repeat(0)
        self._archives = dict[str, bytes]()

    def add(self, image: raw.RawImage, status: os.stat_result | None = None) -> None:
        """Count the next image in. status: of its own file, from before it was read."""
        version = next(self._versions)
        if status is not None:
            self._total.update(_packed(status))
        elif image.size < 0 and image.row < 0:
            self._update(_state(image.path, version))
        else:
            if image.path not in self._archives:
                self._archives[image.path] = _state(image.path, version)
            part = _pack(image.offset, image.size, image.row, 0)
            self._update(self._archives[image.path], part)

    def _update(self, state: bytes, part: bytes = b"") -> None:
        self._known = self._known and bool(state)
        self._total.update(state + part)

    def text(self) -> str:
        return self._total.hexdigest() if self._known else ""


def _packed(status: os.stat_result) -> bytes:
    return _pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, 0)


def _state(path: str, version: int) -> bytes:
    if storage.is_remote(path):
        return _pack(version, 0, 0, 0) if version else b""
    try:
        return _packed(os.stat(path))
    except OSError:
        return b"gone"


def same(images: raw.Images | Iterable[raw.RawImage], noted: str) -> bool:
    """Whether a stamp is that of now; one that nobody took holds for all."""
    return not noted or stamp(images) in ("", noted)


def read_stamps(folder: Path) -> dict[str, str]:
    """Shard -> stamp of a finished folder; empty where none was written."""
    try:
        stamps: dict[str, str] = json_file.as_type(json_file.read(folder / NAME), dict[str, str])
    except (OSError, ValueError):
        return {}
    return stamps


def write_stamps(folder: Path, stamps: dict[str, str]) -> None:
    """Write those that were taken, where any was."""
    stamps = {file: one for file, one in stamps.items() if one}
    if not stamps:
        return
    write_json(folder / NAME, dict(sorted(stamps.items())))
