"""A pipeline's evaluation as a Keras layer, which a saved model carries with it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from imagenet_tools import registry


@keras.saving.register_keras_serializable("imgtools")
class Preprocessing(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """Decoded images, uint8 or float [n, height, width, 3] of 0..255, to what the network sees.

    float32 [n, size, size, 3], as the pipeline evaluates; nothing is drawn, in `fit` neither. For
    Keras on TensorFlow. `model.save` keeps the spec, the size and the pipeline's fingerprint;
    ValueError (in loading, Keras's TypeError around it) where the pipeline of that name has another
    one by then. `model.export` keeps the operations themselves, and needs no imgtools later.
    """

    def __init__(
        self, pipeline: str, size: int, *, fingerprint: str | None = None, **keywords: Any
    ) -> None:
        super().__init__(dtype="float32", trainable=False, **keywords)
        self.pipeline, self.size = registry.get(pipeline), size
        if fingerprint not in (None, self.pipeline.fingerprint):
            raise ValueError(
                f"pipeline {pipeline} is {self.pipeline.fingerprint} here, and the saved layer's "
                f"is {fingerprint}: another version of imgtools, or of the plug-in, has made it"
            )

    def call(self, images: tf.Tensor) -> tf.Tensor:
        shape = tf.TensorSpec([self.size, self.size, None], tf.float32)
        return tf.map_fn(self._evaluated, images, fn_output_signature=shape)

    def _evaluated(self, image: tf.Tensor) -> tf.Tensor:
        return self.pipeline.evaluate_portably(image, self.size, self.size)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.size, self.size, 3)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("dtype", "trainable"):
            config.pop(name)
        fingerprint = self.pipeline.fingerprint
        return {
            **config,
            "pipeline": self.pipeline.spec,
            "size": self.size,
            "fingerprint": fingerprint,
        }
