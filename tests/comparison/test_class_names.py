"""Classes that stand in each other's place are refused; nets that confuse them are judged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from imagenet_tools.comparison import class_names

N = 1000


def run(right: float, classes: int = 10, seed: int = 0) -> tuple[dict[str, str], dict[str, str]]:
    """A net that is right so often and else guesses: predictions and labels by image."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, N)
    guesses = np.where(rng.random(N) < right, labels, rng.integers(0, classes, N))
    return by_image(guesses), by_image(labels)


def by_image(classes: np.ndarray) -> dict[str, str]:
    return {f"{at}.jpg": f"c{name}" for at, name in enumerate(classes)}


def renamed(predictions: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {image: names.get(name, name) for image, name in predictions.items()}


@pytest.mark.parametrize("right", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "names",
    [{"c2": "c7", "c7": "c2"}, {"c0": "c4", "c4": "c8", "c8": "c0"}],
    ids=["two swapped", "three in a ring"],
)
def test_classes_in_each_others_place(right: float, names: Mapping[str, str]) -> None:
    predictions, labels = run(right)
    with pytest.raises(ValueError, match="renamed .* they stand in each other's place") as refused:
        class_names.check("x seed 1", renamed(predictions, names), labels)
    back = {then: now for now, then in names.items()}
    for now, then in back.items():
        assert f"{now} is {then}" in str(refused.value)


def test_all_classes_in_another_order() -> None:
    predictions, labels = run(0.5)
    ring = {f"c{at}": f"c{(at + 3) % 10}" for at in range(10)}
    with pytest.raises(ValueError, match="x has [0-9]+ of 1,000 .* are in different orders"):
        class_names.check("x", renamed(predictions, ring), labels)


@pytest.mark.parametrize("right", [0.0, 0.02, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("classes", [2, 10, 100, 400])
def test_honest_runs_are_not_refused(right: float, classes: int) -> None:
    """Weak ones, too, and those with few images a class."""
    for seed in range(20):
        class_names.check("x", *run(right, classes, seed))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_images_may_all_be_wrong(n: int) -> None:
    class_names.check("x", by_image(np.arange(n) + n), by_image(np.arange(n)))


def test_other_names_than_the_labels() -> None:
    words = {f"{at}.jpg": f"word {at % 10}" for at in range(N)}
    with pytest.raises(ValueError, match="x: none of its predictions is among the labels"):
        class_names.check("x", words, run(0.5)[1])


def test_classes_that_a_net_cannot_tell_apart_are_no_swap() -> None:
    for seed in range(20):
        predictions, labels = run(0.95, seed=seed)
        rng = np.random.default_rng(seed)
        coins = {name: ("c2", "c7")[int(rng.random() < 0.5)] for name in labels}
        confused = {
            image: coins[image] if labels[image] in ("c2", "c7") else name
            for image, name in predictions.items()
        }
        class_names.check("x", confused, labels)


def test_a_class_that_is_named_for_another_is_no_swap() -> None:
    predictions, labels = run(0.95)
    class_names.check("x", renamed(predictions, {"c2": "c7"}), labels)


@pytest.mark.parametrize("right", [0.3, 0.6, 0.95])
def test_a_class_under_another_name_is_refused(right: float) -> None:
    """One of ten: the run would be wrong on it throughout, and right on the others."""
    predictions, labels = run(right)
    with pytest.raises(ValueError, match="x: 'c2' is never predicted, and 'two', which no image"):
        class_names.check("x", renamed(predictions, {"c2": "two"}), labels)
    for name in ("C-2", "c_2", "c 2"):
        with pytest.raises(ValueError, match=f"a prediction is '{name}', a label 'c2'; give both"):
            class_names.check("x", renamed(predictions, {"c2": name}), labels)


def test_classes_that_no_image_has_may_be_predicted() -> None:
    """By a net of more classes than the images have, and by one that has all but collapsed."""
    for seed in range(20):
        predictions, labels = run(0.6, seed=seed)
        rng = np.random.default_rng(seed)
        strange = {
            image: "stranger" if labels[image] == "c2" and rng.random() < 0.5 else name
            for image, name in predictions.items()
        }
        class_names.check("x", strange, labels)
        common = {image: "c0" if rng.random() < 0.7 else name for image, name in labels.items()}
        collapsed = {image: "background" if rng.random() < 0.98 else "c3" for image in labels}
        class_names.check("x", collapsed, common)
    class_names.check("x", dict.fromkeys(labels, "background"), labels)


@pytest.mark.parametrize(
    ("renamed", "right", "far"),
    [(40, 10, True), (37, 10, False), (24, 10, False), (17, 0, True), (16, 0, False),
     (201, 100, True), (200, 100, False)],
)  # fmt: skip
def test_far_more_is_twice_as_many_and_four_deviations(renamed: int, right: int, far: bool) -> None:
    """30 more of 50 are 4.2 deviations, 27 of 47 are 3.9, 16 of 16 are 4.0."""
    assert class_names._far_more(renamed, right) is far
