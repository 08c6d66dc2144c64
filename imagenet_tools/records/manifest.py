"""The manifest: what a folder of records holds, in a file that no reader's glob matches."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagenet_tools import labels, storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.split import SPLITS
from imagenet_tools.records import foreign
from imagenet_tools.records.prepare import Settings
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

NAME = "imgtools_manifest.json"
MANIFEST_VERSION = 1
_WAY_ON = "take it from a copy of the folder, or build into another one"


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


def counted(several: Iterable[tuple[str, Counted]]) -> dict[str, Counted]:
    """What is to be said -> of how many in all, and the first of their names."""
    together: dict[str, Counted] = {}
    for what, one in several:
        together[what] = together.get(what, Counted(0, [])) + one
    return dict(sorted(together.items()))


@dataclass(frozen=True)
class Manifest:
    """What was built, from what, and how. classes[i] is (key, words) of label i + 1. left_out:
    reason -> what of the raw data was never listed for it. odd: what is to be said of images that
    are in records -> of which."""

    layout: str
    label_convention: str
    classes: tuple[tuple[str, str], ...]
    splits: dict[str, Split]
    seed: int
    store: str  # "original" or "raw"
    max_side: int | None
    plan: str  # fingerprint of what was asked for
    tool: str  # version of imgtools
    schema: int
    skipped: tuple[dict[str, str], ...] = ()
    repaired: tuple[dict[str, str], ...] = ()
    converted: tuple[dict[str, str], ...] = ()
    saved: int = 0  # bytes by which the images are smaller than the raw ones (negative: larger)
    options: dict[str, Any] = field(default_factory=dict)  # prepare.Settings, as asked for
    left_out: dict[str, Counted] = field(default_factory=dict)
    odd: dict[str, Counted] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The options that the images were prepared under."""
        settings: Settings = json_file.as_type(self.options, Settings, "options")
        return settings

    @property
    def shards(self) -> dict[str, Shard]:
        """The shards of all splits, by their files' names."""
        return {one.file: one for split in self.splits.values() for one in split.shards}

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
    place = storage.place(folder)
    path = place / NAME
    try:
        content = json_file.read(path, _WAY_ON)
    except FileNotFoundError:
        raise FileNotFoundError(_without(place)) from None
    except NotADirectoryError:
        raise NotADirectoryError(f"{place} is a file: give the folder of records") from None
    version, digest = content.pop("manifest_version", None), content.pop("digest", None)
    if version != MANIFEST_VERSION:
        raise ValueError(f"{path} has version {version}; this imgtools reads {MANIFEST_VERSION}")
    try:
        manifest: Manifest = json_file.as_type(content, Manifest)
        _check(manifest)
    except ValueError as error:
        raise DamagedData(f"{path} lacks or mistakes something: {error}; {_WAY_ON}") from error
    if manifest.digest != digest:
        raise DamagedData(f"{path} was changed: its digest does not match its shards; {_WAY_ON}")
    return manifest


def _without(place: Path) -> str:
    """What a folder without a manifest is, and the way on."""
    if not storage.is_remote(place) and place.is_dir() and foreign.shards(place):
        return (
            f"{place} holds no {NAME} beside its shards. Of a build that has not ended: the same "
            "command goes on. Of another tool: imgtools inspect says what they are; to have them "
            "here, imgtools build-tfrecords --raw RAW --out NEW from the images"
        )
    return (
        f"{place} holds no {NAME}: it is no finished folder of records. "
        f"To build one: imgtools build-tfrecords --raw RAW --out {place}"
    )


def _check(manifest: Manifest) -> None:
    """Shards have the names that builds give them, never a path that leads elsewhere; what stands
    in two places is the same. No digest is taken over these."""
    classes = dict(manifest.classes)
    if manifest.label_convention == labels.IMAGENET_CONVENTION and (*classes,) != labels.synsets():
        raise ValueError("its labels are said to be ImageNet's, and its classes are others")
    for name in ("store", "max_side"):
        told, asked = getattr(manifest, name), getattr(manifest.settings, name)
        if told != asked:
            raise ValueError(f"{name} is {told!r}, and in the options {asked!r}")
    if not manifest.splits:
        raise ValueError("it has no splits")
    for name, split in manifest.splits.items():
        if name not in SPLITS:
            raise ValueError(f"there is no split {name[:40]!r}")
        if not split.shards:
            raise ValueError(f"{name} has no shards")
        if strangers := sorted(set(split.class_counts) - classes.keys()):
            raise ValueError(f"{name} counts records of {strangers[0][:40]!r}, which is no class")
        by_class = sum(split.class_counts.values())
        # Builds before this was checked did not count off what they skipped in subfolders.
        if by_class != split.records and not manifest.skipped:
            raise ValueError(
                f"{name} has {split.records:,} records by shard, {by_class:,} by class"
            )
        for at, shard in enumerate(split.shards):
            if shard.file != shard_name(name, at, len(split.shards)):
                raise ValueError(f"shard {at} of {name} is called {shard.file[:80]!r}")


def shard_name(split: str, shard: int, count: int) -> str:
    return f"{split}-{shard:05d}-of-{count:05d}"
