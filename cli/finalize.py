"""`imgtools finalize`: the end of an array job."""

from __future__ import annotations

import os
import shlex
import sys

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False),
    help="Of a comparison: the records it was run on.",
)
def command(folder: str, data: str | None) -> None:
    """Finish what slices have done: the manifest of records, or the report of a comparison.

    Fails with exit code 4 where shards or runs are missing, and names them with their slices.

    \b
    Example:
      imgtools finalize records                       # after build-tfrecords --shard-slice i/N
      imgtools finalize runs/mine --data records      # after compare-preproc --run-slice i/N
    """
    from imagenet_tools import records
    from imagenet_tools.cli import build_tfrecords, compare_preproc

    if not os.path.exists(os.path.join(folder, "plan.json")):
        manifest = records.finalize(folder)
        click.echo("\n".join(build_tfrecords.summary(folder, manifest)))
        return
    if data is None:
        raise click.UsageError(f"{folder} is a comparison; name its records: --data RECORDS")
    from imagenet_tools import tensorflow_version

    tensorflow_version.load()
    from imagenet_tools.comparison import compare

    written = compare.finalize(folder, data, command=shlex.join(["imgtools", *sys.argv[1:]]))
    compare_preproc.print_verdict(written)
