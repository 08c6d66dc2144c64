"""The report's part on why: matrix, attribution, classes and images, what the arms do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagenet_tools import registry
from imagenet_tools.comparison.report import flips
from imagenet_tools.comparison.report.blocks import Block, Items, Picture, Table, Text
from imagenet_tools.comparison.results import ArmResults, Contrast
from imagenet_tools.diagnosis import passport

CLASSES_SHOWN = 10


def matrix_blocks(content: dict[str, Any], contrasts: list[Contrast]) -> list[Block]:
    table = content["matrix"]
    seen = dict.fromkeys([*table, *(path for row in table.values() for path in row)])
    paths = sorted(seen, key=lambda path: path == "common")  # in the arms' order, common last
    rows = [
        [name, *(f"{row[path]:.2f}" if path in row else "–" for path in paths)]
        for name, row in table.items()
    ]
    blocks: list[Block] = [Table(["trained under", *(f"eval: {p}" for p in paths)], rows)]
    for contrast, effect in zip(contrasts, content["effects"], strict=True):
        if effect:
            blocks.append(
                Text(
                    f"{contrast.a.arm.spec} less {contrast.b.arm.spec}: {effect['total']:+.2f} "
                    f"points, of which training {effect['training']:+.2f} and evaluation path "
                    f"{effect['evaluation']:+.2f} (interaction {effect['interaction']:+.2f})."
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


def attribution_blocks(content: dict[str, Any]) -> list[Block]:
    rows = []
    for share in content["attribution"]:
        low, high = share["interval"]
        span = "–" if low is None else f"{low:+.2f} to {high:+.2f}"
        rows.append([share["part"], f"{share['points']:+.2f}", span])
    note = (
        "Every combination of the two pipelines' parts was trained; the difference is divided "
        "among the parts by Shapley's values, which add up to it. Intervals over seeds."
    )
    return [Table(["part", "points", "95 % interval"], rows), Text(note, "note")]


def class_blocks(contrasts: list[Contrast], content: dict[str, Any], folder: Path) -> list[Block]:
    blocks: list[Block] = []
    for contrast, found in zip(contrasts, content["classes"], strict=True):
        a, b = contrast.a.arm.spec, contrast.b.arm.spec
        if not found["changes"]:
            continue
        rows = [
            [c["name"].partition(",")[0] or str(c["label"]), str(c["images"]),
             f"{c['a']:.1f}", f"{c['b']:.1f}", f"{c['a'] - c['b']:+.1f}", f"{c['p']:.2g}"]
            for c in found["changes"][:CLASSES_SHOWN]
        ]  # fmt: skip
        blocks.append(Table(["class", "images", f"{a} %", f"{b} %", "points", "p (Holm)"], rows))
        blocks.append(
            Text(
                f"Top-1 of each class, the largest changes first; p is adjusted for the "
                f"{len(found['changes'])} classes. {len(found['only_a'])} images are right in "
                f"every run of {a} and in none of {b}; {len(found['only_b'])} the reverse.",
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


def passport_blocks(arms: list[ArmResults], content: dict[str, Any], folder: Path) -> list[Block]:
    rows = []
    for arm in arms:
        described = registry.get(arm.arm.spec).describe()
        steps = "; ".join(
            f"{part}: {', '.join(lines)}" for part, lines in described["steps"].items() if lines
        )
        rows.append([arm.arm.spec, steps])
    blocks: list[Block] = [Table(["arm", "steps"], rows, words=True)]
    if content["passports"]:
        found = passport.rows(content["passports"])
        titles = list(dict.fromkeys(title for lines in found.values() for title in lines))
        lines = [[t, *(found[name].get(t, "–") for name in found)] for t in titles]
        blocks.append(Table(["input passport", *found], lines))
    if content["findings"]:
        found_texts = [
            f"{one['title']}. {one['explanation']} {one['consequence']}"
            for one in content["findings"]
        ]
        blocks.append(Items("What the diagnosis found:", found_texts, "note"))
    if (folder / "preview.png").exists():
        blocks.append(
            Picture(
                "preview.png",
                "Left: photographs with the windows that each arm looks at, thick at evaluation. "
                "Then, arm by arm, three draws of training and the evaluation.",
                wide=True,
            )
        )
    return blocks
