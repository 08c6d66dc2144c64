"""Gather the finished runs of a comparison and judge every contrast, once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imagenet_tools.comparison import looks, run_files, statistics
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_files import run_folder
from imagenet_tools.comparison.run_result import RunResult, required
from imagenet_tools.comparison.verdicts import (
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

# What a run without a net to judge says of no images.
_NOTHING = scores.Predictions(
    *(np.zeros(shape, kind) for shape, kind in (
        (0, str), (0, np.int32), ((0, 5), np.int32), ((0, 5), np.float32), (0, np.float32),
        (0, np.int32),
    ))
)  # fmt: skip
# A chance of being decided below which more seeds are not worth their cost. Simulated: with looks
# at 3, 5 and 8 seeds it costs one point of power, and where there is no difference a comparison
# ends after 5.5 seeds on average, not 8.0.
FUTILE = 0.10


@dataclass(frozen=True)
class ArmResults:
    """The runs of one arm: seeds in order; those without a net to judge have no part in means.

    failures: why, of each that diverged. Where all did, everything but these two is empty.
    correct: evaluation path -> bool [seeds, images]; the arm's own under its slug. group: int
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
    def spec(self) -> str:
        return self.arm.spec

    @property
    def slug(self) -> str:
        return self.arm.slug

    @property
    def own(self) -> np.ndarray:
        """bool [seeds, images]: which images each run gets right under its own path."""
        return self.correct[self.slug]

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
        return np.asarray(100 * self.correct[path or self.slug].mean(axis=1))

    def metric(self, name: str) -> np.ndarray:
        """A figure of the own evaluation (top5, loss, ece, ...) of each seed."""
        return np.array([getattr(run.evaluations[self.slug], name) for run in self.runs], float)

    def on_training(self, name: str) -> np.ndarray:
        """The same figure of training images; NaN where none were evaluated."""
        return np.array([getattr(run.on_training, name, np.nan) for run in self.runs], float)

    def guessing(self, plan: Plan) -> int:
        """How many of its runs learned nothing: their top-1 is at chance."""
        logits = plan.num_classes + 1 - plan.labels_offset
        return guessing.guesses(self.own, self.label, logits)


@dataclass(frozen=True)
class Contrast:
    """Two arms and the verdict on them. unlearned: every run of both only guesses."""

    a: ArmResults
    b: ArmResults
    verdict: Verdict
    unlearned: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """The specs of both."""
        return self.a.spec, self.b.spec

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
    def alpha(self) -> float:
        """The level of this look."""
        return self.contrasts[0].verdict.alpha

    @property
    def judged(self) -> tuple[ArmResults, ...]:
        """The arms that are asked about."""
        return tuple(one for one in self.arms if one.arm in self.plan.judged)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those judged: with looks, or a comparison that was ended early, not all of the plan's."""
        return self.plan.seeds[: self.arms[0].planned]

    @property
    def futile(self) -> bool:
        """True where the seeds still planned would hardly decide anything that is undecided."""
        undecided = [one for one in self.contrasts if one.verdict.kind == "inconclusive"]
        count = len(self.plan.seeds)
        if undecided and (not self.plan.looks or len(self.seeds) >= count):
            return False
        alpha = level(self.plan, count)
        return all(
            not one.judged or chance_decided(one.verdict, count, alpha) < FUTILE
            for one in undecided
        )

    @property
    def matrix(self) -> dict[str, dict[str, float]]:
        """Mean top-1 of each trained arm (rows) under each evaluation path (columns)."""
        return {
            arm.slug: {
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
    read: list[Read] = []
    arms = tuple(_arm_results(plan, folder, arm, plan.seeds[:seeds], read) for arm in plan.arms)
    by_slug = {results.slug: results for results in arms}
    alpha = level(plan, arms[0].planned)
    pairs = [(by_slug[a], by_slug[b]) for a, b in plan.contrasts]
    alone = [_verdict(plan, a, b, alpha) for a, b in pairs]
    contrasts = (
        _contrast(plan, a, b, judged)
        for (a, b), judged in zip(pairs, _adjusted(pairs, alone), strict=True)
    )
    return Judgement(plan, folder, arms, tuple(contrasts))


def _arm_results(
    plan: Plan, folder: Path, arm: Arm, wanted: tuple[int, ...], read: list[Read]
) -> ArmResults:
    """read: runs of this comparison, to which this arm's are added."""
    runs: list[RunResult] = []
    failures: dict[int, str] = {}
    correct: dict[str, list[np.ndarray]] = {}
    own: list[scores.Predictions] = []
    for seed in wanted:
        result, place = required(folder, plan, arm, seed), run_folder(folder, arm.slug, seed)
        if result.failure:
            failures[seed] = result.failure
            continue
        if result.training.steps != plan.steps:
            raise ValueError(
                f"{place} is a run of {result.training.steps:,} steps; this comparison's have "
                f"{plan.steps:,}"
            )
        runs.append(result)
        for path, told in result.evaluations.items():
            file = place / run_files.predictions_file(path)
            predictions, weights = _predictions(plan, told, file)
            correct.setdefault(path, []).append(predictions.correct)
            if path == arm.slug:
                own.append(predictions)
                read.append(Read(file, _images(predictions), (arm.fingerprint, weights)))
                _refuse_another(*read)
    shown = own or [_NOTHING]
    return ArmResults(
        arm=arm,
        seeds=tuple(run.seed for run in runs),
        diverged=tuple(failures),
        failures=tuple(failures.values()),
        runs=tuple(runs),
        correct={path: np.stack(seeds) for path, seeds in correct.items()}
        or {arm.slug: np.zeros((0, plan.validation_images), bool)},
        key=shown[0].key,
        label=shown[0].label,
        top1=np.stack([one.top5[:, 0] for one in shown])[: len(own)],
        chance=np.stack([one.probability[:, 0] for one in shown])[: len(own)],
        true_chance=np.stack([one.true_probability for one in shown])[: len(own)],
        group=next((one.group for one in own if one.group is not None), None),
    )


def _predictions(plan: Plan, told: EvalResult, file: Path) -> tuple[scores.Predictions, str]:
    """What a run said, and the digest of its weights. ValueError where that is of other data, or
    not what its result says."""
    predictions, meta = scores.read_predictions(file)
    if (there := meta.get("data")) != plan.data:
        raise ValueError(
            f"{file} is of other data ({str(there)[:8]}); remove it, and the same compare-preproc "
            "command evaluates again"
        )
    right, lost = 100 * float(np.mean(predictions.correct)), int(np.sum(predictions.unranked))
    counts = len(predictions.key), lost
    if counts != (told.n, told.not_finite) or not abs(told.top1 - right) < 1e-6:
        raise ValueError(
            f"{file} has {right:.3f} % of {len(predictions.key):,} images right and {lost} without "
            f"scores, {run_files.RESULT} beside it says {told.top1:.3f} % of {told.n:,} and "
            f"{told.not_finite}: one of them was altered. Remove the result, and the same "
            "compare-preproc command evaluates again"
        )
    return predictions, str(meta.get("weights", file))


class Read(NamedTuple):
    """A run's predictions under its own path; net: its pipeline's fingerprint, and its weights."""

    file: Path
    images: str
    net: tuple[str, str]


def _images(predictions: scores.Predictions) -> str:
    """A digest of images and labels in their order."""
    words = "\n".join(map(str, [*predictions.key, *predictions.label]))
    return hashlib.sha256(words.encode()).hexdigest()


def _refuse_another(*read: Read) -> None:
    """ValueError where the last one is of other images, or of a net that is there already."""
    *others, one = read
    for other in others:
        if one.net == other.net:
            raise ValueError(
                f"{one.file} and {other.file} are of one run (weights {one.net[1][:12]}); a copy "
                "is no second seed"
            )
        if one.images != other.images:
            raise ValueError(f"{one.file} is of other images, or labels, than {other.file}")


def _verdict(plan: Plan, a: ArmResults, b: ArmResults, alpha: float) -> Verdict:
    """Two arms judged on their own."""
    names = (a.spec, b.spec)
    if not (a.seeds and b.seeds):
        kept = (len(a.seeds), len(b.seeds))
        return all_diverged(names, kept, plan.validation_images, plan.margin, alpha)
    return verdict(
        a.own,
        b.own,
        plan.margin,
        alpha=alpha,
        later=later(plan, a.planned),
        names=names,
        seeds=(a.seeds, b.seeds),
        distinct=True,
        groups=b.group if a.group is None else a.group,
    )


def _adjusted(
    pairs: Sequence[tuple[ArmResults, ArmResults]], judged: Sequence[Verdict]
) -> list[Verdict]:
    """Holm's adjustment over the contrasts, of the differences and of the equivalences."""
    if len(judged) < 2:
        return list(judged)
    p_values = statistics.holm([one.p for one in judged])
    equivalences = statistics.holm([one.equivalence_p for one in judged])
    return [
        one
        if one.estimate is None
        else concluded(replace(one, p=p, equivalence_p=also), (a.spec, b.spec), len(judged))
        for one, (a, b), p, also in zip(judged, pairs, p_values, equivalences, strict=True)
    ]


def _contrast(plan: Plan, a: ArmResults, b: ArmResults, judged: Verdict) -> Contrast:
    """With what must be said of the runs: that every one of both arms guesses, so that nothing was
    learned that could differ; and which diverged, and are not in the means."""
    arms = (a, b)
    unlearned = judged.estimate is not None and all(
        one.guessing(plan) == len(one.seeds) for one in arms
    )
    if unlearned:
        judged = nothing_learned(judged, (a.spec, b.spec), plan.num_classes)
    lost = " and ".join(
        f"{len(one.diverged)} of {one.planned} {one.spec} runs diverged"
        for one in arms
        if one.diverged and one.seeds
    )
    if lost:
        sentence = f"{judged.sentence}. {lost}; the means are of the others"
        judged = replace(judged, sentence=sentence)
    return Contrast(a, b, judged, unlearned)


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
