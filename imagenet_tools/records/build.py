"""Build a folder of records: plan, write the shards that are missing, then the manifest.

What is finished stays finished: a shard is in place only when whole, and the same call goes on
from there.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from imagenet_tools import __version__
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw.index import RawSet
from imagenet_tools.records import journal as journals
from imagenet_tools.records import pool, schema, tfrecord
from imagenet_tools.records.manifest import (
    NAME,
    Manifest,
    Split,
    read_manifest,
    write_manifest,
    write_text,
)
from imagenet_tools.records.plan import (
    SplitPlan,
    estimate_bytes,
    fingerprint,
    plan_split,
    shard_count,
)
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import Note, ShardResult, ShardTask, build_shard, write_index

INDEX = "index"  # DALI's, out of reach of a reader's `train-*`
INDEXES = ("dali",)
LABELS = "labels.txt"


def build(
    raw_set: RawSet,
    out: str | os.PathLike[str],
    *,
    train_shards: int | None = None,
    validation_shards: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    index: str | None = None,
) -> Manifest:
    """Write the raw data set as TFRecords into `out` and return the manifest.

    The same raw data, seed and settings give the same bytes, whatever the workers. Shards that a
    former call finished are kept; a finished folder is returned as it is. index="dali" writes
    DALI's index files too, into out/index.

    Raises ValueError where `out` holds a build of other data or settings, DamagedData listing all
    damaged images under on_damaged="fail", Unfinished where a worker died or a disk filled up.
    """
    settings = settings or Settings()
    if index is not None and index not in INDEXES:
        raise ValueError(f"index is {index!r}; it must be one of {', '.join(INDEXES)}")
    asked = {"train": train_shards, "validation": validation_shards}
    folder = Path(out)
    plans = make_plans(raw_set, asked, seed)
    wanted = plan_id(raw_set, plans, seed, settings)
    with journals.locked(folder):
        if (folder / NAME).exists():
            manifest = _finished(folder, wanted, settings)
        else:
            results = _write_missing(raw_set, plans, folder, wanted, settings, workers, bool(index))
            manifest = _gather(raw_set, plans, results, seed, settings, wanted)
            write_text(folder / LABELS, labels_txt(manifest))
            write_manifest(folder, manifest)
        journals.remove(folder)
        if index:
            write_indexes(folder, manifest, again=False)
    return manifest


def make_plans(raw_set: RawSet, shards: dict[str, int | None], seed: int) -> list[SplitPlan]:
    """Plan each split; shards[split] None leaves its number of shards to its size."""
    if not raw_set.splits:
        raise ValueError(f"no split was found: {raw_set.description}")
    return [
        plan_split(part, shard_count(name, len(part), shards.get(name)), seed)
        for name, part in sorted(raw_set.splits.items())
    ]


def plan_id(raw_set: RawSet, plans: list[SplitPlan], seed: int, settings: Settings) -> str:
    return fingerprint(raw_set, plans, {"seed": seed, **settings.output()})


def _finished(folder: Path, wanted: str, settings: Settings) -> Manifest:
    """The manifest of a folder that is complete already."""
    manifest = read_manifest(folder)
    if manifest.plan != wanted:
        raise ValueError(
            f"{folder} holds records of other data or settings (plan {manifest.plan[:8]}, asked "
            f"for {wanted[:8]}); choose another --out, or remove the folder"
        )
    if not settings.covered_by(manifest.options, not (manifest.skipped or manifest.repaired)):
        checked = (
            f"verify={manifest.options['verify']}, on_damaged={manifest.options['on_damaged']}"
        )
        raise ValueError(
            f"{folder} is complete, but was built with {checked}; to check its pixels: imgtools "
            f"verify-tfrecords {folder} --decode; to build it again choose another --out"
        )
    for shard in (shard for split in manifest.splits.values() for shard in split.shards):
        path = folder / shard.file
        if not path.exists() or path.stat().st_size != shard.bytes:
            raise DamagedData(
                f"{path} is missing or not of the size that the manifest says; to write it again: "
                f"imgtools repair-tfrecords {folder} --raw RAW"
            )
    return manifest


def write_indexes(folder: Path, manifest: Manifest, *, again: bool = True) -> None:
    """Write the index files from the shards; again=False: only those that are missing."""
    (folder / INDEX).mkdir(exist_ok=True)
    for shard in (shard for split in manifest.splits.values() for shard in split.shards):
        path = index_path(folder, shard.file)
        if again or not os.path.exists(path):
            write_index(path, list(tfrecord.sizes(folder / shard.file)))


def index_path(folder: Path, file: str) -> str:
    return str(folder / INDEX / f"{file}.idx")


def _write_missing(
    raw_set: RawSet,
    plans: list[SplitPlan],
    folder: Path,
    wanted: str,
    settings: Settings,
    workers: int | None,
    index: bool,
) -> dict[str, ShardResult]:
    """Write the shards that no former run finished; return the results of all."""
    journal = journals.open_journal(folder, wanted)
    if index:
        (folder / INDEX).mkdir(exist_ok=True)
    results, missing = {}, []
    for file in (plan.file(shard) for plan in plans for shard in range(plan.shards)):
        done = journals.done_before(journal, file, settings)
        if done is None:
            missing.append(file)
        else:
            results[file] = done
    if settings.store == "original" and settings.max_side is None:
        _refuse_full_disk(raw_set, folder, len(missing) / (len(results) + len(missing)))
    tasks = (
        ShardTask(
            path=str(folder / file),
            images=images,
            words=words,
            settings=settings,
            note_path=str(journals.note_path(journal, file)),
            index_path=index_path(folder, file) if index else None,
        )
        for file, images, words in shard_contents(raw_set, plans, missing)
    )
    total = sum(len(part) for part in raw_set.splits.values())
    kept = sum(result.shard.records for result in results.values() if result.shard)
    try:
        with tqdm(
            total=total, initial=kept, desc="writing records", unit="image", disable=None
        ) as bar:
            for task, result in run_tasks(tasks, workers, len(missing)):
                results[os.path.basename(task.path)] = result
                bar.update(len(task.images))
    finally:
        journals.remove_leftovers(folder)
    return results


def shard_contents(
    raw_set: RawSet, plans: list[SplitPlan], files: Collection[str]
) -> Iterator[tuple[str, tuple, dict[str, str]]]:
    """For each of the files: its name, its images in order, and their classes' words."""
    wanted, words = set(files), dict(raw_set.classes)
    for plan in plans:
        part = raw_set.splits[plan.split]
        for shard in range(plan.shards):
            if plan.file(shard) in wanted:
                members = tuple(part[int(at)] for at in plan.members(shard))
                present = {image.synset: words[image.synset] for image in members}
                yield plan.file(shard), members, present


def run_tasks(
    tasks: Iterator[ShardTask], workers: int | None, count: int
) -> Iterator[tuple[ShardTask, ShardResult]]:
    """Build the shards in processes; what befalls one becomes an error that names it."""
    for task, outcome in pool.run(build_shard, tasks, min(workers or pool.cores(), count)):
        name = os.path.basename(task.path)
        try:
            yield task, outcome()
        except BrokenProcessPool as error:
            raise Unfinished(
                f"a worker was killed while {name} or its neighbours were written (out of memory?)"
            ) from error
        except OSError as error:
            raise Unfinished(f"{name} was not written: {error}") from error


def _refuse_full_disk(raw_set: RawSet, folder: Path, share: float) -> None:
    """Refuse a build that cannot fit before hours are spent on it (10 % left for the estimate)."""
    needed = share * sum(estimate_bytes(part) for part in raw_set.splits.values())
    free = shutil.disk_usage(folder).free
    if 0.9 * needed > free:
        raise OSError(
            f"{folder}: the records need some {needed / 1e9:,.1f} GB and {free / 1e9:,.1f} GB are "
            "free; choose another --out, or --max-side for smaller images"
        )


def _gather(
    raw_set: RawSet,
    plans: list[SplitPlan],
    results: dict[str, ShardResult],
    seed: int,
    settings: Settings,
    wanted: str,
) -> Manifest:
    def notes(kind: str) -> tuple[Note, ...]:
        found = [note for result in results.values() for note in result.notes[kind]]
        return tuple(sorted(found, key=lambda note: note["key"]))

    if damaged := notes("damaged"):
        raise DamagedData(_list_damaged(damaged))
    empty = sorted(file for file, result in results.items() if result.shard is None)
    if empty:
        raise DamagedData(f"no usable image is left for {', '.join(empty)}; use fewer shards")
    splits = {}
    for plan in plans:
        parts = [results[plan.file(shard)] for shard in range(plan.shards)]
        skipped = [note["key"] for part in parts for note in part.notes["skipped"]]
        counts = _class_counts(raw_set, plan.split, skipped)
        splits[plan.split] = Split(tuple(part.shard for part in parts if part.shard), counts)
    return Manifest(
        layout=raw_set.layout,
        label_convention=raw_set.label_convention,
        classes=tuple((info.key, info.words) for info in raw_set.classes),
        splits=splits,
        seed=seed,
        store=settings.store,
        max_side=settings.max_side,
        plan=wanted,
        tool=__version__,
        schema=schema.SCHEMA_VERSION,
        skipped=notes("skipped"),
        repaired=notes("repaired"),
        converted=notes("converted"),
        saved=sum(result.saved for result in results.values()),
        options=asdict(settings),
    )


def _class_counts(raw_set: RawSet, split: str, skipped: list[str]) -> dict[str, int]:
    """Records of each class that has any: the listed images less the skipped ones."""
    counts = np.bincount(raw_set.splits[split].labels, minlength=len(raw_set.classes) + 1)
    gone = Counter(key.rsplit("/", 1)[0] for key in skipped)
    left = {
        info.key: int(count) - gone[info.key]
        for info, count in zip(raw_set.classes, counts[1:], strict=True)
    }
    return {key: count for key, count in left.items() if count}


def _list_damaged(damaged: tuple[Note, ...]) -> str:
    lines = []
    for note in damaged:
        inside = note["path"].endswith(note["key"].rsplit("/", 1)[-1])
        where = note["path"] if inside else f"{note['path']}: {note['key']}"
        lines.append(f"  {where}: {note['reason']}")
    return (
        f"{len(damaged)} damaged image(s); the shards without them are written and stay:\n"
        + "\n".join(lines)
        + "\n--on-damaged skip leaves them out, repair re-encodes what still decodes"
    )


def labels_txt(manifest: Manifest) -> str:
    """TF-Slim's labels.txt: `0:background`, then a line a class."""
    lines = ["0:background"]
    lines += [f"{label}:{words}" for label, (_, words) in enumerate(manifest.classes, 1)]
    return "\n".join(lines) + "\n"
