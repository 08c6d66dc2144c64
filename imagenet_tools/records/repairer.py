"""Write broken shards of a folder of records again, from the raw images they were built from."""

from __future__ import annotations

import os
from dataclasses import dataclass

from imagenet_tools import raw, storage, terminal
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import tar_index
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.records import journal
from imagenet_tools.records.builder import run_tasks
from imagenet_tools.records.finish import INDEX, LABELS, damage, labels_txt, write_indexes
from imagenet_tools.records.job import plan
from imagenet_tools.records.manifest import read_manifest
from imagenet_tools.records.shard import ShardTask
from imagenet_tools.records.verifier import Verification, verify
from imagenet_tools.storage.write import write_text


@dataclass(frozen=True)
class Repair:
    """rebuilt: the shards written again; before and after: what verify found."""

    rebuilt: tuple[str, ...]
    before: Verification
    after: Verification


def repair_tfrecords(
    folder: str | os.PathLike[str],
    raw_path: str | os.PathLike[str],
    *,
    labels: str = "auto",
    boxes: str | None = None,
    decode: bool = False,
    workers: int | None = None,
) -> Repair:
    """`repair` a folder from the raw images at raw_path: the command as a function."""
    with tar_index.kept(folder) as tars:
        raw_set = raw.detect(raw_path, labels=labels, boxes=boxes, tars=tars)
    return repair(folder, raw_set, decode=decode, workers=workers)


def repair(
    folder: str | os.PathLike[str],
    raw_set: RawSet,
    *,
    decode: bool = False,
    workers: int | None = None,
) -> Repair:
    """Verify, write the broken shards again, and verify once more where anything was broken.

    Only shards that are not what was once written are touched; a rebuilt shard must come to the
    digest in the manifest before it takes the old one's place.

    Raises ValueError where the raw images are not those the records were built from, and
    DamagedData where a shard no longer comes to its digest.
    """
    place = storage.place(folder)
    manifest = read_manifest(place)
    counts = {name: len(split.shards) for name, split in manifest.splits.items()}
    job = plan(
        raw_set.only(manifest.splits),
        place,
        splits=manifest.splits,
        train_shards=counts.get("train"),
        validation_shards=counts.get("validation"),
        seed=manifest.seed,
        settings=manifest.settings,
    )
    if job.outline.plan != manifest.plan:
        raise ValueError(
            f"{place} was built from other raw data, --labels or --boxes than these "
            f"({raw_set.description}); nothing was changed"
        )
    with journal.locked(place):
        before = verify(place, decode=decode, workers=workers)
        if not before.problems:
            return Repair((), before, before)
        if folders := [file for file in before.broken if (place / file).is_dir()]:
            raise ValueError(f"{place / folders[0]} is a folder; move it away, then repair again")
        shards = manifest.shards
        tasks = (
            ShardTask(
                path=str(place / file),
                images=images,
                words=images.words,
                settings=job.settings,
                digest=shards[file].digest,
            )
            for file, images in job.contents(before.broken)
        )
        with terminal.bar("repairing", "shards", total=len(before.broken)) as bar:
            lost = {}
            for task, result in run_tasks(tasks, workers, len(before.broken)):
                if result.shard is None:
                    lost[task.file] = result
                bar.update()
        if lost:
            raise DamagedData(
                f"{', '.join(sorted(lost))} cannot be made again: raw images are damaged now:\n"
                f"{damage(lost)}"
            )
        write_text(place / LABELS, labels_txt(manifest))
        if (place / INDEX).is_dir():
            write_indexes(place, manifest)
        return Repair(before.broken, before, verify(place, decode=decode, workers=workers))
