"""Which TensorFlow the tests were run on, and a clear error where another one is installed."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from importlib import metadata
from typing import Any

# `make test-matrix` runs the test suite on the last release of either (noxfile.py).
OLDEST, NEWEST = (2, 18), (2, 21)
# One of these provides the module `tensorflow`; -cpu is the smaller build of the same.
DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu")
LOG_LEVEL, QUIET = "TF_CPP_MIN_LOG_LEVEL", "2"  # errors only
# TensorFlow leaves oneDNN off where a processor has neither AVX512's VNNI nor AMX, though on AVX2
# oneDNN's kernels take half the time of TensorFlow's own (docs/why/speed.md).
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
REMEDY = f"pip install 'tensorflow>={OLDEST[0]}.{OLDEST[1]},<{NEWEST[0]}.{NEWEST[1] + 1}'"


def installed() -> str | None:
    """Return the version of TensorFlow that is installed, without importing it; None if none."""
    for name in DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def check() -> tuple[int, int]:
    """Return TensorFlow's version; ImportError, with what mends it, unless it is in range."""
    version = installed()
    if version is None:
        raise ImportError(f"TensorFlow is not installed. To install it: {REMEDY}")
    major, minor = (int(part) for part in version.split(".")[:2])
    if not OLDEST <= (major, minor) <= NEWEST:
        raise ImportError(
            f"TensorFlow {version} is installed; imgtools was tested on {OLDEST[0]}.{OLDEST[1]} "
            f"to {NEWEST[0]}.{NEWEST[1]}. To mend it: {REMEDY}"
        )
    return major, minor


def load() -> None:
    """Check TensorFlow's version and import it, with oneDNN, without its start-up chatter.

    TensorFlow 2.21 writes some ten lines about oneDNN and CUDA to the process's stderr before any
    setting is read, so that stream is held back during the import and shown only if that fails.
    A TF_CPP_MIN_LOG_LEVEL below 2 asks for all of it.
    """
    version = check()
    os.environ.setdefault(ONEDNN, "1")
    if os.environ.setdefault(LOG_LEVEL, QUIET) < QUIET:
        with _uncollected(), _without_keras():
            importlib.import_module(_NAME)
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            with _uncollected(), _without_keras():
                import tensorflow as tf

            tf.config.list_physical_devices()
            if version < NEWEST:
                _first_session(tf)
        except Exception:  # and not an interrupt, which is one line
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: nearly all of what an import makes stays, and going through it
    time and again is a sixth of TensorFlow's."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """Leave Keras, a third of TensorFlow's import, to whoever asks for it (`tf.keras`).

    TensorFlow imports its optimizers last, and goes on where they cannot be.
    """
    if _KERAS in sys.modules:
        yield
        return
    sys.modules[_KERAS] = None  # type: ignore[assignment]  # so that an import of it fails
    try:
        yield
    finally:
        del sys.modules[_KERAS]


def _first_session(tf: Any) -> None:
    """Begin one: of MLIR 2.18 speaks at a process's first one, whatever the level is."""
    cpu = tf.compat.v1.ConfigProto(device_count={"GPU": 0})  # whose memory it would take
    with tf.Graph().as_default(), tf.compat.v1.Session(config=cpu) as session:
        session.run(tf.constant(0))


def later() -> None:
    """Let `import tensorflow as tf` succeed at once, and import it when a name in it is used.

    Pipelines are written in TensorFlow, but their names, parameters and descriptions are known
    without it: a tenth of a second in place of several.
    """
    sys.modules.setdefault(_NAME, _Later(_NAME))


_NAME = "tensorflow"
_KERAS = "keras.src.optimizers"
# __path__: of `import tensorflow.keras`, say, which wants the whole as well.
_TENSORFLOWS = ("__path__", "__version__", "__all__", "__internal__")


class _Later(types.ModuleType):
    """Stands for TensorFlow until the first name in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        # Others go through all modules and look at what every module may have.
        if name.startswith("__") and name not in _TENSORFLOWS:
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        load()
        value = getattr(sys.modules[_NAME], name)
        setattr(self, name, value)
        return value
