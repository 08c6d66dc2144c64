"""Which raw images are no longer those that shards were made of: found by content, in the shards
whose sources have another stamp now."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import google_crc32c

from imagenet_tools import raw, storage, terminal
from imagenet_tools.engines import processes
from imagenet_tools.errors import Unfinished, first
from imagenet_tools.records import schema, sources, tfrecord
from imagenet_tools.records.job import Job
from imagenet_tools.records.prepare import Settings, prepare
from imagenet_tools.records.shard import ShardResult

NAMED = 10  # changed images that are listed
FEW = 20_000  # images that are compared sooner than another process starts


@dataclass(frozen=True)
class Made:
    """A shard that is there, what it was made of, and the stamp of then."""

    path: str
    images: raw.Images
    settings: Settings
    noted: str


def refuse_since(job: Job, workers: int | None) -> None:
    """Compare the raw files with those that the shards of a finished folder were made of.

    Raises ValueError with the names of the images that are others now.
    """
    kept = sources.read_stamps(job.folder)
    # A shard without one (a copy that left hidden files behind) is compared by content.
    noted = {file: kept.get(file, sources.LOST) for file in job.files()}
    stamps, changed = _compared(job, noted, workers)
    if changed:
        raise ValueError(
            f"{job.folder} is complete, but {changed} no longer those it was built from; to build "
            "it again choose another --out, or remove the folder"
        )
    if stamps != kept:
        sources.write_stamps(job.folder, stamps)


def refuse_meanwhile(
    job: Job, results: Mapping[str, ShardResult], workers: int | None
) -> dict[str, ShardResult]:
    """Compare the raw files with those that these shards were made of: what was replaced while the
    build ran stands in some shard as it was. Return the results with the stamps of now.

    Raises Unfinished with the names of the images.
    """
    noted = {file: one.sources for file, one in results.items() if one.shard and one.sources}
    few = sum(map(len, job.raw_set.splits.values())) < FEW
    now = replace(job, raw_set=sources.versioned(job.raw_set))
    stamps, changed = _compared(now, noted, 1 if few else workers)
    if changed:
        raise Unfinished(
            f"{job.folder}: {changed} no longer those that were read; the same command builds "
            "their shards anew"
        )
    return {file: replace(one, sources=stamps.get(file, "")) for file, one in results.items()}


def _compared(
    job: Job, noted: Mapping[str, str], workers: int | None
) -> tuple[dict[str, str], str]:
    """Of shards with their stamps of then: the stamps of now, and in words the images that are
    others."""
    made = (
        Made(str(job.folder / file), images, job.settings, noted[file])
        for file, images in job.contents(noted)
    )
    stamps, keys = dict[str, str](), list[str]()
    with terminal.bar("comparing raw files", "shards", total=len(noted)) as bar:
        shards = processes.Counted(made, len(noted))
        for one, outcome in processes.run(compare, shards, processes.workers(workers, len(noted))):
            stamps[os.path.basename(one.path)], changed = outcome()
            keys += changed
            bar.update()
    some = first(sorted(keys), NAMED)
    return stamps, f"{len(keys):,} raw image(s) ({some}) are" if keys else ""


def compare(made: Made) -> tuple[str, list[str]]:
    """Return the stamp of now, and the keys of the images that no longer come to what the shard
    holds of them: looked for where the stamp is another."""
    now = sources.stamp(made.images)
    if not made.noted or now in ("", made.noted):
        return now, []
    raw.forget()
    held = {}
    with storage.local_copy(made.path) as path:
        for _, data in tfrecord.read(path):
            example = schema.decode_example(data)
            held[schema.key_of(example)] = _content(schema.first(example, schema.ENCODED, b""))
    images = tuple(made.images)
    fetches = zip(images, raw.reads(images), strict=True)
    return now, [
        image.key for image, fetch in fetches if held.get(image.key) != _now(fetch, made.settings)
    ]


def _now(fetch: Callable[[], raw.Fetched], settings: Settings) -> tuple[int, int] | None:
    try:
        return _content(prepare(fetch()[0], settings).data)
    except (OSError, ValueError):
        return None


def _content(data: bytes) -> tuple[int, int]:
    return len(data), google_crc32c.value(data)
