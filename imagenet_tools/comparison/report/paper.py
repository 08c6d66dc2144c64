"""What a paper takes from a comparison: lines a run and an image, tables, a text on the methods."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools.comparison.plan import run_seed
from imagenet_tools.comparison.report.content import Report, mean_sd
from imagenet_tools.comparison.run_files import METHODS
from imagenet_tools.storage.write import write_text

RESULTS, PREDICTIONS = "results.csv", "predictions.csv"
TABLE, TABLE_MARKDOWN = "table.tex", "table.md"
FIGURES = ("top1", "top5", "loss", "ece")
HEAD = ("preprocessing", "top-1 (%)", "top-5 (%)", "loss (nats)", "runs")  # of the tables
SHOWN = (("top1", 2), ("top5", 2), ("loss", 3))  # in them, with their digits


def write(report: Report, folder: Path) -> None:
    """Write RESULTS, PREDICTIONS, both TABLEs and METHODS."""
    write_text(folder / RESULTS, _csv(results(report)))
    write_text(folder / PREDICTIONS, _csv(predictions(report)))
    write_text(folder / TABLE, table(report))
    write_text(folder / TABLE_MARKDOWN, table_markdown(report))
    write_text(folder / METHODS, methods(report))


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def results(report: Report) -> Iterator[list[Any]]:
    """A line a run, those that diverged with empty figures; percent, nats and seconds."""
    yield [
        *("arm", "pipeline", "fingerprint", "seed", "run_seed", "diverged", *FIGURES),
        *("training_images_top1", "training_images_loss", "images_per_second"),
        "training_seconds",
    ]
    for arm in report.judgement.arms:
        runs = {run.seed: run for run in arm.runs}
        for seed in sorted([*arm.seeds, *arm.diverged]):
            identity = [arm.slug, arm.spec, arm.arm.fingerprint, seed]
            identity.append(run_seed(report.plan, arm.arm, seed))
            if (run := runs.get(seed)) is None:
                yield [*identity, 1, *[""] * 8]
                continue
            result, seen = run.evaluations[arm.slug], run.on_training
            figures = [getattr(result, name) for name in FIGURES]
            figures += [math.nan] * 2 if seen is None else [seen.top1, seen.loss]
            figures += [run.training.images_per_second, run.training.seconds]
            yield [*identity, 0, *(f"{one:.6g}" for one in figures)]


def predictions(report: Report) -> Iterator[Iterable[Any]]:
    """A line a validation image, by key: its label, and the class that each run says it is."""
    arms = [arm for arm in report.judgement.arms if arm.seeds]
    runs = [f"{arm.slug}/seed-{seed}" for arm in arms for seed in arm.seeds]
    yield ["key", "label", *runs]
    if arms:
        said = np.concatenate([arm.top1 for arm in arms])
        yield from zip(arms[0].key, arms[0].label, *said, strict=True)


def _arms(report: Report, between: str) -> Iterator[list[str]]:
    """The cells below HEAD."""
    for arm in report.judgement.arms:
        if arm.seeds:
            told = [mean_sd(arm.metric(name), digits, between) for name, digits in SHOWN]
            yield [arm.spec, *told, str(len(arm.seeds))]


def _differences(report: Report) -> Iterator[tuple[str, str, str, str, str, str]]:
    """First and second arm, difference, its interval, and p with its sign."""
    for one in report.judgement.contrasts:
        verdict = one.verdict
        if verdict.estimate is not None:
            p = "< 0.001" if verdict.p < 0.001 else f"= {verdict.p:.3f}"
            value, low, high = (f"{at:+.2f}" for at in (verdict.difference, *verdict.interval))
            yield one.a.spec, one.b.spec, value, low, high, p


def table_markdown(report: Report) -> str:
    """The same as `table`, in Markdown."""
    rows = [[*HEAD], ["---", *["---:"] * 4]]
    rows += [[f"`{spec}`", *cells] for spec, *cells in _arms(report, " ± ")]
    differences = [
        f"`{a}` - `{b}`: {value} [{low}, {high}], p {p}  "
        for a, b, value, low, high, p in _differences(report)
    ]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", *differences, ""])


def table(report: Report) -> str:
    """A LaTeX table (package booktabs) of the arms, and the differences below a rule."""
    rows = [[_tex(spec), *(f"${one}$" for one in told), runs]
            for spec, *told, runs in _arms(report, r" \pm ")]  # fmt: skip
    differences = [
        f"{_tex(a)} $-$ {_tex(b)} & \\multicolumn{{4}}{{l}}{{${value}$ "
        f"[${low}$, ${high}$], $p {p}$}} \\\\"
        for a, b, value, low, high, p in _differences(report)
    ]
    return "\n".join(
        [
            "% \\usepackage{booktabs}. Mean and standard deviation over seeds; differences in",
            "% points of top-1 with their 95 % interval (Welch's t over seeds, and images). Some",
            "% 12 cm wide: table* where a page has two columns.",
            "\\begin{tabular}{lrrrr}",
            "\\toprule",
            f"{' & '.join(HEAD)} \\\\".replace("%", "\\%"),
            "\\midrule",
            *(f"{' & '.join(row)} \\\\" for row in rows),
            *(["\\midrule"] if differences else []),
            *differences,
            "\\bottomrule",
            "\\end{tabular}",
            "",
        ]
    )


def _tex(text: str) -> str:
    for sign in "_%&#$":
        text = text.replace(sign, f"\\{sign}")
    return f"\\texttt{{{text}}}"


def methods(report: Report) -> str:
    """A paragraph that says what was done: protocol, runs, test, software."""
    plan, recipe, seeds = report.plan, report.plan.recipe, report.judgement.seeds
    versions = report.versions
    arms = ", ".join(f"{arm.spec} (fingerprint {arm.fingerprint})" for arm in plan.judged)
    several = len(plan.contrasts) > 1
    level = f"A difference counts where p is below {report.judgement.alpha:g}"
    looks = (
        f" (looks after {', '.join(map(str, plan.looks))} seeds, each at its own level, err in 5 % "
        "of the cases together)"
        if plan.looks
        else ""
    )
    sentences = [
        f"We compared the preprocessing pipelines {arms}.",
        f"Under each, {plan.model} was trained at {plan.image_size} px on {plan.data_name} "
        f"({plan.train_images:,} images, {plan.num_classes:,} classes; digest {plan.data[:12]}) "
        f"for {recipe.epochs:g} epochs of {recipe.optimizer} at a rate of "
        f"{recipe.learning_rate:g} ({recipe.learning_rate_decay_type} decay), batch "
        f"{recipe.batch_size}, weight decay {recipe.weight_decay:g}, with {len(seeds)} "
        f"seed{'s' if len(seeds) > 1 else ''} an arm; arms share start, data order and common "
        "draws of a seed.",
        f"The last checkpoint was evaluated on all {plan.validation_images:,} validation images; "
        "ties and scores that are not finite count as wrong, and runs that diverged are reported "
        "and left out of the means.",
        "Differences are of mean top-1 over seeds, with Welch's t interval whose variance has a "
        "part from seeds and a part from images"
        f"{', p-values adjusted by Holm' if several else ''}; equivalence is two one-sided tests "
        f"against a margin of {plan.margin:g} points. {level}{looks}.",
        *[f"{sentence}." for sentence in report.sentences],
        f"Software: imgtools {versions.get('imgtools', '?')}, TensorFlow "
        f"{versions.get('tensorflow', '?')}, Python {versions.get('python', '?')}; cite imgtools "
        "by its CITATION.cff.",
    ]
    return "\n".join(sentences) + "\n"
