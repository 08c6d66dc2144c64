"""The records of --dataset_dir as TF-Slim's data set, by their manifest: --dataset_name=imgtools.

A checkout's own map holds what was written into it: ImageNet's 1,281,167 images of 1001 classes, or
what its owner has put there. Of these records the manifest knows the shards, images and classes.
"""

from __future__ import annotations

import importlib
from typing import Any

NAME = "imgtools"
MODULE = "datasets.dataset_factory"


def patch() -> None:
    """Let the checkout's data set factory know NAME beside its own names."""
    factory: Any = importlib.import_module(MODULE)
    original = factory.get_dataset

    def get_dataset(name: str, split_name: str, dataset_dir: str, *more: Any, **named: Any) -> Any:
        if name != NAME:
            return original(name, split_name, dataset_dir, *more, **named)
        return _dataset(split_name, dataset_dir)

    factory.get_dataset = get_dataset


def _dataset(split: str, folder: str) -> Any:
    """A tf_slim Dataset of a split, brought here first from a store.

    Raises ValueError where the records have no such split.
    """
    import tensorflow.compat.v1 as tf
    from tf_slim import dataset, tfexample_decoder

    from imagenet_tools import records

    manifest = records.read_manifest(folder)
    shards = records.shard_paths(folder, split)
    features = {
        "image/encoded": tf.FixedLenFeature([], tf.string),
        "image/format": tf.FixedLenFeature([], tf.string),
        "image/class/label": tf.FixedLenFeature([], tf.int64),
    }
    handlers = {
        "image": tfexample_decoder.Image("image/encoded", "image/format", channels=3),
        "label": tfexample_decoder.Tensor("image/class/label"),
    }
    return dataset.Dataset(
        data_sources=shards,
        reader=tf.TFRecordReader,
        decoder=tfexample_decoder.TFExampleDecoder(features, handlers),
        num_samples=manifest.splits[split].records,
        items_to_descriptions={"image": "the photograph, RGB", "label": "1..N; 0 is background"},
        num_classes=manifest.num_classes + 1,
    )
