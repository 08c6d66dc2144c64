"""Build a folder of records: plan, write the shards that are missing, then the manifest.

What is finished stays finished: a shard is in place only when whole, and the same call goes on
from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
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
from imagenet_tools.records import finish, journal, replaced
from imagenet_tools.records.job import Job, plan, refuse_raw_folder
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest
from imagenet_tools.records.outline import described
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardResult, ShardTask, build_shard
from imagenet_tools.records.shards import check_sizes
from imagenet_tools.records.shuffle import estimate_bytes

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
    with journal.locked(folder):
        if (folder / NAME).exists():
            manifest = _finished(job, workers)
            if job.outline.index:
                finish.write_indexes(folder, manifest, again=False)
            journal.remove(folder)
            return manifest
        return finish.finish(folder, job.outline, _write_missing(job, workers, engine))


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
    with journal.locked(folder, part):
        if (folder / NAME).exists():
            _finished(job, workers)
        else:
            finish.refuse_damaged(_write_missing(job, workers, engine, part))
    return len(job.files(part))


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
    replaced.refuse_since(job, workers)
    return manifest


def _write_missing(
    job: Job, workers: int | None, engine: Engine, part: Slice | None = None
) -> dict[str, ShardResult]:
    """Write the shards that no former run finished; return the results of all of the slice."""
    folder, files = job.folder, dict.fromkeys(job.files(part))
    notes = journal.open_journal(folder, job.outline, part)
    if job.outline.index:
        (folder / finish.INDEX).mkdir(exist_ok=True)
    journal.remove_leftovers(folder, files)
    results = _taken_over(job, notes, files, workers)
    missing = [file for file in files if file not in results]
    _refuse_full_disk(job, missing)
    kept = sum(result.shard.records for result in results.values() if result.shard)
    try:
        with terminal.bar("writing records", "images", total=job.count(files), initial=kept) as bar:
            tasks = _tasks(job, notes, missing)
            for task, result in run_tasks(tasks, workers, len(missing), engine):
                results[task.file] = result
                bar.update(len(task.images))
    finally:
        journal.remove_leftovers(folder, files)
    return replaced.refuse_meanwhile(job, results, workers)


def _tasks(job: Job, notes: Path, files: Collection[str]) -> Iterator[ShardTask]:
    for file, images in job.contents(files):
        yield ShardTask(
            path=str(job.folder / file),
            images=images,
            words=images.words,
            settings=job.settings,
            note_path=str(journal.note_path(notes, file)),
            index_path=finish.index_path(job.folder, file) if job.outline.index else None,
        )


def _taken_over(
    job: Job, notes: Path, files: Collection[str], workers: int | None
) -> dict[str, ShardResult]:
    """The results of the shards that a former run finished."""
    there = [file for file in storage.sizes(job.folder) if file in files]
    tasks, results = _tasks(job, notes, there), {}
    several: Iterable[tuple[ShardTask, Callable[[], ShardResult | None]]]
    if storage.is_remote(job.folder):  # which many threads may ask at one time
        listed = list(tasks)
        several = zip(listed, storage.ahead(journal.taken_over, listed, True), strict=True)
    else:
        count = processes.workers(workers, len(there))
        several = processes.run(journal.taken_over, tasks, count)
    with terminal.bar("reading what is there", "shards", total=len(there)) as bar:
        for task, outcome in several:
            if (result := outcome()) is not None:
                results[task.file] = result
            bar.update()
    return results


def run_tasks(
    tasks: Iterator[ShardTask], workers: int | None, count: int, engine: Engine = processes.run
) -> Iterator[tuple[ShardTask, ShardResult]]:
    """Build the shards in processes; what befalls one becomes an error that names it."""
    counted, name = processes.Counted(tasks, count), "the first shard"
    build_once = partial(journal.once, build_shard)
    try:
        for task, outcome in engine(build_once, counted, processes.workers(workers, count)):
            name = task.file
            try:
                result = outcome()
            except OSError as error:
                raise Unfinished(f"{name} was not written: {error}") from error
            yield task, result
    except BrokenProcessPool as error:
        raise Unfinished(
            f"a worker was killed while {name} or its neighbours were written (out of memory?)"
        ) from error


def _refuse_full_disk(job: Job, missing: Collection[str]) -> None:
    """Refuse a build that cannot fit before hours are spent on it (10 % left for the estimate)."""
    settings, folder = job.settings, job.folder
    if settings.store != "original" or settings.max_side is not None or storage.is_remote(folder):
        return  # not to be estimated from the raw images, or on no disk
    share = len(missing) / len(job.files())
    needed = share * sum(estimate_bytes(part) for part in job.raw_set.splits.values())
    free = shutil.disk_usage(folder).free
    if 0.9 * needed > free:
        raise OSError(
            f"{folder}: the records need some {needed / 1e9:,.1f} GB and {free / 1e9:,.1f} GB are "
            "free; choose another --out, or --max-side for smaller images"
        )
