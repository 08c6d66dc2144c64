"""What others read records with, on one core: run by bench_reader in a child of its own.

    PYTHON -m benchmarks.peer_readers FOLDER

PYTHON needs only what it is to measure: array_record, grain, litdata, tfrecord. FOLDER holds the
shards. Reads names from stdin, a line each; writes the processor's seconds that one pass took, or
why not.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PASSES = 3  # over all records, in random orders or one after the other


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("train-*"))


def numbers(count: int) -> list[int]:
    """The records that a random pass reads: the same for all."""
    drawn = list(range(count)) * PASSES
    random.Random(0).shuffle(drawn)
    return drawn


def framed(folder: Path) -> Iterator[bytes]:
    for path in shards(folder):
        with open(path, "rb") as file:
            while before := file.read(12):
                yield file.read(struct.unpack_from("<Q", before)[0])
                file.read(4)


def array_record(folder: Path) -> Callable[[], None]:
    """The same records in ArrayRecord's random access form."""
    source = array_records(folder)
    drawn = numbers(len(source))

    def run() -> None:
        for number in drawn:
            source[number]

    return run


def grain(folder: Path) -> Callable[[], None]:
    """Grain's global shuffle over the same ArrayRecord file, read in this process."""
    import grain as library

    source = array_records(folder)
    shuffled = library.MapDataset.source(source).shuffle(seed=0).repeat(PASSES)

    def run() -> None:
        for number in range(len(shuffled)):
            shuffled[number]

    return run


def array_records(folder: Path) -> Any:
    """A data source of a file with a group a record, uncompressed."""
    from array_record.python import array_record_data_source, array_record_module

    path = str(folder / "same.array_record")
    writer = array_record_module.ArrayRecordWriter(path, "group_size:1,uncompressed")
    for record in framed(folder):
        writer.write(record)
    writer.close()
    return array_record_data_source.ArrayRecordDataSource([path])


def litdata(folder: Path) -> Callable[[], None]:
    """The same records in litdata's chunks, shuffled by it."""
    from litdata import StreamingDataset
    from litdata.streaming.cache import Cache

    place = str(folder / "chunks")
    cache = Cache(place, chunk_bytes="64MB")
    for number, record in enumerate(framed(folder)):
        cache._add_item(number, record)
    cache.done()
    cache.merge()
    shuffled = StreamingDataset(place, shuffle=True)

    def run() -> None:
        for _ in range(PASSES):
            for _ in shuffled:
                pass

    return run


def tfrecord_loader(folder: Path) -> Callable[[], None]:
    """Image and label of each record in turn; it checks no CRC."""
    from tfrecord.reader import tfrecord_loader as load

    wanted = {"image/encoded": "byte", "image/class/label": "int"}

    def run() -> None:
        for _ in range(PASSES):
            for path in shards(folder):
                for _ in load(str(path), None, wanted):
                    pass

    return run


KNOWN = {
    "ArrayRecord": array_record,
    "Grain": grain,
    "litdata": litdata,
    "tfrecord": tfrecord_loader,
}


def main() -> None:
    folder, ready = Path(sys.argv[1]), dict[str, Callable[[], None]]()
    for line in sys.stdin:
        name = line.strip()
        try:
            if name not in ready:
                ready[name] = KNOWN[name](folder)
            start = time.process_time()
            ready[name]()
            answer: float | str = time.process_time() - start
        except Exception as error:  # not installed, or it does not run here: a row says so
            answer = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        print("ANSWER", json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
