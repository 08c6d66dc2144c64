"""Building records: against `cat`, against TF-Slim's way, one worker against two.

1000 files of real ImageNet images at natural size (110 KB; 200 photographs, five copies of each),
repeated to 5000 in memory-backed storage where there is some, so that processors and not disks are
compared. Every contender writes new files: former ones are removed outside its time.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import decoding
from benchmarks.harness import Row, interleave, medians, ratio_row, skipped
from imagenet_tools import labels, raw, records
from imagenet_tools.raw.index import ClassInfo, Entry, RawSet, columns
from imagenet_tools.records import plan, pool

SHARED = Path(os.environ.get("IMGTOOLS_SHARED", Path(__file__).parents[2] / "shared"))
SAMPLE = SHARED / "data" / "imagenet-sample.tar"
REPEATS = 5
COPIES = 5
BUILD = (sys.executable, "-m", "imagenet_tools", "build-tfrecords")
DECODED = 400  # images a run of TensorFlow's decoder


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A folder for the time of the block, in memory where there is room, so that no disk counts."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4e9 else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("building records", f"{SAMPLE} is absent")
        return
    with in_memory() as folder:
        large = repeated(folder / "large", 25)
        yield from build_rows(folder, large)
        small = repeated(folder / "small", 5)
        yield from decode_rows(folder, small)
        yield memory_row(folder, small)
        yield first_record_row(folder, small)
        yield from size_rows(folder, small)
    yield plan_row()


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


def build(
    raw_set: RawSet, out: Path, workers: int, *, engine: Any = pool.run, **settings: Any
) -> float:
    """Build into an emptied folder; return the seconds of the build alone."""
    shutil.rmtree(out, ignore_errors=True)
    chosen = records.Settings(**settings)
    start = time.perf_counter()
    records.build(
        raw_set,
        out,
        workers=workers,
        settings=chosen,
        train_shards=16,
        validation_shards=2,
        engine=engine,
    )
    return time.perf_counter() - start


def total_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def build_rows(folder: Path, source: Path) -> Iterator[Row]:
    found, out = raw.detect(source), folder / "out"
    count = sum(len(part) for part in found.splits.values())
    size = total_bytes(source) / 1e6
    listing = folder / "list"
    listing.write_bytes(b"\0".join(os.fsencode(path) for path in sorted(source.rglob("*.JPEG"))))

    def cats(count: int) -> float:
        """Copy all with so many processes at the same time, each its part of the list."""
        names = listing.read_bytes().split(b"\0")
        parts = [out.with_suffix(f".list{number}") for number in range(count)]
        copies = [out.with_suffix(f".cat{number}") for number in range(count)]
        for number, part in enumerate(parts):
            part.write_bytes(b"\0".join(names[number::count]))
            copies[number].unlink(missing_ok=True)
        start = time.perf_counter()
        running = []
        for part, copy in zip(parts, copies, strict=True):
            with open(part, "rb") as source_names, open(copy, "wb") as target:
                running.append(
                    subprocess.Popen(["xargs", "-0", "cat"], stdin=source_names, stdout=target)
                )
        assert not any([child.wait() for child in running])
        seconds = time.perf_counter() - start
        for copy in copies:
            copy.unlink()
        return seconds

    slim_list = folder / "slim-list"
    files = sorted(str(path) for path in source.rglob("*.JPEG"))
    slim_list.write_text("\n".join(random.Random(0).sample(files, DECODED)))

    contenders: dict[str, Callable[[], object]] = {
        "cat": lambda: cats(1),
        "two cats": lambda: cats(2),
        "one worker": lambda: build(found, out, 1),
        "two workers": lambda: build(found, out, 2),
        "decode": lambda: slim_builder("decode", slim_list),
        "TF-Slim's builder": lambda: slim_builder("build", slim_list, out.with_suffix(".slim")),
    }
    archives = nested_archives(folder / "archives", source)
    try:
        packed = raw.detect(archives)
        contenders["one worker from nested tar"] = lambda: build(packed, out, 1)
    except ValueError as error:
        yield skipped("nested tar against folders", str(error)[:80])
    seconds = interleave(contenders, repeats=REPEATS)
    rates = medians(seconds, size)

    def row(name: str, one: str, other: str, least: float) -> Row:
        pair = {key: rates[key] for key in (one, other)}
        return ratio_row(name, pair, unit="MB/s", candidate=one, baseline=other, at_least=least)

    yield row("one worker against cat of the same bytes", "one worker", "cat", 0.6)
    yield row("two workers against one, 5000 images", "two workers", "one worker", 1.5)
    pair = {key: rates[key] for key in ("two cats", "cat")}
    yield Row(
        "two cats of half each against one: the machine's own gain", pair, "MB/s",
        rates["two cats"] / rates["cat"],
    )  # fmt: skip
    if "one worker from nested tar" in rates:
        one = "one worker from nested tar"
        yield row("nested tar against folders", one, "one worker", 0.9)
    yield from slim_rows(seconds, count)
    yield command_row(folder, source, size)


def slim_rows(seconds: dict[str, list[float]], count: int) -> Iterator[Row]:
    images = medians({"one worker": seconds["one worker"]}, count)
    slim = medians({name: seconds[name] for name in ("decode", "TF-Slim's builder")}, DECODED)
    minutes = (labels.TRAIN_IMAGES + labels.VALIDATION_IMAGES) / images["one worker"] / 60
    names = {
        "decode": "one worker against decoding alone, an image a session run as TF-Slim's builder "
        "does it",
        "TF-Slim's builder": "one worker against all that TF-Slim's builder does with an image: "
        "read, decode in a session, Example, TFRecordWriter (one thread)",
    }
    for baseline, name in names.items():
        yield ratio_row(
            name,
            {**images, baseline: slim[baseline]},
            unit="images/s",
            candidate="one worker",
            baseline=baseline,
            at_least=20,
            note=f"at this rate all of ImageNet takes {minutes:.1f} minutes, if the disks keep up"
            if baseline == "decode"
            else "",
        )


def slim_builder(*arguments: str | Path) -> float:
    """Seconds of TF-Slim's way with DECODED images, in a process of its own."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.slim_builder", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    return float(done.stdout)


def command_row(folder: Path, source: Path, size: float) -> Row:
    """What of the second worker's gain is left when Python's start and the listing are counted."""
    out = folder / "whole"

    def command(workers: int) -> float:
        shutil.rmtree(out, ignore_errors=True)
        options = ["--workers", str(workers), "--train-shards", "16", "--validation-shards", "2"]
        start = time.perf_counter()
        subprocess.run(
            [*BUILD, "--raw", str(source), "--out", str(out), *options],
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - start

    contenders = {"one worker": lambda: command(1), "two workers": lambda: command(2)}
    return ratio_row(
        "the whole command on 5000 images, two workers against one",
        medians(interleave(contenders, repeats=REPEATS), size),
        unit="MB/s",
        candidate="two workers",
        baseline="one worker",
        note="start of Python, listing and planning included",
    )


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


def decode_rows(folder: Path, source: Path) -> Iterator[Row]:
    found, cores = raw.detect(source), pool.cores()
    files = [str(path) for path in sorted(source.rglob("*.JPEG"))]
    parts = [files[start::40] for start in range(40)]

    def plain() -> None:
        done = pool.run(decoding.decode_some, parts, cores)
        assert sum(outcome() for _, outcome in done) == len(files)

    contenders = {
        "Pillow alone": plain,
        "--verify decode": lambda: build(found, folder / "out", cores, verify="decode"),
    }
    yield ratio_row(
        f"--verify decode against decoding alone, {cores} processes",
        medians(interleave(contenders, repeats=REPEATS), len(files)),
        unit="images/s",
        candidate="--verify decode",
        baseline="Pillow alone",
        at_least=0.9,
    )


MEMORY = """
import os, pathlib, resource, sys
from imagenet_tools import raw, records
from imagenet_tools.records import pool, shard

def watched(task):
    result = shard.build_shard(task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pathlib.Path(sys.argv[3], str(os.getpid())).write_text(str(peak))
    assert "tensorflow" not in sys.modules
    return result

if __name__ == "__main__":
    engine = lambda function, tasks, workers: pool.run(watched, tasks, workers)
    records.build(raw.detect(sys.argv[1]), sys.argv[2], workers=2, train_shards=16, engine=engine)
    print(os.getpid())
"""


def memory_row(folder: Path, source: Path) -> Row:
    shutil.rmtree(folder / "out", ignore_errors=True)
    noted = folder / "peaks"
    noted.mkdir()
    script = folder / "memory.py"  # a file, since workers are started by its path
    script.write_text(MEMORY)
    command = [sys.executable, str(script), str(source), str(folder / "out"), str(noted)]
    main = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
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
        build(found, folder / "out", pool.cores(), **settings)
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
    planned = plan.plan_split(part, 1024, seed=0)
    raw_set = RawSet("simulated", "", "", classes, {"train": part})
    plan.fingerprint(raw_set, [planned], {})
    end = time.perf_counter()
    figures = {"index": listed - start, "plan": end - listed}
    name = "index and plan of a simulated ImageNet, 1,281,167 images"
    return Row(name, figures, "s", end - start, "< 60 s", end - start < 60)
