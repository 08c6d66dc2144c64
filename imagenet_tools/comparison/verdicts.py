"""The verdict: one of four, with its interval, its parts and a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

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
    (Holm's first step; results.judge steps down). One seed an arm never names a winner. Raises
    ValueError for other arrays, or a margin that is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"margin is {margin} points; it must be above 0")
    correct_a, correct_b = statistics.checked(correct_a, correct_b)
    pairs = tuple(
        Checkpoints(*statistics.mcnemar(a, b)) for a, b in zip(correct_a, correct_b, strict=False)
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
        more = more_seeds(parts, margin, min(seeds), alpha / contrasts)
    found = Verdict(
        kind=kind,
        sentence="",
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
    return replace(found, sentence=say(found, names))


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
    wide = (-math.inf, math.inf)
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


def more_seeds(parts: Difference, margin: float, seeds: int, alpha: float) -> int | None:
    """Seeds an arm to add so that a difference of the size seen, or of the margin, is found.

    None where that takes more than 200.
    """
    seed_sd = ((parts.sd_a**2 + parts.sd_b**2) / 2) ** 0.5
    target = max(abs(parts.value), margin)
    needed = statistics.seeds_needed(
        round(target, 3), round(seed_sd, 3), round(parts.image_variance**0.5, 3), alpha=alpha
    )
    return None if needed is None else max(1, needed - seeds)


def chance_decided(found: Verdict, seeds: int, alpha: float) -> float:
    """Predicted chance that an inconclusive comparison is decided once it has `seeds` seeds an arm.

    Given the estimate now, that of all the seeds is spread about it by the part of the seeds'
    variance that is still to come (Spiegelhalter's predictive power, with t for few seeds). alpha:
    the level of that look. Stopping where it is small costs no errors of the first kind.
    """
    if found.parts is None:
        return 1.0  # one seed says nothing of the spread between seeds
    parts, share = found.parts, min(1.0, min(found.seeds) / seeds)
    then = parts.seed_variance * share
    spread = math.sqrt(parts.seed_variance * (1 - share))
    df = float(statistics.total_degrees(then, 2 * (seeds - 1), parts.image_variance, found.images))
    se = math.sqrt(then + parts.image_variance)
    differs = float(stats.t.ppf(1 - alpha / 2, df)) * se
    equal = found.margin - float(stats.t.ppf(1 - alpha, df)) * se
    if equal >= differs or spread == 0.0:
        return 1.0
    seed_df = 2 * (min(found.seeds) - 1)

    def below(value: float) -> float:
        return float(stats.t.cdf((value - parts.value) / spread, seed_df))

    within = below(equal) - below(-equal) if equal > 0 else 0.0
    return within + below(-differs) + 1 - below(differs)


def all_diverged(
    names: tuple[str, str], seeds: tuple[int, int], images: int, margin: float, alpha: float
) -> Verdict:
    """The verdict on two arms of which at least one has no run that reached the end."""
    lost = " and ".join(name for name, count in zip(names, seeds, strict=True) if not count)
    sentence = (
        f"Inconclusive: every run of {lost} diverged, so there is no accuracy to compare; "
        "`imgtools diagnose` says why, a lower rate or --match-scale may help"
    )
    nothing, wide = math.nan, (-math.inf, math.inf)
    return Verdict(
        "inconclusive", sentence, nothing, wide, margin, alpha, 1.0, 1.0, nothing, wide, None, (),
        seeds, images,
    )  # fmt: skip


def nothing_learned(found: Verdict, names: tuple[str, str], classes: int) -> Verdict:
    """The verdict on two arms of which every run only guesses."""
    sentence = (
        f"Inconclusive: every run of {names[0]} and {names[1]} guesses among {classes:,} classes "
        f"(difference {found.difference:+.2f} points), so this says nothing of the pipelines; "
        "`imgtools diagnose` says why, a longer schedule or another rate may help"
    )
    return replace(found, kind="inconclusive", sentence=sentence, seeds_more=None)


def say(found: Verdict, names: tuple[str, str]) -> str:
    """The verdict as a sentence: who, by how much, how sure, from what."""
    assert found.parts is not None
    low, high = found.interval
    first, second, value = *names, found.difference
    if found.kind == "B better":
        first, second, value, low, high = names[1], names[0], -value, -high, -low
    from_what = f"{found.seeds[0]} + {found.seeds[1]} seeds, {found.images:,} images"
    span = f"95 % interval {low:+.2f} to {high:+.2f}; {from_what}"
    if found.winner:
        beats = found.chance_a_beats_b if found.winner == "A" else 1 - found.chance_a_beats_b
        return (
            f"{first} is better than {second} by {value:.2f} points of top-1 ({span}). A fresh "
            f"{first} run beats a fresh {second} run with probability {chance(beats)}"
        )
    if found.kind == "equivalent":
        return (
            f"{first} and {second} are equivalent within {found.margin:g} points of top-1 "
            f"(difference {value:+.2f}, {span})"
        )
    more = found.seeds_more
    advice = (
        "more than 200 more seeds would be needed"
        if more is None
        else (f"about {more} more seed{'s' if more > 1 else ''} an arm would probably settle it")
    )
    if not low <= 0 <= high:  # one comparison looked at once would have a winner
        advice = f"p = {found.p:.2g} is not below the level of {found.alpha:g} here; {advice}"
    return f"Inconclusive: {first} less {second} is {value:+.2f} points of top-1 ({span}); {advice}"


def chance(value: float) -> str:
    """A probability in two digits that never claims certainty."""
    return "above 0.99" if value > 0.99 else "below 0.01" if value < 0.01 else f"{value:.2f}"
