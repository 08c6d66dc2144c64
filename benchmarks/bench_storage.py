"""Storage: what paths through fsspec cost a build, and what a store's checks cost an upload.

The sample of real images repeated to 5000 files in memory-backed storage, as in bench_records.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.bench_records import REPEATS
from benchmarks.harness import SAMPLE, Row, interleave, medians, ratio_row, skipped
from benchmarks.photographs import build, in_memory, repeated, total_bytes
from imagenet_tools import raw, records, storage


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("building through file://", f"{SAMPLE} is absent")
        return
    with in_memory() as folder:
        source = repeated(folder / "raw", 25)
        yield from local_rows(folder, source)
        with mock.patch.dict(os.environ, {storage.CACHE: str(folder / "cache")}):
            yield from memory_rows(folder, source)


def local_rows(folder: Path, source: Path) -> Iterator[Row]:
    """The whole of a build, listing and plan included, from and to plain and file:// paths."""
    size, out = total_bytes(source) / 1e6, folder / "out"

    def whole(path: str, target: str) -> float:
        shutil.rmtree(out, ignore_errors=True)
        start = time.perf_counter()
        shards: dict[str, Any] = {"train_shards": 16, "validation_shards": 2, "workers": 1}
        records.build(raw.detect(path), target, **shards)
        return time.perf_counter() - start

    contenders: dict[str, Callable[[], object]] = {
        "plain paths": lambda: whole(str(source), str(out)),
        "file:// URLs": lambda: whole(source.as_uri(), out.as_uri()),
    }
    yield ratio_row(
        "build with file:// for raw data and records against plain paths, 5000 images",
        medians(interleave(contenders, repeats=2 * REPEATS), size),
        unit="MB/s",
        candidate="file:// URLs",
        baseline="plain paths",
        at_least=0.95,
        note="a file:// URL is taken as the path that it names; one worker, listing included",
    )


def memory_rows(folder: Path, source: Path) -> Iterator[Row]:
    """A store without a network: what staging, digests, reading back and copying cost."""
    try:
        import fsspec
    except ImportError:
        yield skipped("building into a store in memory", "the extra [cloud] is not installed")
        return
    found, out, fs = raw.detect(source), folder / "out", fsspec.filesystem("memory")
    size = total_bytes(source) / 1e6

    def store() -> float:
        fs.store.clear()
        start = time.perf_counter()
        shards: dict[str, Any] = {"train_shards": 16, "validation_shards": 2, "workers": 1}
        records.build(found, "memory://out", **shards)
        return time.perf_counter() - start

    contenders: dict[str, Callable[[], object]] = {
        "plain folder": lambda: build(found, out, 1),
        "memory://": store,
    }
    yield ratio_row(
        "build into a store in memory against a plain folder, 5000 images",
        medians(interleave(contenders, repeats=REPEATS), size),
        unit="MB/s",
        candidate="memory://",
        baseline="plain folder",
        note="staged, uploaded, read back (it has no digests), copied: all but the network",
    )
    fs.store.clear()
