"""Checkpoints in TF1's name-based format, as TF-Slim writes and reads them.

A checkpoint is model.ckpt-<step>.index and .data-00000-of-00001, named in the file `checkpoint`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData

GLOBAL_STEP = "global_step"
STATE = "checkpoint"
AVERAGE = "/ExponentialMovingAverage"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory: where it came from, its step, its tensors by name."""

    prefix: str
    step: int
    tensors: Mapping[str, np.ndarray]


def latest(folder: str | os.PathLike[str]) -> str | None:
    """Return the prefix of the newest whole checkpoint in a folder, None where there is none.

    What `checkpoint` names comes first; where that file is missing or names something that is
    gone, the highest step that is there.
    """
    place = Path(folder)
    state = place / STATE
    if state.exists():
        named = re.search(r'^model_checkpoint_path: "(.*)"', state.read_text(), re.MULTILINE)
        if named and (prefix := place / named.group(1)).with_name(f"{prefix.name}.index").exists():
            return str(prefix)
    found = [path for path in place.glob("model.ckpt-*.index")]
    steps = {step_of(path.stem): path for path in found if path.stem[-1].isdigit()}
    return str(steps[max(steps)])[: -len(".index")] if steps else None


def step_of(prefix: str) -> int:
    """The step in the name of a checkpoint, model.ckpt-<step>."""
    return int(prefix.rsplit("-", 1)[1])


def resolve(where: str | os.PathLike[str]) -> str:
    """Return the prefix meant by a folder, a prefix, an .index file or a zip.

    A zip (as model.ckpt-9048119 is distributed) is unpacked into a temporary folder that goes
    with the process. Raises FileNotFoundError saying what was looked for.
    """
    path = storage.place(where)
    if storage.is_remote(path):
        path = _fetched(path)
    if path.suffix == ".zip" and path.is_file():
        return _from_zip(path)
    if path.is_dir():
        prefix = latest(path)
        if prefix is None:
            raise FileNotFoundError(f"{path} holds no checkpoint (no model.ckpt-<step>.index)")
        return prefix
    text = str(path)
    for ending in (".index", ".meta"):
        text = text.removesuffix(ending)
    text = re.sub(r"\.data-\d{5}-of-\d{5}$", "", text)
    if not os.path.exists(text + ".index"):
        raise FileNotFoundError(f"{where}: no checkpoint there ({text}.index does not exist)")
    return text


def _fetched(where: Path) -> Path:
    """A checkpoint of a store, brought here with what stands beside it; the same path in there."""
    from imagenet_tools.storage import sync

    folder = where if where.is_dir() else where.parent
    names = (STATE, "run.json", "classes.tsv", where.name)
    # The folder's newest is known by its small files; then its weights follow.
    local = sync.pull(folder, lambda name: name in names or name.endswith(".index"))
    own = local if folder == where else local / where.name
    if own.suffix == ".zip":
        return own
    chosen = os.path.basename(resolve(own))
    sync.pull(folder, lambda name: name.startswith(f"{chosen}."))
    return local / chosen


_UNPACKED: list[tempfile.TemporaryDirectory[str]] = []


def _from_zip(path: Path) -> str:
    """Unpack only the checkpoint's own files, by their bare names."""
    folder = tempfile.TemporaryDirectory(prefix="imgtools-checkpoint-")
    _UNPACKED.append(folder)  # removed when the process ends
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = os.path.basename(member.filename)
                if re.search(r"\.index$|\.data-\d{5}-of-\d{5}$", name):
                    target = Path(folder.name) / name
                    with archive.open(member) as source, target.open("wb") as file:
                        shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        raise DamagedData(f"{path} is no readable zip ({error})") from error
    found = list(Path(folder.name).glob("*.index"))
    if len(found) != 1:
        raise FileNotFoundError(f"{path} holds {len(found)} .index files; one checkpoint is wanted")
    return str(found[0])[: -len(".index")]


def read(where: str | os.PathLike[str]) -> Checkpoint:
    """Read every tensor of a checkpoint.

    where: a folder (its newest), a prefix, an .index file or a zip. Raises FileNotFoundError where
    there is none, DamagedData where it cannot be read.
    """
    prefix = resolve(where)
    try:
        reader = tf.train.load_checkpoint(prefix)
        tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise DamagedData(f"{prefix}: not a readable checkpoint ({error})") from error
    ending = re.search(r"-(\d+)$", prefix)
    step = int(tensors[GLOBAL_STEP]) if GLOBAL_STEP in tensors else int(ending[1]) if ending else 0
    return Checkpoint(prefix, step, tensors)


def write(
    folder: str | os.PathLike[str],
    step: int,
    tensors: Mapping[str, np.ndarray],
    *,
    keep: int = 5,
) -> str:
    """Write model.ckpt-<step>, then name it in `checkpoint`; return its prefix.

    Written under a temporary name and renamed, index last, so that a full disk or a kill leaves
    the last checkpoint usable. All but the newest `keep` are removed.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    content = {**tensors, GLOBAL_STEP: np.int64(step)}
    temporary = place / f".tmp-model.ckpt-{step}"
    data, index = ".data-00000-of-00001", ".index"
    prefix = place / f"model.ckpt-{step}"
    try:
        tf.raw_ops.SaveV2(
            prefix=str(temporary),
            tensor_names=list(content),
            shape_and_slices=[""] * len(content),
            tensors=[tf.convert_to_tensor(value) for value in content.values()],
        )
        for ending in (data, index):
            os.replace(f"{temporary}{ending}", f"{prefix}{ending}")
    except tf.errors.OpError as error:
        raise OSError(f"{prefix} was not saved: {error.message}") from error
    finally:
        for leftover in place.glob(f"{temporary.name}*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink()
    _prune(place, keep)
    return str(prefix)


def _prune(place: Path, keep: int) -> None:
    """Rewrite `checkpoint` with the newest `keep` and remove the others."""
    steps = sorted(step_of(path.stem) for path in place.glob("model.ckpt-*.index"))
    kept, dropped = steps[-keep:], steps[:-keep]
    lines = [f'model_checkpoint_path: "model.ckpt-{kept[-1]}"']
    lines += [f'all_model_checkpoint_paths: "model.ckpt-{step}"' for step in kept]
    temporary = place / ".tmp-checkpoint"
    temporary.write_text("\n".join(lines) + "\n")
    os.replace(temporary, place / STATE)
    for step in dropped:
        for path in place.glob(f"model.ckpt-{step}.*"):
            path.unlink()
