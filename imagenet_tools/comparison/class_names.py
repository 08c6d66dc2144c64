"""Are a run's predictions in the names, the spelling and the order of the labels?"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from imagenet_tools.raw.intake import spelling

LUCK = 1e-6  # the chance that guesses miss every label, above which it may be one
SURE = 4.0  # standard deviations by which more images are right under other names
Names = Mapping[str, str]


def check(run: str, predictions: Names, labels: Names) -> None:
    """Raise ValueError where predictions are in other names, spelling or order than labels.

    Both are by image. Such a run is wrong on many or nearly all images, and would lose against one
    that is no better.
    """
    known, named = {*labels.values()}, {*predictions.values()}
    collapsed = len(named) == 1 < len(known)  # to a class that no image has
    by_luck = (1 - len(known) / len(known | named)) ** len(labels) >= LUCK
    if not (known & named or collapsed or by_luck):
        label, prediction = next(iter(labels.values())), next(iter(predictions.values()))
        raise ValueError(
            f"{run}: none of its predictions is among the labels (the first are {prediction!r} and "
            f"{label!r}); give both in the same names or numbers"
        )
    spelt = {_letters(name): name for name in labels.values()}
    for name in named - known:
        if _letters(name) in spelt:
            raise ValueError(
                f"{run}: a prediction is {name!r}, a label {spelt[_letters(name)]!r}; give both in "
                "one spelling"
            )
    _check_strangers(run, predictions, labels)
    check_order(run, predictions, labels)


def _letters(name: str) -> str:
    """What "great white" and "Great_white" have in common."""
    return re.sub(r"[\W_]+", "", spelling(name)) or name


def _check_strangers(run: str, predictions: Names, labels: Names) -> None:
    """Raise ValueError where a class that is never predicted has another name in the predictions.

    A name that no label has, given to images of that class beyond luck.
    """
    images = Counter(labels.values())
    pairs = Counter((predictions[image], label) for image, label in labels.items())
    given = Counter(predictions.values())
    for (name, label), found in pairs.most_common():
        if name in images or label in given or found < images[label] / 4:
            continue
        luck = stats.binom.sf(found - 1, given[name], images[label] / len(labels)) * len(pairs)
        if luck < LUCK:
            raise ValueError(
                f"{run}: {label!r} is never predicted, and {name!r}, which no image has, is on "
                f"{found:,} of its {images[label]:,} images; give both in the same names"
            )


def check_order(run: str, predictions: Names, labels: Names) -> None:
    """Raise ValueError where predictions are in another order of classes than labels.

    Renamed as half of the images suggest, they are right far more often on the other half, be it
    all classes or some that stand in each other's place; nothing honest has such a sign. Beyond
    luck, and for all classes beyond what one that gives the commonest throughout has right.
    """
    pairs = [(predictions[image], label) for image, label in labels.items()]
    np.random.default_rng(0).shuffle(pairs)  # rows may come class by class, or in turn
    commonest = max(Counter(label for _, label in pairs).values())
    renamed = swapped = as_named = 0
    found: dict[str, str] = {}
    for half in (0, 1):
        names, others = _names(pairs[half::2]), pairs[1 - half :: 2]
        renamed += _right(others, names)
        cycles = _in_cycles(names)
        found |= cycles
        concerned = [pair for pair in others if pair[0] in cycles]
        swapped += _right(concerned, cycles)
        as_named += _right(concerned, {})
    right = _right(pairs, {})
    if _far_more(renamed, right) and renamed - commonest > SURE * math.sqrt(right + renamed):
        now, then = next((old, new) for old, new in names.items() if old != new)
        raise ValueError(
            f"{run} has {right:,} of {len(pairs):,} images right, and {renamed:,} if its classes "
            f"are renamed ({now} is {then}, ...): predictions and labels are in different orders"
        )
    if _far_more(swapped, as_named):
        said = ", ".join(f"{now} is {then}" for now, then in sorted(found.items())[:6])
        raise ValueError(
            f"{run} has {as_named:,} images of some classes right, and {swapped:,} if those are "
            f"renamed ({said}): they stand in each other's place in its predictions or the labels"
        )


def _names(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What each predicted class is most often in truth."""
    meant: dict[str, Counter[str]] = defaultdict(Counter)
    for prediction, label in pairs:
        meant[prediction][label] += 1
    return {name: counts.most_common(1)[0][0] for name, counts in meant.items()}


def _in_cycles(names: Names) -> dict[str, str]:
    """The names that stand in each other's place, as those of two classes that are swapped."""
    left = {name: then for name, then in names.items() if name != then}
    while True:
        meant = {*left.values()}
        kept = {name: then for name, then in left.items() if name in meant and then in left}
        if len(kept) == len(left):
            return left
        left = kept


def _right(pairs: Sequence[tuple[str, str]], names: Names) -> int:
    return sum(names.get(prediction, prediction) == label for prediction, label in pairs)


def _far_more(renamed: int, right: int) -> bool:
    """Whether renaming makes more than twice as many right, and that by more than luck."""
    return renamed > 2 * right and renamed - right > SURE * math.sqrt(right + renamed)
