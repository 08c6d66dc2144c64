"""Many arms: every pair of them judged together, and the groups that cannot be told apart.

The verdicts are on the contrasts that were planned; the pairs here are all there are, so Holm's
adjustment is over more of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.results import ArmResults, Judgement
from imagenet_tools.comparison.verdicts import FEWEST_IMAGES

FEWEST_ARMS = 3  # below it the verdict says all


@dataclass(frozen=True)
class Pair:
    """Two arms: the first less the second in points of top-1, its 95 % interval.

    p: of no difference, by Holm over all pairs. apart: it is below the level of this look.
    """

    a: str
    b: str
    difference: float
    interval: tuple[float, float]
    p: float
    apart: bool


@dataclass(frozen=True)
class Ranking:
    """Arms by mean top-1, the best first; groups of slugs within which no pair is apart.

    An arm may be in several groups, and every two that are not apart share one.
    """

    arms: tuple[ArmResults, ...]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]

    def letters(self, slug: str) -> str:
        """The groups that an arm is in: "a", "ab"."""
        return "".join(chr(ord("a") + at) for at, group in enumerate(self.groups) if slug in group)

    def pair(self, a: str, b: str) -> tuple[Pair, float]:
        """The pair of these two arms, and 1.0, or -1.0 where it is of b less a."""
        for one in self.pairs:
            if (one.a, one.b) in ((a, b), (b, a)):
                return one, 1.0 if one.a == a else -1.0
        raise LookupError(f"no pair of {a} and {b}")


def ranking(judgement: Judgement) -> Ranking | None:
    """Rank the judged arms that have two seeds or more; None where these are fewer than three."""
    arms = [one for one in judgement.arms
            if one.arm in judgement.plan.judged and len(one.seeds) > 1]  # fmt: skip
    if len(arms) < FEWEST_ARMS:
        return None
    arms.sort(key=lambda one: -one.accuracy().mean())
    plan, alpha = judgement.plan, judgement.contrasts[0].verdict.alpha
    guessing = {one.arm.slug for one in arms if one.guessing(plan) == len(one.seeds)}
    twos = list(itertools.combinations(arms, 2))
    differences = [
        statistics.difference(a.correct[a.arm.slug], b.correct[b.arm.slug], a.group)
        for a, b in twos
    ]
    pairs = []
    for (a, b), one, p in zip(
        twos, differences, statistics.holm([d.p for d in differences]), strict=True
    ):
        told = p < alpha and a.pictures >= FEWEST_IMAGES
        apart = told and not {a.arm.slug, b.arm.slug} <= guessing
        pairs.append(Pair(a.arm.slug, b.arm.slug, one.value, one.interval(), p, apart))
    slugs = [one.arm.slug for one in arms]
    return Ranking(tuple(arms), tuple(pairs), groups(slugs, [one for one in pairs if one.apart]))


def groups(slugs: Sequence[str], apart: Sequence[Pair]) -> tuple[tuple[str, ...], ...]:
    """The largest groups of arms in which no pair is apart, in the arms' order.

    Every pair that is apart splits the groups that hold both; what is part of another group then is
    absorbed (Piepho 2004, "An algorithm for a letter-based representation of all-pairwise
    comparisons").
    """
    maximal = [frozenset(slugs)]
    for pair in apart:
        split = []
        for group in maximal:
            both = {pair.a, pair.b} <= group
            split += [group - {pair.a}, group - {pair.b}] if both else [group]
        split = list(dict.fromkeys(split))
        maximal = [one for one in split if not any(one < other for other in split)]
    ordered = [tuple(slug for slug in slugs if slug in group) for group in maximal]
    return tuple(sorted(ordered, key=lambda group: [slugs.index(slug) for slug in group]))
