"""Kill -9 while a build runs, then the same command again: nothing lost, nothing done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_raw import contents, make_many
from waiting import PATIENCE, wait_for

SHARDS = 40


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 files: enough work to be killed in the midst of it."""
    return make_many(tmp_path_factory.mktemp("raw"), 380, 20)


def start(images: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "imagenet_tools", "build-tfrecords"]
    command += ["--raw", str(images), "--out", str(out), "--workers", "2", "--verify", "decode"]
    command += ["--train-shards", str(SHARDS), "--validation-shards", "4"]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finished(out: Path) -> dict[str, tuple[int, int]]:
    """Shards in place: name -> inode and time of writing."""
    stats = {path.name: path.stat() for path in out.glob("[tv]*-of-*")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def killed(images: Path, out: Path, draw: random.Random) -> bool:
    """Start or resume a build and kill it at a random moment; False where it was quicker."""
    before = finished(out)
    process = start(images, out)
    wanted = len(before) + draw.randrange(0, 4)
    wait_for(
        lambda: process.poll() is not None or len(finished(out)) >= wanted,
        f"shard {wanted} of {SHARDS + 4}",
    )
    time.sleep(draw.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Workers must not outlive their parent: they would write beside the next run.
    wait_for(lambda: group_is_gone(process.pid), "the workers to die")
    assert process.stderr is not None
    process.stderr.close()
    now = finished(out)
    assert {name: now[name] for name in before} == before
    return process.returncode == -signal.SIGKILL


def complete(images: Path, out: Path, whole: dict[str, bytes]) -> None:
    """Finish a build: what was there stays untouched, and all bytes are those of one run."""
    before = finished(out)
    process = start(images, out)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    now = finished(out)
    assert {name: now[name] for name in before} == before
    assert contents(out) == whole


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    process = start(images, out)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    return contents(out)


def test_three_kills(images: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    draw = random.Random(0)
    assert sum(killed(images, tmp_path, draw) for _ in range(3)) >= 2
    complete(images, tmp_path, whole)


@pytest.mark.slow
def test_twenty_kills(images: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    """As many builds as it takes to be killed twenty times."""
    draw = random.Random(100)
    left = 20
    for number in range(10):
        out = tmp_path / str(number)
        while left and killed(images, out, draw):
            left -= 1
        complete(images, out, whole)
    assert left == 0


def test_a_second_run_leaves_the_first_alone(
    images: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    first = start(images, tmp_path)
    wait_for(lambda: finished(tmp_path), "the first shard")
    os.killpg(first.pid, signal.SIGSTOP)  # or it might end before the second is there
    try:
        second = start(images, tmp_path)
        _, error = second.communicate(timeout=PATIENCE)
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode == 1 and b"another imgtools run is writing here" in error
    _, error = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, error
    assert contents(tmp_path) == whole


def test_control_c_says_how_to_resume(
    images: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(images, tmp_path)
    wait_for(lambda: len(finished(tmp_path)) >= 2, "the second shard")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, error
    message = error.decode()
    assert "To resume: imgtools build-tfrecords" in message and "Traceback" not in message
    assert not list(tmp_path.glob(".tmp-*"))
    complete(images, tmp_path, whole)
