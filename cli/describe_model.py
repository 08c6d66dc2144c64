"""`imgtools describe-model`: a net's layers, shapes and parameters."""

from __future__ import annotations

import json

import click

from imagenet_tools.cli.options import json_option, needs_tensorflow


@click.command()
@click.argument("name")
@click.option(
    "--num-classes",
    type=click.IntRange(2),
    default=1001,
    show_default=True,
    help="Logits, background included.",
)
@click.option("--image-size", type=click.IntRange(1), default=224, show_default=True)
@json_option
@needs_tensorflow
def command(name: str, num_classes: int, image_size: int, as_json: bool) -> None:
    """Print a net's variables with their shapes and parameter counts.

    \b
    Example:
      imgtools describe-model alexnet_v2
      imgtools describe-model alexnet_v2 --image-size 96 --num-classes 11
    """
    from imagenet_tools import nets

    net = nets.create(name, num_classes, image_size)
    rows = net.layers()
    if as_json:
        content = [{"name": r.name, "shape": r.shape, "parameters": r.parameters} for r in rows]
        click.echo(json.dumps(content))
        return
    proxy = ", a proxy: the net is defined at 224 px" if net.is_proxy else ""
    click.echo(f"{name} at {image_size} px, {num_classes} logits{proxy}")
    for row in rows:
        layer, kind = row.name.split("/")[-2:]
        shape = "x".join(map(str, row.shape))
        click.echo(f"{layer:<8} {shape:<16} {row.parameters:>12,}  {kind}")
    weights = sum(row.parameters for row in rows if row.name.endswith("/weights"))
    click.echo(f"{'weights':<25} {weights:>12,}")
    click.echo(f"{'in all':<25} {sum(row.parameters for row in rows):>12,}")
