"""The seeds of a pipeline's draws: one an image, and from it one a draw, by the draw's name."""

from __future__ import annotations

import zlib

import tensorflow as tf


def fresh_seed() -> tf.Tensor:
    """A new seed each time it runs, in tf.data and in TF1 graphs too: int32 [2]."""
    return tf.random.uniform([2], tf.int32.min, tf.int32.max, tf.int32)


def sub_seed(seed: tf.Tensor, name: str) -> tf.Tensor:
    """The seed of one draw, by the draw's name: int32 [2]."""
    return tf.random.experimental.stateless_fold_in(seed, zlib.crc32(name.encode()) & 0x7FFFFFFF)
