"""The preprocessing pipelines by name: built-ins, plug-in files, and installed plug-ins.

    from imagenet_tools import registry
    registry.get("alexnet").preprocess_image(image, 224, 224, is_training=True)

A spec names a pipeline, its variants and crosses:

    alexnet                                           as it is
    alexnet:lighting=0,borders=keep                   with other settings
    inception.geometry+alexnet.colour                 geometry of one, colour and range of the other
    inception.geometry+alexnet.colour+vgg.range       the range of a third
    alexnet+vgg.range                                 one part exchanged
    alexnet+randaugment:m=5                           a part that stands alone, put on a pipeline
    alexnet+mixup:alpha=0.2+cutmix                    training batches mixed, by one or the other
    vgg:multiply=0.0078                               every pipeline: what comes out, times this

Nothing here imports TensorFlow; the built-ins do, when the first pipeline is asked for.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from imagenet_tools.pipelines import plugins, specs
from imagenet_tools.pipelines.parts import (
    AFTER,
    MIXING,
    PARTS,
    PLAIN,
    Definition,
    Part,
    unchanged,
)

if TYPE_CHECKING:
    from imagenet_tools.pipelines.pipeline import Pipeline

ENTRY_POINTS = "imgtools.preprocessing"
# The shipped ones are known by their version number. A file added beside them, or anywhere else,
# is a plug-in and known by its content, because nobody raises the version of a file he edits.
SHIPPED = (
    *("alexnet", "alexnet_b", "cifarnet", "inception", "lenet", "timm", "torchvision", "vgg"),
    # Parts alone.
    *("cutmix", "erasing", "jitter", "lighting", "mixup", "randaugment", "resized_crop"),
    *("shorter_side", "trivialaugment"),
)
# What a TF-Slim-style file calls its function.
PLAIN_NAME = "preprocess_image"
_SUFFIX = "_preprocessing"
_BUILT_INS = "built-ins"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_definitions: dict[str, Definition] = {}
_failures: dict[str, str] = {}
_loaded: set[str] = set()
# While a plug-in's file runs: the modules that were there before it.
_before: set[str] | None = None

Function = TypeVar("Function", bound=Callable[..., Any])


def register(name: str, *, version: int = 1, source: str = "") -> Callable[[Function], Function]:
    """Register a TF-Slim-style function, as a decorator.

    The function takes (image, output_height, output_width, is_training=False), uint8 [h, w, 3] of
    any size, and returns float32 [output_height, output_width, 3]. With an argument `seed`
    (int32 [2], for tf.random.stateless_*) its draws can be repeated. Further arguments with
    defaults are parameters: `name:argument=value`. Annotated as Literal, or by pipelines/limits.py
    (`Share`, `Annotated[int, Limits(high=30)]`), they take those values alone.
    """

    def decorate(function: Function) -> Function:
        _add_plain(name, function, _caller(), version, source)
        return function

    return decorate


def register_parts(
    name: str,
    *,
    geometry: Callable[..., Any],
    colour: Callable[..., Any] = unchanged,
    range: Callable[..., Any],
    defaults: Mapping[str, Any] | None = None,
    version: int = 1,
    summary: str = "",
    source: str = "",
    later: tuple[str, ...] = (),
) -> Pipeline:
    """Register a pipeline of three parts, and return it.

    geometry(height, width, output_height, output_width, is_training, seed, ...) -> views.View;
    colour(image, is_training, seed, ...) -> image, float32 pixels of 0..255 in and out;
    range(image, ...) -> what the network sees. Keywords with defaults are the parameters;
    `defaults` changes them for this name. `later` names those that were added after results were
    published: at their defaults they stay out of the fingerprint. Such a pipeline has the fused
    JPEG path, ten crops, previews and crosses for nothing.
    """
    functions = {"geometry": geometry, "colour": colour, "range": range}
    return _add(name, functions, _caller(), version, summary, source, defaults or {}, later)


def register_part(
    name: str,
    kind: str,
    *,
    version: int = 1,
    source: str = "",
    later: tuple[str, ...] = (),
    moves: bool = False,
) -> Callable[[Function], Function]:
    """Register one part alone, as a decorator: alexnet+NAME then is alexnet with that part.

    kind: "geometry", "colour" or "range", as register_parts describes them; or "after":
    after(image, is_training, seed, ...) -> image, on what the network sees, for training; or
    "mixing": mixing(images, partners, seed, ...) -> (images, share), on a training batch of what
    the network sees, float32 [n, h, w, c] twice, where `share` (a scalar, or [n]) of each label
    stays the image's own and the rest is its partner's.
    moves: it moves, covers or inverts pixels on purpose, which `diagnose` is not to take for a
    fault of the geometry.
    """

    def decorate(function: Function) -> Function:
        summary = plugins.underlying(function).__doc__ or ""
        _add(name, {kind: function}, _caller(), version, summary, source, None, later, moves)
        return function

    kind = specs.SPELLINGS.get(kind, kind)
    if kind not in (kinds := (*PARTS, AFTER, MIXING)):
        raise ValueError(f"{kind!r} of {name} is no part; choose from {', '.join(kinds)}")
    return decorate


def get(spec: str) -> Pipeline:
    """Return the pipeline of a spec.

    LookupError for an unknown name (listing the known and the nearest), ValueError for an unknown
    part or parameter, or a value that is not allowed.
    """
    if not isinstance(spec, str) or not spec.strip():
        raise ValueError(f"{spec!r} is no pipeline. {_what_is_known()}")
    return specs.parse(spec, _definition)


def names() -> list[str]:
    """Return every pipeline's name: the built-ins, the plug-ins loaded, and the installed ones."""
    return sorted(name for name, one in _known().items() if one.whole)


def parts_alone() -> dict[str, str]:
    """Return the parts that can be put on a pipeline: name -> kind."""
    return {n: next(iter(d.functions)) for n, d in sorted(_known().items()) if not d.whole}


def _known() -> dict[str, Definition]:
    _load_built_ins()
    _load_installed()
    return _definitions


def failures() -> dict[str, str]:
    """Return the installed plug-ins that could not be loaded, and why."""
    _load_installed()
    return dict(_failures)


def load_plugin(path: str | Path) -> list[str]:
    """Load a file that registers pipelines, nets, rules or metrics; return the pipelines' names.

    A file that registers nothing but defines TF-Slim's preprocess_image is registered under the
    file's name (without _preprocessing). It may import modules that lie beside it; they count as
    part of it. What it prints goes to stderr. ImportError where it cannot be imported
    within plugins.LIMIT; ValueError where it holds neither, or a name that is taken.
    """
    from imagenet_tools.nets.net import known as nets

    global _before
    path = Path(path).resolve()
    # Before the plug-in, so that a name that is taken is the plug-in's error and not theirs.
    _load_built_ins()
    registered = dict(_definitions)
    try:
        with plugins.folder_first(path.parent) as _before, contextlib.redirect_stdout(sys.stderr):
            with plugins.limited():
                module = plugins.execute(path)
            _register_plain(module, path.stem)
    except BaseException as error:
        _definitions.clear()
        _definitions.update(registered)
        if isinstance(error, _Refused | KeyboardInterrupt):
            raise
        # sys.exit and its like too: a plug-in does not end the process.
        raise ImportError(f"plug-in {path} failed: {type(error).__name__}: {error}") from error
    finally:
        _before = None
    added = [n for n, d in _definitions.items() if n not in registered or d.file == str(path)]
    others = {net.file for net in nets().values()} | plugins.BROUGHT
    if not added and str(path) not in others:
        raise ValueError(
            f"{path} registers no pipeline; decorate a function with "
            f'@registry.register("name"), or define {PLAIN_NAME}; a net: @nets.register_net'
        )
    return added


@contextlib.contextmanager
def temporary() -> Iterator[None]:
    """Forget after this block what is registered in it, for tests; built-ins stay.

    Files dropped beside the built-ins and installed plug-ins are looked for anew inside it.
    """
    definitions, failed, loaded = dict(_definitions), dict(_failures), set(_loaded)
    _loaded.clear()
    try:
        yield
    finally:
        shipped = {name: one for name, one in _definitions.items() if not one.digest}
        loaded |= _loaded & {_BUILT_INS}
        for store in (_definitions, _failures, _loaded):
            store.clear()
        _definitions.update(shipped | definitions)
        _failures.update(failed)
        _loaded.update(loaded)


class _Refused(ValueError):
    """A registration that is refused; it names the plug-in, so it is not wrapped again."""


def _caller() -> tuple[str, int]:
    """The file and the line outside this module that a call came from.

    Not those of the function that is registered, which may come from another file.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("<unknown>", 1)


def _add_plain(
    name: str,
    function: Callable[..., Any],
    place: tuple[str, int],
    version: int = 1,
    source: str = "",
) -> None:
    summary = plugins.underlying(function).__doc__ or ""
    _add(name, {PLAIN: function}, place, version, summary, source)


def _add(
    name: str,
    functions: Mapping[str, Callable[..., Any]],
    place: tuple[str, int],
    version: int,
    summary: str,
    source: str,
    defaults: Mapping[str, Any] | None = None,
    later: tuple[str, ...] = (),
    moves: bool = False,
) -> Pipeline:
    from imagenet_tools.pipelines.pipeline import Pipeline

    path, defaults = Path(place[0]).resolve(), dict(defaults or {})
    shipped = path.parent == _built_in_folder() and path.stem.removesuffix(_SUFFIX) in SHIPPED
    helpers = plugins.helpers(path.parent, _before).values() if _before is not None else ()
    first = next((line.strip() for line in summary.split("\n") if line.strip()), "")
    definition = Definition(
        name, dict(functions), defaults, version, first, source, str(path), place[1],
        "" if shipped else plugins.digest(path, functions, helpers), frozenset(later),
        moves,
    )  # fmt: skip
    known = {p for kind in functions for p in definition.parameters(kind)}
    if stray := sorted({*defaults, *later} - known):
        raise _Refused(f"defaults of {name!r}: no part takes {', '.join(stray)}")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise _Refused(
            f"{name!r} of {path}:{place[1]} is no pipeline name: "
            "letters, digits, _ and -, a letter first"
        )
    old = _definitions.setdefault(name, definition)
    # One file imported under two names (preprocessing.x, imagenet_tools.preprocessing.x) is one.
    one, other = ((d.file, d.line, d.digest) for d in (old, definition))
    if one != other:
        changed = " (the file changed since it was loaded?)" if old.file == str(path) else ""
        raise _Refused(
            f"pipeline {name!r} of {path}:{place[1]} is already registered by "
            f"{old.file}:{old.line}{changed}; choose another name"
        )
    return Pipeline({kind: Part(old, kind) for kind in functions})


def _built_in_folder() -> Path:
    """The folder of the built-ins, without importing TensorFlow."""
    package = importlib.import_module("imagenet_tools.preprocessing")
    return Path(package.__path__[0]).resolve()


def _load_built_ins() -> None:
    """Import every NAME_preprocessing.py of the built-ins' folder, once."""
    if _BUILT_INS in _loaded:
        return
    _loaded.add(_BUILT_INS)
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
            with plugins.contained(point.value), plugins.limited():
                loaded = point.load()
            if isinstance(loaded, ModuleType):
                _register_plain(loaded, point.name)
            elif callable(loaded) and not _registered(loaded):
                _add_plain(point.name, loaded, plugins.place(loaded))
        except Exception as error:
            _failures[point.name] = f"{point.value}: {type(error).__name__}: {error}"


def _registered(function: Callable[..., Any]) -> bool:
    return any(function in d.functions.values() for d in _definitions.values())


def _register_plain(module: ModuleType, stem: str) -> None:
    """Register a module's preprocess_image, unless the module registered something itself."""
    path = str(Path(module.__file__ or "").resolve())
    function = getattr(module, PLAIN_NAME, None)
    if callable(function) and not any(d.file == path for d in _definitions.values()):
        _, line = plugins.place(function)
        _add_plain(stem.removesuffix(_SUFFIX), function, (path, line))


def _definition(name: str) -> Definition:
    _load_built_ins()
    if name not in _definitions:
        _load_installed()
    if name in _definitions:
        return _definitions[name]
    near = difflib.get_close_matches(name, _definitions, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    failed = f" Its plug-in failed to import: {_failures[name]}." if name in _failures else ""
    raise LookupError(f"there is no pipeline {name!r}.{hint}{failed} {_what_is_known()}")


def _what_is_known() -> str:
    parts = ", ".join(parts_alone())
    return f"Known: {', '.join(names())}; parts to put on one: {parts}. Your own: --plugin FILE.py"
