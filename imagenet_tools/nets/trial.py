"""A net of a plug-in is traced once, as it is evaluated and as it is trained, before it is used."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from imagenet_tools.errors import PipelineFailed
from imagenet_tools.nets.net import Net

IMAGES = 2  # any batch will do


def made(make: Callable[[], Net], of: str) -> Net:
    """Make a net and trace it on images of its size; nothing is computed.

    of: what it is called in errors. Raises ValueError where the net raises one, as TensorFlow does
    for shapes that do not fit, PipelineFailed for whatever else goes wrong, and for logits that are
    none.
    """
    try:
        net = make()

        def outputs(images: tf.Tensor) -> None:
            _check(net, net(images))
            with tf.GradientTape() as tape:
                heads = [logits for _, logits in net.heads(images, tf.constant([0, 0]))]
            for logits in heads:
                _check(net, logits)
            for name, gradient in tape.gradient(heads, net.trainable).items():
                if gradient is None:
                    raise TypeError(f"in training its logits do not depend on {name}")

        size, strategy = net.image_size, tf.distribute.get_strategy()
        # In replicas, where there are several: out of them variables have no gradients.
        trial = tf.function(lambda images: strategy.run(outputs, (images,)), autograph=False)
        trial.get_concrete_function(tf.TensorSpec([IMAGES, size, size, 3], tf.float32))
    except KeyboardInterrupt:
        raise
    except ValueError as error:
        raise ValueError(f"{of}: {error}") from error
    except BaseException as error:  # sys.exit, too
        raise PipelineFailed(f"{of} failed: {type(error).__name__}: {error}") from error
    return net


def _check(net: Net, logits: object) -> None:
    wanted = (IMAGES, net.num_classes)
    if not isinstance(logits, tf.Tensor):
        given = f"a {type(logits).__name__}"
    elif logits.dtype != tf.float32 or not logits.shape.is_compatible_with(wanted):
        given = f"{logits.dtype.name} {logits.shape}"
    else:
        return
    raise TypeError(f"it gives {given} of {IMAGES} images; float32 {wanted} is wanted")
