"""What lies at a path: raw images in which layout, or records; how many, how large, what lacks."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools import images, labels, raw, records, storage
from imagenet_tools.engines import processes
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.image import RawImage
from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import RawSplit
from imagenet_tools.records import foreign, journal, offsets, shuffle
from imagenet_tools.records.manifest import NAME, Split

SAMPLE = 200  # images whose bytes are read, spread evenly over a split
WALKED = 10_000  # records of a split whose lengths are read, at most
RECORD_OVERHEAD = 700  # bytes that a record's other features take, about
EXPECTED = {"train": labels.TRAIN_IMAGES, "validation": labels.VALIDATION_IMAGES}


@dataclass(frozen=True)
class SplitFacts:
    """What a split holds.

    images: how many.
    classes: how many have an image; fewest, most: images of one of them.
    missing: classes of the numbering without an image, by key.
    expected: ImageNet's number of images, None for other data.
    mean_bytes, formats: of a sample of images; width, height: its medians, in pixels.
    problems: damaged images in the sample; of records, the first shard of another size or number.
    counted: `images` is of what is there, and no manifest's word.
    """

    images: int
    classes: int = 0
    missing: tuple[str, ...] = ()
    expected: int | None = None
    fewest: int = 0
    most: int = 0
    mean_bytes: float = 0.0
    width: int = 0
    height: int = 0
    formats: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    counted: bool = True


@dataclass(frozen=True)
class Facts:
    """What lies at a path.

    kind: "raw" or "records".
    num_classes, digest: 0 and "" for records without a manifest.
    bytes: of the images, measured (records) or estimated (raw).
    free: bytes free on the disk of the path.
    seconds: what a build would take here on all cores, from the sample's rate; None for records.
    left_out: as RawSet has it.
    """

    path: str
    kind: str
    layout: str
    description: str
    label_convention: str
    num_classes: int
    splits: dict[str, SplitFacts]
    bytes: int
    free: int
    seconds: float | None
    boxes: str = ""
    digest: str = ""
    left_out: dict[str, Counted] = field(default_factory=dict)


def inspect(path: str | os.PathLike[str], labels_as: str = "auto") -> Facts:
    """Find out what lies at `path`; a sample of images is read, nothing is written.

    Raises FileNotFoundError and ValueError as raw.detect does, and as a build does for two images
    of one key; ValueError where a build has not ended.
    """
    place = storage.place(path)
    if (place / NAME).is_file():
        return _records(place)
    journal.refuse_unfinished(place)
    if not storage.is_remote(place) and (other := _other_records(place)):
        return _foreign(place, other)
    return _raw(place, raw.detect(place, labels=labels_as))


def _other_records(place: Path) -> foreign.Foreign | None:
    """Records without a manifest; none beside raw images, where a file has but the name of such."""
    try:
        return foreign.find(place)
    except DamagedData as damage:
        try:
            raw.detect(place)
        except ValueError:
            raise damage from None
        return None


def _raw(place: Path, raw_set: RawSet) -> Facts:
    for part in raw_set.splits.values():
        shuffle.refuse_twice(part)
    started = time.perf_counter()
    splits = {name: _raw_split(part, raw_set) for name, part in raw_set.splits.items()}
    sampled = sum(min(SAMPLE, len(part)) for part in raw_set.splits.values())
    rate = sampled / max(time.perf_counter() - started, 1e-9)
    count = sum(facts.images for facts in splits.values())
    return Facts(
        path=str(place),
        kind="raw",
        layout=raw_set.layout,
        description=raw_set.description,
        label_convention=raw_set.label_convention,
        num_classes=raw_set.num_classes,
        splits=splits,
        bytes=sum(int(f.images * (f.mean_bytes + RECORD_OVERHEAD)) for f in splits.values()),
        free=_free(place),
        seconds=count / rate / processes.cores(),
        boxes=raw_set.boxes_source,
        left_out=raw_set.left_out,
    )


def _raw_split(part: RawSplit, raw_set: RawSet) -> SplitFacts:
    counts = np.bincount(part.labels, minlength=raw_set.num_classes + 1)[1:].tolist()
    step = max(1, len(part) // SAMPLE)
    sample = [part[index] for index in range(0, len(part), step)][:SAMPLE]
    sizes, formats, problems, amount = [], Counter[str](), list[str](), 0
    for image, read in zip(sample, raw.reads(sample), strict=True):
        data = _bytes(image, read, problems)
        if data is None:
            continue
        amount += len(data)
        facts = images.inspect(data)
        formats[f"{facts.format or 'unknown'} {facts.colorspace}".strip()] += 1
        if facts.problem:
            problems.append(f"{image.where}: {facts.problem}")
        else:
            sizes.append((facts.width, facts.height))
    width, height = np.median(np.array(sizes or [(0, 0)]), axis=0).astype(int).tolist()
    keys = (info.key for info in raw_set.classes)
    return SplitFacts(
        images=len(part),
        **_of_classes(part.name, raw_set.label_convention, dict(zip(keys, counts, strict=True))),
        mean_bytes=amount / max(len(sample), 1),
        width=width,
        height=height,
        formats=dict(sorted(formats.items())),
        problems=tuple(problems),
    )


def _of_classes(split: str, convention: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """What SplitFacts says of the classes. counts: the images of each class of the numbering."""
    there = [count for count in counts.values() if count]
    return {
        "classes": len(there),
        "missing": tuple(key for key, count in counts.items() if not count),
        "expected": EXPECTED[split] if convention == labels.IMAGENET_CONVENTION else None,
        "fewest": min(there, default=0),
        "most": max(there, default=0),
    }


def _free(place: Path) -> int:
    """Bytes free on the disk of the path; for a store, on that of this machine's working copies."""
    local = storage.cache_folder() if storage.is_remote(place) else place
    return shutil.disk_usage(next(one for one in (local, *local.parents) if one.exists())).free


def _bytes(image: RawImage, read: Callable[[], raw.Fetched], problems: list[str]) -> bytes | None:
    """An image's bytes; None where it is damaged beyond reading, which is noted."""
    try:
        return read()[0]
    except DamagedData as error:
        problems.append(f"{image.where}: {error}")
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        if storage.is_remote(image.path):
            raise OSError(f"{image.where} {problem}") from error
        problems.append(f"{image.where}: {problem}")
    return None


def _records(place: Path) -> Facts:
    manifest = records.read_manifest(place)
    splits = {}
    for name, part in manifest.splits.items():
        counts = {key: part.class_counts.get(key, 0) for key, _ in manifest.classes}
        counted, problems = _counted(place, name, part)
        splits[name] = SplitFacts(
            images=part.records,
            **_of_classes(name, manifest.label_convention, counts),
            mean_bytes=part.bytes / max(part.records, 1),
            formats={manifest.store: part.records},
            problems=problems,
            counted=counted,
        )
    shards = foreign.in_words({name: len(one.shards) for name, one in manifest.splits.items()})
    return Facts(
        path=str(place),
        kind="records",
        layout=manifest.layout,
        description=f"records built from {manifest.layout} by imgtools {manifest.tool}: {shards}",
        label_convention=manifest.label_convention,
        num_classes=manifest.num_classes,
        splits=splits,
        bytes=sum(part.bytes for part in manifest.splits.values()),
        free=_free(place),
        seconds=None,
        digest=manifest.digest,
    )


def _counted(place: Path, split: str, part: Split) -> tuple[bool, tuple[str, ...]]:
    """Whether the records are as many as the manifest says, by their lengths where these are few or
    by the index that is kept of them; the first shard that is not what it says, in words."""
    here = not storage.is_remote(place)
    few = here and part.records <= WALKED
    try:
        records.check_sizes(place, split)
        for shard in part.shards if few else ():
            offsets.ends_of(str(place), shard)
    except DamagedData as error:
        return False, (str(error),)
    return few or here and offsets.kept(str(place), split, part.shards) is not None, ()


def _foreign(place: Path, other: foreign.Foreign) -> Facts:
    """Of records without a manifest: what their names, lengths and first record tell."""
    splits = {
        name: SplitFacts(
            images=part.records,
            mean_bytes=part.bytes / max(part.records, 1),
            formats={"records": part.records},
            problems=part.problems,
        )
        for name, part in other.splits.items()
    }
    return Facts(
        path=str(place),
        kind="records",
        layout=other.tool,
        description=other.description,
        label_convention=other.convention,
        num_classes=0,
        splits=splits,
        bytes=sum(part.bytes for part in other.splits.values()),
        free=_free(place),
        seconds=None,
    )
