"""`imgtools watch`: how far a comparison is that runs elsewhere."""

from __future__ import annotations

import sys
import time

import click

from imagenet_tools.cli.options import json_option, needs_tensorflow, plugin_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Place


@click.command()
@click.argument("folder", metavar="DIR", type=Place(exists=True, file_okay=False))
@plugin_option
@json_option
@needs_tensorflow
def command(folder: str, as_json: bool) -> None:
    """Show how far a comparison is that was started elsewhere: another terminal, Slurm, Ray.

    The runs under way with step, loss and speed, and the accuracies as runs end. Ends when nobody
    is at it any more; with --json at once. Nothing is written.

    \b
    Example:
      imgtools watch runs/alexnet-vs-inception
      imgtools watch runs/alexnet-vs-inception --json
    """
    from imagenet_tools.comparison import progress, stored
    from imagenet_tools.comparison.plan_file import read_plan

    place = stored.opened(folder)
    plan = read_plan(place)
    if as_json:
        runs = progress.states(plan, place, plan.runs())
        print_json({"steps": plan.steps, "runs": runs})
        return
    display = progress.Display(plan, place, plan.runs(), sys.stdout)
    idle = 0
    while idle < progress.IDLE:
        runs = display.show()
        busy = any(one.running for one in runs) or stored.carried_out(place)
        idle = 0 if busy else idle + 1
        time.sleep(progress.REDRAWN)
    runs = display.show(last=True)
    done = sum(one.done for one in runs)
    click.echo(f"No run is under way; {done} of {len(runs)} are done.")
    for one in runs:
        if one.done:
            click.echo(f"  {one.line(plan.steps)}")
