"""Where accuracy is at chance: do the labels count otherwise, or is it another pipeline's net?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.evaluation.guessing import chance
from imagenet_tools.evaluation.trained_net import TrainedNet
from imagenet_tools.training import batches

IMAGES = 200
# One of each value range and channel order among the built-ins.
PIPELINES = ("inception", "vgg", "alexnet", "alexnet_2012", "alexnet_caffe")
# Subtracted from labels 1..N: 0 with background, 1 without; the others are common slips.
OFFSETS = (-1, 0, 1, 2)
ASKED = (0, 1)  # what --labels-offset takes; the others want records built with other labels
LIKELY = 1e-4  # chance of a hit rate as high by guessing, over all that was tried


def too_few(n: int, share: float) -> bool:
    """True where all of n images right would still be within what guessing does in all the tries.

    share: how often a guess is right. Of 9 images and 3 classes no try can tell anything.
    """
    return share ** min(n, IMAGES) * len(PIPELINES) * len(OFFSETS) > LIKELY


def explain(
    loaded: TrainedNet,
    data: str | os.PathLike[str],
    split: str,
    offset: int,
    pipelines: Sequence[str] = PIPELINES,
) -> str:
    """Say which label offset and pipeline fit, tried on a sample; for an accuracy at chance.

    offset: the one that was used.
    """
    specs = list(dict.fromkeys([loaded.pipeline.spec, *pipelines]))
    rates: dict[tuple[str, int], tuple[int, int]] = {}
    truth = np.zeros(0, np.int32)
    # One function for all: TensorFlow warns at length of one that is made again and again.
    net = tf.function(
        lambda images: tf.argmax(loaded.net(images), axis=1), autograph=False, reduce_retracing=True
    )
    for spec in specs:
        pipeline, size = registry.get(spec), loaded.image_size
        stream = batches.batches(
            data, split, pipeline, batch_size=50, image_size=size, is_training=False
        )
        truth, guessed = _guesses(net, stream.take(IMAGES // 50))
        for tried in OFFSETS:
            rates[spec, tried] = (int(np.sum(guessed == truth - tried)), len(truth))
    (spec, best), (right, n) = max(rates.items(), key=lambda item: item[1])
    by_chance = stats.binom.sf(right - 1, n, chance(truth, loaded.net.num_classes)) * len(rates)
    if by_chance > LIKELY:
        return (
            f"accuracy is at chance, and stays there under {len(specs)} pipelines and label "
            f"offsets {OFFSETS[0]} to {OFFSETS[-1]} on {n} images: either the net is untrained, or "
            "its classes are in another order (the devkit's ids, or folders sorted as strings)"
        )
    changes = []
    if best != offset:
        moved = f"labels {abs(best)} {'lower' if best > 0 else 'higher'} than these records'"
        changes.append(f"--labels-offset {best}" if best in ASKED else moved)
    if spec != loaded.pipeline.spec:
        changes.append(f"--preprocessing {spec}")
    remedy = " and ".join(changes)
    return f"accuracy is at chance, but {right} of {n} images are right with {remedy}"


def _guesses(net: Any, stream: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Labels 1..N and guessed logits of these batches."""
    columns = [(batch["label"].numpy(), net(batch["image"]).numpy()) for batch in stream]
    truth, guessed = (np.concatenate(column) for column in zip(*columns, strict=True))
    return truth, guessed
