"""A run's folder: run.json says what was asked for, with what versions, and what came of it.

One process writes in it at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import platform
import socket
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools import records, storage, version
from imagenet_tools.engines.processes import cores
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import order
from imagenet_tools.records.manifest import Manifest
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json, write_text
from imagenet_tools.training import checkpoints, recipes
from imagenet_tools.training.train_result import TrainResult

RUN, METRICS = "run.json", "metrics.jsonl"
CLASSES = "classes.tsv"  # label 1..N, key (synset) and words of each class
WRITER = ".writer"  # locked by the process that trains here, and says which one it is
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of network disks: then none is held


@dataclass(frozen=True)
class Run:
    """What identifies a run: two with equal fields give the same weights on one machine."""

    preprocessing: str
    fingerprint: str
    model: str
    recipe: dict[str, Any]
    image_size: int
    num_classes: int
    labels_offset: int
    seed: int
    steps: int
    data: str
    deterministic: bool = False
    mixed_precision: bool = False
    start_from: str | None = None
    trainable_scopes: tuple[str, ...] = ()
    order: str = order.NAME  # of the images of an epoch


def outside_records(folder: Path) -> None:
    """Raise ValueError for a folder of records or one inside, or whose name is not UTF-8."""
    place = folder.resolve()
    try:
        str(place).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{str(folder)!r} is not UTF-8, and TensorFlow writes nothing under such a name; "
            "choose another folder"
        ) from None
    for above in (place, *place.parents):
        if (above / records.NAME).exists():
            raise ValueError(
                f"{folder} is inside {above}, a folder of records; choose another for the run"
            )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the one process that writes in this folder, which is made where it is missing.

    Raises OSError, naming the one that holds it; the lock goes with the process. Raises ValueError
    for a folder of records or one inside: verify-tfrecords would find strangers there.
    """
    outside_records(folder)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WRITER
    try:
        with _held(path, folder) as lock:
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}")
            lock.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only where nothing came of it


@contextlib.contextmanager
def _held(path: Path, folder: Path) -> Iterator[Any]:
    while True:
        with open(path, "a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise OSError(
                    f"{folder}: another run is being trained here ({lock.read() or 'just begun'}); "
                    "wait for it, or choose another folder"
                ) from None
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
            # The one that held it before may have removed it since it was opened here.
            try:
                there = os.stat(path).st_ino == os.fstat(lock.fileno()).st_ino
            except FileNotFoundError:
                there = False
            if there:
                yield lock
                return


def claim(folder: Path, run: Run) -> None:
    """Write run.json, or check that what is there is this run."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.loads(json.dumps(dataclasses.asdict(run)))
    if (content := _content(folder)) is None:
        write_json(folder / RUN, {"run": wanted, "versions": versions()})
        return
    there, asked = _fields(content["run"]), _fields(wanted)
    different = [name for name in asked if there.get(name) != asked[name]]
    if different:
        changes = "; ".join(f"{n} {there.get(n)!r} -> {asked[n]!r}" for n in different[:3])
        raise ValueError(
            f"{folder} holds another run ({changes}); choose another folder or remove it"
        )


def forget(folder: Path) -> None:
    """Remove run.json of a run of which nothing came, since its first batch failed, say."""
    metrics = folder / METRICS
    logged = metrics.exists() and metrics.stat().st_size > 0
    if (
        not logged
        and checkpoints.latest(folder) is None
        and "result" not in (_content(folder) or {})
    ):
        (folder / RUN).unlink(missing_ok=True)


def _content(folder: Path) -> dict[str, Any] | None:
    """What run.json says; None where there is none. Raises DamagedData, and says the way on."""
    path = folder / RUN
    text, problem = "", "is empty, as a power cut leaves it"
    try:
        storage.size(path)  # a pipe would be waited for
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        problem = f"is no text ({error})"
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        problem = f"cannot be read: {error.strerror}"
    try:
        content = json.loads(text) if text.strip() else None
        if content is not None:
            problem = 'is not the record of a run (an object with "run" and "versions")'
    except (ValueError, RecursionError) as error:
        content, problem = None, f"is no JSON ({error})"
    if isinstance(content, dict):
        content = {"run": {}, **content}
        if isinstance(content["run"], dict) and isinstance(content.get("result", {}), dict):
            return content
    raise DamagedData(
        f"{path} {problem}; remove it, and the same command goes on from the last checkpoint"
    )


def _fields(run: dict[str, Any]) -> dict[str, Any]:
    """A run's fields and its recipe's, also those that it was written before.

    A field of both, the image size, is the run's.
    """
    recipe = run.get("recipe")
    plain = {"order": order.FORMER, **{n: v for n, v in run.items() if n != "recipe"}}
    return {**recipes.complete(recipe), **plain} if isinstance(recipe, dict) else plain


def asked(folder: Path) -> dict[str, Any]:
    """The fields of Run in run.json, as far as they are there; empty where there is no run.json.

    Raises DamagedData for one that is of another kind than a run's.
    """
    content = _content(folder)
    run: dict[str, Any] = content["run"] if content else {}
    kinds = typing.get_type_hints(Run)
    try:
        for name in run.keys() & kinds:
            json_file.as_type(run[name], kinds[name], name)
        if run.get("image_size", 1) < 1:
            raise ValueError(f"image_size is {run['image_size']}")
        float(run.get("recipe", {}).get("moving_average_decay", 0.0))
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedData(
            f"{folder / RUN}: {error}; remove it, and give --preprocessing, --model and "
            "--image-size"
        ) from error
    return run


def versions() -> dict[str, str]:
    """What the numbers of a run may depend on beside its settings."""
    return {
        "imgtools": version.installed(),
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "threads": str(cores()),
        "machine": platform.machine(),
    }


def finish(folder: Path, result: TrainResult) -> None:
    """Add the result to run.json."""
    kept = {**result.as_json(), "checkpoint": os.path.basename(result.checkpoint)}
    write_json(folder / RUN, {**(_content(folder) or {}), "result": kept})


def finished(folder: Path) -> TrainResult | None:
    """The result of a run that is finished and whose checkpoint can still be read, else None."""
    content, latest = _content(folder), checkpoints.latest(folder) or ""
    kept = content.get("result") if content else None
    if not kept or kept.get("checkpoint") != os.path.basename(latest):
        return None
    try:
        if latest:  # none, where the loss diverged at once
            checkpoints.read(latest)
    except DamagedData:
        return None  # what goes on from the one before says so
    try:
        result: TrainResult = json_file.as_type({**kept, "checkpoint": latest}, TrainResult)
        return result
    except ValueError as error:
        raise DamagedData(
            f"{folder / RUN}: the result in it is not understood ({error}); remove it from the "
            "file, and the same command writes it anew"
        ) from error


def write_classes(folder: Path, manifest: Manifest) -> None:
    """Write what the labels of a run mean, so that its checkpoints can be used without records."""
    lines = [
        f"{label}\t{key}\t{words}\n" for label, (key, words) in enumerate(manifest.classes, start=1)
    ]
    write_text(folder / CLASSES, "".join(lines))
