"""Build a folder of records: plan, write the shards that are missing, then the manifest.

What is finished stays finished: a shard is in place only when whole, a note beside it (in a
journal folder, until the manifest is there) says what it holds, and the same call goes on there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

from imagenet_tools import __version__
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw.index import RawSet
from imagenet_tools.records import schema
from imagenet_tools.records.manifest import (
    NAME,
    Manifest,
    Shard,
    Split,
    read_manifest,
    write_json,
    write_manifest,
)
from imagenet_tools.records.plan import SplitPlan, fingerprint, plan_split, shard_count
from imagenet_tools.records.shard import Settings, ShardResult, ShardTask, build_shard

JOURNAL = ".imgtools-journal"
LOCK = ".imgtools-lock"
INDEX = "index"  # DALI's, out of reach of a reader's `train-*`
RESERVE = 16 * 2**20  # bytes that must stay free on the disk for manifest and journal


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
    former call finished are kept; a finished folder is returned as it is.

    Raises ValueError where `out` holds a build of other data or settings, DamagedData listing all
    damaged images under on_damaged="fail", Unfinished where a worker died or a disk filled up.
    """
    settings = settings or Settings()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"train": train_shards, "validation": validation_shards}
    counts = {
        name: shard_count(name, len(part), asked[name]) for name, part in raw_set.splits.items()
    }
    wanted = fingerprint(raw_set, {"seed": seed, "shards": counts, **settings.output()})
    with _locked(folder):
        if (folder / NAME).exists():
            return _finished(folder, wanted)
        journal = _open_journal(folder, wanted)
        plans = [plan_split(part, counts[name], seed) for name, part in raw_set.splits.items()]
        if index:
            (folder / INDEX).mkdir(exist_ok=True)
        results = _write_shards(raw_set, plans, folder, journal, settings, workers, bool(index))
        manifest = _gather(raw_set, plans, results, seed, settings, wanted)
        (folder / "labels.txt").write_text(labels_txt(manifest), encoding="utf-8")
        write_manifest(folder, manifest)
        shutil.rmtree(journal)
    return manifest


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process, so that a kill leaves none behind."""
    with open(folder / LOCK, "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f"{folder}: another imgtools run is writing here; wait for it or choose another "
                "--out"
            ) from None
        yield


def _finished(folder: Path, wanted: str) -> Manifest:
    manifest = read_manifest(folder)
    if manifest.plan != wanted:
        raise ValueError(
            f"{folder} holds records of other data or settings (plan {manifest.plan[:8]}, asked "
            f"for {wanted[:8]}); choose another --out, or remove the folder"
        )
    return manifest


def _open_journal(folder: Path, wanted: str) -> Path:
    """The folder of notes on finished shards, emptied of what a killed run left half-written."""
    journal = folder / JOURNAL
    journal.mkdir(exist_ok=True)
    stamp = journal / "plan.json"
    if stamp.exists() and json.loads(stamp.read_text()).get("plan") != wanted:
        raise ValueError(
            f"{folder} holds an unfinished build of other data or settings; choose another --out, "
            "or remove the folder"
        )
    strange = [
        entry.name
        for entry in folder.iterdir()
        if entry.name.startswith(("train-", "validation-")) and not stamp.exists()
    ]
    if strange:
        raise ValueError(
            f"{folder} holds {strange[0]} and {len(strange) - 1} more records that no manifest "
            "describes; choose another --out"
        )
    write_json(stamp, {"plan": wanted})
    for leftover in folder.glob(".tmp-*"):
        leftover.unlink()
    return journal


def _note(journal: Path, file: str) -> Path:
    return journal / f"{file}.json"


def _done_before(folder: Path, journal: Path, file: str) -> ShardResult | None:
    """The result of a shard that a former run finished; None where it has to be written."""
    try:
        content = json.loads(_note(journal, file).read_text())
        shard = Shard(**content.pop("shard"))
        if os.path.getsize(folder / file) != shard.bytes:
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    lists = {kind: tuple(content.pop(kind)) for kind in ("skipped", "repaired", "converted")}
    return ShardResult(shard, content["class_counts"], saved=content["saved"], **lists)


def _tasks(
    raw_set: RawSet, plan: SplitPlan, folder: Path, settings: Settings, index: bool
) -> Iterator[ShardTask]:
    part, words = raw_set.splits[plan.split], dict(raw_set.classes)
    for shard in range(plan.shards):
        file = plan.file(shard)
        members = tuple(part[int(at)] for at in plan.members(shard))
        present = {image.synset: words[image.synset] for image in members}
        yield ShardTask(
            path=str(folder / file),
            images=members,
            words=present,
            settings=settings,
            index_path=str(folder / INDEX / f"{file}.idx") if index else None,
        )


def _write_shards(
    raw_set: RawSet,
    plans: list[SplitPlan],
    folder: Path,
    journal: Path,
    settings: Settings,
    workers: int | None,
    index: bool,
) -> dict[str, ShardResult]:
    results: dict[str, ShardResult] = {}
    missing = []
    for plan in plans:
        for shard in range(plan.shards):
            done = _done_before(folder, journal, plan.file(shard))
            if done is not None and done.shard is not None:
                results[done.shard.file] = done
            else:
                missing.append(plan.file(shard))
    wanted = set(missing)
    total = sum(len(part) for part in raw_set.splits.values())
    kept = sum(result.shard.records for result in results.values() if result.shard)
    bar = tqdm(total=total, initial=kept, desc="writing records", unit="image", disable=None)
    tasks = (
        task
        for plan in plans
        for task in _tasks(raw_set, plan, folder, settings, index)
        if os.path.basename(task.path) in wanted
    )
    with bar:
        for task, result in _run(tasks, min(workers or os.cpu_count() or 1, len(missing) or 1)):
            if result.shard is not None:
                write_json(_note(journal, result.shard.file), asdict(result))
            results[os.path.basename(task.path)] = result
            bar.update(len(task.images))
    return results


def _run(tasks: Iterator[ShardTask], workers: int) -> Iterator[tuple[ShardTask, ShardResult]]:
    """Run the tasks here (one worker) or in a pool, a few ahead, and yield them as they end."""
    if workers == 1:
        for task in tasks:
            yield task, _named(task, lambda task=task: build_shard(task))  # type: ignore[misc]
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Any, ShardTask] = {}
        try:
            while True:
                while len(running) < 2 * workers and (task := next(tasks, None)) is not None:
                    running[pool.submit(build_shard, task)] = task
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    yield task, _named(task, future.result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _named(task: ShardTask, result: Any) -> ShardResult:
    """Turn what may befall a shard into an error that says which one, and that it resumes."""
    try:
        done: ShardResult = result()
        return done
    except BrokenProcessPool as error:
        raise Unfinished(f"a worker died while writing {task.path} ({error})") from error
    except DamagedData:
        raise
    except OSError as error:
        raise Unfinished(f"{os.path.basename(task.path)} was not written: {error}") from error


def _gather(
    raw_set: RawSet,
    plans: list[SplitPlan],
    results: dict[str, ShardResult],
    seed: int,
    settings: Settings,
    wanted: str,
) -> Manifest:
    damaged = [note for result in results.values() for note in result.damaged]
    if damaged:
        raise DamagedData(_list_damaged(damaged))
    splits = {}
    for plan in plans:
        parts = [results[plan.file(shard)] for shard in range(plan.shards)]
        counts: dict[str, int] = {}
        for part in parts:
            for key, count in part.class_counts.items():
                counts[key] = counts.get(key, 0) + count
        empty = [plan.file(shard) for shard, part in enumerate(parts) if part.shard is None]
        if empty:
            raise DamagedData(f"no usable image is left for {', '.join(empty)}; use fewer shards")
        shards = tuple(part.shard for part in parts if part.shard)
        splits[plan.split] = Split(shards, dict(sorted(counts.items())))

    def notes(kind: str) -> tuple[dict[str, str], ...]:
        found = [note for result in results.values() for note in getattr(result, kind)]
        return tuple(sorted(found, key=lambda note: note["key"]))

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
    )


def _list_damaged(damaged: list[dict[str, str]]) -> str:
    lines = [f"  {note['path']}: {note['reason']}" for note in damaged]
    return (
        f"{len(damaged)} damaged image(s); the shards without them are written and stay:\n"
        + "\n".join(sorted(lines))
        + "\n--on-damaged skip leaves them out, repair re-encodes what still decodes"
    )


def labels_txt(manifest: Manifest) -> str:
    """TF-Slim's labels.txt: `0:background`, then a line a class."""
    lines = ["0:background"]
    lines += [f"{label}:{words}" for label, (_, words) in enumerate(manifest.classes, 1)]
    return "\n".join(lines) + "\n"
