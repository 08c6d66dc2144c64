"""The sample of real photographs as raw data sets of any size, in memory, and a build of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import SAMPLE
from imagenet_tools import records
from imagenet_tools.engines import processes
from imagenet_tools.raw.raw_set import RawSet

COPIES = 5
BUILD = (sys.executable, "-m", "imagenet_tools", "build-tfrecords")  # the command


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A folder for the time of the block, in memory where there is room, so that no disk counts."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4e9 else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def repeated(folder: Path, times: int) -> Path:
    """Class folders with each sample image `times` times (hard links to five copies); the last one
    of each is validation."""
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(folder / "once", filter="data")
    for source in sorted((folder / "once").rglob("*.JPEG")):
        synset, made = source.parent.name, list[Path]()
        for turn in range(times):
            split = "val" if turn == times - 1 else "train"
            target = folder / "raw" / split / synset / f"{synset}_{turn}.JPEG"
            target.parent.mkdir(parents=True, exist_ok=True)
            if turn < COPIES:
                shutil.copyfile(source, target)
            else:
                os.link(made[turn % COPIES], target)
            made.append(target)
    return folder / "raw"


def nested_archives(folder: Path, source: Path) -> Path:
    """The same images as the official archives have them: a tar of tars, and a flat one."""
    folder.mkdir()
    inner = folder / "inner"
    inner.mkdir()
    # The sources are hard links to each other; every member shall hold its own bytes.
    with tarfile.open(folder / "ILSVRC2012_img_train.tar", "w", dereference=True) as train:
        for synset in sorted((source / "train").iterdir()):
            inner_tar = inner / f"{synset.name}.tar"
            with tarfile.open(inner_tar, "w", dereference=True) as archive:
                for path in sorted(synset.iterdir()):
                    archive.add(path, path.name)
            train.add(inner_tar, inner_tar.name)
    with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w", dereference=True) as archive:
        for number, path in enumerate(sorted((source / "val").rglob("*.JPEG")), 1):
            archive.add(path, f"ILSVRC2012_val_{number:08d}.JPEG")
    shutil.rmtree(inner)
    return folder


def build(
    raw_set: RawSet,
    out: Path,
    workers: int,
    *,
    shards: int = 18,
    engine: Any = processes.run,
    **settings: Any,
) -> float:
    """Build so many shards into an emptied folder; return the seconds of the build alone."""
    shutil.rmtree(out, ignore_errors=True)
    chosen = records.Settings(**settings)
    start = time.perf_counter()
    records.build(
        raw_set,
        out,
        workers=workers,
        settings=chosen,
        train_shards=shards - 2,
        validation_shards=2,
        engine=engine,
    )
    return time.perf_counter() - start


def total_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
