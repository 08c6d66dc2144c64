"""Which part of a picture is seen, and which way round."""

from __future__ import annotations

import math
from collections.abc import Iterator

from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import ASKEW, PADDED, Probe
from imagenet_tools.diagnosis.rules.draws import FOUND
from imagenet_tools.diagnosis.rules.resampling import BLUR

ZOOM_RATIO = 1.3  # inception's is 1.5
ASPECT_RATIO = 1.1
STRETCHED = 1.5  # in both modes; a 4:3 photograph squashed to a square has 1.33
OFF_CENTRE = 0.25  # of the room of the window; 25 uniform draws have a deviation of 0.06
TURNED = 0.08  # of draws: more than two of 25
SWUNG = 20  # degrees, between draws
AS_MUCH = 0.05  # of the output: a letterbox that training shifts
EVEN = 0.25  # of draws: between this and the rest, half of them are
ASKEW_DRAWS = 0.25  # of 16; by an angle of any size 0.6
FOUND_AGAIN = "The window is found again in the picture, in eight ways of turning it."


def _apart(train: float, look: float, limit: float, margin: float) -> bool:
    """Whether two modes' figures are another by this ratio, and not by the luck of the draws."""
    return abs(math.log(look / train)) > max(math.log(limit), margin)


def _zooms_known(passport: Passport) -> bool:
    """Whether both modes' zooms were measured; not where waves are blurred, or one look is luck."""
    both = (passport.train, passport.eval)
    return all(one.placed and one.blur <= BLUR for one in both) and not passport.eval_varies


@rule("IMG101", "zoom")
def zoom(passport: Passport) -> Iterator[Said]:
    """Objects are of another size in training than at evaluation.

    Detected: The period of waves in the output, against theirs in the picture; the mean of the
    draws by more than luck.
    Matters: The net meets objects at another size than it was trained on: known to cost about a
    point (FixRes).
    Remedy: Evaluate at a tighter crop, or a larger size.
    """
    train, look, known = passport.train, passport.eval, _zooms_known(passport)
    margin = max(train.zoom_margin, look.zoom_margin)
    if known and _apart(train.zoom, look.zoom, ZOOM_RATIO, margin):
        ratio = look.zoom / train.zoom
        larger = "larger" if ratio > 1 else "smaller"
        yield warning(
            f"objects are {max(ratio, 1 / ratio):.2f} times {larger} in training than at "
            "evaluation",
            f"A training pixel covers {train.zoom:.2f} source pixels (geometric mean), an "
            f"evaluation pixel {look.zoom:.2f}.",
        )


@rule("IMG102", "aspect")
def aspect(passport: Passport) -> Iterator[Said]:
    """Shapes are distorted otherwise in training than at evaluation.

    Detected: The periods of waves along both axes of the output; the mean of the draws by more than
    luck. A 4:3 photograph squashed to a square is distorted 1.33 times.
    Matters: Shapes at evaluation are not those of training.
    Remedy: Squash on both sides or on neither; sizes are [height, width].
    """
    train, look, known = passport.train, passport.eval, _zooms_known(passport)
    margin = max(train.aspect_margin, look.aspect_margin)
    if known and _apart(train.aspect, look.aspect, ASPECT_RATIO, margin):
        yield warning(
            f"aspect is distorted {look.aspect:.2f} times at evaluation, {train.aspect:.2f} in "
            "training",
            "Horizontal over vertical zoom of a 4:3 photograph; draws around 1 cancel out.",
        )
    elif known and min(abs(math.log(one.aspect)) for one in (train, look)) > math.log(STRETCHED):
        yield warning(
            f"aspect is distorted {look.aspect:.2f} times in both modes",
            "More than a square makes of a 4:3 photograph.",
        )


@rule("IMG103", "no-resize")
def no_resize(passport: Passport) -> Iterator[Said]:
    """Photographs are cut without being resized.

    Detected: An output pixel is a source pixel, and less than half of a photograph is seen.
    Matters: Objects of photographs do not fit into the crop, as they do in CIFAR's images of 32
    pixels.
    Remedy: Resize first.
    """
    for mode, seen in passport.both:
        sizes = (*seen.zoom_range, seen.aspect)
        as_it_is = all(abs(one - 1) < 0.02 for one in sizes)
        if seen.placed and as_it_is and seen.area < 0.5:
            yield warning(
                f"{mode} cuts {seen.area:.0%} of a photograph without resizing it",
                "One output pixel is one source pixel.",
            )


@rule("IMG104", "padding")
def padding(passport: Passport) -> Iterator[Said]:
    """Part of the output shows no picture.

    Detected: Lines of one value along the borders of an output of noise, and places that never
    answer to brightness.
    Matters: The net learns the border.
    Remedy: Pad nothing, or on both sides of the comparison.
    """
    # Of oblong pictures alone, in both modes: they are shown whole, on purpose.
    letterbox = all(one.padded > PADDED >= one.framed for _, one in passport.both)
    look, apart = passport.eval, passport.train.covered - passport.eval.covered
    shifted = look.padded > PADDED >= look.framed and 0 <= apart < AS_MUCH
    meant = letterbox or shifted
    for mode, seen in passport.both:
        if seen.covered > PADDED and not seen.levels.few:
            yield (note if meant else warning)(
                f"{seen.covered:.1%} of the {mode} output is padding",
                "Parts of the output do not answer to the picture.",
            )


@rule("IMG105", "upside-down", detected=FOUND_AGAIN)
def upside_down(passport: Passport) -> Iterator[Said]:
    """Images are upside down.

    Matters: Photographs are not taken upside down; a vertical flip costs accuracy. Where nothing is
    upright, as in pictures from above, all right angles are drawn alike, which is a note.
    Remedy: Flip left and right only.
    """
    for mode, seen in passport.both:
        if seen.upside_down > TURNED and seen.askew <= ASKEW_DRAWS:
            yield (note if _every_way(seen) else fail)(
                f"{seen.upside_down:.0%} of the {mode} images are upside down",
                "The picture was found again upside down.",
            )


@rule("IMG106", "mirrored-eval", detected=FOUND_AGAIN)
def mirrored_eval(passport: Passport) -> Iterator[Said]:
    """Evaluation mirrors the images.

    Matters: Text and faces are mirrored.
    Remedy: Flip in training only.
    """
    if passport.eval.mirrored and not passport.eval.transposed and not passport.eval_varies:
        yield fail("evaluation mirrors the images", "The picture was found again mirrored.")


@rule("IMG107", "transposed", detected=f"{FOUND_AGAIN} Upright pictures are put in, too.")
def transposed(passport: Passport) -> Iterator[Said]:
    """Rows and columns are swapped.

    Matters: Height and width are swapped, or the image is turned by a right angle: no photograph
    looks like that. All right angles drawn alike are a note.
    Remedy: TensorFlow's images are [height, width, channels]; sizes are given in that order.
    """
    for mode, seen in passport.both:
        if seen.transposed > TURNED and seen.askew <= ASKEW_DRAWS:
            yield (note if _every_way(seen) else fail)(
                f"{seen.transposed:.0%} of the {mode} images have rows for columns",
                "The picture was found again with its axes swapped.",
            )


def _every_way(seen: Probe) -> bool:
    """Whether draws turn by all right angles alike, which is meant: satellites see no upright."""
    return seen.upside_down > 0 and EVEN <= seen.transposed <= 1 - EVEN


@rule("IMG108", "off-centre")
def off_centre(passport: Passport) -> Iterator[Said]:
    """Crops lie to one side.

    Detected: The middle of the windows, on average over the draws, against that of the picture.
    Matters: Objects stand in the middle of photographs: a corner shows less of them, and training
    that sees corners alone learns another place.
    Remedy: Draw the corner from all of the room; evaluate the middle.
    """
    for mode, seen in passport.both:
        y, x = seen.off_centre
        down, right = (
            abs(away) > max(OFF_CENTRE, margin)
            for away, margin in zip(seen.off_centre, seen.off_centre_margin, strict=True)
        )
        known = not passport.eval_varies if mode == "evaluation" else seen.found >= FOUND
        if (down or right) and known:
            sides = ["bottom" if y > 0 else "top"] * down + ["right" if x > 0 else "left"] * right
            yield warning(
                f"{mode} crops lie to the {' '.join(sides)}",
                f"Off the middle by {y:+.0%} (down) and {x:+.0%} (right) of the room they have.",
            )


@rule("IMG120", "tilted")
def tilted(passport: Passport) -> Iterator[Said]:
    """Images are turned or slanted by some degrees.

    Detected: The way in which slopes of grey rise: at evaluation, and in all draws of training; or
    draws that turn by any angle.
    Matters: The horizon is straight in one mode and never, or hardly ever, in the other.
    Remedy: Turn and shear images in training only, to both sides, by some degrees; many operations
    take radians.
    """
    for mode, seen in passport.both:
        if seen.turned:
            least, most = (abs(one) for one in seen.tilt)
            yield warning(
                f"{mode} turns or slants images by {min(least, most):.0f} degrees or more",
                "All of them the same way.",
            )
    if passport.train.askew > ASKEW_DRAWS:
        yield warning(
            "training turns images by any angle",
            f"{passport.train.askew:.0%} of the draws are turned by more than {ASKEW} degrees, and "
            "by no right angle.",
        )


@rule("IMG109", "scrambled")
def scrambled(passport: Passport) -> Iterator[Said]:
    """The output does not resemble the picture.

    Detected: The correlation of the output with the part of the picture that it fits best.
    Matters: What comes out does not look like the picture: rows and channels may be mixed up by a
    reshape.
    Remedy: Look at `imgtools preview`.
    """
    for mode, seen in passport.both:
        known = seen.levels.curve is not None and seen.levels.drop <= 0.5  # else it is an overflow
        sharp = seen.blur <= BLUR and not seen.levels.few
        swung = seen.tilt[1] - seen.tilt[0] > SWUNG  # what is turned far is not found again
        named = seen.uneven or seen.turned or swung or seen.small is not None
        if not (seen.placed or named) and sharp and (known or not seen.levels.broken):
            yield fail(
                f"the {mode} output does not resemble the picture",
                f"Its best place in it has a correlation of {seen.match:.2f}.",
            )


@rule("IMG119", "mirrored-lines")
def mirrored_lines(passport: Passport) -> Iterator[Said]:
    """Single rows or columns are reversed.

    Detected: Each row and column of an output of smooth hills against its neighbours, as it is and
    reversed; in training, in the median draw.
    Matters: The picture is torn along these lines.
    Remedy: Look for a flip or an index that is taken by row, where the image was meant.
    """
    for mode, seen in passport.both:
        if seen.mirrored_lines >= 1:
            yield fail(
                f"{seen.mirrored_lines:.0f} rows or columns of the {mode} output are reversed",
                "Alone among their neighbours, which they fit the other way round.",
            )
