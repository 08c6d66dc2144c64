"""The registry inside TF-Slim: what slim-run adds to a script's start, and to a training step.

The step needs a TF-Slim checkout (research/slim) at $SLIM_DIR.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench_runs import records_in
from benchmarks.harness import SAMPLE, Row, interleave, ratio_row, skipped

# A folder of TF-Slim's shape, whose script does what TF-Slim's do at their start and no more.
FILES = {
    "train_image_classifier.py": """
import tensorflow.compat.v1 as tf
import tf_slim as slim
from preprocessing import preprocessing_factory
tf.app.flags.DEFINE_string("dataset_dir", None, "records")
tf.app.flags.DEFINE_string("preprocessing_name", None, "pipeline")
tf.disable_v2_behavior()
tf.app.run(lambda _: None)
""",
    "preprocessing/__init__.py": "",
    "preprocessing/preprocessing_factory.py": """
def get_preprocessing(name, is_training=False, use_grayscale=False):
    table = {"none": None}
    if name not in table:
        raise ValueError("no preprocessing called " + name)

    def run(image, output_height, output_width, **kwargs):
        return table[name].preprocess_image(
            image, output_height, output_width, is_training=is_training, **kwargs)

    return run
""",
    "nets/__init__.py": "",
    "nets/nets_factory.py": "",
    "datasets/__init__.py": "",
    "datasets/dataset_factory.py": "",
}
STEPS, BATCH = 20, 32


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        yield start_row(Path(folder))
    name = "training step inside TF-Slim: our alexnet against its own inception"
    slim_dir = os.environ.get("SLIM_DIR")
    if not slim_dir or not SAMPLE.exists():
        yield skipped(name, "$SLIM_DIR names no TF-Slim checkout, or the photographs are absent")
        return
    with tempfile.TemporaryDirectory() as folder:
        yield step_row(name, Path(slim_dir), records_in(Path(folder)), Path(folder))


def start_row(folder: Path) -> Row:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    script = folder / "train_image_classifier.py"
    flags = [f"--dataset_dir={folder}", "--preprocessing_name=alexnet"]
    plain = [sys.executable, str(script), *flags]
    ours = [sys.executable, "-m", "imagenet_tools", "slim-run", str(script), *flags]

    def run(command: list[str]) -> None:
        subprocess.run(command, check=True, capture_output=True)

    taken = interleave({"python": lambda: run(plain), "slim-run": lambda: run(ours)}, repeats=7)
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    added = seconds["slim-run"] - seconds["python"]
    name = "what slim-run adds to the start of a script"
    return Row(name, seconds, "s", added, "<= 1 s", added <= 1)


def step_row(name: str, slim_dir: Path, data: Path, folder: Path) -> Row:
    runs = iter(range(99))

    def seconds_a_step(pipeline: str) -> float:
        """Median over the later steps of a run, as the script itself says."""
        flags = {
            "dataset_dir": data, "dataset_name": "imagenet", "dataset_split_name": "train",
            "model_name": "alexnet_v2", "preprocessing_name": pipeline,
            "train_dir": folder / f"run-{next(runs)}", "max_number_of_steps": STEPS,
            "batch_size": BATCH, "log_every_n_steps": 1, "clone_on_cpu": True,
            "learning_rate": 0.0001, "save_summaries_secs": 99999,
        }  # fmt: skip
        command = [sys.executable, "-m", "imagenet_tools", "slim-run"]
        command += [str(slim_dir / "train_image_classifier.py")]
        command += [f"--{flag}={value}" for flag, value in flags.items()]
        done = subprocess.run(command, capture_output=True, text=True)
        found = re.findall(r"global step \d+: .*?\(([\d.]+) sec/step\)", done.stderr)
        if len(found) < STEPS // 2:
            raise RuntimeError(f"the script stopped early: {done.stderr[-500:]}")
        return statistics.median(float(value) for value in found[5:])

    contenders = {
        "inception": lambda: seconds_a_step("inception"),
        "alexnet": lambda: seconds_a_step("alexnet"),
    }
    taken = interleave(contenders, repeats=3, warmups=0)
    seconds = {pipeline: statistics.median(values) for pipeline, values in taken.items()}
    return ratio_row(
        name, seconds, unit="s", candidate="alexnet", baseline="inception", at_most=1.0,
        note=f"batch {BATCH}, natural-size JPEGs",
    )  # fmt: skip
