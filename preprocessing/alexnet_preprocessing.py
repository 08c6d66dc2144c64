"""AlexNet's preprocessing, from the paper and from its author's code.

Sources: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
Networks, NIPS 2012 ("the paper"); cuda-convnet2 at 3238bf0, the author's code: make-data.py,
pyext.cpp, convdata.py and the means and principal components in make-data/input_meta; BVLC Caffe,
models/bvlc_alexnet and examples/imagenet.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Literal

import numpy as np
import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.pipelines.limits import NotNegative, together
from imagenet_tools.preprocessing import ops

# The paper's sides: pictures of 256, windows of 224. Other output sizes keep the ratio.
PICTURE_SIDE, WINDOW_SIDE = 256, 224
# The means of the mean image in cuda-convnet2's input_meta, R G B.
MEAN_PIXEL = (127.30, 119.72, 104.91)
# The means of Caffe's ilsvrc_2012_mean.npy, as R G B.
CAFFE_MEAN_PIXEL = (122.679, 116.669, 104.007)
# Principal components of the training set's pixels (input_meta, color_pca): standard deviations
# in grey levels, and the direction of each in R G B.
PCA_DEVIATIONS = (121.780, 37.094, 19.721)
PCA_DIRECTIONS = (
    (-0.5635, -0.5762, -0.5920),
    (-0.7126, -0.0235, 0.7012),
    (0.4180, -0.8170, 0.3973),
)
# Inception's factor: both then train under the same learning rate.
UNIT_SCALE = 1 / 127.5


def geometry(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
    *,
    borders: Literal["cut", "keep"] = "cut",
) -> views.View:
    """Bring the shorter side to 256, keeping the aspect, and cut 224 from it.

    - the shorter side to 256/224 of the output, antialiased (the author's code shrinks by area)
    - the central square of it (256 x 256); with borders=keep all of it
    - train: a random window of the output's size, mirrored half the time; eval: the central window
    """
    size = (output_height, output_width)
    picture = tf.constant(_picture(size))
    source = tf.cast(tf.stack([height, width]), tf.float32)
    scale = tf.reduce_max(tf.cast(picture, tf.float32) / source)
    plane = tf.maximum(views.at_scale(height, width, scale), picture)
    room = tf.concat([(plane - picture) // 2, picture], axis=0)
    if borders == "keep":
        room = views.whole(plane[0], plane[1])
    return _window(views.whole(height, width), plane, room, size, is_training, seed)


def squashed(
    height: tf.Tensor,
    width: tf.Tensor,
    output_height: int,
    output_width: int,
    is_training: bool,
    seed: tf.Tensor,
) -> views.View:
    """Squash the image to 256 x 256 and cut 224 from it, as Caffe's example does.

    - squashed to 256/224 of the output, aspect ignored, antialiased
    - train: a random window of the output's size, mirrored half the time; eval: the central window
    """
    size = (output_height, output_width)
    picture = _picture(size)
    plane, room = tf.constant(picture), tf.constant((0, 0, *picture))
    return _window(views.whole(height, width), plane, room, size, is_training, seed)


def _picture(size: tuple[int, int]) -> tuple[int, int]:
    height, width = (round(side * PICTURE_SIDE / WINDOW_SIDE) for side in size)
    return height, width


def _window(
    crop: tf.Tensor,
    plane: tf.Tensor,
    room: tf.Tensor,
    size: tuple[int, int],
    is_training: bool,
    seed: tf.Tensor,
) -> views.View:
    offset, flip = ops.window(seed, room[2:] - tf.constant(size), is_training)
    return views.View(crop, plane, "antialias", room[:2] + offset, size, flip, room)


def colour(
    image: tf.Tensor,
    is_training: bool,
    seed: tf.Tensor,
    *,
    lighting: Literal["paper", "cuda_convnet2", "0"] = "paper",
    sigma: NotNegative = 0.1,
) -> tf.Tensor:
    """Change intensity and colour of the illumination along the principal components.

    - train: PCA lighting, one draw an image: each component's direction times N(0, sigma) times
      its eigenvalue (lighting=paper, pixels taken as 0..1: 3.4 grey levels a channel at sigma
      0.1) or its standard deviation (lighting=cuda_convnet2, the author's code: 7.4 grey levels,
      then everything divided by 1 + sigma); lighting=0: none

    The paper speaks of eigenvalues; its author's code multiplies by their square roots. Torch's
    well-known eigenvalues (0.2175, 0.0188, 0.0045) come from other pixels: 3.2 grey levels.
    """
    if not is_training or lighting == "0" or sigma == 0:
        return image
    strengths = tf.constant(PCA_DEVIATIONS)
    if lighting == "paper":
        # The variance of pixels of 0..1, in grey levels again.
        strengths = strengths**2 / 255
    draw = ops.normal(seed, "lighting", (3,)) * sigma * strengths
    noise = tf.linalg.matvec(tf.constant(PCA_DIRECTIONS), draw, transpose_a=True)
    if lighting == "paper":
        return image + ops.channels(image, noise)
    mean = tf.constant(MEAN_PIXEL)
    return (image + ops.channels(image, noise - mean)) / (1 + sigma) + ops.channels(image, mean)


def _check_mean(mean: str) -> None:
    if mean != "pixel" and not mean.endswith(".npy"):
        raise ValueError(f"mean={mean}: pixel, or a file FILE.npy with the mean image, is needed")


@together(_check_mean)
def value_range(
    image: tf.Tensor,
    *,
    mean: str = "pixel",
    scale: float = UNIT_SCALE,
    order: Literal["rgb", "bgr"] = "rgb",
    view: views.View,
) -> tf.Tensor:
    """Subtract the mean and bring the pixels to scale.

    - minus the mean pixel R 127.30, G 119.72, B 104.91; with mean=FILE.npy minus the mean image
      in the file, float32 [h, w, 3] of 0..255, where the window lies
    - times scale (1/127.5: about -1..1, inception's scale; alexnet_2012: 1, the published one)
    """
    return _centred(image, MEAN_PIXEL, mean, view, order) * scale


@together(_check_mean)
def caffe_range(
    image: tf.Tensor,
    *,
    mean: str = "pixel",
    scale: float = 1.0,
    order: Literal["rgb", "bgr"] = "bgr",
    view: views.View,
) -> tf.Tensor:
    """Subtract Caffe's mean, in Caffe's channel order.

    - minus the mean pixel B 104.007, G 116.669, R 122.679; with mean=FILE.npy minus the mean image
      in the file, float32 [h, w, 3] of 0..255 in R G B, where the window lies
    - channels in the order B G R (order=rgb: R G B)
    - times scale (1: about -123..151)
    """
    return _centred(image, CAFFE_MEAN_PIXEL, mean, view, order) * scale


def _centred(
    image: tf.Tensor,
    mean_pixel: tuple[float, float, float],
    mean: str,
    view: views.View,
    order: str,
) -> tf.Tensor:
    if mean == "pixel":
        image = image - ops.channels(image, mean_pixel)
    else:
        image = image - _mean_window(mean, view, gray=image.shape[-1] == 1)
    return image[..., ::-1] if order == "bgr" else image


def _mean_window(path: str, view: views.View, gray: bool) -> tf.Tensor:
    """The part of the mean image that lies under the window."""
    room = views.whole(view.resize[0], view.resize[1]) if view.room is None else view.room
    plane = tf.image.resize(tf.constant(_mean_image(path)), room[2:])
    y, x = tf.unstack(view.window - room[:2])
    part = plane[y : y + view.size[0], x : x + view.size[1]]
    part = tf.where(view.flip, part[:, ::-1], part)
    return tf.image.rgb_to_grayscale(part) if gray else part


@cache
def _mean_image(path: str) -> np.ndarray:
    image = np.load(path, allow_pickle=False)
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(f"{path} holds shape {image.shape}; a mean image [h, w, 3] is needed")
    return np.asarray(image, np.float32)


_as_published = partial(
    registry.register_parts,
    geometry=geometry,
    colour=colour,
    range=value_range,
    source="Krizhevsky et al., NIPS 2012; "
    "cuda-convnet2 3238bf0 (make-data, input_meta, convdata.py)",
)
alexnet = _as_published("alexnet", summary="AlexNet as published, brought to inception's scale")
alexnet_2012 = _as_published(
    "alexnet_2012",
    defaults={"scale": 1.0},
    summary="AlexNet as published, at the published scale of 0..255 minus the mean",
)
alexnet_caffe = registry.register_parts(
    "alexnet_caffe",
    geometry=squashed,
    colour=colour,
    range=caffe_range,
    defaults={"lighting": "0"},
    summary="Caffe's AlexNet: squashed to 256 x 256, B G R, 0..255 minus the mean, no lighting",
    source="BVLC Caffe: models/bvlc_alexnet, examples/imagenet, ilsvrc_2012_mean.npy",
)
preprocess_image = alexnet.preprocess_image
