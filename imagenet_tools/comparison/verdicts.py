"""The verdict: one of four, with its interval, its estimate and a sentence."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from imagenet_tools.comparison import bootstrap, copies, power, statistics
from imagenet_tools.comparison.judged import Checkpoints, Verdict, say
from imagenet_tools.comparison.statistics import FEWEST_IMAGES, Difference
from imagenet_tools.evaluation import guessing


def verdict(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    margin: float = 0.5,
    *,
    alpha: float = 0.05,
    later: Sequence[float] = (),
    names: tuple[str, str] = ("A", "B"),
    seeds: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    distinct: bool = False,
    groups: np.ndarray | None = None,
) -> Verdict:
    """Judge two pipelines from which images each run got right.

    correct_a, correct_b: boolean [seeds, images], the same images in the same order. margin: points
    within which a difference is of no account. alpha: level of this look. later: as Verdict has it
    (default: the same). seeds: of the rows of each (default: rows of equal place are of equal
    seeds); those that both have are the checkpoints and the correlation. distinct: the
    runs are known to be no copies of each other, though nets that only guess may answer alike.
    groups: int [images], one number for images that show one picture, which count as one; None
    where they are not known. One seed an arm never names a winner, nor do fewer than 50 pictures.
    Raises ValueError for other arrays, a margin that is not above 0, or a run given twice.
    """
    if not 0 < margin < math.inf:
        raise ValueError(f"margin is {margin} points; it must be above 0, and finite")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 1")
    correct_a, correct_b = statistics.checked(correct_a, correct_b)
    for array in (correct_a, correct_b):
        if array.dtype != np.bool_:
            raise ValueError(f"correct must be a boolean array [seeds, images], not {array.dtype}")
    if not distinct:
        copies.refuse((correct_a, correct_b), names)
    counts, images = (len(correct_a), len(correct_b)), correct_a.shape[1]
    if not (min(counts) and images):
        raise ValueError(f"{counts[0]} and {counts[1]} runs on {images} images: nothing to compare")
    of_a, of_b = seeds or (range(counts[0]), range(counts[1]))
    shared = [one for one in of_a if one in of_b]
    paired_a = correct_a[[of_a.index(one) for one in shared]]
    paired_b = correct_b[[of_b.index(one) for one in shared]]
    pairs = zip(paired_a, paired_b, strict=True)
    judged = Verdict(
        difference=100 * float(np.mean(correct_a) - np.mean(correct_b)),
        margin=margin, alpha=alpha, later=tuple(later) or (alpha,), seeds=counts, images=images,
        near_duplicates=0 if groups is None else images - len(np.unique(groups)),
        checkpoints=tuple(Checkpoints(*statistics.mcnemar(*pair)) for pair in pairs),
    )  # fmt: skip
    if min(counts) < 2:
        sentence = (
            f"Inconclusive: one seed an arm cannot tell {names[0]} from {names[1]} (difference "
            f"{judged.difference:+.2f} points on {images:,} images, of these checkpoints only); "
            "run 3 seeds or more"
        )
        return replace(judged, sentence=sentence, seeds_more=max(0, 3 - min(counts)))
    if seeds or counts[0] == counts[1]:
        correlation = statistics.seed_correlation(paired_a.mean(1), paired_b.mean(1))
        judged = replace(judged, seed_correlation=correlation)
    check = bootstrap.bootstrap_interval(correct_a, correct_b, groups=groups)
    estimate = statistics.difference(correct_a, correct_b, groups)
    return estimated(replace(judged, bootstrap=check), estimate, names)


def estimated(judged: Verdict, estimate: Difference, names: tuple[str, str]) -> Verdict:
    """The verdict that an estimate of the difference gives."""
    judged = replace(
        judged,
        difference=estimate.value,
        interval=estimate.interval(),
        p=estimate.p,
        equivalence_p=estimate.equivalence_p(judged.margin),
        chance_a_beats_b=estimate.chance_a_beats_b,
        estimate=estimate,
    )
    return concluded(judged, names)


def concluded(judged: Verdict, names: tuple[str, str], contrasts: int = 1) -> Verdict:
    """Decide from the p-values of a verdict, say what is missing, and put it in words.

    contrasts: how many are judged together, for the seeds that an undecided one wants.
    """
    assert judged.estimate is not None
    pictures, margin, alpha = judged.pictures, judged.margin, judged.alpha
    kind = decide(judged.difference, judged.p, judged.equivalence_p, alpha)
    more = images = None
    if pictures < FEWEST_IMAGES:
        kind, images = "inconclusive", FEWEST_IMAGES - pictures
    elif kind == "inconclusive":
        images = power.more_images(judged.estimate, margin, pictures, alpha)
        if images is None:
            levels = [level / contrasts for level in judged.later]
            more = power.more_seeds(judged.estimate, margin, min(judged.seeds), levels)
    judged = replace(judged, kind=kind, seeds_more=more, images_more=images)
    return replace(judged, sentence=say(judged, names))


def decide(value: float, p: float, equivalence_p: float, alpha: float) -> str:
    """Turn a difference and its two tests into one of the four verdicts.

    A difference that is both real and within the margin is equivalent: the margin says so.
    """
    if equivalence_p < alpha:
        return "equivalent"
    if p < alpha:
        return "A better" if value > 0 else "B better"
    return "inconclusive"


def all_diverged(
    names: tuple[str, str], seeds: tuple[int, int], images: int, margin: float, alpha: float
) -> Verdict:
    """The verdict on two arms of which at least one has no run that reached the end."""
    lost = " and ".join(name for name, count in zip(names, seeds, strict=True) if not count)
    sentence = (
        f"Inconclusive: every run of {lost} diverged, so there is no accuracy to compare; "
        "`imgtools diagnose` says why, a lower rate or --match-scale may help"
    )
    return Verdict(
        sentence=sentence, margin=margin, alpha=alpha, later=(alpha,), seeds=seeds, images=images,
        chance_a_beats_b=math.nan,
    )  # fmt: skip


def adjusted(judged: Sequence[Verdict], names: Sequence[tuple[str, str]]) -> list[Verdict]:
    """Verdicts on several pairs of arms with Holm's adjustment over them, of the differences and of
    the equivalences."""
    if len(judged) < 2:
        return list(judged)
    p_values = statistics.holm([one.p for one in judged])
    equivalences = statistics.holm([one.equivalence_p for one in judged])
    return [
        one
        if one.estimate is None
        else concluded(replace(one, p=p, equivalence_p=also), pair, len(judged))
        for one, pair, p, also in zip(judged, names, p_values, equivalences, strict=True)
    ]


def against_first(names: Sequence[str]) -> list[tuple[str, str]]:
    """The first arm with each other one."""
    return [(names[0], other) for other in names[1:]]


def of_given(
    arms: Sequence[np.ndarray],
    labels: np.ndarray,
    margin: float,
    *,
    names: Sequence[str],
    seeds: Sequence[Sequence[Hashable]],
    groups: np.ndarray | None = None,
) -> list[Verdict]:
    """The verdicts on the first arm against each other one, of runs that are there, known to be no
    copies, and how many of them only guess; where all do, that nothing was learned.

    arms: bool [seeds, images] of each; labels: of the images. Of one class guessing cannot be
    known. Several verdicts are adjusted by Holm.
    """
    pairs = against_first(names)
    alone = [
        verdict(arms[0], arm, margin, names=pair, seeds=(seeds[0], of), distinct=True,
                groups=groups)
        for pair, arm, of in zip(pairs, arms[1:], seeds[1:], strict=True)
    ]  # fmt: skip
    classes = len(np.unique(labels))
    return [
        _guessed(one, pair, np.concatenate((arms[0], arm)), labels, classes)
        for one, pair, arm in zip(adjusted(alone, pairs), pairs, arms[1:], strict=True)
    ]


def _guessed(
    judged: Verdict, names: tuple[str, str], correct: np.ndarray, labels: np.ndarray, classes: int
) -> Verdict:
    """The verdict on two arms with how many of their runs only guess."""
    stuck = guessing.guesses(correct, labels, classes) if classes > 1 else 0
    if stuck == len(correct):
        return nothing_learned(judged, names, classes)
    if not stuck:
        return judged
    who = f"{stuck} of {len(correct)} runs guess"
    return judged.doubted(f"{who} among {classes:,} classes, they learned nothing")


def nothing_learned(judged: Verdict, names: tuple[str, str], classes: int) -> Verdict:
    """The verdict on two arms of which every run only guesses."""
    sentence = (
        f"Inconclusive: every run of {names[0]} and {names[1]} guesses among {classes:,} classes "
        f"(difference {judged.difference:+.2f} points), so this says nothing of the pipelines; "
        "`imgtools diagnose` says why, a longer schedule or another rate may help"
    )
    return replace(
        judged, kind="inconclusive", sentence=sentence, seeds_more=None, images_more=None
    )
