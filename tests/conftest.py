"""Fixtures that several tests share."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faulty_store import Proxy

# Before TensorFlow is imported anywhere: its start-up chatter hides what a test prints.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# As imgtools does, which a test may come before: TensorFlow asks once.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# gcsfs would ask Google, and for credentials, what kind of bucket it has before it.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

import pytest
import warm_python as warm_python_file
from click.testing import CliRunner

SHARED = Path(os.environ.get("IMGTOOLS_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What is imported meanwhile stays, and need not be gone through for garbage, then or later."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and TF-Slim's own outputs; skips where it is absent."""
    if not (SHARED / "golden").is_dir():
        pytest.skip(f"{SHARED} is absent: TF-Slim's outputs and the real images are not here")
    return SHARED


@pytest.fixture(scope="session")
def server() -> Iterator[Proxy]:
    """An S3 server on loopback behind a proxy that can fail; see faulty_store.bucket."""
    pytest.importorskip("s3fs", reason="the extra [cloud] is not installed")
    pytest.importorskip("moto.server", reason="moto's S3 server (extra [dev]) is not installed")
    from faulty_store import store

    with store() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A program that is a Python with TensorFlow loaded; see warm_python.py."""
    if not hasattr(os, "pidfd_open"):  # of Linux alone
        yield sys.executable
        return
    folder = tmp_path_factory.mktemp("warm")
    command = [sys.executable, warm_python_file.__file__, str(folder)]
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as server,
    ):
        assert server.stdout and server.stdout.readline() == b"ready\n"
        yield str(folder / "python")


@pytest.fixture
def warm(warm_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test starts by sys.executable is a fork of a Python that has TensorFlow loaded."""
    monkeypatch.setattr(sys, "executable", warm_python)


@pytest.fixture(autouse=True)
def determinism_is_a_tests_own() -> Iterator[None]:
    """A run with --deterministic asks it of the whole process; the next test has not asked."""
    yield
    if "tensorflow.python" in sys.modules:  # and not only its name: tensorflow_version.later
        from tensorflow.python.framework import config

        config.disable_op_determinism()


@pytest.fixture(scope="module", autouse=True)
def plugins_are_a_modules_own() -> Iterator[None]:
    """Plug-ins that a module loads are gone after it; the built-ins stay as they are."""
    from imagenet_tools import registry

    with registry.temporary():
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_synced() -> Iterator[None]:
    """A power cut takes no more than a test: a busy disk takes longer to sync a small file than all
    the rest. What tests start by itself does sync."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def no_figures_for_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of many reports: these files take nearly all of the time of one; the PNGs, beside
    which the page has its own drawings, are empty."""
    from imagenet_tools.comparison.report import drawing

    monkeypatch.setattr(drawing, "for_paper", lambda draw, path: None)
    monkeypatch.setattr(drawing, "png", lambda figure, path: path.write_bytes(b""))


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture(scope="session")
def tiny_net() -> str:
    """The name of a net of some thousand weights; alexnet_v2 at 67 px has 200 MB with its slots."""
    import tiny_net

    assert tiny_net.Tiny
    return "tiny"


@pytest.fixture(scope="session")
def tiny_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of 3 classes: 24 training and 9 validation images."""
    from imagenet_tools import raw, records, synthetic

    folder = tmp_path_factory.mktemp("tiny")
    synthetic.generate(
        folder / "raw", classes=3, train_per_class=8, validation_per_class=3, workers=1
    )
    records.build(raw.detect(folder / "raw"), folder / "records", workers=1, validation_shards=2)
    return folder / "records"
