"""What is registered under a name: the parts of pipelines, and the parameters they take.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagenet_tools.errors import PipelineFailed
from imagenet_tools.pipelines import plugins
from imagenet_tools.pipelines.limits import ANY, Limits

# geometry chooses what is looked at, colour changes pixels of 0..255, range makes the values that
# the network sees.
PARTS = ("geometry", "colour", "range")
# What may come after them: it changes what the network sees, in training (erasing).
AFTER = "after"
# What is done to batches of training images that are ready (mixup); several take turns.
MIXING = "mixing"
# A TF-Slim-style function has no parts: it stands alone.
PLAIN = "function"
# What every pipeline takes beside its own parameters, applied after everything else.
UNIVERSAL: Mapping[str, Any] = {"multiply": 1.0, "use_grayscale": False}
# TF-Slim passes this to some of its pipelines; nothing is summarised here.
IGNORED = "add_image_summaries"
_POSITIONAL = {
    "geometry": ("height", "width", "output_height", "output_width", "is_training", "seed"),
    "colour": ("image", "is_training", "seed"),
    "range": ("image",),
    AFTER: ("image", "is_training", "seed"),
    MIXING: ("images", "partners", "seed"),
    PLAIN: ("image", "output_height", "output_width", "is_training"),
}
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BOOLEANS = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


@dataclass(frozen=True)
class Parameter:
    """One keyword of a part: its default, and what a text may be turned into.

    choices: the texts allowed, None where any is. limits: of a number. settable: False for tensors
    (TF-Slim's bbox), which only a call can pass.
    """

    name: str
    default: Any
    kind: type = str
    choices: tuple[str, ...] | None = None
    limits: Limits = ANY
    settable: bool = True

    def parse(self, text: str) -> Any:
        """Return the value that a text of a spec stands for; ValueError says what is allowed."""
        if not self.settable:
            raise ValueError(f"{self.name} takes a tensor: only a call can pass it")
        if self.choices is not None:
            if text not in self.choices:
                raise ValueError(f"{self.name}={text}: choose from {', '.join(self.choices)}")
            return text
        try:
            value = _BOOLEANS[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            wanted = "0 or 1" if self.kind is bool else self.limits.words(self.kind)
            raise ValueError(f"{self.name}={text}: {wanted} is needed") from None
        return self.checked(value)

    def checked(self, value: Any) -> Any:
        """The value; ValueError for a number that its limits do not hold."""
        if isinstance(value, int | float) and not self.limits.hold(value):
            wanted = self.limits.words(self.kind, value)
            raise ValueError(f"{self.name}={value}: {wanted} is needed")
        return value


def unchanged(image: Any, is_training: bool, seed: Any) -> Any:
    """Leave the colours.

    - unchanged
    """
    return image


def by_place(function: Callable[..., Any], kind: str) -> int:
    """How many of the arguments that every function of a kind gets it takes by their place.

    The others it takes by name; ValueError where it takes one of them not at all.
    """
    signature = inspect.signature(function).parameters
    kinds = [argument.kind for argument in signature.values()]
    wanted = _POSITIONAL[kind]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return len(wanted)
    taken = min(sum(one in _BY_PLACE for one in kinds), len(wanted))
    missing = [name for name in wanted[taken:] if name not in signature]
    if missing and inspect.Parameter.VAR_KEYWORD not in kinds:
        raise ValueError(
            f"{_called(function)} takes no {', '.join(missing)}; it is called with "
            f"({', '.join(wanted)})"
        )
    return taken


def _called(function: Callable[..., Any]) -> str:
    return getattr(plugins.underlying(function), "__name__", repr(function))


def parameters_of(
    function: Callable[..., Any], kind: str, defaults: Mapping[str, Any]
) -> dict[str, Parameter]:
    """Return the Parameters of a part: every named argument beside those that each part gets."""
    parameters: dict[str, Parameter] = {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = by_place(function, kind)
    every = {*_POSITIONAL[kind][taken:], "seed", "view"}
    for argument in list(inspect.signature(function).parameters.values())[taken:]:
        if argument.kind not in named or argument.name in every:
            continue
        default = defaults.get(argument.name, argument.default)
        if default is inspect.Parameter.empty:
            raise ValueError(f"argument {argument.name} of {_called(function)} needs a default")
        parameters[argument.name] = _parameter(argument.name, default, _hint(function, argument))
    return parameters


def _hint(function: Callable[..., Any], argument: inspect.Parameter) -> Any:
    """An argument's annotation, evaluated; None where there is none, or it does not evaluate.

    One by one, and a tensor's as object: it cannot be set in a spec, and would load TensorFlow.
    """
    if argument.annotation is inspect.Parameter.empty:
        return None
    if "Tensor" in str(argument.annotation):
        return object
    inner = plugins.underlying(function)
    annotated = types.SimpleNamespace(__annotations__={argument.name: argument.annotation})
    try:
        known = getattr(inner, "__globals__", {})
        return typing.get_type_hints(annotated, known, include_extras=True)[argument.name]
    except (NameError, TypeError, AttributeError):  # the defaults still tell
        return None


def _parameter(name: str, default: Any, hint: Any) -> Parameter:
    if typing.get_origin(hint) is typing.Literal:
        return Parameter(name, default, str, tuple(str(choice) for choice in hint.__args__))
    limits = ANY
    if typing.get_origin(hint) is typing.Annotated:
        limits = next((one for one in hint.__metadata__ if isinstance(one, Limits)), ANY)
        hint = hint.__origin__
    kinds = [hint] if hint is not None else [type(default)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in hint.__args__ if kind is not type(None)]
    if len(kinds) == 1 and kinds[0] in (bool, int, float, str):
        return Parameter(name, default, kinds[0], limits=limits)
    return Parameter(name, default, settable=False)


@dataclass(frozen=True)
class Definition:
    """What was registered under a name.

    functions: PARTS -> function, or {"function": a TF-Slim-style one}, or one part alone, to be put
        on a pipeline.
    version: raised with every change of what comes out.
    digest: of the source file, for plug-ins; "" for built-ins, whose version speaks for them.
    file, line: where it was registered.
    source: papers and code that the constants come from.
    later: parameters that came after results were published; their defaults are what was done
        before, and stay out of the fingerprint.
    moves: a colour, or what comes after the range, moves, covers or inverts pixels on purpose.
    """

    name: str
    functions: Mapping[str, Callable[..., Any]]
    defaults: Mapping[str, Any]
    version: int
    summary: str
    source: str
    file: str
    line: int
    digest: str
    later: frozenset[str] = frozenset()
    moves: bool = False
    _read: dict[str, dict[str, Parameter]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def plain(self) -> bool:
        return PLAIN in self.functions

    @property
    def whole(self) -> bool:
        """False for a part alone, which needs a pipeline to be put on."""
        return self.plain or set(PARTS) <= set(self.functions)

    def parameters(self, kind: str) -> dict[str, Parameter]:
        """The Parameters of one part, by name; read once, when the whole file is there."""
        if kind not in self._read:
            self._read[kind] = parameters_of(self.functions[kind], kind, self.defaults)
        return self._read[kind]

    def accepts(self, kind: str, name: str) -> bool:
        """Whether a part's function names this argument (seed and view are not Parameters)."""
        return name in inspect.signature(self.functions[kind]).parameters


@dataclass(frozen=True)
class Part:
    """One part of a pipeline: whose it is, and the settings that differ from its defaults."""

    definition: Definition
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.settings:
            self._check_together(self.resolved())

    def _check_together(self, values: Mapping[str, Any]) -> None:
        """Raise ValueError where a range's lower end, ..._min, is above its upper one, ..._max;
        or where the function says so, see limits.together."""
        name = self.definition.name
        for lower, low in values.items():
            upper = f"{lower.removesuffix('_min')}_max"
            high = values.get(upper) if lower.endswith("_min") else None
            if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
                raise ValueError(f"{name}:{lower}={low} is above {upper}, which is {high}")
        check = getattr(self.definition.functions[self.kind], "checked_together", None)
        if check is None:
            return
        whose, known = f"the check of {name}'s settings ({self.definition.file})", self.resolved()
        wanted = inspect.signature(check).parameters
        if stray := [one for one in wanted if one not in known]:
            there = ", ".join(known) or "there is none"
            raise PipelineFailed(f"{whose} takes {stray[0]}, which is none of them: {there}")
        with plugins.named(f"{whose} failed", ValueError):
            check(**{one: values[one] for one in wanted})

    def resolved(self) -> dict[str, Any]:
        """Every settable parameter's value."""
        known = self.definition.parameters(self.kind)
        values = {name: p.default for name, p in known.items() if p.settable}
        values.pop(IGNORED, None)
        return values | dict(self.settings)

    def decisive(self) -> dict[str, Any]:
        """The values that tell it apart: those of later parameters only where they differ."""
        later = self.definition.later
        values = self.resolved().items()
        return {n: v for n, v in values if n not in later or n in self.settings}

    def __call__(self, *arguments: Any, keywords: Mapping[str, Any], **extra: Any) -> Any:
        """Run it: settings below the keywords of the call, and of `extra` what it asks for."""
        known = self.definition.parameters(self.kind)
        given = {name: p.default for name, p in known.items()} | dict(self.settings)
        given |= {n: known[n].checked(value) for n, value in keywords.items() if n in known}
        self._check_together(given)
        given |= {n: v for n, v in extra.items() if self.definition.accepts(self.kind, n)}
        function = self.definition.functions[self.kind]
        taken = by_place(function, self.kind)
        given |= dict(zip(_POSITIONAL[self.kind][taken:], arguments[taken:], strict=True))
        if not self.definition.digest:
            return function(*arguments[:taken], **given)
        with plugins.contained(f"{self.definition.name} ({self.definition.file})"):
            return function(*arguments[:taken], **given)
