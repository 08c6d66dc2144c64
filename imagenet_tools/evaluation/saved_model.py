"""A SavedModel that takes JPEG bytes or pixels, with the preprocessing inside, checked before it is
kept."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools import records, synthetic
from imagenet_tools.evaluation import evaluate, trained_net
from imagenet_tools.pipelines import compiled
from imagenet_tools.pipelines.pipeline import as_written
from imagenet_tools.records import schema

CHECKED = 64  # images
TOLERANCE = 1e-5  # of a probability: batches of another height round otherwise
LOGIT_TOLERANCE = 1e-4  # of the largest logit, where images come as pixels and are resampled anew
TOP = 5
PIXELS = "pixels"  # the signature that takes a decoded image


@dataclass(frozen=True)
class Export:
    """What was written: its folder, the images it was checked on, and the largest differences, of a
    probability from JPEGs, and of a logit from pixels as a part of the largest logit."""

    folder: str
    checked: int
    on: str
    largest_difference: float
    logit_difference: float


def export(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    preprocessing: str | None = None,
    model: str | None = None,
    image_size: int | None = None,
    moving_average: bool | None = None,
) -> Export:
    """Write a SavedModel of a checkpoint to the folder `out`, which must not exist.

    Its signature serving_default takes `images`, string [n], JPEG files; it gives label (int32,
    the logit's number), probability (float32 0..1), key (synset) and words (string), each
    [n, 5], likeliest first. Its signature pixels takes `image`, a decoded one, uint8 [height,
    width, 3], and gives `logits`, float32 [classes], by operations that ONNX has where the
    pipeline's are. Before it is put in place it is loaded again and compared with `evaluate` on
    the first 64 validation records of `data`, or without data on made-up photographs: ValueError
    where a probability differs by more than 1e-5, or a logit by 1e-4 of the largest.
    """
    target = Path(out)
    if target.exists():
        raise ValueError(f"{target} exists; choose another folder or remove it")
    loaded = trained_net.load(
        checkpoint,
        preprocessing=preprocessing,
        model=model,
        image_size=image_size,
        moving_average=moving_average,
    )
    encoded = _photographs() if data is None else _from_records(data)
    temporary = target.with_name(f".tmp-{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _save(loaded, trained_net.class_names(loaded, data), temporary)
        differences = _check(temporary, loaded, encoded)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    on = "made-up photographs" if data is None else f"{data}"
    return Export(str(target), len(encoded), on, *differences)


def _save(loaded: trained_net.TrainedNet, names: list[tuple[str, str]], folder: Path) -> None:
    module: Any = tf.Module()
    module.variables_by_name = dict(loaded.net.variables)
    keys, words = (tf.constant(column) for column in zip(*names, strict=True))
    size, top = loaded.image_size, min(TOP, len(names))

    def prepare(encoded: tf.Tensor) -> tf.Tensor:
        # An evaluation draws nothing; the seed only keeps random ops out of the graph.
        return loaded.pipeline.preprocess_encoded(encoded, size, size, False, seed=(0, 0))

    def serve(encoded: tf.Tensor) -> Mapping[str, tf.Tensor]:
        shape = tf.TensorSpec([size, size, None], tf.float32)
        batch = tf.map_fn(prepare, encoded, fn_output_signature=shape)
        chances, labels = tf.math.top_k(tf.nn.softmax(loaded.net(batch)), top)
        return {
            "label": labels,
            "probability": chances,
            "key": tf.gather(keys, labels),
            "words": tf.gather(words, labels),
        }

    bytes_of_jpegs = tf.TensorSpec([None], tf.string, name="images")
    module.serve = tf.function(serve, input_signature=[bytes_of_jpegs], autograph=False)

    def from_pixels(image: tf.Tensor) -> Mapping[str, tf.Tensor]:
        seen = loaded.pipeline.evaluate_portably(image, size, size)
        return {"logits": loaded.net(seen[tf.newaxis])[0]}

    decoded = tf.TensorSpec([None, None, 3], tf.uint8, name="image")
    module.from_pixels = tf.function(from_pixels, input_signature=[decoded], autograph=False)
    signatures = {"serving_default": module.serve, PIXELS: module.from_pixels}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _check(
    folder: Path, loaded: trained_net.TrainedNet, encoded: list[bytes]
) -> tuple[float, float]:
    """Compare both signatures with what `evaluate` computes; returns the largest differences."""
    signatures = tf.saved_model.load(str(folder)).signatures
    answer = signatures["serving_default"](images=tf.constant(encoded))
    size = loaded.image_size

    def load(one: tf.Tensor) -> dict[str, Any]:
        with compiled.use():  # as evaluations read records; the exported graph cannot
            image = loaded.pipeline.preprocess_encoded(one, size, size, False, seed=(0, 0))
        return {"image": image, "label": 0, "key": ""}

    stream = tf.data.Dataset.from_tensor_slices(encoded).map(as_written(load)).batch(len(encoded))
    wanted = evaluate.predict_all(loaded.net, stream, len(encoded))
    difference = float(np.abs(answer["probability"].numpy() - wanted.probability).max())
    _refuse(difference, TOLERANCE, "probabilities")
    (batch,) = stream.take(1)
    logits = tf.function(loaded.net, autograph=False)(batch["image"]).numpy()
    answers = [
        signatures[PIXELS](image=tf.io.decode_jpeg(one, 3))["logits"].numpy() for one in encoded
    ]
    of_pixels = float(np.abs(answers - logits).max() / max(1.0, np.abs(logits).max()))
    _refuse(of_pixels, LOGIT_TOLERANCE, "logits from pixels")
    return difference, of_pixels


def _refuse(difference: float, most: float, what: str) -> None:
    if not difference <= most:
        raise ValueError(
            f"the exported net's {what} differ from the evaluation's by {difference:.2g}; "
            "it was not kept"
        )


def _from_records(data: str | os.PathLike[str]) -> list[bytes]:
    if records.read_manifest(data).store == "raw":
        raise ValueError(f"{data} stores pixels; the exported net takes JPEGs, as --data must hold")
    examples = itertools.islice(records.examples(data, "validation"), CHECKED)
    return [one[schema.ENCODED][0] for one in examples]


def _photographs() -> list[bytes]:
    return [synthetic.picture(kind, "validation", 0) for kind in synthetic.KINDS]
