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

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from imagenet_tools.errors import did_you_mean, near
from imagenet_tools.pipelines import specs
from imagenet_tools.pipelines.parts import (
    AFTER,
    MIXING,
    PARTS,
    PLAIN,
    Definition,
    Part,
    unchanged,
)
from imagenet_tools.registry import sources
from imagenet_tools.registry.definitions import DEFINITIONS, SHIPPED, add, caller
from imagenet_tools.registry.sources import load_plugin, temporary

if TYPE_CHECKING:
    from imagenet_tools.pipelines.pipeline import Pipeline

__all__ = [
    "SHIPPED",
    "failures",
    "get",
    "load_plugin",
    "names",
    "parts_alone",
    "register",
    "register_part",
    "register_parts",
    "temporary",
]
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
        add(name, {PLAIN: function}, caller(), version=version, source=source)
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
    from imagenet_tools.pipelines.pipeline import Pipeline

    functions = {"geometry": geometry, "colour": colour, "range": range}
    one = add(
        name, functions, caller(), version=version, summary=summary, source=source,
        defaults=defaults, later=later,
    )  # fmt: skip
    return Pipeline({kind: Part(one, kind) for kind in functions})


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
        add(
            name, {kind: function}, caller(), version=version, source=source, later=later,
            moves=moves,
        )  # fmt: skip
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
        raise ValueError(f"{spec!r:.60} is no pipeline. {_what_is_known()}")
    return specs.parse(spec, _definition)


def names() -> list[str]:
    """Return every pipeline's name: the built-ins, the plug-ins loaded, and the installed ones."""
    return sorted(name for name, one in sources.known().items() if one.whole)


def parts_alone() -> dict[str, str]:
    """Return the parts that can be put on a pipeline: name -> kind."""
    return {n: next(iter(d.functions)) for n, d in sorted(sources.known().items()) if not d.whole}


def failures() -> dict[str, str]:
    """Return the installed plug-ins that could not be loaded, and why."""
    sources.load_installed()
    return dict(sources.FAILURES)


def _definition(name: str) -> Definition:
    sources.load_built_ins()
    if name not in DEFINITIONS:
        sources.load_installed()
    if name in DEFINITIONS:
        return DEFINITIONS[name]
    hint = did_you_mean(near(name.lower(), DEFINITIONS))
    failed = sources.FAILURES.get(name)
    why = f" Its plug-in failed to import: {failed}." if failed else ""
    raise LookupError(f"there is no pipeline {name!r}.{hint}{why} {_what_is_known()}")


def _what_is_known() -> str:
    parts = ", ".join(parts_alone())
    return f"Known: {', '.join(names())}; parts to put on one: {parts}. Your own: --plugin FILE.py"
