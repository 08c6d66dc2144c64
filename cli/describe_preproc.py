"""`imgtools describe-preproc`: what a pipeline does, step by step."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from imagenet_tools.cli.options import json_option, plugin_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import PreprocessingName

if TYPE_CHECKING:
    from imagenet_tools.pipelines.side_by_side import Line

WIDTH = 100  # of the text, in characters
LEAST = 24  # of a column


@click.command()
@click.argument("names", nargs=-1, required=True, type=PreprocessingName())
@plugin_option
@json_option
def command(names: tuple[str, ...], as_json: bool) -> None:
    """Describe a pipeline, a variant or a cross: steps, parameters, range, source, fingerprint.

    Of several, what differs is shown side by side, and what they do alike below it.

    \b
    Example:
      imgtools describe-preproc alexnet
      imgtools describe-preproc inception.geometry+alexnet.colour:lighting=0
      imgtools describe-preproc alexnet inception
    """
    from imagenet_tools import registry
    from imagenet_tools.pipelines.side_by_side import side_by_side

    described = [registry.get(name).describe() for name in names]
    if as_json:
        print_json(described if len(names) > 1 else described[0], indent=2)
        return
    if len(names) > 1:
        specs = [one["spec"] for one in described]
        shown = beside(specs, side_by_side(described))
    else:
        shown = lines(described[0])
    for line in shown:
        click.echo(line)


def beside(specs: Sequence[str], compared: Sequence[Line]) -> list[str]:
    """In what pipelines differ as columns of text, then what they do alike."""
    differ = [line for line in compared if not line.alike]
    heads = [f"{line.part}: {line.what}" for line in differ]
    first = max(map(len, heads), default=0) + 2
    width = max(LEAST, (WIDTH - first) // len(specs))
    out = _row("", specs, first, width)
    for head, line in zip(heads, differ, strict=True):
        out += ["", *_row(head, line.each, first, width)]
    alike = [line for line in compared if line.alike]
    out += ["", "alike" if differ else "alike in everything"]
    for line in alike:
        said = line.each[0] if line.what == "steps" else f"{line.what} {line.each[0]}"
        out += textwrap.wrap(f"  {line.part}: {said}", WIDTH, subsequent_indent="    ")
    return out


def _row(head: str, cells: Sequence[str], first: int, width: int) -> list[str]:
    """A row of a table whose cells are wrapped; several lines in a cell get dashes."""
    columns = []
    for cell in cells:
        parts = cell.split("\n")
        dash = "- " if len(parts) > 1 else ""
        columns.append(
            [
                line
                for part in parts
                for line in textwrap.wrap(dash + part, width - 2, subsequent_indent=" " * len(dash))
            ]
        )
    height = max(map(len, columns))
    return [
        (
            f"{head if at == 0 else '':<{first}}"
            + "".join(f"{column[at] if at < len(column) else '':<{width}}" for column in columns)
        ).rstrip()
        for at in range(height)
    ]


def lines(described: Mapping[str, Any]) -> list[str]:
    """The description as text."""
    from imagenet_tools.pipelines.side_by_side import text, values_out

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
            owners.setdefault(f"{name}={text(parameter['value'])}{allowed}", []).append(kind)
    for name, value in described["universal"].items():
        owners[f"{name}={text(value)}"] = ["every pipeline"]
    out += ["", "parameters", *(f"  {one}  [{', '.join(kinds)}]" for one, kinds in owners.items())]
    out += ["", f"value range  {values_out(described)}"]
    for name, source in described["source"].items():
        place, version = described["defined_in"][name], described["version"][name]
        out.append(f"{name}  {place}, version {version}{'; ' + source if source else ''}")
    if not described["seeded"]:
        out.append("takes no seed: its draws cannot be repeated")
    return [*out, f"fingerprint  {described['fingerprint']}"]
