"""Gather the finished runs of a comparison and judge every contrast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools.comparison import looks, run_files, statistics
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison.verdicts import (
    Checkpoints,
    Verdict,
    all_diverged,
    chance_decided,
    concluded,
    nothing_learned,
    verdict,
)

# A chance of being decided below which more seeds are not worth their cost. Simulated: with looks
# at 3, 5 and 8 seeds it costs less than one point of power, and where there is no difference a
# comparison ends after 6.1 seeds on average, not 7.9.
FUTILE = 0.10


@dataclass(frozen=True)
class ArmResults:
    """The runs of one arm: seeds in order; diverged ones have no predictions and no part in means.

    Where all of them diverged everything but `diverged` is empty.
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

    def guessing(self, plan: plans.Plan) -> int:
        """How many of its runs learned nothing: their top-1 is at chance."""
        from imagenet_tools.evaluation import label_check

        logits = plan.num_classes + 1 - plan.labels_offset
        share = label_check.chance(self.label, logits)
        right = self.correct[self.arm.slug].sum(axis=1)
        return sum(label_check.at_chance(int(count), self.label.size, share) for count in right)

    def training_loss(self) -> np.ndarray:
        """The last training loss (nats) of each seed."""
        return np.array([run["training"]["final_loss"] for run in self.runs])


@dataclass(frozen=True)
class Contrast:
    """Two arms and the verdict on them."""

    a: ArmResults
    b: ArmResults
    verdict: Verdict

    @property
    def shared_seeds(self) -> tuple[int, ...]:
        """Seeds of which both arms have a run; the verdict's checkpoints are of these."""
        return tuple(seed for seed in self.a.seeds if seed in self.b.seeds)


def gather(plan: plans.Plan, folder: Path, seeds: int | None = None) -> list[ArmResults]:
    """Read the finished runs of the plan's first `seeds` seeds (default: all).

    Raises ValueError where a run is missing or its images are not the others'.
    """
    wanted = plan.seeds[: seeds or len(plan.seeds)]
    return [_arm_results(plan, folder, arm, wanted) for arm in plan.arms]


def _arm_results(
    plan: plans.Plan, folder: Path, arm: plans.Arm, wanted: tuple[int, ...]
) -> ArmResults:
    from imagenet_tools.evaluation import scores

    runs, diverged, seeds = [], [], []
    correct: dict[str, list[np.ndarray]] = {}
    own: list[scores.Predictions] = []
    for seed in wanted:
        result = run_files.finished(folder, plan, arm, seed)
        if result is None:
            raise ValueError(f"{arm.slug} seed {seed} is not finished; run the comparison again")
        if result["training"]["diverged"]:
            diverged.append(seed)
            continue
        seeds.append(seed)
        runs.append(result)
        for path in result["evaluations"]:
            file = run_files.run_folder(folder, arm, seed) / run_files.predictions_file(path)
            predictions, meta = scores.read_predictions(file)
            if meta["data"] != plan.data:
                raise ValueError(f"{file} is of other data ({meta['data'][:8]})")
            correct.setdefault(path, []).append(predictions.correct)
            if path == arm.slug:
                own.append(predictions)
    if not own:
        nothing = np.zeros(0, np.int32)
        correct_none = {arm.slug: np.zeros((0, plan.validation_images), bool)}
        lost, top1 = tuple(diverged), np.zeros((0, 0), np.int32)
        return ArmResults(arm, (), lost, (), correct_none, nothing, nothing, top1)
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
    alpha = level(plan, count)
    found = []
    for first, second in plan.contrasts:
        a, b = by_slug[first], by_slug[second]
        names = (a.arm.spec, b.arm.spec)
        if a.seeds and b.seeds:
            correct = a.correct[first], b.correct[second]
            judged = verdict(*correct, plan.margin, alpha=alpha, names=names, distinct=True)
        else:
            kept = (len(a.seeds), len(b.seeds))
            judged = all_diverged(names, kept, plan.validation_images, plan.margin, alpha)
        found.append(_paired(Contrast(a, b, judged)))
    return [_with_failures(_unlearned(plan, contrast)) for contrast in _adjusted(found)]


def _paired(contrast: Contrast) -> Contrast:
    """Checkpoints and correlation by seed: where runs diverged, not by those of equal place."""
    a, b = contrast.a, contrast.b
    right_a, right_b = a.correct[a.arm.slug], b.correct[b.arm.slug]
    shared = contrast.shared_seeds
    paired_a = right_a[[a.seeds.index(seed) for seed in shared]]
    paired_b = right_b[[b.seeds.index(seed) for seed in shared]]
    judged = replace(
        contrast.verdict,
        checkpoints=tuple(
            Checkpoints(*statistics.mcnemar(*pair)) for pair in zip(paired_a, paired_b, strict=True)
        ),
        seed_correlation=statistics.seed_correlation(paired_a.mean(1), paired_b.mean(1)),
    )
    return replace(contrast, verdict=judged)


def futile(plan: plans.Plan, contrast: Contrast) -> bool:
    """True where the seeds still planned would hardly decide an undecided contrast."""
    count = len(plan.seeds)
    done = len(contrast.a.seeds) + len(contrast.a.diverged)
    if not plan.looks or done >= count:
        return False
    if not (contrast.a.seeds and contrast.b.seeds):
        return True
    return chance_decided(contrast.verdict, count, level(plan, count)) < FUTILE


def level(plan: plans.Plan, seeds: int) -> float:
    """The level at which a difference counts once this many seeds an arm are done."""
    return looks.LOOKS[seeds] if seeds in plan.looks else 0.05


def _adjusted(contrasts: list[Contrast]) -> list[Contrast]:
    """Holm's adjustment over the contrasts, of the differences and of the equivalences."""
    p_values = statistics.holm([c.verdict.p for c in contrasts])
    equivalences = statistics.holm([c.verdict.equivalence_p for c in contrasts])
    result = []
    for contrast, p, equivalence in zip(contrasts, p_values, equivalences, strict=True):
        old = contrast.verdict
        if old.estimate is not None and len(contrasts) > 1:
            new = replace(old, p=p, equivalence_p=equivalence)
            names = (contrast.a.arm.spec, contrast.b.arm.spec)
            contrast = replace(contrast, verdict=concluded(new, names, len(contrasts)))
        result.append(contrast)
    return result


def _unlearned(plan: plans.Plan, contrast: Contrast) -> Contrast:
    """Inconclusive where every run of both arms guesses: nothing was learned that could differ."""
    a, b = contrast.a, contrast.b
    if contrast.verdict.estimate is None:  # a seed or none: that says enough
        return contrast
    if any(len(one.seeds) > one.guessing(plan) for one in (a, b)):
        return contrast
    judged = nothing_learned(contrast.verdict, (a.arm.spec, b.arm.spec), plan.num_classes)
    return replace(contrast, verdict=judged)


def _with_failures(contrast: Contrast) -> Contrast:
    """The sentence with the runs that diverged: they count as such, not in the means."""
    parts = [
        f"{len(arm.diverged)} of {len(arm.diverged) + len(arm.seeds)} {arm.arm.spec} runs diverged"
        for arm in (contrast.a, contrast.b)
        if arm.diverged and arm.seeds
    ]
    if not parts:
        return contrast
    sentence = f"{contrast.verdict.sentence}. {' and '.join(parts)}; the means are of the others"
    return replace(contrast, verdict=replace(contrast.verdict, sentence=sentence))


def matrix(plan: plans.Plan, arms: list[ArmResults]) -> dict[str, dict[str, float]]:
    """Mean top-1 of each trained arm (rows) under each evaluation path (columns)."""
    return {
        results.arm.slug: {
            path: float(results.accuracy(path).mean())
            for path in results.correct
            if path != run_files.TEN_CROP
        }
        for results in arms
        if results.seeds
    }


def effects(a: ArmResults, b: ArmResults) -> dict[str, float] | None:
    """Split A less B into a training effect, an evaluation effect and their interaction, points.

    training: A's runs less B's, averaged over both evaluation paths. evaluation: A's path less
    B's, averaged over both arms' runs. interaction: what is left of the whole.
    """
    first, second = a.arm.slug, b.arm.slug
    if not (a.seeds and b.seeds) or second not in a.correct or first not in b.correct:
        return None
    aa, ab = a.accuracy(first).mean(), a.accuracy(second).mean()
    ba, bb = b.accuracy(first).mean(), b.accuracy(second).mean()
    return {
        "training": float((aa - ba + ab - bb) / 2),
        "evaluation": float((aa - ab + ba - bb) / 2),
        "interaction": float((aa - ab) - (ba - bb)) / 2,
        "total": float(aa - bb),
    }
