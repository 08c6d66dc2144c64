"""What a net written for this house need not write again: its variables, precision, and heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.nets import initialisation
from imagenet_tools.nets.net import BaseNet, Share


class Layered(BaseNet):
    """A Net of two functions: the shapes of its variables, and the forward pass.

    Variables end in /weights or /biases and are drawn by (seed, name).
    """

    def _create(self, seed: int, start: str) -> dict[str, tf.Variable]:
        shapes = self.shapes()
        self.regularized = tuple(name for name in shapes if name.endswith("/weights"))
        return {
            name: tf.Variable(_first(start, name, shape, seed), name=name)
            for name, shape in shapes.items()
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Variable -> shape, in the net's order."""
        raise NotImplementedError

    def forward(
        self,
        variables: Mapping[str, tf.Tensor],
        images: tf.Tensor,
        *,
        is_training: bool,
        seed: tf.Tensor | None,
        part: Share,
        tap: dict[str, tf.Tensor] | None,
    ) -> tf.Tensor:
        """Logits of images; tap receives each layer's output before its activation, if given."""
        raise NotImplementedError

    def __call__(
        self, images: tf.Tensor, is_training: bool = False, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._logits(images, is_training=is_training, seed=seed)

    def heads(
        self, images: tf.Tensor, seed: tf.Tensor, part: Share = (0, 1)
    ) -> list[tuple[float, tf.Tensor]]:
        return [(1.0, self._logits(images, is_training=True, seed=seed, part=part))]

    def activations(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        tap: dict[str, tf.Tensor] = {}
        self.forward(self.variables, images, is_training=False, seed=None, part=(0, 1), tap=tap)
        return dict(zip(self.regularized, tap.values(), strict=True))

    def _logits(
        self,
        images: tf.Tensor,
        *,
        is_training: bool = False,
        seed: tf.Tensor | None = None,
        part: Share = (0, 1),
    ) -> tf.Tensor:
        variables: dict[str, Any] = self.variables
        if self.mixed_precision:
            variables = {name: tf.cast(v, tf.bfloat16) for name, v in variables.items()}
            images = tf.cast(images, tf.bfloat16)
        logits = self.forward(
            variables, images, is_training=is_training, seed=seed, part=part, tap=None
        )
        return tf.cast(logits, tf.float32)


def _first(start: str, name: str, shape: tuple[int, ...], seed: int) -> Any:
    if start == "zeros":
        return np.zeros(shape, np.float32)
    draw = initialisation.slim if start == "slim" else initialisation.he
    return draw(name, shape, seed)
