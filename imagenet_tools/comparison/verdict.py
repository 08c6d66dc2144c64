"""The verdict: one of four, with its interval, its parts and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.statistics import Difference

KINDS = ("A better", "B better", "equivalent", "inconclusive")


@dataclass(frozen=True)
class Checkpoints:
    """McNemar's test of one pair of checkpoints (same seed): about these two alone."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True)
class Verdict:
    """What the data say of A against B; accuracies and differences in points.

    kind: one of KINDS. difference: A less B. interval: 95 %. alpha: the level of this look. parts:
    the estimate with its components (None with one seed). bootstrap: a check of the interval.
    seeds_more: how many more seeds an arm would probably settle an inconclusive one; None
    where more than 200 or unknown. p: adjusted for the other contrasts where there are several.
    """

    kind: str
    sentence: str
    difference: float
    interval: tuple[float, float]
    margin: float
    alpha: float
    p: float
    equivalence_p: float
    chance_a_beats_b: float
    bootstrap: tuple[float, float]
    parts: Difference | None
    checkpoints: tuple[Checkpoints, ...]
    seeds: tuple[int, int]
    images: int
    seeds_more: int | None = None

    @property
    def winner(self) -> str | None:
        """ "A", "B" or None."""
        return {"A better": "A", "B better": "B"}.get(self.kind)


def verdict(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    margin: float = 0.5,
    *,
    alpha: float = 0.05,
    names: tuple[str, str] = ("A", "B"),
    contrasts: int = 1,
) -> Verdict:
    """Judge two pipelines from which images each run got right.

    correct_a, correct_b: boolean [seeds, images], the same images in the same order. margin:
    points within which a difference is of no account. alpha: level of this look (LOOKS has those
    of a plan with several). contrasts: how many are judged together; the p-value is multiplied
    (Holm's first step; comparisons.judge steps down). One seed an arm never names a winner.
    """
    if margin <= 0:
        raise ValueError(f"margin is {margin} points; it must be above 0")
    pairs = tuple(
        Checkpoints(*statistics.mcnemar(np.asarray(a), np.asarray(b)))
        for a, b in zip(correct_a, correct_b, strict=False)
    )
    seeds = (len(correct_a), len(correct_b))
    images = int(np.shape(correct_a)[1])
    if min(seeds) < 2:
        return _one_seed(correct_a, correct_b, margin, alpha, names, pairs, seeds, images)
    parts = statistics.difference(correct_a, correct_b)
    p = min(1.0, parts.p * contrasts)
    equivalence_p = min(1.0, parts.equivalence_p(margin) * contrasts)
    kind = decide(parts.value, p, equivalence_p, alpha)
    interval = parts.interval()
    more = None
    if kind == "inconclusive":
        more = _seeds_more(parts, margin, min(seeds), alpha / contrasts)
    sentence = say(kind, parts, interval, margin, names, seeds, images, more)
    return Verdict(
        kind=kind,
        sentence=sentence,
        difference=parts.value,
        interval=interval,
        margin=margin,
        alpha=alpha,
        p=p,
        equivalence_p=equivalence_p,
        chance_a_beats_b=parts.chance_a_beats_b,
        bootstrap=statistics.bootstrap_interval(correct_a, correct_b),
        parts=parts,
        checkpoints=pairs,
        seeds=seeds,
        images=images,
        seeds_more=more,
    )


def decide(value: float, p: float, equivalence_p: float, alpha: float) -> str:
    """Turn a difference and its two tests into one of the four verdicts.

    A difference that is both real and within the margin is equivalent: the margin says so.
    """
    if equivalence_p < alpha:
        return "equivalent"
    if p < alpha:
        return "A better" if value > 0 else "B better"
    return "inconclusive"


def _one_seed(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    margin: float,
    alpha: float,
    names: tuple[str, str],
    pairs: tuple[Checkpoints, ...],
    seeds: tuple[int, int],
    images: int,
) -> Verdict:
    value = 100 * float(np.mean(correct_a) - np.mean(correct_b))
    sentence = (
        f"Inconclusive: one seed an arm cannot tell {names[0]} from {names[1]} (difference "
        f"{value:+.2f} points on {images:,} images, of these checkpoints only); run 3 seeds or more"
    )
    wide = (float("-inf"), float("inf"))
    return Verdict(
        "inconclusive",
        sentence,
        value,
        wide,
        margin,
        alpha,
        1.0,
        1.0,
        0.5,
        wide,
        None,
        pairs,
        seeds,
        images,
        max(0, 3 - min(seeds)),
    )


def _seeds_more(parts: Difference, margin: float, seeds: int, alpha: float) -> int | None:
    """Seeds to add so that a difference of the size seen, or of the margin, would be found."""
    seed_sd = ((parts.sd_a**2 + parts.sd_b**2) / 2) ** 0.5
    target = max(abs(parts.value), margin)
    needed = statistics.seeds_needed(
        round(target, 3), round(seed_sd, 3), round(parts.image_variance**0.5, 3), alpha=alpha
    )
    return None if needed is None else max(1, needed - seeds)


def say(
    kind: str,
    parts: Difference,
    interval: tuple[float, float],
    margin: float,
    names: tuple[str, str],
    seeds: tuple[int, int],
    images: int,
    more: int | None,
) -> str:
    """The verdict as a sentence: who, by how much, how sure, from what."""
    low, high = interval
    first, second, value = *names, parts.value
    if kind == "B better":
        first, second, value, low, high = names[1], names[0], -value, -high, -low
    from_what = f"{seeds[0]} + {seeds[1]} seeds, {images:,} images"
    span = f"95 % interval {low:+.2f} to {high:+.2f}; {from_what}"
    if kind in ("A better", "B better"):
        chance = parts.chance_a_beats_b if kind == "A better" else 1 - parts.chance_a_beats_b
        return (
            f"{first} is better than {second} by {value:.2f} points of top-1 ({span}). A fresh "
            f"{first} run beats a fresh {second} run with probability {chance:.2f}"
        )
    if kind == "equivalent":
        return (
            f"{first} and {second} are equivalent within {margin:g} points of top-1 "
            f"(difference {value:+.2f}, {span})"
        )
    advice = (
        "more than 200 more seeds would be needed"
        if more is None
        else (f"about {more} more seed{'s' if more > 1 else ''} an arm would probably settle it")
    )
    return f"Inconclusive: {first} less {second} is {value:+.2f} points of top-1 ({span}); {advice}"
