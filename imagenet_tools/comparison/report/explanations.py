"""The report's part on why: classes and images, training, what the arms do."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np

from imagenet_tools.comparison.report import gallery
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.report.curves import MOST_BESIDE, validation_images
from imagenet_tools.comparison.report.flips import Turned
from imagenet_tools.comparison.report.gallery import Flip, Said
from imagenet_tools.comparison.report.matrices import shades
from imagenet_tools.diagnosis import passport
from imagenet_tools.pages import beside
from imagenet_tools.pages.blocks import (
    Block,
    Card,
    Fold,
    Gallery,
    Items,
    Measure,
    Picture,
    Table,
    Text,
)
from imagenet_tools.pipelines.side_by_side import side_by_side
from imagenet_tools.training import recipes

PREVIEW = "preview.png"
CLASSES_SHOWN = 10


def class_blocks(report: Report, folder: Path, drawn: dict[str, str]) -> list[Block | Fold]:
    blocks: list[Block | Fold] = []
    if "classes" in drawn:
        caption = "The classes that change most, under both arms of the first difference."
        alt = "Top-1 of classes under both arms; the table below has every figure."
        blocks.append(Picture("classes.png", caption, alt, drawn["classes"], measure="accuracy"))
    for contrast, turned in zip(report.judgement.contrasts, report.turned, strict=True):
        if turned.changes:
            blocks += _classes(contrast.names, turned)
    if (folder / gallery.SHEET).exists():
        caption = (
            "The first of these images, of the first difference. Each opens, and says what every "
            "run of both arms takes it for, with the chance that it gives."
        )
        alt = "Photographs that every run of one arm has right and no run of the other."
        cards = tuple(
            Card(one.image, f"{one.truth}, by {one.right}", f"{one.wrong}: {one.told}", one.key,
                 _each_run(one))
            for one in gallery.read(folder)
        )  # fmt: skip
        blocks.append(Gallery(gallery.SHEET, caption, alt, cards))
    return blocks


def _classes(names: tuple[str, str], turned: Turned) -> list[Block | Fold]:
    """The classes that change most, all of them folded away, and the images that turn."""
    a, b = names
    rows = [
        [one.word, str(one.images),
         f"{one.a:.1f}", f"{one.b:.1f}", f"{one.a - one.b:+.1f}", f"{one.p:.2g}"]
        for one in turned.changes
    ]  # fmt: skip
    head = ["class", "images", f"{a}, top-1 %", f"{b}, top-1 %", "points", "p (Holm)"]
    measures: dict[str, Measure] = {head[2]: "accuracy", head[3]: "accuracy"}
    measures["points"] = "difference"
    heat = [[0, 0, 0, *row, 0] for row in shades([[one.a - one.b] for one in turned.changes])]
    table = partial(Table, head=head, sortable=True, measures=measures)
    first = table(f"Classes, {a} and {b}", rows=rows[:CLASSES_SHOWN], heat=heat[:CLASSES_SHOWN])
    every = table(f"Every class, {a} and {b}", rows=rows, heat=heat)
    folded = [Fold(f"All {len(rows):,} classes", [every])] if len(rows) > CLASSES_SHOWN else []
    note = (
        f"Top-1 of each class, the largest changes first; p is adjusted for the "
        f"{len(turned.changes)} classes. {len(turned.only_a)} images are right in "
        f"every run of {a} and in none of {b}; {len(turned.only_b)} the reverse."
    )
    return [first, *folded, Text(note, "note")]


def _each_run(flip: Flip) -> Table:
    """What every run says of an image: a row a seed, a column an arm."""
    said = {(run.arm, run.seed): run for run in flip.runs}
    arms = list(dict.fromkeys(run.arm for run in flip.runs))
    rows = [
        [str(seed), *(_answer(said.get((arm, seed)), flip.truth) for arm in arms)]
        for seed in sorted({run.seed for run in flip.runs})
    ]
    return Table(f"Every run on {flip.key}, {flip.truth}", ["seed", *arms], rows)


def _answer(run: Said | None, truth: str) -> str:
    """ "church 62 %", and below it the chance of the truth where that is another class."""
    if run is None:
        return "–"
    told = f"{run.word} {100 * run.chance:.0f} %"
    return told if run.word == truth else f"{told}\n{truth} {100 * run.true_chance:.0f} %"


def training_blocks(report: Report, drawn: dict[str, str]) -> list[Block | Fold]:
    """The curves of each arm, and what was learned of the training images themselves."""
    names = ", ".join(arm.spec for arm in report.plan.judged)
    judged = report.judgement.judged
    along = max((validation_images(report.folder, one) for one in judged), default=0)
    which = "Dashed, and below" if len(judged) <= MOST_BESIDE else "Below"
    dashed = (
        f" {which}: the first {along:,} of {report.plan.validation_images:,} validation images, "
        "measured after each quarter of a run, which chooses nothing."
        if along
        else ""
    )
    curves = Picture(
        "curves.png",
        "Lines: loss on augmented training images with dropout, mean over seeds; bands: from the "
        f"lowest to the highest seed.{dashed} Diamonds: the last checkpoints on every validation "
        "image.",
        f"Loss by epoch of {names}, in training and at validation"
        f"{', and validation top-1' if along else ' at the end'}.",
        drawn["curves"],
    )
    rows = []
    for arm in report.judgement.arms:
        if not arm.seeds or not np.isfinite(arm.on_training("loss")).all():
            continue
        (seen1, top1), (seen, loss) = (
            (arm.on_training(name).mean(), arm.metric(name).mean()) for name in ("top1", "loss")
        )
        cells = [f"{seen1:.2f} / {top1:.2f}", f"{seen:.3f} / {loss:.3f}", f"{loss - seen:+.3f}"]
        rows.append([arm.spec, *cells])
    if not rows:
        return [curves]
    head = ["arm", "top-1 %, training / validation", "loss, training / validation", "loss, gap"]
    note = (
        "Both under the arm's own evaluation path, without dropout; of the training images as many "
        "as there are validation images, or all. A gap that grows while validation accuracy does "
        "not is overfitting."
    )
    table = Table("Training images beside validation", head, rows, measures={head[1]: "accuracy"})
    return [curves, table, Text(note, "note")]


def arm_blocks(report: Report, folder: Path) -> list[Block | Fold]:
    """What each pipeline does, what was measured of it, and how it looks."""
    arms = report.plan.judged
    lines = side_by_side([arm.pipeline.describe() for arm in arms])
    rows = [[f"{one.part}: {one.what}", *one.each] for one in lines]
    blocks: list[Block | Fold] = beside("pipelines", ["part", *(arm.spec for arm in arms)], rows)
    if report.diagnosis.findings:
        told = [
            f"{one.code} {one.title}. {one.explanation} {one.consequence}"
            for one in report.diagnosis.findings
        ]
        blocks.append(Items("What the diagnosis found:", told, "note"))
    if report.diagnosis.passports:
        passports = report.diagnosis.passports
        name = "What was measured of each arm"
        measured = Table(name, ["measured", *passports], passport.table(passports))
        blocks.append(Fold(name, [measured]))
    if (folder / PREVIEW).exists():
        caption = (
            "Left: photographs with the windows that each arm looks at, thick at evaluation. "
            "Then, arm by arm, three draws of training and the evaluation."
        )
        alt = "Photographs as each arm sees them."
        blocks.append(Picture(PREVIEW, caption, alt, wide=True))
    return blocks


def recipe_blocks(report: Report) -> list[Block | Fold]:
    """The recipe of all arms beside TF-Slim's defaults."""
    plan = report.plan
    here = dataclasses.replace(plan.recipe, image_size=plan.image_size)
    rows = []
    for name, field in recipes.FIELDS.items():
        owners = recipes.about(field).optimizers
        each = [
            f"{getattr(one, name)}" if not owners or one.optimizer in owners else "–"
            for one in (here, recipes.Recipe())
        ]
        if each != ["–", "–"]:
            rows.append([name, *each])
    note = f"Every arm was trained by it, for {plan.steps:,} steps a run."
    heads = ["field", "this comparison", "TF-Slim's default"]
    return [*beside("recipe and TF-Slim's", heads, rows), Text(note, "note")]
