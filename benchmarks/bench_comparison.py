"""The cost of a verdict: a whole comparison against its training steps alone.

On Imagenette's 6,000 + 1,500 images, the quick recipe at 96 px, alexnet against inception. One
seed an arm: what happens once (diagnosis, report) weighs three times what it does at three seeds,
so the ratio is an upper bound of theirs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench_training import our_step, slim_step
from benchmarks.harness import Row, interleave, medians, ratio_row, skipped

SHARED = Path(os.environ.get("IMGTOOLS_SHARED", Path(__file__).parents[2] / "shared"))
IMAGES = SHARED / "data" / "imagenette.tar"


def rows() -> Iterator[Row]:
    if not IMAGES.exists():
        yield skipped("cost of a verdict", f"{IMAGES} is absent")
        return
    steps = interleave({"96 px": our_step(96, 64), "tf_slim": slim_step(32)}, repeats=9)
    step, slim = (medians({name: steps[name]})[name] for name in ("96 px", "tf_slim"))
    with tempfile.TemporaryDirectory() as folder:
        seconds, trained = comparison(Path(folder))
    alone = trained / 64 / step
    yield ratio_row(
        "from start to report, 2 arms, against the training steps alone",
        {"comparison": seconds, "steps alone": alone}, unit="s", candidate="comparison",
        baseline="steps alone", at_most=1.3, note="one seed an arm: an upper bound",
    )  # fmt: skip
    yield ratio_row(
        "images trained a second, start to report, against tf_slim's step at 224 px",
        {"comparison": trained / seconds, "tf_slim": 32 * slim}, unit="images/s",
        candidate="comparison", baseline="tf_slim", at_least=10,
    )  # fmt: skip


def comparison(folder: Path) -> tuple[float, int]:
    """Compare from records that are there; returns the seconds and the images trained."""
    from imagenet_tools import raw, records

    with tarfile.open(IMAGES) as archive:
        archive.extractall(folder / "raw", filter="data")
    found = raw.detect(folder / "raw" / "imagenette", labels="folders")
    records.build(found, folder / "records", workers=2)
    command = [sys.executable, "-m", "imagenet_tools", "compare-preproc", "alexnet", "inception"]
    command += ["--data", str(folder / "records"), "--out", str(folder / "out"), "--seeds", "1"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    content = json.loads((folder / "out" / "report.json").read_text())
    plan = content["plan"]
    epochs, size = plan["recipe"]["epochs"], plan["recipe"]["batch_size"]
    return seconds, 2 * round(epochs * plan["train_images"] / size) * size
