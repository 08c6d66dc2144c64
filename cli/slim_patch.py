"""`imgtools slim-patch`: the registry in a TF-Slim checkout for good, with two lines."""

from __future__ import annotations

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--undo", is_flag=True, help="Take the two lines away again, byte for byte.")
@click.option("--dry-run", is_flag=True, help="Show the difference and write nothing.")
def command(folder: str, undo: bool, dry_run: bool) -> None:
    """Write two lines into a checkout's preprocessing_factory.py, so that it knows our pipelines.

    DIR is TF-Slim's folder, research/slim. For checkouts on tf_slim (since July 2020) whose
    scripts you start yourself; `imgtools slim-run` needs no change and runs older ones, too.

    \b
    Example:
      imgtools slim-patch models/research/slim --dry-run
      imgtools slim-patch models/research/slim --undo
    """
    from imagenet_tools.slim import patching

    difference = patching.change(folder, undo=undo, dry_run=dry_run)
    click.echo(difference, nl=False)
    if not difference:
        click.echo("Nothing to take away." if undo else "The two lines are there already.")
    elif dry_run:
        click.echo("Nothing was written (--dry-run).")
    else:
        click.echo("Taken away." if undo else f"Written; `imgtools slim-patch {folder} --undo`")
