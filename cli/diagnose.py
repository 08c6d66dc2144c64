"""`imgtools diagnose`: what is wrong with a pipeline, before anybody trains on it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from imagenet_tools.cli.options import (
    Place,
    PreprocessingName,
    json_option,
    needs_tensorflow,
    plugin_option,
)


@click.command()
@click.argument("pipelines", nargs=-1, required=True, type=PreprocessingName())
@click.option(
    "--data",
    type=Place(exists=True, file_okay=False),
    help="Folder of records; their labels are checked, too. Default: synthetic images.",
)
@click.option("--recipe", default="quick", show_default=True, help="A recipe's name or YAML file.")
@click.option("--image-size", type=click.IntRange(67), help="Pixels, in place of the recipe's.")
@click.option("--static", is_flag=True, help="Take no training steps: measure the images only.")
@plugin_option
@json_option
@needs_tensorflow
def command(
    pipelines: tuple[str, ...],
    data: str | None,
    recipe: str,
    image_size: int | None,
    static: bool,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure pipelines, alone and against each other, and say what is wrong in plain words.

    Range, scale, zoom, aspect, flips, channel order, aliasing, frozen draws and the like; then a
    few training steps from the same start at three rates. Each finding says what it means.

    \b
    Example:
      imgtools diagnose alexnet inception
      imgtools diagnose mine --plugin mine.py --data records
    """
    from imagenet_tools import diagnosis

    found = diagnosis.diagnose(
        pipelines, data, recipe=recipe, image_size=image_size, train=not static
    )
    if as_json:
        content = {
            "findings": [dataclasses.asdict(one) for one in found.findings],
            "passports": found.passports,
        }
        click.echo(json.dumps(content, indent=1))
        return
    for line in table(found.passports):
        click.echo(line)
    click.echo("")
    for one in found.findings:
        click.echo(f"{one.severity.upper():<8} {one.title} [{one.code}]")
        click.echo(f"         {one.explanation} {one.consequence}")
    if not found.findings:
        click.echo("Nothing found.")


def table(passports: dict[str, dict[str, Any]]) -> list[str]:
    """The passports as lines, a column a pipeline."""
    from imagenet_tools.diagnosis import passport

    rows = passport.rows(passports)
    names = list(rows)
    titles = list(dict.fromkeys(title for lines in rows.values() for title in lines))
    width = max(map(len, titles)) + 2
    lines = [" " * width + "".join(f"{name:>24}" for name in names)]
    for title in titles:
        cells = "".join(f"{rows[name].get(title, '-'):>24}" for name in names)
        lines.append(f"{title:<{width}}{cells}")
    return lines
