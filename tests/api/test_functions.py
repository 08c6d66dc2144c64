"""The commands as functions, in a plain script: no `__main__` guard, no chatter, typed results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imagenet_tools

SCRIPT = """
import sys
import imagenet_tools

sys.path.append("TESTS")
print("begun")
manifest = imagenet_tools.build_tfrecords("raw", "records", workers=3)
print(sum(split.records for split in manifest.splits.values()))
report = imagenet_tools.verify_tfrecords("records", workers=3)
print(len(report.problems))
print(imagenet_tools.inspect("records").layout)
print(len(imagenet_tools.open_records("records")))
print("tensorflow" in sys.modules)
recipe = imagenet_tools.recipe("quick", batch_size=8, image_size=32)
train = imagenet_tools.train
import tiny_net
print(train("records", "run", preprocessing="alexnet", recipe=recipe, steps=2, model="tiny").steps)
print(imagenet_tools.evaluate("records", "run").n)
"""


def test_they_work_in_a_plain_script(tmp_path: Path) -> None:
    """Three workers are made, and none of them runs the script again."""
    from imagenet_tools import synthetic

    synthetic.generate(
        tmp_path / "raw", classes=3, train_per_class=8, validation_per_class=3, workers=1
    )
    script = SCRIPT.replace("TESTS", str(Path(__file__).parents[1]))
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == ["begun", "33", "0"]
    assert lines[4:] == ["24", "False", "2", "9"]
    assert "oneDNN" not in done.stderr and "cuda" not in done.stderr.lower()


def test_every_name_is_there() -> None:
    for name in imagenet_tools.__all__:
        if name != "__version__":
            assert callable(getattr(imagenet_tools, name)), name


def test_a_pipeline_gives_what_it_is_given_arrays_or_tensors() -> None:
    import tensorflow as tf

    pipeline = imagenet_tools.get_preprocessing("alexnet")
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    found = pipeline(pixels, (40, 50), is_training=True, seed=(1, 2))
    assert isinstance(found, np.ndarray) and found.dtype == np.float32
    wanted = pipeline.preprocess_image(pixels, 40, 50, True, seed=(1, 2))
    np.testing.assert_array_equal(found, wanted)
    (mapped,) = tf.data.Dataset.from_tensors(pixels).map(lambda image: pipeline(image, 32))
    np.testing.assert_allclose(mapped, pipeline(pixels, 32), atol=1e-3)
    assert mapped.shape == (32, 32, 3)
    square = pipeline(pixels, 32)
    for size in (np.int64(32), [32, 32], np.array([32, 32]), tf.TensorShape([32, 32])):
        np.testing.assert_array_equal(pipeline(pixels, size), square)
    for seed in ([1, 2], np.array([1, 2], np.uint64), tf.constant([1, 2]), [tf.constant(1), 2]):
        again = pipeline(pixels, (40, 50), is_training=True, seed=seed)
        np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("size", ["16", 16.0, (16.0, 24), (16,), (1, 2, 3), None, 0, (16, -1)])
def test_a_size_that_is_none_is_refused(size: Any) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="must be two whole numbers above 0"):
        imagenet_tools.get_preprocessing("alexnet")(pixels, size)


@pytest.mark.parametrize("seed", [5, (1,), (1, 2, 3), (1.0, 2.0), "ab", (2**31, 0), (0, 2**64)])
def test_a_seed_that_is_none_or_would_be_anothers_is_refused(seed: Any) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="a seed is two whole numbers of 32 bits"):
        imagenet_tools.get_preprocessing("alexnet")(pixels, 16, is_training=True, seed=seed)
