"""What is drawn: in training anew for every image, at evaluation nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.windows import LUCK

ELSEWHERE = 2.0  # pixels of the output
LARGER = 1.03
FAINT = (0.01, 0.5)  # grey levels; below the former it is rounding
FOUND = 12  # draws whose place is known; of fewer, all may be alike by luck


@rule("IMG301", "eval-random")
def eval_random(passport: Passport) -> Iterator[Said]:
    """Evaluation is random.

    Detected: The same photographs twice under is_training=False.
    Matters: Accuracies are those of augmented images and change from run to run.
    Remedy: The training path is probably used at evaluation, or a draw is made on both sides.
    """
    if passport.eval_varies:
        yield fail(
            "evaluation is random",
            "The same image gave different outputs under is_training=False.",
        )


@rule("IMG302", "frozen")
def frozen(passport: Passport) -> Iterator[Said]:
    """A draw is made once and then frozen.

    Detected: Two epochs of a compiled graph against a graph compiled anew: the outputs of
    photographs, and the place, zoom, mirror image and colour of test pictures.
    Matters: A draw made in Python is made once, when the graph is built: the net sees one crop of
    each image for ever.
    Remedy: Draw with TensorFlow's own operations, from the seed that is passed in.
    """
    values = passport.values
    if values and values.repeats and values.retraced:
        yield fail(
            "the augmentation is drawn once and then frozen",
            "Every epoch of a compiled graph gave the same images, a new graph others.",
        )
    elif passport.train.frozen:
        named = " and ".join(passport.train.frozen)
        yield fail(
            f"the {named} is drawn once and then frozen",
            f"The {named} was the same in all draws of a graph, and another in another graph.",
        )


@rule("IMG303", "no-augmentation")
def no_augmentation(passport: Passport) -> Iterator[Said]:
    """Training draws nothing.

    Detected: Two epochs of training on the same photographs.
    Matters: Without augmentation, or where what was drawn is kept, a long training overfits sooner.
    Remedy: Draw crops and mirror images in training, by the seed that is passed in, and after a
    cache.
    """
    values = passport.values
    if values and values.repeats and not values.retraced:
        say = note if values.same_as_eval else warning
        train = passport.train
        by_image = train.place_varies or 0 < train.mirrored < 1
        yield say(
            "training draws once an image, and no more" if by_image else "training draws nothing",
            "Two epochs gave the same images"
            + (", though crops or mirror images differ from image to image." if by_image else "."),
        )


@rule("IMG304", "always-mirrored")
def always_mirrored(passport: Passport) -> Iterator[Said]:
    """Training mirrors every image, or nearly every one.

    Detected: The share of training draws that are mirror images, of those whose place is known: all
    of them, or more than mirroring half of the images gives by luck (a binomial bound).
    Matters: Training sees mirror images alone, evaluation none.
    Remedy: Flip half of the images: the condition of the draw is always true.
    """
    train, look = passport.train, passport.eval
    every = train.mirrored == 1 and train.found >= FOUND
    luck = stats.binom.sf(round(train.mirrored * train.found) - 1, train.found, 0.5)
    if (every or luck < LUCK) and look.mirrored < 1:
        yield fail(
            f"training mirrors {'every image' if every else 'nearly all images'}",
            f"{train.mirrored:.0%} of the draws are mirrored.",
        )


@rule("IMG305", "never-mirrored")
def never_mirrored(passport: Passport) -> Iterator[Said]:
    """Training mirrors no image.

    Detected: The share of training draws that are mirror images, where crops are drawn.
    Matters: Mirror images double the training set; where left and right mean something (text,
    digits) there should be none.
    Remedy: tf.image.stateless_random_flip_left_right.
    """
    if never_mirrors(passport):
        yield note("training mirrors no image", f"No draw of {passport.train.found} was mirrored.")


def never_mirrors(passport: Passport) -> bool:
    """Whether something is drawn in training, but no mirror image."""
    train = passport.train
    return passport.drawn and train.placed and train.found >= FOUND and train.mirrored == 0


@rule("IMG306", "one-crop")
def one_crop(passport: Passport) -> Iterator[Said]:
    """Training cuts the same crop from every image.

    Detected: The place of windows over the draws, where they leave room; and whether it is the
    evaluation's.
    Matters: Without other crops a long training overfits sooner; where evaluation cuts another one,
    the net has never seen its like.
    Remedy: Draw the corner of the crop.
    """
    train, look = passport.train, passport.eval
    room = train.found >= FOUND and train.area < 0.9
    if passport.drawn and room and not train.place_varies and not train.frozen:
        steps = np.abs(np.subtract(train.centre, look.centre)) / train.zoom
        zooms = max(train.zoom, look.zoom) / min(train.zoom, look.zoom)
        other = look.placed and bool(steps.max() > ELSEWHERE or zooms > LARGER)
        yield (warning if other else note)(
            "training cuts the same crop each time" + ", evaluation another" * other,
            "Windows have one place in all draws."
            + f" Evaluation's middle lies {steps[0]:.0f} pixels away along the height and "
            f"{steps[1]:.0f} along the width; the zooms are {zooms:.2f} times apart." * other,
        )


@rule("IMG307", "tied-draws")
def tied_draws(passport: Passport) -> Iterator[Said]:
    """Two draws are one and the same.

    Detected: Whether mirror images go with the place or the size of the crop, brightness or
    contrast, or its height with its side, over the draws (rank tests).
    Matters: Training sees part of what it could: one half of each picture is always mirrored, or
    every mirror image dark, or crops lie along one diagonal.
    Remedy: A seed of its own for each draw: tf.random.experimental.stateless_split, or
    tf.random.experimental.stateless_fold_in.
    """
    if passport.train.tied:
        yield warning(
            f"one draw decides {' and '.join(passport.train.tied)}",
            f"They go together in {passport.train.found} draws.",
        )


@rule("IMG308", "faint-draws")
def faint_draws(passport: Passport) -> Iterator[Said]:
    """Training changes brightness by less than a grey level.

    Detected: How far draws move the values of flat pictures, where they move them at all, and add
    less of a grain.
    Matters: It is as if nothing were drawn: a brightness that is made for values of 0..1 is nothing
    to values of 0..255.
    Remedy: Draw in the unit that values have then: from -32 to 32, not from -32/255 to 32/255.
    """
    levels = passport.train.levels
    least, most = FAINT
    if max(least, 255 * levels.grain) < levels.moved < most:
        yield warning(
            "training changes brightness by less than a grey level",
            f"Its draws move a flat picture by {levels.moved:.2g} grey levels of 255.",
        )
