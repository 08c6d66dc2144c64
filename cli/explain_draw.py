"""`imgtools explain-draw`: what a pipeline draws for one image of one epoch, as numbers."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import (
    json_option,
    needs_tensorflow,
    plugin_option,
    seed_option,
    size_option,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import File, PreprocessingName, Whole


@click.command()
@click.argument("name", type=PreprocessingName())
@click.option("--image", required=True, type=File(exists=True, dir_okay=False), help="Image file.")
@seed_option("Seed of the run.")
@click.option("--epoch", type=Whole(0), default=0, help="Epoch, from 0 on.")
@click.option(
    "--step", type=Whole(0), help="Step of the batch, where batches are mixed. Default: 0."
)
@click.option("--key", help="Key of the record, class/filename. Default: the file's name.")
@size_option(224)
@plugin_option
@json_option
@needs_tensorflow
def command(
    name: str,
    image: str,
    seed: int,
    epoch: int,
    step: int | None,
    key: str | None,
    size: int,
    as_json: bool,
) -> None:
    """Say what a pipeline draws for an image in training: the crop, and every draw by its name.

    The same seed, epoch and key draw the same in a run, whatever the parallelism.

    \b
    Example:
      imgtools explain-draw alexnet+randaugment --image a.jpg --seed 1 --epoch 3
    """
    import os

    from imagenet_tools import registry
    from imagenet_tools.diagnosis import explain, preview

    key = os.path.basename(image) if key is None else key
    drawn = explain.explain(
        registry.get(name), preview.read(image), size, seed=seed, epoch=epoch, key=key, step=step
    )
    if as_json:
        print_json(drawn, indent=2)
        return
    click.echo(f"{drawn['spec']}, seed {seed}, epoch {epoch}, key {key}")
    for title in ("view", "draws", "mixing"):
        for what, value in (drawn[title] or {}).items():
            click.echo(f"  {title:5}  {what} {value}")
