"""Nets by TF-Slim's names, with TF-Slim's variables, behind one call.

net = nets.create("alexnet_v2", num_classes=1001, image_size=224)
logits = net(images, is_training=True, seed=tf.constant([1, 2]))   # inside a tf.function
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.nets import alexnet_v2, initialisation


class LayerRow(NamedTuple):
    """One row of the table that describe-model prints."""

    name: str
    shape: tuple[int, ...]
    parameters: int


Net = Any  # whatever `create` returns: AlexNet, or a net of tf_slim's with the same members


class AlexNet:
    """Our alexnet_v2: variables under TF-Slim's names, and the forward pass.

    num_classes counts every logit (1001 with background). variables and trainable map names to
    tf.Variable; regularized names those under weight decay.
    """

    name = "alexnet_v2"

    def __init__(
        self,
        num_classes: int,
        image_size: int,
        *,
        seed: int = 0,
        start: str = "slim",
        dropout_keep_prob: float = 0.5,
    ) -> None:
        draw = initialisation.slim if start == "slim" else initialisation.he
        self.num_classes, self.image_size = num_classes, image_size
        self.keep_prob = dropout_keep_prob
        self.variables = {
            name: tf.Variable(draw(name, shape, seed), name=name)
            for name, shape in alexnet_v2.shapes(num_classes, image_size).items()
        }
        self.trainable = dict(self.variables)
        self.regularized = tuple(name for name in self.variables if name.endswith("/weights"))
        self.is_proxy = image_size not in alexnet_v2.SLIM_SIZES

    def __call__(
        self, images: tf.Tensor, is_training: bool = False, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        return alexnet_v2.forward(
            self.variables, images, is_training=is_training, seed=seed, keep_prob=self.keep_prob
        )

    def lsuv(self, images: tf.Tensor) -> dict[str, float]:
        """Scale the weights to unit variance on these images; see initialisation.lsuv."""

        @tf.function(autograph=False)
        def outputs() -> dict[str, tf.Tensor]:
            tap: dict[str, tf.Tensor] = {}
            alexnet_v2.forward(self.variables, images, tap=tap)
            return tap

        return initialisation.lsuv(self.variables, list(self.regularized), outputs)

    def layers(self) -> list[LayerRow]:
        """Each variable with its shape and number of parameters, in the net's order."""
        return [
            LayerRow(name, tuple(variable.shape), int(np.prod(variable.shape)))
            for name, variable in self.variables.items()
        ]


def names() -> list[str]:
    """The names that `create` takes."""
    return ["alexnet_v2"]


def class_count(name: str, tensors: Mapping[str, np.ndarray]) -> int:
    """Number of logits of a checkpoint of this net, from its last layer's biases."""
    last = {"alexnet_v2": "alexnet_v2/fc8/biases"}[name]
    if last not in tensors:
        raise ValueError(f"no {last} in the checkpoint; is it one of {name}?")
    return int(tensors[last].shape[0])


def create(
    name: str,
    num_classes: int,
    image_size: int | None = None,
    *,
    seed: int = 0,
    initialisation: str = "slim",
    dropout_keep_prob: float = 0.5,
) -> AlexNet:
    """Make a net with fresh variables.

    num_classes counts all logits, background included. initialisation: "slim", "he" or "lsuv";
    after "lsuv" call net.lsuv(images) with a first batch. Raises LookupError for an unknown name.
    """
    if name not in names():
        raise LookupError(f"unknown model {name!r}; known: {', '.join(names())}")
    return AlexNet(
        num_classes,
        image_size or alexnet_v2.DEFAULT_SIZE,
        seed=seed,
        start=initialisation,
        dropout_keep_prob=dropout_keep_prob,
    )
