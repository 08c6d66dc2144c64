"""Runs of a comparison one after another in a worker: what a fresh process costs, and memory."""

from __future__ import annotations

import importlib
import itertools
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row, interleave, medians, ratio_row
from imagenet_tools import raw, records, synthetic
from imagenet_tools.comparison import arms, prepare, worker
from imagenet_tools.comparison.children import Children
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.plan_file import write_plan
from imagenet_tools.comparison.run_files import LOG, run_folder

TINY = Path(__file__).parents[1] / "tests" / "tiny_net.py"
RUNS = 20


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        yield demo_row(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield start_row(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield memory_row(Path(folder))


def demo_row(folder: Path) -> Row:
    """The demo from its command to the report, in a process of its own."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = ["-m", "imagenet_tools", "compare-preproc", "alexnet", "inception", "-q", "--out"]
    subprocess.run([sys.executable, *command, str(folder / "out")], check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(
        "the demo, from the command to its report, by the clock",
        {"by the clock": seconds, "of processor time": used}, "s", seconds, "<= 60 s",
        seconds <= 60, f"{os.cpu_count()} cores, a load of {os.getloadavg()[0]:.0f} at the end",
    )  # fmt: skip


def start_row(folder: Path) -> Row:
    """Runs of the demo: in a worker that has carried out one, and each in its own process."""
    made, _, data = prepare.prepare(("alexnet", "inception"), None, folder, seeds=8)
    write_plan(made, folder)
    seeds = itertools.count(1)
    children = workers(folder, str(data))

    def used() -> None:
        assert carried_out(children, folder, "alexnet", next(seeds)) == 0

    def fresh() -> None:
        assert arms.start(folder, "alexnet", next(seeds), str(data), None, ()) == 0

    used()
    try:
        seconds = interleave({"used": used, "fresh": fresh}, repeats=3, warmups=0)
    finally:
        children.close()
    figures = {name: 1 / rate for name, rate in medians(seconds).items()}
    return ratio_row(
        "a run of the demo in a worker that has carried out others, against a process of its own",
        figures, unit="s", candidate="used", baseline="fresh", at_most=0.9,
        note="a run is 47 steps of 32 at 67 px, a checkpoint and three evaluations of 400 images",
    )  # fmt: skip


def memory_row(folder: Path) -> Row:
    """Resident memory of a worker that trains and evaluates a tiny net again and again."""
    synthetic.generate(folder / "raw", classes=3, train_per_class=8, validation_per_class=3)
    records.build(raw.detect(folder / "raw"), folder / "records")
    sys.path.insert(0, str(TINY.parent))
    importlib.import_module(TINY.stem)
    made = make_plan(
        ("alexnet", "inception"), folder / "records", seeds=RUNS // 2, model="tiny", image_size=32,
        changes={"batch_size": 8, "epochs": 2.0},
    )  # fmt: skip
    write_plan(made, folder / "out")
    children, memory = workers(folder / "out", str(folder / "records"), str(TINY)), []
    try:
        for arm, seed in made.runs():
            assert carried_out(children, folder / "out", arm.slug, seed) == 0
            memory.append(resident(folder / "out"))
    finally:
        children.close()
    grown = (memory[-1] - memory[1]) / (len(memory) - 2)
    return Row(
        f"memory of a worker, growth a run over {RUNS} runs of a tiny net (MB)",
        {"after two runs": memory[1], f"after {RUNS}": memory[-1]}, "MB", grown, "<= 1 MB",
        grown <= 1,
    )  # fmt: skip


def workers(folder: Path, *arguments: str) -> Children:
    return Children([sys.executable, "-m", worker.__name__, str(folder), *arguments], os.environ)


def carried_out(children: Children, folder: Path, arm: str, seed: int) -> int:
    own = run_folder(folder, arm, seed)
    own.mkdir(parents=True)
    return children.run(f"{arm} {seed}", own / LOG)


def resident(folder: Path) -> float:
    """Memory of the worker of a folder, in MB."""
    for place in Path("/proc").glob("[0-9]*"):
        words = (place / "cmdline").read_bytes().split(b"\0")
        if worker.__name__.encode() in words and os.fsencode(folder) in words:
            found = re.search(r"VmRSS:\s+(\d+)", (place / "status").read_text())
            assert found
            return int(found[1]) / 1024
    raise LookupError(f"no worker of {folder} is there")
