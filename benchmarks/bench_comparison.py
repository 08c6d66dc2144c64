"""The cost of a verdict: a whole comparison against its training steps alone, and tf_slim's.

On Imagenette's 6,000 + 1,500 images, alexnet against inception: the quick recipe at 96 px with
three seeds an arm, two epochs at 224 px with one. The recipe there has 90 epochs: what does not
grow with them (start, diagnosis, evaluation, report) weighs far more here than in a real one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench_training import our_step, slim_step
from benchmarks.harness import SHARED, Row, interleave, medians, ratio_row, skipped

IMAGES = SHARED / "data" / "imagenette.tar"
SMALL = ["--seeds", "3"]
LARGE = ["--seeds", "1", "--recipe", "alexnet", "--epochs", "2", "--no-matrix"]  # batch 128, 224 px


@dataclass(frozen=True)
class Cost:
    """A comparison from start to report, in seconds; trained: images, of all runs."""

    seconds: float
    trained: int
    training: float
    evaluation: float
    diagnosis: float

    @property
    def shares(self) -> str:
        rest = self.seconds - self.training - self.evaluation - self.diagnosis
        return (
            f"training {self.training / self.seconds:.0%} of the time, evaluation "
            f"{self.evaluation / self.seconds:.0%}, diagnosis {self.diagnosis / self.seconds:.0%}, "
            f"starts and report {rest / self.seconds:.0%}"
        )


def rows() -> Iterator[Row]:
    if not IMAGES.exists():
        yield skipped("cost of a verdict", f"{IMAGES} is absent")
        return
    steps = interleave({"96 px": our_step(96, 64), "tf_slim": slim_step(32)}, repeats=9)
    step, slim = (medians({name: steps[name]})[name] for name in ("96 px", "tf_slim"))
    with tempfile.TemporaryDirectory() as folder:
        records_of(Path(folder))
        small = comparison(Path(folder), "small", *SMALL)
        large = comparison(Path(folder), "large", *LARGE)
    yield ratio_row(
        "from start to report, 2 arms x 3 seeds at 96 px, against the training steps alone",
        {"comparison": small.seconds, "steps alone": small.trained / 64 / step}, unit="s",
        candidate="comparison", baseline="steps alone", at_most=1.1,
        note=small.shares,
    )  # fmt: skip
    yield against_slim("images trained a second at 96 px, start to report", small, slim, 10)
    yield ratio_row(
        "images trained a second at 224 px with their input, against tf_slim's step without",
        {"comparison": large.trained / large.training, "tf_slim": 32 * slim}, unit="images/s",
        candidate="comparison", baseline="tf_slim", at_least=1.8, note="batch 128 against 32",
    )  # fmt: skip
    yield against_slim(
        "images trained a second at 224 px, start to report", large, slim, 1.8,
        note=f"one seed an arm, two epochs; {large.shares}",
    )  # fmt: skip


def against_slim(name: str, cost: Cost, slim: float, least: float, note: str = "") -> Row:
    return ratio_row(
        f"{name}, against tf_slim's step at 224 px",
        {"comparison": cost.trained / cost.seconds, "tf_slim": 32 * slim}, unit="images/s",
        candidate="comparison", baseline="tf_slim", at_least=least, note=note,
    )  # fmt: skip


def records_of(folder: Path) -> None:
    from imagenet_tools import raw, records

    with tarfile.open(IMAGES) as archive:
        archive.extractall(folder / "raw", filter="data")
    found = raw.detect(folder / "raw" / "imagenette", labels="folders")
    records.build(found, folder / "records", workers=2)


def comparison(folder: Path, name: str, *options: str) -> Cost:
    """Compare from records that are there, and say what it cost."""
    out = folder / name
    command = [sys.executable, "-m", "imagenet_tools", "compare-preproc", "alexnet", "inception"]
    command += ["--data", str(folder / "records"), "--out", str(out), *options]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    runs: list[dict[str, Any]] = [
        json.loads(path.read_text()) for path in out.glob("*/seed-*/result.json")
    ]
    diagnosed = (out / "diagnosis.json").stat().st_mtime
    return Cost(
        seconds=seconds,
        trained=sum(run["training"]["images"] for run in runs),
        training=sum(run["training"]["seconds"] for run in runs),
        evaluation=sum(e["seconds"] for run in runs for e in run["evaluations"].values()),
        diagnosis=diagnosed - (out / "plan.json").stat().st_mtime,
    )
