"""Records to batches: keyed draws, a reproducible order, every image once at evaluation.

The order of an epoch and the draws of an image depend on (seed, epoch, record key) alone, not on
threads or batch size, so that arms of a comparison see the same images in the same order and
share the draws they have in common.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from imagenet_tools import records, registry
from imagenet_tools.engines.processes import cores
from imagenet_tools.pipelines import compiled, rendering
from imagenet_tools.pipelines.limits import MOST, whole
from imagenet_tools.pipelines.pipeline import Pipeline, as_written
from imagenet_tools.records.manifest import Manifest
from imagenet_tools.records.reader import RecordReader, open_records
from imagenet_tools.training import numbered, schedule

# Images under way for each thread: with one each, threads would wait while a batch is put together.
AHEAD = 8


def draw_seed(seed: int | tf.Tensor, epoch: int | tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """The seed of one image's draws in one epoch: int32 [2], from a hash of its key."""
    hashed = tf.cast(tf.strings.to_hash_bucket_fast(key, 2**31 - 1), tf.int32)
    run = tf.cast(seed, tf.int32) * 1_000_003 + tf.cast(epoch, tf.int32)
    return tf.stack([hashed, run])


def batch_seed(seed: int | tf.Tensor, step: int | tf.Tensor) -> tf.Tensor:
    """The seed of what is drawn for the batch of a step (0 is the first): int32 [2]."""
    return tf.stack([tf.cast(step, tf.int32), tf.cast(seed, tf.int32)])


@dataclass(frozen=True)
class Reading:
    """Which records are read, in which order, and what is made of each.

    images: at evaluation only the first so many; None for all. Raises ValueError for a number out
    of its range, and for a batch of one whose images are to be mixed.
    """

    folder: str | os.PathLike[str]
    split: str
    pipelines: tuple[Pipeline, ...]
    batch_size: int
    image_size: int
    is_training: bool
    seed: int = 0
    labels_offset: int = 0
    ten_crop: bool = False
    images: int | None = None

    def __post_init__(self) -> None:
        limits: dict[str, tuple[int, ...]] = {
            "batch_size": (1, MOST), "image_size": (1, MOST), "seed": (-MOST - 1, MOST),
            "labels_offset": (0, 1),
        }  # fmt: skip
        if self.images is not None:
            limits["images"] = (1, MOST)
        for name, within in limits.items():
            object.__setattr__(self, name, whole(name, getattr(self, name), *within))
        mixing = [one.spec for one in self.pipelines if one.mixing]
        if self.is_training and mixing and self.batch_size < 2:
            raise ValueError(f"{mixing[0]} mixes images of a batch, and a batch of 1 has no two")

    def manifest(self) -> Manifest:
        return records.read_manifest(self.folder)

    def reader(self) -> RecordReader:
        return open_records(self.folder, self.split, self.labels_offset)

    def records(self, start_step: int = 0) -> tf.data.Dataset:
        """(number, epoch) from a batch on: for ever in training, else once in their order."""
        start = start_step * self.batch_size
        if not self.is_training:
            there = len(self.reader())
            return numbered.in_turn(start, min(there, self.images or there))
        return numbered.shuffled(self.reader(), self.seed, start)

    def batches(
        self, start_step: int = 0, worker: tuple[int, int] = (0, 1), threads: int | None = None
    ) -> tf.data.Dataset:
        """Batches; see the function of this name."""
        threads = threads or cores()
        stream, size = self.records(start_step), self.batch_size // worker[1]
        mixed = self.is_training and any(one.mixing for one in self.pipelines)
        paired = mixed and worker[1] > 1
        if paired:  # the image before each of this worker's, too: its partner
            stream, size = _with_partners(stream, worker), 2 * size
        elif worker[1] > 1:
            stream = stream.shard(worker[1], worker[0])
        stream = stream.map(self.load(), num_parallel_calls=AHEAD * threads, deterministic=True)
        stream = stream.batch(size)
        if mixed:
            mix = self.mix(worker[0] if paired else None)
            stream = stream.enumerate(start_step).map(mix)
        return stream.prefetch(2).with_options(_options(threads))

    def mix(self, first: int | None) -> Any:
        """The function (step, batch) -> the batch mixed, with other, and share or share_0, ...

        first: this worker's number where every second image of the batch is there as a partner
        only: those before this worker's images, for the first worker those after them.
        """

        @as_written
        def mix(step: tf.Tensor, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            if first is None:
                here, others = batch, tf.nest.map_structure(_before, batch)
            else:
                here, others = (
                    {name: rows[start::2] for name, rows in batch.items()}
                    for start in (min(first, 1), 1 - min(first, 1))
                )
                others = others if first else tf.nest.map_structure(_before, others)
            made, seed = {**here, "other": others["label"]}, batch_seed(self.seed, step)
            for name, pipeline in zip(self._names("image"), self.pipelines, strict=True):
                images, share = pipeline.mix(here[name], seed, others[name])
                made |= {name: images, name.replace("image", "share"): share}
            return made

        return mix

    def _names(self, what: str) -> list[str]:
        """What the pipelines' images are called in a batch."""
        many = len(self.pipelines) > 1
        return [f"{what}_{i}" if many else what for i in range(len(self.pipelines))]

    def load(self) -> Any:
        """The function (number, epoch) -> image or image_0, image_1, ..., label and key."""
        size, raw = (self.image_size, self.image_size), self.manifest().store == "raw"
        chosen, read = self.pipelines, numbered.opened(self.reader(), raw)
        # One pipeline decodes what it looks at; several share an image that is decoded once.
        decoded = raw or self.ten_crop or len(chosen) > 1

        @as_written
        def load(number: tf.Tensor, epoch: tf.Tensor) -> dict[str, tf.Tensor]:
            image, label, key = read(number)
            draws = draw_seed(self.seed, epoch, key)
            with compiled.use():
                if decoded:
                    image = image if raw else rendering.decode(image)
                    images = [
                        p.ten_crop(image, *size)
                        if self.ten_crop
                        else p.preprocess_image(image, *size, self.is_training, seed=draws)
                        for p in chosen
                    ]
                else:
                    (one,) = chosen
                    images = [one.preprocess_encoded(image, *size, self.is_training, seed=draws)]
            named = zip(self._names("image"), images, strict=True)
            return {"label": label, "key": key, **dict(named)}

        return load


def batches(
    folder: str | os.PathLike[str],
    split: str,
    pipelines: str | Pipeline | Sequence[str | Pipeline],
    *,
    batch_size: int,
    image_size: int = 224,
    is_training: bool | None = None,
    seed: int = 0,
    start_step: int = 0,
    labels_offset: int = 0,
    worker: tuple[int, int] = (0, 1),
    ten_crop: bool = False,
    threads: int | None = None,
) -> tf.data.Dataset:
    """Batches of records as `train` and `eval` see them: dicts of image, label and key.

    pipelines: a name or spec ("alexnet:lighting=0"), or what get_preprocessing returns. image:
    float32 [batch, size, size, 3] ([batch, 10, size, size, 3] with ten_crop); several pipelines
    give image_0, image_1, ... from one decoded stream. label: int32 [batch], 1..N with 0 for
    background, less labels_offset. key: string [batch]. Where a pipeline mixes training batches
    there are other, int32 [batch], and share, float32 [batch] (share_0, ...): the label's share,
    the rest is other's.

    Training (by default the split "train") is endless, in epochs that each hold every record once
    in the order open_records(folder, split).order(seed, epoch), and starts at the batch of
    start_step; draws are keyed by (seed, epoch, key). Evaluation is one pass in the order of the
    records, the last batch smaller. Worker (i, k) gets every k-th image of each batch from the i-th
    on, batch_size being the whole batch's, a multiple of k. `.as_numpy_iterator()` gives NumPy's
    arrays.

    Raises as open_records does, LookupError or ValueError for a pipeline that is none, ValueError
    for a number out of its range (a seed has 32 bits), and while it is read tf.errors.OpError for a
    record that is damaged, or a pipeline that fails.
    """
    several: Any = pipelines if isinstance(pipelines, list | tuple) else [pipelines]
    chosen = tuple(one if isinstance(one, Pipeline) else registry.get(one) for one in several)
    training = bool(split == "train" if is_training is None else is_training)
    if not chosen:
        raise ValueError("pipelines is empty: name one, such as alexnet")
    if ten_crop and training:
        raise ValueError("ten_crop is of evaluation; of the images of training, is_training=False")
    number, workers = worker
    workers = whole("worker's k", workers, 1)
    worker = (whole("worker's i", number, 0, workers - 1), workers)
    reading = Reading(
        folder, split, chosen, batch_size, image_size, training, seed, labels_offset, ten_crop
    )
    if reading.batch_size % workers:
        raise ValueError(f"a batch of {batch_size} is not shared evenly by {workers} workers")
    threads = None if threads is None else whole("threads", threads, 1)
    if training:
        schedule.warn_if_repeated(reading.batch_size, len(reading.reader()))
    return reading.batches(whole("start_step", start_step, 0), worker, threads)


def _before(rows: tf.Tensor) -> tf.Tensor:
    """The row before each, and the last before the first."""
    return tf.roll(rows, 1, axis=0)


def _with_partners(stream: tf.data.Dataset, worker: tuple[int, int]) -> tf.data.Dataset:
    """A worker's images of each batch, with those that stand before them in it."""
    number, workers = worker
    wanted = tf.constant([number, (number - 1) % workers], tf.int64)
    chosen = stream.enumerate().filter(
        as_written(lambda i, _: tf.reduce_any(i % workers == wanted))
    )
    return chosen.map(as_written(lambda _, record: record))


def _options(threads: int) -> tf.data.Options:
    """Fixed parallelism: autotuning was seen to stall for seconds at the end of short sets."""
    options: Any = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.threading.private_threadpool_size = threads
    return options
