"""Which part of two pipelines makes their difference: geometry, colour or value range.

Every combination of the two pipelines' parts is an arm; the difference is divided among the parts
by Shapley's values, which add up to it whatever the interactions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from imagenet_tools import registry
from imagenet_tools.comparison.results import ArmResults
from imagenet_tools.pipelines.crosses import combined, subsets
from imagenet_tools.pipelines.parts import PARTS


@dataclass(frozen=True)
class Share:
    """A part's share of A less B, points of top-1, with its 95 % interval over seeds."""

    part: str
    points: float
    interval: tuple[float, float]


def shares(a: str, b: str, arms: Sequence[ArmResults]) -> list[Share]:
    """Each part's share of a less b, from their arms and those of their crosses."""
    first, second = registry.get(a), registry.get(b)
    by_fingerprint = {results.arm.fingerprint: results for results in arms}
    found = []
    for part in PARTS:
        weights: dict[str, float] = {}
        others = [other for other in PARTS if other != part]
        for subset in subsets(others):
            weight = math.factorial(len(subset)) * math.factorial(2 - len(subset)) / 6
            for chosen, sign in (((*subset, part), 1.0), (subset, -1.0)):
                own = combined(first, second, chosen).fingerprint
                weights[own] = weights.get(own, 0.0) + sign * weight
        found.append(_share(part, weights, by_fingerprint))
    return found


def _share(part: str, weights: dict[str, float], arms: dict[str, ArmResults]) -> Share:
    """A weighted sum of arms' means, with Welch's interval."""
    points = variance = below = 0.0
    for fingerprint, weight in weights.items():
        if abs(weight) < 1e-12:
            continue
        accuracy = arms[fingerprint].accuracy()
        points += weight * float(accuracy.mean())
        if len(accuracy) > 1:
            own = weight**2 * float(accuracy.var(ddof=1)) / len(accuracy)
            variance += own
            below += own**2 / (len(accuracy) - 1)
    if not below:
        half = 0.0 if not weights or points == 0.0 else math.inf
    else:
        half = float(stats.t.ppf(0.975, variance**2 / below)) * math.sqrt(variance)
    return Share(part, points, (points - half, points + half))
