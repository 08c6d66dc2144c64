"""Checkpoints that are damaged, packed, or another net's, and folders that cannot be a run's."""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagenet_tools.training import checkpoints

DATA = ".data-00000-of-00001"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def cut(ending: str, size: int) -> Callable[[Path], Path]:
    """Truncate a file of each checkpoint."""

    def spoil(run: Path) -> Path:
        for path in run.glob(f"model.ckpt-*{ending}"):
            os.truncate(path, size)
        return run

    return spoil


def zipped(*folders: str) -> Callable[[Path], Path]:
    """A zip of the run, under each of these names."""

    def pack(run: Path) -> Path:
        path = run.parent / "sent.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in run.iterdir():
                for folder in folders:
                    archive.writestr(f"{folder}{file.name}", file.read_bytes())
        return path

    return pack


def cut_zip(run: Path) -> Path:
    path = zipped("run/")(run)
    os.truncate(path, 500)
    return path


def cut_tar(run: Path) -> Path:
    path = run.parent / "sent.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(run, arcname="run")
    os.truncate(path, path.stat().st_size // 2)
    return path


def encrypted(run: Path) -> Path:
    path = zipped("run/")(run)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def with_tensors(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], Path]:
    def write(run: Path) -> Path:
        tensors = dict(checkpoints.read(run).tensors)
        change(tensors)
        checkpoints.write(run, 5, tensors)
        return run

    return write


def first(tensors: dict[str, Any]) -> str:
    return min(name for name in tensors if name.startswith("tiny/") and name.count("/") == 2)


def of_nan(tensors: dict[str, Any]) -> None:
    tensors[first(tensors)] = np.full_like(tensors[first(tensors)], np.nan)


def of(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        tensors[first(tensors)] = tensors[first(tensors)].astype(kind)

    return change


def with_step(step: object) -> Callable[[Path], Path]:
    def write(run: Path) -> Path:
        import tensorflow as tf

        tensors = {**checkpoints.read(run).tensors, checkpoints.GLOBAL_STEP: step}
        tf.raw_ops.SaveV2(
            prefix=str(run / "model.ckpt-7"), tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors), tensors=[*map(tf.constant, tensors.values())],
        )  # fmt: skip
        return run / "model.ckpt-7"

    return write


def file(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(run: Path) -> Path:
        (run.parent / name).write_bytes(content)
        return run.parent / name

    return write


def zip_of(name: str, *members: str) -> Callable[[Path], Path]:
    def write(run: Path) -> Path:
        with zipfile.ZipFile(run.parent / name, "w") as archive:
            for member in members:
                archive.writestr(member, b"x")
        return run.parent / name

    return write


def pointers(run: Path) -> Path:
    for path in run.glob("model.ckpt-4*"):
        path.write_bytes(LFS)
    return run


def of_objects(run: Path) -> Path:
    import tensorflow as tf

    tf.train.Checkpoint(weights=tf.Variable([1.0])).save(str(run.parent / "objects" / "model.ckpt"))
    return run.parent / "objects"


def saved_model(run: Path) -> Path:
    (run.parent / "saved").mkdir()
    (run.parent / "saved" / "saved_model.pb").write_bytes(b"x")
    return run.parent / "saved"


def renamed(*stems: str) -> Callable[[Path], Path]:
    """Checkpoints under other names, in a folder without `checkpoint`."""

    def rename(run: Path) -> Path:
        for step, stem in zip((4, 2), stems, strict=False):
            for path in run.glob(f"model.ckpt-{step}.*"):
                path.rename(run / path.name.replace(f"model.ckpt-{step}", stem))
        for path in (*run.glob("model.ckpt-*"), run / "checkpoint"):
            path.unlink()
        return run

    return rename


# What is given to --checkpoint, the exit code of eval, and what is said.
TABLE: dict[str, tuple[Callable[[Path], Path], int, str]] = {
    "data cut": (cut(DATA, 100), 3, "model.ckpt-4: not a readable .*beside it: model.ckpt-2"),
    "data emptied": (cut(DATA, 0), 3, "model.ckpt-4: not a readable checkpoint"),
    "index emptied": (cut(".index", 0), 3, "model.ckpt-4: not a readable checkpoint"),
    "index cut": (cut(".index", 40), 3, "model.ckpt-4: not a readable checkpoint"),
    "no data": (lambda run: (run / f"model.ckpt-4{DATA}").unlink() or run, 3, "model.ckpt-4: not"),
    "a text": (file("a.ckpt", b"none\n"), 3, r"a.ckpt: not a readable .*bad magic|short"),
    "a web page": (file("a.ckpt", b"\n<!DOCTYPE HTML><html>404"), 3, "a.ckpt: .*a web page"),
    "a pointer": (file("a.ckpt", LFS), 3, "a.ckpt: .*a pointer of Git LFS; `git lfs pull`"),
    "pointers": (pointers, 3, "ckpt-4: .*a pointer of Git LFS.*beside it: model.ckpt-2"),
    "Keras's weights": (file("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(99)), 2, "a.h5 is an HDF5 fil"),
    "Keras's net": (zip_of("a.keras", "config.json", "model.weights.h5"), 2, "a file of Keras's"),
    "PyTorch's": (zip_of("a.pt", "archive/data.pkl"), 2, "a.pt is a file of PyTorch's; a che"),
    "PyTorch's of old": (file("a.pth", b"\x80\x02\x8a\nl" + bytes(99)), 2, "a.pth is a pickle, as"),
    "safetensors": (file("a.st", b"\x40\0\0\0\0\0\0\0" + b'{"a":{}}'), 2, "file of safetensors"),
    "gzip": (file("a.ckpt.gz", b"\x1f\x8b\x08" + bytes(99)), 2, "packed with gzip; unpack it"),
    "a RAR": (file("a.rar", b"Rar!\x1a\x07\x01\0"), 2, "a.rar is a RAR archive; unpack it"),
    "a zip by another name": (zip_of("a.ckpt", "a.index"), 2, "a.ckpt is a zip .*call it .zip"),
    "TensorFlow 2's": (of_objects, 2, "model.ckpt-1 was written by tf.train.Checkpoint or Keras"),
    "a SavedModel": (saved_model, 2, "saved holds no checkpoint .*but a SavedModel"),
    "two by other names": (renamed("best", "last"), 2, "run holds best, last; name the one that"),
    "a zip without its data": (
        zip_of("a.zip", "model.ckpt-4.index"), 3, "a.zip/model.ckpt-4: not a readable checkpoint",
    ),
    "a zip cut": (cut_zip, 3, "sent.zip is no readable zip"),
    "a tar cut": (cut_tar, 3, "sent.tar.gz is no readable tar"),
    "a zip encrypted": (encrypted, 2, "sent.zip is encrypted; unpack it with its password"),
    "two runs in a zip": (zipped("a/", "b/"), 2, "sent.zip: .*one each in a, b"),
    "NaN": (with_tensors(of_nan), 3, "model.ckpt-5: .* of tiny/.* are NaN or infinite"),
    "a weight missing": (with_tensors(lambda t: t.pop(first(t))), 2, "model.ckpt-5 lacks tiny/"),
    "a weight of another shape": (
        with_tensors(lambda t: t.update({first(t): np.zeros((3, 3), np.float32)})), 2,
        r"model.ckpt-5: tiny/.* is \(3, 3\), where float32 \(8,\) is wanted; is it one of tiny",
    ),
    "complex weights": (with_tensors(of("complex64")), 2, r"tiny/.* is complex64 \(8,\), where"),
    "whole numbers": (with_tensors(of("int8")), 2, r"tiny/.* is int8 \(8,\), where float32"),
    "a text for weights": (
        with_tensors(lambda t: t.update({first(t): np.array(b"x")})), 2, r"tiny/.* is .* \(\), w",
    ),
    "no classes": (
        with_tensors(lambda t: t.update({"tiny/fc2/biases": np.float32(1)})), 2,
        r"model.ckpt-5: tiny/fc2/biases is \(\), where one value a class is wanted; --model",
    ),
    "a step of text": (with_step(b"x"), 3, "model.ckpt-7: its global_step is b'x', which is"),

    "another net's": (
        with_tensors(lambda t: [t.pop(name) for name in list(t) if name.startswith("tiny/")]), 2,
        "model.ckpt-5: no tiny/.* in the checkpoint .it has global_step, .* --model names the net",
    ),
    "a step below 0": (with_step(np.int64(-5)), 3, "model.ckpt-7: its global_step is -5"),
    "several steps": (with_step(np.int64([3, 4])), 3, r"model.ckpt-7: its global_step is \[3 4\]"),
    "an endless step": (with_step(np.float32("inf")), 3, "model.ckpt-7: its global_step is inf"),
    "a step of NaN": (with_step(np.float32("nan")), 3, "model.ckpt-7: its global_step is nan"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_it_is_named(name: str, finished: Path, tiny_records: Path, refused: Any) -> None:
    fault, code, said = TABLE[name]
    refused(["eval", "--data", tiny_records, "--checkpoint", fault(finished)], code, said)


def test_a_whole_one_is_found(finished: Path, tiny_records: Path, refused: Any) -> None:
    """In an archive, beside a copy under another name, and beside what a killed writer left."""
    for ending in (".index", DATA):
        (finished / f"model.ckpt-best{ending}").write_bytes(b"a copy")
        (finished / f".tmp-model.ckpt-9{ending}").write_bytes(b"half")
    for place in (finished, finished / "model.ckpt-2", finished / "model.ckpt-4.index"):
        refused(["eval", "--data", tiny_records, "--checkpoint", place, "--json"], 0)
    (finished / "model.ckpt-best.index").unlink()
    for folder in ("run/", "run\\"):  # as some programs of Windows write it
        archive = zipped(folder)(finished)
        refused(["eval", "--data", tiny_records, "--checkpoint", archive, "--json"], 0)
    refused(["eval", "--data", tiny_records, "--checkpoint", finished / "checkpoint"], 0)
    odd = finished.rename(finished.parent / r"run[lr=0.1]*?\n")  # a pattern, for TensorFlow
    refused(["eval", "--data", tiny_records, "--checkpoint", odd, "--json"], 0)
    odd.rename(finished)
    renamed("best")(finished)
    refused(["eval", "--data", tiny_records, "--checkpoint", finished], 0)


@pytest.mark.parametrize("name", ["NaN", "a weight missing", "complex weights"])
def test_a_run_does_not_go_on_from_it(
    name: str, finished: Path, tiny_records: Path, tiny_net: str, refused: Any
) -> None:
    fault, code, said = TABLE[name]
    fault(finished)
    content = json.loads((finished / "run.json").read_text())
    (finished / "run.json").write_text(json.dumps({"run": content["run"] | {"steps": 8}}))
    command = ["train", "--data", tiny_records, "--model", tiny_net, "--preprocessing", "alexnet"]
    command += ["--batch-size", "8", "--image-size", "32", "--initialisation", "he"]
    command += ["--max-number-of-steps", "8"]
    refused([*command, "--train-dir", finished], code, said)
    refused([*command, "--train-dir", "new", "--checkpoint-path", finished], code, said)
    assert not Path("new").exists()


FOLDERS = {
    "inside the records": ("{data}/run", 2, "a folder of records; choose another"),
    "the records": ("{data}", 2, "a folder of records; choose another"),
    "below a file": ("{file}/run", 1, "Not a directory|is a file"),
    "below a device": ("/dev/null/run", 1, "Not a directory"),
    "of another run": ("{run}", 2, "holds another run .*seed 3? ?->|holds another run"),
    "with a long name": ("{file}" + 300 * "x", 1, "File name too long"),
    "with a NUL": ("run\0", 2, "null|NUL"),
    "not UTF-8": ("run\udcff", 2, "is not UTF-8, and TensorFlow writes nothing"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_a_runs(
    name: str, finished: Path, folder: Path, tiny_net: str, tmp_path: Path, refused: Any
) -> None:
    pattern, code, said = FOLDERS[name]
    file = tmp_path / "file"
    file.write_text("x")
    place = pattern.format(data=folder, file=file, run=finished)
    command = ["train", "--data", folder, "--train-dir", place, "--model", tiny_net, "--image-size"]
    command += ["32", "--batch-size", "8", "--max-number-of-steps", "1"]
    refused([*command, "--initialisation", "he", "--preprocessing", "alexnet"], code, said)
    assert not list(folder.glob("run*"))


def test_no_comparison_in_a_folder_of_records(folder: Path, refused: Any) -> None:
    before = sorted(folder.iterdir())
    for out in (folder, folder / "runs"):
        refused(["compare-preproc", "alexnet", "vgg", "--out", out], 2, "a folder of records; choo")
    assert sorted(folder.iterdir()) == before


def test_no_comparison_in_a_run_of_train(finished: Path, folder: Path, refused: Any) -> None:
    command = ["compare-preproc", "alexnet", "vgg", "--data", folder, "--out", finished]
    refused(command, 2, "holds a run of train; choose another --out")
    assert not (finished / "plan.json").exists()
