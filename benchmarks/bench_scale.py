"""Beyond one machine: plans of many images, and what Ray costs beside the process pool."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import photographs, simulated
from benchmarks.harness import Row, interleave, medians, ratio_row, skipped
from benchmarks.simulated import CLASSES, IMAGES
from imagenet_tools.engines import processes
from imagenet_tools.raw.image import RawImage
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardTask, build_shard

WORKERS = 64
STORES = (32, 4)  # GB/s that all workers together read, and write at the same time
PLAN = """
import json, time
from benchmarks.simulated import CLASSES, IMAGES, SHARDS, entries
from imagenet_tools.raw.image import ClassInfo
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import columns
from imagenet_tools.records import shuffle
classes = tuple(ClassInfo(f"n{number:08d}", f"class {number}") for number in range(CLASSES))
start = time.perf_counter()
part = columns("train", classes, entries(classes, IMAGES))
listed = time.perf_counter()
planned = shuffle.plan_split(part, SHARDS, seed=0)
shuffle.fingerprint(RawSet("simulated", "", "", classes, {"train": part}), [planned], {})
end = time.perf_counter()
task = part.take(planned.members(0))
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(json.dumps({"index": listed - start, "plan": end - listed, "peak": peak, "task": len(task)}))
"""


def rows() -> Iterator[Row]:
    yield from plan_rows()
    shares = {"memory to memory": shard_seconds()}
    for store in STORES:
        size = simulated.SIZE * IMAGES / simulated.SHARDS
        shares[f"{store} GB/s shared by all"] = size * WORKERS / store / 1e9
    for what, seconds in shares.items():
        yield driver_row("process pool", processes.run, what, seconds)
    if importlib.util.find_spec("ray") is None:
        yield skipped("Ray beside the process pool", "Ray is not installed")
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    yield from ray_rows()
    yield from ray_driver_rows(shares)


def plan_rows() -> Iterator[Row]:
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    seconds = {name: found[name] for name in ("index", "plan")}
    name = f"a planned ImageNet-21k, {IMAGES:,} images, {CLASSES:,} synsets"
    yield Row(f"{name}: time", seconds, "s", sum(seconds.values()))
    peak = found["peak"]
    yield Row(f"{name}: memory", {"peak": peak}, "MiB", peak, "< 2048 MiB", peak < 2048)


def ray_rows() -> Iterator[Row]:
    from imagenet_tools import raw
    from imagenet_tools.engines import ray_cluster

    with tempfile.TemporaryDirectory() as name, ray_cluster.connected(None, 2):
        folder = Path(name)
        source = photographs.repeated(folder, 25)
        found = raw.detect(source)
        engine = functools.partial(ray_cluster.run, address=None)
        contenders = {
            "process pool": lambda: photographs.build(found, folder / "pool", 2),
            "Ray": lambda: photographs.build(found, folder / "ray", 2, engine=engine),
        }
        rates = medians(interleave(contenders, repeats=7), sum(map(len, found.splits.values())))
        yield ratio_row(
            "build, two workers: Ray's local engine against the process pool", rates,
            unit="images/s", candidate="Ray", baseline="process pool", at_least=0.9,
            note="the cluster is up; starting one takes some four seconds",
        )  # fmt: skip


def shard_seconds() -> float:
    """What a shard of 1,260 images of 91 kB takes one worker, from memory to memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs.repeated(folder, 1)
        found = sorted((folder / "once").rglob("*.JPEG"), key=lambda path: path.stat().st_size)
        while statistics.mean(path.stat().st_size for path in found) > simulated.SIZE:
            found.pop()  # the sample's are somewhat larger than ImageNet-21k's
        images = []
        for number, source in zip(
            range(simulated.IMAGES // simulated.SHARDS), itertools.cycle(found), strict=False
        ):
            own = folder / f"{number}.JPEG"
            own.write_bytes(source.read_bytes())
            images.append(RawImage("train", own.name, "ant", 1, str(own)))
        os.sync()
        task = ShardTask(str(folder / "train"), tuple(images), {"ant": "ant"}, Settings())
        taken = interleave({"shard": lambda: build_shard(task)}, repeats=7)
        return statistics.median(taken["shard"])


def driver_row(name: str, engine: Any, what: str, seconds: float) -> Row:
    """A real driver and 64 workers that sleep for as long as a shard takes."""
    found = simulated.drive(engine, seconds, WORKERS, rounds=max(9, round(16 / seconds)))
    figures = {
        "wall": found.wall,
        "work / 64": found.work / WORKERS,
        "driver's processor time": found.driver,
    }
    return Row(
        f"{name}: {WORKERS} simulated workers, {what}, {seconds:.2f} s a shard: what it adds",
        figures, "s", found.steady, "< 0.02", found.steady < 0.02,
        f"without the first and last {simulated.EDGE:.0f} s; with them {found.whole:.1%}; "
        f"{found.busy:.1f} of {os.cpu_count()} cores busy, with what 64 workers spend on being "
        "called",
    )  # fmt: skip


def ray_driver_rows(shares: dict[str, float]) -> Iterator[Row]:
    from imagenet_tools.engines import ray_cluster

    start = time.perf_counter()
    with ray_cluster.connected(None, WORKERS):
        up = time.perf_counter()
        seen: set[int] = set()
        while len(seen) < WORKERS and time.perf_counter() - up < 120:
            ended = ray_cluster.run(simulated.own_pid, range(2 * WORKERS), WORKERS)
            seen |= {outcome() for _, outcome in ended}
        figures = {"cluster": up - start, "workers": time.perf_counter() - up}
        yield Row(f"Ray: {len(seen)} workers started on this machine", figures, "s")
        for what, seconds in shares.items():
            yield driver_row("Ray", ray_cluster.run, what, seconds)
