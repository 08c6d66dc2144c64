"""`imgtools check-preproc`: the promises of a pipeline, held."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option, needs_tensorflow, plugin_option, size_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import PreprocessingName

MARKS = {"passed": "ok  ", "failed": "FAIL", "noted": "note"}


@click.command()
@click.argument("name", type=PreprocessingName())
@size_option(96)
@plugin_option
@json_option
@needs_tensorflow
def command(name: str, size: int, plugins: tuple[str, ...], as_json: bool) -> int:
    """Check that a pipeline keeps what every pipeline promises; exit code 1 where it does not.

    Shape, dtype and range; evaluation deterministic, training varied and repeatable by seed; eager
    and tf.data alike; odd images; JPEG bytes as good as decoded images; ten crops.

    \b
    Example:
      imgtools check-preproc alexnet
      imgtools check-preproc mine --plugin mine.py
    """
    from imagenet_tools.diagnosis import contract

    checks = []
    for one in contract.check(name, size):
        checks.append(one)
        if not as_json:
            click.echo(f"{MARKS[one.outcome]}  {one.name}: {one.detail}")
    failed = sum(one.outcome == "failed" for one in checks)
    if as_json:
        import dataclasses

        print_json([dataclasses.asdict(one) for one in checks], indent=2)
    elif not failed:
        click.echo(f"{name} keeps its promises.")
    if failed and len(checks) < len(contract.CHECKS):
        click.echo(f"{name} does not run at {size} pixels; nothing else was checked.", err=True)
    elif failed:
        click.echo(f"{name} breaks {failed} of {len(checks)} promises.", err=True)
    return 1 if failed else 0
