"""A View rendered as two matrix products, for runtimes that lack TensorFlow's resize.

The weights are those of rendering.py's samplers; most of a matrix is zeros, so that it is slower.
"""

from __future__ import annotations

import tensorflow as tf

from imagenet_tools.pipelines.views import View

METHODS = ("bilinear", "antialias", "bicubic_antialias", "half_pixel")


def render(image: tf.Tensor, view: View) -> tf.Tensor:
    """Take a view, of a method of METHODS and not mirrored, of a decoded image.

    image: [h, w, c], 0..255. Returns float32 [H, W, c], 0..255; zeros where the window reaches
    outside the plane. Within 1e-4 of the range of rendering.render_plane's pixels.
    """
    size = tf.shape(image)
    rows, columns = (_weights(view, axis, size[axis]) for axis in (0, 1))
    pixels = _clipped(tf.einsum("xw,hwc->hxc", columns, tf.cast(image, tf.float32)), view)
    pixels = _clipped(tf.einsum("yh,hxc->yxc", rows, pixels), view)
    return tf.ensure_shape(pixels, [*view.size, None])


def _clipped(pixels: tf.Tensor, view: View) -> tf.Tensor:
    """Within 0..255, which a cubic may leave."""
    cubic = view.method == "bicubic_antialias"
    return tf.clip_by_value(pixels, 0.0, 255.0) if cubic else pixels


def _weights(view: View, axis: int, length: tf.Tensor) -> tf.Tensor:
    """What each pixel of a side of the source counts for in each of the output: [size, length]."""
    first, count, plane = view.crop[axis], view.crop[2 + axis], view.resize[axis]
    step = tf.cast(count, tf.float32) / tf.cast(plane, tf.float32)
    last = tf.cast(count - 1, tf.float32)
    at = tf.range(view.size[axis], dtype=tf.int32) + view.window[axis]
    if view.method == "bilinear":  # TF1's grid
        centre = tf.minimum(tf.cast(at, tf.float32) * step, last)
    else:
        centre = (tf.cast(at, tf.float32) + 0.5) * step - 0.5
    reach = tf.maximum(step, 1.0) if view.method.endswith("antialias") else 1.0
    source = tf.cast(tf.range(length) - first, tf.float32)
    kernel = _cubic if view.method == "bicubic_antialias" else _triangle
    weights = kernel(tf.abs(source[None, :] - centre[:, None]) / reach)
    weights *= tf.cast((source >= 0.0) & (source <= last), tf.float32)
    inside = tf.cast((at >= 0) & (at < plane), tf.float32)[:, None]
    # Outside, where the sum may be nothing, the weights are not asked for.
    total = tf.reduce_sum(weights, axis=1, keepdims=True) * inside + (1.0 - inside)
    return weights * inside / total


def _triangle(distance: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(1.0 - distance)


def _cubic(distance: tf.Tensor) -> tf.Tensor:
    """Keys' cubic, a = -0.5, as ScaleAndTranslate has it."""
    near = ((1.5 * distance - 2.5) * distance) * distance + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return tf.where(distance < 1.0, near, tf.where(distance < 2.0, far, 0.0))
