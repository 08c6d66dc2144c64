"""What a net is to the rest of the house, and the door through which one comes in.

    @register_net("mine", image_size=64, last="mine/logits/biases")
    class Mine(Layered):
        ...

A file of this folder, or a plug-in, holds a net and this decorator, and nothing else names it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import tensorflow as tf

Share = tuple[Any, int]  # (i, k): every k-th image of a batch from the i-th on


class Net(Protocol):
    """A net with its weights.

    num_classes counts every logit, background included. variables and trainable map names to
    tf.Variable, in the net's order; regularized names those under weight decay.
    """

    name: str
    num_classes: int
    image_size: int
    variables: dict[str, tf.Variable]
    trainable: dict[str, tf.Variable]
    regularized: tuple[str, ...]

    @property
    def is_proxy(self) -> bool:
        """True where this size makes another net of it than the one that the name is known for."""

    def __call__(
        self, images: tf.Tensor, is_training: bool = False, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Logits, float32 [batch, num_classes], of float32 images [batch, size, size, 3].

        Inside a tf.function(autograph=False). seed: int32 [2], of dropout's draws in training.
        """

    def heads(
        self, images: tf.Tensor, seed: tf.Tensor, part: Share = (0, 1)
    ) -> list[tuple[float, tf.Tensor]]:
        """Each head that is trained, its logits float32, with its weight in the loss.

        part: which images of the whole batch these are, for draws that do not depend on it.
        """

    def activations(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Name of a layer's weights -> its outputs before the activation, in the net's order.

        As the net is evaluated; inside a tf.function.
        """


class BaseNet:
    """What a Net keeps of what it is made with; a subclass makes its variables."""

    regularized: tuple[str, ...]

    def __init__(
        self,
        name: str,
        num_classes: int,
        image_size: int,
        *,
        seed: int = 0,
        initialisation: str = "slim",
        dropout_keep_prob: float = 0.5,
        mixed_precision: bool = False,
    ) -> None:
        self.name, self.num_classes, self.image_size = name, num_classes, image_size
        self.keep_prob, self.mixed_precision = dropout_keep_prob, mixed_precision
        self.variables = self._create(seed, initialisation)
        self.trainable = {n: v for n, v in self.variables.items() if v.trainable}

    @property
    def is_proxy(self) -> bool:
        return False

    def _create(self, seed: int, start: str) -> dict[str, tf.Variable]:
        """The variables with their first values; sets regularized."""
        raise NotImplementedError


# (num_classes, image_size) -> each trained variable's shape, in the net's order; None: not known.
Shapes = Callable[[int, int], Mapping[str, tuple[int, ...]] | None]


class Entry(NamedTuple):
    """A net that is known: how it is made, the size in pixels it was made for, and its last biases.

    make: as nets.create is called. last: the variable whose length is the number of logits. file:
    where it was registered. shapes: see register_net.
    """

    make: Callable[..., Net]
    image_size: int
    last: str
    file: str
    shapes: Shapes | None


_nets: dict[str, Entry] = {}
Made = TypeVar("Made", bound=Callable[..., Any])


def register_net(
    name: str, *, image_size: int, last: str, shapes: Shapes | None = None
) -> Callable[[Made], Made]:
    """Register what makes a net, a class or a function, as a decorator; see Entry.

    shapes: what describes the net before it is made, without TensorFlow; else it is made for that.
    Raises ValueError where the name is another file's.
    """

    def decorate(make: Made) -> Made:
        file = str(getattr(sys.modules.get(make.__module__), "__file__", make.__module__))
        if name in _nets and _nets[name].file != file:
            raise ValueError(f"net {name!r} of {file} is already registered by {_nets[name].file}")
        _nets[name] = Entry(make, image_size, last, file, shapes)
        return make

    return decorate


def known() -> Mapping[str, Entry]:
    """The nets that are registered so far."""
    return _nets


def forget(name: str) -> None:
    """Take a net out again."""
    del _nets[name]
