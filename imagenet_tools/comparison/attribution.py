"""Where the difference of two pipelines comes from: which of their parts, training or evaluation.

For the parts every combination of geometry, colour and value range, and mixing where one of the two
mixes, is an arm; the difference is divided among them by Shapley's values, which add up to it
whatever the interactions. Every share has an interval as the verdict has: over seeds, and over what
other images would change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_tools import registry
from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.results import Contrast
from imagenet_tools.pipelines.crosses import combined, kinds, subsets

UNKNOWN = (-math.inf, math.inf)


@dataclass(frozen=True)
class Share:
    """A part's share of A less B, points of top-1, and its 95 % interval; UNKNOWN with one seed."""

    part: str
    points: float
    interval: tuple[float, float]


def shares(a: str, b: str, arms: Sequence[ArmResults]) -> list[Share]:
    """Each part's share of a less b, from their arms and those of their crosses."""
    first, second = registry.get(a), registry.get(b)
    correct = {one.arm.fingerprint: one.own for one in arms}
    split, parts = [], kinds(first, second)
    for part in parts:
        weights = dict.fromkeys(correct, 0.0)
        others = [other for other in parts if other != part]
        for subset in subsets(others):
            weight = 1 / len(parts) / math.comb(len(others), len(subset))
            for chosen, sign in (((*subset, part), 1.0), (subset, -1.0)):
                weights[combined(first, second, chosen).fingerprint] += sign * weight
        points, interval = statistics.combination(
            list(correct.values()), list(weights.values()), groups=arms[0].group
        )
        split.append(Share(part, points, interval))
    return split


def effects(contrast: Contrast) -> list[Share]:
    """A less B split; empty where an arm was not evaluated under the other's path.

    training: A's runs less B's, averaged over both evaluation paths. evaluation: A's path less
    B's, averaged over both arms' runs. interaction: what is left of the whole.
    """
    a, b = contrast.a.slug, contrast.b.slug
    runs_a, runs_b = contrast.a.correct, contrast.b.correct
    if not contrast.judged or b not in runs_a or a not in runs_b:
        return []
    mean_a, mean_b = (np.mean([runs[a], runs[b]], axis=0) for runs in (runs_a, runs_b))
    half_a, half_b = ((runs[a].astype(float) - runs[b]) / 2 for runs in (runs_a, runs_b))
    return [
        _of_two("training", mean_a, mean_b, contrast.a.group),
        _of_two("evaluation", half_a, -half_b, contrast.a.group),
        _of_two("interaction", half_a, half_b, contrast.a.group),
    ]


def _of_two(part: str, a: np.ndarray, b: np.ndarray, groups: np.ndarray | None) -> Share:
    """A share that is a difference of the arms' runs, [seeds, images]."""
    if min(len(a), len(b)) < 2:
        return Share(part, 100 * float(a.mean() - b.mean()), UNKNOWN)
    gap = statistics.difference(a, b, groups)
    return Share(part, gap.value, gap.interval())
