"""`imgtools list-runs`: what was compared so far."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Page


@click.command()
@click.argument(
    "folder", metavar="[DIR]", default="runs", type=click.Path(exists=True, file_okay=False)
)
@click.option("--out", type=Page(".html"), help="File for a page that leads to their reports.")
@json_option
def command(folder: str, out: str | None, as_json: bool) -> None:
    """List the comparisons in a folder and below: date, arms, data, runs done, verdict.

    The latest comes first. DIR is runs, unless another is named. Verdicts are what the runs say, by
    the seeds and the margin of the report that is there.

    \b
    Example:
      imgtools list-runs
      imgtools list-runs /data/comparisons --out index.html
    """
    from pathlib import Path

    from imagenet_tools.comparison import listed

    comparisons = listed.comparisons(Path(folder))
    if out is not None:
        listed.write(comparisons, Path(out))
    if as_json:
        print_json(comparisons, indent=1)
        return
    for one in comparisons:
        done, planned = one.runs
        click.echo(f"{one.date}  {one.folder}")
        click.echo(f"  {' vs '.join(one.arms)} on {one.data}, {done} of {planned} runs")
        for sentence in one.verdicts or ("no report yet",):
            click.echo(f"  {sentence}.")
    if not comparisons:
        click.echo(f"{folder} holds no comparison.")
