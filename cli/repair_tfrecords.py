"""imgtools repair-tfrecords"""

from __future__ import annotations

from typing import Any

import click

from imagenet_tools.cli.options import json_option, raw_options, workers_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Place
from imagenet_tools.errors import DAMAGED


@click.command()
@click.argument("folder", type=Place(exists=True, file_okay=False), metavar="DIR")
@raw_options
@click.option("--decode", is_flag=True, help="Decode every pixel too, to find damage.")
@workers_option
@json_option
def command(
    folder: str,
    raw_path: str,
    decode: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Verify a folder of records and write only its broken shards again from the raw images.

    Give --raw, --labels and --boxes as at the build. A shard is replaced only by the very bytes
    that the manifest's digest was taken of. Exits with 3 where something is left that no
    rebuilding mends.

    \b
    Example:
      imgtools repair-tfrecords ~/records --raw ~/imagenet
    """
    from imagenet_tools.cli.verify_tfrecords import report_json, report_text
    from imagenet_tools.records import repairer

    done = repairer.repair_tfrecords(folder, raw_path, decode=decode, **settings)
    if as_json:
        problems = [finding._asdict() for finding in done.before.problems]
        content = {"found": problems, "rebuilt": done.rebuilt, **report_json(folder, done.after)}
        print_json(content, indent=1)
    else:
        for finding in done.before.problems:
            click.echo(f"found: {finding}")
        for file in done.rebuilt:
            click.echo(f"written again: {file}")
        click.echo(report_text(folder, done.after, decode))
    return DAMAGED if done.after.problems else 0
