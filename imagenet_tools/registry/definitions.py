"""What is registered, by name, and how it gets there."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imagenet_tools.pipelines import plugins
from imagenet_tools.pipelines.parts import Definition, parameters_of

# The shipped ones are known by their version number. A file added beside them, or anywhere else,
# is a plug-in and known by its content, because nobody raises the version of a file he edits.
SHIPPED = (
    *("alexnet", "alexnet_b", "cifarnet", "inception", "lenet", "timm", "torchvision", "vgg"),
    # Parts alone.
    *("cutmix", "erasing", "jitter", "lighting", "mixup", "randaugment", "resized_crop"),
    *("shorter_side", "trivialaugment"),
)
SUFFIX = "_preprocessing"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

DEFINITIONS: dict[str, Definition] = {}


class Refused(ValueError):
    """A registration that is refused; it names the plug-in, so it is not wrapped again."""


def built_in_folder() -> Path:
    """The folder of the built-ins, without importing TensorFlow."""
    package = importlib.import_module("imagenet_tools.preprocessing")
    return Path(package.__path__[0]).resolve()


def _is_shipped(path: Path) -> bool:
    return path.parent == built_in_folder() and path.stem.removesuffix(SUFFIX) in SHIPPED


def caller() -> tuple[str, int]:
    """The file and the line outside the registry that a call came from.

    Not those of the function that is registered, which may come from another file.
    """
    frame = inspect.currentframe()
    while frame is not None and Path(frame.f_code.co_filename).parent == Path(__file__).parent:
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("<unknown>", 1)


def add(
    name: str,
    functions: Mapping[str, Callable[..., Any]],
    place: tuple[str, int],
    *,
    version: int = 1,
    summary: str | None = None,
    source: str = "",
    defaults: Mapping[str, Any] | None = None,
    later: tuple[str, ...] = (),
    moves: bool = False,
) -> Definition:
    """Register a Definition under a name, and return it, or the same one that is there already.

    place: file and line of the registration. summary: its first line is kept; None for the
    function's docstring. Refused for a name that is none, or another file's; and for defaults that
    no part takes.
    """
    if summary is None:
        summary = plugins.underlying(next(iter(functions.values()))).__doc__ or ""
    path, defaults = Path(place[0]).resolve(), dict(defaults or {})
    first = next((line.strip() for line in summary.split("\n") if line.strip()), "")
    definition = Definition(
        name, dict(functions), defaults, version, first, source, str(path), place[1],
        "" if _is_shipped(path) else plugins.digest(path, functions), frozenset(later), moves,
    )  # fmt: skip
    # Read anew for specs: what annotations name may stand further down in the file.
    each = (parameters_of(function, kind, defaults) for kind, function in functions.items())
    known: set[str] = set().union(*each)
    if stray := sorted({*defaults, *later} - known):
        raise Refused(f"defaults of {name!r}: no part takes {', '.join(stray)}")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Refused(
            f"{name!r} of {path}:{place[1]} is no pipeline name: "
            "letters, digits, _ and -, a letter first"
        )
    old = DEFINITIONS.setdefault(name, definition)
    # One file imported under two names (preprocessing.x, imagenet_tools.preprocessing.x) is one.
    one, other = ((d.file, d.line, d.digest) for d in (old, definition))
    if one != other:
        changed = " (the file changed since it was loaded?)" if old.file == str(path) else ""
        raise Refused(
            f"pipeline {name!r} of {path}:{place[1]} is already registered by "
            f"{old.file}:{old.line}{changed}; choose another name"
        )
    return old
