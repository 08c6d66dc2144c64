"""Where pipelines come from: the built-ins, installed packages, plug-in files."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from imagenet_tools.pipelines import plugins
from imagenet_tools.pipelines.parts import PLAIN, Definition
from imagenet_tools.registry.definitions import (
    DEFINITIONS,
    SHIPPED,
    SUFFIX,
    Refused,
    add,
    built_in_folder,
)

ENTRY_POINTS = "imgtools.preprocessing"
# What a TF-Slim-style file calls its function.
PLAIN_NAME = "preprocess_image"
_BUILT_INS = "built-ins"

FAILURES: dict[str, str] = {}
_loaded: set[str] = set()


def known() -> dict[str, Definition]:
    """What is registered by the built-ins, the plug-ins loaded, and the installed ones."""
    load_built_ins()
    load_installed()
    return DEFINITIONS


def load_plugin(path: str | Path) -> list[str]:
    """Load a file that registers pipelines, nets, rules or metrics; return the pipelines' names.

    A file that registers nothing but defines TF-Slim's preprocess_image is registered under the
    file's name (without _preprocessing). It may import modules that lie beside it; they count as
    part of it. What it prints goes to stderr. ImportError where it cannot be imported
    within plugins.LIMIT; ValueError where it holds neither, or a name that is taken.
    """
    from imagenet_tools.nets.net import known as nets

    path = Path(path).resolve()
    # Before the plug-in, so that a name that is taken is the plug-in's error and not theirs.
    load_built_ins()
    registered = dict(DEFINITIONS)
    try:
        with plugins.folder_first(path.parent), contextlib.redirect_stdout(sys.stderr):
            with plugins.limited():
                module = plugins.execute(path)
            _register_plain(module, path.stem)
    except BaseException as error:
        DEFINITIONS.clear()
        DEFINITIONS.update(registered)
        if isinstance(error, Refused | KeyboardInterrupt):
            raise
        # sys.exit and its like too: a plug-in does not end the process.
        raise ImportError(f"plug-in {path} failed: {type(error).__name__}: {error}") from error
    added = [n for n, d in DEFINITIONS.items() if n not in registered or d.file == str(path)]
    others = {net.file for net in nets().values()} | plugins.BROUGHT
    if not added and str(path) not in others:
        raise ValueError(
            f"{path} registers no pipeline; decorate a function with "
            f'@registry.register("name"), or define {PLAIN_NAME}; a net: @nets.register_net'
        )
    return added


def load_built_ins() -> None:
    """Import every NAME_preprocessing.py of the built-ins' folder, once."""
    if _BUILT_INS in _loaded:
        return
    _loaded.add(_BUILT_INS)
    for module in pkgutil.iter_modules([str(built_in_folder())]):
        if module.name.endswith(SUFFIX):
            loaded = importlib.import_module(f"imagenet_tools.preprocessing.{module.name}")
            if module.name.removesuffix(SUFFIX) not in SHIPPED:
                _register_plain(loaded, module.name)


def load_installed() -> None:
    """Load the plug-ins of installed packages, once; a broken one must not stop the others."""
    if ENTRY_POINTS in _loaded:
        return
    _loaded.add(ENTRY_POINTS)
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            with plugins.contained(point.value), plugins.limited():
                loaded = point.load()
            if isinstance(loaded, ModuleType):
                _register_plain(loaded, point.name)
            elif callable(loaded) and not _registered(loaded):
                add(point.name, {PLAIN: loaded}, plugins.place(loaded))
        except Exception as error:
            FAILURES[point.name] = f"{point.value}: {type(error).__name__}: {error}"


@contextlib.contextmanager
def temporary() -> Iterator[None]:
    """Forget after this block what is registered in it, for tests; built-ins stay.

    Files dropped beside the built-ins and installed plug-ins are looked for anew inside it.
    """
    definitions, failed, loaded = dict(DEFINITIONS), dict(FAILURES), set(_loaded)
    _loaded.clear()
    try:
        yield
    finally:
        shipped = {name: one for name, one in DEFINITIONS.items() if not one.digest}
        loaded |= _loaded & {_BUILT_INS}
        for store in (DEFINITIONS, FAILURES, _loaded):
            store.clear()
        DEFINITIONS.update(shipped | definitions)
        FAILURES.update(failed)
        _loaded.update(loaded)


def _registered(function: Callable[..., Any]) -> bool:
    return any(function in d.functions.values() for d in DEFINITIONS.values())


def _register_plain(module: ModuleType, stem: str) -> None:
    """Register a module's preprocess_image, unless the module registered something itself."""
    path = str(Path(module.__file__ or "").resolve())
    function = getattr(module, PLAIN_NAME, None)
    if callable(function) and not any(d.file == path for d in DEFINITIONS.values()):
        _, line = plugins.place(function)
        add(stem.removesuffix(SUFFIX), {PLAIN: function}, (path, line))
