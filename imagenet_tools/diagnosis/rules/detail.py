"""Whether evaluation treats fine detail as training does: sharpening, blur, compression."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_tools.diagnosis.detail import ALL, COMPRESSED
from imagenet_tools.diagnosis.finding import Said, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import PADDED, Probe
from imagenet_tools.diagnosis.rules.geometry import TURNED
from imagenet_tools.diagnosis.rules.resampling import BLUR

OVERSHOOT = 0.08  # above training's; a bicubic resize has 0.05, Lanczos' 0.10, no other any
FAINT = 0.94  # honest pipelines have 0.99 and more, a JPEG of quality 75 has 0.91
SPOTS = 0.5  # honest pipelines have 0.9 and more, a median of 3 x 3 pixels 0.1
STRAIGHT = 0.5  # degrees
SOFTER = 1.45  # a resize with antialiasing beside one without has 1.33


@rule("IMG114", "sharpened-eval")
def sharpened_eval(passport: Passport) -> Iterator[Said]:
    """Evaluation sharpens, training does not.

    Detected: How far bars go beyond their own grey beside an edge: evaluation against the draw of
    training where it is most.
    Matters: The first layers meet edges with a rim that they never saw in training.
    Remedy: Sharpen on both sides or on neither; resize by one method.
    """
    _, train = passport.train.detail.overshoot
    look, _ = passport.eval.detail.overshoot
    padded = passport.eval.covered > PADDED
    sharper = _sharper(passport.eval, passport.train)
    if sharper and _comparable(passport) and not padded and not _loses(passport):
        yield warning(
            "evaluation sharpens, training does not",
            f"Beside an edge the evaluation overshoots by {look:.0%} of its height, training by "
            f"{train:.0%} at most.",
        )


@rule("IMG121", "sharpened-training")
def sharpened_training(passport: Passport) -> Iterator[Said]:
    """Training sharpens, evaluation does not.

    Detected: How far bars go beyond their own grey beside an edge: the draw of training where it is
    least against the evaluation.
    Matters: The net learns edges with a rim that evaluation does not have.
    Remedy: Sharpen some of the images, or evaluation too; resize by one method.
    """
    train, _ = passport.train.detail.overshoot
    look, _ = passport.eval.detail.overshoot
    padded = passport.train.covered > PADDED
    # Of bars that are turned there is no line across.
    straight = max(abs(one) for one in passport.train.tilt) < STRAIGHT
    plain = straight and not padded and passport.train.detail.blocks >= COMPRESSED
    if _sharper(passport.train, passport.eval) and _comparable(passport) and plain:
        yield warning(
            "training sharpens, evaluation does not",
            f"Beside an edge every draw overshoots by {train:.0%} of its height or more, "
            f"evaluation by {look:.0%}.",
        )


@rule("IMG115", "faint-detail")
def faint_detail(passport: Passport) -> Iterator[Said]:
    """Evaluation loses faint detail.

    Detected: The answer of the evaluation to faint texture, against that to the same texture at
    several times the strength: they are alike but for the size, unless faint detail is rounded
    away.
    Matters: Faint detail is gone, and blocks or steps stand in its place, as after a JPEG of low
    quality: the net meets at evaluation what it never saw.
    Remedy: Evaluate the decoded image as it is; compress in training only.
    """
    if _comparable(passport) and _loses(passport):
        yield warning(
            "evaluation loses faint detail",
            f"What faint texture changes in the output resembles what the same texture changes "
            f"when it is strong by {passport.eval.detail.faint:.2f}; 1 is all of it.",
        )


@rule("IMG116", "softer-eval")
def softer_eval(passport: Passport) -> Iterator[Said]:
    """Evaluation is softer than training.

    Detected: The width of sharp edges in the evaluation, against that in the median draw of
    training.
    Matters: Detail that the net has learnt to use is gone at evaluation.
    Remedy: Blur in training only; resize once, by one method.
    """
    train, look = (
        seen.detail.edge * (min(1.0, seen.zoom) if seen.placed else 1.0)
        for _, seen in passport.both
    )
    # Where some draws sharpen, the median of their edges is one of luck.
    sharpened = passport.train.detail.overshoot[1] > passport.eval.detail.overshoot[1] + OVERSHOOT
    plain = passport.eval.blur <= BLUR and not sharpened
    if look > SOFTER * train > 0 and plain and _comparable(passport):
        yield warning(
            f"edges are {look / train:.1f} times as wide at evaluation as in training",
            f"{look:.1f} output pixels, and {train:.1f} in the median draw of training.",
        )


@rule(
    "IMG117",
    "compressed-training",
    detected="Fine detail within the blocks of 8 x 8 pixels that a JPEG has, against that within "
    f"blocks elsewhere: of {ALL} draws of training, and of the evaluation.",
)
def compressed_training(passport: Passport) -> Iterator[Said]:
    """Training compresses every image, evaluation none.

    Matters: The net learns blocks and smooth patches that the evaluation does not have.
    Remedy: Compress some of the images, or none: tf.image.stateless_random_jpeg_quality behind a
    condition that is drawn.
    """
    train, look = passport.train.detail.blocks, passport.eval.detail.blocks
    if train < COMPRESSED < look and _comparable(passport):
        yield warning(
            "training compresses every image as a JPEG, evaluation none",
            f"Within blocks of 8 x 8 pixels {train:.0%} of the fine detail elsewhere is left in "
            f"training, {look:.0%} at evaluation.",
        )


@rule("IMG118", "spots")
def spots(passport: Passport) -> Iterator[Said]:
    """Evaluation removes small spots.

    Detected: The sum of what small light and dark spots change in the evaluation, against what
    their share of the picture would, were it all as light or dark.
    Matters: Spots, thin lines and texture are gone while edges stay, as after a median filter.
    Remedy: Evaluate the resized image as it is.
    """
    left = passport.eval.detail.spots
    if left is not None and left < SPOTS and _comparable(passport):
        yield warning(
            "small spots are gone at evaluation", f"{max(left, 0.0):.0%} of their sum is left."
        )


def _sharper(one: Probe, other: Probe) -> bool:
    """Whether one mode's draws all overshoot by more than any of the other's."""
    return one.detail.overshoot[0] > other.detail.overshoot[1] + OVERSHOOT


def _loses(passport: Passport) -> bool:
    faint = passport.eval.detail.faint
    return faint is not None and faint < FAINT


def _comparable(passport: Passport) -> bool:
    """Whether the evaluation is one output, of many levels, with nothing worse to say of it."""
    worse = passport.eval.levels.few or passport.eval_varies or passport.uneven
    return not worse and not any(
        one.levels.broken or one.turned or one.transposed > TURNED for _, one in passport.both
    )
