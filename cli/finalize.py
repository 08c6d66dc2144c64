"""`imgtools finalize`: the end of an array job."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option
from imagenet_tools.cli.types import Place, Records


@click.command()
@click.argument("folder", metavar="DIR", type=Place(exists=True, file_okay=False))
@click.option(
    "--data",
    type=Records(),
    help="Folder of records that a comparison was run on.",
)
@json_option
def command(folder: str, data: str | None, as_json: bool) -> None:
    """Finish what slices have done: the manifest of records, or the report of a comparison.

    Fails with exit code 4 where shards or runs are missing, and names them with their slices.

    \b
    Example:
      imgtools finalize records                       # after build-tfrecords --shard-slice i/N
      imgtools finalize runs/mine --data records      # after compare-preproc --run-slice i/N
    """
    from imagenet_tools import records, storage
    from imagenet_tools.cli import text

    if not (storage.place(folder) / "plan.json").exists():
        manifest = records.finalize(folder)
        if as_json:
            text.print_json(text.build_json(folder, manifest), indent=1)
        else:
            click.echo("\n".join(text.build_summary(folder, manifest)))
        return
    if data is None:
        raise click.UsageError(f"{folder} is a comparison; name its records: --data RECORDS")
    from imagenet_tools import tensorflow_version

    tensorflow_version.load()
    from imagenet_tools.comparison import compare

    report = compare.finalize(folder, data, command=text.command_line())
    text.print_report(report, as_json)
