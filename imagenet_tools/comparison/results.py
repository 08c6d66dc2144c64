"""Gather the finished runs of a comparison and judge every contrast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison import statistics, worker
from imagenet_tools.comparison.verdict import Verdict, decide, say, verdict


@dataclass(frozen=True)
class ArmResults:
    """The runs of one arm: seeds in order; diverged ones have no predictions and no part in means.

    correct: evaluation path -> bool [seeds, images]; the arm's own path under its slug.
    """

    arm: plans.Arm
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    runs: tuple[dict[str, Any], ...]
    correct: dict[str, np.ndarray]
    key: np.ndarray
    label: np.ndarray
    top1: np.ndarray  # int32 [seeds, images], the class predicted under its own path

    def accuracy(self, path: str | None = None) -> np.ndarray:
        """Top-1 in points of each seed under an evaluation path (default: its own)."""
        return 100 * self.correct[path or self.arm.slug].mean(axis=1)

    def metric(self, name: str) -> np.ndarray:
        """A figure of the own evaluation (top5, loss, ece, ...) of each seed."""
        return np.array([run["evaluations"][self.arm.slug][name] for run in self.runs])


@dataclass(frozen=True)
class Contrast:
    """Two arms and the verdict on them."""

    a: ArmResults
    b: ArmResults
    verdict: Verdict


def gather(plan: plans.Plan, folder: Path, seeds: int | None = None) -> list[ArmResults]:
    """Read the finished runs of the plan's first `seeds` seeds (default: all).

    Raises ValueError where a run is missing or its images are not the others'.
    """
    wanted = plan.seeds[: seeds or len(plan.seeds)]
    return [_arm_results(plan, folder, arm, wanted) for arm in plan.arms]


def _arm_results(
    plan: plans.Plan, folder: Path, arm: plans.Arm, wanted: tuple[int, ...]
) -> ArmResults:
    from imagenet_tools import evaluation

    runs, diverged, seeds = [], [], []
    correct: dict[str, list[np.ndarray]] = {}
    own: list[evaluation.Predictions] = []
    for seed in wanted:
        result = worker.finished(folder, plan, arm, seed)
        if result is None:
            raise ValueError(f"{arm.slug} seed {seed} is not finished; run the comparison again")
        if result["training"]["diverged"]:
            diverged.append(seed)
            continue
        seeds.append(seed)
        runs.append(result)
        for path in result["evaluations"]:
            file = worker.run_folder(folder, arm, seed) / worker.predictions_file(path)
            predictions, meta = evaluation.read_predictions(file)
            if meta["data"] != plan.data:
                raise ValueError(f"{file} is of other data ({meta['data'][:8]})")
            correct.setdefault(path, []).append(predictions.correct)
            if path == arm.slug:
                own.append(predictions)
    if not own:
        raise ValueError(
            f"every run of {arm.slug} diverged ({len(diverged)}); see `imgtools diagnose`"
        )
    return ArmResults(
        arm=arm,
        seeds=tuple(seeds),
        diverged=tuple(diverged),
        runs=tuple(runs),
        correct={path: np.stack(parts) for path, parts in correct.items()},
        key=own[0].key,
        label=own[0].label,
        top1=np.stack([predictions.top5[:, 0] for predictions in own]),
    )


def judge(plan: plans.Plan, arms: list[ArmResults]) -> list[Contrast]:
    """Judge the plan's contrasts, each at the level of this look, p-values adjusted by Holm."""
    by_slug = {results.arm.slug: results for results in arms}
    count = len(arms[0].seeds) + len(arms[0].diverged)
    alpha = statistics.LOOKS[count] if count in plan.looks else 0.05
    found = []
    for first, second in plan.contrasts:
        a, b = by_slug[first], by_slug[second]
        judged = verdict(
            a.correct[first],
            b.correct[second],
            plan.margin,
            alpha=alpha,
            names=(a.arm.spec, b.arm.spec),
        )
        found.append(Contrast(a, b, judged))
    return _adjusted(found) if len(found) > 1 else found


def _adjusted(contrasts: list[Contrast]) -> list[Contrast]:
    """Holm's adjustment over the contrasts, of the differences and of the equivalences."""
    p_values = statistics.holm([c.verdict.p for c in contrasts])
    equivalences = statistics.holm([c.verdict.equivalence_p for c in contrasts])
    result = []
    for contrast, p, equivalence in zip(contrasts, p_values, equivalences, strict=True):
        old = contrast.verdict
        if old.parts is None:
            result.append(contrast)
            continue
        kind = decide(old.difference, p, equivalence, old.alpha)
        names = (contrast.a.arm.spec, contrast.b.arm.spec)
        sentence = say(
            kind, old.parts, old.interval, old.margin, names, old.seeds, old.images, old.seeds_more
        )
        new = replace(old, kind=kind, sentence=sentence, p=p, equivalence_p=equivalence)
        result.append(Contrast(contrast.a, contrast.b, new))
    return result


def matrix(plan: plans.Plan, arms: list[ArmResults]) -> dict[str, dict[str, float]]:
    """Mean top-1 of each trained arm (rows) under each evaluation path (columns)."""
    return {
        results.arm.slug: {
            path: float(results.accuracy(path).mean())
            for path in results.correct
            if path != worker.TEN_CROP
        }
        for results in arms
    }


def effects(a: ArmResults, b: ArmResults) -> dict[str, float] | None:
    """Split A less B into a training effect, an evaluation effect and their interaction, points.

    training: A's runs less B's, averaged over both evaluation paths. evaluation: A's path less
    B's, averaged over both arms' runs. interaction: what is left of the whole.
    """
    first, second = a.arm.slug, b.arm.slug
    if second not in a.correct or first not in b.correct:
        return None
    aa, ab = a.accuracy(first).mean(), a.accuracy(second).mean()
    ba, bb = b.accuracy(first).mean(), b.accuracy(second).mean()
    return {
        "training": float((aa - ba + ab - bb) / 2),
        "evaluation": float((aa - ab + ba - bb) / 2),
        "interaction": float((aa - ab) - (ba - bb)) / 2,
        "total": float(aa - bb),
    }
