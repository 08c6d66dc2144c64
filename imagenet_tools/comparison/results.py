"""Gather the finished runs of a comparison and judge every contrast, once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_tools.comparison import looks, power, run_files
from imagenet_tools.comparison.arm_results import ArmResults, read_arms
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.plan import Plan
from imagenet_tools.comparison.verdicts import adjusted, all_diverged, nothing_learned, verdict

# A chance of being decided below which more seeds are not worth their cost. Simulated: with looks
# at 3, 5 and 8 seeds it costs one point of power, and where there is no difference a comparison
# ends after 5.5 seeds on average, not 8.0.
FUTILE = 0.10


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
    def title(self) -> str:
        return " − ".join(self.names)

    @property
    def judged(self) -> bool:
        """True where both arms have a run that reached the end."""
        return bool(self.a.seeds and self.b.seeds)

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
            not one.judged or power.chance_decided(one.verdict, count, alpha) < FUTILE
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


def judge(plan: Plan, folder: Path, seeds: int | None = None, own: bool = False) -> Judgement:
    """Read the finished runs of the plan's first `seeds` seeds (default: all) and judge them.

    own: of what they said only that under their own paths, which is all that verdicts take. Every
    contrast is judged at the level of this look, p-values adjusted by Holm. Raises ValueError
    where a run is missing, or is of other data or images.
    """
    arms = read_arms(plan, folder, plan.seeds[:seeds], own)
    by_slug = {results.slug: results for results in arms}
    alpha = level(plan, arms[0].planned)
    pairs = [(by_slug[a], by_slug[b]) for a, b in plan.contrasts]
    alone = [_verdict(plan, a, b, alpha) for a, b in pairs]
    together = adjusted(alone, [(a.spec, b.spec) for a, b in pairs])
    contrasts = (
        _contrast(plan, a, b, judged) for (a, b), judged in zip(pairs, together, strict=True)
    )
    return Judgement(plan, folder, arms, tuple(contrasts))


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
        groups=a.group,
    )


def _contrast(plan: Plan, a: ArmResults, b: ArmResults, judged: Verdict) -> Contrast:
    """With what must be said of the runs: that every one of both arms guesses, so that nothing was
    learned that could differ; and which diverged, and are not in the means."""
    arms = (a, b)
    unlearned = judged.estimate is not None and all(
        one.guessing(plan) == len(one.seeds) for one in arms
    )
    if unlearned:
        judged = nothing_learned(judged, (a.spec, b.spec), len(np.unique(a.label)))
    lost = " and ".join(
        f"{len(one.diverged)} of {one.planned} {one.spec} runs diverged"
        for one in arms
        if one.diverged and one.seeds
    )
    if lost:
        judged = judged.doubted(f"{lost}; the means are of the others")
    return Contrast(a, b, judged, unlearned)


def level(plan: Plan, seeds: int) -> float:
    """The level at which a difference counts once this many seeds an arm are done.

    Of comparisons that were joined the lowest: each was looked at, or may be extended, by its own.
    """
    if plan.joined:
        return min(level(one, seeds) for one in plan.joined)
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
