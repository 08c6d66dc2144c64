"""What the report says, section by section, from the judged results and report.json's content."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagenet_tools import registry
from imagenet_tools.comparison import flips, worker
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison.blocks import Block, Code, Picture, Section, Table, Text
from imagenet_tools.comparison.results import ArmResults, Contrast
from imagenet_tools.diagnosis import passport

ACCURACY_NOTE = (
    "Mean and standard deviation over seeds, last checkpoint, every validation image once. ECE: "
    "calibration error, 15 bins. Gap: validation loss less the last training loss."
)
DIFFERENCE_NOTE = (
    "Interval: Welch over seeds plus the image component; bootstrap: seeds and images resampled. "
    "Seeds, images: their shares of the standard error, points. p equal: of the two one-sided "
    "tests of equivalence. P(A > B): a fresh run of A beats a fresh run of B."
)
CLASSES_SHOWN = 10


def build_sections(
    plan: plans.Plan,
    folder: Path,
    arms: list[ArmResults],
    contrasts: list[Contrast],
    drawn: dict[str, str],
    content: dict[str, Any],
) -> list[Section]:
    """The report's sections in the order in which they are read."""
    found = [
        Section("Verdict", _verdict_blocks(plan, contrasts, content)),
        Section(
            "Accuracy", [_accuracy_table(arms), Text(ACCURACY_NOTE, "note"), *_seed_table(arms)]
        ),
        Section("Difference", [_forest_picture(plan, drawn), *_parts_table(contrasts)]),
    ]
    if plan.matrix:
        found.append(Section("Trained under, evaluated under", _matrix_blocks(content, contrasts)))
    if content["attribution"]:
        found.append(Section("Which part makes the difference", _attribution_blocks(content)))
    found.append(Section("Training", [_curve_picture(drawn)]))
    found.append(Section("Which classes and images", _class_blocks(contrasts, content, folder)))
    found.append(Section("What the arms do", _passport_blocks(arms, content, folder)))
    found.append(Section("Cost", [_cost_table(arms)]))
    found.append(Section("Reproduce", _reproduce_blocks(plan, content)))
    return found


def scope(plan: plans.Plan) -> str:
    """What the verdict is about, in one sentence."""
    recipe = plan.recipe
    proxy = f" (a proxy: the net is defined at 224 px, run at {plan.image_size})"
    return (
        f"Holds for {plan.model} at {plan.image_size} px"
        f"{proxy if plan.image_size < 195 else ''}, {recipe['optimizer']} at rate "
        f"{recipe['learning_rate']:g}, {recipe['epochs']:g} epochs, batch {recipe['batch_size']}, "
        f"weight decay {recipe['weight_decay']:g}, {recipe['initialisation']} start; data: "
        f"{plan.data_name}, {plan.train_images:,} training and {plan.validation_images:,} "
        f"validation images, {plan.num_classes} classes; seeds {_ranges(plan.seeds)}."
    )


def _ranges(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])


def _verdict_blocks(
    plan: plans.Plan, contrasts: list[Contrast], content: dict[str, Any]
) -> list[Block]:
    blocks: list[Block] = [Text(c.verdict.sentence + ".", "verdict") for c in contrasts]
    blocks.append(Text(scope(plan), "scope"))
    done = content["contrasts"][0]["seeds"][0]
    if plan.looks:
        looks = ", ".join(map(str, plan.looks))
        level = content["contrasts"][0]["alpha"]
        blocks.append(
            Text(f"Judged after {done} seeds at level {level:g}; planned looks: {looks}.", "scope")
        )
    if plan.synthetic:
        blocks.append(
            Text(
                "The images are synthetic, made by imgtools to try its machinery: this says "
                "nothing about photographs. Give --data to compare on your own records.",
                "warning",
            )
        )
    blocks += [
        Text(f"Deviation from the plan: {text}.", "warning") for text in content["deviations"]
    ]
    for finding in content["findings"]:
        if finding.get("severity") in ("fail", "warning"):
            blocks.append(Text(f"{finding['title']}. {finding['consequence']}", "warning"))
    return blocks


def _mean_sd(values: Any, digits: int = 2) -> str:
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{mean:.{digits}f}"
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def _accuracy_table(arms: list[ArmResults]) -> Table:
    rows = []
    for arm in arms:
        training = [run["training"]["final_loss"] for run in arm.runs]
        rows.append(
            [
                arm.arm.spec,
                str(len(arm.seeds)),
                _mean_sd(arm.accuracy()),
                f"{arm.accuracy().min():.2f} to {arm.accuracy().max():.2f}",
                _mean_sd(arm.metric("top5")),
                _mean_sd(arm.metric("loss"), 3),
                _mean_sd(arm.metric("ece"), 3),
                f"{arm.metric('loss').mean() - sum(training) / len(training):+.2f}",
            ]
        )
    head = ["arm", "seeds", "top-1 %", "worst to best", "top-5 %", "loss", "ECE", "gap"]
    if all(worker.TEN_CROP in arm.correct for arm in arms):
        head.append("ten-crop top-1 %")
        for row, arm in zip(rows, arms, strict=True):
            row.append(_mean_sd(arm.accuracy(worker.TEN_CROP)))
    return Table(head, rows)


def _seed_table(arms: list[ArmResults]) -> list[Block]:
    seeds = sorted({seed for arm in arms for seed in arm.seeds})
    rows = []
    for arm in arms:
        values = dict(zip(arm.seeds, arm.accuracy(), strict=True))
        rows.append([arm.arm.spec, *(f"{values[s]:.2f}" if s in values else "–" for s in seeds)])
    return [Text("Top-1 by seed", "note"), Table(["arm", *(f"seed {s}" for s in seeds)], rows)]


def _forest_picture(plan: plans.Plan, drawn: dict[str, str]) -> Picture:
    caption = f"The grey band is the margin of ±{plan.margin:g} points."
    return Picture("forest.png", caption, drawn["forest"])


def _parts_table(contrasts: list[Contrast]) -> list[Block]:
    rows = []
    for contrast in contrasts:
        found, parts = contrast.verdict, contrast.verdict.parts
        if parts is None:
            continue
        rows.append(
            [
                f"{contrast.a.arm.spec} − {contrast.b.arm.spec}",
                f"{found.difference:+.2f}",
                f"{found.interval[0]:+.2f} to {found.interval[1]:+.2f}",
                f"{found.bootstrap[0]:+.2f} to {found.bootstrap[1]:+.2f}",
                f"{parts.seed_variance**0.5:.2f}",
                f"{parts.image_variance**0.5:.2f}",
                f"{found.p:.3g}",
                f"{found.equivalence_p:.3g}",
                f"{found.chance_a_beats_b:.2f}",
            ]
        )
    head = ["contrast", "points", "95 % interval", "bootstrap", "seeds", "images", "p", "p equal",
            "P(A > B)"]  # fmt: skip
    notes = [
        Text(
            f"Checkpoints of seed {seed} alone (McNemar, says nothing of the pipelines): "
            f"{c.a.arm.spec} right where {c.b.arm.spec} is wrong on {pair.only_a} images, the "
            f"reverse on {pair.only_b}; p = {pair.p:.2g}.",
            "note",
        )
        for c in contrasts
        for seed, pair in zip(c.a.seeds, c.verdict.checkpoints, strict=False)
    ]
    return [Table(head, rows), Text(DIFFERENCE_NOTE, "note"), *notes] if rows else [*notes]


def _matrix_blocks(content: dict[str, Any], contrasts: list[Contrast]) -> list[Block]:
    table = content["matrix"]
    paths = sorted({path for row in table.values() for path in row}, key=lambda p: p == "common")
    rows = [
        [name, *(f"{row[path]:.2f}" if path in row else "–" for path in paths)]
        for name, row in table.items()
    ]
    blocks: list[Block] = [Table(["trained under", *paths], rows)]
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
            "Mean top-1 of the seeds. An arm under another's path takes that arm's geometry and "
            "keeps its own colours and value range. Common: shorter side 256/224 of the output, "
            "antialiased, aspect kept, central crop. Exploratory: no tests are made here.",
            "note",
        )
    )
    return blocks


def _attribution_blocks(content: dict[str, Any]) -> list[Block]:
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


def _class_blocks(contrasts: list[Contrast], content: dict[str, Any], folder: Path) -> list[Block]:
    blocks: list[Block] = []
    for contrast, found in zip(contrasts, content["classes"], strict=True):
        a, b = contrast.a.arm.spec, contrast.b.arm.spec
        rows = [
            [c["name"] or str(c["label"]), str(c["images"]), f"{c['a']:.1f}", f"{c['b']:.1f}",
             f"{c['a'] - c['b']:+.1f}", f"{c['p']:.2g}"]
            for c in found["changes"][:CLASSES_SHOWN]
        ]  # fmt: skip
        blocks.append(Table(["class", "images", a, b, "points", "p (Holm)"], rows))
        blocks.append(
            Text(
                f"{len(found['only_a'])} images are right in every run of {a} and in none of {b}; "
                f"{len(found['only_b'])} the reverse.",
                "note",
            )
        )
    if (folder / flips.SHEET).exists():
        blocks.append(Picture(flips.SHEET, "The first of these images, of the first contrast."))
    return blocks


def _curve_picture(drawn: dict[str, str]) -> Picture:
    return Picture("curves.png", "Mean over seeds; the band spans the seeds.", drawn["curves"])


def _passport_blocks(arms: list[ArmResults], content: dict[str, Any], folder: Path) -> list[Block]:
    rows = []
    for arm in arms:
        described = registry.get(arm.arm.spec).describe()
        steps = "; ".join(
            f"{part}: {', '.join(lines)}" for part, lines in described["steps"].items() if lines
        )
        rows.append([arm.arm.spec, arm.arm.fingerprint, steps])
    blocks: list[Block] = [Table(["arm", "fingerprint", "steps"], rows, words=True)]
    if content["passports"]:
        found = passport.rows(content["passports"])
        titles = list(dict.fromkeys(title for lines in found.values() for title in lines))
        lines = [[t, *(found[name].get(t, "–") for name in found)] for t in titles]
        blocks.append(Table(["input passport", *found], lines))
    for finding in content["findings"]:
        blocks.append(
            Text(f"{finding['title']}. {finding['explanation']} {finding['consequence']}", "note")
        )
    if (folder / "preview.png").exists():
        blocks.append(Picture("preview.png", "Crop boxes and outputs of several draws."))
    return blocks


def _cost_table(arms: list[ArmResults]) -> Table:
    rows = []
    for arm in arms:
        seconds = [run["training"]["seconds"] for run in arm.runs]
        speed = [run["training"]["images_per_second"] for run in arm.runs]
        checks = [sum(e["seconds"] for e in run["evaluations"].values()) for run in arm.runs]
        hours = (sum(seconds) + sum(checks)) / 3600
        rows.append(
            [
                arm.arm.spec,
                f"{sum(speed) / len(speed):.0f}",
                f"{sum(seconds) / len(seconds):.1f}",
                f"{sum(checks) / len(checks):.1f}",
                f"{hours:.3f}",
                f"{arm.accuracy().mean() / hours:.0f}",
            ]
        )
    head = ["arm", "training images/s", "training s/run", "evaluation s/run", "hours in all",
            "top-1 points an hour"]  # fmt: skip
    return Table(head, rows)


def _reproduce_blocks(plan: plans.Plan, content: dict[str, Any]) -> list[Block]:
    versions = ", ".join(f"{name} {value}" for name, value in content["versions"].items())
    prints = ", ".join(f"{arm.spec} {arm.fingerprint}" for arm in plan.arms)
    return [
        Code(content["command"]),
        Text(f"Data digest {plan.data}. Fingerprints: {prints}. {versions}.", "note"),
    ]
