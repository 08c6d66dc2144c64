"""A plug-in is run once on a made-up photograph before it is trusted with a data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# The size of the commonest ImageNet photograph.
HEIGHT, WIDTH = 375, 500
_done: set[str] = set()


def once(key: str, name: str, is_training: bool, run: Callable[[tf.Tensor], tf.Tensor]) -> None:
    """Run a plug-in on the photograph, the first time that this key is given.

    In a graph of its own, so that it works wherever the first call comes from (tf.data, TF1).
    Raises ValueError, naming the plug-in, where it fails or gives values that are not finite.
    """
    if key in _done:
        return
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        try:
            image = tf.constant(photograph())
            out = session.run(tf.function(lambda: run(image), autograph=False)())
        except Exception as error:
            raise ValueError(
                f"{name} failed on a first probe ({HEIGHT} x {WIDTH} pixels, "
                f"is_training={is_training}): {last_word(error)}"
            ) from error
    if bad := int(np.size(out) - np.isfinite(out).sum()):
        raise ValueError(f"{name} gave {bad} values that are NaN or infinite on a first probe")
    _done.add(key)


def last_word(error: BaseException) -> str:
    """The error in one line; TensorFlow puts the lines of the user's code above it."""
    if isinstance(error, tf.errors.OperatorNotAllowedInGraphError):
        return (
            "Python's if, while and for cannot depend on a tensor; "
            "use tf.cond, tf.where or tf.while_loop"
        )
    lines = str(error).strip().splitlines() or [""]
    if lines[0].startswith("in user code"):
        return lines[-1].strip()
    return lines[0] if isinstance(error, ValueError) else f"{type(error).__name__}: {lines[0]}"


def photograph() -> np.ndarray:
    """A smooth picture with some noise: uint8 [375, 500, 3], always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    smooth = np.stack([x, y, (x + y) / 2], axis=-1) * 200
    return (smooth + rng.integers(0, 56, smooth.shape)).astype(np.uint8)
