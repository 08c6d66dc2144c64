"""Which image it was: errors of reading, and values that are not finite, with shard and key.

TensorFlow says what is wrong, and not where. So the records of the batch that failed are read once
more, one by one; while all is well, nothing here costs anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools import records
from imagenet_tools.errors import PipelineFailed
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.shards import damaged
from imagenet_tools.training.batches import Reading, decode

# TensorFlow's message may hold the record's own bytes, which are no text.
FAILED = (tf.errors.OpError, UnicodeDecodeError)
AFTER = 4  # batches looked at from the one that failed on: others were under way


def each(stream: Iterable[Any], reading: Reading, start_step: int = 0) -> Iterator[Any]:
    """The batches of a stream, with the errors of reading them named.

    Raises DamagedData for a record that cannot be read or decoded, PipelineFailed where it can.
    """
    step = start_step
    batches = iter(stream)
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(error.message.partition("\n")[0]) from error
        except FAILED as error:
            raise explained(error, reading, step) from error
        yield batch
        step += 1


def explained(error: Exception, reading: Reading, step: int) -> Exception:
    """What was wrong with the batch of a step; the error itself where nothing is found."""
    load = tf.function(reading.load(), autograph=False)
    raw = reading.manifest().store == "raw"
    try:
        for record, epoch in reading.records(step).take(AFTER * reading.batch_size):
            try:
                load(record, epoch)
            except Exception as cause:
                return _of_image(cause, reading, record.numpy(), raw)
    except FAILED:
        pass  # the shard itself
    for path in records.shard_paths(reading.folder, reading.split):
        for number, one in enumerate(tfrecord.scan(path)):
            if one.problem:
                return damaged(path, one.problem, record=number)
    return error


def _of_image(cause: Exception, reading: Reading, record: bytes, raw: bool) -> Exception:
    path, number = _place(reading, record)
    try:
        parsed = schema.parse_example(tf.constant(record))
    except FAILED as error:
        return damaged(path, f"it is no Example ({_short(error)})", record=number)
    key = parsed["key"].numpy().decode(errors="replace")
    try:
        decode(parsed, raw)
    except FAILED as error:
        return damaged(path, f"its image is not decoded ({_short(error)})", record=number, name=key)
    names = ", ".join(pipeline.spec for pipeline in reading.pipelines)
    return PipelineFailed(
        f"{names} failed on image {key}, record {number} of {path}: {_short(cause)}"
    )


def _place(reading: Reading, record: bytes) -> tuple[str, int]:
    """The shard of a record, and its number there."""
    for path in records.shard_paths(reading.folder, reading.split):
        for number, one in enumerate(tfrecord.scan(path)):
            if one.data == record:
                return path, number
    return f"{reading.folder}, {reading.split}", -1


def _short(error: Exception) -> str:
    """The line of TensorFlow's message that says what happened."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if "Traceback" in text else next(iter(lines), type(error).__name__)


def not_finite(reading: Reading, start: int, stop: int) -> str | None:
    """Say which images of the batches of these steps come out as NaN or infinity; None if none."""
    load = tf.function(reading.load(), autograph=False)
    bad, count = [], (stop - start) * reading.batch_size
    for record, epoch in reading.records(start).take(count):
        made = load(record, epoch)
        if not all(np.isfinite(v).all() for n, v in made.items() if n.startswith("image")):
            bad.append(record.numpy())
    if not bad:
        return None
    path, number = _place(reading, bad[0])
    key = schema.parse_example(tf.constant(bad[0]))["key"].numpy().decode(errors="replace")
    names = ", ".join(pipeline.spec for pipeline in reading.pipelines)
    return (
        f"{names} gives NaN or infinity for {len(bad):,} of {count:,} images of steps "
        f"{start + 1:,} to {stop:,}, the first {key}, record {number} of {path}"
    )
