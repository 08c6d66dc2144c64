"""The report's part on why: matrix, attribution, classes and images, what the arms do."""

from __future__ import annotations

import math
from pathlib import Path

from imagenet_tools.comparison.report import flips
from imagenet_tools.comparison.report.blocks import Block, Items, Picture, Table, Text
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.run_files import COMMON
from imagenet_tools.diagnosis import passport

PREVIEW = "preview.png"
CLASSES_SHOWN = 10


def matrix_blocks(report: Report) -> list[Block]:
    table = report.judgement.matrix
    seen = dict.fromkeys([*table, *(path for row in table.values() for path in row)])
    paths = sorted(seen, key=lambda path: path == COMMON)  # in the arms' order, common last
    rows = [
        [name, *(f"{row[path]:.2f}" if path in row else "–" for path in paths)]
        for name, row in table.items()
    ]
    blocks: list[Block] = [Table(["trained under", *(f"eval: {p}" for p in paths)], rows)]
    for contrast in report.judgement.contrasts:
        if effects := contrast.effects:
            blocks.append(
                Text(
                    f"{contrast.a.arm.spec} less {contrast.b.arm.spec}: {effects.total:+.2f} "
                    f"points, of which training {effects.training:+.2f} and evaluation path "
                    f"{effects.evaluation:+.2f} (interaction {effects.interaction:+.2f})."
                )
            )
    blocks.append(
        Text(
            "Mean top-1 of the seeds, in percent. An arm under another's path takes that arm's "
            "geometry and keeps its own colours and value range. Common: shorter side 256/224 of "
            "the output, antialiased, aspect kept, central crop. Exploratory: no tests are made.",
            "note",
        )
    )
    return blocks


def attribution_blocks(report: Report) -> list[Block]:
    rows = []
    for share in report.attribution:
        low, high = share.interval
        span = f"{low:+.2f} to {high:+.2f}" if math.isfinite(low) else "–"
        rows.append([share.part, f"{share.points:+.2f}", span])
    note = (
        "Every combination of the two pipelines' parts was trained; the difference is divided "
        "among the parts by Shapley's values, which add up to it. Intervals over seeds."
    )
    return [Table(["part", "points", "95 % interval"], rows), Text(note, "note")]


def class_blocks(report: Report, folder: Path) -> list[Block]:
    blocks: list[Block] = []
    for contrast, turned in zip(report.judgement.contrasts, report.turned, strict=True):
        a, b = contrast.a.arm.spec, contrast.b.arm.spec
        if not turned.changes:
            continue
        rows = [
            [one.name.partition(",")[0] or str(one.label), str(one.images),
             f"{one.a:.1f}", f"{one.b:.1f}", f"{one.a - one.b:+.1f}", f"{one.p:.2g}"]
            for one in turned.changes[:CLASSES_SHOWN]
        ]  # fmt: skip
        blocks.append(Table(["class", "images", f"{a} %", f"{b} %", "points", "p (Holm)"], rows))
        blocks.append(
            Text(
                f"Top-1 of each class, the largest changes first; p is adjusted for the "
                f"{len(turned.changes)} classes. {len(turned.only_a)} images are right in "
                f"every run of {a} and in none of {b}; {len(turned.only_b)} the reverse.",
                "note",
            )
        )
    if (folder / flips.SHEET).exists():
        blocks.append(Picture(flips.SHEET, "The first of these images, of the first difference."))
    return blocks


def curve_picture(drawn: dict[str, str]) -> Picture:
    return Picture(
        "curves.png",
        "Line: mean over seeds; band: from the lowest to the highest seed.",
        drawn["curves"],
    )


def passport_blocks(report: Report, folder: Path) -> list[Block]:
    rows = []
    for arm in report.plan.arms:
        steps = "; ".join(
            f"{part}: {', '.join(lines)}"
            for part, lines in arm.pipeline.describe()["steps"].items()
            if lines
        )
        rows.append([arm.spec, steps])
    blocks: list[Block] = [Table(["arm", "steps"], rows, words=True)]
    if report.diagnosis.passports:
        found = passport.rows(report.diagnosis.passports)
        titles = list(dict.fromkeys(title for lines in found.values() for title in lines))
        lines = [[t, *(found[name].get(t, "–") for name in found)] for t in titles]
        blocks.append(Table(["input passport", *found], lines))
    if report.diagnosis.findings:
        found_texts = [
            f"{one.title}. {one.explanation} {one.consequence}" for one in report.diagnosis.findings
        ]
        blocks.append(Items("What the diagnosis found:", found_texts, "note"))
    if (folder / PREVIEW).exists():
        blocks.append(
            Picture(
                PREVIEW,
                "Left: photographs with the windows that each arm looks at, thick at evaluation. "
                "Then, arm by arm, three draws of training and the evaluation.",
                wide=True,
            )
        )
    return blocks
