"""Code that is not ours: a plug-in's file is run as a module, known by its content, and contained.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import signal
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from imagenet_tools.errors import PipelineFailed

# Never a helper of a plug-in's, although a checkout may have them beside it.
_OURS = ("imagenet_tools", "preprocessing")
# Seconds. TensorFlow's import, which may be in it, takes a minute on a busy machine.
LIMIT = 300.0
# Files that registered something at a door above the pipelines: a rule, a metric.
BROUGHT: set[str] = set()
# While a plug-in's file runs: the modules that were there before it.
_before: set[str] | None = None


def execute(path: Path) -> ModuleType:
    """Run a file as a module of its own; what it raises comes through."""
    module = ModuleType(f"imgtools_plugin_{zlib.crc32(str(path).encode()):08x}_{path.stem}")
    module.__file__ = str(path)
    # Known by name while it runs, or its dataclasses and annotations cannot be resolved.
    sys.modules[module.__name__] = module
    eager = _eager()
    code = path.read_bytes()
    if b"\0" in code:  # Python 3.10 has a ValueError for it
        raise SyntaxError("source code cannot contain null bytes")
    # Not through the import system, whose bytecode caches may be older than the file.
    exec(compile(code, path, "exec"), module.__dict__)
    if eager and not _eager():  # TF-Slim's own files call disable_v2_behavior when imported
        sys.modules["tensorflow"].compat.v1.enable_v2_behavior()
    return module


def _eager() -> bool:
    """Is TensorFlow 2 as it comes? So it is where it is not loaded yet."""
    context: Any = sys.modules.get("tensorflow.python.eager.context")
    return context is None or context.executing_eagerly()


@contextlib.contextmanager
def folder_first(folder: Path) -> Iterator[None]:
    """Import from this folder first, as Python does for a script.

    What was imported from it is forgotten afterwards, so that a plug-in of another folder may have
    helpers of the same names. For imports inside functions the folder stays on the path, as its
    last entry.
    """
    global _before
    entry, outer = str(folder), _before  # of a plug-in that loads another
    _before = set(sys.modules)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
        for name in _helpers(folder):
            del sys.modules[name]
        _before = outer
        if entry not in sys.path:
            sys.path.append(entry)


def _helpers(folder: Path) -> dict[str, Path]:
    """The modules that the plug-in which is running imported from a folder: name -> file."""
    files: dict[str, Path] = {}
    if _before is None:
        return files
    for name, module in sorted(sys.modules.copy().items()):  # a thread may import meanwhile
        top = name.split(".")[0]
        file = getattr(module, "__file__", None)
        if name in _before or top in _OURS or not file:
            continue
        path = Path(file).resolve()
        if path == folder / f"{top}.py" or path.is_relative_to(folder / top):
            files[name] = path
    return files


def digest(path: Path, functions: Mapping[str, Callable[..., Any]]) -> str:
    """sha256 of a plug-in's file and the helpers beside it; of the code where it has no file."""
    if path.is_file():
        pieces = [file.read_bytes() for file in (path, *sorted(_helpers(path.parent).values()))]
        digests = [hashlib.sha256(piece).hexdigest() for piece in pieces]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode()).hexdigest()
    codes = [getattr(underlying(function), "__code__", None) for function in functions.values()]
    code = "".join(repr(c and (c.co_code, c.co_consts)) for c in codes)
    return hashlib.sha256(code.encode()).hexdigest()


def underlying(function: Any) -> Any:
    """The Python function in a functools.partial, a wrapper, a tf.function, or an object."""
    if isinstance(function, functools.partial):
        return underlying(function.func)
    for attribute in ("__wrapped__", "python_function", "__func__"):
        if hasattr(function, attribute):
            return underlying(getattr(function, attribute))
    call = getattr(type(function), "__call__", None)  # noqa: B004  # the method, not whether it is
    return function if hasattr(function, "__code__") or not hasattr(call, "__code__") else call


def place(function: Callable[..., Any]) -> tuple[str, int]:
    """The file and the line where a function is defined; "<unknown>" where Python cannot tell."""
    code = getattr(underlying(function), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else ("<unknown>", 1)


class _TooLong(BaseException):
    """No Exception, which a plug-in may catch."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """End a plug-in's import that takes longer than LIMIT seconds, by a TimeoutError.

    By an alarm, which reaches the main thread alone; in another one there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: Any) -> None:
        raise _TooLong

    former = signal.signal(signal.SIGALRM, ring)
    others = signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    except _TooLong:
        raise TimeoutError(f"it did not end within {LIMIT:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, *others)
        signal.signal(signal.SIGALRM, former)


@contextlib.contextmanager
def contained(name: str) -> Iterator[None]:
    """Run a plug-in's code: what it prints goes to stderr, and it does not end the process.

    PipelineFailed, naming the plug-in, for sys.exit and whatever else is no Exception.
    """
    done = sys.stdout is sys.stderr  # by the first probe, or a part around this one
    try:
        with contextlib.nullcontext() if done else contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PipelineFailed(f"plug-in {name} raised {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def named(failure: str, *passed: type[Exception]) -> Iterator[None]:
    """Run a plug-in's code: PipelineFailed, beginning with what failed, for whatever Exception it
    raises but PipelineFailed itself and those passed on."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (PipelineFailed, *passed)):
            raise
        raise PipelineFailed(f"{failure}: {type(error).__name__}: {error}") from error
