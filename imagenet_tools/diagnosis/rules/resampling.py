"""How pictures are brought to their size: by neighbours, without antialiasing, blurred."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_tools.diagnosis.finding import Said, note, rule, warning
from imagenet_tools.diagnosis.levels import FEW
from imagenet_tools.diagnosis.passport import Passport

ALIASING = 0.35  # what a bilinear resize without antialiasing leaves of noise is about 0.6
BLUR = 2.2  # widths; a resize with antialiasing has 1.3, a detour over half the size 2.7
NEAREST = 0.9


@rule(
    "IMG111",
    "nearest",
    detected="Noise of two levels comes out in two levels.",
    matters="Aliasing; it costs about half a point.",
    remedy="Resize bilinearly, with antialias=True.",
)
def nearest(passport: Passport) -> Iterator[Said]:
    """The resize is by nearest neighbour."""
    for mode, seen in passport.both:
        resized = abs(seen.zoom - 1) > 0.02
        if seen.nearest > NEAREST and resized and seen.levels.distinct >= FEW:
            yield warning(
                f"{mode} resizes by nearest neighbour",
                "Noise of two levels came out in two levels.",
            )


@rule(
    "IMG112",
    "aliasing",
    detected="Pixel noise in a large photograph (1600 x 1200): either mode's resize should average "
    "it out.",
    matters="It costs up to half a point on large photographs.",
    remedy="tf.image.resize(..., antialias=True).",
)
def aliasing(passport: Passport) -> Iterator[Said]:
    """The resize does not antialias."""
    for mode, seen in reversed(passport.both):
        if seen.aliasing is not None and seen.aliasing > ALIASING and seen.nearest <= NEAREST:
            yield note(
                f"the {mode} resize does not antialias",
                f"{seen.aliasing:.0%} of pixel noise in a large photograph is left (none should "
                "be).",
            )
            return


@rule(
    "IMG113",
    "blurred",
    detected="The width of sharp edges in the output, against the width that the zoom alone makes; "
    "in training, of the sharpest draw.",
    matters="Detail that the net could use is gone.",
    remedy="Resize once, from the decoded image to the output.",
)
def blurred(passport: Passport) -> Iterator[Said]:
    """The output is blurred."""
    for mode, seen in passport.both:
        if seen.blur > BLUR and not seen.uneven:
            yield warning(
                f"the {mode} output is blurred",
                f"A sharp edge is {seen.blur:.1f} times as wide as the zoom makes it: resized "
                "twice, or smoothed.",
            )
