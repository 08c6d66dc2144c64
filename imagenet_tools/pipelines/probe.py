"""A plug-in is run once on a made-up photograph before it is trusted with a data set."""

from __future__ import annotations

import contextlib
import contextvars
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.errors import PipelineFailed

# The size of the commonest ImageNet photograph.
HEIGHT, WIDTH = 375, 500
# Seconds by the clock: an endless loop may sleep, and a graph runs in threads of TensorFlow's, so
# processor time says little. An image and its graph take a second or two; a busy machine, a minute.
LIMIT = 300.0
_done: set[str] = set()
# What TensorFlow puts before the cause of an error in a graph.
_AROUND = re.compile(
    r"Graph execution error:\s+|\{\{function_node [^}]*\}\}\s*"
    r"|Detected at node .*\n(?:(?: *File .*|<stack traces unavailable>|)\n)*"
)


def once(key: str, name: str, is_training: bool, run: Callable[[tf.Tensor], tf.Tensor]) -> None:
    """Run a plug-in on the photograph, the first time that this key is given.

    In a graph of its own, so that it works wherever the first call comes from (tf.data, TF1). As in
    training the plug-in may hold what is eager, a constant or a Keras layer; not under TF1. Raises
    PipelineFailed, naming the plug-in, where it fails, does not end within LIMIT seconds, or gives
    values that are not finite.
    """
    if key in _done:
        return
    what = f"a first probe ({HEIGHT} x {WIDTH} pixels, is_training={is_training})"
    try:
        # Here, not in the thread: one that is left behind would put it back at some later time.
        with contextlib.redirect_stdout(sys.stderr):
            out = _within(LIMIT, lambda: _run(run))
    except (TimeoutError, tf.errors.DeadlineExceededError):
        raise PipelineFailed(f"{name} did not end within {LIMIT:g} s on {what}") from None
    except Exception as error:
        raise PipelineFailed(f"{name} failed on {what}: {last_word(error)}") from error
    if bad := int(np.size(out) - np.isfinite(out).sum()):
        raise PipelineFailed(f"{name} gave {bad} values that are NaN or infinite on a first probe")
    _done.add(key)


def _run(run: Callable[[tf.Tensor], tf.Tensor]) -> np.ndarray:
    if tf.executing_eagerly():
        return np.asarray(tf.function(run, autograph=False)(tf.constant(photograph())))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        image = tf.constant(photograph())
        out = tf.function(lambda: run(image), autograph=False)()
        options = tf.compat.v1.RunOptions(timeout_in_ms=int(LIMIT * 1000))
        return np.asarray(session.run(out, options=options))


def _within(seconds: float, run: Callable[[], np.ndarray]) -> np.ndarray:
    """What run returns or raises; TimeoutError, and its thread left behind, where it takes longer.

    No thread of Python's can be stopped from outside.
    """
    outcome: list[Any] = []

    def keep() -> None:
        try:
            outcome.append(run())
        except KeyboardInterrupt:  # raised by the plug-in: Ctrl-C reaches the main thread alone
            outcome.append(RuntimeError("it raised KeyboardInterrupt"))
        except BaseException as error:
            outcome.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(keep,), daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return np.asarray(outcome[0])


def last_word(error: BaseException) -> str:
    """The error in one line; TensorFlow puts the lines of the user's code above it."""
    if isinstance(error, tf.errors.OperatorNotAllowedInGraphError):
        return (
            "Python's if, while and for cannot depend on a tensor; "
            "use tf.cond, tf.where or tf.while_loop"
        )
    if type(error).__name__ == "TBNotInstalledError":
        return "tf.summary needs TensorBoard: pip install tensorboard, or leave the summary out"
    lines = _AROUND.sub("", str(error)).strip().splitlines() or [""]
    if lines[0].startswith("in user code"):
        return lines[-1].strip()
    return lines[0] if isinstance(error, ValueError) else f"{type(error).__name__}: {lines[0]}"


def photograph(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A made-up one: slopes, an edge and some noise; uint8 [height, width, 3], always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    slopes = np.stack([(x + y) / 2, y, 1 - (x + y) / 2], axis=-1) * 160
    edge = np.where(y < 0.5, 0, 60)[..., None]
    return (slopes + edge + rng.integers(0, 30, slopes.shape)).astype(np.uint8)
