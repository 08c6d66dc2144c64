"""Crosses: pipelines made of the parts of two others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imagenet_tools.pipelines.parts import AFTER, MIXING, PARTS

if TYPE_CHECKING:
    from imagenet_tools.pipelines.pipeline import Pipeline


def kinds(a: Pipeline, b: Pipeline) -> tuple[str, ...]:
    """The parts that two pipelines may differ in: mixing only where one of them mixes."""
    return (*PARTS, MIXING) if a.mixing or b.mixing else PARTS


def combined(a: Pipeline, b: Pipeline, from_a: Sequence[str]) -> Pipeline:
    """The pipeline with these parts of `a`, the others of `b`.

    `multiply`, and what comes after the range, go with the range.

    Raises ValueError for a plain function, which has no parts.
    """
    for one in (a, b):
        if one.plain:
            raise ValueError(f"{one.spec} is a plain function without parts: it cannot be crossed")
    parts = {part: (a if part in from_a else b).parts[part] for part in PARTS}
    last = a if "range" in from_a else b
    if AFTER in last.parts:
        parts[AFTER] = last.parts[AFTER]
    mixes = (a if MIXING in from_a else b).parts
    parts |= {key: part for key, part in mixes.items() if part.kind == MIXING}
    return replace(last, parts=parts)


def evaluated_under(pipeline: Pipeline, geometry: Pipeline) -> Pipeline | None:
    """The pipeline under which a net that `pipeline` trained is evaluated on another's geometry.

    Colour, range, `multiply` and `use_grayscale` stay the net's with all their settings: a net that
    is fed another value range fails for that reason alone. None where one of the two is a plain
    function, whose geometry cannot be told from the rest.
    """
    if pipeline.plain or geometry.plain:
        return None
    return combined(geometry, pipeline, ("geometry",))


def combinations(a: Pipeline, b: Pipeline) -> Iterator[Pipeline]:
    """Every combination of the two's parts that is neither a nor b, each once."""
    taken = {a.fingerprint, b.fingerprint}
    for subset in subsets(kinds(a, b)):
        pipeline = combined(a, b, subset)
        if pipeline.fingerprint not in taken:
            taken.add(pipeline.fingerprint)
            yield pipeline


def subsets(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice of some of the parts, the empty one first."""
    return [
        subset for count in range(len(parts) + 1) for subset in itertools.combinations(parts, count)
    ]
