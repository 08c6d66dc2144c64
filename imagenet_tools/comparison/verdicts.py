"""The verdict: one of four, with its interval, its estimate and a sentence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from imagenet_tools.comparison import bootstrap, power, statistics
from imagenet_tools.comparison.statistics import Difference
from imagenet_tools.evaluation import guessing

KINDS = ("A better", "B better", "equivalent", "inconclusive")
# Below it nothing is decided: error rates were simulated from here on, and what fewer images
# leave open no number of seeds closes.
FEWEST_IMAGES = 50
# Images right and images wrong from which on equal runs are copies: two runs of real nets agree on
# all of so many with a chance below 1 %.
TELLING = 30


@dataclass(frozen=True)
class Checkpoints:
    """McNemar's test of one pair of checkpoints (same seed): about these two alone."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the data say of A against B; accuracies and differences in points.

    kind: one of KINDS. difference: A less B. interval: 95 %. alpha: the level of this look. later:
    those with one, two, ... more seeds an arm, the last of them with any more; 0 where the plan has
    no look. estimate: the difference with its components (None with one seed). bootstrap: a check
    of the interval.
    seed_correlation: of the arms' accuracies over the seeds they share, None where it cannot be
    known. near_duplicates: images that show what another one shows, and are counted with it.
    seeds_more: how many more seeds an arm would probably settle an inconclusive one; None where
    more than 200, unknown, or no help. images_more: how many more images would, where they are what
    is missing. p: adjusted for the other contrasts where there are several.
    """

    kind: str = "inconclusive"
    sentence: str = ""
    difference: float = math.nan
    margin: float
    alpha: float
    later: tuple[float, ...]
    seeds: tuple[int, int]
    images: int
    near_duplicates: int = 0
    interval: tuple[float, float] = (-math.inf, math.inf)
    p: float = 1.0
    equivalence_p: float = 1.0
    chance_a_beats_b: float = 0.5
    bootstrap: tuple[float, float] = (-math.inf, math.inf)
    estimate: Difference | None = None
    checkpoints: tuple[Checkpoints, ...] = ()
    seed_correlation: float | None = None
    seeds_more: int | None = None
    images_more: int | None = None

    @property
    def winner(self) -> str | None:
        """ "A", "B" or None."""
        return {"A better": "A", "B better": "B"}.get(self.kind)

    @property
    def pictures(self) -> int:
        """Images, near-duplicates counted once."""
        return self.images - self.near_duplicates


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
        refuse_copies(correct_a, correct_b, names)
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


def refuse_copies(
    a: np.ndarray, b: np.ndarray, names: tuple[str, str], rounded: float = 0.0
) -> None:
    """ValueError that names two runs which get the same images right: one run, given twice.

    rounded: of the images that are right, or wrong, the share on which a run that was evaluated
    twice may differ from itself in an arm; two arms may be one net, evaluated in two ways. Runs
    that are right, or wrong, on fewer than 30 images may well agree by chance.
    """
    runs = [(name, at, run) for name, arm in zip(names, (a, b), strict=True)
            for at, run in enumerate(arm, 1)]  # fmt: skip
    for (name, at, run), (other, there, second) in itertools.combinations(runs, 2):
        right, unlike = int(run.sum()), int(np.sum(run != second))
        fewer = min(right, run.size - right)
        most = math.ceil(rounded * fewer) if name == other else 0
        if fewer >= TELLING and unlike <= most:
            but = f"but {unlike} of " if unlike else ""
            raise ValueError(
                f"run {at} of {name} and run {there} of {other} get the same images right, all "
                f"{but}{run.size:,}: they are one run. Give every seed once; a copy is no second "
                "seed"
            )


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


def chance_decided(judged: Verdict, seeds: int, alpha: float) -> float:
    """Predicted chance that an inconclusive comparison is decided once it has `seeds` seeds an arm.

    Given the estimate now, that of all the seeds is spread about it by the part of the seeds'
    variance that is still to come (Spiegelhalter's predictive power), and that variance itself is
    known as well as the seeds tell it: a scaled inverse chi-square, of which quantiles are taken.
    alpha: the level of that look. Stopping where it is small costs no errors of the first kind.
    """
    estimate = judged.estimate
    if estimate is None:
        return 1.0  # one seed says nothing of the spread between seeds
    known = 2 * (min(judged.seeds) - 1)
    variance = estimate.seed_variance * known / stats.chi2.ppf((np.arange(40) + 0.5) / 40, known)
    share = min(1.0, min(judged.seeds) / seeds)
    then, spread = variance * share, np.sqrt(variance * (1 - share))
    image_variance = estimate.image_variance
    df = statistics.total_degrees(then, 2 * (seeds - 1), image_variance, judged.pictures)
    se = np.sqrt(then + image_variance)
    differs = stats.t.ppf(1 - alpha / 2, df) * se
    equal = np.clip(judged.margin - stats.t.ppf(1 - alpha, df) * se, 0, differs)
    if not spread.all():
        return 1.0
    below_a, above_a, below_equal, above_equal = (
        stats.norm.cdf((bound - estimate.value) / spread)
        for bound in (-differs, differs, -equal, equal)
    )
    return float(np.mean(below_a + 1 - above_a + above_equal - below_equal))


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


def unless_guessed(
    judged: Verdict, correct: np.ndarray, labels: np.ndarray, names: tuple[str, str]
) -> Verdict:
    """The verdict, or that nothing was learned where every run of both arms only guesses.

    correct: bool [runs of both, images]. Of images of one class it cannot be known.
    """
    classes = len(np.unique(labels))
    if classes < 2 or guessing.guesses(correct, labels, classes) < len(correct):
        return judged
    return nothing_learned(judged, names, classes)


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


def leading(judged: Verdict, names: tuple[str, str]) -> tuple[str, str, float, float, float]:
    """(first, second, first less second, its interval): the winner is the first, else A is."""
    (low, high), value = judged.interval, judged.difference
    if judged.winner == "B":
        return names[1], names[0], -value, -high, -low
    return *names, value, low, high


def say(judged: Verdict, names: tuple[str, str]) -> str:
    """The verdict as a sentence: who, by how much, how sure, from what."""
    first, second, value, low, high = leading(judged, names)
    from_what = f"{judged.seeds[0]} + {judged.seeds[1]} seeds, {judged.images:,} images"
    if judged.near_duplicates:
        from_what += f", near-duplicates counted once: {judged.pictures:,}"
    span = f"95 % interval {low:+.2f} to {high:+.2f}; {from_what}"
    if judged.winner:
        beats = judged.chance_a_beats_b if judged.winner == "A" else 1 - judged.chance_a_beats_b
        return (
            f"{first} is better than {second} by {value:.2f} points of top-1 ({span}). A fresh "
            f"{first} run beats a fresh {second} run with probability {chance(beats)}"
        )
    if judged.kind == "equivalent":
        return (
            f"{first} and {second} are equivalent within {judged.margin:g} points of top-1 "
            f"(difference {value:+.2f}, {span})"
        )
    advice = _advice(judged)
    if not low <= 0 <= high and judged.pictures >= FEWEST_IMAGES:
        # One comparison looked at once would have a winner.
        advice = f"p = {judged.p:.2g} is not below the level of {judged.alpha:g} here; {advice}"
    return f"Inconclusive: {first} less {second} is {value:+.2f} points of top-1 ({span}); {advice}"


def _advice(judged: Verdict) -> str:
    """What an undecided comparison lacks."""
    if judged.pictures < FEWEST_IMAGES:
        return f"{judged.pictures} images are too few for a verdict, which takes {FEWEST_IMAGES}"
    if judged.images_more is not None:
        return (
            f"{judged.pictures:,} images are too few, however many seeds: it takes "
            f"{judged.pictures + judged.images_more:,} at least"
        )
    more = judged.seeds_more
    if more is None:
        return "more than 200 more seeds would be needed"
    return f"about {more} more seed{'s' if more > 1 else ''} an arm would probably settle it"


def chance(value: float) -> str:
    """A probability in two digits that never claims certainty."""
    return "above 0.99" if value > 0.99 else "below 0.01" if value < 0.01 else f"{value:.2f}"
