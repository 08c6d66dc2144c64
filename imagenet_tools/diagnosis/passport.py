"""The measurements of a pipeline, and the short table of them: its passport."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagenet_tools.diagnosis.brief_training import Brief
from imagenet_tools.diagnosis.probes import EACH, GRAPHS, Probe
from imagenet_tools.diagnosis.values import Values
from imagenet_tools.storage.json_file import finite


@dataclass(frozen=True)
class Passport:
    """What was measured of a pipeline: on patterns, on photographs, in a few training steps.

    size: of the output in pixels. values: None where it failed on photographs; failed: what it said
    then. training: None where it was left out.
    """

    spec: str
    size: int
    train: Probe
    eval: Probe
    values: Values | None
    training: Brief | None = None
    failed: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON: None for what is not finite."""
        content: dict[str, Any] = finite(self)
        return content

    @property
    def both(self) -> tuple[tuple[str, Probe], tuple[str, Probe]]:
        """Each mode by the word for it."""
        return ("training", self.train), ("evaluation", self.eval)

    @property
    def same_channels(self) -> bool:
        """Whether both modes have the same channels in the same order."""
        return self.train.channels == self.eval.channels

    @property
    def uneven(self) -> bool:
        """Whether flat pictures do not come out flat in one of the modes."""
        return self.train.uneven or self.eval.uneven

    @property
    def drawn(self) -> bool:
        """Whether two epochs of training were seen to differ."""
        return self.values is not None and not self.values.repeats

    @property
    def eval_varies(self) -> bool:
        """Whether evaluation is random, so that one look at it proves nothing."""
        return self.values is not None and self.values.eval_varies


def rows(passports: Mapping[str, Passport]) -> dict[str, dict[str, str]]:
    """spec -> line -> text, for the terminal and the report."""
    return {
        spec: {**_shape(one), **_values(one.values), **_training(one.training)}
        for spec, one in passports.items()
    }


def table(passports: Mapping[str, Passport], none: str = "–") -> list[list[str]]:
    """A row for each line: its title, then each pipeline's text, `none` where it has none."""
    each = rows(passports).values()
    titles = dict.fromkeys(title for lines in each for title in lines)
    return [[title, *(lines.get(title, none) for lines in each)] for title in titles]


def _number(value: float, form: str) -> str:
    """A figure, or that it is none."""
    return f"{value:{form}}" if math.isfinite(value) else "not finite"


def _both(one: float, two: float, form: str) -> str:
    return f"{_number(one, form)} / {_number(two, form)}"


def _span(bounds: tuple[float, float]) -> str:
    return f"{_number(bounds[0], '.3g')} to {_number(bounds[1], '.3g')}"


def _each(numbers: tuple[float, ...]) -> str:
    return " ".join(_number(number, ".2g") for number in numbers)


def _shape(passport: Passport) -> dict[str, str]:
    train, look = passport.train, passport.eval
    noise = look.aliasing
    return {
        "channels": f"{train.channels} / {look.channels}",
        "zoom: source pixels an output pixel, train / eval": _both(train.zoom, look.zoom, ".2f"),
        "zoom in training, 5 % to 95 % of draws": _span(train.zoom_range),
        "aspect distortion, train / eval": _both(train.aspect, look.aspect, ".2f"),
        "share of the photograph seen, train / eval": _both(train.area, look.area, ".0%"),
        f"mirrored, train ({GRAPHS * EACH} draws) / eval": _both(
            train.mirrored, look.mirrored, ".0%"
        ),
        "padding, train / eval": _both(train.padded, look.padded, ".1%"),
        "width of an edge, of what the zoom makes, train / eval": _both(
            train.blur, look.blur, ".1f"
        ),
        "aliasing: pixel noise left, eval": "standardised" if noise is None else f"{noise:.0%}",
    }


def _values(values: Values | None) -> dict[str, str]:
    if values is None:
        return {}
    return {
        "values, train": _span(values.train_range),
        "values, eval": _span(values.eval_range),
        "root mean square, train / eval": _both(values.train_rms, values.eval_rms, ".3g"),
        "mean per channel, train": _each(values.train_mean),
        "mean per channel, eval": _each(values.eval_mean),
        "std per channel, train": _each(values.train_std),
        "augmentation: two draws differ by (in std)": _number(values.draw_rms, ".2f"),
        "clipping: values on the extremes": _number(values.clipped, ".1%"),
    }


def _training(trained: Brief | None) -> dict[str, str]:
    if trained is None:
        return {}
    peak = max(trained.losses, key=lambda loss: loss if math.isfinite(loss) else math.inf)
    dead = {layer: share for layer, share in trained.dead.items() if math.isfinite(share)}
    worst = max(dead, key=lambda layer: dead[layer], default=None)
    first = next(iter(trained.activations))
    return {
        f"{first} output at the start, root mean square": _number(
            trained.activations[first], ".3g"
        ),
        f"first step changes {first} weights by": _number(trained.updates[first], ".2%"),
        "peak loss in some steps (guessing)": (
            f"{_number(peak, '.3g')} ({_number(trained.chance, '.3g')})"
        ),
        "dead units, worst layer": f"{worst} {dead[worst]:.0%}" if worst else "–",
    }
