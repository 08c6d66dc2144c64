"""One update of a net, compiled: forward, backward, optimizer, moving averages; saved and restored.

trainer = Trainer(net, recipe, images=6000, steps=750, seed=1)
loss = trainer.step(images, labels, *scalars(trainer.learning_rate(step), step))
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from imagenet_tools import nets
from imagenet_tools.errors import did_you_mean, near
from imagenet_tools.pipelines.mixing import Mixed
from imagenet_tools.training import checkpoints, devices, optimizers, recipes, schedule


@dataclass(frozen=True)
class Start:
    """Where to fine-tune from: without the scopes in exclude, and, if asked, what is not there."""

    checkpoint: str
    exclude: Sequence[str] = ()
    ignore_missing: bool = False


class Trainer:
    """A net, its optimizer and averages, and the compiled step.

    images: of the training split; steps: of the whole run; scopes: train only what is in these.
    """

    def __init__(
        self,
        net: nets.Net,
        recipe: recipes.Recipe,
        *,
        images: int,
        steps: int,
        seed: int = 0,
        scopes: Sequence[str] = (),
        used: devices.Devices | None = None,
    ) -> None:
        self.net, self.recipe, self.steps, self.seed = net, recipe, steps, seed
        self.devices = used or devices.Devices()
        self.steps_per_epoch = images / recipe.batch_size
        self.variables = dict(net.trainable)
        if scopes:
            chosen = within(scopes, list(self.variables), "--trainable-scopes")
            self.variables = {n: v for n, v in self.variables.items() if n in chosen}
        self.optimizer = optimizers.create(recipe.optimizer, self.variables, **recipe.settings())
        self.averages: dict[str, tf.Variable] = {}
        if recipe.moving_average_decay:
            self.averages = {
                name: tf.Variable(variable, trainable=False, name=name + checkpoints.AVERAGE)
                for name, variable in net.variables.items()
            }
        # Images that grow are compiled for anew, size by size: a net may need to know it.
        growing = bool(recipe.image_size_start)
        self.step = tf.function(self._step, autograph=False, reduce_retracing=not growing)

    def learning_rate(self, step: int) -> float:
        return schedule.learning_rate(self.recipe, step, self.steps_per_epoch, self.steps)

    def update(self, batch: Mapping[str, tf.Tensor], rate: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """One update from this worker's images and labels (mixed ones, too); the loss before it.

        Raises MemoryError where TensorFlow finds no room.
        """
        names = ("image", "label", "other", "share")
        images, *of_labels = (self.devices.split(batch[name]) for name in names if name in batch)
        labels = Mixed(*of_labels) if len(of_labels) > 1 else of_labels[0]
        try:
            return self.step(images, labels, rate, step)
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(error.message.partition("\n")[0]) from error

    def _step(
        self, images: tf.Tensor, labels: tf.Tensor | Mixed, rate: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        """One update on every device; returns the cross-entropy of the batch before it."""
        return self.devices.run(self._update, images, labels, rate, step)

    def _update(
        self, images: tf.Tensor, labels: tf.Tensor | Mixed, rate: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        """This replica's share of an update; returns its share of the cross-entropy."""
        seed = tf.stack([tf.constant(self.seed, tf.int32), step])
        variables = list(self.variables.values())
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            heads = self.net.heads(images, seed, self.devices.part())
            losses = [
                weight
                / self.devices.total
                * cross_entropy(one, labels, self.recipe.label_smoothing)
                for weight, one in heads
            ]
            total = tf.add_n(losses)
        gradients = self.devices.sum(tape.gradient(total, variables))
        self.optimizer.apply(self._regularise(gradients), rate)
        if self.averages:
            self._average(step)
        return losses[0]

    def _regularise(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Add the gradient of weight_decay / 2 * |w|^2, and clip to the global norm."""
        decay, clip = self.recipe.weight_decay, self.recipe.gradient_clip
        if decay:
            gradients = [
                gradient + decay * variable if name in self.net.regularized else gradient
                for (name, variable), gradient in zip(
                    self.variables.items(), gradients, strict=True
                )
            ]
        if clip:
            gradients, _ = tf.clip_by_global_norm(gradients, clip)
        return gradients

    def _average(self, step: tf.Tensor) -> None:
        """TF1's moving average with num_updates: decay min(d, (1 + t) / (10 + t))."""
        done = tf.cast(step, tf.float32)
        decay = tf.minimum(self.recipe.moving_average_decay, (1.0 + done) / (10.0 + done))
        for name, average in self.averages.items():
            change = (1.0 - decay) * (average - self.net.variables[name])
            tf.raw_ops.AssignSubVariableOp(resource=average.handle, value=change)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the net has the averages of its weights, where the recipe keeps them."""
        weights = {name: self.net.variables[name].numpy() for name in self.averages}
        for name, average in self.averages.items():
            self.net.variables[name].assign(average)
        try:
            yield
        finally:
            for name, weight in weights.items():
                self.net.variables[name].assign(weight)

    def regularisation_loss(self) -> float:
        """The L2 term that TF-Slim adds to the loss it reports."""
        weights = [self.net.variables[name] for name in self.net.regularized]
        return self.recipe.weight_decay * float(sum(tf.nn.l2_loss(weight) for weight in weights))

    def state(self) -> dict[str, tf.Variable]:
        """Everything that a checkpoint keeps, by TF-Slim's names."""
        averages = {name + checkpoints.AVERAGE: v for name, v in self.averages.items()}
        return {**self.net.variables, **self.optimizer.slots, **averages}

    def restore(self, folder: Path) -> tuple[int, list[str]]:
        """Load the folder's last whole checkpoint, if there is one.

        Returns its step, 0 without one, and what is wrong with later ones.
        """
        saved, problems = checkpoints.newest_whole(folder)
        if saved is None:
            return 0, problems
        for name, variable in self.state().items():
            shape, remedy = variable.shape, "it is no checkpoint of this run"
            variable.assign(saved.value(name, shape, remedy))
        return saved.step, problems

    def start_from(self, start: Start) -> None:
        """Load the weights of another checkpoint, without the excluded scopes.

        Raises ValueError for a variable that does not fit, and where none is left.
        """
        saved = checkpoints.read(start.checkpoint)
        known = [*self.net.variables, *saved.tensors]
        excluded = within(start.exclude, known, "--checkpoint-exclude-scopes")
        taken = 0
        for name, variable in self.net.variables.items():
            if name in excluded or (start.ignore_missing and name not in saved.tensors):
                continue
            scope = name.rsplit("/", 1)[0]
            remedy = f"--checkpoint-exclude-scopes {scope} leaves it at its fresh start"
            variable.assign(saved.value(name, variable.shape, remedy))
            taken += 1
        if not taken:
            raise ValueError(
                f"nothing of {saved.prefix} is taken: {self.net.name} has no variable of it that "
                "is not excluded"
            )


def within(scopes: Sequence[str], names: Sequence[str], option: str) -> set[str]:
    """The names in these scopes. Raises ValueError for a scope that holds none, with near ones."""
    chosen: set[str] = set()
    for scope in (scope.strip() for scope in scopes):
        inside = {name for name in names if name.startswith(scope)}
        if not inside:
            hint = did_you_mean(_meant(scope, names)) or f" There is {names[0]}, ..."
            raise ValueError(f"{option}: no variable is in {scope}.{hint}")
        chosen |= inside
    return chosen


def _meant(scope: str, names: Sequence[str]) -> list[str]:
    """The scopes of these names that this one may be meant for: its like, or its end."""
    parts = (name.split("/") for name in names)
    known = {"/".join(p[:end]): None for p in parts for end in range(1, len(p))}
    ends = [one for one in known if one.endswith(f"/{scope.strip('/')}")]
    return ends[:3] or near(scope, known)


def cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor | Mixed, smoothing: float = 0.0
) -> tf.Tensor:
    """Mean softmax cross-entropy; smoothing as tf_slim.losses: (1 - s) * onehot + s / classes.

    Mixed labels: each image's own, smoothed, times its share, and the other's times the rest.
    """
    if isinstance(labels, Mixed):
        first, other = (_cross_entropies(logits, one, smoothing) for one in labels[:2])
        return tf.reduce_mean(labels.share * first + (1.0 - labels.share) * other)
    return tf.reduce_mean(_cross_entropies(logits, labels, smoothing))


def _cross_entropies(logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    if not smoothing:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    classes = logits.shape[-1]
    target = tf.one_hot(labels, classes, 1.0 - smoothing + smoothing / classes, smoothing / classes)
    return tf.nn.softmax_cross_entropy_with_logits(target, logits)


def scalars(rate: float, step: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A step's rate and number as tensors.

    By way of NumPy: TensorFlow keeps every Python number that it ever made a tensor of, 0.75 KB
    each, which over TF-Slim's nine million steps comes to 14 GB.
    """
    return tf.constant(np.float32(rate)), tf.constant(np.int32(step))
