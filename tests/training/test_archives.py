"""A checkpoint as it is sent: a zip or tar of a run's folder, TF1's format of one file."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools.errors import DamagedData
from imagenet_tools.training import checkpoints

TENSORS = {"net/weights": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with two checkpoints."""
    folder = tmp_path / "run"
    for step in (1, 2):
        checkpoints.write(folder, step, TENSORS)
    (folder / "run.json").write_text('{"run": {"seed": 9}}')
    (folder / "classes.tsv").write_text("1\ta\tb\n")
    (folder / "metrics.jsonl").write_text("{}\n")
    return folder


def zipped(folder: Path, name: str, *others: str) -> Path:
    path = folder.parent / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"run/{file.name}")
            archive.writestr(f"__MACOSX/run/._{file.name}", b"Mac")
            for other in others:
                archive.write(file, f"{other}/{file.name}")
    return path


def tarred(folder: Path, name: str, packed: str = "gz") -> Path:
    path = folder.parent / f"{name}.tar.{packed}"
    with tarfile.open(path, f"w:{packed}") as archive:
        archive.add(folder, arcname="run")
    return path


def in_capitals(folder: Path, name: str) -> Path:
    path = zipped(folder, name)
    return path.rename(path.with_suffix(".ZIP"))


@pytest.mark.parametrize("pack", [zipped, in_capitals, tarred, partial(tarred, packed="xz")])
def test_an_archive_is_the_folder_it_holds(pack: Callable[[Path, str], Path], run: Path) -> None:
    found = checkpoints.read(pack(run, "sent"))
    assert found.step == 2 and Path(found.prefix).name == "model.ckpt-2"
    np.testing.assert_array_equal(found.tensors["net/weights"], TENSORS["net/weights"])
    beside = {path.name for path in Path(found.prefix).parent.iterdir()}
    assert {"run.json", "classes.tsv", "checkpoint", "model.ckpt-1.index"} <= beside
    assert not [name for name in beside if name.startswith("._")]


def test_links_in_a_tar_are_followed_inside(run: Path) -> None:
    """The second name of a file is a link there; outside there is nothing to follow."""
    for ending in (".index", ".data-00000-of-00001"):
        (run / f"best{ending}").hardlink_to(run / f"model.ckpt-2{ending}")
    found = checkpoints.read(tarred(run, "sent"))
    assert Path(found.prefix).name == "model.ckpt-2"
    np.testing.assert_array_equal(found.tensors["net/weights"], TENSORS["net/weights"])
    data = run / "model.ckpt-2.data-00000-of-00001"
    data.rename(run.parent / "elsewhere")
    data.symlink_to(run.parent / "elsewhere")
    with pytest.raises(DamagedData, match="sent.tar.gz is no readable tar .*elsewhere"):
        checkpoints.read(tarred(run, "sent"))


def test_two_folders_in_an_archive_are_named(run: Path) -> None:
    with pytest.raises(FileNotFoundError, match="one each in other, run; unpack it"):
        checkpoints.read(zipped(run, "two", "other"))


def test_an_archive_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(FileNotFoundError, match="is wanted in it, and there is none"):
        checkpoints.read(path)


def test_an_encrypted_zip_is_named(run: Path) -> None:
    path = zipped(run, "secret")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1  # the flag of its first member, in the directory
    path.write_bytes(content)
    with pytest.raises(ValueError, match="secret.zip is encrypted; unpack it with its password"):
        checkpoints.read(path)


@pytest.mark.parametrize("name", ["cut.zip", "cut.tar.gz", "cut.tgz", "cut.tar"])
def test_a_cut_archive_is_damaged_data(name: str, run: Path) -> None:
    path = run.parent / name
    whole = zipped(run, "whole") if name.endswith("zip") else tarred(run, "whole")
    path.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(DamagedData, match=f"{name} is no readable"):
        checkpoints.read(path)


@pytest.mark.parametrize("ending", ["bzip2.zip", "lzma.zip", "tar.xz", "tar.bz2"])
def test_an_archive_with_another_byte_is_damaged_data(ending: str, tmp_path: Path) -> None:
    """Each way of packing has an error of its own."""
    path, rng = tmp_path / f"sent.{ending}", np.random.default_rng(0)
    (tmp_path / "model.ckpt-1.index").write_bytes(b"".join(rng.choice([b"ab", b"ba"], 50_000)))
    if ending.endswith("zip"):
        method = {"bzip2.zip": zipfile.ZIP_BZIP2, "lzma.zip": zipfile.ZIP_LZMA}[ending]
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.write(tmp_path / "model.ckpt-1.index", "model.ckpt-1.index")
    else:
        with tarfile.open(path, f"w:{ending[4:]}") as tar:
            tar.add(tmp_path / "model.ckpt-1.index", arcname="model.ckpt-1.index")
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(DamagedData, match=f"sent.{ending} is no readable"):
        checkpoints.resolve(path)


@pytest.mark.parametrize("packed", [False, True])
def test_tf1s_format_of_one_file(packed: bool, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    folder = tmp_path / "net_2016_08_28"
    folder.mkdir()
    with tf.Graph().as_default(), v1.Session() as session:
        value = TENSORS["net/weights"]
        variable = v1.get_variable("net/weights", initializer=value, use_resource=False)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver([variable], write_version=1)
        saver.save(session, str(folder / "net.ckpt"), write_meta_graph=False, write_state=False)
    found = checkpoints.read(tarred(folder, "net") if packed else folder / "net.ckpt")
    assert found.step == 0 and list(found.tensors) == ["net/weights"]
    np.testing.assert_array_equal(found.tensors["net/weights"], value)


def test_a_copy_of_a_checkpoint_is_left_alone(run: Path) -> None:
    for ending in (".index", ".data-00000-of-00001"):
        (run / f"model.ckpt-best{ending}").write_bytes((run / f"model.ckpt-1{ending}").read_bytes())
    (run / "checkpoint").unlink()
    assert checkpoints.latest(run) == str(run / "model.ckpt-2")
    checkpoints.write(run, 3, TENSORS, keep=1)
    names = sorted(path.name for path in run.glob("*.index"))
    assert names == ["model.ckpt-3.index", "model.ckpt-best.index"]
    assert checkpoints.read(run / "model.ckpt-best").step == 1
