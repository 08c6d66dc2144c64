"""Run a pipeline on an image: decode, look, colour, range.

The half of imagenet_tools.pipelines that needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled, draws, rendering, views
from imagenet_tools.pipelines.parts import PLAIN, UNIVERSAL
from imagenet_tools.pipelines.pipeline import Pipeline

# TF-Slim's decoder: every image as RGB, however it was stored.
CHANNELS = 3
# A plain function has no resized plane to cut ten crops from: AlexNet's 256 for 224.
TEN_CROP_MARGIN = 256 / 224
# The size of the commonest ImageNet photograph, for the first probe of a plug-in.
_PROBE_HEIGHT, _PROBE_WIDTH = 375, 500
_probed: set[tuple[str, bool]] = set()

Size = tuple[int, int]
# AutoGraph would rewrite all of this where tf.data maps it, some four seconds at each start; a
# pipeline it cannot rewrite.
as_written = tf.autograph.experimental.do_not_convert


@as_written
def preprocess_image(
    pipeline: Pipeline,
    image: tf.Tensor,
    size: Size,
    is_training: bool,
    seed: Any,
    call: Mapping[str, Any],
) -> tf.Tensor:
    """See Pipeline.preprocess_image."""
    size = _static(size)
    _probe(pipeline, size, is_training)
    return _preprocess(pipeline, _as_rgb(image), size, is_training, seed, call)


def _preprocess(
    pipeline: Pipeline,
    image: tf.Tensor,
    size: Size,
    is_training: bool,
    seed: Any,
    call: Mapping[str, Any],
) -> tf.Tensor:
    seed = draws.fresh_seed() if seed is None else tf.convert_to_tensor(seed, tf.int32)
    if pipeline.plain:
        out = pipeline.parts[PLAIN](image, *size, is_training, call=call, seed=seed)
        return _universal(pipeline, _gray(pipeline, out, call), size, call)
    height, width = _size_of(image)
    seen = view(pipeline, height, width, size, is_training, seed, call)
    if (line := _line(pipeline, size, is_training, call)) is not None:
        return rendering.render_image(image, seen, line)
    pixels = rendering.render_image(image, seen)
    return _colour_and_range(pipeline, pixels, seen, is_training, seed, call)


@as_written
def preprocess_encoded(
    pipeline: Pipeline,
    encoded: tf.Tensor,
    size: Size,
    is_training: bool,
    seed: Any,
    call: Mapping[str, Any],
) -> tf.Tensor:
    """See Pipeline.preprocess_encoded."""
    size = _static(size)
    if pipeline.plain:
        image = tf.io.decode_jpeg(encoded, channels=CHANNELS)
        return preprocess_image(pipeline, image, size, is_training, seed, call)
    _probe(pipeline, size, is_training)
    seed = draws.fresh_seed() if seed is None else tf.convert_to_tensor(seed, tf.int32)

    def seen(height: tf.Tensor, width: tf.Tensor) -> views.View:
        return view(pipeline, height, width, size, is_training, seed, call)

    if (line := _line(pipeline, size, is_training, call)) is not None:
        return rendering.render_jpeg(encoded, seen, line)
    pixels = rendering.render_jpeg(encoded, seen)
    # Only a mean image asks for the view again; the seed makes it the same one.
    looked_at = None
    if pipeline.parts["range"].definition.accepts("range", "view"):
        height, width = tf.unstack(tf.io.extract_jpeg_shape(encoded)[:2])
        looked_at = seen(height, width)
    return _colour_and_range(pipeline, pixels, looked_at, is_training, seed, call)


@as_written
def view(
    pipeline: Pipeline,
    height: Any,
    width: Any,
    size: Size,
    is_training: bool,
    seed: Any,
    call: Mapping[str, Any],
) -> views.View:
    """See Pipeline.view."""
    if pipeline.plain:
        raise ValueError(f"{pipeline.spec} is a plain function: what it looks at is not described")
    seed = draws.fresh_seed() if seed is None else tf.convert_to_tensor(seed, tf.int32)
    height, width = (tf.convert_to_tensor(side, tf.int32) for side in (height, width))
    geometry = pipeline.parts["geometry"]
    return geometry(height, width, *_static(size), is_training, seed, call=call)


@as_written
def ten_crop(pipeline: Pipeline, image: tf.Tensor, size: Size) -> tf.Tensor:
    """See Pipeline.ten_crop."""
    size = _static(size)
    image = _as_rgb(image)
    if pipeline.plain:
        larger = tuple(round(side * TEN_CROP_MARGIN) for side in size)
        plane = preprocess_image(pipeline, image, (larger[0], larger[1]), False, None, {})
        down, right = larger[0] - size[0], larger[1] - size[1]
        corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
        five = [plane[y : y + size[0], x : x + size[1]] for y, x in corners]
        return tf.concat([tf.stack(five), tf.reverse(tf.stack(five), axis=[2])], axis=0)
    seed = tf.zeros([2], tf.int32)  # an evaluation view draws nothing
    height, width = _size_of(image)
    centre = view(pipeline, height, width, size, False, seed, {})
    out = []
    for flip in (False, True):
        for seen in views.five_views(centre, height, width):
            pixels = rendering.render_image(image, seen)
            seen = seen._replace(flip=tf.constant(flip))
            pixels = tf.reverse(pixels, axis=[1]) if flip else pixels
            out.append(_colour_and_range(pipeline, pixels, seen, False, seed, {}))
    return tf.stack(out)


def value_range(pipeline: Pipeline) -> list[float] | None:
    """Return what pixels of 0..255 become, [least, greatest]; None where the image decides."""
    both = _black_and_white(pipeline)
    return None if both is None else [float(tf.reduce_min(both)), float(tf.reduce_max(both))]


def channel_ends(pipeline: Pipeline) -> np.ndarray | None:
    """Return what 0 and 255 become in each channel, float32 [2, channels], or None likewise."""
    both = _black_and_white(pipeline)
    return None if both is None else tf.reduce_mean(both, axis=[1, 2]).numpy()


def _black_and_white(pipeline: Pipeline) -> tf.Tensor | None:
    """What comes of black and of white, float32 [2, 8, 8, channels], where colours are a line."""
    if pipeline.plain:
        return None
    grid = tf.constant([0.0, 127.5, 255.0])[:, None, None, None] * tf.ones([1, 8, 8, CHANNELS])
    seen = _whole_view((8, 8))
    black, grey, white = (
        _colour_and_range(pipeline, one, seen, False, tf.zeros([2], tf.int32), {})
        for one in tf.unstack(grid)
    )
    span = tf.reduce_max(tf.abs(white - black))
    if span == 0 or tf.reduce_max(tf.abs((black + white) / 2 - grey)) > 1e-3 * span:
        return None
    return tf.stack([black, white])


def _whole_view(size: Size) -> views.View:
    """All of an image of the output's own size."""
    plane, corner = tf.constant(size), tf.constant([0, 0])
    crop = tf.concat([corner, plane], axis=0)
    return views.View(crop, plane, "bilinear", corner, size, tf.constant(False))


def _line(
    pipeline: Pipeline, size: Size, is_training: bool, call: Mapping[str, Any]
) -> np.ndarray | None:
    """What colour and range come to, where that is a line for each channel: float32 [2, 3].

    A compiled kernel draws the line while it samples. None where colours are changed, where the
    values are no line (standardised, channels swapped, a mean image), or no kernel is in use.
    """
    if not compiled.in_use():
        return None
    with tf.init_scope():  # now, not in the graph that is being built
        if not tf.executing_eagerly():  # a graph of TensorFlow 1 cannot say now
            return None
        seed = tf.zeros([2], tf.int32)
        grid = tf.random.stateless_uniform([*size, CHANNELS], seed, 0.0, 255.0)
        if pipeline.parts["colour"](grid, is_training, seed, call=call) is not grid:
            return None
        seen = _whole_view(size)
        black, white, found = (
            _colour_and_range(pipeline, image, seen, is_training, seed, call).numpy()
            for image in (0.0 * grid, 0.0 * grid + 255.0, grid)
        )
    line = np.stack([(white - black)[0, 0] / 255, black[0, 0]])
    near = 1e-6 * float(np.abs(white - black).max() or 1)
    drawn = grid.numpy()[..., : line.shape[1]] * line[0] + line[1]
    return line if line.shape[1] == CHANNELS and np.abs(drawn - found).max() <= near else None


def _colour_and_range(
    pipeline: Pipeline,
    pixels: tf.Tensor,
    seen: views.View | None,
    is_training: bool,
    seed: tf.Tensor,
    call: Mapping[str, Any],
) -> tf.Tensor:
    size = (pixels.shape[0], pixels.shape[1]) if seen is None else seen.size
    pixels = pipeline.parts["colour"](pixels, is_training, seed, call=call)
    pixels = _gray(pipeline, pixels, call)
    return _universal(pipeline, pipeline.parts["range"](pixels, call=call, view=seen), size, call)


def _gray(pipeline: Pipeline, pixels: tf.Tensor, call: Mapping[str, Any]) -> tf.Tensor:
    """One channel where that is asked for; a plain function may have done so itself."""
    wanted = {**UNIVERSAL, **pipeline.universal, **call}["use_grayscale"]
    return tf.image.rgb_to_grayscale(pixels) if wanted and pixels.shape[-1] == CHANNELS else pixels


def _universal(
    pipeline: Pipeline, out: tf.Tensor, size: Size, call: Mapping[str, Any]
) -> tf.Tensor:
    settings = {**UNIVERSAL, **pipeline.universal, **call}
    channels = 1 if settings["use_grayscale"] else CHANNELS
    if out.dtype != tf.float32:
        raise ValueError(f"{pipeline.spec} returned {out.dtype.name}; float32 is needed")
    if not out.shape.is_compatible_with([*size, channels]):
        raise ValueError(
            f"{pipeline.spec} returned an image of shape {out.shape}; "
            f"[{size[0]}, {size[1]}, {channels}] is needed"
        )
    out = tf.ensure_shape(out, [*size, channels])
    return out if settings["multiply"] == 1 else out * settings["multiply"]


def _static(size: Size) -> Size:
    sides = [tf.get_static_value(side) for side in size]
    if any(side is None or int(side) < 1 for side in sides):
        raise ValueError(f"the output size must be two numbers above 0, known now; got {size}")
    return int(sides[0]), int(sides[1])


def _size_of(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    shape = tf.shape(image)
    return shape[0], shape[1]


def _as_rgb(image: Any) -> tf.Tensor:
    """The image with 3 channels; ValueError where it is no uint8 image of 1 or 3."""
    image = tf.convert_to_tensor(image)
    if image.dtype != tf.uint8:
        raise ValueError(
            f"an image of {image.dtype.name} was given; pipelines take uint8 of 0..255, as decoded"
        )
    channels = image.shape[-1] if image.shape.rank == 3 else None
    if image.shape.rank not in (3, None) or channels not in (1, CHANNELS, None):
        raise ValueError(
            f"an image of shape {image.shape} was given; [height, width, 3 or 1] is needed"
        )
    if channels == CHANNELS:
        return image
    height, width = _size_of(image)
    # Broadcasting serves a channel count known only at run time, too.
    return tf.ensure_shape(
        tf.broadcast_to(image, [height, width, CHANNELS]), [None, None, CHANNELS]
    )


def _probe(pipeline: Pipeline, size: Size, is_training: bool) -> None:
    """Run a plug-in once on a made-up photograph before it is trusted with a data set.

    In a graph of its own, so that it works wherever the first call comes from (tf.data, TF1).
    """
    key = (pipeline.fingerprint, is_training)
    plugins = [p.definition for p in pipeline.parts.values() if p.definition.digest]
    if not plugins or key in _probed:
        return
    where = f"plug-in {pipeline.spec} ({plugins[0].file})"
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        try:
            image = tf.constant(_photograph())
            run = tf.function(
                lambda: _preprocess(pipeline, image, size, is_training, (1, 2), {}),
                autograph=False,
            )
            out = session.run(run())
        except Exception as error:
            raise ValueError(
                f"{where} failed on a first probe ({_PROBE_HEIGHT} x {_PROBE_WIDTH} pixels, "
                f"is_training={is_training}): {last_word(error)}"
            ) from error
    bad = int((out != out).sum() + (abs(out) == float("inf")).sum())
    if bad:
        raise ValueError(f"{where} gave {bad} values that are NaN or infinite on a first probe")
    _probed.add(key)


def last_word(error: Exception) -> str:
    """The error in one line; TensorFlow puts the lines of the user's code above it."""
    if isinstance(error, tf.errors.OperatorNotAllowedInGraphError):
        return (
            "Python's if, while and for cannot depend on a tensor; "
            "use tf.cond, tf.where or tf.while_loop"
        )
    lines = str(error).strip().splitlines() or [""]
    if lines[0].startswith("in user code"):
        return lines[-1].strip()
    return lines[0] if isinstance(error, ValueError) else f"{type(error).__name__}: {lines[0]}"


def _photograph() -> Any:
    """A smooth picture with some noise: uint8 [375, 500, 3], always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : 1 : _PROBE_HEIGHT * 1j, 0 : 1 : _PROBE_WIDTH * 1j]
    smooth = np.stack([x, y, (x + y) / 2], axis=-1) * 200
    return (smooth + rng.integers(0, 56, smooth.shape)).astype(np.uint8)
