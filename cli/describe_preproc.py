"""`imgtools describe-preproc`: what a pipeline does, step by step."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import click

from imagenet_tools.cli.options import (
    PreprocessingName,
    json_option,
    needs_tensorflow,
    plugin_option,
)

WIDTH = 100  # of the text, in characters


@click.command()
@click.argument("name", type=PreprocessingName())
@plugin_option
@json_option
@needs_tensorflow
def command(name: str, plugins: tuple[str, ...], as_json: bool) -> None:
    """Describe a pipeline, a variant or a cross: steps, parameters, range, source, fingerprint.

    \b
    Example:
      imgtools describe-preproc alexnet
      imgtools describe-preproc inception.geometry+alexnet.colour:lighting=0
    """
    from imagenet_tools import registry

    described = registry.get(name).describe()
    if as_json:
        import json

        click.echo(json.dumps(described, indent=2))
        return
    for line in lines(described):
        click.echo(line)


def lines(described: Mapping[str, Any]) -> list[str]:
    """The description as text."""
    out = [described["spec"], *(f"  {line}" for line in [described["summary"]] if line)]
    for kind, steps in described["steps"].items():
        out += ["", kind]
        for step in steps or ["not described: it has no docstring"]:
            out += textwrap.wrap(f"  - {step}", WIDTH, subsequent_indent="    ")
    # A parameter that several parts share (inception's fast_mode) is one line.
    owners: dict[str, list[str]] = {}
    for kind, parameters in described["parameters"].items():
        for name, parameter in parameters.items():
            choices = parameter.get("choices")
            allowed = f"  ({' | '.join(choices)})" if choices else ""
            owners.setdefault(f"{name}={_text(parameter['value'])}{allowed}", []).append(kind)
    for name, value in described["universal"].items():
        owners[f"{name}={_text(value)}"] = ["every pipeline"]
    out += ["", "parameters", *(f"  {one}  [{', '.join(kinds)}]" for one, kinds in owners.items())]
    bounds = described["value_range"]
    if bounds is not None:
        span = f"{bounds[0]:.6g} to {bounds[1]:.6g}"
    else:  # a plain function may do anything
        span = "depends on the image" if described["fused"] else "not known"
    out += ["", f"value range  {span}"]
    for name, source in described["source"].items():
        place, version = described["defined_in"][name], described["version"][name]
        out.append(f"{name}  {place}, version {version}{'; ' + source if source else ''}")
    if not described["seeded"]:
        out.append("takes no seed: its draws cannot be repeated")
    return [*out, f"fingerprint  {described['fingerprint']}"]


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else f"{value}"
