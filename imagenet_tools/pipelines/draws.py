"""The seeds of a pipeline's draws: one an image, and from it one a draw, by the draw's name."""

from __future__ import annotations

import contextlib
import contextvars
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

_recorded: contextvars.ContextVar[dict[str, np.ndarray] | None]
_recorded = contextvars.ContextVar("draws by name, where somebody asked for them", default=None)


def seed(given: Any) -> tf.Tensor:
    """Two integers as int32 [2]; None: a new seed each time it runs, in tf.data and TF1 graphs too.

    ValueError where they are no such integers, or would become others.
    """
    if given is None:
        return tf.random.uniform([2], tf.int32.min, tf.int32.max, tf.int32)
    if not any(map(tf.is_tensor, given if isinstance(given, list | tuple) else [given])):
        numbers, limits = np.asarray(given), np.iinfo(np.int32)
        sound = numbers.dtype.kind in "iu" and numbers.shape == (2,)
        if not sound or numbers.min() < limits.min or numbers.max() > limits.max:
            raise ValueError(
                f"a seed is two whole numbers of 32 bits, such as (0, 1), and not {given!r:.60}"
            )
    return tf.convert_to_tensor(given, tf.int32)


def sub_seed(seed: tf.Tensor, name: str) -> tf.Tensor:
    """The seed of one draw, by the draw's name: int32 [2]."""
    return tf.random.experimental.stateless_fold_in(seed, zlib.crc32(name.encode()) & 0x7FFFFFFF)


@contextlib.contextmanager
def recorded() -> Iterator[dict[str, np.ndarray]]:
    """Yield the draws that are made inside this block, eagerly, by their names."""
    by_name: dict[str, np.ndarray] = {}
    token = _recorded.set(by_name)
    try:
        yield by_name
    finally:
        _recorded.reset(token)


def recording() -> bool:
    """Whether somebody asked for the draws."""
    return _recorded.get() is not None


def noted(name: str, value: tf.Tensor) -> tf.Tensor:
    """The value of a draw, recorded where that was asked for."""
    by_name = _recorded.get()
    if by_name is not None and tf.executing_eagerly():
        by_name[name] = value.numpy()
    return value
