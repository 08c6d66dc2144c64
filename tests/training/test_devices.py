"""Several devices and several processes: the losses of one, whatever the number."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tiny_net as tiny_net_file

import imagenet_tools
from imagenet_tools.training import devices

# A run in a process of its own: logical devices and clusters are made before anything else.
PROGRAM = """
import sys, tensorflow as tf
data, folder, logical, optimizer = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * logical)
import tiny_net, test_devices
test_devices.train(data, folder, optimizer, logical)
"""
IMPORTED = os.pathsep.join(
    str(Path(tiny_net_file.__file__).parent / one) for one in (".", "training")
)


def train(data: Path, folder: Path, optimizer: str, logical: int) -> None:
    """Four steps on so many devices."""
    recipe = imagenet_tools.recipe(
        "quick", batch_size=8, image_size=67, moving_average_decay=0.9, optimizer=optimizer,
        learning_rate=0.001, warmup_epochs=0.0,
    )  # fmt: skip
    names = [f"CPU:{i}" for i in range(logical)] if logical > 1 else []
    imagenet_tools.train(
        data, folder, preprocessing="alexnet+mixup", model="tiny", recipe=recipe, steps=4, seed=3,
        log_steps=1, device_names=names,
    )  # fmt: skip


def start(data: Path, folder: Path, logical: int, optimizer: str, **more: str) -> subprocess.Popen:
    command = [sys.executable, "-c", PROGRAM, str(data), str(folder), str(logical), optimizer]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": IMPORTED, **more}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def losses(folder: Path) -> list[float]:
    return [
        json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]


def finish(*processes: subprocess.Popen) -> None:
    for process in processes:
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output[-3000:]


def test_two_logical_devices(warm: None, tiny_records: Path, tmp_path: Path) -> None:
    optimizer = "adam"  # has the most slots
    with tf.device("CPU:0"):
        train(tiny_records, tmp_path / "one", optimizer, 1)
    finish(start(tiny_records, tmp_path / "two", 2, optimizer))
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 4
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6 * max(1.0, *one))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.slow
def test_two_processes(tiny_records: Path, tmp_path: Path) -> None:
    finish(start(tiny_records, tmp_path / "one", 1, "momentum"))
    hosts = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = [
        start(
            tiny_records, tmp_path / "both", 1, "momentum",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]  # fmt: skip
    finish(*workers)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "both")
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6 * max(1.0, *one))
    assert (tmp_path / "both" / "model.ckpt-4.index").exists()


# Sums of three numbers and of five on two devices, then of seven on three.
THRICE = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
from imagenet_tools.training import devices
for size, count in (3, 2), (5, 2), (7, 3):
    used = devices.choose([f"CPU:{i}" for i in range(count)])
    step = lambda: tf.reduce_sum(used.sum([tf.ones([size])])[0])
    print(float(tf.function(lambda: used.run(step), autograph=False)()))
"""


def test_runs_of_one_process_have_nets_and_devices_of_their_own(warm: None) -> None:
    done = subprocess.run([sys.executable, "-c", THRICE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["12.0", "20.0", "63.0"]


def test_without_a_cluster_there_is_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    assert devices.choose() == devices.Devices()


def test_a_cluster_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    with pytest.raises(ValueError, match="TF_CONFIG is not understood"):
        devices.choose()
