"""Ray as the engine: the bytes and verdicts of the local one, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_raw import contents, make_many, make_raw
from waiting import PATIENCE, wait_for

from imagenet_tools import raw, records, storage
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import Unfinished
from imagenet_tools.records import journal
from imagenet_tools.records.shard import ShardResult, ShardTask, build_shard

ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'imgtools[ray]'")
from imagenet_tools.engines import ray_cluster  # noqa: E402

SHARDS = 30


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No reports over the network, no colours, and nothing left running."""
    kept = dict(os.environ)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
    yield
    ray.shutdown()
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_many(tmp_path_factory.mktemp("raw"), 300, 10, width=320, height=240)


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    settings = records.Settings(verify="decode")
    records.build(raw.detect(images), out, train_shards=SHARDS, workers=1, settings=settings)
    return contents(out)


@contextmanager
def node(cores: int) -> Iterator[Any]:
    """A cluster of one node, of so many cores, on this machine."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": cores})
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One node, for tests that leave it as it is: a cluster takes seconds to start."""
    with node(2) as found:
        yield found


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster of the test's own, which may be given nodes and lose them."""
    with node(1) as found:
        yield found


def driver(images: Path, out: Path, address: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "imagenet_tools", "build-tfrecords", "--raw", str(images)]
    command += ["--out", str(out), "--verify", "decode", "--train-shards", str(SHARDS)]
    command += ["--engine", "ray", "--address", address]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in out.glob("[tv]*-of-*")}


def workers(task: bytes = b"build_shard") -> list[int]:
    """Processes of Ray that do such a task now."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cmdline").read_bytes().startswith(b"ray::" + task):
                found.append(int(place.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_a_worker_and_a_node_are_lost_in_a_build(
    images: Path, whole: dict[str, bytes], tmp_path: Path, nodes: Any
) -> None:
    second = nodes.add_node(num_cpus=1)
    process = driver(images, tmp_path, nodes.address)
    wait_for(lambda: len(done(tmp_path)) >= 3, "three shards")
    wait_for(workers, "a worker")
    for pid in workers()[:1]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(done(tmp_path)) >= 8, "eight shards")
    nodes.remove_node(second, allow_graceful=False)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert contents(tmp_path) == whole


def test_the_driver_is_killed_in_a_build(
    images: Path, whole: dict[str, bytes], tmp_path: Path, cluster: Any
) -> None:
    process = driver(images, tmp_path, cluster.address)
    wait_for(lambda: len(done(tmp_path)) >= 5, "five shards")
    process.kill()
    process.communicate()
    wait_for(lambda: not workers(), "the driver's tasks to end")
    before = done(tmp_path)
    assert 5 <= len(before) < SHARDS
    process = driver(images, tmp_path, cluster.address)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    after = done(tmp_path)
    assert {name: after[name] for name in before} == before  # not done twice
    assert contents(tmp_path) == whole


def test_paths_are_those_of_the_driver(
    images: Path, whole: dict[str, bytes], tmp_path: Path, cluster: Any
) -> None:
    """Workers start in the cluster's folder, not in the driver's."""
    (tmp_path / "raw").symlink_to(images)
    command = [sys.executable, "-m", "imagenet_tools", "build-tfrecords", "--raw", "raw"]
    command += ["--out", "out", "--train-shards", str(SHARDS)]
    command += ["--engine", "ray", "--address", cluster.address]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    shards = {name for name in whole if "-of-" in name}
    found = contents(tmp_path / "out")
    assert {name: found[name] for name in shards} == {name: whole[name] for name in shards}


@pytest.mark.slow
def test_records_go_into_a_store(server: Any, tmp_path: Path) -> None:
    """No disk is common to the nodes: each stages in a folder of its own, and a worker is lost."""
    from faulty_store import bucket
    from ray.cluster_utils import Cluster

    folder, shards = make_raw(tmp_path / "raw", train=40), {"train_shards": 20}
    records.build(raw.detect(folder), tmp_path / "local", workers=1, **shards)
    caches = [tmp_path / name for name in ("driver", "head", "second")]
    with bucket(server, "ray", caches[0]) as fs:
        fs.put(str(folder), "ray/raw", recursive=True)
        node = {"num_cpus": 1, "env_vars": {**os.environ, storage.CACHE: str(caches[1])}}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        try:
            cluster.add_node(**{**node, "env_vars": {**os.environ, storage.CACHE: str(caches[2])}})
            command = [sys.executable, "-m", "imagenet_tools", "build-tfrecords"]
            command += ["--raw", "s3://ray/raw", "--out", "s3://ray/records"]
            command += ["--train-shards", "20", "--engine", "ray", "--address", cluster.address]
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            wait_for(lambda: len(fs.glob("ray/records/train-*")) >= 2, "two shards")
            wait_for(workers, "a worker")
            for pid in workers()[:1]:
                os.kill(pid, signal.SIGKILL)
            _, error = process.communicate(timeout=PATIENCE)
        finally:
            cluster.shutdown()
        assert process.returncode == 0, error
        root = "ray/records/"
        found = {name.removeprefix(root): fs.cat_file(name) for name in fs.find(root)}
        found.pop(".imgtools-sources")  # the raw files' times, which are not alike
        fs.rm("ray", recursive=True)
    assert found == contents(tmp_path / "local")
    assert all((cache / "staging").is_dir() for cache in caches)
    left = [path for cache in caches for path in cache.rglob("*-of-*") if path.is_file()]
    assert len(left) <= 1 and all(path.name.startswith(".tmp-") for path in left)  # the killed


def test_errors_are_the_tasks_own(cluster: Any) -> None:
    def fail(number: int) -> int:
        raise OSError(28, f"no room for {number}")

    with ray_cluster.connected(cluster.address):
        ((task, outcome),) = ray_cluster.run(fail, [7], 1)
        assert task == 7
        with pytest.raises(OSError, match="no room for 7"):
            outcome()


def test_short_tasks_share_messages(cluster: Any) -> None:
    def which(number: int) -> tuple[int, str]:
        time.sleep(0.001)
        if number % 10 == 3:
            raise ValueError(f"task {number}")
        return number, ray.get_runtime_context().get_task_id()

    messages: dict[str, list[int]] = {}
    with ray_cluster.connected(cluster.address):
        seen = []
        for task, outcome in ray_cluster.run(which, range(500), 2):
            seen.append(task)
            if task % 10 == 3:
                with pytest.raises(ValueError, match=f"^task {task}$"):
                    outcome()
            else:
                number, message = outcome()
                assert number == task
                messages.setdefault(message, []).append(number)
    assert sorted(seen) == list(range(500))
    sizes = [len(numbers) for numbers in messages.values()]
    assert sizes[0] == 1 and max(sizes) > 50  # long ones
    assert sizes[-1] == 1  # and short ones at the end


def test_how_many_tasks_a_message_takes() -> None:
    found = [ray_cluster._next_size(*each) for each in ((1, 0.1), (8, 0.8), (16, 1.6), (16, 4.0))]
    assert found == [2, 16, 20, 8]
    assert ray_cluster._next_size(1, 600.0) == ray_cluster._next_size(3, 600.0) == 1


@pytest.mark.slow
def test_a_repeated_message_writes_no_shard_twice(images: Path, tmp_path: Path) -> None:
    mark, log = tmp_path / "died", tmp_path / "log"

    def dies_once(task: ShardTask) -> ShardResult:
        """Note each shard that is written; die once, at the second shard of a message."""
        message = ray.get_runtime_context().get_task_id()
        if not mark.exists() and log.exists() and message in log.read_text():
            mark.write_text(message)
            os._exit(1)
        result = build_shard(task)
        with open(log, "a", encoding="ascii") as file:
            file.write(f"{os.path.basename(task.path)} {message}\n")
        return result

    def engine(_: Any, tasks: Any, workers: int) -> Any:
        return ray_cluster.run(partial(journal.once, dies_once), tasks, workers)  # as a build does

    out = tmp_path / "out"
    with ray_cluster.connected(None, 1):
        records.build(raw.detect(images), out, train_shards=SHARDS, engine=engine, workers=1)
    lines = [line.split() for line in log.read_text().splitlines()]
    assert sorted(name for name, _ in lines) == sorted(path.name for path in out.glob("*-of-*"))
    assert sum(message == mark.read_text() for _, message in lines) > 1  # it was sent again


def test_a_task_that_is_always_lost_is_named(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "RETRIES", 0)
    with ray_cluster.connected(cluster.address):
        ((_, outcome),) = ray_cluster.run(lambda _: os._exit(1), [0], 1)
        with pytest.raises(Unfinished, match="a task was lost"):
            outcome()


def test_no_cluster_is_one_line(images: Path, tmp_path: Path) -> None:
    process = driver(images, tmp_path, "127.0.0.1:1")
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "Error: no Ray cluster answers at 127.0.0.1:1" in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_comparison_is_that_of_the_local_engine(tiny_records: Path, tmp_path: Path) -> None:
    """One run, to the bit."""
    from imagenet_tools.comparison import arms, on_ray, run_files
    from imagenet_tools.comparison.plan import make_plan
    from imagenet_tools.comparison.plan_file import write_plan
    from imagenet_tools.evaluation import scores

    made = make_plan(
        ("alexnet", "inception"), tiny_records, seeds=1, matrix=False, image_size=67,
        changes={"batch_size": 8, "epochs": 2.0, "image_size": 67},
    )  # fmt: skip
    for name in ("local", "ray"):
        write_plan(made, tmp_path / name)
    first = Slice(0, 2)
    arms.run_all(made, tmp_path / "local", tiny_records, part=first)
    with ray_cluster.connected(None, 2) as connection:
        launch, jobs = on_ray.launcher(connection, str(tiny_records), None, ())
        assert jobs == 1
        arms.run_all(made, tmp_path / "ray", tiny_records, launch=launch, jobs=jobs, part=first)
    found, arm = [], made.arms[0]
    for name in ("local", "ray"):
        own = run_files.run_folder(tmp_path / name, arm.slug, 1)
        result = json.loads((own / run_files.RESULT).read_text())
        assert result["training"]["steps"] == 6
        predictions, _ = scores.read_predictions(own / run_files.predictions_file(arm.slug))
        found.append(predictions.probability)
    np.testing.assert_array_equal(found[0], found[1])


def at_work(folder: Path) -> bool:
    """Is any process training in this folder?"""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if b"comparison.worker" in line and os.fsencode(folder) in line:
            return True
    return False


def comparison(data: Path, out: Path, *options: str) -> list[str]:
    """The command of a small comparison of two runs, half a minute each."""
    command = [sys.executable, "-m", "imagenet_tools", "compare-preproc", "alexnet", "inception"]
    command += ["--data", str(data), "--out", str(out), "--seeds", "1", "--no-matrix"]
    return [*command, "--image-size", "67", "--epochs", "100", *options]


def probabilities(out: Path) -> dict[str, Any]:
    """Every predictions file of a comparison."""
    from imagenet_tools.evaluation import scores

    found = {str(path.relative_to(out)): path for path in out.rglob("predictions*.npz")}
    return {name: scores.read_predictions(path)[0].probability for name, path in found.items()}


@pytest.mark.slow
def test_a_worker_and_a_node_are_lost_in_a_comparison(
    tiny_records: Path, tmp_path: Path, nodes: Any
) -> None:
    second = nodes.add_node(num_cpus=1)
    out = tmp_path / "ray"
    command = comparison(tiny_records, out, "--engine", "ray", "--address", nodes.address)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    begun = [out / arm / "seed-1" / "run.json" for arm in ("alexnet", "inception")]
    wait_for(lambda: all(path.exists() for path in begun), "both runs to begin")
    before = set(workers(b"_start"))
    assert len(before) == 2  # one a node
    os.kill(min(before), signal.SIGKILL)
    wait_for(lambda: len(set(workers(b"_start")) - before) == 1, "the lost run to begin again")
    assert not list(out.rglob("result.json"))
    nodes.remove_node(second, allow_graceful=False)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    local = comparison(tiny_records, tmp_path / "local", "--jobs", "2")  # a core each, as above
    done = subprocess.run(local, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    wanted, found = probabilities(tmp_path / "local"), probabilities(out)
    assert len(wanted) == 2 and found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.slow
def test_the_driver_is_killed_in_a_comparison(tiny_records: Path, tmp_path: Path) -> None:
    """What runs ends with it; the same command finishes, and does no finished run again."""
    command = comparison(tiny_records, tmp_path, "--engine", "ray")
    first, second = tmp_path / "alexnet" / "seed-1", tmp_path / "inception" / "seed-1"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (second / "run.json").exists(), "the second run to begin")
    process.kill()
    process.communicate()
    wait_for(lambda: not at_work(tmp_path), "the driver's run to end")
    result = first / "result.json"
    before = result.stat().st_mtime_ns
    assert not (second / "result.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert result.stat().st_mtime_ns == before
    assert (second / "result.json").exists() and (tmp_path / "report.html").exists()
