"""What pipelines do, side by side: in what they differ, and what they do alike.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "–"  # of a pipeline that has no such step, or setting


@dataclass(frozen=True)
class Line:
    """What each of several pipelines does, or is set to, in one respect.

    part: geometry, colour, ... what: "steps", a parameter's name, or "values out". each: in the
    order of the pipelines; several steps are lines.
    """

    part: str
    what: str
    each: tuple[str, ...]

    @property
    def alike(self) -> bool:
        return len(set(self.each)) == 1


def side_by_side(described: Sequence[Mapping[str, Any]]) -> list[Line]:
    """What `Pipeline.describe` says of several pipelines, line by line, part by part.

    A step that all have stands in a line of its own. Of parameters those are listed that all have,
    or that are not at their default; what the others do, the steps of their owner say.
    """
    lines: list[Line] = []
    for part in dict.fromkeys(part for one in described for part in one["steps"]):
        lines += _steps(part, [one["steps"].get(part, []) for one in described])
        lines += _parameters(part, [one["parameters"].get(part, {}) for one in described])
    for name in described[0]["universal"]:
        each = tuple(text(one["universal"][name]) for one in described)
        lines.append(Line("every pipeline", name, each))
    return [*lines, Line("range", "values out", tuple(map(values_out, described)))]


def _steps(part: str, steps: Sequence[Sequence[str]]) -> list[Line]:
    shared = [step for step in steps[0] if all(step in other for other in steps)]
    differing = tuple("\n".join(step for step in one if step not in shared) for one in steps)
    alike = [Line(part, "steps", (step,) * len(steps)) for step in shared]
    if any(differing):
        return [Line(part, "steps", tuple(one or NOTHING for one in differing)), *alike]
    return alike


def _parameters(part: str, parameters: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[Line]:
    lines = []
    for name in dict.fromkeys(itertools.chain.from_iterable(parameters)):
        settings = [one[name] for one in parameters if name in one]
        changed = any(one["value"] != one["default"] for one in settings)
        if changed or len(settings) == len(parameters):
            each = (text(one[name]["value"]) if name in one else NOTHING for one in parameters)
            lines.append(Line(part, name, tuple(each)))
    return lines


def values_out(described: Mapping[str, Any]) -> str:
    """The least and the greatest value that comes out, in words."""
    if (bounds := described["value_range"]) is not None:
        return f"{bounds[0]:.6g} to {bounds[1]:.6g}"
    return "depends on the image" if described["fused"] else "not known"


def text(value: Any) -> str:
    """A setting as a spec writes it: 1 and 0 for true and false."""
    return str(int(value)) if isinstance(value, bool) else f"{value}"
