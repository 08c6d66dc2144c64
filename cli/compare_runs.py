"""`imgtools compare-runs`: a verdict from runs that are there already."""

from __future__ import annotations

import os

import click

from imagenet_tools.cli import text
from imagenet_tools.cli.options import json_option, plugin_option, undecided_option
from imagenet_tools.cli.types import Finite, Place
from imagenet_tools.errors import UNDECIDED

FILE = Place(exists=True, dir_okay=False)


@click.command()
@click.argument("places", nargs=-1, type=Place(exists=True), metavar="[FOLDER | TABLE.csv]...")
@click.option(
    "--out",
    type=Place(file_okay=False),
    help="Folder for the report of one folder, which is left as it is, or of several joined.",
)
@click.option(
    "--a",
    "files_a",
    multiple=True,
    type=FILE,
    help="Prediction file of arm A; may be given several times.",
)
@click.option(
    "--b",
    "files_b",
    multiple=True,
    type=FILE,
    help="Prediction file of arm B; may be given several times.",
)
@click.option(
    "--margin",
    type=Finite(0, min_open=True),
    help="Points of top-1 within which a difference does not count. Default: the plan's, else 0.5.",
)
@undecided_option
@plugin_option
@json_option
def command(
    places: tuple[str, ...],
    out: str | None,
    files_a: tuple[str, ...],
    files_b: tuple[str, ...],
    margin: float | None,
    fail_if_undecided: bool,
    as_json: bool,
) -> int:
    """Judge finished runs: a comparison's folder, or runs of arms, whatever trained them.

    A folder's report is written again, with another margin where one is given; with --out in
    another folder, and this one is left as it is. Several folders (same recipe, data and seeds)
    are joined in --out: the first arm against all others. Prediction files come from `imgtools
    eval --predictions`, one a run. A table has columns arm, seed, image, label, prediction; or arm,
    seed, accuracy (percent), n: its first arm against each other one.

    \b
    Example:
      imgtools compare-runs runs/alexnet-vs-inception --margin 1
      imgtools compare-runs runs/alexnet-vs-inception runs/alexnet-vs-vgg --out runs/all
      imgtools compare-runs --a a1.npz --a a2.npz --b b1.npz --b b2.npz
      imgtools compare-runs runs.csv --json --fail-if-undecided
    """
    tables = [place for place in places if os.path.isfile(place)]
    _check(places, tables, out, files_a, files_b)
    if places and not tables:
        from imagenet_tools import tensorflow_version

        tensorflow_version.load()
        from imagenet_tools.comparison import compare, join

        again = text.command_line()
        if len(places) > 1 and out is not None:
            report = join.join(places, out, margin=margin, command=again)
        else:
            report = compare.report_again(places[0], margin=margin, out=out, command=again)
        text.print_report(report, as_json)
        return UNDECIDED if fail_if_undecided and "inconclusive" in report.kinds else 0
    from imagenet_tools.comparison import files
    from imagenet_tools.comparison import tables as read

    points = 0.5 if margin is None else margin
    if tables:
        contrasts = read.judge_tables(tables, points)
    else:
        contrasts = {("a", "b"): files.judge_files(files_a, files_b, points)}
    judged = [*contrasts.values()]
    if not as_json:
        for one in judged:
            click.echo(f"VERDICT  {one.sentence}.")
    elif len(judged) == 1:
        text.print_json(vars(judged[0]))
    else:
        each = [{"a": a, "b": b, **vars(one)} for (a, b), one in contrasts.items()]
        text.print_json({"contrasts": each})
    undecided = any(one.kind == "inconclusive" for one in judged)
    return UNDECIDED if fail_if_undecided and undecided else 0


def _check(
    places: tuple[str, ...],
    tables: list[str],
    out: str | None,
    files_a: tuple[str, ...],
    files_b: tuple[str, ...],
) -> None:
    """Refuse what does not go together."""
    if table := next(
        (file for file in (*files_a, *files_b) if file.lower().endswith(".csv")), None
    ):
        raise click.UsageError(f"a table is given by itself: imgtools compare-runs {table}")
    if file := next((place for place in places if place.lower().endswith(".npz")), None):
        raise click.UsageError(f"prediction files are given by arm: --a {file} --b ...")
    if bool(places) + bool(files_a or files_b) > 1 or 0 < len(tables) < len(places):
        raise click.UsageError("give comparisons' folders, tables, or --a and --b files: one kind")
    if len(places) > 1 and not tables and out is None:
        raise click.UsageError("several folders are joined in --out DIR")
    if not places and not (files_a and files_b):
        raise click.UsageError("give a comparison's folder, a table, or files for both --a and --b")
    if tables and out is not None:
        raise click.UsageError("--out is for folders; a table has no report")
