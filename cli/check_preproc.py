"""`imgtools check-preproc`: the promises of a pipeline, and its faults; a gate."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import (
    json_option,
    mute_option,
    needs_tensorflow,
    plugin_option,
    size_option,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import PreprocessingName

MARKS = {"passed": "ok  ", "failed": "FAIL", "warned": "warn", "noted": "note"}


@click.command()
@click.argument("name", type=PreprocessingName())
@size_option(96)
@mute_option
@plugin_option
@json_option
@needs_tensorflow
def command(name: str, size: int, mute: tuple[str, ...], as_json: bool) -> int:
    """Check that a pipeline keeps what every pipeline promises, and has no fault that `diagnose`
    finds without training; exit code 1 where one check fails.

    Shape, dtype and range; evaluation deterministic, training varied and repeatable by seed; eager
    and tf.data alike; odd images; JPEG bytes as good as decoded images; ten crops. Then the rules
    of the diagnosis: its faults fail, its warnings do not.

    \b
    Example:
      imgtools check-preproc alexnet
      imgtools check-preproc mine --plugin mine.py
      imgtools check-preproc mine --plugin mine.py --mute IMG105
    """
    from imagenet_tools.diagnosis import contract

    checks = []
    for one in contract.check(name, size, mute):
        checks.append(one)
        if not as_json:
            click.echo(f"{MARKS[one.outcome]}  {one.name}: {one.detail}")
    failed = sum(one.outcome == "failed" for one in checks)
    if as_json:
        import dataclasses

        print_json([dataclasses.asdict(one) for one in checks], indent=2)
    elif not failed:
        click.echo(f"{name} keeps its promises.")
    if failed and len(checks) == 1:
        click.echo(f"{name} does not run at {size} pixels; nothing else was checked.", err=True)
    elif failed:
        click.echo(f"{name} fails {failed} of {len(checks)} checks.", err=True)
    return 1 if failed else 0
