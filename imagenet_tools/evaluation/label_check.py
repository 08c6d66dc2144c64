"""Where accuracy is at chance: do the labels count otherwise, or is it another pipeline's net?"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.evaluation.trained_net import TrainedNet
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.training import batches

IMAGES = 200
# One of each value range and channel order among the built-ins.
PIPELINES = ("inception", "vgg", "alexnet", "alexnet_2012", "alexnet_caffe")
# Subtracted from labels 1..N: 0 with background, 1 without; the others are common slips.
OFFSETS = (-1, 0, 1, 2)
LIKELY = 1e-4  # chance of a hit rate as high by guessing, over all that was tried


def at_chance(right: int, n: int, logits: int) -> bool:
    """True where guessing would often be right as often (probability above 1 %)."""
    return bool(stats.binom.sf(right - 1, n, 1 / logits) > 0.01)


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
    rates = {
        (spec, tried): rate
        for spec in specs
        for tried, rate in _hits(loaded, registry.get(spec), data, split).items()
    }
    (spec, best), (right, n) = max(rates.items(), key=lambda item: item[1])
    by_chance = stats.binom.sf(right - 1, n, 1 / loaded.net.num_classes) * len(rates)
    if by_chance > LIKELY:
        return (
            f"accuracy is at chance, and stays there under {len(specs)} pipelines and label "
            f"offsets {OFFSETS[0]} to {OFFSETS[-1]} on {n} images: either the net is untrained, or "
            "its classes are in another order (the devkit's ids, or folders sorted as strings)"
        )
    changes = []
    if best != offset:
        changes.append(f"--labels-offset {best}")
    if spec != loaded.pipeline.spec:
        changes.append(f"--preprocessing {spec}")
    return f"accuracy is at chance, but {right} of {n} images are right with {' '.join(changes)}"


def _hits(
    loaded: TrainedNet, pipeline: Pipeline, data: str | os.PathLike[str], split: str
) -> dict[int, tuple[int, int]]:
    """Offset -> (right, images) over the first IMAGES records, which a build has shuffled."""
    stream = batches.batches(
        data, split, pipeline, batch_size=50, image_size=loaded.image_size, is_training=False
    )
    guess = tf.function(lambda images: tf.argmax(loaded.net(images), axis=1), autograph=False)
    found = [(b["label"].numpy(), guess(b["image"]).numpy()) for b in stream.take(IMAGES // 50)]
    truth, guessed = (np.concatenate(column) for column in zip(*found, strict=True))
    return {offset: (int(np.sum(guessed == truth - offset)), len(truth)) for offset in OFFSETS}
