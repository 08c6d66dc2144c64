"""Many arms: every pair of them judged together, and the groups that cannot be told apart.

The verdicts are on the contrasts that were planned; the pairs here are all there are, so Holm's
adjustment is over more of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.results import Judgement

FEWEST_ARMS = 3  # below it the verdict says all
# Arms, above which 2 seeds tell no pair apart: at the level of one of so many pairs the interval of
# 2 seeds and other images errs too often, 7.6 % in all with 10 arms.
MOST_OF_TWO_SEEDS = 5


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

    An arm may be in several groups, and every two that are not apart share one. best: slugs that
    may be the best; every other arm is worse than the first of them.
    """

    arms: tuple[ArmResults, ...]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    best: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As report.json holds it: arms by their slugs."""
        return {
            "arms": [one.slug for one in self.arms],
            "groups": self.groups,
            "best": self.best,
            "pairs": self.pairs,
        }

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
    arms = [one for one in judgement.judged if len(one.seeds) > 1]
    if len(arms) < FEWEST_ARMS:
        return None
    arms.sort(key=lambda one: -one.accuracy().mean())
    plan, alpha = judgement.plan, judgement.alpha
    guessing = {one.slug for one in arms if one.guessing(plan) == len(one.seeds)}
    twos = list(itertools.combinations(arms, 2))
    differences = [statistics.difference(a.own, b.own, a.group) for a, b in twos]
    few = len(arms) > MOST_OF_TWO_SEEDS and min(len(one.seeds) for one in arms) < 3
    pairs, alone = [], {}
    for (a, b), one, p in zip(
        twos, differences, statistics.holm([d.p for d in differences]), strict=True
    ):
        slugs = a.slug, b.slug
        judged = a.pictures >= statistics.FEWEST_IMAGES and not few and not set(slugs) <= guessing
        pairs.append(Pair(*slugs, one.value, one.interval(), p, judged and p < alpha))
        alone[slugs] = one.p if judged else 1.0
    order = [one.slug for one in arms]
    parted = groups(order, [one for one in pairs if one.apart])
    return Ranking(tuple(arms), tuple(pairs), parted, best(order, alone, alpha))


def best(
    slugs: Sequence[str], p_values: Mapping[tuple[str, str], float], alpha: float
) -> tuple[str, ...]:
    """Those that may be the best of arms in order of their means, the first among them.

    p_values: of each against those after it, unadjusted. What is worse than the first at alpha over
    the number of pairs of those left is left out, and of the others it is asked again. Arms of
    which none is better are left out in at most 5.4 % of the comparisons, all looks together, at
    variances of 16:1 in 6.2 % (benchmarks/simulate_dropping.py).
    """
    left = list(slugs)
    while True:
        pairs = max(1, math.comb(len(left), 2))
        kept = [one for one in left if one == left[0] or p_values[left[0], one] * pairs >= alpha]
        if len(kept) == len(left):
            return tuple(left)
        left = kept


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
