"""A pipeline as training runs it: compiled, so that what Python draws is drawn once a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.diagnosis.sample import Picture
from imagenet_tools.pipelines import probe
from imagenet_tools.pipelines.pipeline import Pipeline, as_written
from imagenet_tools.training import batches

RETRACED = 4  # graphs compiled anew: one alone may draw what the first drew

Run = Callable[[np.ndarray, int], np.ndarray]


def compiled(pipeline: Pipeline, size: int, is_training: bool) -> Run:
    """A graph of its own, as a function of (uint8 image, number of the draw)."""

    def call(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return pipeline.preprocess_image(image, size, size, is_training, seed=seed)

    signature = [tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([2], tf.int32)]
    traced = tf.function(call, autograph=False, input_signature=signature)

    @cache
    def graph() -> Any:
        """Not by `traced` itself, which looks for the graph of its arguments at every call."""
        return traced.get_concrete_function()

    def run(image: np.ndarray, draw: int) -> np.ndarray:
        return np.asarray(graph()(tf.constant(image), tf.constant([17, draw])))

    return run


class Tidy:
    """A run in float64 with zeros for what is NaN or infinite, so that the rest can be measured.

    calls: how often it ran; bad: how often something was not finite. refused: the first picture
    that it failed on, of which zeros come, and why; one that fails on its very first raises.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.calls, self.bad = run, 0, 0
        self.refused: str | None = None
        self._shape: tuple[int, ...] = ()

    def exact(self, image: np.ndarray, draw: int) -> np.ndarray:
        """The output as it is."""
        try:
            out = self.run(image, draw).astype(np.float64)
        except Exception as error:  # whatever a plug-in raises is a finding
            if not self._shape:
                raise
            height, width, _ = image.shape
            why = f"a picture of {height} x {width} pixels: {probe.last_word(error)[:120]}"
            self.refused = self.refused or why
            return np.zeros(self._shape)
        self._shape = out.shape
        self.calls += 1
        self.bad += not np.isfinite(out).all()
        return out

    def __call__(self, image: np.ndarray, draw: int) -> np.ndarray:
        out = self.exact(image, draw)
        return np.asarray(np.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0))


def outputs(
    pipeline: Pipeline, size: int, pictures: Sequence[Picture], is_training: bool, epochs: int
) -> list[np.ndarray]:
    """Each epoch's outputs [images, size, size, channels], through one graph as in training."""
    encoded = [picture.encoded for picture in pictures]

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
    images = np.stack([out.numpy() for out in stream.map(as_written(load), 2)])
    return list(images.reshape(epochs, len(encoded), *images.shape[1:]))


def drawn_anew(
    pipeline: Pipeline, size: int, pictures: Sequence[Picture], first: np.ndarray
) -> bool:
    """Whether a graph compiled anew gives other outputs than `first`, those of a graph before."""
    few = pictures[:2]
    return any(
        not np.array_equal(outputs(pipeline, size, few, True, 1)[0], first[: len(few)])
        for _ in range(RETRACED)
    )
