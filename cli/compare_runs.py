"""`imgtools compare-runs`: a verdict from runs that are there already."""

from __future__ import annotations

import dataclasses

import click

from imagenet_tools.cli.options import json_option, plugin_option
from imagenet_tools.cli.types import Finite, Place

FILE = Place(exists=True, dir_okay=False)


@click.command()
@click.argument("folders", nargs=-1, type=Place(exists=True, file_okay=False))
@click.option(
    "--out",
    type=Place(file_okay=False),
    help="Where to write: the report of one folder, which is left as it is, or several joined.",
)
@click.option("--a", "files_a", multiple=True, type=FILE, help="A prediction file of arm A.")
@click.option("--b", "files_b", multiple=True, type=FILE, help="A prediction file of arm B.")
@click.option(
    "--margin", type=Finite(0, min_open=True), help="Points; default: the plan's, else 0.5."
)
@plugin_option
@json_option
def command(
    folders: tuple[str, ...],
    out: str | None,
    files_a: tuple[str, ...],
    files_b: tuple[str, ...],
    margin: float | None,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Judge finished runs anew: a comparison's folder, or prediction files of two arms.

    A folder's report is written again, with another margin where one is given; with --out in
    another folder, and this one is left as it is. Several folders (same recipe, data and seeds)
    are joined in --out: the first arm against all others. Prediction files come from `imgtools
    eval --predictions`, one a run.

    \b
    Example:
      imgtools compare-runs runs/alexnet-vs-inception --margin 1
      imgtools compare-runs runs/alexnet-vs-inception runs/alexnet-vs-vgg --out runs/all
      imgtools compare-runs --a a1.npz --a a2.npz --b b1.npz --b b2.npz
    """
    if folders and (files_a or files_b):
        raise click.UsageError("give a comparison's folder, or --a and --b files, not both")
    if len(folders) > 1 and out is None:
        raise click.UsageError("several folders are joined in --out DIR")
    if not folders and not (files_a and files_b):
        raise click.UsageError("give a comparison's folder, or files for both --a and --b")
    from imagenet_tools import tensorflow_version

    tensorflow_version.load()
    if folders:
        from imagenet_tools.cli import text
        from imagenet_tools.comparison import compare, join

        again = text.command_line()
        if len(folders) > 1 and out is not None:
            report = join.join(folders, out, margin=margin, command=again)
        else:
            report = compare.report_again(folders[0], margin=margin, out=out, command=again)
        text.print_report(report, as_json)
        return
    from imagenet_tools.comparison import files

    judged = files.judge_files(files_a, files_b, 0.5 if margin is None else margin)
    if as_json:
        text.print_json(dataclasses.asdict(judged))
    else:
        click.echo(f"VERDICT  {judged.sentence}.")
