"""Real drivers over simulated tasks: real tasks of a large set, for workers that sleep.

Workers that sleep need no processor, so that 64 of them fit on a machine of two cores; what they
spend on being called, and what a cluster's own processes spend, is on those two cores all the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from imagenet_tools.engines import processes
from imagenet_tools.raw.image import ClassInfo, Entry
from imagenet_tools.raw.split import RawSplit, columns
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardTask

IMAGES, CLASSES, SHARDS = 14_197_122, 21_841, 11_264  # ImageNet-21k, in shards of some 1,260
SIZE = 91_000  # bytes of an image: 1.3 TB in all
EDGE = 4.0  # seconds at either end of a run, in which workers and messages get into step


def entries(classes: tuple[ClassInfo, ...], count: int) -> Iterator[Entry]:
    """Images of made-up classes in turn, as members of an archive a class."""
    for number in range(count):
        label = number % len(classes) + 1
        key = classes[label - 1].key
        yield Entry(f"/raw/{key}.tar", f"{key}_{number}.JPEG", label, number * 512, SIZE)


def split(count: int) -> RawSplit:
    """So many images of ImageNet-21k's number of classes; none of them exists."""
    classes = tuple(ClassInfo(f"n{number:08d}", f"class {number}") for number in range(CLASSES))
    return columns("train", classes, entries(classes, count))


def tasks(part: RawSplit, count: int) -> Iterator[ShardTask]:
    """Tasks of 1,260 images at random, made one by one as a build makes them."""
    import numpy as np

    size = IMAGES // SHARDS
    order = np.random.default_rng(0).permutation(len(part))
    for number in range(count):
        start = number * size % (len(order) - size)
        images = part.take(order[start : start + size])
        path = f"/out/train-{number:05d}-of-{SHARDS}"
        yield ShardTask(path, images, images.words, Settings())


def sleep(seconds: float, task: ShardTask) -> tuple[float, float]:
    """What a worker does in place of a shard; when it began and ended, by this machine's clock."""
    assert len(task.images) == IMAGES // SHARDS
    begun = time.monotonic()
    time.sleep(seconds)
    return begun, time.monotonic()


def own_pid(_: int) -> int:
    time.sleep(0.2)
    return os.getpid()


@dataclass(frozen=True)
class Drive:
    """What came of driving simulated tasks; shares are of the work's own time, the rest seconds.

    wall: from the first call to the last result. work: of all tasks, of one worker. whole: by which
    share the wall time was longer than the work of one of the workers. steady: the same without the
    first and the last EDGE seconds. driver: the driver's processor time, of all its threads. busy:
    cores that were busy on this machine, workers and a cluster's processes included.
    """

    wall: float
    work: float
    whole: float
    steady: float
    driver: float
    busy: float


def drive(engine: Callable[..., Any], seconds: float, workers: int, rounds: int) -> Drive:
    """Run rounds x workers simulated tasks through an engine."""
    part, count, spans = split(100_000), workers * rounds, []
    waiting = processes.Counted(tasks(part, count), count)
    start, own, machine = time.monotonic(), time.process_time(), _busy()
    for _, outcome in engine(partial(sleep, seconds), waiting, workers):
        spans.append(outcome())
    end, own, machine = time.monotonic(), time.process_time() - own, _busy() - machine
    wall, work = end - start, count * seconds
    first, last = start + EDGE, end - EDGE
    inside = (max(0.0, min(e, last) - max(b, first)) / (e - b) for b, e in spans)
    steady = workers * (last - first) / (seconds * sum(inside))
    return Drive(wall, work, wall * workers / work - 1, steady - 1, own, machine / wall)


def _busy() -> float:
    """Seconds that the machine's cores have been busy, from the kernel's count."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, *interrupts = map(int, file.readline().split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
