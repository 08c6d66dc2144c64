"""What a few steps of training say."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_tools.diagnosis.finding import Said, rule, warning
from imagenet_tools.diagnosis.passport import Passport

DEAD = 0.35
PEAK = 1.5  # of the loss of guessing, or of the first step where that is higher (LSUV's is)
UPDATE = 0.02  # |change| / |weights| of a step; some 1e-3 where training goes well


@rule("IMG401", "loss-peak")
def loss_peak(passport: Passport) -> Iterator[Said]:
    """The loss peaks at the start.

    Detected: The losses of some 20 steps at the recipe's rate.
    Matters: The rate is too high for this input; part of the units may never recover.
    Remedy: A lower rate, a warm-up, or an input of unit scale.
    """
    if brief := passport.training:
        peak = max(brief.losses)
        if not peak < PEAK * max(brief.chance, brief.losses[0]):
            yield warning(
                f"the loss peaks at {peak:.3g} within {len(brief.losses)} steps",
                f"Guessing costs {brief.chance:.3g}.",
            )


@rule("IMG402", "updates")
def updates(passport: Passport) -> Iterator[Said]:
    """One step changes the weights by much.

    Detected: The change of each layer's weights in one step at the recipe's rate, of the weights.
    Matters: What the start was made for is gone after a step.
    Remedy: The rate is too high for this input's scale.
    """
    brief = passport.training
    large = {} if brief is None else {k: v for k, v in brief.updates.items() if not v < UPDATE}
    if large:
        worst = ", ".join(f"{layer} {size:.0%}" for layer, size in large.items())
        yield warning(
            f"one step changes weights by {worst}",
            "Relative to the weights themselves, at the recipe's rate from the same start.",
        )


@rule("IMG403", "dead-units")
def dead_units(passport: Passport) -> Iterator[Said]:
    """Units are dead after some steps.

    Detected: Units that no image of a batch turns on, after some steps.
    Matters: They learn nothing any more.
    Remedy: A lower rate or an input of unit scale keeps them.
    """
    brief = passport.training
    dead = {} if brief is None else {k: v for k, v in brief.dead.items() if v > DEAD}
    if dead:
        worst = ", ".join(f"{layer} {share:.0%}" for layer, share in dead.items())
        yield warning("units are dead after some steps", f"Never above zero on a batch: {worst}.")


@rule("IMG404", "rate")
def rate(passport: Passport) -> Iterator[Said]:
    """Another rate does better than the recipe's.

    Detected: The loss after some steps at a tenth, once and ten times the recipe's rate.
    Matters: The recipe does not suit this pipeline as it is; a comparison would be one of scales.
    Remedy: Compare with --match-scale, or give each arm its rate.
    """
    brief = passport.training
    if brief and brief.best_rate is not None and brief.best_rate < brief.rate:
        losses = ", ".join(f"{one:g}: {loss:.3f}" for one, loss in brief.range_test.items())
        yield warning(
            f"a rate of {brief.best_rate:g} does better than the recipe's {brief.rate:g}",
            f"Losses by rate: {losses}.",
        )
