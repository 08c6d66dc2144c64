"""Nets by TF-Slim's names, with TF-Slim's variables, behind one call.

net = nets.create("alexnet_v2", num_classes=1001, image_size=224)
logits = net(images, is_training=True, seed=tf.constant([1, 2]))   # inside a tf.function
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagenet_tools.nets import trial
from imagenet_tools.nets.layered import Layered as Layered
from imagenet_tools.nets.net import Entry, known
from imagenet_tools.nets.net import Net as Net
from imagenet_tools.nets.net import register_net as register_net

DEFAULT = "alexnet_v2"


class LayerRow(NamedTuple):
    """One row of the table that describe-model prints."""

    name: str
    shape: tuple[int, ...]
    parameters: int


class Description(NamedTuple):
    """What describe-model prints; is_proxy: see Net."""

    name: str
    num_classes: int
    image_size: int
    is_proxy: bool
    rows: list[LayerRow]


def names() -> list[str]:
    """The names that `create` takes, the default first."""
    _load()
    return sorted(known(), key=lambda name: name != DEFAULT)


def default_size(name: str) -> int:
    """The image size in pixels that a net was made for."""
    return _entry(name).image_size


def describe(name: str, num_classes: int, image_size: int | None = None) -> Description:
    """Each trained variable with its shape, without TensorFlow where the shapes are known.

    Raises as `create` does.
    """
    entry = _entry(name)
    size = image_size or entry.image_size
    if entry.shapes and (shapes := entry.shapes(num_classes, size)) is not None:
        is_proxy = shapes != entry.shapes(num_classes, entry.image_size)
    else:
        net = create(name, num_classes, size, initialisation="zeros")
        shapes = {variable: tuple(value.shape) for variable, value in net.trainable.items()}
        is_proxy = net.is_proxy
    rows = [LayerRow(one, tuple(shape), math.prod(shape)) for one, shape in shapes.items()]
    return Description(name, num_classes, size, is_proxy, rows)


def class_count(name: str, tensors: Mapping[str, np.ndarray]) -> int:
    """Number of logits of a checkpoint of this net, from its last layer's biases."""
    last = _entry(name).last
    if last not in tensors:
        there = ", ".join(sorted(tensors)[:3]) or "none"
        raise ValueError(f"no {last} in the checkpoint (it has {there}, ...); is it one of {name}?")
    if tensors[last].ndim != 1:
        raise ValueError(f"{last} is {tensors[last].shape}, where one value a class is wanted;")
    return len(tensors[last])


def create(
    name: str,
    num_classes: int,
    image_size: int | None = None,
    *,
    seed: int = 0,
    initialisation: str = "slim",
    dropout_keep_prob: float = 0.5,
    mixed_precision: bool = False,
) -> Net:
    """Make a net with fresh variables.

    num_classes counts all logits, background included. initialisation: "slim", "he" or "lsuv";
    after "lsuv" call initialisation.lsuv(net, images) with a first batch; "zeros" where a
    checkpoint's weights follow, which is sooner done. mixed_precision: bfloat16
    on the way, float32 variables and logits. A net of a plug-in is tried at once. Raises
    LookupError for an unknown name, ValueError for a size that the net does not take,
    PipelineFailed for a plug-in's that fails otherwise, or whose logits are none.
    """
    entry = _entry(name)
    size = image_size or entry.image_size
    make = partial(
        entry.make,
        name,
        num_classes,
        size,
        seed=seed,
        initialisation=initialisation,
        dropout_keep_prob=dropout_keep_prob,
        mixed_precision=mixed_precision,
    )
    ours = Path(entry.file).parent == Path(__file__).parent
    try:
        return make() if ours else trial.made(make, f"net {name} of {entry.file}")
    except ValueError as error:
        reason, of_tensorflow, _ = str(error).partition(" for '{{node")
        if not of_tensorflow:
            raise
        own = f" is {entry.image_size} (--image-size)" if size != entry.image_size else ""
        raise ValueError(
            f"{name} cannot take images of {size} pixels, its own size{own}: {reason}"
        ) from error


def _entry(name: str) -> Entry:
    _load()
    if name not in known():
        raise LookupError(
            f"unknown model {name!r}; known: {', '.join(names())}. Your own: --plugin FILE.py"
        )
    return known()[name]


@cache
def _load() -> None:
    """Import every file of this folder, once: a net registers itself."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
