"""Records in TensorFlow's graphs, by number: the order of an epoch, and what a record holds.

Both are open_records': an epoch's order is its `order(seed, epoch)`, whole, whatever the number of
shards; how far a run is, is one integer; and each record's CRCs are checked where it is read.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled
from imagenet_tools.pipelines.pipeline import as_written
from imagenet_tools.records.reader import Record, RecordReader, reopened


def in_turn(start: int, end: int) -> tf.data.Dataset:
    """(number, epoch 0) of the records from one on, before the end, once; int64 scalars."""
    numbers = tf.data.Dataset.range(start, end)
    return numbers.map(as_written(lambda number: (number, tf.constant(0, tf.int64))))


def shuffled(reader: RecordReader, seed: int, position: int) -> tf.data.Dataset:
    """(number, epoch) for ever, as reader.order has them, from a position on; int64 scalars."""
    first, within = divmod(position, len(reader))
    kept = reader.given

    def order(epoch: np.ndarray) -> np.ndarray:
        return _reader(kept).order(seed, int(epoch))[within if epoch == first else 0 :]

    @as_written
    def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        numbers = tf.numpy_function(order, [epoch], tf.int64, stateful=False)
        numbers = tf.data.Dataset.from_tensor_slices(tf.ensure_shape(numbers, [None]))
        return numbers.map(as_written(lambda number: (number, epoch)))

    return tf.data.Dataset.range(first, 2**31 - 1).flat_map(of_epoch)


def opened(reader: RecordReader, raw: bool) -> Any:
    """The function number -> image, label (int32) and key (string) of a record.

    The image is a JPEG's bytes (string), or pixels where the records are raw: uint8 [h, w, 3].
    """
    kept = reader.given
    _reader.cache_clear()  # a shard may have been replaced since it was opened

    def read(number: np.ndarray) -> tuple[Any, np.int32, bytes]:
        compiled.keep_thread()
        record = _reader(kept)[int(number)]
        image = record.pixels() if raw else record.encoded
        return image, np.int32(record.label), encoded_key(record)

    def load(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        types = [tf.uint8 if raw else tf.string, tf.int32, tf.string]
        image, label, key = tf.numpy_function(read, [number], types, stateful=False)
        shape = [None, None, 3] if raw else []
        return tf.ensure_shape(image, shape), tf.ensure_shape(label, []), tf.ensure_shape(key, [])

    return load


def encoded_key(record: Record) -> bytes:
    """A record's key as it is written."""
    return record.key.encode("utf-8", "surrogateescape")


@functools.lru_cache(2)
def _reader(given: tuple[str, str, int, str, bytes | None]) -> RecordReader:
    """The reader that is meant. TensorFlow keeps callbacks for good: they hold no open files."""
    return reopened(*given)
