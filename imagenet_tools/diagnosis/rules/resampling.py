"""How pictures are brought to their size: by neighbours, without antialiasing, blurred."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_tools.diagnosis.finding import Said, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport

ALIASING = 0.35  # what a bilinear resize without antialiasing leaves of noise is about 0.6
BLUR = 2.2  # widths; a resize with antialiasing has 1.3, a detour over half the size 2.7
NEAREST = 0.9


@rule("IMG111", "nearest")
def nearest(passport: Passport) -> Iterator[Said]:
    """The resize is by nearest neighbour.

    Detected: Noise of two levels comes out in two levels, or smooth hills with rows or columns that
    are copies of the ones before.
    Matters: Aliasing; it costs about half a point.
    Remedy: Resize bilinearly, with antialias=True.
    """
    for mode, seen in passport.both:
        resized = abs(seen.zoom - 1) > 0.02
        if seen.nearest > NEAREST and resized and not seen.levels.few:
            yield warning(
                f"{mode} resizes by nearest neighbour",
                "Noise of two levels came out in two levels, or lines came out twice.",
            )


@rule("IMG112", "aliasing")
def aliasing(passport: Passport) -> Iterator[Said]:
    """The resize does not antialias.

    Detected: Pixel noise in a large photograph (1600 x 1200): either mode's resize should average
    it out.
    Matters: It costs up to half a point on large photographs.
    Remedy: tf.image.resize(..., antialias=True).
    """
    for mode, seen in reversed(passport.both):
        if seen.aliasing is not None and seen.aliasing > ALIASING and seen.nearest <= NEAREST:
            yield note(
                f"the {mode} resize does not antialias",
                f"{seen.aliasing:.0%} of pixel noise in a large photograph is left (none should "
                "be).",
            )
            return


@rule("IMG113", "blurred")
def blurred(passport: Passport) -> Iterator[Said]:
    """The output is blurred.

    Detected: The width of sharp edges in the output, against the width that the zoom alone makes;
    in training, of the sharpest draw.
    Matters: Detail that the net could use is gone.
    Remedy: Resize once, from the decoded image to the output.
    """
    for mode, seen in passport.both:
        if seen.blur > BLUR and not seen.uneven:
            yield warning(
                f"the {mode} output is blurred",
                f"A sharp edge is {seen.blur:.1f} times as wide as the zoom makes it: resized "
                "twice, or smoothed.",
            )
