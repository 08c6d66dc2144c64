"""Which channel is which, and whether training and evaluation agree on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from imagenet_tools.diagnosis.channels import ALIKE, NOTHING
from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import Probe
from imagenet_tools.diagnosis.rules.draws import never_mirrors
from imagenet_tools.diagnosis.rules.values import LOST

MIXED = 0.25  # of the strongest response
APART = 0.2  # pixels; of honest pipelines below 0.01
ALWAYS = 0.9  # of 25 draws; some invert half of the images on purpose


@rule("IMG201", "channel-order")
def channel_order(passport: Passport) -> Iterator[Said]:
    """Channels are in another order in training than at evaluation.

    Detected: A slope in one channel alone shows which output channels follow it; in training, in
    every draw that has colours. Or some draws have them reversed, and none is a mirror image.
    Matters: The net meets colours that it never saw; accuracy falls by several points.
    Remedy: One order on both sides.
    """
    train, look = passport.train.channels, passport.eval.channels
    drawn = set(passport.train.orders)
    other = train != look and look not in drawn and not passport.train.levels.flat
    if other and len(drawn - {"grey"}) <= 1:
        yield fail(
            f"channels are {train} in training and {look} at evaluation",
            "Each channel was found by a slope in it alone.",
        )
    elif never_mirrors(passport) and _reversed_in_some(passport):
        yield warning(
            f"channels are {look} or {look[::-1]} in training, and no image is mirrored",
            "The last axis may have been taken for that of the columns.",
        )


def _reversed_in_some(passport: Passport) -> bool:
    """Whether training draws the evaluation's channels, and the same in reverse, and no others."""
    look, train = np.array(passport.eval.mixing), passport.train
    both = [look, look[:, ::-1]]
    drawn = [np.array(train.least_mixing), np.array(train.most_mixing)]
    wanted = [np.min(both, axis=0), np.max(both, axis=0)]
    alike = drawn[0].shape == look.shape and np.abs(np.subtract(drawn, wanted)).max() < ALIKE
    return bool(alike and np.ptp(both, axis=0).max() > ALIKE)


@rule("IMG202", "channels")
def channels(passport: Passport) -> Iterator[Said]:
    """Channels come out in another order than RGB, as mixtures, or one as a negative.

    Detected: A slope in one channel alone shows which output channels follow it; curves of flat
    pictures from black to white, which of them fall.
    Matters: No matter from scratch; it is with pretrained weights.
    Remedy: RGB is what TF-Slim's weights want.
    """
    train, look = passport.train.channels, passport.eval.channels
    if train == look and sorted(look) == sorted("RGB") and look != "RGB":
        yield note(f"channels come out as {look}", "The same in both modes.")
    elif (mixed := _mixed(passport)) > MIXED and not passport.eval.uneven:
        yield note(
            "channels come out as mixtures",
            f"In both modes one takes {mixed:.0%} of the strongest from another: "
            "another colour space, or a change of hue or saturation.",
        )
    elif (negatives := _negatives(passport.eval)) and negatives == _negatives(passport.train):
        listed = " and ".join(str(number) for number in negatives)
        yield note(f"channel {listed} comes out as a negative", "In both modes; others do not.")


def _negatives(seen: Probe) -> list[int]:
    """The channels that fall with the grey level where others rise, counted from 1."""
    if seen.levels.curve is None:
        return []
    rises = np.subtract(seen.levels.curve[-1], seen.levels.curve[0])
    falls = np.flatnonzero(rises < 0) + 1
    steep = np.abs(rises).min() > np.abs(rises).max() / 4  # what opponent colours of grey are not
    return list(map(int, falls)) if steep and len(falls) < len(rises) else []


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


@rule("IMG203", "dead-channel")
def dead_channel(passport: Passport) -> Iterator[Said]:
    """A channel follows nothing.

    Detected: A channel of the output answers to no channel of the picture, in no draw.
    Matters: A third of the input is lost.
    Remedy: Look for a channel that is overwritten, cut off or multiplied by zero.
    """
    for mode, seen in passport.both:
        drawn = np.abs([seen.least_mixing, seen.most_mixing]).max(axis=(0, 1))
        if "-" in seen.channels and drawn.min() < NOTHING and not seen.levels.few:
            number = seen.channels.index("-") + 1
            yield fail(
                f"channel {number} of the {mode} output follows nothing",
                f"Channels come out as {seen.channels}.",
            )


@rule("IMG204", "copied-channel")
def copied_channel(passport: Passport) -> Iterator[Said]:
    """Two channels are the same one.

    Detected: Two channels of the output follow the same channel of the picture.
    Matters: A channel is lost, and the colours with it.
    Remedy: Look for an index that stands twice.
    """
    for mode, seen in passport.both:
        if seen.channels != "grey" and "-" not in seen.channels and _copied(seen):
            yield fail(
                f"two channels of the {mode} output follow the same one",
                f"Channels come out as {seen.channels}.",
            )


@rule("IMG205", "grey")
def grey(passport: Passport) -> Iterator[Said]:
    """Colour is dropped.

    Detected: Three output channels follow each channel of the picture alike.
    Matters: Colour tells classes apart; without it a net loses some points.
    Remedy: If that is meant, use_grayscale=1 spares two channels.
    """
    both = (passport.train, passport.eval)
    if all(seen.channels == "grey" and len(seen.mixing[0]) == 3 for seen in both):
        yield note("three channels of grey come out", "All follow the picture's alike.")


@rule("IMG206", "colour-mix")
def colour_mix(passport: Passport) -> Iterator[Said]:
    """Colours are mixed otherwise in training than at evaluation.

    Detected: How strongly each output channel follows each channel of the picture: evaluation
    against all draws of training, and half of their range beyond.
    Matters: At evaluation colours are more or less saturated, or of another hue.
    Remedy: Change colours in training only, around what they are.
    """
    least, most = np.array(passport.train.least_mixing), np.array(passport.train.most_mixing)
    look = np.array(passport.eval.mixing)
    if not passport.same_channels or least.shape != look.shape:
        return
    beyond = (most - least) / 2  # draws do not reach the ends of what is drawn from
    away = float((np.maximum(least - look, look - most) - beyond).max())
    if away > MIXED and not (passport.eval_varies or passport.uneven):
        yield warning(
            "channels are mixed otherwise in training than at evaluation",
            f"What a channel takes from another is {away:.0%} of the strongest beyond "
            "what training draws.",
        )


@rule("IMG207", "negative")
def negative(passport: Passport) -> Iterator[Said]:
    """Training and evaluation are negatives of each other.

    Detected: The sign of the correlation of the output with its place in the picture.
    Matters: Light is dark on one side: the net meets negatives of what it learnt.
    Remedy: One sign on both sides.
    """
    train, look = passport.train.negative, passport.eval.negative
    if abs(train - look) > ALWAYS:
        mode = "training" if train > look else "evaluation"
        yield fail(f"{mode} shows negatives", "Light places of the picture come out low.")


@rule("IMG208", "displaced-channel")
def displaced_channel(passport: Passport) -> Iterator[Said]:
    """A channel is displaced against the others.

    Detected: What the channels of an output of grey hills differ by, along the slopes; in training,
    in the median draw.
    Matters: Every edge has a coloured rim.
    Remedy: Look for a shift, a crop or a resize that is done by channel.
    """
    for mode, seen in passport.both:
        if seen.apart > APART and not seen.levels.broken and not seen.mirrored_lines:
            say = fail if mode == "evaluation" else warning
            yield say(
                f"channels of the {mode} output are displaced by {seen.apart:.1f} pixels",
                "Against each other, for a grey picture.",
            )


@rule("IMG209", "faded")
def faded(passport: Passport) -> Iterator[Said]:
    """Dark colours come out grey.

    Detected: How far the channels of a flat dark colour come out apart, against those of a light
    one; in training, in the draw where they are most so.
    Matters: What is darker than the middle has no colour, where it has some in the other mode.
    Remedy: Change saturation and hue while values are 0..255 or 0..1, the range last: TensorFlow
    takes what is below zero for grey.
    """
    for mode, seen in passport.both:
        if seen.levels.faded and seen.levels.lost <= LOST:
            yield fail(
                f"dark colours come out grey in {mode}",
                f"{seen.levels.dark:.0%} of what is left of a light one's colour.",
            )
