"""What a pipeline is made of, and how that is written down: its spec, its fingerprint, its steps.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagenet_tools.pipelines.parts import MIXING, PARTS, PLAIN, UNIVERSAL, Definition, Part
from imagenet_tools.pipelines.plugins import underlying

Parts = Mapping[str, Part]


@dataclass(frozen=True)
class Description:
    """The parts of a pipeline, its universal settings, and what they are called.

    parts: by kind, geometry, colour and range, and what may come after them; or one plain function;
    and what mixes training batches ("mixing", and for others that take turns with it "mixing_2",
    ...). universal: settings of `multiply` and `use_grayscale` that differ from UNIVERSAL.
    """

    parts: Parts
    universal: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.spec)

    @property
    def plain(self) -> bool:
        """True for a TF-Slim-style function: no parts, no fused path."""
        return PLAIN in self.parts

    @property
    def mixing(self) -> tuple[Part, ...]:
        """What mixes the images of a training batch, see Pipeline.mix; empty for most."""
        return tuple(part for part in self.parts.values() if part.kind == MIXING)

    @property
    def seeded(self) -> bool:
        """False where a plain function takes no seed, so that no draw can be repeated."""
        return not self.plain or self.parts[PLAIN].definition.accepts(PLAIN, "seed")

    @property
    def definitions(self) -> dict[str, Definition]:
        """Whose the parts are, by name, each once."""
        return {part.definition.name: part.definition for part in self.parts.values()}

    @property
    def name(self) -> str:
        """The spec without its settings: "alexnet", "inception.geometry+alexnet.colour"."""
        return "+".join(term.split(":")[0] for term in _terms(self.parts))

    @property
    def spec(self) -> str:
        """The canonical spec: settings that are defaults left out, the others sorted."""
        *terms, last = _terms(self.parts)
        if self.universal:
            last += ("," if ":" in last else ":") + _text(self.universal)
        return "+".join([*terms, last])

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of everything that decides what comes out."""
        known = {kind: (part.definition, part.decisive()) for kind, part in self.parts.items()}
        content = {
            kind: [one.name, one.version, one.digest, {n: _stable(v) for n, v in settings.items()}]
            for kind, (one, settings) in known.items()
        }
        text = json.dumps([content, dict(self.universal)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def summary(self) -> str:
        """What it is, in a line; for a cross, what is whose."""
        owners = self.definitions
        if len(owners) == 1:
            return next(iter(owners.values())).summary
        parts = self.parts.values()
        kinds = {name: [p.kind for p in parts if p.definition.name == name] for name in owners}
        return ", ".join(f"{' and '.join(mine)} of {name}" for name, mine in kinds.items())

    def written(self) -> dict[str, Any]:
        """Names, steps, parameters, sources and versions, ready for JSON."""
        owners = self.definitions.values()
        return {
            "name": self.name,
            "spec": self.spec,
            "fingerprint": self.fingerprint,
            "summary": self.summary,
            "steps": {kind: _steps(part) for kind, part in self.parts.items()},
            "parameters": {kind: _parameters(part) for kind, part in self.parts.items()},
            "universal": {**UNIVERSAL, **self.universal},
            "source": {one.name: one.source for one in owners},
            "defined_in": {one.name: _place(one) for one in owners},
            "version": {one.name: one.version for one in owners},
        }


def _terms(parts: Parts) -> list[str]:
    """The canonical terms of a spec: as few as say the same."""
    alone = [part for part in parts.values() if not part.definition.whole]
    others = [part for part in parts.values() if part.definition.whole]
    owners = {part.definition.name for part in others}
    if len(owners) == 1 and (merged := _merged(others)) is not None:
        put_on = [_term(part.definition.name, part.settings) for part in alone]
        return [_term(others[0].definition.name, merged), *put_on]
    colour, values = parts["colour"], parts["range"]
    merged = _merged([colour, values]) if colour.definition == values.definition else None
    if merged is not None:
        terms = [_named(parts["geometry"]), _term(f"{colour.definition.name}.colour", merged)]
    else:
        terms = [_named(parts[kind]) for kind in PARTS]
    return [*terms, *(_named(part) for part in parts.values() if part.kind not in PARTS)]


def _named(part: Part) -> str:
    return _term(f"{part.definition.name}.{part.kind}", part.settings)


def _merged(parts: list[Part]) -> dict[str, Any] | None:
    """The settings of several parts of one pipeline as one; None where a shared name disagrees."""
    merged = {name: value for part in parts for name, value in part.settings.items()}
    agree = all(
        part.resolved().get(name, value) == value
        for part in parts
        for name, value in merged.items()
    )
    return merged if agree else None


def _term(name: str, settings: Mapping[str, Any]) -> str:
    return f"{name}:{_text(settings)}" if settings else name


def _text(settings: Mapping[str, Any]) -> str:
    """Settings as a spec writes them: sorted, booleans as 0 and 1, floats as short as is exact."""
    return ",".join(
        f"{name}={int(value) if isinstance(value, bool) else value}"
        for name, value in sorted(settings.items())
    )


def _stable(value: Any) -> Any:
    """A parameter's value for the fingerprint: a file counts by its content, not by its place."""
    if isinstance(value, str) and value.endswith(".npy"):
        return hashlib.sha256(Path(value).read_bytes()).hexdigest()
    return value if isinstance(value, bool | int | float | str | None) else repr(value)


def _steps(part: Part) -> list[str]:
    """What a part does, step by step: the dashed lines of its docstring, else the first line."""
    text = underlying(part.definition.functions[part.kind]).__doc__ or ""
    lines = [line.strip() for line in text.split("\n")]
    dashed: list[str] = []
    for line in lines:
        if line.startswith("- "):
            dashed.append(line[2:])
        elif dashed and line:
            dashed[-1] += f" {line}"
        elif dashed:
            break
    return dashed or [line for line in lines if line][:1]


def _parameters(part: Part) -> dict[str, dict[str, Any]]:
    values = part.resolved()
    return {
        name: {
            "value": values[name],
            "default": parameter.default,
            **({"choices": list(parameter.choices)} if parameter.choices else {}),
        }
        for name, parameter in part.definition.parameters(part.kind).items()
        if name in values
    }


def _place(definition: Definition) -> str:
    path = Path(definition.file)
    return f"{path} (sha256 {definition.digest[:12]})" if definition.digest else path.name
