"""`imgtools list-preproc`: the pipelines there are."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option, plugin_option
from imagenet_tools.cli.text import print_json


@click.command()
@plugin_option
@json_option
def command(as_json: bool) -> None:
    """List the preprocessing pipelines: built-in, installed, and of --plugin files.

    \b
    Example:
      imgtools list-preproc
    """
    from imagenet_tools import registry, tensorflow_version

    tensorflow_version.later()

    pipelines = {name: registry.get(name) for name in registry.names()}
    for name, why in registry.failures().items():
        click.echo(f"Plug-in {name} could not be loaded: {why}", err=True)
    if as_json:
        print_json([one.describe() for one in pipelines.values()], indent=2)
        return
    width = max(map(len, pipelines))
    for name, pipeline in pipelines.items():
        click.echo(f"{name:{width}}  {pipeline.fingerprint}  {pipeline.summary}".rstrip())
    parts = ", ".join(f"{name} ({kind})" for name, kind in registry.parts_alone().items())
    click.echo(f"Parts to put on one, as alexnet+NAME: {parts}")
