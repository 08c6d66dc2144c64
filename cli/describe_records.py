"""imgtools describe-records"""

from __future__ import annotations

import click

from imagenet_tools.cli.types import Place


@click.command()
@click.argument("folder", type=Place(file_okay=False), metavar="DIR")
@click.option("--tfds", is_flag=True, help="Write what tfds.builder_from_directory reads.")
@click.option(
    "--croissant", is_flag=True, help="Write croissant.json, for catalogues of data sets."
)
def command(folder: str, tfds: bool, croissant: bool) -> None:
    """Write small files beside records by which TFDS and catalogues read them.

    Without an option, all of these. The records stay as they are. TFDS hands out labels as they are
    written: 1..N, and 0 for background.

    \b
    Example:
      imgtools describe-records records
      imgtools describe-records records --tfds
    """
    from imagenet_tools.records import descriptions

    asked = [name for name, wanted in (("tfds", tfds), ("croissant", croissant)) if wanted]
    for name in descriptions.describe_records(folder, asked or descriptions.FORMATS):
        click.echo(name)
