"""`imgtools describe-model`: a net's layers, shapes and parameters."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import ModelName, Whole


@click.command()
@click.argument("name", type=ModelName())
@click.option(
    "--num-classes",
    type=Whole(2),
    default=1001,
    help="Number of logits, background included.",
)
@click.option(
    "--image-size", type=Whole(1), help="Image size in pixels. Default: what the net was made for."
)
@json_option
def command(name: str, num_classes: int, image_size: int | None, as_json: bool) -> None:
    """Print a net's variables with their shapes and parameter counts.

    \b
    Example:
      imgtools describe-model alexnet_v2
      imgtools describe-model alexnet_v2 --image-size 96 --num-classes 11
    """
    from imagenet_tools import nets

    net = nets.describe(name, num_classes, image_size)
    if as_json:
        print_json([row._asdict() for row in net.rows])
        return
    proxy = ", a proxy: the net is defined at 224 px" if net.is_proxy else ""
    click.echo(f"{name} at {net.image_size} px, {num_classes} logits{proxy}")
    table = []
    for row in net.rows:
        layer, kind = row.name.split("/", 1)[1].rsplit("/", 1)
        table.append((layer, "x".join(map(str, row.shape)), row.parameters, kind))
    width = max(8, *(len(layer) for layer, *_ in table))
    for layer, shape, parameters, kind in table:
        click.echo(f"{layer:<{width}} {shape:<16} {parameters:>12,}  {kind}")
    weights = sum(row.parameters for row in net.rows if row.name.endswith("/weights"))
    click.echo(f"{'weights':<{width + 17}} {weights:>12,}")
    click.echo(f"{'in all':<{width + 17}} {sum(row.parameters for row in net.rows):>12,}")
