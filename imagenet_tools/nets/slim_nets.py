"""The nets of tf_slim.nets, as tf_slim builds them, on variables that we own.

tf_slim's functions ask for a variable by name each time they are called. A custom getter answers
from a dictionary, so that one of these nets is called inside a tf.function like any other:
under eager TensorFlow, with no session, several in one process. Names, shapes, initial values,
batch norm and the L2 terms are tf_slim's own.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import metadata, resources
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.nets import initialisation as starts
from imagenet_tools.nets.net import BaseNet, Share, register_net

AUXILIARY_WEIGHT = 0.4  # of inception_v3's second head in the loss, as TF-Slim trains it
REFERENCE = "alexnet_v2_reference"


class Source(NamedTuple):
    """Where a net is in tf_slim.nets, its last layer's biases, and the size it was made for."""

    module: str
    function: str
    arg_scope: str
    last: str
    image_size: int = 224


def _sources() -> dict[str, Source]:
    sources = {
        REFERENCE: Source("alexnet", "alexnet_v2", "alexnet_v2_arg_scope", "alexnet_v2/fc8/biases"),
        "overfeat": Source(
            "overfeat", "overfeat", "overfeat_arg_scope", "overfeat/fc8/biases", 231
        ),
    }
    for name in ("vgg_a", "vgg_16", "vgg_19"):
        sources[name] = Source("vgg", name, "vgg_arg_scope", f"{name}/fc8/biases")
    for version, last, size in ((1, "0c", 224), (2, "1c", 224), (3, "1c", 299)):
        name = f"inception_v{version}"
        biases = f"InceptionV{version}/Logits/Conv2d_{last}_1x1/biases"
        sources[name] = Source(name, name, f"{name}_arg_scope", biases, size)
    for version in (1, 2):
        for depth in (50, 101, 152, 200):
            module, name = f"resnet_v{version}", f"resnet_v{version}_{depth}"
            sources[name] = Source(module, name, "resnet_arg_scope", f"{name}/logits/biases")
    return sources


@cache
def _described() -> dict[str, dict[str, str]]:
    """Net -> trained variable -> shape, as 3x3x64xN; nothing for another tf_slim than its own.

    tests/nets/write_shapes.py writes the file.
    """
    file = resources.files("imagenet_tools") / "data" / "tf_slim_shapes.txt"
    heading, *lines = file.read_text().splitlines()
    nets: dict[str, dict[str, str]] = {}
    net = ""
    if heading == f"tf_slim {metadata.version('tf_slim')}":
        for line in lines:  # a net's name, and behind it a line a variable
            name, _, shape = line.partition(" ")
            if shape:
                nets[net][name] = shape
            else:
                net, nets[name] = name, {}
    return nets


def shapes(
    name: str, size: int, num_classes: int, image_size: int
) -> dict[str, tuple[int, ...]] | None:
    """Each trained variable's shape at the net's own size; None where that is not known."""
    if image_size != size or name not in _described():
        return None
    return {
        variable: tuple(num_classes if side == "N" else int(side) for side in shape.split("x"))
        for variable, shape in _described()[name].items()
    }


class SlimNet(BaseNet):
    """A net of tf_slim's.

    variables holds batch norm's moving averages too, trainable does not. regularized: every
    weight that tf_slim puts an L2 term on.
    """

    def _create(self, seed: int, start: str) -> dict[str, tf.Variable]:
        """Build once in a graph of its own to learn each variable, and draw its first value."""
        source = self.source = SOURCES[self.name]
        module = importlib.import_module(f"tf_slim.nets.{source.module}")
        self._function: Callable[..., Any] = getattr(module, source.function)
        self._arg_scope: Callable[..., Any] = getattr(module, source.arg_scope)
        v1 = tf.compat.v1
        wanted: dict[str, tuple[tuple[int, ...], Any, bool]] = {}

        def record(getter: Callable[..., Any], name: str, **given: Any) -> Any:
            wanted[name] = (tuple(given["shape"]), given["initializer"], given["trainable"])
            given |= {"regularizer": None, "initializer": v1.zeros_initializer()}  # none runs here
            return getter(name, **given)

        with tf.Graph().as_default():
            v1.set_random_seed(seed)
            images = tf.zeros([2, self.image_size, self.image_size, 3])
            logits, _ = self._net(images, True, None, record)
            if logits.shape.as_list() != [2, self.num_classes]:
                raise ValueError(
                    f"{self.name} at {self.image_size} pixels gives logits of shape "
                    f"{logits.shape[1:]}, more than one to an image; its own size is "
                    f"{self.source.image_size}"
                )
            terms = v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)
            self.regularized = tuple(sorted(_variable_of(term) for term in terms))
        values: dict[str, np.ndarray] = {}
        with tf.Graph().as_default(), v1.Session() as session:
            first = {}
            for name, (shape, draw, _) in wanted.items():
                if start == "zeros":
                    values[name] = np.zeros(shape, np.float32)
                elif start != "slim" and name in self.regularized:
                    values[name] = starts.he(name, shape, seed)
                else:
                    v1.set_random_seed(zlib.crc32(name.encode()) ^ seed)
                    first[name] = draw(list(shape))
            if first:
                values |= session.run(first)
        variables = {}
        for name, (_, _, trainable) in wanted.items():
            # Batch norm's averages: a mean over replicas, where there are several.
            apart: dict[str, Any] = {} if trainable else dict(
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.MEAN,
            )  # fmt: skip
            variables[name] = tf.Variable(values[name], trainable=trainable, name=name, **apart)
        return variables

    def __call__(
        self, images: tf.Tensor, is_training: bool = False, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        logits, _ = self._net(self._precise(images), is_training, seed, self._lookup)
        return tf.cast(logits, tf.float32)

    def heads(
        self, images: tf.Tensor, seed: tf.Tensor, part: Share = (0, 1)
    ) -> list[tuple[float, tf.Tensor]]:
        logits, end_points = self._net(self._precise(images), True, seed, self._lookup, part)
        heads = [(1.0, tf.cast(logits, tf.float32))]
        if "AuxLogits" in end_points:
            heads.append((AUXILIARY_WEIGHT, tf.cast(end_points["AuxLogits"], tf.float32)))
        return heads

    def activations(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        weights: dict[str, str] = {}  # a tensor's name -> its variable's

        def note(getter: Callable[..., Any], name: str, *_: Any, **__: Any) -> tf.Tensor:
            value = tf.identity(self.variables[name])
            weights[value.name] = name
            return value

        self._net(images, False, None, note)
        return {
            weights[layer.inputs[1].name]: layer.outputs[0]
            for layer in tf.compat.v1.get_default_graph().get_operations()
            if layer.type in ("Conv2D", "DepthwiseConv2dNative")
        }

    def _precise(self, images: tf.Tensor) -> tf.Tensor:
        """The images in the precision of the net; its layers ask for weights of their dtype."""
        return tf.cast(images, tf.bfloat16) if self.mixed_precision else images

    def _lookup(self, getter: Callable[..., Any], name: str, *_: Any, **asked: Any) -> Any:
        variable = self.variables[name]
        kind = asked.get("dtype") or variable.dtype
        return variable if kind == variable.dtype else tf.cast(variable, kind)

    def _net(
        self,
        images: tf.Tensor,
        is_training: bool,
        seed: Any,
        getter: Callable[..., Any],
        part: Share = (0, 1),
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        import tf_slim

        v1 = tf.compat.v1
        settings: dict[str, Any] = {}
        if not self.name.startswith("resnet"):
            settings["dropout_keep_prob"] = self.keep_prob
        scope = v1.variable_scope(
            v1.get_variable_scope(), custom_getter=getter, auxiliary_name_scope=False
        )
        with _mended(seed, part), scope, tf_slim.arg_scope(_immediate(self._arg_scope())):
            logits, end_points = self._function(
                images, self.num_classes, is_training=is_training, **settings
            )
        if logits.shape[1:3] == [1, 1]:  # resnets keep the pooled map's two sides
            logits = tf.squeeze(logits, [1, 2])
        return logits, end_points


def _variable_of(term: tf.Tensor) -> str:
    """The variable that an L2 term is of, found by walking up its graph."""
    operation = term.op
    while operation.inputs:
        # l2_regularizer multiplies the scale by the loss; the variable is behind the last input.
        operation = operation.inputs[len(operation.inputs) - 1].op
    return str(operation.name)


def _immediate(scope: dict[Any, Any]) -> dict[Any, Any]:
    """The arg_scope with batch norm's averages updated on the way, not through a collection.

    tf_slim then takes its own fused batch norm, which needs none of the layers that TensorFlow
    has dropped.
    """
    changed = {}
    for operation, given in scope.items():
        given = dict(given)
        if given.get("normalizer_params"):
            given["normalizer_params"] = {**given["normalizer_params"], "updates_collections": None}
        if "updates_collections" in given:
            given["updates_collections"] = None
        changed[operation] = given
    return changed


@contextlib.contextmanager
def _mended(seed: Any, part: Share) -> Iterator[None]:
    """While a net is built: the names that tf_slim misses in TensorFlow, and dropout by key."""
    from tensorflow.python.framework import ops
    from tf_slim import add_arg_scope, layers

    from imagenet_tools.nets.alexnet_v2 import dropout

    whole = layers.dropout

    @add_arg_scope
    def keyed(
        inputs: tf.Tensor, keep_prob: float = 0.5, is_training: bool = True, scope: str = ""
    ) -> Any:
        if not is_training or seed is None or keep_prob >= 1.0:
            return inputs
        layer = int("".join(filter(str.isdigit, scope)))  # dropout6, Dropout_1b
        return dropout(inputs, keep_prob, seed, layer, part)

    missing = not hasattr(ops, "Tensor")
    if missing:
        ops.Tensor = tf.Tensor
    layers.dropout = keyed
    try:
        with warnings.catch_warnings():  # tf_slim's layers call what TensorFlow deprecates
            warnings.filterwarnings("ignore", "`layer.apply` is deprecated")
            yield
    finally:
        layers.dropout = whole
        if missing:
            del ops.Tensor


def _registered() -> dict[str, Source]:
    sources = _sources()
    for name, source in sources.items():
        known = partial(shapes, name, source.image_size)
        register_net(name, image_size=source.image_size, last=source.last, shapes=known)(SlimNet)
    return sources


SOURCES = _registered()
