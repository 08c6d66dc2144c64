"""Beyond one machine: plans of many images, and what Ray costs beside the process pool."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import bench_records
from benchmarks.harness import Row, interleave, medians, ratio_row, skipped
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardTask

IMAGES, CLASSES, SHARDS = 14_197_122, 21_841, 11_264  # ImageNet-21k, in shards of some 1,260
PLAN = """
import json, time
from benchmarks.bench_scale import CLASSES, IMAGES, SHARDS
from imagenet_tools.raw.index import ClassInfo, Entry, RawSet, columns
from imagenet_tools.records import plan
classes = tuple(ClassInfo(f"n{number:08d}", f"class {number}") for number in range(CLASSES))
def entries():
    for number in range(IMAGES):
        label = number % CLASSES + 1
        key = classes[label - 1].key
        yield Entry(f"/raw/{key}.tar", f"{key}_{number}.JPEG", label, number * 512, 91_000)
start = time.perf_counter()
part = columns("train", classes, entries())
listed = time.perf_counter()
planned = plan.plan_split(part, SHARDS, seed=0)
plan.fingerprint(RawSet("simulated", "", "", classes, {"train": part}), [planned], {})
end = time.perf_counter()
task = [part[int(at)] for at in planned.members(0)]
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(json.dumps({"index": listed - start, "plan": end - listed, "peak": peak, "task": len(task)}))
"""


def rows() -> Iterator[Row]:
    yield from plan_rows()
    if importlib.util.find_spec("ray") is None:
        yield skipped("Ray beside the process pool", "Ray is not installed")
        return
    yield from ray_rows()


def plan_rows() -> Iterator[Row]:
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    seconds = {name: found[name] for name in ("index", "plan")}
    name = f"a planned ImageNet-21k, {IMAGES:,} images, {CLASSES:,} synsets"
    yield Row(f"{name}: time", seconds, "s", sum(seconds.values()))
    peak = found["peak"]
    yield Row(f"{name}: memory", {"peak": peak}, "MiB", peak, "< 2048 MiB", peak < 2048)


def ray_rows() -> Iterator[Row]:
    from imagenet_tools import raw, ray_engine

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with tempfile.TemporaryDirectory() as name, ray_engine.connected(None, 2):
        folder = Path(name)
        source = bench_records.repeated(folder, 25)
        found = raw.detect(source)
        engine = functools.partial(ray_engine.run, address=None)
        contenders = {
            "process pool": lambda: bench_records.build(found, folder / "pool", 2),
            "Ray": lambda: bench_records.build(found, folder / "ray", 2, engine=engine),
        }
        rates = medians(interleave(contenders, repeats=7), sum(map(len, found.splits.values())))
        yield ratio_row(
            "build, two workers: Ray's local engine against the process pool", rates,
            unit="images/s", candidate="Ray", baseline="process pool", at_least=0.9,
            note="the cluster is up; starting one takes some four seconds",
        )  # fmt: skip
        yield driver_row(found, rates["process pool"] / 2)


def nothing(task: ShardTask) -> int:
    """A task that costs its worker nothing."""
    return len(task.images)


def driver_row(found: object, rate: float) -> Row:
    """The driver's own time a task of 1,250 images, against a worker's time for it."""
    from imagenet_tools import ray_engine

    part = found.splits["train"]  # type: ignore[attr-defined]
    images = tuple(part[index % len(part)] for index in range(1250))
    words = {image.synset: "words" for image in images}
    task = ShardTask("/out/train-00000-of-01024", images, words, Settings())
    count = 200
    start = time.process_time()
    for _, outcome in ray_engine.run(nothing, [task] * count, 2):
        assert outcome() == len(images)
    own = (time.process_time() - start) / count
    work = len(images) / rate
    name = "Ray: the driver's time a shard of 1,250 images, of a worker's"
    share = own / work
    note = f"so {1 / share:,.0f} workers keep the driver busy"
    return Row(name, {"driver": own, "worker": work}, "s", share, "< 0.02", share < 0.02, note)
