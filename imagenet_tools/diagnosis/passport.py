"""The measurements of a pipeline as a short table: its passport."""

from __future__ import annotations

import math
from typing import Any


def rows(passports: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """spec -> line -> text, for the terminal and the report."""
    return {spec: _lines(passport) for spec, passport in passports.items()}


def _lines(passport: dict[str, Any]) -> dict[str, str]:
    train, look, values = passport["train"], passport["eval"], passport["values"]

    def span(bounds: Any) -> str:
        return f"{_number(bounds[0], '.3g')} to {_number(bounds[1], '.3g')}"

    def both(name: str, form: str) -> str:
        return " / ".join(_number(one[name], form) for one in (train, look))

    def each(numbers: Any) -> str:
        return " ".join(_number(number, ".2g") for number in numbers)

    noise = look["aliasing"]
    shape = {
        "channels": f"{train['channels']} / {look['channels']}",
        "zoom: source pixels an output pixel, train / eval": both("zoom", ".2f"),
        "zoom in training, 5 % to 95 % of draws": span(train["zoom_range"]),
        "aspect distortion, train / eval": both("aspect", ".2f"),
        "share of the photograph seen, train / eval": both("area", ".0%"),
        "mirrored, train / eval": both("mirrored", ".0%"),
        "padding, train / eval": both("padded", ".1%"),
        "aliasing: pixel noise left, eval": "standardised" if noise is None else f"{noise:.0%}",
    }
    if values is None:
        return shape
    rms = [_number(values[name], ".3g") for name in ("train_rms", "eval_rms")]
    lines = {
        **shape,
        "values, train": span(values["train_range"]),
        "values, eval": span(values["eval_range"]),
        "root mean square, train / eval": " / ".join(rms),
        "mean per channel, train": each(values["train_mean"]),
        "mean per channel, eval": each(values["eval_mean"]),
        "std per channel, train": each(values["train_std"]),
        "augmentation: two draws differ by (in std)": _number(values["draw_rms"], ".2f"),
        "clipping: values on the extremes": _number(values["clipped"], ".1%"),
    }
    trained = passport["training"]
    if trained:
        lines["conv1 output at the start, root mean square"] = _number(
            trained["activations"]["conv1"], ".3g"
        )
        change = _number(trained["updates"]["conv1"], ".2%")
        lines["first step changes conv1 weights by"] = change
        peak = max((math.nan if one is None else one for one in trained["losses"]), key=_size)
        lines["peak loss in some steps (guessing)"] = (
            f"{_number(peak, '.3g')} ({_number(trained['chance'], '.3g')})"
        )
        shares = {layer: share for layer, share in trained["dead"].items() if share is not None}
        dead = max(shares, key=lambda layer: shares[layer], default=None)
        lines["dead units, worst layer"] = f"{dead} {shares[dead]:.0%}" if dead else "–"
    return lines


def _number(value: float | None, form: str) -> str:
    """A figure, or that it is none: JSON, which keeps a passport, has null for those."""
    return "not finite" if value is None or not math.isfinite(value) else f"{value:{form}}"


def _size(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf
