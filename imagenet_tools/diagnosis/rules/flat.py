"""What becomes of a flat picture: a grain, shadows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imagenet_tools.diagnosis.finding import Said, note, rule, warning
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import PADDED, UNEVEN

GRAIN = 0.01


def shaded_apart(passport: Passport) -> float:
    """How far flat pictures come out uneven in one mode alone, of the span."""
    shades = [np.array(one.levels.shade) for _, one in passport.both if one.blind <= PADDED]
    if len(shades) < 2 or shades[0].shape != shades[1].shape or not shades[0].size:
        return 0.0
    return float(np.std(shades[0] - shades[1]))


@rule("IMG219", "grain")
def grain(passport: Passport) -> Iterator[Said]:
    """Evaluation adds a grain.

    Detected: Differences of neighbours in the evaluation of a flat picture.
    Matters: Noise that training may add is no part of an evaluation.
    Remedy: Add noise where is_training is true.
    """
    plain = not (passport.eval.uneven or passport.eval_varies)
    if passport.eval.levels.grain > GRAIN and plain:
        yield warning(
            "evaluation adds noise",
            f"Neighbours differ by {passport.eval.levels.grain:.1%} of the span in a flat picture.",
        )


@rule("IMG220", "uneven")
def uneven(passport: Passport) -> Iterator[Said]:
    """Flat pictures do not come out flat.

    Detected: How light a flat picture comes out in each part of the output, borders apart; in
    training, by the median of the draws.
    Matters: A mean image or a vignette: the net meets shadows at evaluation that training does not
    have, or the other way round.
    Remedy: One mean image on both sides, of the output's [height, width, channels].
    """
    train, look = (float(np.std(one.levels.shade or (0.0,))) for _, one in passport.both)
    measured = (
        f"Parts of it differ by {train:.0%} of the span in training, {look:.0%} at evaluation."
    )
    if shaded_apart(passport) > UNEVEN and not passport.eval_varies:
        yield warning("a flat picture comes out uneven in one mode", measured)
    elif passport.train.uneven and passport.eval.uneven:
        yield note("a flat picture comes out uneven", measured)
