"""Which values come out: scale, centre, range, and the accidents of arithmetic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import PADDED, UNEVEN
from imagenet_tools.diagnosis.rules.flat import shaded_apart
from imagenet_tools.diagnosis.values import Values

# Root mean square of the input for which recipes at rate 0.01 and Xavier's weights were made is
# about 1; 0.55 is inception's, 68 that of 0..255 less the mean.
SCALE = (0.3, 3.0)
FAINT = 0.15  # below, nothing is learnt for long; down to it (-0.5..0.5) only slower
MEAN_SHIFT = 0.5  # of the standard deviation
RMS_RATIO = 1.4  # between training and evaluation
SPREAD_RATIO = 1.35
CONTRAST = 1.25
QUANTILES = 0.75  # of the deviation
CURVES = 0.05  # of the span, beyond what luck does to a training curve
CENTRE = (1.0, 3.0)  # |mean| over deviation: 1.7 for 0..1, 3.4 where a mean is added
OUTSIDE = (-20.0, 275.0)  # grey levels that are none
# The means that everybody subtracts, R G B of 0..255: VGG's and torchvision's.
MEANS = ((123.68, 116.78, 103.94), (123.675, 116.28, 103.53), (122.68, 116.67, 104.01))
SAME_MEAN = 1.2  # grey levels
CLIPPED = 0.2
LOST = 0.12  # of the grey levels
BEND = 0.06
WRAPS = 0.1  # of lines; honest pipelines have below 0.01
TINT = (0.1, 0.5)  # none, and that of an orange whose channels are standardised together is 2.4


def _curves(passport: Passport) -> tuple[float, float]:
    """Mean distance of the two modes' curves, of the evaluation's span, and what is allowed."""
    train, look = passport.train.levels, passport.eval.levels
    if train.curve is None or look.curve is None:
        return 0.0, CURVES
    one, two = np.array(train.curve), np.array(look.curve)
    if one.shape != two.shape:
        return 0.0, CURVES
    span = max(float(np.ptp(two)), 1e-9)
    least, most = train.middle
    sure = not least <= look.middle[0] <= most  # no draw is on the evaluation's other side
    return float(np.abs(one - two).mean()) / span, CURVES if sure else max(CURVES, train.doubt)


@rule("IMG211", "train-eval-values")
def train_eval_values(passport: Passport) -> Iterator[Said]:
    """Training and evaluation differ in their values.

    Detected: Curves of flat pictures from black to white (in training the median draw), and whether
    there is one in both modes; whether all draws make a grey lighter, or darker; means, deviations
    and quantiles of the same photographs, beyond what a draw does to one of them.
    Matters: The net is evaluated on values that it was not trained on.
    Remedy: A mean, a scale or a colour change is probably applied on one side only.
    """
    apart, allowed = _curves(passport)
    if shaded_apart(passport) > UNEVEN:
        return  # uneven has said so
    if apart > allowed and passport.same_channels and not passport.eval_varies:
        yield fail(
            "training and evaluation give the same grey other values",
            f"On average over black to white they differ by {apart:.0%} of the span.",
        )
    elif sided := _by_picture(passport):
        yield fail(
            f"{sided} alone brings each picture, or channel, to a level of its own",
            "Flat pictures come out alike there, and apart in the other mode.",
        )
    elif (contrast := _contrast(passport)) > CONTRAST:
        yield fail(
            "training and evaluation give pictures another contrast",
            f"The deviation of coarse noise is {contrast:.2f} times that of any training draw, or "
            "as much below.",
        )
    elif max(passport.train.padded, passport.eval.padded) > PADDED:
        return  # photographs differ by the border; curves do not
    elif passport.values and (measured := _photographs(passport.values)):
        yield fail("training and evaluation differ in their values", measured)


def _by_picture(passport: Passport) -> str | None:
    """The mode that centres or standardises by picture, where the other one does not; or by
    channel, where the other one does so for all of them together."""
    lacking = [(mode, seen) for mode, seen in passport.both if seen.levels.curve is None]
    fine = not (passport.train.odd or passport.eval.odd or passport.eval_varies)
    if fine and len(lacking) == 1 and lacking[0][1].levels.doubt < CURVES:
        return lacking[0][0]
    (less, without), (_, with_it) = sorted(passport.both, key=lambda one: one[1].levels.tint)
    by_channel = without.levels.tint < TINT[0] and with_it.levels.tint > TINT[1]
    fine = fine and len(lacking) == 2 and passport.same_channels
    return less if fine and by_channel else None


def _contrast(passport: Passport) -> float:
    """How far the evaluation's contrast is from those of the training draws, as a ratio."""
    comparable = passport.same_channels and not passport.eval_varies
    (least, most), (look, _) = passport.train.levels.contrast, passport.eval.levels.contrast
    if not (comparable and least > 0 and look > 0):
        return 1.0
    return max(1.0, least / look, look / most)


def _photographs(values: Values) -> str | None:
    shift = max(
        abs(a - b) / max(s, 1e-9)
        for a, b, s in zip(values.train_mean, values.eval_mean, values.eval_std, strict=True)
    )
    ratio = _distance(values.train_rms, values.eval_rms)
    spread = _distance(float(np.mean(values.train_std)), float(np.mean(values.eval_std)))
    mean, rms, deviation = values.wander
    fine = shift <= max(MEAN_SHIFT, mean) and values.quantile_gap <= QUANTILES + mean
    wider = math.log1p(mean**2) / 2  # what draws that move an image's mean do to the whole
    even = spread <= np.log(SPREAD_RATIO) + deviation + wider
    if fine and even and ratio <= np.log(RMS_RATIO) + rms:
        return None
    return (
        f"Channel means differ by up to {shift:.2f} standard deviations, quantiles by "
        f"{values.quantile_gap:.2f}; root mean squares are {values.train_rms:.3g} and "
        f"{values.eval_rms:.3g}."
    )


def _distance(one: float, other: float) -> float:
    """The natural logarithm of a ratio, without its sign."""
    return abs(math.log(max(one, 1e-9) / max(other, 1e-9)))


@rule(
    "IMG212",
    "scale",
    detected=f"The root mean square over photographs in training, {SCALE[0]} to {SCALE[1]} being "
    "what weights and rates of the usual recipes are made for.",
)
def scale(passport: Passport) -> Iterator[Said]:
    """The input's scale is far from 1.

    Matters: The first layer's updates grow and shrink with it; a rate fit for unit scale kills
    units, diverges or learns nothing.
    Remedy: Divide by the deviation, once; or compare with --match-scale.
    """
    values = passport.values
    if values is None or SCALE[0] <= values.train_rms <= SCALE[1]:
        return
    say = note if FAINT <= values.train_rms < SCALE[0] else warning
    yield say(
        f"input scale is {values.train_rms:.3g} (root mean square), not near 1",
        f"Values run from {values.train_range[0]:.4g} to {values.train_range[1]:.4g}.",
    )


@rule("IMG213", "centring")
def centring(passport: Passport) -> Iterator[Said]:
    """Values are not centred.

    Detected: The mean over photographs, of the deviation: 0 where a mean is subtracted, 1.7 for
    0..1, above 3 where a mean is added, or a normalisation is done twice or in another unit.
    Matters: All weights of a filter are pushed the same way; the first layer learns slowly or its
    units die.
    Remedy: Subtract the mean, in the unit that the values have then, once.
    """
    if passport.values is None:
        return
    pairs = zip(passport.values.train_mean, passport.values.train_std, strict=True)
    away = max((mean / max(std, 1e-9) for mean, std in pairs), key=abs)
    if abs(away) > CENTRE[0]:
        zero = passport.train.levels.zero
        wild = zero is not None and any(not OUTSIDE[0] <= one <= OUTSIDE[1] for one in zero)
        text = "" if zero is None else ", ".join(f"{level:.0f}" for level in zero)
        say = warning if wild or (zero is None and abs(away) > CENTRE[1]) else note
        yield say(
            f"values lie {abs(away):.1f} deviations {'above' if away > 0 else 'below'} zero",
            "Means over photographs." + (f" Zero is the grey level {text}." if text else ""),
        )


@rule("IMG214", "mean-order")
def mean_order(passport: Passport) -> Iterator[Said]:
    """Channels have each other's mean subtracted.

    Detected: The grey level of each channel that becomes zero, against ImageNet's usual means in
    the order of the channels.
    Matters: Each channel is off by up to 20 grey levels; pretrained weights notice.
    Remedy: Put the means in the order of the channels.
    """
    for mode, seen in passport.both:
        zero, names = seen.levels.zero, seen.channels
        if zero is None or len(zero) != 3 or sorted(names) != sorted("RGB"):
            continue
        for means in MEANS:
            right = [means["RGB".index(name)] for name in names]
            swapped = [
                list(order) for order in itertools.permutations(right) if list(order) != right
            ]
            near = min(np.abs(np.subtract(order, zero)).max() for order in swapped)
            if near < SAME_MEAN < np.abs(np.subtract(right, zero)).max():
                text = ", ".join(f"{level:.1f}" for level in zero)
                yield warning(
                    f"the means of channels are swapped ({mode})",
                    f"Channels {names} are zero at {text}.",
                )
                break


@rule("IMG215", "clipping")
def clipping(passport: Passport) -> Iterator[Said]:
    """Values are cut off.

    Detected: The share of photographs' values on the extremes, and of grey levels that end there.
    Matters: Detail in light and dark parts is lost.
    Remedy: Cut off at the range that the values have by then; change colours less.
    """
    for mode, seen in passport.both:
        if seen.levels.lost > LOST and not seen.levels.few:
            yield warning(
                f"{seen.levels.lost:.0%} of the grey levels are cut off ({mode})",
                "They come out as black or white do.",
            )
            return
    padded = passport.train.covered > PADDED and not passport.train.levels.flat  # on purpose
    if passport.values and passport.values.clipped > CLIPPED and not padded:
        yield warning(
            f"{passport.values.clipped:.0%} of the values lie on the extremes",
            "Colour changes push them beyond the range, where they are cut off.",
        )


@rule("IMG216", "few-levels")
def few_levels(passport: Passport) -> Iterator[Said]:
    """Values have few levels.

    Detected: Different values in the output of smooth hills from black to white.
    Matters: Slopes become steps; fine contrast is lost.
    Remedy: Cast to float before dividing, and round nothing.
    """
    for mode, seen in passport.both:
        if seen.levels.few:
            yield fail(
                f"the {mode} output has {seen.levels.distinct:.0f} levels",
                "A smooth picture of 256 levels was put in.",
            )


@rule("IMG217", "wraps")
def wraps(passport: Passport) -> Iterator[Said]:
    """Values wrap around.

    Detected: Smooth hills that break from the highest value to the lowest (in one mode, where they
    are coloured), curves of grey levels that fall, and edges from black to white with a dark line
    on their light side.
    Matters: Light parts come out dark: an overflow of uint8.
    Remedy: Cast to float before adding or multiplying; a bicubic resize goes beyond black and white
    at edges: clip it before a cast, or tf.saturate_cast.
    """
    least = min(one.levels.coloured_wraps for _, one in passport.both)  # hues go round in both
    for mode, seen in passport.both:
        if seen.levels.broken or seen.levels.coloured_wraps > least + WRAPS:
            yield fail(
                f"values wrap around in {mode}",
                "Where the picture becomes a little lighter, the output falls from its highest "
                "value to its lowest.",
            )


@rule("IMG218", "bend")
def bend(passport: Passport) -> Iterator[Said]:
    """Values are no line of the grey levels.

    Detected: The distance of the curve from black to white from a line.
    Matters: Dark or light parts are stretched, as by a gamma; no matter where it is meant.
    Remedy: Leave the values of the JPEG as they are, which is what other nets were trained on.
    """
    look = passport.eval.levels
    if look.bend > BEND and not look.broken and not passport.eval_varies:
        yield note(
            "values are no line of the grey levels",
            f"The evaluation's are up to {look.bend:.0%} of the span off a line.",
        )
