"""Raw data and records at gs://: an emulator of Google's store on loopback, and one that fails."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_raw import contents, make_raw

from imagenet_tools import raw, records, storage
from imagenet_tools.cli.main import run
from imagenet_tools.errors import Unfinished
from imagenet_tools.storage import stores

pytest.importorskip("gcsfs", reason="the extra [cloud] is not installed")
pytest.importorskip("gcp_storage_emulator", reason="the emulator (extra [dev]) is not installed")
from faulty_store import Proxy, Request, google_bucket, google_store

SHARDS = {"train_shards": 4, "validation_shards": 2}


@pytest.fixture(scope="module")
def google() -> Iterator[Proxy]:
    with google_store() as proxy:
        yield proxy


@pytest.fixture
def gs(google: Proxy, tmp_path: Path) -> Iterator[Any]:
    """The file system of a new bucket, `gs.own`."""
    name = f"bucket-{hashlib.md5(str(tmp_path).encode()).hexdigest()[:10]}"
    with google_bucket(google, name, tmp_path / "cache") as fs:
        fs.own = name
        yield fs


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("images"), train=4, validation=2)


@pytest.fixture(scope="module")
def built(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    records.build(raw.detect(images), out, workers=1, **SHARDS)
    return out


def stored(gs: Any, folder: str = "records") -> dict[str, bytes]:
    """Every object below a folder, but the times of raw files (as `contents`)."""
    root = f"{gs.own}/{folder}/"
    names = [name for name in gs.find(root) if not name.endswith("/.imgtools-sources")]
    return {name.removeprefix(root): gs.cat_file(name) for name in names}


def test_a_build_has_the_bytes_of_a_local_one(
    gs: Any, images: Path, built: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gs.put(str(images), f"{gs.own}/raw", recursive=True)
    out = f"gs://{gs.own}/records"
    command = ["build-tfrecords", "--raw", f"gs://{gs.own}/raw", "--out", out, "--workers", "1"]
    command += ["--train-shards", "4", "--validation-shards", "2"]
    assert run(command) == 0
    assert stored(gs) == contents(built)
    assert run(command) == 0
    assert "it was complete already" in capfd.readouterr().out
    assert run(["verify-tfrecords", out, "--workers", "1"]) == 0
    assert "12 train, 6 validation records read, nothing wrong" in capfd.readouterr().out
    assert [Path(path).read_bytes() for path in records.shard_paths(out, "train")] == [
        path.read_bytes() for path in sorted(built.glob("train-*"))
    ]


def test_killed_in_the_midst_of_uploads_and_resumed(
    gs: Any, google: Proxy, images: Path, built: Path
) -> None:
    """kill -9 while an upload is on its way; the same command then does only what is missing."""
    command = ["build-tfrecords", "--raw", str(images), "--out", f"gs://{gs.own}/records"]
    command += ["--workers", "2"]
    command += ["--train-shards", "4", "--validation-shards", "2"]
    shards = {path.name for path in built.glob("*-of-*")}
    reached, copied = threading.Event(), []

    def slowly(request: Request) -> str | None:
        name = placed(request)
        if name in shards:
            copied.append(name)
            if len(copied) > 2:
                reached.set()
                return "slow"
        return None

    google.fault = slowly
    program = [sys.executable, "-m", "imagenet_tools", *command]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(program, start_new_session=True, **quiet)
    assert reached.wait(600)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.3)  # what the server had begun
    google.reset()
    before = set(stored(gs)) & shards
    assert len(before) >= 2 and records.NAME not in stored(gs)
    assert run(command) == 0
    assert not {placed(request) for request in google.requests} & before
    assert stored(gs) == contents(built)


def placed(request: Request) -> str:
    """The final name that a request gives an object: a copy inside the store."""
    copied = request.key.partition("/rewriteTo/")[2] or request.key.partition("/copyTo/")[2]
    return copied.rpartition("/")[2] if ".imgtools-journal" not in copied else ""


@pytest.mark.parametrize(
    "fault",
    [
        # Tried again as S3's are: tests/storage/test_storage_s3.py.
        *(pytest.param(fault, marks=pytest.mark.slow) for fault in ("refuse", "drop")),
        *("lose", "shorten", "mangle"),
    ],
)
def test_a_build_survives_a_failing_store(
    fault: str, gs: Any, google: Proxy, images: Path, built: Path
) -> None:
    gs.put(str(images), f"{gs.own}/raw", recursive=True)
    met: list[Request] = []

    def sometimes(request: Request) -> str | None:
        meant = {
            "shorten": request.method == "GET" and "/raw/" in request.key,
            "mangle": request.key.startswith("upload/") and request.sent > 2000,
        }
        if not meant.get(fault, True):
            return None
        met.append(request)
        return fault if len(met) % 5 == 1 else None

    google.fault = sometimes
    found = raw.detect(f"gs://{gs.own}/raw")
    records.build(found, f"gs://{gs.own}/records", workers=1, **SHARDS)
    google.reset()
    assert len(met) >= 5
    left = {name: data for name, data in stored(gs).items() if ".tmp-" not in name}
    whole = {name: one for name, one in left.items() if name != ".imgtools-sources"}
    assert whole == contents(built)


def test_what_arrives_mangled_gets_no_name(
    gs: Any, google: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's MD5 of what arrived is compared; what stood there before stays."""
    monkeypatch.setattr(stores, "TRIES", 2)
    gs.pipe_file(f"{gs.own}/x", b"what was there")
    (tmp_path / "x").write_bytes(bytes(5000))
    google.fault = lambda request: "mangle" if request.key.startswith("upload/") else None
    with pytest.raises(Unfinished, match="the bytes that arrived are not those that were sent"):
        storage.publish(tmp_path / "x", f"gs://{gs.own}/x")
    google.reset()
    assert gs.cat_file(f"{gs.own}/x") == b"what was there"
    assert gs.find(gs.own) == [f"{gs.own}/x"]
