"""Which channel is which, and whether training and evaluation agree on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from imagenet_tools.diagnosis.channels import ALIKE
from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import Probe

MIXED = 0.25  # of the strongest response
APART = 0.2  # pixels; of honest pipelines below 0.01
ALWAYS = 0.9  # of 25 draws; some invert half of the images on purpose


@rule(
    "IMG201",
    "channel-order",
    detected="A slope in one channel alone shows which output channels follow it; in training, in "
    "every draw that has colours.",
    matters="The net meets colours that it never saw; accuracy falls by several points.",
    remedy="One order on both sides.",
)
def channel_order(passport: Passport) -> Iterator[Said]:
    """Channels are in another order in training than at evaluation."""
    train, look = passport.train.channels, passport.eval.channels
    drawn = set(passport.train.orders)
    if train != look and look not in drawn and len(drawn - {"grey"}) <= 1:
        yield fail(
            f"channels are {train} in training and {look} at evaluation",
            "Each channel was found by a slope in it alone.",
        )


@rule(
    "IMG202",
    "channels",
    detected="A slope in one channel alone shows which output channels follow it.",
    matters="No matter from scratch; it is with pretrained weights.",
    remedy="RGB is what TF-Slim's weights want.",
)
def channels(passport: Passport) -> Iterator[Said]:
    """Channels come out in another order than RGB, or as mixtures."""
    train, look = passport.train.channels, passport.eval.channels
    if train == look and sorted(look) == sorted("RGB") and look != "RGB":
        yield note(f"channels come out as {look}", "The same in both modes.")
    elif _mixed(passport) > MIXED and not passport.eval.uneven:
        yield note(
            "channels come out as mixtures",
            f"In both modes one takes {_mixed(passport):.0%} of the strongest from another: "
            "another colour space, or a change of hue or saturation.",
        )


def _copied(seen: Probe) -> bool:
    """Whether two channels of the output are alike."""
    columns = itertools.combinations(np.array(seen.mixing).T, 2)
    return any(np.abs(one - other).max() < ALIKE for one, other in columns)


def _mixed(passport: Passport) -> float:
    """What channels take from each other at least, in both modes; 0 where others are named."""
    names = passport.train.channels + passport.eval.channels
    if "-" in names or "grey" in names or any(_copied(one) for _, one in passport.both):
        return 0.0
    own = np.eye(3, dtype=bool)
    least = [np.abs(np.array(one.mixing))[~own] for _, one in passport.both]
    return float(np.min(least, axis=0).max())


@rule(
    "IMG203",
    "dead-channel",
    detected="A channel of the output answers to no channel of the picture.",
    matters="A third of the input is lost.",
    remedy="Look for a channel that is overwritten, cut off or multiplied by zero.",
)
def dead_channel(passport: Passport) -> Iterator[Said]:
    """A channel follows nothing."""
    for mode, seen in passport.both:
        if "-" in seen.channels:
            number = seen.channels.index("-") + 1
            yield fail(
                f"channel {number} of the {mode} output follows nothing",
                f"Channels come out as {seen.channels}.",
            )


@rule(
    "IMG204",
    "copied-channel",
    detected="Two channels of the output follow the same channel of the picture.",
    matters="A channel is lost, and the colours with it.",
    remedy="Look for an index that stands twice.",
)
def copied_channel(passport: Passport) -> Iterator[Said]:
    """Two channels are the same one."""
    for mode, seen in passport.both:
        if seen.channels != "grey" and "-" not in seen.channels and _copied(seen):
            yield fail(
                f"two channels of the {mode} output follow the same one",
                f"Channels come out as {seen.channels}.",
            )


@rule(
    "IMG205",
    "grey",
    detected="Three output channels follow each channel of the picture alike.",
    matters="Colour tells classes apart; without it a net loses some points.",
    remedy="If that is meant, use_grayscale=1 spares two channels.",
)
def grey(passport: Passport) -> Iterator[Said]:
    """Colour is dropped."""
    both = (passport.train, passport.eval)
    if all(seen.channels == "grey" and len(seen.mixing[0]) == 3 for seen in both):
        yield note("three channels of grey come out", "All follow the picture's alike.")


@rule(
    "IMG206",
    "colour-mix",
    detected="How strongly each output channel follows each channel of the picture: "
    "evaluation against all draws of training, and half of their range beyond.",
    matters="At evaluation colours are more or less saturated, or of another hue.",
    remedy="Change colours in training only, around what they are.",
)
def colour_mix(passport: Passport) -> Iterator[Said]:
    """Colours are mixed otherwise in training than at evaluation."""
    least, most = np.array(passport.train.least_mixing), np.array(passport.train.most_mixing)
    look = np.array(passport.eval.mixing)
    if passport.train.channels != passport.eval.channels or least.shape != look.shape:
        return
    beyond = (most - least) / 2  # draws do not reach the ends of what is drawn from
    away = float((np.maximum(least - look, look - most) - beyond).max())
    plain = not (passport.eval_varies or passport.train.uneven or passport.eval.uneven)
    if away > MIXED and plain:
        yield warning(
            "channels are mixed otherwise in training than at evaluation",
            f"What a channel takes from another is {away:.0%} of the strongest beyond "
            "what training draws.",
        )


@rule(
    "IMG207",
    "negative",
    detected="The sign of the correlation of the output with its place in the picture.",
    matters="Light is dark on one side: the net meets negatives of what it learnt.",
    remedy="One sign on both sides.",
)
def negative(passport: Passport) -> Iterator[Said]:
    """Training and evaluation are negatives of each other."""
    train, look = passport.train.negative, passport.eval.negative
    if abs(train - look) > ALWAYS:
        mode = "training" if train > look else "evaluation"
        yield fail(f"{mode} shows negatives", "Light places of the picture come out low.")


@rule(
    "IMG208",
    "displaced-channel",
    detected="What the channels of an output of grey hills differ by, along the slopes; in "
    "training, in the median draw.",
    matters="Every edge has a coloured rim.",
    remedy="Look for a shift, a crop or a resize that is done by channel.",
)
def displaced_channel(passport: Passport) -> Iterator[Said]:
    """A channel is displaced against the others."""
    for mode, seen in passport.both:
        if seen.apart > APART and not seen.levels.broken and not seen.mirrored_lines:
            say = fail if mode == "evaluation" else warning
            yield say(
                f"channels of the {mode} output are displaced by {seen.apart:.1f} pixels",
                "Against each other, for a grey picture.",
            )
