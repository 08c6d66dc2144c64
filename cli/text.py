"""What several commands print."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from imagenet_tools.comparison.report.content import Report
    from imagenet_tools.raw.intake import Counted
    from imagenet_tools.records.manifest import Manifest


STDOUT = "imgtools.stdout"  # in click's meta: where print_json writes
# Raised where a field of some command's --json goes, or means something else.
SCHEMA = 1


def print_json(content: Any, indent: int | None = None) -> None:
    """Print a result for programs: an object with its schema's number, or a list of what is alike.

    null stands for infinity and NaN.
    """
    from imagenet_tools.storage import json_file

    if isinstance(content, Mapping):
        content = {"schema": SCHEMA, **content}
    ctx = click.get_current_context(silent=True)
    line = json.dumps(json_file.finite(content), indent=indent, allow_nan=False)
    click.echo(line, file=ctx.meta.get(STDOUT) if ctx else None)


@contextlib.contextmanager
def results_alone() -> Iterator[TextIO]:
    """Keep stdout, which is given, for results: what a plug-in writes, or a library in C, goes to
    stderr."""
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        if not _is_the_process_own(stdout):  # a test's, or a caller's from Python
            yield stdout
            return
        stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
        try:
            with open(kept, "w", encoding=stdout.encoding, closefd=False) as results:
                yield results
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def _is_the_process_own(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError, AttributeError):
        return False


def say(text: str) -> None:
    """Say on stderr what is being done, unless `-q` was given."""
    from imagenet_tools import terminal

    if not terminal.quiet():
        click.echo(text, err=True)


def tell(words: str, mark: str = "", colour: str | None = None) -> None:
    """Print a sentence behind its mark; a terminal gets it wrapped, and the mark in colour."""
    indent = " " * (9 if mark else 0)
    line = f"{mark:<{len(indent)}}{words}"
    if sys.stdout.isatty():
        whole: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(line, width, subsequent_indent=indent, **whole)
    click.echo(click.style(mark, fg=colour, bold=True) + line[len(mark) :])


def command_line() -> str:
    """The command that was typed, as a report shows it: no secrets of a store in it."""
    from imagenet_tools import storage

    return storage.redact(shlex.join(["imgtools", *sys.argv[1:]]))


def print_report(report: Report, as_json: bool = False) -> None:
    """Print what a comparison found: accuracies by seed, verdicts, notes and the scope."""
    from imagenet_tools.comparison import run_files
    from imagenet_tools.comparison.report import opening

    if as_json:
        print_json(report.as_json())
        return
    arms = report.judgement.arms
    width = max(len(arm.spec) for arm in arms)
    for arm in arms:
        runs = "  ".join(f"{value:.2f}" for value in arm.accuracy())
        click.echo(f"{arm.spec:<{width}}  top-1 by seed: {runs or 'every run diverged'}")
    click.echo("")
    for kind, sentence in zip(report.kinds, report.sentences, strict=True):
        tell(f"{sentence}.", "VERDICT", "yellow" if kind == "inconclusive" else "green")
    for text in [*report.deviations, *report.warnings]:
        tell(f"{text}.", "NOTE", "yellow")
    if report.look:
        tell(report.look)
    tell(opening.scope(report))
    words, command = opening.next_step(report)
    click.echo("")
    tell(f"Next: {words}")
    if command:
        click.echo(f"  {command}")
    click.echo(f"\nReport: {report.folder / run_files.PAGE}")


def build_summary(out: str, manifest: Manifest) -> Iterator[str]:
    """Lines on what the folder holds."""
    total = sum(split.records for split in manifest.splits.values())
    size = sum(split.bytes for split in manifest.splits.values())
    yield f"{out}: {total:,} records, {size / 2**20:,.1f} MiB"
    for name, split in manifest.splits.items():
        mix = [shard.classes for shard in split.shards]
        shards = f"{len(mix):,} shards" if len(mix) > 1 else "1 shard"
        yield (
            f"  {name}: {split.records:,} records in {shards}; "
            f"{len(split.class_counts):,} of {manifest.num_classes:,} classes, "
            f"{min(mix):,} to {max(mix):,} in a shard"
        )
    yield f"  labels: {manifest.label_convention}"
    if manifest.max_side or manifest.store != "original":
        factor = (size + manifest.saved) / size
        words = f"{factor:.2f} x smaller" if factor >= 1 else f"{1 / factor:.2f} x larger"
        yield f"  {words} than with the files' own bytes ({manifest.saved / 2**20:+,.1f} MiB saved)"
    if manifest.left_out:
        yield f"  left out of the raw data: {_counts(manifest.left_out)}"
    if manifest.odd:
        yield f"  odd in the records: {_counts(manifest.odd)}"
    for kind in ("converted", "repaired", "skipped"):
        if notes := getattr(manifest, kind):
            images = "1 image" if len(notes) == 1 else f"{len(notes):,} images"
            yield f"  {kind}: {images}, listed in imgtools_manifest.json"


def _counts(counted: Mapping[str, Counted]) -> str:
    counts = ", ".join(f"{what} {one.count:,}" for what, one in counted.items())
    return f"{counts}; names are in imgtools_manifest.json"


def build_json(out: str, manifest: Manifest) -> dict[str, Any]:
    """The same for --json."""
    splits = {
        name: {"records": split.records, "shards": len(split.shards), "bytes": split.bytes}
        for name, split in manifest.splits.items()
    }
    return {
        "out": out,
        "layout": manifest.layout,
        "label_convention": manifest.label_convention,
        "classes": manifest.num_classes,
        "splits": splits,
        "skipped": manifest.skipped,
        "repaired": manifest.repaired,
        "converted": manifest.converted,
        "left_out": {reason: entry.count for reason, entry in manifest.left_out.items()},
        "odd": {what: entry.count for what, entry in manifest.odd.items()},
        "digest": manifest.digest,
    }
