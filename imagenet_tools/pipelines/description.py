"""How a pipeline is written down: its spec, its fingerprint, and what `describe` says of it.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_tools.pipelines.parts import PARTS, UNIVERSAL, Definition, Part
from imagenet_tools.pipelines.plugins import underlying

Parts = Mapping[str, Part]


def name(parts: Parts) -> str:
    """The spec without its settings: "alexnet", "inception.geometry+alexnet.colour"."""
    return "+".join(term.split(":")[0] for term in _terms(parts))


def spec(parts: Parts, universal: Mapping[str, Any]) -> str:
    """The canonical spec: settings that are defaults left out, the others sorted."""
    terms = _terms(parts)
    if universal:
        terms[-1] += ("," if ":" in terms[-1] else ":") + _text(universal)
    return "+".join(terms)


def fingerprint(parts: Parts, universal: Mapping[str, Any]) -> str:
    """12 hexadecimal digits of everything that decides what comes out."""
    described = {
        kind: [
            part.definition.name,
            part.definition.version,
            part.definition.digest,
            {setting: _stable(value) for setting, value in part.decisive().items()},
        ]
        for kind, part in parts.items()
    }
    text = json.dumps([described, dict(universal)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def summary(parts: Parts) -> str:
    """What it is, in a line; for a cross, what is whose."""
    known = definitions(parts)
    if len(known) == 1:
        return next(iter(known.values())).summary
    kinds = {
        owner: [part.kind for part in parts.values() if part.definition.name == owner]
        for owner in known
    }
    return ", ".join(f"{' and '.join(mine)} of {owner}" for owner, mine in kinds.items())


def definitions(parts: Parts) -> dict[str, Definition]:
    """Whose the parts are, by name, each once."""
    return {part.definition.name: part.definition for part in parts.values()}


def described(parts: Parts, universal: Mapping[str, Any]) -> dict[str, Any]:
    """Steps, parameters, sources and versions, ready for JSON."""
    known = definitions(parts).values()
    return {
        "name": name(parts),
        "spec": spec(parts, universal),
        "fingerprint": fingerprint(parts, universal),
        "summary": summary(parts),
        "steps": {kind: _steps(part) for kind, part in parts.items()},
        "parameters": {kind: _parameters(part) for kind, part in parts.items()},
        "universal": dict(UNIVERSAL) | dict(universal),
        "source": {d.name: d.source for d in known},
        "defined_in": {d.name: _place(d) for d in known},
        "version": {d.name: d.version for d in known},
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
    digest = f" (sha256 {definition.digest[:12]})" if definition.digest else ""
    return f"{path.name if not definition.digest else path}{digest}"
