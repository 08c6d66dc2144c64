"""Which image it was: errors of reading, and values that are not finite, with shard and key.

TensorFlow says what is wrong, and not where. So the records of the batch that failed are read once
more, one by one; while all is well, nothing here costs anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.errors import DamagedData, PipelineFailed
from imagenet_tools.pipelines import probe, rendering
from imagenet_tools.records.reader import Record
from imagenet_tools.records.shards import damaged
from imagenet_tools.training.batches import Reading

# TensorFlow's message may hold the record's own bytes, which are no text.
FAILED = (tf.errors.OpError, UnicodeDecodeError)
AFTER = 4  # batches looked at from the one that failed on: others were under way


def each(stream: Iterable[Any], reading: Reading, start_step: int = 0) -> Iterator[Any]:
    """The batches of a stream, with the errors of reading them named.

    Raises DamagedData for a record that cannot be read or decoded, PipelineFailed where it can.
    """
    batches = iter(stream)
    for step in itertools.count(start_step):
        try:
            batch = next(batches)
        except StopIteration:
            return
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(error.message.partition("\n")[0]) from error
        except FAILED as error:
            raise explained(error, reading, step) from error
        yield batch


def explained(error: Exception, reading: Reading, step: int) -> Exception:
    """What was wrong with the batch of a step; the error itself where nothing is found."""
    load = tf.function(reading.load(), autograph=False)
    for number, epoch in reading.records(step).take(AFTER * reading.batch_size):
        try:
            load(number, epoch)
        except Exception as cause:
            return _of_image(cause, reading, int(number))
    return error


def _of_image(cause: Exception, reading: Reading, number: int) -> Exception:
    reader = reading.reader()
    try:
        record = reader[number]
    except DamagedData as error:
        return error
    path, within = reader.place(number)
    try:
        _decode(record)
    except (ValueError, tf.errors.OpError) as error:
        why = f"its image is not decoded ({probe.last_word(error)})"
        return damaged(path, why, record=within, name=record.key)
    names = ", ".join(pipeline.spec for pipeline in reading.pipelines)
    return PipelineFailed(
        f"{names} failed on image {record.key}, record {within} of {path}: {probe.last_word(cause)}"
    )


def _decode(record: Record) -> None:
    """Decode a record's image as training does."""
    if record.image_format == "RAW":
        record.pixels()
    else:
        rendering.decode(tf.constant(record.encoded))


def not_finite(reading: Reading, start: int, stop: int) -> str | None:
    """Say which images of the batches of these steps come out as NaN or infinity; None if none."""
    load = tf.function(reading.load(), autograph=False)
    bad, count = [], (stop - start) * reading.batch_size
    for number, epoch in reading.records(start).take(count):
        made = load(number, epoch)
        if not all(np.isfinite(v).all() for n, v in made.items() if n.startswith("image")):
            bad.append(int(number))
    if not bad:
        return None
    reader = reading.reader()
    path, within = reader.place(bad[0])
    names = ", ".join(pipeline.spec for pipeline in reading.pipelines)
    return (
        f"{names} gives NaN or infinity for {len(bad):,} of {count:,} images of steps "
        f"{start + 1:,} to {stop:,}, the first {reader[bad[0]].key}, record {within} of {path}"
    )
