"""Nets by TF-Slim's names, with TF-Slim's variables, behind one call.

net = nets.create("alexnet_v2", num_classes=1001, image_size=224)
logits = net(images, is_training=True, seed=tf.constant([1, 2]))   # inside a tf.function
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.nets import alexnet_v2, initialisation, slim_nets


class LayerRow(NamedTuple):
    """One row of the table that describe-model prints."""

    name: str
    shape: tuple[int, ...]
    parameters: int


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
        mixed_precision: bool = False,
    ) -> None:
        draw = initialisation.slim if start == "slim" else initialisation.he
        self.num_classes, self.image_size = num_classes, image_size
        self.keep_prob, self.mixed_precision = dropout_keep_prob, mixed_precision
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
        return self._forward(images, is_training=is_training, seed=seed)

    def heads(
        self, images: tf.Tensor, seed: tf.Tensor, part: alexnet_v2.Part = (0, 1)
    ) -> list[tuple[float, tf.Tensor]]:
        """Each head that is trained, float32, with its weight in the loss: here one.

        part: which images of the whole batch these are; see alexnet_v2.dropout.
        """
        return [(1.0, self._forward(images, is_training=True, seed=seed, part=part))]

    def _forward(self, images: tf.Tensor, **settings: Any) -> tf.Tensor:
        variables = self.variables
        if self.mixed_precision:
            variables = {name: tf.cast(v, tf.bfloat16) for name, v in variables.items()}
            images = tf.cast(images, tf.bfloat16)
        logits = alexnet_v2.forward(variables, images, keep_prob=self.keep_prob, **settings)
        return tf.cast(logits, tf.float32)

    def lsuv(self, images: tf.Tensor) -> dict[str, float]:
        """Scale the weights to unit variance on these images; see initialisation.lsuv."""

        @tf.function(autograph=False)
        def deviations() -> list[tf.Tensor]:
            tap: dict[str, tf.Tensor] = {}
            alexnet_v2.forward(self.variables, images, tap=tap)
            return [tf.math.reduce_std(output) for output in tap.values()]

        return initialisation.lsuv(
            self.variables,
            lambda: {
                name: float(value)
                for name, value in zip(self.regularized, deviations(), strict=True)
            },
        )


Net = AlexNet | slim_nets.SlimNet


def names() -> list[str]:
    """The names that `create` takes."""
    return ["alexnet_v2", *slim_nets.SOURCES]


def default_size(name: str) -> int:
    """The image size in pixels that a net was made for."""
    _known(name)
    return alexnet_v2.DEFAULT_SIZE if name == "alexnet_v2" else slim_nets.SOURCES[name].image_size


def layers(net: Net) -> list[LayerRow]:
    """Each trained variable with its shape and number of parameters, in the net's order."""
    return [
        LayerRow(name, tuple(variable.shape), int(np.prod(variable.shape)))
        for name, variable in net.trainable.items()
    ]


def class_count(name: str, tensors: Mapping[str, np.ndarray]) -> int:
    """Number of logits of a checkpoint of this net, from its last layer's biases."""
    _known(name)
    last = slim_nets.SOURCES[slim_nets.REFERENCE if name == "alexnet_v2" else name].last
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
    mixed_precision: bool = False,
) -> Net:
    """Make a net with fresh variables.

    num_classes counts all logits, background included. initialisation: "slim", "he" or "lsuv";
    after "lsuv" call net.lsuv(images) with a first batch. mixed_precision: bfloat16 on the way,
    float32 variables and logits. Raises LookupError for an unknown name, ValueError for a size
    that the net does not take.
    """
    _known(name)
    size = image_size or default_size(name)
    if name == "alexnet_v2":
        return AlexNet(
            num_classes,
            size,
            seed=seed,
            start=initialisation,
            dropout_keep_prob=dropout_keep_prob,
            mixed_precision=mixed_precision,
        )
    return slim_nets.SlimNet(
        name, num_classes, size, seed, initialisation, dropout_keep_prob, mixed_precision
    )


def _known(name: str) -> None:
    if name not in names():
        raise LookupError(f"unknown model {name!r}; known: {', '.join(names())}")
