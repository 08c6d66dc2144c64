"""Lighting as most code after AlexNet has it: Torch's principal components of 0..1 pixels.

Source: facebook/fb.resnet.torch, datasets/imagenet.lua. The eigenvalues come from other pixels than
the paper's, and multiply as they are: some 3.2 grey levels a channel at sigma 0.1.
`alexnet:lighting=paper` and `cuda_convnet2` are the paper's and its author's own.
"""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.limits import NotNegative
from imagenet_tools.preprocessing import ops

EIGENVALUES = (0.2175, 0.0188, 0.0045)
# Directions in R G B, one a row.
DIRECTIONS = (
    (-0.5675, -0.5808, -0.5836),
    (0.7192, -0.0045, -0.6948),
    (0.4009, -0.8140, 0.4203),
)


@registry.register_part(
    "lighting", "colour", source="facebook/fb.resnet.torch, datasets/imagenet.lua, Lighting"
)
def lighting(
    image: tf.Tensor, is_training: bool, seed: tf.Tensor, *, sigma: NotNegative = 0.1
) -> tf.Tensor:
    """Lighting: one shift of the colours an image, along the principal components.

    - train: each component's direction times N(0, sigma) times its eigenvalue, of pixels of 0..1
    """
    if not is_training or sigma == 0:
        return image
    draw = ops.normal(seed, "lighting", (3,)) * sigma * tf.constant(EIGENVALUES)
    shift = tf.linalg.matvec(tf.constant(DIRECTIONS), draw, transpose_a=True)
    return image + ops.channels(image, 255.0 * shift)
