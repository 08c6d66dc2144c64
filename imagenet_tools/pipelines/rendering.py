"""Turn a View into pixels: from a decoded image, or fused, from JPEG bytes.

`render_plane` does what TF-Slim does, in its order, and is what the other two are held to by tests
(99.9 % of values within 1/255 of the range, means within a thousandth). They sample the same grid
from the part of the source that the output needs; from JPEG bytes only that part is decoded. Where
compiled.py is in use its kernel samples, else TensorFlow's operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled
from imagenet_tools.pipelines.views import METHODS, RADIUS, View

# Source pixels decoded around the window that is needed, so that chroma upsampling at its edge
# sees the neighbours that it sees in the whole image.
MARGIN = 4
# A bilinear window of more than this share of its plane costs more to sample alone than
# TensorFlow's resize of the whole plane (0.83 x for VGG's evaluation, a share of 0.5).
WORTHWHILE = 0.45


# TF-Slim's decoder: every image as RGB, however it was stored.
CHANNELS = 3


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decode JPEG bytes to uint8 [h, w, 3]; grey comes out as three equal channels."""
    return tf.io.decode_jpeg(encoded, channels=CHANNELS)


# Reads the source's pixels, uint8 or float32 [h, w, c], in a window: y, x, height, width.
Read: TypeAlias = "Callable[[tf.Tensor], tf.Tensor]"


def render_plane(image: tf.Tensor, view: View) -> tf.Tensor:
    """Take a view of a decoded image: crop it, resize it whole, cut the window from it.

    image: [h, w, c], uint8 or float32, 0..255. Returns float32 [H, W, c], 0..255; zeros where the
    window reaches outside the plane; TF-Slim's bicubic sampling may leave the range a little.
    """
    y, x, height, width = tf.unstack(view.crop)
    plane = resample(image[y : y + height, x : x + width], view.resize, view.method)
    return _flip(plane if _is_whole(view) else _cut(plane, view), view)


def render_image(image: tf.Tensor, view: View, line: np.ndarray = compiled.SAME) -> tf.Tensor:
    """Take a view of a decoded image, as render_plane; only the window is resized where that pays.

    Within 1e-4 of the range of render_plane's pixels, times line[0] plus line[1].
    """
    if _compiled(view):
        return compiled.sample(image, tf.constant([0, 0]), view, line)

    def read(window: tf.Tensor) -> tf.Tensor:
        y, x, height, width = tf.unstack(window)
        return image[y : y + height, x : x + width]

    return _along(line, _render(read, lambda: image, view))


def _along(line: np.ndarray, pixels: tf.Tensor) -> tf.Tensor:
    return pixels if line is compiled.SAME else pixels * line[0] + line[1]


def resample(image: tf.Tensor, size: tf.Tensor, method: str | tf.Tensor) -> tf.Tensor:
    """Resize [h, w, c] to `size`, int32 [2], by one of METHODS; returns float32."""
    batch = image[tf.newaxis]
    resizers: list[Callable[[], tf.Tensor]] = [
        # Of floats: the same numbers, and quicker than of bytes by a third, the cast included.
        lambda: tf.raw_ops.ResizeBilinear(images=tf.cast(batch, tf.float32), size=size),
        lambda: tf.cast(tf.raw_ops.ResizeNearestNeighbor(images=batch, size=size), tf.float32),
        lambda: tf.raw_ops.ResizeBicubic(images=batch, size=size),
        lambda: tf.raw_ops.ResizeArea(images=batch, size=size),
        lambda: tf.image.resize(batch, size, antialias=True),
        lambda: _bicubic(batch, size),
        lambda: tf.image.resize(batch, size),
    ]
    if isinstance(method, str):
        return resizers[METHODS.index(method)]()[0]
    return tf.switch_case(method, resizers)[0]


def _bicubic(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Along the rows, then along the columns; clipped after each."""
    for sides in (tf.stack([tf.shape(images)[1], size[1]]), size):
        images = tf.image.resize(images, sides, "bicubic", antialias=True)
        images = tf.clip_by_value(images, 0.0, 255.0)
    return images


def _is_whole(view: View) -> bool:
    """True where it is known beforehand that the output is the whole plane."""
    plane, window = tf.get_static_value(view.resize), tf.get_static_value(view.window)
    known = plane is not None and window is not None
    return known and tuple(plane) == tuple(view.size) and not np.any(window)


def _cut(plane: tf.Tensor, view: View) -> tf.Tensor:
    """The window's part of the plane, with zeros for what lies outside."""
    low = tf.maximum(view.window, 0)
    high = tf.minimum(view.window + tf.constant(view.size), tf.shape(plane)[:2])
    high = tf.maximum(low, high)
    inside = plane[low[0] : high[0], low[1] : high[1]]
    before = tf.minimum(low - view.window, tf.constant(view.size))  # all, where it is outside
    after = tf.constant(view.size) - before - (high - low)
    padded = tf.pad(inside, tf.concat([tf.stack([before, after], axis=1), [[0, 0]]], axis=0))
    return tf.ensure_shape(padded, [None, None, plane.shape[-1]])  # tf.pad forgets the channels


def _never_flipped(view: View) -> bool:
    """True where it is known beforehand that the view is not mirrored, as in evaluation."""
    flip = tf.get_static_value(view.flip)
    return flip is not None and not flip


def _flip(image: tf.Tensor, view: View) -> tf.Tensor:
    if not _never_flipped(view):
        image = tf.cond(view.flip, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.ensure_shape(image, [*view.size, None])


def render_jpeg(encoded: tf.Tensor, view: View, line: np.ndarray = compiled.SAME) -> tf.Tensor:
    """Take a view of JPEG bytes, decoding only what it needs.

    line: float32 [2, 3], as in compiled.sample. Returns float32 [H, W, 3], 0..255 before the line.
    """
    shape = tf.io.extract_jpeg_shape(encoded)[:2]
    if _compiled(view):
        low, high = _needed(view, shape)
        window = tf.concat([low, high - low], axis=0)
        pixels = tf.io.decode_and_crop_jpeg(encoded, window, channels=CHANNELS)
        return compiled.sample(pixels, low, view, line)
    if _is_whole(view):
        plane = resample(_decode_crop(encoded, view, shape), view.resize, view.method)
        return _along(line, _flip(plane, view))

    def read(window: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_and_crop_jpeg(encoded, window, channels=CHANNELS)

    return _along(line, _render(read, lambda: decode(encoded), view))


def _render(read: Read, whole: Callable[[], tf.Tensor], view: View) -> tf.Tensor:
    """Sample the window alone where it lies in the plane and that pays, else from the plane."""
    samplers = {"antialias": _sample_antialiased, "bilinear": _sample_bilinear}
    sample = samplers.get(view.method) if isinstance(view.method, str) else None
    if sample is _sample_bilinear and _never_flipped(view):
        sample = None  # an evaluation window is large: asking whether it pays costs a tenth
    if sample is None or _is_whole(view):
        return render_plane(whole(), view)
    fits = tf.reduce_all((view.window >= 0) & (view.window + tf.constant(view.size) <= view.resize))
    if view.method == "bilinear":
        area = tf.cast(tf.reduce_prod(view.resize), tf.float32)
        fits &= float(np.prod(view.size)) < WORTHWHILE * area
    return tf.cond(
        fits, lambda: _flip(sample(read, view), view), lambda: render_plane(whole(), view)
    )


def _decode_crop(encoded: tf.Tensor, view: View, shape: tf.Tensor) -> tf.Tensor:
    """Decode the crop alone, with the pixels that decoding the whole image would give it."""
    low, high = _needed(view, shape)
    around = tf.io.decode_and_crop_jpeg(encoded, tf.concat([low, high - low], 0), channels=CHANNELS)
    y, x = tf.unstack(view.crop[:2] - low)
    return around[y : y + view.crop[2], x : x + view.crop[3]]


def _compiled(view: View) -> bool:
    """True where a compiled kernel samples this view."""
    known = isinstance(view.method, str) and view.method in compiled.METHODS
    return known and compiled.in_use()


def _needed(view: View, shape: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The corners of the part of a source that a view looks at, with a margin: int32 [2] each."""
    corner = view.crop[:2]
    if _is_whole(view):
        last = corner + view.crop[2:]
        return tf.maximum(corner - MARGIN, 0), tf.minimum(last + MARGIN, shape)
    span = _span_bilinear if view.method == "bilinear" else _span_antialiased
    first, last = (corner + tf.cast(place, tf.int32) for place in span(view))
    low = tf.clip_by_value(first - MARGIN, 0, shape - 1)
    return low, tf.clip_by_value(last + MARGIN, low + 1, shape)


def _sample_antialiased(read: Read, view: View) -> tf.Tensor:
    """Sample the window's grid points, antialiased, from the part of the source around them."""
    step, window = _step(view), tf.cast(view.window, tf.float32)
    pixels, start = _read_around(read, view, *_span_antialiased(view))
    # ScaleAndTranslate looks, for output i, at source (i + 0.5 - translation) * step - 0.5;
    # wanted is (i + window + 0.5) * step - 0.5 - start.
    sampled = tf.raw_ops.ScaleAndTranslate(
        images=pixels[tf.newaxis],
        size=tf.constant(view.size, tf.int32),
        scale=1.0 / step,
        translation=start / step - window,
        kernel_type="triangle",
        antialias=True,
    )
    return sampled[0]


def _sample_bilinear(read: Read, view: View) -> tf.Tensor:
    """Sample the window's grid points on TF1's grid: output i at source i * step, clamped."""
    step, window = _step(view), tf.cast(view.window, tf.float32)
    pixels, start = _read_around(read, view, *_span_bilinear(view))

    def points(axis: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Index of the pixel before each grid point and of the one after, and the part between."""
        grid = tf.range(view.size[axis], dtype=tf.float32) + window[axis]
        at = grid * step[axis] - start[axis]
        before = tf.cast(tf.floor(at), tf.int32)
        after = tf.minimum(before + 1, tf.shape(pixels)[axis] - 1)
        return before, after, at - tf.floor(at)

    before, after, part = points(0)
    rows = tf.cast(tf.gather(pixels, before), tf.float32)
    rows += (tf.cast(tf.gather(pixels, after), tf.float32) - rows) * part[:, None, None]
    before, after, part = points(1)
    left = tf.gather(rows, before, axis=1)
    return left + (tf.gather(rows, after, axis=1) - left) * part[:, None]


def _span_antialiased(view: View) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the last place in the crop that the window's points reach: float32 [2] each."""
    step, window = _step(view), tf.cast(view.window, tf.float32)
    reach = RADIUS[view.method] * tf.maximum(step, 1.0)
    size = tf.constant(view.size, tf.float32)
    return (window + 0.5) * step - 0.5 - reach, (window + size - 0.5) * step - 0.5 + reach


def _span_bilinear(view: View) -> tuple[tf.Tensor, tf.Tensor]:
    step, window = _step(view), tf.cast(view.window, tf.float32)
    return window * step, (window + tf.constant(view.size, tf.float32) - 1.0) * step + 1.0


def _step(view: View) -> tf.Tensor:
    """Source pixels an output pixel, float32 [2]."""
    return tf.cast(view.crop[2:], tf.float32) / tf.cast(view.resize, tf.float32)


def _read_around(
    read: Read, view: View, first: tf.Tensor, last: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Read the crop's rows and columns from `first` to `last`, float32 [2] each, and a margin.

    Returns the pixels and where they begin in the crop, float32 [2].
    """
    size = view.crop[2:]
    low = tf.clip_by_value(tf.cast(tf.floor(first), tf.int32) - MARGIN, 0, size - 1)
    high = tf.cast(tf.math.ceil(last), tf.int32) + 1 + MARGIN
    high = tf.clip_by_value(high, low + 1, size)
    window = tf.concat([low + view.crop[:2], high - low], axis=0)
    return read(window), tf.cast(low, tf.float32)
