"""Compiled kernels in TensorFlow's graphs, for the process that builds them.

A graph with such a kernel calls back into this process's Python, so it cannot be exported or sent
to another one. Only who reads records for a run of its own asks for them, by `with compiled.use():`
around what builds the graph; everything else stays TensorFlow's operations. Both give the same
pictures (tests/pipelines/test_rendering.py).
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import math
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines.views import RADIUS, View

Pair: TypeAlias = "tuple[int, int]"  # y, x or height, width
# The methods of a View that `sample` knows.
METHODS = ("bilinear", *RADIUS)

_in_use = contextvars.ContextVar("compiled kernels in use", default=False)
_thread = threading.local()
# What TensorFlow takes over without a copy begins at such an address.
ALIGNMENT = 64
_FLOAT = 4  # bytes
# Set, sampling is by plain Numba, without the instructions that kernels.py makes by hand.
PLAIN = "IMGTOOLS_PLAIN_LOOPS"


@contextlib.contextmanager
def use() -> Iterator[None]:
    """Build graphs with compiled kernels inside this block."""
    token = _in_use.set(True)
    try:
        yield
    finally:
        _in_use.reset(token)


def in_use() -> bool:
    """Whether the graph that is being built may hold compiled kernels."""
    return _in_use.get()


# What leaves pixels as they are: times 1, plus 0.
SAME = np.array([[1, 1, 1], [0, 0, 0]], np.float32)


def sample(pixels: tf.Tensor, corner: tf.Tensor, view: View, line: np.ndarray = SAME) -> tf.Tensor:
    """Take a view from the part of the source that it needs.

    pixels: uint8 [h, w, 3]. corner: int32 [2], y, x of the first of them in the source. line:
    float32 [2, 3], what each channel of 0..255 is multiplied by at last, and what is added. Returns
    float32 [H, W, 3], flipped where the view says so; pixels outside the plane are 0. The view's
    method is one of METHODS.
    """
    flip = tf.cast(view.flip, tf.int32)[tf.newaxis]
    numbers = tf.concat([corner, view.crop, view.resize, view.window, flip], axis=0)
    # TensorFlow keeps a callback for good: one that held the view, would hold its whole graph.
    shape, radius = (*view.size, 3), RADIUS.get(view.method, 0)
    plain = bool(os.environ.get(PLAIN))

    def run(pixels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        from imagenet_tools.pipelines import kernels

        *pairs, flip = numbers.tolist()
        corner, begin, crop, plane, window = zip(pairs[::2], pairs[1::2], strict=True)
        origin = (begin[0] - corner[0], begin[1] - corner[1])
        out = _empty(shape)
        where = (origin, crop, plane, window, bool(flip))
        if radius == kernels.CUBIC:
            kernels.sample_cubic(pixels, where, line, out, plain)
        else:
            kernels.sample(pixels, where, radius, line, out, plain)
        return out

    return call(run, [pixels, numbers], shape)


def saturation(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """As tf.image.adjust_saturation, for float32 [H, W, 3]."""

    def run(image: np.ndarray, factor: np.ndarray) -> np.ndarray:
        from imagenet_tools.pipelines import kernels

        out = _empty(image.shape)
        kernels.saturate(image, float(factor), out)
        return out

    return call(run, [image, factor], image.shape)


def to_floats(image: np.ndarray) -> np.ndarray:
    """Bytes as the float32 that `call` returns: where TensorFlow takes them over without a copy."""
    out = _empty(image.shape)
    out[:] = image
    return out


def call(run: Callable[..., np.ndarray], inputs: list[tf.Tensor], shape: Any) -> tf.Tensor:
    """Call back into Python: run takes the inputs as arrays and returns float32 of this shape."""

    def called(*arrays: np.ndarray) -> np.ndarray:
        keep_thread()
        return run(*arrays)

    return tf.ensure_shape(tf.numpy_function(called, inputs, tf.float32, stateful=False), shape)


def keep_thread() -> None:
    """Let a thread of TensorFlow's keep its Python state for as long as the process lives.

    Otherwise each call makes one and drops it, which takes longer than the rest of the call and
    unmaps memory, for which the other threads must wait.
    The threads of a stream end with it, and leave 6 KB each.
    """
    if not hasattr(_thread, "kept"):
        ctypes.pythonapi.PyGILState_Ensure()  # never released: the state is never dropped
        _thread.kept = True


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    size = math.prod(shape) * _FLOAT
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.__array_interface__["data"][0] % ALIGNMENT
    return room[start : start + size].view(np.float32).reshape(shape)
