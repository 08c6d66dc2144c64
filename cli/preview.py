"""`imgtools preview`: what pipelines do to some images, in one picture."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import needs_tensorflow, plugin_option, seed_option, size_option
from imagenet_tools.cli.types import File, Page, PreprocessingName, Whole


@click.command()
@click.argument("pipelines", nargs=-1, required=True, type=PreprocessingName())
@click.option(
    "--image",
    "images",
    multiple=True,
    required=True,
    type=File(exists=True, dir_okay=False),
    help="Photograph; may be given several times.",
)
@click.option(
    "--out", required=True, type=Page(".png", ".html"), help="File for the picture, .png or .html."
)
@click.option("--draws", type=Whole(1, 12), default=3, help="Number of training draws shown.")
@size_option(224)
@seed_option("Seed of the draws.")
@plugin_option
@needs_tensorflow
def command(
    pipelines: tuple[str, ...],
    images: tuple[str, ...],
    out: str,
    draws: int,
    size: int,
    seed: int,
) -> None:
    """Draw what pipelines do: the original with the crop boxes of some draws, outputs beside it.

    \b
    Example:
      imgtools preview alexnet inception --image a.jpg --image b.jpg --out sheet.png
    """
    from imagenet_tools.diagnosis import preview

    pictures = [preview.read(image) for image in images]
    page = preview.sheet(pipelines, pictures, draws=draws, size=size, seed=seed)
    preview.write(page, pipelines, out)
    click.echo(out)
