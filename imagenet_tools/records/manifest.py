"""The manifest: what a folder of records holds, in a file that no reader's glob matches."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.storage.write import write_json

NAME = "imgtools_manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Shard:
    """One file: its records, bytes, and a digest (SHA-256 of each record's length and CRC-32C)."""

    file: str
    records: int
    bytes: int
    digest: str
    classes: int = 0  # how many classes have a record in it: low for a badly shuffled set


@dataclass(frozen=True)
class Split:
    """The shards of a split, in order, and how many records each class has."""

    shards: tuple[Shard, ...]
    class_counts: dict[str, int]

    @property
    def records(self) -> int:
        return sum(shard.records for shard in self.shards)

    @property
    def bytes(self) -> int:
        return sum(shard.bytes for shard in self.shards)


@dataclass(frozen=True)
class Manifest:
    """What was built, from what, and how. classes[i] is (key, words) of label i + 1."""

    layout: str
    label_convention: str
    classes: tuple[tuple[str, str], ...]
    splits: dict[str, Split]
    seed: int
    store: str  # "original", "jpeg" (--max-side) or "raw"
    max_side: int | None
    plan: str  # fingerprint of what was asked for
    tool: str  # version of imgtools
    schema: int
    skipped: tuple[dict[str, str], ...] = ()
    repaired: tuple[dict[str, str], ...] = ()
    converted: tuple[dict[str, str], ...] = ()
    saved: int = 0  # bytes by which the images are smaller than the raw ones (negative: larger)
    options: dict[str, Any] = field(default_factory=dict)  # prepare.Settings, as asked for

    @property
    def num_classes(self) -> int:
        """Number of classes without background."""
        return len(self.classes)

    @property
    def digest(self) -> str:
        """One digest for the whole data set: equal where every record of every shard is equal."""
        total = hashlib.sha256()
        for name in sorted(self.splits):
            for shard in self.splits[name].shards:
                total.update(f"{shard.file} {shard.records} {shard.digest}\n".encode())
        return total.hexdigest()


def write_manifest(folder: str | os.PathLike[str], manifest: Manifest) -> None:
    """Write the manifest atomically: either the old one or the whole new one is there."""
    content = {"manifest_version": MANIFEST_VERSION, "digest": manifest.digest, **vars(manifest)}
    write_json(storage.place(folder) / NAME, content)


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Read the manifest of a folder of records.

    Raises FileNotFoundError where there is none, DamagedData where it cannot be understood.
    """
    path = storage.place(folder) / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} holds no {NAME}: it is no finished folder of records. "
            f"To build one: imgtools build-tfrecords --raw RAW --out {folder}"
        ) from None
    except ValueError as error:
        raise DamagedData(f"{path} is not readable as JSON ({error})") from error
    if not isinstance(content, dict):
        raise DamagedData(f"{path} holds no manifest but {str(content)[:40]!r}")
    version, digest = content.pop("manifest_version", None), content.pop("digest", None)
    if version != MANIFEST_VERSION:
        raise ValueError(f"{path} has version {version}; this imgtools reads {MANIFEST_VERSION}")
    try:
        content["splits"] = {
            name: Split(tuple(Shard(**shard) for shard in split["shards"]), split["class_counts"])
            for name, split in content["splits"].items()
        }
        for name in ("skipped", "repaired", "converted"):
            content[name] = tuple(content[name])
        content["classes"] = tuple((key, words) for key, words in content["classes"])
        manifest = Manifest(**content)
        changed = manifest.digest != digest
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedData(f"{path} lacks or mistakes something: {error}") from error
    if changed:
        raise DamagedData(f"{path} was changed: its digest does not match its shards")
    return manifest
