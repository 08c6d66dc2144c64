"""The first screen: the verdict at a glance, every run, what it holds for, and what to do next."""

from __future__ import annotations

import itertools
import math
import shlex

import numpy as np

from imagenet_tools.comparison import looks
from imagenet_tools.comparison.judged import leading, span
from imagenet_tools.comparison.report import reproduce
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.results import Contrast
from imagenet_tools.pages.blocks import (
    Block,
    Code,
    Fold,
    Headline,
    Headlines,
    Items,
    Picture,
    Text,
)

MOST_WARNINGS = 3  # of the diagnosis, that stand on the first screen
SMALLEST = 195  # pixels, from which on alexnet_v2 is the net that was defined


def blocks(report: Report, runs: Picture) -> list[Block | Fold]:
    """The blocks before the first heading; runs: the figure of every run."""
    verdicts = Headlines([headline(one) for one in report.judgement.contrasts])
    shown: list[Block | Fold] = [verdicts, runs, Text(scope(report), "scope")]
    if report.look:
        shown.append(Text(report.look, "scope"))
    words, command = next_step(report)
    shown.append(Text(f"Next: {words}", "next"))
    if command:
        shown.append(Code(command))
    return [*shown, *_warnings(report)]


def headline(contrast: Contrast) -> Headline:
    """A contrast's verdict at a glance."""
    verdict = contrast.verdict
    first, second, value, low, high = leading(verdict, contrast.names)
    badge, tone = f"{first} is better", "better"
    if contrast.unlearned:
        badge, tone = "nothing learned", "nothing"
    elif not contrast.judged:
        badge, tone = "diverged", "nothing"
    elif not verdict.winner:
        badge, tone = verdict.kind, "open" if verdict.kind == "inconclusive" else "equivalent"
    number = f"{value:+.2f} points" if math.isfinite(value) else "no difference to state"
    interval = f"95 % interval {span(low, high)}" if math.isfinite(low) else "no interval"
    bounds = f"top-1, {first} less {second}; {interval}"
    return Headline(badge, number, bounds, f"{verdict.sentence}.", tone)


def scope(report: Report) -> str:
    """What the verdict is about, in one sentence."""
    plan, recipe, seeds = report.plan, report.plan.recipe, report.judgement.seeds
    which = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    epochs = f"{recipe.epochs:g} epoch{'' if recipe.epochs == 1 else 's'}"
    proxy = f" (a proxy: the net is defined at 224 px, run at {plan.image_size})"
    precision = f", trained in {plan.precision}" if plan.mixed_precision else ""
    return (
        f"Holds for {plan.model} at {plan.image_size} px"
        f"{proxy if plan.image_size < SMALLEST else ''}, {recipe.optimizer} at rate "
        f"{recipe.learning_rate:g}, {epochs}, batch {recipe.batch_size}, "
        f"weight decay {recipe.weight_decay:g}, {recipe.initialisation} start{precision}; data: "
        f"{plan.data_name}, {plan.train_images:,} training and {plan.validation_images:,} "
        f"validation images, {_classes(report)}; {which}."
    )


def _classes(report: Report) -> str:
    """The classes that the validation images have, by name where they are few."""
    there = sorted({int(label) for arm in report.judgement.arms for label in np.unique(arm.label)})
    count = report.plan.num_classes
    names = [report.class_names[one].partition(",")[0] for one in there
             if one < len(report.class_names)]  # fmt: skip
    listed = f" ({', '.join(names)})" if 0 < len(names) <= 10 and all(names) else ""
    of = f" of the {count:,} that the labels count" if there and len(there) != count else ""
    shown = len(there) or count
    return f"{shown:,} class{'es' if shown > 1 else ''}{of}{listed}"


def next_step(report: Report) -> tuple[str, str | None]:
    """What to do after this result, and the command that does it.

    More seeds in the same folder only where the plan has levels for them: a comparison that is
    lengthened because its result was seen errs more often. A new one has seeds of its own.
    """
    contrasts, plan = report.judgement.contrasts, report.plan
    specs = shlex.join(arm.spec for arm in plan.judged)
    open_ones = [one.verdict for one in contrasts if one.verdict.kind == "inconclusive"]
    arms = report.judgement.arms
    guessing, runs = sum(arm.guessing(plan) for arm in arms), sum(len(arm.seeds) for arm in arms)
    if not all(one.judged for one in contrasts) or (open_ones and 2 * guessing > runs):
        at = "" if plan.synthetic else f" --data {shlex.quote(records_of(report))}"
        words = "find out why so little was learned (often it is too few steps) before more is run."
        return words, f"imgtools diagnose {specs}{at}"
    if open_ones:
        if any(one.images_more for one in open_ones):
            return "compare on more validation images; no number of seeds makes up for them.", None
        if any(one.seeds_more is None for one in open_ones):
            return "leave it: more seeds than anybody runs would be needed to tell.", None
        total = max(min(one.seeds) + (one.seeds_more or 0) for one in open_ones)
        if plan.first is not None and total <= looks.MOST:
            return (
                f"{total} seeds an arm, in the same folder. The plan allows for up to "
                f"{looks.MOST}: at {total} a difference counts where p is below "
                f"{looks.level(total, plan.first):g}."
            ), _again(report, "--seeds", f"{total}")
        first = plan.seeds[-1] + 1
        new = ("--seeds", f"{total}", "--first-seed", f"{first}", "--out", "NEW-FOLDER")
        return (
            f"a comparison of {total} seeds an arm, all of them new, in a folder of its own. (More "
            "seeds added here, after this result was seen, would err more often than 5 %.)"
        ), _again(report, *new)
    if plan.synthetic:
        anew = f"imgtools compare-preproc {specs} --data RECORDS --out NEW-FOLDER"
        return "compare on your own images.", anew
    if plan.image_size < SMALLEST:
        return "this is a proxy; the net at its own size, looked at after 3, 5 and 8 seeds:", (
            f"imgtools compare-preproc {specs} --data {shlex.quote(records_of(report))} "
            "--profile verdict --out NEW-FOLDER"
        )
    parted = len(plan.judged) == 2 and not any(arm.pipeline.plain for arm in plan.judged)
    if contrasts[0].verdict.winner and parted and not plan.attribute:
        attribute = _again(report, "--attribute", "--out", "NEW-FOLDER")
        return "which part makes the difference?", attribute
    return "nothing is open.", None


def _again(report: Report, *options: str) -> str:
    """The command of this comparison with these options, in place of those of the same names."""
    first = report.command.partition("\n")[0]
    if not first.startswith("imgtools compare-preproc") or "--run-slice" in first:
        first = reproduce.commands(report.plan, records_of(report))[-1]
    given = {word for word in options if word.startswith("--")}
    kept = [
        word
        for before, word in itertools.pairwise(["", *shlex.split(first)])
        if word.partition("=")[0] not in given and before not in given
    ]
    return shlex.join([*kept, *options])


def records_of(report: Report) -> str:
    """The records as they were named in the command, else their folder's name."""
    try:
        words = shlex.split(report.command.partition("\n")[0])
    except ValueError:
        words = []
    named = [after for word, after in itertools.pairwise(words) if word == "--data"]
    return named[-1] if named else report.plan.data_name


def _warnings(report: Report) -> list[Block | Fold]:
    """What a reader must know beside the verdict."""
    shown: list[Block | Fold] = []
    if report.plan.synthetic:
        made = (
            "The images are synthetic, made by imgtools to try its machinery: this says nothing "
            "about photographs. Give --data to compare on your own records."
        )
        shown.append(Text(made, "warning"))
    if report.deviations:
        deviations = [f"{text}." for text in report.deviations]
        shown.append(Items("Deviations from the plan:", deviations, "warning"))
    shown += [Text(f"{text}.", "warning") for text in report.warnings]
    told = [
        f"{one.code} {one.title}. {one.consequence}"
        for one in report.diagnosis.findings
        if one.severity in ("fail", "warning")
    ]
    if told:
        title = "What the diagnosis found before training:"
        items = Items(title, told, "warning")
        few = len(told) <= MOST_WARNINGS
        shown.append(items if few else Fold(f"{title} {len(told)} warnings", [items]))
    return shown
