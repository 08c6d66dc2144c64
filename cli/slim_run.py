"""imgtools slim-run"""

from __future__ import annotations

import os
import sys

import click

OWN = ("--plugin", "--prefer")


@click.command(
    # What stands behind the script is the script's, --help and unknown flags included.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    type=click.Path(exists=True, dir_okay=False),
    help="Python file that registers pipelines or nets; may be given several times.",
)
@click.option(
    "--prefer",
    type=click.Choice(("slim", "imgtools")),
    default="slim",
    help="Whose pipeline a name means that both have, such as inception.",
)
@click.argument("script", metavar="SCRIPT")
@click.argument("flags", metavar="[FLAGS]...", nargs=-1, type=click.UNPROCESSED)
def command(script: str, flags: tuple[str, ...], prefer: str, plugins: tuple[str, ...]) -> None:
    """Run a script of a TF-Slim checkout, unchanged, on today's TensorFlow.

    SCRIPT is train_image_classifier.py, eval_image_classifier.py or export_inference_graph.py of
    the checkout; the flags behind it are its own. It runs with every pipeline of the registry
    behind --preprocessing_name, and its exit code is the command's. No file of the checkout is
    changed.

    \b
    Example:
      imgtools slim-run models/research/slim/train_image_classifier.py \\
        --dataset_dir=records --train_dir=run --model_name=alexnet_v2 --preprocessing_name=alexnet
    """
    from imagenet_tools import slim

    for flag in flags:
        if flag.split("=")[0] in OWN:
            raise click.UsageError(f"{flag.split('=')[0]} belongs before the script: it is ours")
    line = slim.command_line(script, flags, prefer=prefer, plugins=plugins)
    sys.stdout.flush()
    # In the place of this process: exit code and signals are the script's without further ado.
    os.execv(line[0], line)
