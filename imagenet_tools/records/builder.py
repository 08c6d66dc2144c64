"""Build a folder of records: plan, write the shards that are missing, then the manifest.

What is finished stays finished: a shard is in place only when whole, and the same call goes on
from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from imagenet_tools import raw, storage, terminal
from imagenet_tools.engines import processes
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import Unfinished
from imagenet_tools.raw import tar_index
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import SPLITS
from imagenet_tools.records import finish, sources
from imagenet_tools.records.job import Job, plan, refuse_raw_folder, shard_contents
from imagenet_tools.records.journal import (
    locked,
    note_path,
    once,
    open_journal,
    remove,
    remove_leftovers,
    taken_over,
)
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest
from imagenet_tools.records.outline import described
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardResult, ShardTask, build_shard
from imagenet_tools.records.shards import check_sizes
from imagenet_tools.records.shuffle import estimate_bytes

NAMED = 10  # changed images that are listed
FEW = 20_000  # images that are compared sooner than another process starts
# What runs build_shard over tasks in so many processes: processes.run, or ray_cluster.run.
Engine = Callable[..., Iterator[tuple[ShardTask, Callable[[], ShardResult]]]]


def build(
    raw_set: RawSet,
    out: str | os.PathLike[str],
    *,
    splits: Iterable[str] = SPLITS,
    train_shards: int | None = None,
    validation_shards: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    index: str | None = None,
    engine: Engine = processes.run,
) -> Manifest:
    """Write the raw data set as TFRecords into `out` and return the manifest.

    The same raw data, seed and settings give the same bytes, whatever the workers. Shards that a
    former call finished are kept; a finished folder is returned as it is. splits: those to write,
    ("train",) alone, say. index="dali" writes DALI's index files too, into out/index. engine: what
    runs the tasks, engines.processes.run or ray_cluster.run.

    Raises ValueError where a split is not there, or `out` holds a build of other data or settings,
    DamagedData listing all damaged images under on_damaged="fail", Unfinished where a worker died
    or a disk filled up.
    """
    folder = storage.place(out)
    job = plan(
        raw_set,
        folder,
        splits=splits,
        train_shards=train_shards,
        validation_shards=validation_shards,
        seed=seed,
        settings=settings,
        index=index,
    )
    with locked(folder):
        if (folder / NAME).exists():
            manifest = _finished(job, workers)
            if job.outline.index:
                finish.write_indexes(folder, manifest, again=False)
            remove(folder)
            return manifest
        results = _held(job, _write_missing(job, workers, engine), workers)
        return finish.finish(folder, job.outline, results)


def build_tfrecords(
    raw_path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    labels: str = "auto",
    boxes: str | None = None,
    splits: Iterable[str] = SPLITS,
    workers: int | None = None,
    seed: int = 0,
    **settings: Any,
) -> Manifest:
    """Find out what lies at raw_path and `build` it into `out`: the command as a function.

    labels, boxes: see raw.detect. settings: fields of prepare.Settings (on_damaged="skip",
    max_side=256, ...). Raises FileNotFoundError for a path that is not there, and as `build` does.
    """
    with tar_index.kept(out) as tars:
        raw_set = raw.detect(raw_path, labels=labels, boxes=boxes, tars=tars)
        refuse_raw_folder(raw_set, raw_path, out)
    chosen = Settings(**settings)
    return build(raw_set, out, splits=splits, workers=workers, seed=seed, settings=chosen)


def build_slice(
    raw_set: RawSet,
    out: str | os.PathLike[str],
    part: Slice,
    *,
    workers: int | None = None,
    engine: Engine = processes.run,
    **planned: Any,
) -> int:
    """Write one slice of a build's shards, as `build` would; return their number.

    For array jobs: each task writes its slice into the same folder, in any order, at the same time
    or not; a task that was lost is run again. `finalize` then writes the manifest. planned: what
    else `build` takes. Raises as it does.
    """
    folder = storage.place(out)
    job = plan(raw_set, folder, **planned)
    with locked(folder, part):
        if (folder / NAME).exists():
            _finished(job, workers)
            return len(_own(job, part))
        results = _held(job, _write_missing(job, workers, engine, part), workers)
        finish.refuse_damaged(results)
        return len(results)


def _own(job: Job, part: Slice | None) -> list[str]:
    """The shards of a slice: dealt out in turn, so that slices weigh the same."""
    files = job.outline.files()
    return [file for at, file in enumerate(files) if part is None or part.takes(at)]


def _finished(job: Job, workers: int | None) -> Manifest:
    """The manifest of a folder that is complete already, and is what was asked for."""
    folder, settings = job.folder, job.settings
    manifest = read_manifest(folder)
    if manifest.plan != job.outline.plan:
        raise ValueError(
            f"{folder} holds records of other data or settings: "
            f"{described(manifest).difference(job.outline)}; choose another --out, or remove the "
            "folder"
        )
    if not settings.covered_by(manifest.settings, not (manifest.skipped or manifest.repaired)):
        checked = (
            f"verify={manifest.options['verify']}, on_damaged={manifest.options['on_damaged']}"
        )
        raise ValueError(
            f"{folder} is complete, but was built with {checked}; to check its pixels: imgtools "
            f"verify-tfrecords {folder} --decode; to build it again choose another --out"
        )
    for split in manifest.splits:
        check_sizes(folder, split)
    _refuse_changed(job, workers)
    return manifest


def _refuse_changed(job: Job, workers: int | None) -> None:
    """Compare the raw files with those that finished shards were made of."""
    kept = sources.read_stamps(job.folder)
    # A shard without one (a copy that left hidden files behind) is compared by content.
    noted = {file: kept.get(file, sources.LOST) for file in job.outline.files()}
    stamps, changed = _compared(job, job.raw_set, noted, workers)
    if changed:
        raise ValueError(
            f"{job.folder} is complete, but {changed} no longer those it was built from; to build "
            "it again choose another --out, or remove the folder"
        )
    if stamps != kept:
        sources.write_stamps(job.folder, stamps)


def _held(job: Job, results: dict[str, ShardResult], workers: int | None) -> dict[str, ShardResult]:
    """The results, after the raw files were compared with those that the shards were made of: what
    was replaced while the build ran stands in some shard as it was.

    Raises Unfinished with the names of the images.
    """
    noted = {file: one.sources for file, one in results.items() if one.shard and one.sources}
    few = sum(map(len, job.raw_set.splits.values())) < FEW
    raw_set = sources.versioned(job.raw_set)
    stamps, changed = _compared(job, raw_set, noted, 1 if few else workers)
    if changed:
        raise Unfinished(
            f"{job.folder}: {changed} no longer those that were read; the same command builds "
            "their shards anew"
        )
    return {file: replace(one, sources=stamps.get(file, "")) for file, one in results.items()}


def _compared(
    job: Job, raw_set: RawSet, noted: dict[str, str], workers: int | None
) -> tuple[dict[str, str], str]:
    """Of shards that are there: the stamps of now, and in words the images that are others than
    when they were made."""
    shards = (
        sources.Made(str(job.folder / file), images, job.settings, noted[file])
        for file, images in shard_contents(raw_set, job.plans, noted)
    )
    counted = processes.Counted(shards, len(noted))
    stamps, keys = sources.compared(counted, _workers(workers, len(noted)))
    first = ", ".join(keys[:NAMED]) + (", ..." if len(keys) > NAMED else "")
    return stamps, f"{len(keys):,} raw image(s) ({first}) are" if keys else ""


def _workers(asked: int | None, tasks: int) -> int:
    return min(asked or processes.cores(), tasks)


def _write_missing(
    job: Job, workers: int | None, engine: Engine, part: Slice | None = None
) -> dict[str, ShardResult]:
    """Write the shards that no former run finished; return the results of all of the slice."""
    folder = job.folder
    journal = open_journal(folder, job.outline, part)
    if job.outline.index:
        (folder / finish.INDEX).mkdir(exist_ok=True)
    files = dict.fromkeys(_own(job, part))
    remove_leftovers(folder, files)
    results = _taken_over(job, journal, files, workers)
    missing = [file for file in files if file not in results]
    settings = job.settings
    if settings.store == "original" and settings.max_side is None and not storage.is_remote(folder):
        _refuse_full_disk(job.raw_set, folder, len(missing) / len(job.outline.files()))
    total = sum(
        len(plan.members(shard))
        for plan in job.plans
        for shard in range(plan.shards)
        if plan.file(shard) in files
    )
    kept = sum(result.shard.records for result in results.values() if result.shard)
    try:
        with terminal.bar("writing records", "images", total=total, initial=kept) as bar:
            tasks = _tasks(job, journal, missing)
            for task, result in run_tasks(tasks, workers, len(missing), engine):
                results[os.path.basename(task.path)] = result
                bar.update(len(task.images))
    finally:
        remove_leftovers(folder, files)
    return results


def _tasks(job: Job, journal: Path, files: Collection[str]) -> Iterator[ShardTask]:
    for file, images in shard_contents(job.raw_set, job.plans, files):
        yield ShardTask(
            path=str(job.folder / file),
            images=images,
            words=images.words,
            settings=job.settings,
            note_path=str(note_path(journal, file)),
            index_path=finish.index_path(job.folder, file) if job.outline.index else None,
        )


def _taken_over(
    job: Job, journal: Path, files: Collection[str], workers: int | None
) -> dict[str, ShardResult]:
    """The results of the shards that a former run finished."""
    there = [file for file in storage.sizes(job.folder) if file in files]
    tasks = _tasks(job, journal, there)
    results = {}
    with terminal.bar("reading what is there", "shards", total=len(there)) as bar:
        for task, outcome in _each(taken_over, tasks, job.folder, _workers(workers, len(there))):
            if (result := outcome()) is not None:
                results[os.path.basename(task.path)] = result
            bar.update()
    return results


def _each(
    function: Callable[[ShardTask], Any], tasks: Iterable[ShardTask], folder: Path, workers: int
) -> Iterator[tuple[ShardTask, Callable[[], Any]]]:
    """In processes where a disk is read, in threads where a store is asked."""
    if not storage.is_remote(folder):
        yield from processes.run(function, tasks, workers)
        return
    listed = list(tasks)
    yield from zip(listed, storage.ahead(function, listed, True), strict=True)


def run_tasks(
    tasks: Iterator[ShardTask], workers: int | None, count: int, engine: Engine = processes.run
) -> Iterator[tuple[ShardTask, ShardResult]]:
    """Build the shards in processes; what befalls one becomes an error that names it."""
    counted, name = processes.Counted(tasks, count), "the first shard"
    try:
        for task, outcome in engine(partial(once, build_shard), counted, _workers(workers, count)):
            name = os.path.basename(task.path)
            try:
                result = outcome()
            except OSError as error:
                raise Unfinished(f"{name} was not written: {error}") from error
            yield task, result
    except BrokenProcessPool as error:
        raise Unfinished(
            f"a worker was killed while {name} or its neighbours were written (out of memory?)"
        ) from error


def _refuse_full_disk(raw_set: RawSet, folder: Path, share: float) -> None:
    """Refuse a build that cannot fit before hours are spent on it (10 % left for the estimate)."""
    needed = share * sum(estimate_bytes(part) for part in raw_set.splits.values())
    free = shutil.disk_usage(folder).free
    if 0.9 * needed > free:
        raise OSError(
            f"{folder}: the records need some {needed / 1e9:,.1f} GB and {free / 1e9:,.1f} GB are "
            "free; choose another --out, or --max-side for smaller images"
        )
