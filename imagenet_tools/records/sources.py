"""Whether the raw files are still those that shards were made of: by size and times, which costs
no reading, and by content where those differ."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from imagenet_tools import raw, storage
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.prepare import Settings, prepare
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

NAME = (
    ".imgtools-sources"  # shard -> stamp, beside the manifest: it is true of one copy of the data
)
_pack = struct.Struct("<qqqq").pack


def stamp(images: Iterable[raw.RawImage]) -> str:
    """One number for size, time of change and place of what these images' bytes lie in.

    The time that the file system itself keeps counts too, which no copying sets back. "" for what
    a store holds: to ask for each would take as long as to read it.
    """
    total, archives = hashlib.blake2b(digest_size=8), dict[str, bytes]()
    for image in images:
        if image.size < 0 and image.row < 0:
            found = _state(image.path)
        else:
            found = archives.get(image.path) or _state(image.path)
            archives[image.path] = found
            found += _pack(image.offset, image.size, image.row, 0)
        if not found:
            return ""
        total.update(found)
    return total.hexdigest()


def _state(path: str) -> bytes:
    if storage.is_remote(path):
        return b""
    try:
        found = os.stat(path)
    except OSError:
        return b"gone"
    return _pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, 0)


def same(images: Iterable[raw.RawImage], noted: str) -> bool:
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


def compare(made: Made) -> tuple[str, list[str]]:
    """Return the stamp of now, and the keys of the images that no longer come to what the shard
    holds of them: looked for where the stamp is another."""
    found = stamp(made.images)
    if not made.noted or found in ("", made.noted):
        return found, []
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
