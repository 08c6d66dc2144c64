"""A pipeline as the registry hands it out: three parts, or one plain function, and how they run.

Nothing here imports TensorFlow until a pipeline runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagenet_tools.pipelines.parts import IGNORED, PLAIN, UNIVERSAL, Definition, Part


@dataclass(frozen=True)
class Pipeline:
    """A preprocessing pipeline, ready to run: image in, what the network sees out.

    parts: by kind, geometry, colour and range, or one plain function. universal: settings of
    `multiply` and `use_grayscale` that differ from UNIVERSAL.
    """

    parts: Mapping[str, Part]
    universal: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """True for a TF-Slim-style function: no parts, no fused path."""
        return PLAIN in self.parts

    @property
    def seeded(self) -> bool:
        """False where a plain function takes no seed, so that no draw can be repeated."""
        return not self.plain or self.parts[PLAIN].definition.accepts(PLAIN, "seed")

    @property
    def name(self) -> str:
        """The spec without its settings: "alexnet", "inception.geometry+alexnet.colour"."""
        return "+".join(term.split(":")[0] for term in _terms(self.parts))

    @property
    def spec(self) -> str:
        """The canonical spec: settings that are defaults left out, the others sorted."""
        terms = _terms(self.parts)
        if self.universal:
            terms[-1] += ("," if ":" in terms[-1] else ":") + _text(self.universal)
        return "+".join(terms)

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of everything that decides what comes out."""
        described = {
            kind: [
                part.definition.name,
                part.definition.version,
                part.definition.digest,
                {name: _stable(value) for name, value in part.resolved().items()},
            ]
            for kind, part in self.parts.items()
        }
        text = json.dumps([described, dict(self.universal)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def summary(self) -> str:
        """What it is, in a line; for a cross, what is whose."""
        definitions = self._definitions()
        if len(definitions) == 1:
            return next(iter(definitions.values())).summary
        owned = {
            name: [kind for kind, part in self.parts.items() if part.definition.name == name]
            for name in definitions
        }
        return ", ".join(f"{' and '.join(kinds)} of {name}" for name, kinds in owned.items())

    def _definitions(self) -> dict[str, Definition]:
        return {part.definition.name: part.definition for part in self.parts.values()}

    def describe(self) -> dict[str, Any]:
        """Return steps, parameters, value range, source and fingerprint, ready for JSON.

        value_range: [least, greatest] of what comes out for pixels of 0..255 left as they are;
        None where it depends on the image (standardised) or cannot be known (a plain function).
        """
        from imagenet_tools.pipelines import running

        definitions = self._definitions()
        return {
            "name": self.name,
            "spec": self.spec,
            "fingerprint": self.fingerprint,
            "summary": self.summary,
            "steps": {kind: _steps(part) for kind, part in self.parts.items()},
            "parameters": {kind: _described(part) for kind, part in self.parts.items()},
            "universal": dict(UNIVERSAL) | dict(self.universal),
            "value_range": running.value_range(self),
            "source": {d.name: d.source for d in definitions.values()},
            "defined_in": {d.name: _place(d) for d in definitions.values()},
            "version": {d.name: d.version for d in definitions.values()},
            "seeded": self.seeded,
            "fused": not self.plain,
        }

    def preprocess_image(
        self,
        image: Any,
        output_height: int,
        output_width: int,
        is_training: bool = False,
        *,
        seed: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Turn a decoded image into what the network sees; TF-Slim's contract.

        Args: image: uint8 [height, width, 3 or 1], sizes may be unknown. seed: int32 [2]; the same
        seed gives the same draws, None fresh ones each time. kwargs: TF-Slim's keywords (fast_mode,
        bbox, crop_image, use_grayscale, resize_side_min, ...), above the settings of the spec.
        Returns float32 [output_height, output_width, 3], or 1 channel with use_grayscale.
        Raises TypeError for a keyword that the pipeline does not know, ValueError for a wrong
        image or a plug-in that returns the wrong thing.
        """
        from imagenet_tools.pipelines import running

        size = (output_height, output_width)
        return running.preprocess_image(self, image, size, is_training, seed, self._checked(kwargs))

    def preprocess_encoded(
        self,
        encoded: Any,
        output_height: int,
        output_width: int,
        is_training: bool = False,
        *,
        seed: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Turn JPEG bytes (a scalar string) into what preprocess_image gives, decoding less.

        Only the part of the JPEG that is looked at is decoded; the result is that of
        preprocess_image on the decoded image within the tolerance of docs/preprocessing.md. A
        plain function gets the whole image, decoded.
        """
        from imagenet_tools.pipelines import running

        size = (output_height, output_width)
        kwargs = self._checked(kwargs)
        return running.preprocess_encoded(self, encoded, size, is_training, seed, kwargs)

    def ten_crop(self, image: Any, output_height: int, output_width: int) -> Any:
        """Return the four corners and the centre of the evaluation view, and their flips.

        float32 [10, output_height, output_width, 3], the flips last. Where the evaluation resizes
        and then cuts (alexnet, vgg), windows of the resized image; where it cuts and then resizes
        (inception), windows of the source; for a plain function, windows of its output at
        256/224 of the size.
        """
        from imagenet_tools.pipelines import running

        return running.ten_crop(self, image, (output_height, output_width))

    def view(
        self,
        height: Any,
        width: Any,
        output_height: int,
        output_width: int,
        is_training: bool = False,
        *,
        seed: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Return the View of an image of this size: the crop, with no pixel touched.

        ValueError for a plain function, which has no geometry of its own.
        """
        from imagenet_tools.pipelines import running

        size = (output_height, output_width)
        kwargs = self._checked(kwargs)
        return running.view(self, height, width, size, is_training, seed, kwargs)

    def _checked(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        known = {name for part in self.parts.values() for name in self._names(part)} | {*UNIVERSAL}
        unknown = sorted(set(kwargs) - known - {IGNORED})
        if unknown:
            raise TypeError(
                f"pipeline {self.spec} takes no {', '.join(unknown)}; "
                f"it takes {', '.join(sorted(known))}"
            )
        return dict(kwargs)

    @staticmethod
    def _names(part: Part) -> list[str]:
        return list(part.definition.parameters(part.kind))


def _terms(parts: Mapping[str, Part]) -> list[str]:
    """The canonical terms of a spec: as few as say the same."""
    owners = [part.definition.name for part in parts.values()]
    if len(set(owners)) == 1 and (merged := _merged(list(parts.values()))) is not None:
        return [_term(owners[0], merged)]
    terms = [_term(f"{owners[0]}.geometry", parts["geometry"].settings)]
    if (
        owners[1] == owners[2]
        and (merged := _merged([parts["colour"], parts["range"]])) is not None
    ):
        return [*terms, _term(f"{owners[1]}.colour", merged)]
    colour = _term(f"{owners[1]}.colour", parts["colour"].settings)
    return [*terms, colour, _term(f"{owners[2]}.range", parts["range"].settings)]


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
    lines = [
        line.strip() for line in (part.definition.functions[part.kind].__doc__ or "").split("\n")
    ]
    dashed: list[str] = []
    for line in lines:
        if line.startswith("- "):
            dashed.append(line[2:])
        elif dashed and line:
            dashed[-1] += f" {line}"
        elif dashed:
            break
    return dashed or [line for line in lines if line][:1]


def _described(part: Part) -> dict[str, dict[str, Any]]:
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
