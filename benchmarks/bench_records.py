"""Building records: against `cat`, against TF-Slim's way, one worker against two.

1000 files of real ImageNet images at natural size (110 KB; 200 photographs, five copies of each),
repeated to 5000 in memory-backed storage where there is some, so that processors and not disks are
compared. Every contender writes new files: former ones are removed outside its time.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import decoding, slim_builder
from benchmarks.harness import SAMPLE, Row, interleave, medians, ratio_row, skipped
from benchmarks.photographs import (
    BUILD,
    build,
    in_memory,
    nested_archives,
    repeated,
    total_bytes,
)
from imagenet_tools import labels, raw
from imagenet_tools.engines import processes

REPEATS = 5
DECODED = 400  # images a run of TF-Slim's way
PARTS = 40  # that processes share the decoding in, by either contender


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("building records", f"{SAMPLE} is absent")
        return
    with in_memory() as folder:
        source = repeated(folder, 25)
        yield from build_rows(folder, source)
        yield from decode_rows(folder, source)


def build_rows(folder: Path, source: Path) -> Iterator[Row]:
    found, out = raw.detect(source), folder / "out"
    count = sum(len(part) for part in found.splits.values())
    size = total_bytes(source) / 1e6
    packed = raw.detect(nested_archives(folder / "archives", source))
    files = sorted(str(path) for path in source.rglob("*.JPEG"))
    some = random.Random(0).sample(files, DECODED)
    with slim_builder.started(some, out.with_suffix(".slim")) as slim:
        contenders: dict[str, Callable[[], object]] = {
            "cat": lambda: cats(files, out, 1),
            "two cats": lambda: cats(files, out, 2),
            "one worker": lambda: build(found, out, 1),
            "two workers": lambda: build(found, out, 2),
            "one worker from nested tar": lambda: build(packed, out, 1),
            **{name: partial(slim, name) for name in slim_builder.PARTS},
        }
        seconds = interleave(contenders, repeats=REPEATS)
    rates = medians(seconds, size)

    def row(name: str, one: str, other: str, least: float | None) -> Row:
        pair = {key: rates[key] for key in (one, other)}
        return ratio_row(name, pair, unit="MB/s", candidate=one, baseline=other, at_least=least)

    yield row("one worker against cat of the same bytes", "one worker", "cat", 0.65)
    yield row("two workers against one, 5000 images", "two workers", "one worker", 1.5)
    yield row("two cats of half each against one: the machine's own gain", "two cats", "cat", None)
    yield row("nested tar against folders", "one worker from nested tar", "one worker", 0.9)
    yield from slim_rows(seconds, count)
    yield command_row(folder, source, size)


def cats(files: list[str], out: Path, count: int) -> float:
    """Copy all with so many processes at the same time, each its part of the list."""
    parts = [out.with_suffix(f".list{number}") for number in range(count)]
    copies = [out.with_suffix(f".cat{number}") for number in range(count)]
    for number, part in enumerate(parts):
        part.write_bytes(b"\0".join(map(os.fsencode, files[number::count])))
        copies[number].unlink(missing_ok=True)
    start = time.perf_counter()
    running = []
    for part, copy in zip(parts, copies, strict=True):
        with open(part, "rb") as names, open(copy, "wb") as target:
            running.append(subprocess.Popen(["xargs", "-0", "cat"], stdin=names, stdout=target))
    assert not any([child.wait() for child in running])
    seconds = time.perf_counter() - start
    for copy in copies:
        copy.unlink()
    return seconds


def slim_rows(seconds: dict[str, list[float]], count: int) -> Iterator[Row]:
    """One worker beside what TF-Slim's builder does with an image, in one thread of it; and cat of
    the same bytes, which no builder passes."""
    images = medians({name: seconds[name] for name in ("one worker", "cat")}, count)
    slim = medians({name: seconds[name] for name in slim_builder.PARTS}, DECODED)
    minutes = (labels.TRAIN_IMAGES + labels.VALIDATION_IMAGES) / images["one worker"] / 60
    for baseline, what in slim_builder.PARTS.items():
        note = f"cat is {images['cat'] / slim[baseline]:.1f} x"
        if baseline == "process":
            note += f"; at this rate all of ImageNet takes {minutes:.1f} minutes, if disks keep up"
        yield ratio_row(
            f"one worker against {what}",
            {**images, baseline: slim[baseline]},
            unit="images/s",
            candidate="one worker",
            baseline=baseline,
            at_least=20 if baseline != "session" else None,
            note=note,
        )


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


def decode_rows(folder: Path, source: Path) -> Iterator[Row]:
    found, cores = raw.detect(source), processes.cores()
    files = [str(path) for path in sorted(source.rglob("*.JPEG"))]
    parts = [files[start::PARTS] for start in range(PARTS)]

    def plain() -> None:
        done = processes.run(decoding.decode_some, parts, cores)
        assert sum(outcome() for _, outcome in done) == len(files)

    contenders = {
        "Pillow alone": plain,
        "--verify decode": lambda: build(
            found, folder / "out", cores, shards=PARTS, verify="decode"
        ),
    }
    yield ratio_row(
        f"--verify decode against decoding alone, {cores} processes, 5000 images",
        medians(interleave(contenders, repeats=3, warmups=0), len(files)),
        unit="images/s",
        candidate="--verify decode",
        baseline="Pillow alone",
        at_least=0.9,
    )
