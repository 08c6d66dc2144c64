"""`imgtools list-recipes`: the recipes there are."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option
from imagenet_tools.cli.text import print_json


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the training recipes that ship, each with what it is for.

    \b
    Example:
      imgtools list-recipes
      imgtools train --recipe quick --print-recipe
    """
    from imagenet_tools.training import recipes

    purposes = {name: recipes.purpose(name) for name in recipes.BUILT_IN}
    if as_json:
        print_json([{"name": one, "purpose": why} for one, why in purposes.items()], indent=1)
        return
    for name, purpose in purposes.items():
        click.echo(click.wrap_text(purpose, 78, f"{name:<10}", " " * 10))
