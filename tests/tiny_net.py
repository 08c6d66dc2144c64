"""A net of some thousand weights, as a plug-in has one: for tests where any net will do."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from imagenet_tools.nets import Layered, register_net
from imagenet_tools.nets.alexnet_v2 import dropout
from imagenet_tools.nets.net import Share


@register_net("tiny", image_size=32, last="tiny/fc2/biases")
class Tiny(Layered):
    """Two convolutions, a mean over the map, and two products; any size from 16 pixels on."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        kernels = {
            "conv1": (5, 5, 3, 8),
            "conv2": (3, 3, 8, 16),
            "fc1": (1, 1, 16, 32),
            "fc2": (1, 1, 32, self.num_classes),
        }
        return {
            f"tiny/{layer}/{kind}": kernel if kind == "weights" else kernel[-1:]
            for layer, kernel in kernels.items()
            for kind in ("weights", "biases")
        }

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
        net = images
        for layer, stride in (("conv1", 4), ("conv2", 2), ("fc1", 1), ("fc2", 1)):
            if layer == "fc1":
                net = tf.reduce_mean(net, [1, 2], keepdims=True)
            net = tf.nn.conv2d(net, variables[f"tiny/{layer}/weights"], stride, "VALID")
            net = tf.nn.bias_add(net, variables[f"tiny/{layer}/biases"])
            if tap is not None:
                tap[layer] = net
            if layer != "fc2":
                net = tf.nn.relu(net)
            if layer == "fc1" and is_training and self.keep_prob < 1.0:
                net = dropout(net, self.keep_prob, seed, 1, part)
        return tf.squeeze(net, [1, 2])
