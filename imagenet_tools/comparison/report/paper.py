"""What a paper takes from a comparison: lines a run and an image, tables, a text on the methods."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np

from imagenet_tools.comparison.plan import run_seed
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.storage.write import write_text

RESULTS, PREDICTIONS = "results.csv", "predictions.csv"
TABLE, TABLE_MARKDOWN, METHODS = "table.tex", "table.md", "methods.txt"
FIGURES = ("top1", "top5", "loss", "ece")
SHOWN = (("top1", 2), ("top5", 2), ("loss", 3))  # in the tables, with their digits


def write(report: Report, folder: Path) -> None:
    """Write RESULTS, PREDICTIONS, both TABLEs and METHODS."""
    write_text(folder / RESULTS, results(report))
    write_text(folder / PREDICTIONS, predictions(report))
    write_text(folder / TABLE, table(report))
    write_text(folder / TABLE_MARKDOWN, table_markdown(report))
    write_text(folder / METHODS, methods(report))


def results(report: Report) -> str:
    """A line a run, those that diverged with empty figures; percent, nats and seconds."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(
        [
            *("arm", "pipeline", "fingerprint", "seed", "run_seed", "diverged", *FIGURES),
            *("training_images_top1", "training_images_loss", "images_per_second"),
            "training_seconds",
        ]
    )
    for arm in report.judgement.arms:
        runs = {run.seed: run for run in arm.runs}
        for seed in sorted([*arm.seeds, *arm.diverged]):
            identity = [arm.arm.slug, arm.arm.spec, arm.arm.fingerprint, seed]
            identity.append(run_seed(report.plan, arm.arm, seed))
            if (run := runs.get(seed)) is None:
                lines.writerow([*identity, 1, *[""] * 8])
                continue
            result, seen = run.evaluations[arm.arm.slug], run.on_training
            figures = [getattr(result, name) for name in FIGURES]
            figures += [math.nan] * 2 if seen is None else [seen.top1, seen.loss]
            figures += [run.training.images_per_second, run.training.seconds]
            lines.writerow([*identity, 0, *(f"{one:.6g}" for one in figures)])
    return text.getvalue()


def predictions(report: Report) -> str:
    """A line a validation image, by key: its label, and the class that each run says it is."""
    arms = [arm for arm in report.judgement.arms if arm.seeds]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(
        ["key", "label", *(f"{arm.arm.slug}/seed-{seed}" for arm in arms for seed in arm.seeds)]
    )
    if arms:
        said = np.concatenate([arm.top1 for arm in arms])
        lines.writerows(zip(arms[0].key, arms[0].label, *said, strict=True))
    return text.getvalue()


def table_markdown(report: Report) -> str:
    """The same as `table`, in Markdown."""
    rows = [
        ["preprocessing", "top-1 (%)", "top-5 (%)", "loss (nats)", "runs"],
        ["---", *["---:"] * 4],
        *(
            [f"`{arm.arm.spec}`", *(_spread(arm.metric(name), digits) for name, digits in SHOWN),
             str(len(arm.seeds))]
            for arm in report.judgement.arms
            if arm.seeds
        ),
    ]  # fmt: skip
    differences = [
        f"`{one.a.arm.spec}` - `{one.b.arm.spec}`: {one.verdict.difference:+.2f} "
        f"[{one.verdict.interval[0]:+.2f}, {one.verdict.interval[1]:+.2f}], p "
        f"{_p(one.verdict.p)}  "
        for one in report.judgement.contrasts
        if one.verdict.estimate is not None
    ]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", *differences, ""])


def table(report: Report) -> str:
    """A LaTeX table (package booktabs) of the arms, and the differences below a rule."""
    rows = []
    for arm in (one for one in report.judgement.arms if one.seeds):
        spreads = (_spread(arm.metric(name), digits, r" \pm ") for name, digits in SHOWN)
        cells = [_tex(arm.arm.spec), *(f"${one}$" for one in spreads), str(len(arm.seeds))]
        rows.append(f"{' & '.join(cells)} \\\\")
    differences = [
        f"{_tex(one.a.arm.spec)} $-$ {_tex(one.b.arm.spec)} & "
        f"\\multicolumn{{4}}{{l}}{{${one.verdict.difference:+.2f}$ "
        f"[${one.verdict.interval[0]:+.2f}$, ${one.verdict.interval[1]:+.2f}$], "
        f"$p {_p(one.verdict.p)}$}} \\\\"
        for one in report.judgement.contrasts
        if one.verdict.estimate is not None
    ]
    return "\n".join(
        [
            "% \\usepackage{booktabs}. Mean and standard deviation over seeds; differences in",
            "% points of top-1 with their 95 % interval (Welch's t over seeds, and images). Some",
            "% 12 cm wide: table* where a page has two columns.",
            "\\begin{tabular}{lrrrr}",
            "\\toprule",
            "preprocessing & top-1 (\\%) & top-5 (\\%) & loss (nats) & runs \\\\",
            "\\midrule",
            *rows,
            *(["\\midrule"] if differences else []),
            *differences,
            "\\bottomrule",
            "\\end{tabular}",
            "",
        ]
    )


def _spread(values: np.ndarray, digits: int, between: str = " ± ") -> str:
    """Mean and standard deviation over seeds."""
    mean = f"{values.mean():.{digits}f}"
    return mean if len(values) < 2 else f"{mean}{between}{values.std(ddof=1):.{digits}f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


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
    level = f"A difference counts where p is below {report.judgement.contrasts[0].verdict.alpha:g}"
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
