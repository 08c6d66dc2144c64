"""`imgtools predict`: the likeliest classes of images."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from imagenet_tools.cli.options import (
    checkpoint_options,
    json_option,
    needs_tensorflow,
    plugin_option,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import File, Records, Whole
from imagenet_tools.errors import DAMAGED


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="IMAGE...",
    is_eager=True,  # a missing one is found before an option loads TensorFlow
    type=File(exists=True, allow_dash=True),
)
@checkpoint_options
@click.option(
    "--data",
    type=Records(),
    help="Folder of records that names the classes, where the checkpoint has no classes.tsv.",
)
@click.option("--top", type=Whole(1), default=5, help="Number of classes shown of an image.")
@plugin_option
@json_option
@needs_tensorflow
def command(paths: tuple[str, ...], checkpoint: str, as_json: bool, **settings: Any) -> int:
    """Print the likeliest classes of each image: files, folders, or - for stdin.

    stdin holds one image, or a list of paths, one a line. With --json a line an image. A file
    that is no readable image is named, the others are done, and the exit code is 3; what is no
    image in a folder is counted.

    \b
    Example:
      imgtools predict --checkpoint runs/one cat.jpg photographs/
      imgtools predict --checkpoint model.ckpt-9048119.zip --preprocessing inception cat.jpg
      curl -s host/cat.jpg | imgtools predict --checkpoint runs/one -
    """
    from imagenet_tools.evaluation import prediction

    damaged = False
    for predicted in prediction.predict(checkpoint, paths, **settings):
        damaged = damaged or predicted.problem is not None
        if as_json:
            print_json(dataclasses.asdict(predicted))
        else:
            click.echo("\n".join(prediction.as_text(predicted)), err=predicted.problem is not None)
    return DAMAGED if damaged else 0
