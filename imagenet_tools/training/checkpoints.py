"""Checkpoints in TF1's name-based format, as TF-Slim writes and reads them.

A checkpoint is model.ckpt-<step>.index and .data-00000-of-00001, named in the file `checkpoint`.
Finding one loads no TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.storage.write import sync, write_text
from imagenet_tools.training import archives, formats

GLOBAL_STEP = "global_step"
STATE = "checkpoint"
AVERAGE = "/ExponentialMovingAverage"
_NAME = re.compile(r"model\.ckpt-(\d+)\.index")
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"  # in each that tf.train.Checkpoint writes
_WANTED = "a checkpoint of variables by name, as TF-Slim's and tf.compat.v1.train.Saver's,"
_UNNAMED = ".tmp-model.ckpt-"  # a checkpoint that is being written


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory: where it came from, its step, its tensors by name."""

    prefix: str
    step: int
    tensors: Mapping[str, np.ndarray]

    def value(self, name: str, shape: Sequence[int], remedy: str) -> np.ndarray:
        """The floating-point tensor of this name and shape, every value finite.

        Raises ValueError, ending in the remedy, where there is none; DamagedData for NaN.
        """
        value = self.tensors.get(name)
        if value is None:
            raise ValueError(f"{self.prefix} lacks {name}; {remedy}")
        floating = value.dtype.kind == "f" or value.dtype.name == "bfloat16"
        if not floating or value.shape != tuple(shape):
            kind = "" if floating else f"{value.dtype} "
            raise ValueError(
                f"{self.prefix}: {name} is {kind}{value.shape}, where float32 {tuple(shape)} is "
                f"wanted; {remedy}"
            )
        if bad := value.size - int(np.isfinite(value).sum()):
            raise DamagedData(
                f"{self.prefix}: {bad:,} of {value.size:,} values of {name} are NaN or infinite: "
                "the training diverged; an earlier checkpoint may be whole"
            )
        return value


def found(folder: str | os.PathLike[str]) -> list[str]:
    """The prefixes of a folder's checkpoints, model.ckpt-<step>, the newest first.

    What the file `checkpoint` names comes before all others. TF1 may name it by the path it had: in
    a folder that was copied or moved, what is meant is the one of that name in there.
    """
    place = Path(folder)
    steps = sorted(_steps(place), reverse=True)
    prefixes = [str(place / f"model.ckpt-{step}") for step in steps]
    state = place / STATE
    text = state.read_text(errors="replace") if state.is_file() else ""
    named = re.search(r'^model_checkpoint_path: "(.*)"', text, re.MULTILINE)
    if named:
        prefix = str(place / re.split(r"[/\\]", named.group(1))[-1])
        if os.path.exists(f"{prefix}.index"):
            prefixes = [prefix, *(other for other in prefixes if other != prefix)]
    return prefixes


def _steps(place: Path) -> list[int]:
    names = (_NAME.fullmatch(path.name) for path in place.glob("model.ckpt-*.index"))
    return sorted(int(name.group(1)) for name in names if name)


def latest(folder: str | os.PathLike[str]) -> str | None:
    """The prefix of the newest checkpoint in a folder, None where there is none; see found."""
    return next(iter(found(folder)), None)


def latest_step(folder: str | os.PathLike[str]) -> int:
    """The step in the newest one's name; -1 where there is none, or its name has no step."""
    ending = re.search(r"-(\d+)$", latest(folder) or "")
    return int(ending[1]) if ending else -1


def resolve(where: str | os.PathLike[str]) -> str:
    """Return the prefix meant by a folder, a prefix, an .index file, a zip or tar, or a V1 file.

    Of a folder (or its file `checkpoint`), and of the one that an archive holds, that is the
    newest, or the only one under another name. A V1 file is TF1's first format, one file
    (alexnet_v2.ckpt). Raises FileNotFoundError saying what was looked for.
    """
    path = storage.place(where)
    if storage.is_remote(path):
        path = _fetched(path)
    if path.is_file() and archives.is_one(path.name):
        folder = archives.unpacked(path)
        storage.stands_for(folder, str(path))
        return _only(folder, path)
    if path.is_file() and path.name == STATE:
        path = path.parent
    if path.is_dir():
        return _only(path, path)
    text = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", str(path))
    if not os.path.exists(text + ".index") and not os.path.isfile(text):
        raise FileNotFoundError(f"{where}: no checkpoint there ({text}.index does not exist)")
    return text


def _only(folder: Path, asked: Path) -> str:
    """The newest checkpoint of a folder, or the one that it has, whatever its name.

    asked: what is named in errors, the folder or the archive that it was unpacked from.
    """
    if newest := latest(folder):
        return newest
    whole = [str(path.with_suffix("")) for path in folder.glob("[!.]*.index")]
    whole = whole or [str(path) for path in folder.glob("[!.]*.ckpt")]
    if len(whole) == 1:
        return whole[0]
    if whole:
        names = ", ".join(sorted(map(os.path.basename, whole)))
        first = "" if folder == asked else "unpack it, and "
        raise FileNotFoundError(f"{asked} holds {names}; {first}name the one that is meant")
    saved = ", but a SavedModel, as export makes" if (folder / "saved_model.pb").exists() else ""
    raise FileNotFoundError(f"{asked} holds no checkpoint (no model.ckpt-<step>.index){saved}")


def _fetched(where: Path) -> Path:
    """A checkpoint of a store, brought here with what stands beside it; the same path in there."""
    from imagenet_tools.storage.sync import pull

    folder = where if where.is_dir() else where.parent
    names = (STATE, "run.json", "classes.tsv", where.name)
    # The folder's newest is known by its small files; then its weights follow.
    local = pull(folder, lambda name: name in names or name.endswith(".index"))
    place = local if folder == where else local / where.name
    if archives.is_one(place.name):
        return place
    chosen = os.path.basename(resolve(place))
    pull(folder, lambda name: name.startswith(f"{chosen}."))
    return local / chosen


def read(where: str | os.PathLike[str]) -> Checkpoint:
    """Read every tensor of a checkpoint.

    where: see resolve. Raises FileNotFoundError where there is none, DamagedData where it cannot
    be read, which names the others that are beside it, ValueError for what other programs write.
    """
    import tensorflow as tf

    prefix = resolve(where)
    try:
        with _named_plainly(prefix) as plain:
            reader = tf.train.load_checkpoint(plain)
            names = reader.get_variable_to_shape_map()
            tensors = {name: np.asarray(reader.get_tensor(name)) for name in names}
    except tf.errors.PermissionDeniedError as error:
        raise PermissionError(f"{prefix}: {error.message}") from error
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        others = [os.path.basename(one) for one in found(Path(prefix).parent) if one != prefix]
        beside = f"; beside it: {', '.join(others)}" if others else ""
        if what := formats.other(Path(prefix)):
            raise ValueError(f"{prefix} is {what}; {_WANTED} is wanted{beside}") from error
        whole = (formats.instead(Path(f"{prefix}{ending}")) for ending in ("", ".index"))
        reason = next(filter(None, whole), None) or str(error).partition(": perhaps your file")[0]
        raise DamagedData(f"{prefix}: not a readable checkpoint ({reason}){beside}") from error
    if _OBJECTS in tensors:
        raise ValueError(
            f"{prefix} was written by tf.train.Checkpoint or Keras; {_WANTED} is wanted"
        )
    ending = re.search(r"-(\d+)$", prefix)
    step = tensors.get(GLOBAL_STEP, np.asarray(int(ending[1]) if ending else 0))
    if step.ndim or step.dtype.kind not in "iuf" or not 0 <= step < np.inf:
        raise DamagedData(f"{prefix}: its {GLOBAL_STEP} is {step}, which is no number of steps")
    return Checkpoint(prefix, int(step), tensors)


@contextlib.contextmanager
def _named_plainly(prefix: str) -> Iterator[str]:
    """The prefix, or links to its files where TensorFlow would take the name for a pattern."""
    if not re.search(r"[][*?\\]", prefix):
        yield prefix
        return
    with tempfile.TemporaryDirectory(prefix="imgtools-checkpoint-") as folder:
        for path in Path(prefix).parent.iterdir():
            if path.name == (name := os.path.basename(prefix)) or path.name.startswith(f"{name}."):
                (Path(folder) / path.name.replace(name, "model", 1)).symlink_to(path.resolve())
        yield f"{folder}/model"


def newest_whole(folder: str | os.PathLike[str]) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint of a folder that can be read, and what is wrong with newer ones.

    Raises DamagedData where there are some, and none can be read.
    """
    problems: list[str] = []
    prefixes = found(folder)
    for prefix in prefixes:
        try:
            return read(prefix), problems
        except DamagedData as error:
            problems.append(str(error))
    if problems:
        raise DamagedData(
            f"{problems[0]}; none of {len(prefixes)} in {folder} can be read. To begin again, "
            "remove them"
        )
    return None, problems


def not_finite(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """The names of tensors that hold NaN or infinity."""
    return [
        name
        for name, value in tensors.items()
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all()
    ]


def write(
    folder: str | os.PathLike[str],
    step: int,
    tensors: Mapping[str, np.ndarray],
    *,
    keep: int = 5,
) -> str:
    """Write model.ckpt-<step>, then name it in `checkpoint`; return its prefix.

    Written under a temporary name, synced and renamed, index last, so that a full disk, a kill or a
    power cut leaves the last checkpoint usable. All but the newest `keep` are removed.
    """
    import tensorflow as tf

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    content = {**tensors, GLOBAL_STEP: np.int64(step)}
    temporary = place / f"{_UNNAMED}{step}"
    endings = (".data-00000-of-00001", ".index")
    prefix = place / f"model.ckpt-{step}"
    try:
        tf.raw_ops.SaveV2(
            prefix=str(temporary),
            tensor_names=list(content),
            shape_and_slices=[""] * len(content),
            tensors=[tf.convert_to_tensor(value) for value in content.values()],
        )
        for ending in endings:
            sync(f"{temporary}{ending}")
        for ending in endings:
            os.replace(f"{temporary}{ending}", f"{prefix}{ending}")
        sync(place)
    except tf.errors.OpError as error:
        reason = re.sub(r"{{.*?}} | \[Op:.*\]", "", error.message)
        raise OSError(f"{prefix} was not saved: {reason}") from error
    finally:
        sweep(place)
    _prune(place, keep, step)
    return str(prefix)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what a writer that was killed has left, as large as a checkpoint each."""
    for leftover in Path(folder).glob(f"{_UNNAMED}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _prune(place: Path, keep: int, step: int) -> None:
    """Rewrite `checkpoint` with the newest `keep` up to this step, and remove those before.

    Later ones are damaged ones that a run went back from; it comes by and writes them anew.
    """
    steps = [one for one in _steps(place) if one <= step]
    kept, dropped = steps[-keep:], steps[:-keep]
    lines = [f'model_checkpoint_path: "model.ckpt-{kept[-1]}"']
    lines += [f'all_model_checkpoint_paths: "model.ckpt-{one}"' for one in kept]
    write_text(place / STATE, "\n".join(lines) + "\n")
    for one in dropped:
        for path in place.glob(f"model.ckpt-{one}.*"):
            path.unlink()
