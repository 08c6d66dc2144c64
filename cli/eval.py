"""`imgtools eval`: a checkpoint on a split of records, every image once."""

from __future__ import annotations

from typing import Any

import click

from imagenet_tools.cli.options import (
    checkpoint_options,
    json_option,
    needs_tensorflow,
    plugin_option,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Place, Records, Whole

# What TF-Slim's eval_image_classifier prints, by its names.
SLIM = {"top1": "Accuracy", "recall_3": "Recall_3", "recall_4": "Recall_4", "top5": "Recall_5"}


def _split(ctx: click.Context, parameter: click.Parameter, name: str) -> str:
    if data := ctx.params.get("data"):
        Records(name).convert(data, parameter, ctx)
    return name


@click.command()
@click.option(
    "--data",
    "--dataset-dir",
    "data",
    required=True,
    type=Records(),
    is_eager=True,  # for --split
    help="Folder of records (build-tfrecords).",
)
@checkpoint_options
@click.option(
    "--split",
    "--dataset-split-name",
    "split",
    default="validation",
    callback=_split,
    help="Split whose images are evaluated.",
)
@click.option("--batch-size", type=Whole(1), default=100, help="Number of images at a time.")
@click.option(
    "--labels-offset",
    type=Whole(0, 1),
    help="Number subtracted from labels 1..N. Default: what fits the checkpoint's classes.",
)
@click.option(
    "--ten-crop", is_flag=True, help="Average over corners, centre, and their mirror images."
)
@click.option(
    "--predictions",
    type=Place(".npz", dir_okay=False),
    help="File for each image's prediction, .npz.",
)
@plugin_option
@json_option
@needs_tensorflow
def command(data: str, checkpoint: str, split: str, as_json: bool, **settings: Any) -> None:
    """Evaluate a checkpoint: top-1, top-5, loss and calibration, every image exactly once.

    \b
    Example:
      imgtools eval --data records --checkpoint runs/one
      imgtools eval --data records --checkpoint model.ckpt-9048119.zip --preprocessing inception
    """
    from imagenet_tools.evaluation import evaluate, metrics

    result = evaluate.evaluate(data, checkpoint, split=split, **settings)
    for warning in result.warnings:
        click.echo(f"Warning: {warning}.", err=True)
    if as_json:
        print_json(result.as_json())
        return
    top1, top5 = result.top1_interval, result.top5_interval
    averaged = ", moving averages of the weights" if result.averaged else ""
    click.echo(
        f"{result.n:,} images of {split}, {result.preprocessing}, step {result.step:,}{averaged}"
    )
    click.echo(f"top-1 {result.top1:.3f} %  (95 % interval {top1[0]:.2f} to {top1[1]:.2f})")
    click.echo(f"top-5 {result.top5:.3f} %  (95 % interval {top5[0]:.2f} to {top5[1]:.2f})")
    others = [one for one in metrics.METRICS.values() if one.name not in SLIM]
    told = [f"{one.title} {result.metrics[one.name]:.{one.digits}f}" for one in others]
    click.echo(", ".join(told))
    for name, title in SLIM.items():
        click.echo(f"eval/{title}[{result.metrics[name] / 100:.6g}]")
