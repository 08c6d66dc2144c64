"""The measurements of a pipeline as a short table: its passport."""

from __future__ import annotations

from typing import Any


def rows(passports: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """spec -> line -> text, for the terminal and the report."""
    return {spec: _lines(passport) for spec, passport in passports.items()}


def _lines(passport: dict[str, Any]) -> dict[str, str]:
    train, look, values = passport["train"], passport["eval"], passport["values"]

    def span(bounds: Any) -> str:
        return f"{bounds[0]:.3g} to {bounds[1]:.3g}"

    def both(name: str, form: str) -> str:
        return f"{train[name]:{form}} / {look[name]:{form}}"

    def each(numbers: Any) -> str:
        return " ".join(f"{number:.2g}" for number in numbers)

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
    lines = {
        **shape,
        "values, train": span(values["train_range"]),
        "values, eval": span(values["eval_range"]),
        "root mean square, train / eval": f"{values['train_rms']:.3g} / {values['eval_rms']:.3g}",
        "mean per channel, train": each(values["train_mean"]),
        "mean per channel, eval": each(values["eval_mean"]),
        "std per channel, train": each(values["train_std"]),
        "augmentation: two draws differ by (in std)": f"{values['draw_rms']:.2f}",
        "clipping: values on the extremes": f"{values['clipped']:.1%}",
    }
    trained = passport["training"]
    if trained:
        lines["conv1 output at the start, root mean square"] = (
            f"{trained['activations']['conv1']:.3g}"
        )
        lines["first step changes conv1 weights by"] = f"{trained['updates']['conv1']:.2%}"
        lines["peak loss in some steps (guessing)"] = (
            f"{max(trained['losses']):.3g} ({trained['chance']:.3g})"
        )
        dead = max(trained["dead"], key=lambda layer: trained["dead"][layer])
        lines["dead units, worst layer"] = f"{dead} {trained['dead'][dead]:.0%}"
    return lines
