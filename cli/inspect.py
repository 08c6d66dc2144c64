"""`imgtools inspect`: what lies at a path."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click

from imagenet_tools.cli.options import json_option, labels_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Place


@click.command()
@click.argument("path", type=Place(exists=True))
@labels_option
@json_option
def command(path: str, labels: str, as_json: bool) -> None:
    """Tell what lies at PATH: layout, splits, counts, missing classes, sizes, disk and time.

    For raw images (some are read to measure) and for folders of records. Nothing is written.

    \b
    Example:
      imgtools inspect ~/imagenet
      imgtools inspect records --json
    """
    import dataclasses

    from imagenet_tools.records import inspection

    facts = inspection.inspect(path, labels)
    if as_json:
        print_json(dataclasses.asdict(facts))
        return
    for line in _lines(facts):
        click.echo(line)
    click.echo(f"  next: {_next(facts, labels)}")


def _lines(facts: Any) -> Iterator[str]:
    yield facts.description
    yield f"  labels: {facts.label_convention}"
    here = max((part.classes for part in facts.splits.values()), default=0)
    if facts.seconds is not None and facts.layout == "class folders" and here < facts.num_classes:
        yield f"    --labels folders: 1..{here:,}, the classes that are here"
    for reason, entries in facts.left_out.items():
        more = ", ..." if entries.count > len(entries.first) else ""
        yield f"  left out, {reason}: {entries.count:,} ({', '.join(entries.first)}{more})"
    for name, part in facts.splits.items():
        against = f" of ImageNet's {part.expected:,}" if part.expected else ""
        whose = "ImageNet's " if part.expected else ""
        classes = (
            f", {part.classes:,} of {whose}{facts.num_classes:,} classes, {part.fewest:,} to "
            f"{part.most:,} a class"
        )
        yield f"  {name}: {part.images:,} images{against}{classes if part.classes else ''}"
        kinds = ", ".join(f"{count} {kind}" for kind, count in part.formats.items())
        size = f", median {part.width} x {part.height} px" if part.width else ""
        yield f"    {part.mean_bytes / 1024:.0f} KiB an image{size}; {kinds}"
        if part.missing and part.classes:
            more = f" and {len(part.missing) - 3:,} more" if len(part.missing) > 3 else ""
            yield f"    no image of {', '.join(part.missing[:3])}{more}"
        for problem in part.problems:
            yield f"    damaged: {problem}"
    mib, gib = f"{facts.bytes / 2**20:,.0f} MiB", f"{facts.bytes / 2**30:,.1f} GiB"
    amount = mib if facts.bytes < 2**31 else gib
    free = f"{facts.free / 2**30:,.0f} GiB are free"
    if facts.seconds is None:
        digest = f"digest {facts.digest[:16]}" if facts.digest else "no digest"
        yield f"  {amount}; {digest}"
        if not all(part.counted or part.problems for part in facts.splits.values()):
            yield "  not counted: the numbers are the manifest's, which verify-tfrecords checks"
    else:
        needed = " THAT IS NOT ENOUGH." if facts.free < facts.bytes else ""
        yield f"  records: about {amount} and {_duration(facts.seconds)}; {free}.{needed}"


def _next(facts: Any, labels: str) -> str:
    """The command that one who has seen these facts would give."""
    place = shlex.quote(facts.path)
    if facts.seconds is None:
        damaged = any(part.problems for part in facts.splits.values())
        if "validation" in facts.splits and facts.digest and not damaged:
            return f"imgtools compare-preproc alexnet inception --data {place}"
        return f"imgtools verify-tfrecords {place}"
    only = "" if len(facts.splits) > 1 else f" --split {next(iter(facts.splits))}"
    given = "" if labels == "auto" else f" --labels {labels}"
    return f"imgtools build-tfrecords --raw {place} --out records{only}{given}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
