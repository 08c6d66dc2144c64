"""What is drawn: in training anew for every image, at evaluation nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport

ALWAYS = 0.97  # of 25 draws: all of them
ELSEWHERE = 2.0  # pixels of the output
LARGER = 1.03
FOUND = 12  # draws whose place is known; of fewer, all may be alike by luck


@rule(
    "IMG301",
    "eval-random",
    detected="The same photographs twice under is_training=False.",
    matters="Accuracies are those of augmented images and change from run to run.",
    remedy="The training path is probably used at evaluation, or a draw is made on both sides.",
)
def eval_random(passport: Passport) -> Iterator[Said]:
    """Evaluation is random."""
    if passport.eval_varies:
        yield fail(
            "evaluation is random",
            "The same image gave different outputs under is_training=False.",
        )


@rule(
    "IMG302",
    "frozen",
    detected="Two epochs of a compiled graph against a graph compiled anew: the outputs of "
    "photographs, and the place, zoom, mirror image and colour of test pictures.",
    matters="A draw made in Python is made once, when the graph is built: the net sees one crop of "
    "each image for ever.",
    remedy="Draw with TensorFlow's own operations, from the seed that is passed in.",
)
def frozen(passport: Passport) -> Iterator[Said]:
    """A draw is made once and then frozen."""
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


@rule(
    "IMG303",
    "no-augmentation",
    detected="Two epochs of training on the same photographs.",
    matters="Without augmentation a long training overfits sooner.",
    remedy="Draw crops and mirror images in training.",
)
def no_augmentation(passport: Passport) -> Iterator[Said]:
    """Training draws nothing."""
    values = passport.values
    if values and values.repeats and not values.retraced:
        say = note if values.same_as_eval else warning
        yield say("training draws nothing", "Two epochs gave the same images.")


@rule(
    "IMG304",
    "always-mirrored",
    detected="The share of training draws that are mirror images, of those whose place is known.",
    matters="Training sees mirror images alone, evaluation none.",
    remedy="Flip half of the images: the condition of the draw is always true.",
)
def always_mirrored(passport: Passport) -> Iterator[Said]:
    """Training mirrors every image."""
    train, look = passport.train, passport.eval
    if train.mirrored > ALWAYS > look.mirrored and train.found >= FOUND:
        yield fail(
            "training mirrors every image",
            f"{train.mirrored:.0%} of the draws are mirrored.",
        )


@rule(
    "IMG305",
    "never-mirrored",
    detected="The share of training draws that are mirror images, where crops are drawn.",
    matters="Mirror images double the training set; where left and right mean something (text, "
    "digits) there should be none.",
    remedy="tf.image.stateless_random_flip_left_right.",
)
def never_mirrored(passport: Passport) -> Iterator[Said]:
    """Training mirrors no image."""
    train, values = passport.train, passport.values
    drawn = values is not None and not values.repeats
    if drawn and train.placed and train.found >= FOUND and train.mirrored == 0:
        yield note("training mirrors no image", f"No draw of {train.found} was mirrored.")


@rule(
    "IMG306",
    "one-crop",
    detected="The place of windows over the draws, where they leave room; and whether it is the "
    "evaluation's.",
    matters="Without other crops a long training overfits sooner; where evaluation cuts another "
    "one, the net has never seen its like.",
    remedy="Draw the corner of the crop.",
)
def one_crop(passport: Passport) -> Iterator[Said]:
    """Training cuts the same crop from every image."""
    train, values = passport.train, passport.values
    drawn = values is not None and not values.repeats
    room = train.found >= FOUND and train.area < 0.9
    if drawn and room and not train.place_varies and not train.frozen:
        look = passport.eval
        steps = np.abs(np.subtract(train.centre, look.centre)) / train.zoom
        zooms = max(train.zoom, look.zoom) / min(train.zoom, look.zoom)
        other = look.placed and bool(steps.max() > ELSEWHERE or zooms > LARGER)
        yield (warning if other else note)(
            "training cuts the same crop each time" + ", evaluation another" * other,
            "Windows have one place in all draws."
            + f" Evaluation's middle lies {steps[0]:.0f} pixels away along the height and "
            f"{steps[1]:.0f} along the width; the zooms are {zooms:.2f} times apart." * other,
        )


@rule(
    "IMG307",
    "tied-draws",
    detected="Whether mirror images go with the place or the size of the crop, or its height with "
    "its side, over the draws (rank tests).",
    matters="Training sees part of what it could: one half of each picture is always mirrored, or "
    "crops lie along one diagonal.",
    remedy="A seed of its own for each draw: tf.random.experimental.stateless_split, or "
    "tf.random.experimental.stateless_fold_in.",
)
def tied_draws(passport: Passport) -> Iterator[Said]:
    """Two draws are one and the same."""
    if passport.train.tied:
        yield warning(
            f"one draw decides {' and '.join(passport.train.tied)}",
            f"They go together in {passport.train.found} draws.",
        )
