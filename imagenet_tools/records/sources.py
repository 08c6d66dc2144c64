"""Whether the raw files are still those that shards were made of: by size and times, which costs
no reading, and by content where those differ."""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import google_crc32c
from tqdm import tqdm

from imagenet_tools import raw, storage
from imagenet_tools.engines import processes
from imagenet_tools.raw.index import RawSet, RawSplit
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.prepare import Settings, prepare
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

NAME = (
    ".imgtools-sources"  # shard -> stamp, beside the manifest: it is true of one copy of the data
)
_pack = struct.Struct("<qqqq").pack


def versioned(found: RawSet) -> RawSet:
    """The data set with the versions that a store's listings tell now; a local one as it is."""
    parts = {name: _versions(part) for name, part in found.splits.items()}
    return replace(found, splits=parts)


def _versions(part: RawSplit) -> RawSplit:
    import numpy as np

    if not any(map(storage.is_remote, part.containers)):
        return part
    images = part.take(range(len(part)))
    folders = sorted({os.path.dirname(image.path) for image in images})
    known = dict[str, int]()
    for folder, listed in zip(folders, storage.ahead(storage.versions, folders, True), strict=True):
        known |= {f"{folder}/{name}": version for name, version in listed().items()}
    return replace(part, versions=np.array([known.get(one.path, 0) for one in images], np.int64))


def stamp(images: raw.Images | Iterable[raw.RawImage]) -> str:
    """One number for size, time of change and place of what these images' bytes lie in; of what a
    store holds, for its versions, where they were asked for.

    The time that the file system itself keeps counts too, which no copying sets back. "" where
    nothing is known.
    """
    total, archives = hashlib.blake2b(digest_size=8), dict[str, bytes]()
    versions = images.versions if isinstance(images, raw.Images) else ()
    for image, version in zip(images, versions or itertools.repeat(0), strict=False):
        whole = image.size < 0 and image.row < 0
        found = archives.get(image.path) or _state(image.path, version)
        if not found:
            return ""
        if not whole:
            archives[image.path] = found
            found += _pack(image.offset, image.size, image.row, 0)
        total.update(found)
    return total.hexdigest()


def _state(path: str, version: int) -> bytes:
    if storage.is_remote(path):
        return _pack(version, 0, 0, 0) if version else b""
    try:
        found = os.stat(path)
    except OSError:
        return b"gone"
    return _pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, 0)


def same(images: raw.Images | Iterable[raw.RawImage], noted: str) -> bool:
    """Whether a stamp is that of now; one that nobody took holds for all."""
    return not noted or stamp(images) in ("", noted)


def read_stamps(folder: Path) -> dict[str, str]:
    """Shard -> stamp of a finished folder; empty where none was written."""
    try:
        found: dict[str, str] = json_file.as_type(json_file.read(folder / NAME), dict[str, str])
    except (OSError, ValueError):
        return {}
    return found


def write_stamps(folder: Path, stamps: dict[str, str]) -> None:
    """Write those that were taken, where any was."""
    stamps = {file: one for file, one in stamps.items() if one}
    if not stamps:
        return
    write_json(folder / NAME, dict(sorted(stamps.items())))


@dataclass(frozen=True)
class Made:
    """A shard that is there, what it was made of, and the stamp of then."""

    path: str
    images: raw.Images
    settings: Settings
    noted: str


def compared(shards: processes.Counted[Made], workers: int) -> tuple[dict[str, str], list[str]]:
    """The stamps of now of all the shards, and the keys that `compare` finds."""
    stamps, changed = dict[str, str](), list[str]()
    with tqdm(total=len(shards), desc="comparing raw files", unit="shard", disable=None) as bar:
        for made, outcome in processes.run(compare, shards, workers):
            stamps[os.path.basename(made.path)], keys = outcome()
            changed += keys
            bar.update()
    return stamps, sorted(changed)


def compare(made: Made) -> tuple[str, list[str]]:
    """Return the stamp of now, and the keys of the images that no longer come to what the shard
    holds of them: looked for where the stamp is another."""
    found = stamp(made.images)
    if not made.noted or found in ("", made.noted):
        return found, []
    raw.forget()
    held = {}
    with storage.local_copy(made.path) as path:
        for _, data in tfrecord.read(path):
            example = schema.decode_example(data)
            key = b"/".join((example[schema.SYNSET][0], example[schema.FILENAME][0]))
            held[key] = _content(example[schema.ENCODED][0])
    images = tuple(made.images)
    return found, [
        image.key
        for image, fetch in zip(images, raw.reads(images), strict=True)
        if held.get(image.key.encode("utf-8", "surrogateescape")) != _now(fetch, made.settings)
    ]


def _now(fetch: Callable[[], bytes], settings: Settings) -> tuple[int, int] | None:
    try:
        return _content(prepare(fetch(), settings).data)
    except (OSError, ValueError):
        return None


def _content(data: bytes) -> tuple[int, int]:
    return len(data), google_crc32c.value(data)
