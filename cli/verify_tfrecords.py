"""imgtools verify-tfrecords"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from imagenet_tools.cli.options import json_option, workers_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Place
from imagenet_tools.errors import DAMAGED

if TYPE_CHECKING:
    from imagenet_tools.records import Verification
    from imagenet_tools.records.duplicates import Repeated

MOST = 10  # groups of images that are listed


@click.command()
@click.argument("folder", type=Place(exists=True, file_okay=False), metavar="DIR")
@click.option("--decode", is_flag=True, help="Decode every pixel too.")
@workers_option
@json_option
def command(folder: str, decode: bool, workers: int | None, as_json: bool) -> int:
    """Check a folder of records: CRCs, counts, digests, schema, labels, images, duplicates.

    Names the shard, the record and the file of whatever is wrong, and then exits with 3. Records
    of TF-Slim's own builder, which have no manifest, are checked as far as they go.

    \b
    Example:
      imgtools verify-tfrecords ~/records
      imgtools verify-tfrecords ~/records --decode
    """
    from imagenet_tools import records

    report = records.verify(folder, decode=decode, workers=workers)
    if as_json:
        print_json(report_json(folder, report), indent=1)
    else:
        click.echo(report_text(folder, report, decode))
    return DAMAGED if report.problems else 0


def report_json(folder: str, report: Verification) -> dict[str, Any]:
    return {
        "folder": folder,
        "described_by_manifest": report.described,
        "records": report.records,
        "findings": [problem._asdict() for problem in report.problems],
        "broken_shards": report.broken,
        "one_picture": [
            {
                "validation": [place._asdict() for place in one.validation],
                "train": [place._asdict() for place in one.train],
                "blank": one.blank,
            }
            for one in report.repeated
        ],
    }


def report_text(folder: str, report: Verification, decode: bool) -> str:
    counts = ", ".join(f"{count:,} {split}" for split, count in report.records.items())
    lines = [*_repeated_lines(report.repeated), *(str(problem) for problem in report.problems)]
    wrong = f"{len(report.problems):,} thing(s) wrong" if report.problems else "nothing wrong"
    lines.append(f"{folder}: {counts} records read, {wrong}")
    if not report.described:
        lines.append("no manifest: counts, digests and class names could not be compared")
    if not decode:
        lines.append(
            "image headers were checked; --decode checks every pixel, and which images show one "
            "picture"
        )
    if report.broken and report.described:
        lines.append(f"to mend: imgtools repair-tfrecords {folder} --raw RAW")
    return "\n".join(lines)


def _repeated_lines(repeated: Sequence[Repeated]) -> Iterator[str]:
    """Images that show one picture: the first groups, and how many there are."""
    for one in repeated[:MOST]:
        what = "blank, of one shade" if one.blank else "one picture"
        yield f"{what}: {', '.join(str(place) for place in (*one.validation, *one.train))}"
    if len(repeated) > MOST:
        yield f"and {len(repeated) - MOST:,} more groups, which --json lists"
    more = sum(len(one.validation) - 1 for one in repeated)
    if more:
        yield (
            f"{more:,} validation images show what another one shows; comparisons count each "
            "picture once"
        )
    if seen := sum(len(one.validation) for one in repeated if one.train):
        yield (
            f"{seen:,} validation images show what training images show: accuracy on them says "
            "little of others"
        )
