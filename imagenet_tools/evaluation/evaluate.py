"""Evaluate a checkpoint: every image exactly once, in order, with its prediction kept."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools import nets, records, storage, terminal
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import guessing, label_check, metrics, trained_net
from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.evaluation.ranks import score
from imagenet_tools.evaluation.scores import Predictions, doubts, place_for, write_predictions
from imagenet_tools.records import alike
from imagenet_tools.training import batches, damage

# Images go through the net this many at a time, padded, whatever the batch size: matrix products
# of another height add up in another order, which moved probabilities by up to 1.4e-6.
CHUNK = 50


def evaluate(
    data: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    *,
    preprocessing: str | None = None,
    model: str | None = None,
    split: str = "validation",
    images: int | None = None,
    image_size: int | None = None,
    batch_size: int = 100,
    labels_offset: int | None = None,
    ten_crop: bool = False,
    moving_average: bool | None = None,
    predictions: str | os.PathLike[str] | None = None,
) -> EvalResult:
    """Evaluate a checkpoint on a split of records.

    checkpoint, preprocessing, model, image_size: see trained_net.load. images: only the first so
    many records of the split, always the same ones (a build has shuffled them), as a look at the
    training images wants. labels_offset: what is subtracted from labels 1..N; by default that of
    training, else what fits the net's number of logits. predictions: where to write them (.npz,
    arrays of Predictions and `meta`, a JSON string). An accuracy at chance is looked into; what
    was found is among the warnings, as are scores that are constant, saturated or not finite.
    Raises DamagedData where weights are not finite or records cannot be read, PipelineFailed where
    the pipeline fails on an image.
    """
    if predictions is not None:
        place_for(predictions)
    loaded = trained_net.load(
        checkpoint, preprocessing=preprocessing, model=model, image_size=image_size,
        moving_average=moving_average,
    )  # fmt: skip
    return figures(
        loaded, data, split=split, images=images, batch_size=batch_size,
        labels_offset=labels_offset, ten_crop=ten_crop, predictions=predictions,
    )  # fmt: skip


def figures(
    loaded: trained_net.TrainedNet,
    data: str | os.PathLike[str],
    *,
    split: str = "validation",
    images: int | None = None,
    batch_size: int = 100,
    labels_offset: int | None = None,
    ten_crop: bool = False,
    predictions: str | os.PathLike[str] | None = None,
) -> EvalResult:
    """As `evaluate`, of a net that is loaded, under its pipeline."""
    manifest = records.read_manifest(data)
    net, pipeline = loaded.net, loaded.pipeline
    offset = _offset(labels_offset, loaded.run, net.num_classes, manifest.num_classes)
    records.check_sizes(data, split)
    reading = batches.Reading(
        data, split, (pipeline,), batch_size, loaded.image_size, is_training=False,
        labels_offset=offset, ten_crop=ten_crop, images=images,
    )  # fmt: skip
    there = manifest.splits[split].records
    total = min(there, images or there)
    started = time.perf_counter()
    predicted = predict_all(net, damage.each(reading.batches(), reading), total)
    seconds = time.perf_counter() - started
    if total == there and split == "validation":
        predicted = replace(predicted, group=alike.groups(data, split))
    if predictions is not None:
        meta = {
            **_identity(loaded),
            "data": manifest.digest,
            "split": split,
            "ten_crop": ten_crop,
            **_not_finite(predicted),
        }
        write_predictions(predictions, predicted, meta)
    doubted = [*doubts(predicted)]
    if other := trained_net.other_classes(loaded, manifest.classes):
        doubted.append(other)
    warnings = [*loaded.warnings, *doubted]
    if (trained := loaded.run.get("labels_offset", offset)) != offset:
        warnings.append(
            f"trained with --labels-offset {trained}, evaluated with {offset}: each class is taken "
            "for its neighbour"
        )
    chance = guessing.chance(predicted.label, net.num_classes)
    if not doubted and guessing.at_chance(int(np.sum(predicted.correct)), total, chance):
        few = label_check.too_few(there, chance)
        warnings.append(
            f"accuracy is at chance, and {there} images are too few to tell whether other labels "
            "or another pipeline would fit"
            if few
            else label_check.explain(loaded, data, split, offset)
        )
    return _result(predicted, loaded, seconds, predictions, warnings)


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


def _identity(loaded: trained_net.TrainedNet) -> dict[str, Any]:
    """Whose predictions they are, so that no run passes for another or for itself twice."""
    return {
        "preprocessing": loaded.pipeline.spec,
        "fingerprint": loaded.pipeline.fingerprint,
        "trained": loaded.run.get("fingerprint"),
        "model": loaded.model,
        "image_size": loaded.image_size,
        "averaged": loaded.averaged,
        "checkpoint": os.path.basename(loaded.checkpoint.prefix),
        "step": loaded.checkpoint.step,
        "seed": loaded.run.get("seed"),
        "recipe": loaded.run.get("recipe"),
        "weights": loaded.weights,
    }


def _not_finite(predicted: Predictions) -> dict[str, Any]:
    count = int(np.sum(predicted.unranked))
    first = str(predicted.key[np.argmax(predicted.unranked)]) if count else None
    return {"not_finite": count, "first_not_finite": first}


def predict_all(net: nets.Net, stream: Iterable[Any], total: int) -> Predictions:
    """Run the net over every batch of a stream and keep each image's prediction.

    Raises DamagedData for a label that is no class of the net.
    """

    def predict(images: tf.Tensor, labels: tf.Tensor) -> list[np.ndarray]:
        count = len(labels)
        padding = -count % CHUNK
        images = tf.pad(images, [[0, padding]] + [[0, 0]] * (images.shape.rank - 1))
        labels = tf.pad(labels, [[0, padding]])
        chunks = [
            predict_chunk(images[start : start + CHUNK], labels[start : start + CHUNK])
            for start in range(0, count, CHUNK)
        ]
        return [np.concatenate(column)[:count] for column in zip(*chunks, strict=True)]

    def chunk(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        if images.shape.rank == 4:
            return score(net(images), labels)
        crops = net(tf.reshape(images, [-1, *images.shape[2:]]))
        return score(tf.reshape(crops, [-1, images.shape[1], crops.shape[1]]), labels)

    predict_chunk = tf.function(chunk, autograph=False)

    rows: list[tuple[np.ndarray, ...]] = []
    bar = terminal.bar("evaluating", "images", total=total)
    with bar:
        for features in stream:
            names, label = features["key"].numpy(), features["label"].numpy()
            key = np.array([one.decode("utf-8", "surrogateescape") for one in names], str)
            wrong = np.flatnonzero((label < 0) | (label >= net.num_classes))
            if len(wrong):
                raise DamagedData(
                    f"{key[wrong[0]]} has label {label[wrong[0]]} (after the labels offset); the "
                    f"net has classes 0 to {net.num_classes - 1}"
                )
            rows.append((key, label, *predict(features["image"], features["label"])))
            bar.update(len(key))
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    if not columns or len(columns[0]) != total:
        count = len(columns[0]) if columns else 0
        raise DamagedData(f"{count} images were read, {total} are in the manifest")
    return Predictions(*columns)


def _result(
    predicted: Predictions,
    loaded: trained_net.TrainedNet,
    seconds: float,
    predictions: Any,
    warnings: list[str],
) -> EvalResult:
    n = len(predicted.label)
    return EvalResult(
        n=n,
        metrics=metrics.measure(predicted),
        top1_interval=metrics.wilson(int(np.sum(predicted.rank < 1)), n),
        top5_interval=metrics.wilson(int(np.sum(predicted.rank < 5)), n),
        preprocessing=loaded.pipeline.spec,
        checkpoint=storage.as_asked(loaded.checkpoint.prefix),
        step=loaded.checkpoint.step,
        weights=loaded.weights,
        seconds=seconds,
        images_per_second=n / max(seconds, 1e-9),
        near_duplicates=None if predicted.group is None else n - len(np.unique(predicted.group)),
        predictions=None if predictions is None else str(predictions),
        warnings=tuple(warnings),
        averaged=loaded.averaged,
        **_not_finite(predicted),
    )
