"""What is drawn: in training anew for every image, at evaluation nothing."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_tools.diagnosis.finding import Said, fail, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport

ALWAYS = 0.97  # of 25 draws: all of them
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
    detected="The place of windows over the draws, where they leave room.",
    matters="Without other crops a long training overfits sooner.",
    remedy="Draw the corner of the crop.",
)
def one_crop(passport: Passport) -> Iterator[Said]:
    """Training cuts the same crop from every image."""
    train, values = passport.train, passport.values
    drawn = values is not None and not values.repeats
    room = train.placed and train.area < 0.9
    if drawn and room and not train.place_varies and not train.frozen:
        yield note("training cuts the same crop each time", "Windows have one place in all draws.")
