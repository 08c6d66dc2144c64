"""Evaluate a checkpoint: every image exactly once, in order, with its prediction kept."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from imagenet_tools import nets, records, storage
from imagenet_tools.evaluation import label_check, trained_net
from imagenet_tools.training import batches

TOP = 5
# Images go through the net this many at a time, padded, whatever the batch size: matrix products
# of another height add up in another order, which moved probabilities by up to 1.4e-6.
CHUNK = 50


@dataclass(frozen=True)
class EvalResult:
    """Accuracies in percent, their 95 % Wilson intervals, loss (nats) and calibration error.

    ece: 15 bins of equal mass, on the highest probability. predictions: the .npz, if written.
    """

    n: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    top5_interval: tuple[float, float]
    recall_3: float
    recall_4: float
    loss: float
    ece: float
    preprocessing: str
    checkpoint: str
    step: int
    seconds: float
    images_per_second: float
    predictions: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predictions:
    """Per image, in the order of the records.

    key: synset/filename. label: int32. top5: int32 [n, 5], likeliest first. probability:
    float32 [n, 5]. true_probability: float32 [n], of the label. rank: int32 [n], how many
    classes are likelier than the label (0: top-1 is right).
    """

    key: np.ndarray
    label: np.ndarray
    top5: np.ndarray
    probability: np.ndarray
    true_probability: np.ndarray
    rank: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """bool [n]: top-1 is right."""
        return self.rank == 0


def evaluate(
    data: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    *,
    preprocessing: str | None = None,
    model: str | None = None,
    split: str = "validation",
    image_size: int | None = None,
    batch_size: int = 100,
    labels_offset: int | None = None,
    ten_crop: bool = False,
    moving_average: bool = False,
    predictions: str | os.PathLike[str] | None = None,
) -> EvalResult:
    """Evaluate a checkpoint on a split of records.

    checkpoint, preprocessing, model, image_size: see trained_net.load. labels_offset: what is
    subtracted from labels 1..N; by default that of training, else what fits the net's number of
    logits. predictions: where to write them (.npz, arrays of Predictions and `meta`, a JSON
    string). An accuracy at chance is looked into; what was found is among the warnings.
    """
    loaded = trained_net.load(
        checkpoint,
        preprocessing=preprocessing,
        model=model,
        image_size=image_size,
        moving_average=moving_average,
    )
    manifest = records.read_manifest(data)
    net, pipeline = loaded.net, loaded.pipeline
    offset = _offset(labels_offset, loaded.run, net.num_classes, manifest.num_classes)
    stream = batches.batches(
        data,
        split,
        pipeline,
        batch_size=batch_size,
        image_size=loaded.image_size,
        is_training=False,
        labels_offset=offset,
        ten_crop=ten_crop,
    )
    total = manifest.splits[split].records
    started = time.perf_counter()
    found = predict_all(net, stream, total)
    seconds = time.perf_counter() - started
    if predictions is not None:
        meta = {
            "preprocessing": pipeline.spec,
            "fingerprint": pipeline.fingerprint,
            "checkpoint": os.path.basename(loaded.checkpoint.prefix),
            "step": loaded.checkpoint.step,
            "data": manifest.digest,
            "split": split,
            "ten_crop": ten_crop,
            "seed": loaded.run.get("seed"),
        }
        write_predictions(predictions, found, meta)
    warnings = list(loaded.warnings)
    if label_check.at_chance(int(np.sum(found.correct)), total, net.num_classes):
        warnings.append(label_check.explain(loaded, data, split, offset))
    return _result(found, loaded, seconds, predictions, warnings)


def _offset(asked: int | None, trained: dict[str, Any], logits: int, classes: int) -> int:
    """The number subtracted from labels 1..N, which must fit the net's number of logits."""
    offset = asked if asked is not None else trained.get("labels_offset", classes + 1 - logits)
    fits = logits + offset == classes + 1 if asked is None else classes - offset < logits
    if not fits or offset not in (0, 1):
        raise ValueError(
            f"the net has {logits} logits and the records have {classes} classes and background; "
            f"no labels offset of 0 or 1 makes them fit (tried {offset})"
        )
    return int(offset)


def predict_all(net: nets.Net, stream: tf.data.Dataset, total: int) -> Predictions:
    """Run the net over every batch of a stream and keep each image's prediction."""

    def predict(images: tf.Tensor, labels: tf.Tensor) -> list[np.ndarray]:
        count = len(labels)
        padding = -count % CHUNK
        images = tf.pad(images, [[0, padding]] + [[0, 0]] * (images.shape.rank - 1))
        labels = tf.pad(labels, [[0, padding]])
        parts = [
            predict_chunk(images[start : start + CHUNK], labels[start : start + CHUNK])
            for start in range(0, count, CHUNK)
        ]
        return [np.concatenate(column)[:count] for column in zip(*parts, strict=True)]

    @tf.function(autograph=False)
    def predict_chunk(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        if images.shape.rank == 5:  # ten crops: their probabilities are averaged
            crops = tf.reshape(images, [-1, *images.shape[2:]])
            each = tf.nn.softmax(net(crops))
            chances = tf.reduce_mean(tf.reshape(each, [-1, images.shape[1], each.shape[1]]), 1)
        else:
            chances = tf.nn.softmax(net(images))
        best, top = tf.math.top_k(chances, min(TOP, chances.shape[-1]))
        true = tf.gather(chances, labels, batch_dims=1)
        rank = tf.reduce_sum(tf.cast(chances > true[:, tf.newaxis], tf.int32), axis=1)
        return top, best, true, rank

    parts: list[tuple[np.ndarray, ...]] = []
    bar = tqdm(total=total, desc="evaluating", unit="image", disable=None)
    with bar:
        for features in stream:
            top, best, true, rank = predict(features["image"], features["label"])
            parts.append(
                (
                    features["key"].numpy().astype(str),
                    features["label"].numpy(),
                    top,
                    best,
                    true,
                    rank,
                )
            )
            bar.update(len(parts[-1][0]))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    if len(columns[0]) != total:
        raise ValueError(f"{len(columns[0])} images were read, {total} are in the manifest")
    return Predictions(*columns)


def write_predictions(
    path: str | os.PathLike[str], found: Predictions, meta: dict[str, Any]
) -> None:
    """Write predictions and what they are of, atomically."""
    target = storage.place(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = storage.staging(target.parent) / f".tmp-{target.name}"
    with open(temporary, "wb") as file:
        np.savez_compressed(file, meta=np.array(json.dumps(meta)), **vars(found))
    storage.publish(temporary, target)


def read_predictions(path: str | os.PathLike[str]) -> tuple[Predictions, dict[str, Any]]:
    """Read what write_predictions wrote; nothing is unpickled."""
    with storage.local_copy(path) as file, np.load(file, allow_pickle=False) as stored:
        meta = json.loads(str(stored["meta"]))
        names = ("key", "label", "top5", "probability", "true_probability", "rank")
        return Predictions(*(stored[name] for name in names)), meta


def _result(
    found: Predictions,
    loaded: trained_net.TrainedNet,
    seconds: float,
    predictions: Any,
    warnings: list[str],
) -> EvalResult:
    n = len(found.label)

    def percent(within: int) -> float:
        return 100.0 * float(np.mean(found.rank < within))

    return EvalResult(
        n=n,
        top1=percent(1),
        top1_interval=wilson(int(np.sum(found.rank < 1)), n),
        top5=percent(5),
        top5_interval=wilson(int(np.sum(found.rank < 5)), n),
        recall_3=percent(3),
        recall_4=percent(4),
        loss=float(np.mean(-np.log(np.maximum(found.true_probability, 1e-30)))),
        ece=calibration_error(found.probability[:, 0], found.correct),
        preprocessing=loaded.pipeline.spec,
        checkpoint=loaded.checkpoint.prefix,
        step=loaded.checkpoint.step,
        seconds=seconds,
        images_per_second=n / max(seconds, 1e-9),
        predictions=None if predictions is None else str(predictions),
        warnings=tuple(warnings),
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a proportion, in percent."""
    z, share = 1.959964, right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return 100 * (middle - half), 100 * (middle + half)


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass: mean |confidence - accuracy|, 0..1."""
    order = np.argsort(confidence, kind="stable")

    def gaps() -> Iterator[float]:
        for part in np.array_split(order, min(bins, len(order))):
            gap = abs(float(confidence[part].mean()) - float(correct[part].mean()))
            yield gap * len(part) / len(order)

    return sum(gaps())
