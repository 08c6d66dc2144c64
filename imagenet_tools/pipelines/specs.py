"""Specs: the text that names a pipeline, its settings and crosses, made into that pipeline.

imagenet_tools/registry/ shows what they look like. TensorFlow comes with the first pipeline.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imagenet_tools.errors import did_you_mean, near
from imagenet_tools.pipelines.parts import (
    AFTER,
    MIXING,
    PARTS,
    PLAIN,
    UNIVERSAL,
    Definition,
    Parameter,
    Part,
)

if TYPE_CHECKING:
    from imagenet_tools.pipelines.pipeline import Pipeline

_TERM = re.compile(
    r"(?P<name>[A-Za-z][\w-]*)(?:\.(?P<part>[a-z]+))?(?:\s*:(?P<settings>.*))?", re.DOTALL
)
SPELLINGS = {"color": "colour"}
# Claims of a spec's terms on a kind of part, of which the strongest wins: as one of all parts of a
# pipeline, as the range that comes along with a colour, as what is named or stands alone.
# alexnet+inception.colour is alexnet's geometry, inception's colour and range.
OF_ALL, ALONG, NAMED = range(3)


def parse(spec: str, find: Callable[[str], Definition]) -> Pipeline:
    """Return the pipeline of a spec; find: what is registered under a name.

    ValueError for an unknown part or parameter, a value that is not allowed, or parts that do not
    make one pipeline.
    """
    from imagenet_tools.pipelines.pipeline import Pipeline

    claims: dict[str, list[tuple[int, Part]]] = {}
    universal: dict[str, Any] = {}
    brought: list[list[Part]] = []
    terms = re.split(r"\+(?=\s*[A-Za-z])", spec)
    for term in terms:
        match = _TERM.fullmatch(term.strip())
        if match is None:
            raise ValueError(_no_term(term, spec))
        definition = find(match["name"])
        strengths = _brought(definition, match["part"])
        settings = _settings(definition, list(strengths), match["settings"] or "", universal)
        brought.append([_part(definition, kind, settings) for kind in strengths])
        for part, strength in zip(brought[-1], strengths.values(), strict=True):
            claims.setdefault(part.kind, []).append((strength, part))
    if "range" not in claims and "geometry" in claims:
        # A colour without a range of its own leaves that of the pipeline it is put on.
        owner = _strongest(claims["geometry"], spec).definition
        if "range" in owner.functions:
            claims["range"] = [(OF_ALL, Part(owner, "range"))]
    _refuse_missing(claims, spec)
    order = (PLAIN, *PARTS, AFTER)
    parts = {kind: _strongest(claims[kind], spec) for kind in order if kind in claims}
    parts |= _in_turn([part for _, part in claims.get(MIXING, ())], spec)
    for term_parts in brought:
        _refuse_unheard(term_parts, parts, spec)
    return Pipeline(parts, {n: v for n, v in universal.items() if v != UNIVERSAL[n]})


def _no_term(term: str, spec: str) -> str:
    bare = term.strip().removesuffix("+").strip()
    if not term.strip():
        return f"{spec!r} is put on nothing; without a space before it: alexnet{spec}"
    if not bare or _TERM.fullmatch(bare):
        return f"{spec!r} has a + with nothing after it; like alexnet+mixup"
    if "," in term:
        return f"{spec!r} is no pipeline; several stand apart by spaces, not by commas"
    return f"{term!r} in {spec!r} is no pipeline, like alexnet, and no part, like alexnet.colour"


def _brought(definition: Definition, part: str | None) -> dict[str, int]:
    """The kinds of parts that a term brings, each with its claim."""
    if definition.plain:
        if part is not None:
            raise ValueError(_stands_alone(definition))
        return {PLAIN: OF_ALL}
    if part is None:
        return dict.fromkeys(definition.functions, OF_ALL if definition.whole else NAMED)
    part = SPELLINGS.get(part, part)
    if part not in definition.functions:
        has = ", ".join(definition.functions)
        raise ValueError(f"{part!r} of {definition.name} is no part; choose from {has}")
    follows = part == "colour" and "range" in definition.functions
    return {"colour": NAMED, "range": ALONG} if follows else {part: NAMED}


def _stands_alone(plain: Definition) -> str:
    return f"{plain.name} is a plain function without parts: it stands alone, but for mixing"


def _in_turn(mixing: list[Part], spec: str) -> dict[str, Part]:
    """The parts that mix batches, in the order of their names: which comes first is no matter."""
    ordered = sorted(mixing, key=lambda part: part.definition.name)
    for one, other in itertools.pairwise(ordered):
        if one.definition.name == other.definition.name:
            raise ValueError(f"{spec!r} gives {one.definition.name} twice")
    return {MIXING + f"_{i + 1}" * (i > 0): part for i, part in enumerate(ordered)}


def _strongest(claims: list[tuple[int, Part]], spec: str) -> Part:
    """The part with the strongest claim; refuses a tie."""
    strongest = max(strength for strength, _ in claims)
    first, *others = (part for strength, part in claims if strength == strongest)
    if others:
        raise ValueError(f"{spec!r} gives {first.kind} twice")
    return first


def _refuse_missing(claims: Mapping[str, list[tuple[int, Part]]], spec: str) -> None:
    if PLAIN in claims:
        if len(claims[PLAIN]) > 1 or set(claims) - {PLAIN, MIXING}:
            raise ValueError(_stands_alone(claims[PLAIN][0][1].definition))
        return
    missing = [kind for kind in PARTS if kind not in claims]
    if len(claims) == 1 and missing:
        _, part = next(iter(claims.values()))[0]
        if not part.definition.whole:
            name = part.definition.name
            raise ValueError(
                f"{name} is a part alone ({part.kind}): put it on a pipeline, as alexnet+{name}"
            )
    if missing:
        raise ValueError(f"{spec!r} has no {missing[0]}; add +NAME.{missing[0]}")


def _refuse_unheard(brought: list[Part], taken: Mapping[str, Part], spec: str) -> None:
    """Refuse a term's setting that reaches none of the parts that are taken from the term."""
    kept = [id(part) for part in taken.values()]
    heard = {name for part in brought if id(part) in kept for name in part.settings}
    for part in brought:
        if unheard := [name for name in part.settings if name not in heard]:
            raise ValueError(
                f"{', '.join(unheard)} of {part.definition.name} has no effect in {spec!r}: its "
                f"{part.kind} is replaced by that of {taken[part.kind].definition.name}"
            )


def _part(definition: Definition, kind: str, settings: Mapping[str, Any]) -> Part:
    known = definition.parameters(kind)
    differing = {n: v for n, v in settings.items() if n in known and v != known[n].default}
    return Part(definition, kind, differing)


def _settings(
    definition: Definition, kinds: list[str], text: str, universal: dict[str, Any]
) -> dict[str, Any]:
    """Parse a term's name=value list; `multiply` and `use_grayscale` go to `universal`."""
    known = {p.name: p for kind in kinds for p in definition.parameters(kind).values()}
    general = {name: Parameter(name, value, type(value)) for name, value in UNIVERSAL.items()}
    settings: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        name, equals, value = (piece.strip() for piece in item.partition("="))
        if not equals:
            raise ValueError(f"{item!r} in {definition.name}:{text} is no setting like name=value")
        if name not in known and name not in general:
            hint = did_you_mean(near(name.lower(), [*known, *general], most=1))
            raise ValueError(
                f"{definition.name} has no parameter {name!r}.{hint} "
                f"It has {', '.join(sorted([*known, *general]))}"
            )
        target = settings if name in known else universal
        if name in target:
            raise ValueError(f"{name} is given twice in {definition.name}:{text}")
        try:
            target[name] = {**general, **known}[name].parse(value)
        except ValueError as error:
            raise ValueError(f"{definition.name}:{error}") from None
    return settings
