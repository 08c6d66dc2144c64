"""What building costs beside time: memory, the start, the size of each form, a plan of ImageNet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import SAMPLE, Row, skipped
from benchmarks.photographs import BUILD, build, in_memory, repeated
from imagenet_tools import labels, raw, records
from imagenet_tools.engines import processes
from imagenet_tools.raw.image import ClassInfo, Entry
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import columns
from imagenet_tools.records import shuffle

REPEATS = 5


def rows() -> Iterator[Row]:
    if SAMPLE.exists():
        with in_memory() as folder:
            source = repeated(folder, 5)
            yield memory_row(folder, source)
            yield first_record_row(folder, source)
            yield from size_rows(folder, source)
    else:
        yield skipped("memory, start and sizes of a build", f"{SAMPLE} is absent")
    yield plan_row()


MEMORY = """
import os, pathlib, resource, sys
from imagenet_tools import raw, records
from imagenet_tools.engines import processes
from imagenet_tools.records import shard

def watched(task):
    result = shard.build_shard(task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pathlib.Path(sys.argv[3], str(os.getpid())).write_text(str(peak))
    assert "tensorflow" not in sys.modules
    return result

def main():
    engine = lambda function, tasks, workers: processes.run(watched, tasks, workers)
    records.build(raw.detect(sys.argv[1]), sys.argv[2], workers=2, train_shards=16, engine=engine)
    print(os.getpid())
"""


def memory_row(folder: Path, source: Path) -> Row:
    shutil.rmtree(folder / "out", ignore_errors=True)
    noted = folder / "peaks"
    noted.mkdir()
    (folder / "peaks.py").write_text(MEMORY)  # a module, since workers import what they run
    places = [str(source), str(folder / "out"), str(noted)]
    command = [sys.executable, "-c", "import peaks; peaks.main()", *places]
    found = {**os.environ, "PYTHONPATH": str(folder)}
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=found)
    main = ended.stdout.strip()
    peaks = {
        "main" if path.name == main else "worker": float(path.read_text())
        for path in noted.iterdir()
    }
    assert len(peaks) == 2, "one of the two did nothing"
    worst = max(peaks.values())
    note = "peak resident memory; TensorFlow is not imported"
    return Row("memory of a worker", peaks, "MB", worst, "< 100 MB", worst < 100, note)


def first_record_row(folder: Path, source: Path) -> Row:
    """From the start of the command to the first record in a file, 1000 images."""
    out = folder / "first"
    command = [*BUILD, "--raw", str(source)]
    seconds = []
    for _ in range(REPEATS):
        shutil.rmtree(out, ignore_errors=True)
        start = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not any(
            path.stat().st_size for path in out.glob(".tmp-*-of-*") if path.exists()
        ):
            time.sleep(0.002)
        seconds.append(time.perf_counter() - start)
        process.wait()
    value = sorted(seconds)[len(seconds) // 2]
    return Row(
        "start to first record, 1000 images", {"median": value}, "s", value, "< 1 s", value < 1
    )


def size_rows(folder: Path, source: Path) -> Iterator[Row]:
    found = raw.detect(source)
    sizes = {}
    kinds: dict[str, dict[str, Any]] = {
        "original": {},
        "--max-side 256": {"max_side": 256},
        "--max-side 256 --store raw": {"max_side": 256, "store": "raw"},
    }
    for name, settings in kinds.items():
        build(found, folder / "out", processes.cores(), **settings)
        manifest = records.read_manifest(folder / "out")
        sizes[name] = sum(split.bytes for split in manifest.splits.values()) / 1e6
    for name in list(sizes)[1:]:
        pair = {name: sizes[name], "original": sizes["original"]}
        yield Row(f"size of {name}", pair, "MB", sizes[name] / sizes["original"])


def plan_row() -> Row:
    """Index and plan of ImageNet's 1,281,167 training images, of which no file exists."""
    classes = tuple(ClassInfo(*item) for item in labels.words().items())

    def entries() -> Iterator[Entry]:
        for number in range(labels.TRAIN_IMAGES):
            label = number % labels.NUM_CLASSES + 1
            key = classes[label - 1].key
            yield Entry(f"/raw/train/{key}", f"{key}_{number}.JPEG", label)

    start = time.perf_counter()
    part = columns("train", classes, entries())
    listed = time.perf_counter()
    planned = shuffle.plan_split(part, 1024, seed=0)
    raw_set = RawSet("simulated", "", "", classes, {"train": part})
    shuffle.fingerprint(raw_set, [planned], {})
    end = time.perf_counter()
    figures = {"index": listed - start, "plan": end - listed}
    name = "index and plan of a simulated ImageNet, 1,281,167 images"
    return Row(name, figures, "s", end - start, "< 60 s", end - start < 60)
