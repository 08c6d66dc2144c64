"""`imgtools diagnose`: what is wrong with a pipeline, before anybody trains on it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from imagenet_tools.cli.options import (
    json_option,
    mute_option,
    needs_tensorflow,
    plugin_option,
    recipe_option,
    recipe_size_option,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Page, PreprocessingName, Records

if TYPE_CHECKING:
    from imagenet_tools.diagnosis import Diagnosis


@click.command()
@click.argument("pipelines", nargs=-1, required=True, type=PreprocessingName())
@click.option(
    "--data",
    type=Records(),
    help="Folder of records; their labels are checked, too. Default: synthetic images.",
)
@recipe_option
@recipe_size_option
@click.option("--static", is_flag=True, help="Take no training steps: measure the images only.")
@mute_option
@click.option("--out", type=Page(".html"), help="File for a page of it, .html.")
@plugin_option
@json_option
@needs_tensorflow
def command(
    pipelines: tuple[str, ...], static: bool, out: str | None, as_json: bool, **settings: Any
) -> None:
    """Measure pipelines, alone and against each other, and say what is wrong in plain words.

    Range, scale, zoom, aspect, flips, channel order, aliasing, frozen draws and the like; then a
    few training steps from the same start at three rates. Each finding says what it means, and has
    a code (docs/reference/diagnosis.md).

    \b
    Example:
      imgtools diagnose alexnet inception
      imgtools diagnose mine --plugin mine.py --data records --out mine.html
      imgtools diagnose inception --mute IMG101 --mute aliasing
    """
    from imagenet_tools import diagnosis
    from imagenet_tools.diagnosis import shown

    told = diagnosis.diagnose(pipelines, train=not static, **settings)
    if out is not None:
        shown.write(told, out)
    if as_json:
        content = {
            "findings": [dataclasses.asdict(one) for one in told.findings],
            "muted": [dataclasses.asdict(one) for one in told.muted],
            "passports": {spec: one.as_json() for spec, one in told.passports.items()},
        }
        print_json(content, indent=1)
        return
    for line in table(told):
        click.echo(line)
    click.echo("")
    for one in told.findings:
        click.echo(f"{one.severity.upper():<8} {one.title} [{one.code} {one.name}]")
        click.echo(f"         {one.explanation} {one.consequence}")
    if not told.findings:
        click.echo("Nothing found.")
    if told.muted:
        click.echo(f"Muted: {', '.join(f'{one.code} {one.name}' for one in told.muted)}.")


def table(told: Diagnosis) -> list[str]:
    """The passports as lines, a column a pipeline."""
    from imagenet_tools.diagnosis import passport

    rows = passport.table(told.passports, none="-")
    width = max(len(title) for title, *_ in rows) + 2
    return [
        f"{title:<{width}}" + "".join(f"{cell:>24}" for cell in cells)
        for title, *cells in [["", *told.passports], *rows]
    ]
