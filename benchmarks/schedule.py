"""Does the order of alexnet and inception turn with the schedule? The declared experiment.

    python -m benchmarks.schedule --data imagenette-records --runs runs

Carries out an experiment of docs/plans/schedule.yaml, the first one unless --experiment names
another, in its order: trains what is not finished (a run goes on from its last checkpoint),
evaluates each run under its own path and under the other arm's, and training images beside, and
prints the tables of docs/why/findings.md in Markdown. --epochs takes some of the schedules alone,
--report trains nothing, --figure draws them. A schedule is reported when its six runs are whole,
and in the first experiment the third arm, one part changed from each of the two, at the longest.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

import imagenet_tools
from imagenet_tools import pages, registry
from imagenet_tools.comparison import files, statistics
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.report import drawing
from imagenet_tools.evaluation import evaluate, trained_net
from imagenet_tools.pipelines.crosses import evaluated_under
from imagenet_tools.records.manifest import read_manifest
from imagenet_tools.training import recipes, run_folder

PLAN = Path(__file__).parents[1] / "docs" / "plans" / "schedule.yaml"
FIGURES = "figures.json"  # beside a run: what was measured of it
TRAINING = "training images"


@dataclass(frozen=True)
class Run:
    """A run of the plan and where it lies."""

    arm: str
    epochs: int
    seed: int
    folder: Path

    @property
    def whole(self) -> bool:
        return run_folder.finished(self.folder) is not None


@dataclass(frozen=True)
class Schedule:
    """What came of all runs of one length: the verdict, and each arm's figures by seed."""

    epochs: int
    verdict: Verdict
    figures: dict[str, list[dict[str, dict[str, float]]]]


def runs(plan: dict[str, Any], folder: Path, epochs: int, arms: Sequence[str]) -> list[Run]:
    """The runs of one schedule, in the order of the plan: every arm of a seed, then the next."""
    return [
        Run(arm, epochs, seed, folder / f"{arm}-{epochs}-{seed}")
        for seed in plan["seeds"]
        for arm in arms
    ]


def train(run: Run, data: str, name: str) -> None:
    imagenet_tools.train(
        data,
        run.folder,
        preprocessing=run.arm,
        recipe=recipes.recipe(name, epochs=run.epochs),
        seed=run.seed,
        save_interval_secs=120,
    )


def measured(run: Run, data: str, arms: Sequence[str]) -> dict[str, dict[str, float]]:
    """Under each path, and on as many training images: top-1, top-5, loss, calibration error."""
    kept = run.folder / FIGURES
    if not kept.exists():
        net = trained_net.load(run.folder)
        results = {}
        for arm in arms:
            path = evaluated_under(net.pipeline, registry.get(arm))
            seen = net if path is None or arm == run.arm else replace(net, pipeline=path)
            results[arm] = evaluate.figures(seen, data, predictions=predictions(run, arm))
        count = results[run.arm].n
        results[TRAINING] = evaluate.figures(net, data, split="train", images=count)
        kept.write_text(json.dumps({name: one.metrics for name, one in results.items()}, indent=1))
    return dict(json.loads(kept.read_text()))


def predictions(run: Run, arm: str) -> Path:
    return run.folder / f"predictions-{arm}.npz"


def judge(whole: Sequence[Run], data: str, arms: Sequence[str]) -> Schedule:
    """Judge the first arm of a schedule against the second."""
    figures = {arm: [measured(run, data, arms) for run in of(arm, whole)] for arm in arms}
    return Schedule(whole[0].epochs, against(whole, arms[0], arms[1]), figures)


def against(whole: Sequence[Run], a: str, b: str) -> Verdict:
    """Judge the runs of one arm against another's, once they are measured."""
    first, second = ([predictions(run, arm) for run in of(arm, whole)] for arm in (a, b))
    return files.judge_files(first, second)


def of(arm: str, whole: Sequence[Run]) -> list[Run]:
    return [run for run in whole if run.arm == arm]


def by_part(whole: Sequence[Run], data: str, arms: Sequence[str]) -> str:
    """What each part makes of the difference, as Markdown: arms that follow each other differ by
    one part. The p-values are adjusted by Holm for as many contrasts."""
    lines = ["| arm | training images: top-1, loss | validation: top-1, top-5, loss, ECE |"]
    lines.append("|---|---|---|")
    for arm in arms:
        figures = [measured(run, data, [arm]) for run in of(arm, whole)]
        lines.append(f"| {arm} | {' | '.join(means(figures, arm))} |")
    pairs = [against(whole, a, b) for a, b in itertools.pairwise(arms)]
    adjusted = statistics.holm([one.p for one in pairs])
    said = [f"{one.sentence}; p = {p:.2g}" for one, p in zip(pairs, adjusted, strict=True)]
    return "\n\n".join(["\n".join(lines), *said])


def crossing(schedules: Sequence[Schedule], level: float = 0.95) -> tuple[float, float, float]:
    """Epochs at which a line of the gap against log2(epochs) is zero, and Fieller's interval.

    The line is weighted by each gap's own standard error; infinite ends where its slope cannot be
    told from 0. Student's t has the seeds' degrees of all schedules together.
    """
    x = np.log2([one.epochs for one in schedules])
    estimates = [one.verdict.estimate for one in schedules]
    gap = np.array([one.value for one in estimates if one])
    weight = 1 / np.array([one.se for one in estimates if one]) ** 2
    design = np.stack([np.ones_like(x), x], axis=1)
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
    base, slope = covariance @ design.T @ (weight * gap)
    t = stats.t.ppf(0.5 + level / 2, sum(one.df for one in estimates if one))
    # Where (base + slope x)^2 = t^2 times the variance of that value.
    roots = np.roots(
        [
            slope**2 - t**2 * covariance[1, 1],
            2 * (base * slope - t**2 * covariance[0, 1]),
            base**2 - t**2 * covariance[0, 0],
        ]
    )
    told = slope**2 > t**2 * covariance[1, 1] and bool(np.isreal(roots).all())
    low, high = sorted(2.0**roots.real) if told else (0.0, math.inf)
    return float(2 ** (-base / slope)), float(low), float(high)


def table(schedules: Sequence[Schedule], arms: Sequence[str]) -> str:
    """The gap of each schedule, as Markdown."""
    lines = [
        f"| epochs | {arms[0]}, % | {arms[1]}, % | {arms[0]} less {arms[1]} (95 %) |",
        "|---|---|---|---|",
    ]
    for one in schedules:
        low, high = one.verdict.interval
        seeds = [" ".join(f"{run[arm]['top1']:.2f}" for run in one.figures[arm]) for arm in arms]
        gap = f"{one.verdict.difference:+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append(f"| {one.epochs} | {seeds[0]} | {seeds[1]} | {gap} |")
    return "\n".join(lines)


def footing(schedules: Sequence[Schedule], arms: Sequence[str]) -> str:
    """What each arm's nets do on training images, on validation and under the other path."""
    lines = [
        "| epochs | arm | training images: top-1, loss | validation: top-1, top-5, loss, ECE"
        " | under the other path: top-1 |",
        "|---|---|---|---|---|",
    ]
    for one in schedules:
        for arm, other in (arms, reversed(arms)):
            figures = one.figures[arm]
            cells = [*means(figures, arm), mean(figures, other, "top1", 2)]
            lines.append(f"| {one.epochs} | {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def means(figures: Sequence[dict[str, dict[str, float]]], arm: str) -> list[str]:
    """Of an arm's runs: top-1 and loss on training images; what validation says."""
    validated = (("top1", 2), ("top5", 2), ("loss", 3), ("ece", 3))
    return [
        f"{mean(figures, TRAINING, 'top1', 2)}, {mean(figures, TRAINING, 'loss', 3)}",
        ", ".join(mean(figures, arm, name, digits) for name, digits in validated),
    ]


def mean(figures: Sequence[dict[str, dict[str, float]]], path: str, name: str, digits: int) -> str:
    return f"{np.mean([run[path][name] for run in figures]):.{digits}f}"


def draw(schedules: Sequence[Schedule], arms: Sequence[str], path: Path) -> None:
    """The gap with its interval and its seeds; below it accuracy on validation and training."""
    figure, (gaps, accuracies) = drawing.new(6, 5, panels=2)
    epochs = [one.epochs for one in schedules]
    gaps.axhline(0, color="#000000", linewidth=0.8)
    for one in schedules:
        gaps.plot([one.epochs] * 2, one.verdict.interval, color="#555555", linewidth=2)
        gaps.plot(one.epochs, one.verdict.difference, "D", color="#555555", markersize=7)
        seeds = zip(*(one.figures[arm] for arm in arms), strict=True)
        each = [a[arms[0]]["top1"] - b[arms[1]]["top1"] for a, b in seeds]
        gaps.plot([one.epochs * 1.03] * len(each), each, "o", color="#999999", markersize=4)
    gaps.set_ylabel(f"{arms[0]} less {arms[1]}, points")
    for arm, colour in zip(arms, pages.COLOURS, strict=False):
        for name, style in ((arm, "o-"), (TRAINING, "o:")):
            means = [np.mean([run[name]["top1"] for run in one.figures[arm]]) for one in schedules]
            text = f"{arm}, {TRAINING if name == TRAINING else 'validation'}"
            accuracies.plot(epochs, means, style, color=colour, label=text)
    accuracies.set_xscale("log", base=2)
    accuracies.set_xticks(epochs, [str(number) for number in epochs])
    accuracies.set_xlabel("epochs")
    accuracies.set_ylabel("top-1, %")
    accuracies.legend(frameon=False, fontsize="small")
    drawing.png(figure, path)


def main() -> None:
    plan = yaml.safe_load(PLAN.read_text())
    experiments = {one["name"]: one for one in plan["experiments"]}
    first = next(iter(experiments))
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True, help="records of Imagenette")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--experiment", choices=experiments, default=first, help="of the plan")
    parser.add_argument("--epochs", type=int, nargs="+", help="these schedules alone")
    parser.add_argument("--report", action="store_true", help="train nothing")
    parser.add_argument("--figure", type=Path, help="a PNG of the gap and the accuracies")
    chosen = parser.parse_args()
    *arms, third = plan["arms"]
    experiment = experiments[chosen.experiment]
    held = read_manifest(chosen.data).splits["train"].records
    if held != experiment["images"]:
        parser.error(f"{chosen.data}: {held} training images; planned: {experiment['images']}")

    def whole(epochs: int, arms: Sequence[str]) -> list[Run]:
        """The runs of these arms, trained unless that was not asked for; none unless all are."""
        declared = runs(plan, chosen.runs, epochs, arms)
        for run in () if chosen.report else declared:
            train(run, chosen.data, plan["recipe"])
        return declared if all(run.whole for run in declared) else []

    schedules = []
    for epochs in chosen.epochs or experiment["epochs"]:
        if made := whole(epochs, arms):
            schedules.append(judge(made, chosen.data, arms))
    schedules.sort(key=lambda one: one.epochs)
    print(f"{table(schedules, arms)}\n\n{footing(schedules, arms)}")
    if chosen.figure:
        draw(schedules, arms, chosen.figure)
    for one in schedules:
        print(f"\n{one.epochs} epochs: {one.verdict.sentence}")
    attributed = schedules and chosen.experiment == first
    if attributed and (made := whole(schedules[-1].epochs, [third])):
        made += runs(plan, chosen.runs, schedules[-1].epochs, arms)
        print(f"\n{by_part(made, chosen.data, [arms[0], third, arms[1]])}")
    if len(schedules) > 1:
        at, low, high = crossing(schedules)
        print(
            f"\nThe line crosses zero at {at:.0f} epochs (95 % interval {low:.0f} to {high:.0f})."
        )


if __name__ == "__main__":
    main()
