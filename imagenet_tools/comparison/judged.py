"""A verdict: what it holds, and how it is said."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from imagenet_tools.comparison.statistics import FEWEST_IMAGES, Difference

KINDS = ("A better", "B better", "equivalent", "inconclusive")


@dataclass(frozen=True)
class Checkpoints:
    """McNemar's test of one pair of checkpoints (same seed): about these two alone."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the data say of A against B; accuracies and differences in points.

    kind: one of KINDS.
    difference: A less B.
    interval: 95 %.
    alpha: the level of this look.
    later: those with one, two, ... more seeds an arm, the last of them with any more; 0 where the
        plan has no look.
    estimate: the difference with its components (None with one seed).
    bootstrap: a check of the interval.
    seed_correlation: of the arms' accuracies over the seeds they share, None where it cannot be
        known.
    near_duplicates: images that show what another one shows, and are counted with it.
    seeds_more: how many more seeds an arm would probably settle an inconclusive one; None where
        more than 200, unknown, or no help.
    images_more: how many more images would, where they are what is missing.
    p: adjusted for the other contrasts where there are several.
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

    def doubted(self, *said: str) -> Verdict:
        """The verdict with what speaks against it."""
        return replace(self, sentence=". ".join([self.sentence, *said]))


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
    known = f"95 % interval {span(low, high)}; {from_what}"
    if judged.winner:
        beats = judged.chance_a_beats_b if judged.winner == "A" else 1 - judged.chance_a_beats_b
        return (
            f"{first} is better than {second} by {value:.2f} points of top-1 ({known}). A fresh "
            f"{first} run beats a fresh {second} run with probability {chance(beats)}"
        )
    if judged.kind == "equivalent":
        return (
            f"{first} and {second} are equivalent within {judged.margin:g} points of top-1 "
            f"(difference {value:+.2f}, {known})"
        )
    advice = _advice(judged)
    if not low <= 0 <= high and judged.pictures >= FEWEST_IMAGES:
        # One comparison looked at once would have a winner.
        advice = f"p = {judged.p:.2g} is not below the level of {judged.alpha:g} here; {advice}"
    stated = f"{first} less {second} is {value:+.2f} points of top-1"
    return f"Inconclusive: {stated} ({known}); {advice}"


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


def span(low: float, high: float) -> str:
    """An interval in points; a dash for one without bounds."""
    return f"{low:+.2f} to {high:+.2f}" if math.isfinite(low) else "–"


def chance(value: float) -> str:
    """A probability in two digits that never claims certainty."""
    return "above 0.99" if value > 0.99 else "below 0.01" if value < 0.01 else f"{value:.2f}"
