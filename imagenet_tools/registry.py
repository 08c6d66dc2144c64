"""The preprocessing pipelines by name: built-ins, plug-in files, and installed plug-ins.

    from imagenet_tools import registry
    registry.get("alexnet").preprocess_image(image, 224, 224, is_training=True)

A spec names a pipeline, its variants and crosses:

    alexnet                                           as it is
    alexnet:lighting=0,borders=keep                   with other settings
    inception.geometry+alexnet.colour                 geometry of one, colour and range of the other
    inception.geometry+alexnet.colour+vgg.range       the range of a third
    alexnet+vgg.range                                 one part exchanged
    vgg:multiply=0.0078                               every pipeline: what comes out, times this

Nothing here imports TensorFlow; the built-ins do, when the first pipeline is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import pkgutil
import re
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from imagenet_tools.pipelines import specs
from imagenet_tools.pipelines.parts import PLAIN, Definition, Part

if TYPE_CHECKING:
    from imagenet_tools.pipelines.pipeline import Pipeline

ENTRY_POINTS = "imgtools.preprocessing"
# The shipped ones are known by their version number. A file added beside them, or anywhere else,
# is a plug-in and known by its content, because nobody raises the version of a file he edits.
SHIPPED = ("alexnet", "cifarnet", "inception", "lenet", "vgg")
# What a TF-Slim-style file calls its function.
PLAIN_NAME = "preprocess_image"
_SUFFIX = "_preprocessing"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_definitions: dict[str, Definition] = {}
_failures: dict[str, str] = {}
_loaded: set[str] = set()

Function = TypeVar("Function", bound=Callable[..., Any])


def register(name: str, *, version: int = 1, source: str = "") -> Callable[[Function], Function]:
    """Register a TF-Slim-style function, as a decorator.

    The function takes (image, output_height, output_width, is_training=False), uint8 [h, w, 3] of
    any size, and returns float32 [output_height, output_width, 3]. With an argument `seed`
    (int32 [2], for tf.random.stateless_*) its draws can be repeated. Further arguments with
    defaults are parameters: `name:argument=value`.
    """

    def decorate(function: Function) -> Function:
        place = (function.__code__.co_filename, function.__code__.co_firstlineno)
        _add(name, {PLAIN: function}, {}, version, function.__doc__, source, place)
        return function

    return decorate


def register_parts(
    name: str,
    *,
    geometry: Callable,
    colour: Callable,
    range: Callable,
    defaults: Mapping[str, Any] | None = None,
    version: int = 1,
    summary: str = "",
    source: str = "",
) -> Pipeline:
    """Register a pipeline of three parts, and return it.

    geometry(height, width, output_height, output_width, is_training, seed, ...) -> views.View;
    colour(image, is_training, seed, ...) -> image, float32 pixels of 0..255 in and out;
    range(image, ...) -> what the network sees. Keywords with defaults are the parameters;
    `defaults` changes them for this name. Such a pipeline has the fused JPEG path, ten crops,
    previews and crosses for nothing.
    """
    frame = sys._getframe(1)
    functions = {"geometry": geometry, "colour": colour, "range": range}
    place = (frame.f_code.co_filename, frame.f_lineno)
    return _add(name, functions, defaults or {}, version, summary, source, place)


def get(spec: str) -> Pipeline:
    """Return the pipeline of a spec.

    LookupError for an unknown name (listing the known and the nearest), ValueError for an unknown
    part or parameter, or a value that is not allowed.
    """
    if not isinstance(spec, str) or not spec.strip():
        raise ValueError(f"{spec!r} is no pipeline; known: {', '.join(names())}")
    return specs.parse(spec, _definition)


def names() -> list[str]:
    """Return every name: the built-ins, the plug-ins loaded, and the installed ones."""
    _load_built_ins()
    _load_installed()
    return sorted(_definitions)


def failures() -> dict[str, str]:
    """Return the installed plug-ins that could not be loaded, and why."""
    _load_installed()
    return dict(_failures)


def load_plugin(path: str | Path) -> list[str]:
    """Load a file that registers pipelines, and return their names.

    A file that registers nothing but defines TF-Slim's preprocess_image is registered under the
    file's name (without _preprocessing). ImportError where it cannot be imported, ValueError where
    it holds no pipeline or a name that is taken.
    """
    path = Path(path).resolve()
    # Before the plug-in, so that a name that is taken is the plug-in's error and not theirs.
    _load_built_ins()
    before = dict(_definitions)
    module = ModuleType(f"imgtools_plugin_{zlib.crc32(str(path).encode()):08x}_{path.stem}")
    module.__file__ = str(path)
    # Known by name while it runs, or its dataclasses and annotations cannot be resolved.
    sys.modules[module.__name__] = module
    try:
        # Not through the import system, whose bytecode caches may be older than the file.
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
        _register_plain(module, path.stem)
    except Exception as error:
        _definitions.clear()
        _definitions.update(before)
        if getattr(error, "imgtools_plugin", False):
            raise
        raise ImportError(f"plug-in {path} failed: {type(error).__name__}: {error}") from error
    found = [name for name, one in _definitions.items() if one.file == str(path)]
    if not found:
        raise ValueError(
            f"{path} registers no pipeline; decorate a function with "
            f'@registry.register("name"), or define {PLAIN_NAME}'
        )
    return found


def _add(
    name: str,
    functions: Mapping[str, Callable],
    defaults: Mapping[str, Any],
    version: int,
    summary: str | None,
    source: str,
    place: tuple[str, int],
) -> Pipeline:
    from imagenet_tools.pipelines.pipeline import Pipeline

    path = Path(place[0]).resolve()
    shipped = path.parent == _built_in_folder() and path.stem.removesuffix(_SUFFIX) in SHIPPED
    first = next((line.strip() for line in (summary or "").split("\n") if line.strip()), "")
    definition = Definition(
        name, dict(functions), dict(defaults), version, first, source, str(path), place[1],
        "" if shipped else _digest(path, functions),
    )  # fmt: skip
    known = {p for kind in functions for p in definition.parameters(kind)}
    if stray := sorted(set(defaults) - known):
        raise _refusal(f"defaults of {name!r}: no part takes {', '.join(stray)}")
    if _NAME.fullmatch(name) is None:
        raise _refusal(
            f"{name!r} of {path}:{place[1]} is no pipeline name: "
            "letters, digits, _ and -, a letter first"
        )
    old = _definitions.get(name)
    # One file imported under two names (preprocessing.x, imagenet_tools.preprocessing.x) is one.
    same = old is not None and (old.file, old.line, old.digest) == (
        definition.file, definition.line, definition.digest,
    )  # fmt: skip
    if old is not None and not same:
        changed = " (the file changed since it was loaded?)" if old.file == str(path) else ""
        raise _refusal(
            f"pipeline {name!r} of {path}:{place[1]} is already registered by "
            f"{old.file}:{old.line}{changed}; choose another name"
        )
    if old is None:
        _definitions[name] = definition
    return Pipeline({kind: Part(_definitions[name], kind) for kind in functions})


def _refusal(message: str) -> ValueError:
    error = ValueError(message)
    error.imgtools_plugin = True  # type: ignore[attr-defined]  # says enough: not wrapped again
    return error


def _built_in_folder() -> Path:
    """The folder of the built-ins, without importing TensorFlow."""
    package = importlib.import_module("imagenet_tools.preprocessing")
    return Path(package.__path__[0]).resolve()


def _digest(path: Path, functions: Mapping[str, Callable]) -> str:
    """sha256 of the plug-in's file; of the code itself where there is none (a notebook)."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    code = "".join(repr((f.__code__.co_code, f.__code__.co_consts)) for f in functions.values())
    return hashlib.sha256(code.encode()).hexdigest()


def _load_built_ins() -> None:
    """Import every NAME_preprocessing.py of the built-ins' folder, once."""
    if "built-ins" in _loaded:
        return
    _loaded.add("built-ins")
    folder = str(_built_in_folder())
    for module in pkgutil.iter_modules([folder]):
        if module.name.endswith(_SUFFIX):
            loaded = importlib.import_module(f"imagenet_tools.preprocessing.{module.name}")
            if module.name.removesuffix(_SUFFIX) not in SHIPPED:
                _register_plain(loaded, module.name)


def _load_installed() -> None:
    """Load the plug-ins of installed packages, once; a broken one must not stop the others."""
    if ENTRY_POINTS in _loaded:
        return
    _loaded.add(ENTRY_POINTS)
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            loaded = point.load()
            if isinstance(loaded, ModuleType):
                _register_plain(loaded, point.name)
            elif callable(loaded) and not _registered(loaded):
                register(point.name)(loaded)
        except Exception as error:
            _failures[point.name] = f"{point.value}: {type(error).__name__}: {error}"


def _registered(function: Callable) -> bool:
    return any(function in d.functions.values() for d in _definitions.values())


def _register_plain(module: ModuleType, stem: str) -> None:
    """Register a module's preprocess_image, unless the module registered something itself."""
    path = str(Path(module.__file__ or "").resolve())
    function = getattr(module, PLAIN_NAME, None)
    if callable(function) and not any(d.file == path for d in _definitions.values()):
        register(stem.removesuffix(_SUFFIX))(function)


def _definition(name: str) -> Definition:
    _load_built_ins()
    if name not in _definitions:
        _load_installed()
    if name in _definitions:
        return _definitions[name]
    near = difflib.get_close_matches(name, _definitions, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    failed = f" Its plug-in failed to import: {_failures[name]}." if name in _failures else ""
    raise LookupError(
        f"there is no pipeline {name!r}.{hint}{failed} Known: {', '.join(names())}. "
        f"Your own: --plugin FILE.py"
    )
