"""`imgtools compare-runs`: a verdict from runs that are there already."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys

import click

from imagenet_tools.cli.options import Place, json_option, needs_tensorflow, plugin_option

FILE = Place(exists=True, dir_okay=False)


@click.command()
@click.argument("folders", nargs=-1, type=Place(exists=True, file_okay=False))
@click.option("--out", type=Place(file_okay=False), help="Where to join several folders.")
@click.option("--a", "files_a", multiple=True, type=FILE, help="A prediction file of arm A.")
@click.option("--b", "files_b", multiple=True, type=FILE, help="A prediction file of arm B.")
@click.option("--margin", type=float, help="Points; default: the plan's, else 0.5.")
@plugin_option
@json_option
@needs_tensorflow
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

    A folder's report is written again, with another margin where one is given. Several folders
    (same recipe, data and seeds) are joined in --out: the first arm against all others. Prediction
    files come from `imgtools eval --predictions`, one a run.

    \b
    Example:
      imgtools compare-runs runs/alexnet-vs-inception --margin 1
      imgtools compare-runs runs/alexnet-vs-inception runs/alexnet-vs-vgg --out runs/all
      imgtools compare-runs --a a1.npz --a a2.npz --b b1.npz --b b2.npz
    """
    if folders and (files_a or files_b):
        raise click.UsageError("give a comparison's folder, or --a and --b files, not both")
    if (len(folders) > 1) != (out is not None):
        raise click.UsageError("several folders are joined in --out DIR; one needs none")
    if out is not None:
        from imagenet_tools import storage
        from imagenet_tools.comparison import join

        command_line = storage.redact(shlex.join(["imgtools", *sys.argv[1:]]))
        join.join(folders, out, command=command_line)
    if folders:
        _report_again(out or folders[0], margin, as_json)
        return
    if not files_a or not files_b:
        raise click.UsageError("give a comparison's folder, or files for both --a and --b")
    from imagenet_tools.comparison import files
    from imagenet_tools.comparison.report import document

    judged = files.judge_files(files_a, files_b, 0.5 if margin is None else margin)
    if as_json:
        click.echo(json.dumps(document.finite(dataclasses.asdict(judged))))
    else:
        click.echo(f"VERDICT  {judged.sentence}.")


def _report_again(folder: str, margin: float | None, as_json: bool) -> None:
    from imagenet_tools.comparison import plan, stored
    from imagenet_tools.comparison.report import document

    own = stored.opened(folder)
    planned, deviations = plan.read(own)
    if margin is not None and margin != planned.margin:
        deviations.append(f"margin of {planned.margin:g} points changed to {margin:g} afterwards")
        planned = dataclasses.replace(planned, margin=margin)
    there = document.read(own)
    written = document.write(
        planned,
        own,
        command=there["command"],
        changes=deviations,
        findings=there["findings"],
        passports=there["passports"],
        seeds=there["contrasts"][0]["seeds"][0] + len(there["arms"][0]["diverged"]),
        class_names=there["class_names"],
    )
    written = stored.keep_report(folder, written)
    if as_json:
        click.echo(json.dumps(written.content))
        return
    for sentence in written.sentences:
        click.echo(f"VERDICT  {sentence}.")
    click.echo(f"Report: {written.folder / 'report.html'}")
