"""Builds from hf://: huggingface_hub's own file system before a Hub on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import Hub, hub
from tiny_raw import contents, encoded, picture

from imagenet_tools import raw, records, storage

pytest.importorskip("huggingface_hub", reason="the extra [cloud] is not installed")
writer = pytest.importorskip("pyarrow.parquet", reason="the extra [parquet] is not installed")
REPO = "me/pictures"
URL = f"hf://datasets/{REPO}"
SHARDS = ["--train-shards", "4", "--validation-shards", "2", "--workers", "2"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A parquet data set of 24 and 9 images, ten in a row group; no file is read whole for its
    footer."""
    import pyarrow

    folder = tmp_path / "repository"
    (folder / "data").mkdir(parents=True)
    data = [encoded(picture(seed, 320, 240), quality=95) for seed in range(3)]
    (folder / "README.md").write_text("Pictures.\n")
    for name, count in (("train-00000-of-00002", 12), ("train-00001-of-00002", 12), ("val-0", 9)):
        rows = [{"image": {"bytes": data[i % 3]}, "label": i % 3} for i in range(count)]
        place = folder / "data" / f"{name}.parquet"
        writer.write_table(pyarrow.Table.from_pylist(rows), place, row_group_size=10)
    return folder


@pytest.fixture
def there(pictures: Path) -> Iterator[Hub]:
    with hub(REPO, pictures) as found:
        yield found


def imgtools(there: Hub, cache: Path, *arguments: str) -> subprocess.CompletedProcess:
    """A command of its own process: huggingface_hub takes its address when it is imported."""
    own = {"HF_ENDPOINT": there.url, "HF_HUB_DISABLE_TELEMETRY": "1", storage.CACHE: str(cache)}
    own |= {"HF_HUB_DISABLE_XET": "1", "HF_HOME": str(cache / "hub")}
    command = [sys.executable, "-m", "imagenet_tools", *arguments]
    return subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, timeout=600
    )


def test_a_build_from_a_hub_has_the_bytes_of_a_local_one(
    there: Hub, pictures: Path, tmp_path: Path
) -> None:
    """Each file is fetched once, whole, by whichever worker needs it first."""
    records.build(
        raw.detect(pictures), tmp_path / "local", train_shards=4, validation_shards=2, workers=1
    )
    out = str(tmp_path / "out")
    done = imgtools(
        there, tmp_path / "cache", "build-tfrecords", "--raw", URL, "--out", out, *SHARDS
    )
    assert done.returncode == 0, done.stderr
    assert f"parquet files under {URL}/data: 24 train images, 9 validation images" in done.stderr
    assert f"to be copied to {tmp_path / 'cache'}: 0.001 GB" in done.stderr
    assert contents(tmp_path / "out") == contents(tmp_path / "local")
    for path in pictures.rglob("*.parquet"):
        name, size = path.relative_to(pictures).as_posix(), path.stat().st_size
        assert there.requests.count(f"GET {name} 0-{size - 1}") == 1


def test_what_a_hub_sends_is_checked_by_its_sha256(there: Hub, tmp_path: Path) -> None:
    """A file that comes wrong ends the build; then the same command goes on."""
    name, out = "data/val-0.parquet", str(tmp_path / "out")
    cache, command = tmp_path / "cache", ["build-tfrecords", "--raw", URL, "--out", out, *SHARDS]
    there.mangled.add(name)
    done = imgtools(there, cache, *command)
    assert done.returncode == 3, done.stderr
    assert f"{URL}/{name}: what came is not what the store's digest is of" in done.stderr
    assert not list(cache.rglob("val-0.parquet"))
    there.mangled.clear()
    done = imgtools(there, cache, *command)
    assert done.returncode == 0, done.stderr
    (copy,) = cache.rglob("val-0.parquet")
    assert copy.read_bytes() == (there.folder / name).read_bytes()


def test_what_is_not_there_is_said(there: Hub, tmp_path: Path) -> None:
    done = imgtools(there, tmp_path, "inspect", "hf://datasets/me/nothing")
    assert done.returncode == 2
    assert "hf://datasets/me/nothing: no such file or folder" in done.stderr
