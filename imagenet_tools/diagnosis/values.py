"""What comes out for photographs: range, mean, spread, and how much training varies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from imagenet_tools.diagnosis.sample import Picture
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.training import batches

RETRACED = 4  # graphs compiled anew: one alone may draw what the first drew


@dataclass(frozen=True)
class Values:
    """Figures over the same images, of the evaluation and of one epoch of training.

    mean, std: per channel. clipped: share of the values that lie on the output's extremes.
    draw_rms: root mean square of the difference of two epochs' outputs of one image, of the std.
    repeats: a second epoch of one compiled graph gave the first one's images. retraced: and a
    graph compiled anew gave others. eval_varies: evaluation is not the same twice.
    """

    train_mean: tuple[float, ...]
    eval_mean: tuple[float, ...]
    train_std: tuple[float, ...]
    eval_std: tuple[float, ...]
    train_rms: float
    eval_rms: float
    train_range: tuple[float, float]
    eval_range: tuple[float, float]
    clipped: float
    draw_rms: float
    repeats: bool
    retraced: bool
    same_as_eval: bool
    eval_varies: bool
    decoding: float
    finite: bool


def outputs(
    pipeline: Pipeline, size: int, pictures: Sequence[Picture], is_training: bool, epochs: int
) -> list[np.ndarray]:
    """Each epoch's outputs [images, size, size, channels], through one graph as in training."""
    encoded = [picture.encoded for picture in pictures]

    @tf.autograph.experimental.do_not_convert
    def load(data: tf.Tensor, number: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        seed = batches.draw_seed(0, epoch, tf.strings.as_string(number))
        return pipeline.preprocess_encoded(data, size, size, is_training, seed=seed)

    rows = [(e, i) for e in range(epochs) for i in range(len(encoded))]
    stream = tf.data.Dataset.from_tensor_slices(
        (
            [encoded[i] for _, i in rows],
            np.array([i for _, i in rows], np.int32),
            np.array([e for e, _ in rows], np.int32),
        )
    )
    found = np.stack([out.numpy() for out in stream.map(load, 2)])
    return list(found.reshape(epochs, len(encoded), *found.shape[1:]))


def measure(pipeline: Pipeline, size: int, pictures: Sequence[Picture]) -> Values:
    """Measure the values of a pipeline's outputs on these pictures."""
    first, second = outputs(pipeline, size, pictures, True, 2)
    looked, again = outputs(pipeline, size, pictures, False, 2)
    repeats = bool(np.array_equal(first, second))
    anew = repeats and any(
        not np.array_equal(outputs(pipeline, size, pictures[:2], True, 1)[0], first[:2])
        for _ in range(RETRACED)
    )
    spread = float(first.std()) or 1.0
    low, high = float(first.min()), float(first.max())
    return Values(
        train_mean=_each(first.mean(axis=(0, 1, 2))),
        eval_mean=_each(looked.mean(axis=(0, 1, 2))),
        train_std=_each(first.std(axis=(0, 1, 2))),
        eval_std=_each(looked.std(axis=(0, 1, 2))),
        train_rms=float(np.sqrt(np.mean(first**2))),
        eval_rms=float(np.sqrt(np.mean(looked**2))),
        train_range=(low, high),
        eval_range=(float(looked.min()), float(looked.max())),
        clipped=float(np.mean((first == low) | (first == high))),
        draw_rms=float(np.sqrt(np.mean((first - second) ** 2))) / spread,
        repeats=repeats,
        retraced=bool(anew),
        same_as_eval=bool(np.array_equal(first, looked)),
        eval_varies=not np.array_equal(looked, again),
        decoding=_decoding(pipeline, size, pictures[0].encoded, looked[0]),
        finite=bool(np.isfinite(first).all() and np.isfinite(looked).all()),
    )


def _each(numbers: np.ndarray) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)


def _decoding(pipeline: Pipeline, size: int, encoded: bytes, looked: np.ndarray) -> float:
    """Mean difference of the evaluation from bytes and from the decoded image, of its span."""
    image = tf.io.decode_jpeg(encoded, channels=3)
    exact = np.asarray(pipeline.preprocess_image(image, size, size, False, seed=(0, 0)))
    return float(np.mean(np.abs(exact - looked)) / max(float(np.ptp(exact)), 1e-9))
