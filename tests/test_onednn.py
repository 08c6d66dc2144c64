"""TensorFlow computes with oneDNN where it would not by itself, unless it is told not to."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from imagenet_tools import tensorflow_version

# The kernels of a convolution as they run, after TensorFlow has rewritten its graph.
PROGRAM = """
from imagenet_tools import tensorflow_version
tensorflow_version.load()
import tensorflow.compat.v1 as tf
with tf.Graph().as_default(), tf.Session() as session:
    image = tf.random.uniform([1, 8, 8, 3])
    options = tf.RunOptions(output_partition_graphs=True)
    ran = tf.RunMetadata()
    session.run(tf.nn.conv2d(image, tf.random.uniform([3, 3, 3, 4]), 1, "SAME"), None, options, ran)
print({node.op for graph in ran.partition_graphs for node in graph.node if "Conv2D" in node.op})
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN's kernels of x86")
@pytest.mark.parametrize(
    ("asked", "kernels"),
    [({}, "{'_MklNativeConv2D'}"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "{'Conv2D'}")],
    ids=["by default", "asked not to"],
)
def test_kernels(asked: dict[str, str], kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.delenv(tensorflow_version.LOG_LEVEL, raising=False)
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")  # nor does TensorFlow say that it loads
    assert done.stdout.strip() == kernels
