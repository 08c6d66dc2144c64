"""A checkpoint ready for use: its net, pipeline, image size, and the names of its classes."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools import labels, nets, registry, storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.records.manifest import read_manifest
from imagenet_tools.training import checkpoints, run_folder


@dataclass(frozen=True)
class TrainedNet:
    """A net with a checkpoint's weights, or their moving averages where it is `averaged`.

    run: what run.json says of its training, or empty.
    """

    net: nets.Net
    model: str
    pipeline: Pipeline
    image_size: int
    checkpoint: checkpoints.Checkpoint
    run: dict[str, Any]
    averaged: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against its use: another pipeline or image size than that of training."""
        said = []
        fingerprint, size = self.pipeline.fingerprint, self.image_size
        if self.run.get("fingerprint", fingerprint) != fingerprint:
            trained = f"trained under {self.run['preprocessing']} ({self.run['fingerprint']})"
            said.append(f"{trained}, used under {self.pipeline.spec} ({fingerprint})")
        if (trained_size := self.run.get("image_size") or size) != size:
            said.append(f"trained at {trained_size} px, used at {size} px")
        return tuple(said)

    @functools.cached_property
    def weights(self) -> str:
        """sha256 of the weights in use, by name: the same for every copy of a checkpoint."""
        digest = hashlib.sha256()
        for name, variable in sorted(self.net.variables.items()):
            value = np.ascontiguousarray(variable.numpy())
            digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
            digest.update(value.data)
        return digest.hexdigest()

    def under(self, pipeline: Pipeline) -> TrainedNet:
        """The same net, to be used under another pipeline."""
        other = dataclasses.replace(self, pipeline=pipeline)
        vars(other)["weights"] = self.weights  # which take a fifth of a second to sum up
        return other


def load(
    checkpoint: str | os.PathLike[str],
    *,
    preprocessing: str | None = None,
    model: str | None = None,
    image_size: int | None = None,
    moving_average: bool | None = None,
) -> TrainedNet:
    """Load a checkpoint: a folder, prefix, .index or zip.

    What is not given comes from run.json beside the checkpoint; without one, preprocessing must
    be given (ValueError), model is alexnet_v2 and image_size its own. moving_average: the averages
    of the weights, by default where the recipe of training kept them. Another pipeline than that
    of training is a warning. Raises FileNotFoundError, DamagedData (a weight that is not finite,
    too) or ValueError naming what does not fit.
    """
    saved = checkpoints.read(checkpoint)
    run = run_folder.asked(Path(saved.prefix).parent)  # empty, where there is no run.json
    if preprocessing is None:
        if "preprocessing" not in run:
            raise ValueError(
                f"{saved.prefix} has no run.json beside it that names its preprocessing; "
                f"give --preprocessing, one of {', '.join(registry.names())}"
            )
        preprocessing = str(run["preprocessing"])
    pipeline = registry.get(preprocessing)
    model = model or run.get("model", nets.DEFAULT)
    size = image_size or run.get("image_size") or nets.default_size(model)
    if moving_average is None:
        moving_average = float(run.get("recipe", {}).get("moving_average_decay", 0.0)) > 0
    net = _with_weights(model, saved, size, moving_average)
    return TrainedNet(net, model, pipeline, size, saved, run, averaged=moving_average)


def _with_weights(
    model: str, saved: checkpoints.Checkpoint, image_size: int, moving_average: bool
) -> nets.Net:
    """Make the net; the class count is read from the checkpoint's variables."""
    try:
        classes = nets.class_count(model, saved.tensors)
    except ValueError as error:
        raise ValueError(f"{saved.prefix}: {error} --model names the net") from None
    net = nets.create(model, classes, image_size, initialisation="zeros")
    for name, variable in net.variables.items():
        source = name + checkpoints.AVERAGE if moving_average else name
        if moving_average and source not in saved.tensors and name in saved.tensors:
            raise ValueError(
                f"{saved.prefix} has no moving averages (no {source}): it was trained without "
                "--moving-average-decay"
            )
        remedy = f"is it one of {model}, and --image-size {image_size} that of training?"
        variable.assign(saved.value(source, variable.shape, remedy))
    return net


def _classes(path: Path) -> list[tuple[str, str]]:
    storage.size(path)  # a pipe would be waited for
    try:
        lines = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
        classes = []
        for number, line in enumerate(lines, start=1):
            label, key, words = line.split("\t", 2)
            if label != str(number):
                raise ValueError(f"line {number} has label {label}")
            classes.append((key, words))
        return classes
    except ValueError as error:
        raise DamagedData(
            f"{path} is not the list of a run's classes ({error}); give the records it was trained "
            "on as --data"
        ) from error


def other_classes(loaded: TrainedNet, classes: Sequence[tuple[str, str]]) -> str | None:
    """In which class records differ from those of training, in words; None where nobody knows.

    classes: (key, words) of labels 1..N, as a manifest has them.
    """
    path = Path(loaded.checkpoint.prefix).parent / run_folder.CLASSES
    try:
        trained = [key for key, _ in _classes(path)]
    except (DamagedData, OSError):
        return None  # an evaluation does not need it
    pairs = itertools.zip_longest(trained, (key for key, _ in classes))
    for label, (before, now) in enumerate(pairs, 1):
        if before != now:
            return f"label {label} is {now or 'none'} here, and was {before or 'none'} in training"
    return None


def class_names(
    loaded: TrainedNet, data: str | os.PathLike[str] | None = None
) -> list[tuple[str, str]]:
    """(key, words) of each logit: from the records given, the run's classes, or ImageNet's.

    One logit more than classes is the background's, and comes first. Where nothing says what the
    logits mean, they are called by their numbers.
    """
    logits = loaded.net.num_classes
    beside = Path(loaded.checkpoint.prefix).parent / run_folder.CLASSES
    if data is not None:
        classes = list(read_manifest(data).classes)
    elif beside.exists():
        classes = _classes(beside)
    elif logits in (labels.NUM_CLASSES, labels.NUM_CLASSES + 1):
        classes = list(labels.words().items())
    else:
        classes = [(str(number), f"class {number}") for number in range(logits)]
    if logits == len(classes) + 1:
        return [(labels.BACKGROUND, labels.BACKGROUND), *classes]
    if logits != len(classes):
        raise ValueError(
            f"{loaded.checkpoint.prefix} has {logits} logits, but {len(classes)} classes are named "
            f"in {data or beside}; give the records it was trained on as --data"
        )
    return classes
