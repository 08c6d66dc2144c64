"""Whole training runs: start, input, memory.

On the 200 photographs of natural size, built into records, at 224 px with 1001 classes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import SAMPLE, Row, ratio_row, skipped

BATCH = 32
MEMORY = """
from benchmarks.bench_training import {maker}
step = {maker}({arguments})
for _ in range(3):
    step()
# Not ru_maxrss, which a child inherits from its parent.
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)
"""


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("whole training runs", f"{SAMPLE} is absent")
        return
    with tempfile.TemporaryDirectory() as folder:
        data = records_in(Path(folder))
        yield first_step_row(data, Path(folder))
        for pipeline in ("alexnet", "inception"):
            yield input_row(data, pipeline)
    for batch in (32, 128):
        yield memory_row(batch)


def records_in(folder: Path) -> Path:
    from imagenet_tools import raw, records

    with tarfile.open(SAMPLE) as archive:
        archive.extractall(folder / "raw", filter="data")
    records.build(raw.detect(folder / "raw"), folder / "records", workers=2)
    return folder / "records"


def first_step_row(data: Path, folder: Path) -> Row:
    """Seconds from the start of the command to the first logged step."""
    taken = []
    for turn in range(3):
        train_dir = folder / f"run-{turn}"
        command = [
            sys.executable, "-m", "imagenet_tools", "train", "--data", str(data), "--train-dir",
            str(train_dir), "--recipe", "slim", "--max-number-of-steps", "2",
            "--log-every-n-steps", "1",
        ]  # fmt: skip
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            metrics = train_dir / "metrics.jsonl"
            while not (metrics.exists() and metrics.read_text().count("\n")):
                time.sleep(0.02)
            taken.append(time.perf_counter() - start)
    seconds = statistics.median(taken)
    name = "train: start to the first step at batch 32, imports included"
    return Row(name, {"seconds": seconds}, "s", seconds, "<= 8 s", seconds <= 8)


def input_row(data: Path, pipeline: str) -> Row:
    """What reading and preprocessing adds to a step: with the stream against one batch kept."""
    import tensorflow as tf

    from imagenet_tools import nets, registry
    from imagenet_tools.training import batches, recipes
    from imagenet_tools.training.step import Trainer

    recipe = recipes.recipe("slim", batch_size=BATCH)
    net = nets.create("alexnet_v2", 1001, 224)
    trainer = Trainer(net, recipe, images=200, steps=1000)
    stream = iter(
        batches.batches(
            data, "train", registry.get(pipeline), batch_size=BATCH, image_size=224,
            is_training=True,
        )
    )  # fmt: skip
    kept = next(stream)
    rate, number = tf.constant(0.001), tf.constant(1)

    def seconds_of(steps: int, streamed: bool) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            batch = next(stream) if streamed else kept
            trainer.step(batch["image"], batch["label"], rate, number).numpy()
        return (time.perf_counter() - start) / steps

    seconds_of(3, True)
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(5):
        for streamed in taken:
            # The stream works ahead while the kept batch is trained on; let it fill first.
            time.sleep(0.5)
            taken[streamed].append(seconds_of(8, streamed))
    alone, whole = (statistics.median(taken[streamed]) for streamed in (False, True))
    share = (whole - alone) / whole
    figures = {"step from memory": alone, "step with input": whole}
    name = f"input's share of a training step, {pipeline}, 224 px, batch {BATCH}"
    return Row(name, figures, "s", share, "<= 0.1", share <= 0.1, "natural-size JPEGs, 2 cores")


def memory_row(batch: int) -> Row:
    """Peak resident memory of three training steps, in MiB; the ratio is tf_slim's over ours."""
    peaks = {}
    for name, maker, arguments in (
        ("tf_slim", "slim_step", f"{batch}"),
        ("imgtools", "our_step", f"224, {batch}"),
    ):
        program = MEMORY.format(maker=maker, arguments=arguments)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        peaks[name] = float(done.stdout.split()[-1])
    return ratio_row(
        f"peak memory of training, 224 px, batch {batch}", peaks, unit="MiB", candidate="imgtools",
        baseline="tf_slim", at_most=1.0,
    )  # fmt: skip
