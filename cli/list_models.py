"""`imgtools list-models`: the nets there are."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option
from imagenet_tools.cli.text import print_json


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the nets that can be trained: ours, and those of tf_slim.nets.

    \b
    Example:
      imgtools list-models
      imgtools describe-model resnet_v1_50
    """
    from imagenet_tools import tensorflow_version

    tensorflow_version.later()
    from imagenet_tools import nets

    sizes = {name: nets.default_size(name) for name in nets.names()}
    if as_json:
        print_json([{"name": one, "image_size": size} for one, size in sizes.items()], indent=1)
        return
    for name, size in sizes.items():
        click.echo(f"{name:<24} {size} px")
