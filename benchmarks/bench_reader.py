"""Records read at random by open_records, on one core, beside what others read theirs with.

1000 records of natural size (110 KB) in the page cache. Rates are of the processor's seconds. The
others run under $IMGTOOLS_PEERS_PYTHON, an interpreter of a virtual environment that holds what
there is of them (pip install array_record grain litdata tfrecord), or else under this one.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import google_crc32c

from benchmarks.bench_peers import Child
from benchmarks.harness import SAMPLE, Row, interleave, medians, ratio_row, skipped
from benchmarks.peer_readers import KNOWN, PASSES, numbers, shards
from benchmarks.photographs import build, in_memory, repeated
from imagenet_tools import raw
from imagenet_tools.records import tfrecord
from imagenet_tools.records.reader import open_records

# What is compared: name, ours, theirs, least ratio.
ROWS = (
    ("open_records[i], verified and parsed, against a bare pread with both CRCs", "open_records",
     "pread", None),
    ("open_records[i] against ArrayRecordDataSource[i], which parses nothing", "open_records",
     "ArrayRecord", 1.5),
    ("open_records[i] against Grain's shuffle over ArrayRecord", "open_records", "Grain", 1.0),
    ("open_records[i] against litdata's chunks, shuffled by it", "open_records", "litdata", 1.0),
    ("open_records in turn against tfrecord_loader of two features, which checks no CRC",
     "open_records in turn", "tfrecord", 1.0),
)  # fmt: skip


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("records at random", f"{SAMPLE} is absent")
        return
    with in_memory() as folder:
        out = folder / "records"
        build(raw.detect(repeated(folder, 6)), out, 1, shards=4)
        python = os.environ.get("IMGTOOLS_PEERS_PYTHON", sys.executable)
        child = Child([python, "-m", "benchmarks.peer_readers", str(out)])
        first = {name: child.ask(name) for name in KNOWN}
        missing = {name: answer for name, answer in first.items() if isinstance(answer, str)}
        contenders = ours(out) | {
            name: functools.partial(child.ask, name) for name in KNOWN if name not in missing
        }
        count = len(open_records(out))
        rates = medians(interleave(contenders, repeats=7), count * PASSES)
        child.close()
    for name, candidate, baseline, least in ROWS:
        if baseline in missing:
            yield skipped(name, missing[baseline])
            continue
        yield ratio_row(
            name, {n: rates[n] for n in (baseline, candidate)}, unit="records/s",
            candidate=candidate, baseline=baseline, at_least=least,
        )  # fmt: skip


def ours(folder: Path) -> dict[str, Callable[[], float]]:
    reader = open_records(folder)
    drawn = numbers(len(reader))

    def timed(run: Callable[[], object]) -> Callable[[], float]:
        def measure() -> float:
            start = time.process_time()
            run()
            return time.process_time() - start

        return measure

    def at_random() -> None:
        for number in drawn:
            reader[number]

    def in_turn() -> None:
        for _ in range(PASSES):
            for _ in reader:
                pass

    return {
        "open_records": timed(at_random),
        "open_records in turn": timed(in_turn),
        "pread": timed(pread(folder)),
    }


def pread(folder: Path) -> Callable[[], None]:
    """The least that a verified read does: one pread of the whole record, and both CRCs."""
    places = []
    for path in shards(folder):
        fd, at = os.open(path, os.O_RDONLY), 0
        for size in tfrecord.sizes(path):
            places.append((fd, at, size))
            at += size
    drawn = numbers(len(places))

    def run() -> None:
        for number in drawn:
            fd, at, size = places[number]
            record = os.pread(fd, size, at)
            (of_length,) = struct.unpack_from("<I", record, 8)
            (of_data,) = struct.unpack_from("<I", record, size - 4)
            assert tfrecord.masked(google_crc32c.value(record[:8])) == of_length
            assert tfrecord.masked(google_crc32c.value(record[12:-4])) == of_data

    return run
