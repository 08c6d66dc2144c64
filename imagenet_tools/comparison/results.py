"""Gather the finished runs of a comparison and judge every contrast, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_tools.comparison import looks, run_files, statistics
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_result import RunResult, required
from imagenet_tools.comparison.verdicts import (
    Checkpoints,
    Verdict,
    all_diverged,
    chance_decided,
    concluded,
    nothing_learned,
    verdict,
)
from imagenet_tools.evaluation import guessing, scores

if TYPE_CHECKING:
    from imagenet_tools.evaluation.evaluate import EvalResult

# A chance of being decided below which more seeds are not worth their cost. Simulated: with looks
# at 3, 5 and 8 seeds it costs one point of power, and where there is no difference a comparison
# ends after 5.5 seeds on average, not 8.0.
FUTILE = 0.10


@dataclass(frozen=True)
class ArmResults:
    """The runs of one arm: seeds in order; those without a net to judge have no part in means.

    failures: why, of each that diverged. Where all did, everything but these two is empty.
    correct: evaluation path -> bool [seeds, images]; the arm's own path under its slug. group: int
    [images], one number for images that show one picture; None where that is not known.
    """

    arm: Arm
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    failures: tuple[str, ...]
    runs: tuple[RunResult, ...]
    correct: dict[str, np.ndarray]
    key: np.ndarray
    label: np.ndarray
    top1: np.ndarray  # int32 [seeds, images], the class predicted under its own path
    chance: np.ndarray  # float32 [seeds, images], of that class
    true_chance: np.ndarray  # float32 [seeds, images], of the true class
    group: np.ndarray | None = None

    @property
    def planned(self) -> int:
        """How many runs there are, those that diverged among them."""
        return len(self.seeds) + len(self.diverged)

    @property
    def pictures(self) -> int:
        """Validation images, near-duplicates counted once."""
        return self.label.size if self.group is None else len(np.unique(self.group))

    def accuracy(self, path: str | None = None) -> np.ndarray:
        """Top-1 in points of each seed under an evaluation path (default: its own)."""
        return np.asarray(100 * self.correct[path or self.arm.slug].mean(axis=1))

    def metric(self, name: str) -> np.ndarray:
        """A figure of the own evaluation (top5, loss, ece, ...) of each seed."""
        return np.array([getattr(run.evaluations[self.arm.slug], name) for run in self.runs], float)

    def on_training(self, name: str) -> np.ndarray:
        """The same figure of training images; NaN where none were evaluated."""
        return np.array([getattr(run.on_training, name, np.nan) for run in self.runs], float)

    def guessing(self, plan: Plan) -> int:
        """How many of its runs learned nothing: their top-1 is at chance."""
        logits = plan.num_classes + 1 - plan.labels_offset
        return guessing.guesses(self.correct[self.arm.slug], self.label, logits)


@dataclass(frozen=True)
class Contrast:
    """Two arms and the verdict on them. unlearned: every run of both only guesses."""

    a: ArmResults
    b: ArmResults
    verdict: Verdict
    unlearned: bool = False

    @property
    def judged(self) -> bool:
        """True where both arms have a run that reached the end."""
        return bool(self.a.seeds and self.b.seeds)

    @property
    def group(self) -> np.ndarray | None:
        """As ArmResults.group; the images of both are the same."""
        return self.b.group if self.a.group is None else self.a.group

    @property
    def shared_seeds(self) -> tuple[int, ...]:
        """Seeds of which both arms have a run; the verdict's checkpoints are of these."""
        return tuple(seed for seed in self.a.seeds if seed in self.b.seeds)


@dataclass(frozen=True)
class Judgement:
    """The runs of a plan's first seeds, read once, and what they say."""

    plan: Plan
    folder: Path
    arms: tuple[ArmResults, ...]
    contrasts: tuple[Contrast, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those judged: with looks, or a comparison that was ended early, not all of the plan's."""
        return self.plan.seeds[: self.arms[0].planned]

    @property
    def futile(self) -> bool:
        """True where the seeds still planned would hardly decide anything that is undecided."""
        return all(
            _futile(self.plan, one) for one in self.contrasts if one.verdict.kind == "inconclusive"
        )

    @property
    def matrix(self) -> dict[str, dict[str, float]]:
        """Mean top-1 of each trained arm (rows) under each evaluation path (columns)."""
        return {
            arm.arm.slug: {
                path: float(arm.accuracy(path).mean())
                for path in arm.correct
                if path != run_files.TEN_CROP
            }
            for arm in self.arms
            if arm.seeds
        }


def judge(plan: Plan, folder: Path, seeds: int | None = None) -> Judgement:
    """Read the finished runs of the plan's first `seeds` seeds (default: all) and judge them.

    Every contrast is judged at the level of this look, p-values adjusted by Holm. Raises ValueError
    where a run is missing, or is of other data or images.
    """
    arms = tuple(_arm_results(plan, folder, arm, plan.seeds[:seeds]) for arm in plan.arms)
    by_slug = {results.arm.slug: results for results in arms}
    alpha = level(plan, arms[0].planned)
    judged = [_contrast(plan, by_slug[a], by_slug[b], alpha) for a, b in plan.contrasts]
    contrasts = (_with_failures(_unlearned(plan, contrast)) for contrast in _adjusted(judged))
    return Judgement(plan, folder, arms, tuple(contrasts))


def _arm_results(plan: Plan, folder: Path, arm: Arm, wanted: tuple[int, ...]) -> ArmResults:
    runs: list[RunResult] = []
    failures: dict[int, str] = {}
    correct: dict[str, list[np.ndarray]] = {}
    under_itself: list[scores.Predictions] = []
    weights: dict[str, Path] = {}
    for seed in wanted:
        result = required(folder, plan, arm, seed)
        if result.failure:
            failures[seed] = result.failure
            continue
        if result.training.steps != plan.steps:
            raise ValueError(
                f"{run_files.run_folder(folder, arm.slug, seed)} is a run of "
                f"{result.training.steps:,} steps; this comparison's have {plan.steps:,}"
            )
        runs.append(result)
        for path in result.evaluations:
            file = run_files.run_folder(folder, arm.slug, seed) / run_files.predictions_file(path)
            predictions, meta = scores.read_predictions(file)
            if (there := meta.get("data")) != plan.data:
                raise ValueError(
                    f"{file} is of other data ({str(there)[:8]}); remove it, and the same "
                    "compare-preproc command evaluates again"
                )
            _refuse_altered(result.evaluations[path], predictions, file)
            correct.setdefault(path, []).append(predictions.correct)
            if path == arm.slug:
                under_itself.append(predictions)
                if (first := weights.setdefault(meta.get("weights", str(file)), file)) != file:
                    raise ValueError(
                        f"{file} and {first} are of one run (weights {meta['weights'][:12]}); a "
                        "copy is no second seed"
                    )
    lost = tuple(failures), tuple(failures.values())
    if not under_itself:
        nothing = np.zeros(0, np.int32)
        correct_none = {arm.slug: np.zeros((0, plan.validation_images), bool)}
        none, no_chance = np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32)
        return ArmResults(
            arm, (), *lost, (), correct_none, nothing, nothing, none, no_chance, no_chance
        )
    return ArmResults(
        arm=arm,
        seeds=tuple(run.seed for run in runs),
        diverged=lost[0],
        failures=lost[1],
        runs=tuple(runs),
        correct={path: np.stack(seeds) for path, seeds in correct.items()},
        key=under_itself[0].key,
        label=under_itself[0].label,
        top1=np.stack([predictions.top5[:, 0] for predictions in under_itself]),
        chance=np.stack([predictions.probability[:, 0] for predictions in under_itself]),
        true_chance=np.stack([predictions.true_probability for predictions in under_itself]),
        group=next((one.group for one in under_itself if one.group is not None), None),
    )


def _refuse_altered(told: EvalResult, predictions: scores.Predictions, file: Path) -> None:
    """ValueError where a run's result does not say what its predictions do."""
    right, lost = 100 * float(np.mean(predictions.correct)), int(np.sum(predictions.unranked))
    same = (told.n, told.not_finite) == (len(predictions.key), lost) and abs(
        told.top1 - right
    ) < 1e-6
    if not same:
        raise ValueError(
            f"{file} has {right:.3f} % of {len(predictions.key):,} images right and {lost} without "
            f"scores, {run_files.RESULT} beside it says {told.top1:.3f} % of {told.n:,} and "
            f"{told.not_finite}: one of them was altered. Remove the result, and the same "
            "compare-preproc command evaluates again"
        )


def _contrast(plan: Plan, a: ArmResults, b: ArmResults, alpha: float) -> Contrast:
    """Two arms judged on their own; checkpoints and correlation are by seed."""
    names = (a.arm.spec, b.arm.spec)
    if not (a.seeds and b.seeds):
        kept = (len(a.seeds), len(b.seeds))
        return Contrast(a, b, all_diverged(names, kept, plan.validation_images, plan.margin, alpha))
    right_a, right_b = a.correct[a.arm.slug], b.correct[b.arm.slug]
    judged = Contrast(
        a,
        b,
        verdict(
            right_a,
            right_b,
            plan.margin,
            alpha=alpha,
            later=later(plan, a.planned),
            names=names,
            distinct=True,
            groups=b.group if a.group is None else a.group,
        ),
    )
    # Where runs diverged, those of the same seed, and not those of equal place.
    shared = judged.shared_seeds
    paired_a = right_a[[a.seeds.index(seed) for seed in shared]]
    paired_b = right_b[[b.seeds.index(seed) for seed in shared]]
    pairs = zip(paired_a, paired_b, strict=True)
    by_seed = replace(
        judged.verdict,
        checkpoints=tuple(Checkpoints(*statistics.mcnemar(*pair)) for pair in pairs),
        seed_correlation=statistics.seed_correlation(paired_a.mean(1), paired_b.mean(1)),
    )
    return replace(judged, verdict=by_seed)


def _futile(plan: Plan, contrast: Contrast) -> bool:
    """True where the seeds still planned would hardly decide an undecided contrast."""
    count = len(plan.seeds)
    if not plan.looks or contrast.a.planned >= count:
        return False
    if not contrast.judged:
        return True
    return chance_decided(contrast.verdict, count, level(plan, count)) < FUTILE


def level(plan: Plan, seeds: int) -> float:
    """The level at which a difference counts once this many seeds an arm are done."""
    return looks.LOOKS[seeds] if seeds in plan.looks else looks.level(seeds, plan.first)


def later(plan: Plan, seeds: int) -> list[float]:
    """The levels with one, two, ... more seeds an arm, the last of them with any more; 0 where the
    plan does not look."""
    end = len(plan.seeds)
    most = max(seeds + 1, end, looks.MOST if plan.first else 0)
    return [
        level(plan, count) if count in plan.looks or count >= end else 0.0
        for count in range(seeds + 1, most + 1)
    ]


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


def _unlearned(plan: Plan, contrast: Contrast) -> Contrast:
    """Inconclusive where every run of both arms guesses: nothing was learned that could differ."""
    a, b = contrast.a, contrast.b
    if contrast.verdict.estimate is None:  # a seed or none: that says enough
        return contrast
    if any(len(one.seeds) > one.guessing(plan) for one in (a, b)):
        return contrast
    judged = nothing_learned(contrast.verdict, (a.arm.spec, b.arm.spec), plan.num_classes)
    return replace(contrast, verdict=judged, unlearned=True)


def _with_failures(contrast: Contrast) -> Contrast:
    """The sentence with the runs that diverged: they count as such, not in the means."""
    parts = [
        f"{len(arm.diverged)} of {arm.planned} {arm.arm.spec} runs diverged"
        for arm in (contrast.a, contrast.b)
        if arm.diverged and arm.seeds
    ]
    if not parts:
        return contrast
    sentence = f"{contrast.verdict.sentence}. {' and '.join(parts)}; the means are of the others"
    return replace(contrast, verdict=replace(contrast.verdict, sentence=sentence))
