"""TF-Slim's LeNet preprocessing: the central window of the image as it is; nothing is drawn.

Source of every constant: tensorflow/models, research/slim/preprocessing/lenet_preprocessing.py at
d4eedbb9 (January 2020), which swaps height and width; put right here.
"""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.preprocessing import cifarnet_preprocessing


def geometry(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
) -> views.View:
    """Cut the output from the image as it is.

    - not resized; the central window, zeros where the image is smaller
    """
    view: views.View = cifarnet_preprocessing.centre(height, width, output_height, output_width)
    return view


def value_range(image: tf.Tensor) -> tf.Tensor:
    """Bring 0..255 to -1..0.99.

    - minus 128, divided by 128: -1..0.992
    """
    return (image - 128.0) / 128.0


lenet = registry.register_parts(
    "lenet",
    geometry=geometry,
    range=value_range,
    summary="TF-Slim's LeNet preprocessing: the central window, -1..0.99",
    source="tensorflow/models d4eedbb9, research/slim/preprocessing/lenet_preprocessing.py",
)
preprocess_image = lenet.preprocess_image
