"""What the report says below its first screen, section by section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from imagenet_tools.comparison import run_files, statistics
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.cost import duration
from imagenet_tools.comparison.judged import chance, span
from imagenet_tools.comparison.report import explanations, matrices, opening, reproduce
from imagenet_tools.comparison.report.content import Report, mean_sd
from imagenet_tools.comparison.results import Contrast
from imagenet_tools.pages.blocks import (
    Block,
    Code,
    Fold,
    Measure,
    Picture,
    Section,
    Table,
    Text,
)

DIFFERENCES = ("points", "95 % interval", "bootstrap")  # headings of the table of differences
MOST_COLUMNS = 4  # arms that stand side by side; more stand below each other

ACCURACY_NOTE = (
    "Mean ± standard deviation over seeds, of the last checkpoint on every validation image once. "
    "Calibration error (ECE, 15 bins): by how much the net's confidence misses its accuracy, 0 to "
    "1. Training images: as many of them as there are validation images (or all), seen as at "
    "evaluation and without dropout, so that both losses are on the same footing."
)
DIFFERENCE_NOTE = (
    "Interval: Welch's over seeds, with what other validation images would change. Bootstrap: the "
    "same by resampling seeds and images, as a check. Error from seeds, from images: the two parts "
    "of the standard error, in points. Correlation of seeds: of the two arms' accuracies over the "
    "seeds that they share. p, no difference: how often a difference as large would come out if "
    "there were none. TOST p: the larger of the two one-sided tests that the difference is within "
    "the margin. First wins: the chance that a fresh run of the first arm beats one of the second."
)


def build_sections(report: Report, folder: Path, drawn: dict[str, str]) -> list[Section]:
    """The report's sections in the order in which they are read; drawn: the figures as SVG."""
    arms = report.judgement.arms
    every: list[tuple[str, list[Block | Fold]]] = [
        ("", opening.blocks(report, _runs_picture(arms, drawn))),
        ("Ranking", matrices.ranking_blocks(report)),
        ("Difference", _difference_blocks(report, drawn)),
        ("Accuracy", _accuracy_blocks(arms)),
        ("Beside the published run", _published_blocks(report)),
        ("Training", explanations.training_blocks(report, drawn)),
        ("Trained under, evaluated under", matrices.matrix_blocks(report)),
        ("Which part makes the difference", matrices.attribution_blocks(report)),
        ("Which classes and images", explanations.class_blocks(report, folder, drawn)),
        ("What the arms do", explanations.arm_blocks(report, folder)),
        ("Recipe", explanations.recipe_blocks(report)),
        ("Cost", _cost_blocks(report, drawn)),
        ("Reproduce", _reproduce_blocks(report)),
    ]
    return [Section(title, blocks) for title, blocks in every if blocks]


def _runs_picture(arms: Sequence[ArmResults], drawn: dict[str, str]) -> Picture:
    told = "; ".join(f"{arm.spec} {mean_sd(arm.accuracy())} %" for arm in arms)
    return Picture(
        "runs.png",
        "Each dot is a run, the bar the mean of its arm, the line the mean's 95 % interval over "
        "seeds (each arm alone: of the difference, the interval above speaks).",
        f"Top-1 accuracy of every run by arm: {told}.",
        drawn["runs"],
        measure="accuracy",
    )


# Head, digits, and the figure of each seed.
Figure = tuple[str, int, Callable[[ArmResults], np.ndarray]]
FIGURES: list[Figure] = [
    ("top-1 %", 2, lambda arm: arm.accuracy()),
    ("top-5 %", 2, lambda arm: arm.metric("top5")),
    ("loss, nats", 3, lambda arm: arm.metric("loss")),
    ("calibration error", 3, lambda arm: arm.metric("ece")),
    ("training images: top-1 %", 2, lambda arm: arm.on_training("top1")),
    ("their loss, nats", 3, lambda arm: arm.on_training("loss")),
]
TEN_CROP: Figure = ("ten-crop top-1 %", 2, lambda arm: arm.accuracy(run_files.TEN_CROP))


def _accuracy_blocks(arms: Sequence[ArmResults]) -> list[Block | Fold]:
    """The figures of each arm over its seeds, and of each seed."""
    ten_crop = all(run_files.TEN_CROP in arm.correct for arm in arms if arm.seeds)
    figures = [*FIGURES, TEN_CROP] if ten_crop else FIGURES
    heads = [head for head, _, _ in figures]
    measures: dict[str, Measure] = {one: "accuracy" for one in heads if "top-" in one}
    means, singles = [], []
    for arm in arms:
        lost = f" ({len(arm.diverged)} diverged)" if arm.diverged else ""
        columns = [(of(arm), digits) for _, digits, of in figures] if arm.seeds else []
        cells = [mean_sd(*column) for column in columns] or ["–"] * len(figures)
        means.append([arm.spec, f"{len(arm.seeds)}{lost}", *cells])
        for at, seed in enumerate(arm.seeds):
            cells = [mean_sd(values[at : at + 1], digits) for values, digits in columns]
            singles.append([arm.spec, str(seed), *cells])
    each = Table("Accuracy by arm and seed", ["arm", "seed", *heads], singles, sortable=True,
                 measures=measures)  # fmt: skip
    name = "Accuracy by arm, mean and standard deviation over seeds"
    return [
        _side_by_side(name, ["arm", "seeds", *heads], means, measures),
        Text(ACCURACY_NOTE, "note"),
        *([Fold("Every seed", [each])] if singles else []),
    ]


def _side_by_side(
    name: str, head: list[str], rows: list[list[str]], measures: dict[str, Measure]
) -> Table:
    """A row an arm as a column an arm, where they are few."""
    if len(rows) <= MOST_COLUMNS:
        head, *rows = (list(row) for row in zip(["figure", *head[1:]], *rows, strict=True))
    return Table(name, head, rows, measures=measures)


def _published_blocks(report: Report) -> list[Block | Fold]:
    if (known := report.published) is None:
        return []
    steps = f"{report.plan.steps:,}"
    name = f"published: {known.preprocessing}, TF-Slim's script"
    rows = [[name, f"{known.top1:.3f}", f"{known.top5:.3f}", "", f"{known.steps:,}"]]
    for arm in report.judgement.arms:
        top1, top5 = arm.accuracy(), arm.metric("top5")
        less = f"{top1.mean() - known.top1:+.2f}" if arm.seeds else "–"
        rows.append([arm.spec, mean_sd(top1), mean_sd(top5), less, steps])
    head = ["run", "top-1 %", "top-5 %", "top-1 less published", "steps an arm and seed"]
    different = known.differences
    note = (
        f"This is no replication of it: {', '.join(different)} (in brackets: published)."
        if different
        else "Data, size and number of steps are those of the published run, which is one run of "
        "one seed: a difference below the spread of the seeds here means nothing."
    )
    name = "The published run and this comparison"
    measures: dict[str, Measure] = dict.fromkeys(head[1:3], "accuracy")
    measures[head[3]] = "difference"
    table = Table(name, head, rows, measures=measures)
    return [table, Text(note, "warning" if different else "note")]


def _difference_blocks(report: Report, drawn: dict[str, str]) -> list[Block | Fold]:
    """The differences with their intervals, where the uncertainty comes from, and single pairs."""
    contrasts, margin = report.judgement.contrasts, report.plan.margin
    told = "; ".join(
        f"{one.title} {one.verdict.difference:+.2f} points" for one in contrasts if one.judged
    )
    caption = (
        "Right of zero the first arm is better. Diamond and line: mean and 95 % interval; dots: "
        f"runs of the same seed. Inside the grey band, the margin of ±{margin:g} points, a "
        "difference does not count."
    )
    alt = f"Differences with their intervals: {told or 'none'}."
    picture = Picture("difference.png", caption, alt, drawn["difference"], measure="difference")
    together = [text for one in contrasts if (text := _together(one))]
    return [picture, *_estimate_table(contrasts), *together, *_checkpoints(contrasts)]


def _together(contrast: Contrast) -> Text | None:
    """A word on the arms' correlation over seeds where chance alone would hardly make it."""
    correlation, seeds = contrast.verdict.seed_correlation, len(contrast.shared_seeds)
    if correlation is None or statistics.correlation_p(correlation, seeds) >= 0.05:
        return None
    who = f"{contrast.title}: runs of one seed are good"
    over = f"(correlation {correlation:+.2f} over {seeds} seeds). The interval"
    if correlation > 0:
        words = f"{who} or bad together {over} does not use that, and is wider than it need be."
        return Text(words, "note")
    return Text(
        f"{who} under one arm where they are bad under the other {over} takes the arms for "
        "independent, and is too narrow if that is no chance.",
        "warning",
    )


def _estimate_table(contrasts: Sequence[Contrast]) -> list[Block | Fold]:
    rows = []
    for contrast in contrasts:
        verdict, estimate = contrast.verdict, contrast.verdict.estimate
        if estimate is None:
            continue
        spans = [span(*verdict.interval), span(*verdict.bootstrap)]
        errors = [f"{estimate.seed_variance**0.5:.2f}", f"{estimate.image_variance**0.5:.2f}"]
        r = verdict.seed_correlation
        tests = [f"{verdict.p:.3g}", f"{verdict.equivalence_p:.3g}"]
        rows.append(
            [contrast.title, f"{verdict.difference:+.2f}", *spans, *errors,
             "–" if r is None else f"{r:+.2f}", *tests, chance(verdict.chance_a_beats_b)]
        )  # fmt: skip
    if not rows:
        return []
    head = [
        *("first − second", *DIFFERENCES, "error from seeds"),
        *("from images", "correlation of seeds", "p, no difference", "TOST p", "first wins"),
    ]
    name = "Each difference and where its uncertainty comes from"
    return [
        _side_by_side(name, head, rows, dict.fromkeys(DIFFERENCES, "difference")),
        Fold("How to read this table", [Text(DIFFERENCE_NOTE, "note")]),
    ]


def _checkpoints(contrasts: Sequence[Contrast]) -> list[Block | Fold]:
    """McNemar's tests of single pairs of runs, which are not about the pipelines."""
    rows = [
        [", ".join(c.names), str(seed), str(pair.only_a), str(pair.only_b),
         f"{pair.p:.2g}"]
        for c in contrasts
        for seed, pair in zip(c.shared_seeds, c.verdict.checkpoints, strict=True)
    ]  # fmt: skip
    if not rows:
        return []
    head = ["pair of checkpoints", "seed", "images only the first has right",
            "only the second", "p (McNemar)"]  # fmt: skip
    note = (
        "Each pair of checkpoints on its own: whether these two differ. It says nothing of the "
        "pipelines, whose runs differ from seed to seed, too."
    )
    table = Table("McNemar's test of each pair of checkpoints", head, rows)
    return [Fold("Single pairs of checkpoints", [table, Text(note, "note")])]


def _cost_blocks(report: Report, drawn: dict[str, str]) -> list[Block | Fold]:
    rows = []
    for arm in (one for one in report.judgement.arms if one.seeds):
        speed = np.mean([run.training.images_per_second for run in arm.runs])
        seconds = [(run.training.seconds, run.evaluation_seconds, run.seconds) for run in arm.runs]
        training, checks, _ = np.mean(seconds, axis=0)
        every = (float(training), float(checks), sum(one for _, _, one in seconds))
        rows.append([arm.spec, f"{speed:.0f}", *map(duration, every)])
    head = ["arm", "images/s in training", "training, a run", "evaluation, a run", "all its runs"]
    note = (
        f"Time of a machine with {report.versions.get('threads', '?')} CPU cores (and its GPU, if "
        "any), training steps and evaluation, without the start of processes; runs side by side "
        "share it."
    )
    blocks: list[Block | Fold] = [Table("Time by arm", head, rows), Text(note, "note")]
    if "cost" in drawn:
        caption = "Each arm's mean: up is more accurate, left is sooner done."
        alt = "Top-1 accuracy of each arm against the time of a run."
        blocks.insert(0, Picture("cost.png", caption, alt, drawn["cost"]))
    return blocks


def _reproduce_blocks(report: Report) -> list[Block | Fold]:
    plan = report.plan
    versions = ", ".join(f"{name} {value}" for name, value in report.versions.items())
    prints = ", ".join(f"{arm.spec} {arm.fingerprint}" for arm in plan.arms)
    typed = [Fold("As it was typed", [Code(report.command)])] if report.command else []
    held = f"recipe.yaml holds every field of the recipe. Data digest {plan.data}."
    again = Code("\n".join(reproduce.commands(plan, opening.records_of(report))))
    return [again, *typed, Text(f"{held} Fingerprints: {prints}. {versions}.", "note")]
