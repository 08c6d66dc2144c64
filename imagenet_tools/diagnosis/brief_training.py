"""A few training steps from the same start: activations, update sizes, dead units, the rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from imagenet_tools import nets
from imagenet_tools.diagnosis.runs import outputs
from imagenet_tools.diagnosis.sample import Picture
from imagenet_tools.nets import initialisation
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.training import recipes
from imagenet_tools.training.step import Trainer

STEPS, RANGE_STEPS = 20, 12
BATCH = 32
RATES = (0.1, 1.0, 10.0)
CLEARLY = 0.9  # a rate is better where its loss is below this share of the recipe's


@dataclass(frozen=True)
class Brief:
    """What STEPS steps at the recipe's full rate did.

    losses: nats, before each step.
    chance: that of guessing.
    activations: layer -> root mean square before the activation, at the start.
    updates: layer -> |change| / |weights| of the first step.
    dead: layer -> share of units that no image of the batch turns on, at the end.
    range_test: rate -> last loss.
    best_rate: another rate that does clearly better, None where there is none.
    """

    losses: tuple[float, ...]
    chance: float
    rate: float
    activations: dict[str, float]
    updates: dict[str, float]
    dead: dict[str, float]
    range_test: dict[float, float]
    best_rate: float | None


def train_briefly(
    pipeline: Pipeline,
    recipe: recipes.Recipe,
    size: int,
    pictures: Sequence[Picture],
    range_test: bool,
    model: str,
) -> Brief:
    """Train a net for a few steps on these pictures under a pipeline."""
    (images,) = outputs(pipeline, size, pictures, True, 1)
    classes = max(picture.label for picture in pictures) + 1
    labels = np.array([picture.label for picture in pictures], np.int32)
    net = nets.create(
        model, classes, size, seed=0, initialisation=recipe.initialisation,
        dropout_keep_prob=recipe.dropout_keep_prob,
    )  # fmt: skip
    session = _Session(net, recipe, images, labels)
    losses, updates = session.run(recipe.learning_rate, STEPS)
    dead, activations = session.dead(), session.activations
    ranged, best = {}, None
    if range_test:
        for factor in RATES:
            rate = recipe.learning_rate * factor
            ended = losses if factor == 1.0 else session.run(rate, RANGE_STEPS)[0]
            ranged[rate] = float(np.mean(ended[RANGE_STEPS - 3 : RANGE_STEPS]))
        usual = ranged[recipe.learning_rate]
        finite = {rate: loss for rate, loss in ranged.items() if math.isfinite(loss)}
        lowest = min(finite, key=lambda rate: finite[rate], default=None)
        if lowest is not None and not finite[lowest] > CLEARLY * usual:
            best = lowest
    return Brief(
        tuple(losses), math.log(classes), recipe.learning_rate, activations, updates, dead,
        ranged, best,
    )  # fmt: skip


class _Session:
    """One net that is set back to its start for every rate.

    activations: see Brief. state: the variables of the net and the slots of its optimizer; start:
    what they held.
    """

    def __init__(
        self, net: nets.Net, recipe: recipes.Recipe, images: np.ndarray, labels: np.ndarray
    ) -> None:
        self.net, self.images, self.labels = net, images, labels
        if recipe.initialisation == "lsuv":
            initialisation.lsuv(self.net, tf.constant(images[:BATCH]))
        self.trainer = Trainer(self.net, recipe, images=len(images), steps=STEPS)
        slots = {f"slot {name}": slot for name, slot in self.trainer.optimizer.slots.items()}
        self.state = {**self.net.variables, **slots}
        self.start = {name: variable.numpy() for name, variable in self.state.items()}
        # Concrete: of graphs called for the first time, net after net, TensorFlow would warn.
        graph = tf.function(self.net.activations, autograph=False)
        self._outputs = graph.get_concrete_function(tf.constant(images[:BATCH]))
        self.activations = {
            layer: float(np.sqrt(np.mean(np.square(value))))
            for layer, value in self._layers().items()
        }

    def _layers(self) -> dict[str, np.ndarray]:
        """Each layer's outputs on a batch before the activation, in the net's order."""
        outputs = self._outputs(tf.constant(self.images[:BATCH]))
        return {_layer(name): value.numpy() for name, value in outputs.items()}

    def run(self, rate: float, steps: int) -> tuple[list[float], dict[str, float]]:
        """Losses of some steps from the start, and the first step's relative updates."""
        for name, variable in self.state.items():
            variable.assign(self.start[name])
        losses, updates = [], {}
        for step in range(steps):
            chosen = np.arange(step * BATCH, (step + 1) * BATCH) % len(self.images)
            loss = self.trainer.step(
                tf.constant(self.images[chosen]), tf.constant(self.labels[chosen]),
                tf.constant(rate, tf.float32), tf.constant(step, tf.int32),
            )  # fmt: skip
            losses.append(float(loss))
            if step == 0:
                updates = self._updates()
        return losses, updates

    def _updates(self) -> dict[str, float]:
        shares = {}
        for name in self.net.regularized:
            before = self.start[name]
            change = np.linalg.norm(self.net.variables[name].numpy() - before)
            shares[_layer(name)] = float(change / np.linalg.norm(before))
        return shares

    def dead(self) -> dict[str, float]:
        """Share of units of each hidden layer that stay at or below zero on a batch."""
        *hidden, _ = self._layers().items()
        return {
            layer: float(np.mean(~(value.reshape(-1, value.shape[-1]).max(axis=0) > 0)))
            for layer, value in hidden
        }


def _layer(weights: str) -> str:
    """A layer by the name of its weights: "conv1" for alexnet_v2/conv1/weights."""
    return weights.partition("/")[2].rpartition("/")[0]
