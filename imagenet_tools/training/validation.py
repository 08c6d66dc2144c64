"""Validation along training: loss and top-1 on a few validation images, at each quarter of a run.

It shows how a run went, and chooses nothing: weights and draws are to the bit what they are
without it, and a run's figure is that of its last checkpoint on every validation image.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from imagenet_tools import terminal
from imagenet_tools.errors import DamagedData, PipelineFailed
from imagenet_tools.training import damage
from imagenet_tools.training.batches import Reading
from imagenet_tools.training.step import Trainer, cross_entropy

QUARTERS = 4
MOST, FEWEST = 500, 100  # images, as far as they are there
SHARE = 40  # above FEWEST, at most one for so many that are trained on
CHUNK = 50  # images that go through the net together


class Validation:
    """Measures the net on the first images of the validation split, the same ones every time.

    reading: of the whole split, under the pipeline's evaluation path. images: in the split; where
    there are 0, nothing is due. The net is the trainer's: in its precision, and with the averages
    of its weights where the recipe keeps them.
    """

    def __init__(self, trainer: Trainer, reading: Reading, images: int) -> None:
        trained = trainer.steps * trainer.recipe.batch_size
        wanted = min(images, max(FEWEST, min(MOST, trained // SHARE)))
        size = min(wanted, CHUNK)
        self.images = wanted - wanted % size if size else 0
        self.trainer = trainer
        self.reading = dataclasses.replace(
            reading, batch_size=size or 1, images=self.images or None
        )
        self._batch = tf.function(self._of_batch, autograph=False)

    def due(self, step: int, before: int) -> bool:
        """True where a quarter of the run ended after the step before, and not after this one."""
        return self.images > 0 and step * QUARTERS // self.trainer.steps > (
            before * QUARTERS // self.trainer.steps
        )

    def measure(self) -> dict[str, float]:
        """validation_loss in nats, validation_top1 in percent, and of how many validation_images.

        Nothing where the split cannot be read: that is said, and no reason to end a run.
        """
        sums = np.zeros(2)
        try:
            with self.trainer.averaged():
                for batch in damage.each(self._stream, self.reading):
                    sums += self._batch(batch["image"], batch["label"]).numpy()
        except (DamagedData, PipelineFailed, OSError, tf.errors.OpError) as error:
            terminal.warn(f"not validated along the way: {error}")
            self.images = 0
            return {}
        loss, right = (float(one) for one in sums)
        return {
            "validation_loss": loss / self.images,
            "validation_top1": 100.0 * right / self.images,
            "validation_images": self.images,
        }

    @functools.cached_property
    def _stream(self) -> tf.data.Dataset:
        return self.reading.batches()

    def _of_batch(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Sum of the cross-entropies, and how many are right, as an evaluation has it: a tie with
        another class is wrong, and so is an image one of whose scores is not finite."""
        logits = tf.cast(self.trainer.net(images), tf.float32)
        of_label = tf.gather(logits, labels[:, tf.newaxis], batch_dims=1)
        not_below = tf.reduce_sum(tf.cast(logits >= of_label, tf.int32), axis=1)
        finite = tf.reduce_all(tf.math.is_finite(logits), axis=1)
        right = tf.reduce_sum(tf.cast(finite & (not_below == 1), tf.float32))
        return tf.stack([cross_entropy(logits, labels) * self.reading.batch_size, right])
