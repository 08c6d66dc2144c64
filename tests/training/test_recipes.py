"""A recipe's fields: said once, checked by name and line, in and out of YAML."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from imagenet_tools.cli import train
from imagenet_tools.training import recipes, schedule


def test_every_field_is_an_option_with_its_default_in_the_help() -> None:
    options: dict[str, Any] = {option.name: option for option in train.command.params}
    for name, field in recipes.FIELDS.items():
        assert f"--{name.replace('_', '-')}" in options[name].opts
        if name != "image_size":
            assert f"TF-Slim's: {field.default}." in options[name].help
            assert recipes.about(field).words in options[name].help


def test_the_defaults_are_those_of_the_recipe_slim() -> None:
    assert recipes.recipe("slim") == recipes.Recipe()


@pytest.mark.parametrize("name", recipes.BUILT_IN)
def test_what_is_printed_reads_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(recipes.dump(recipes.recipe(name)))
    assert recipes.recipe(path) == recipes.recipe(name)


def test_an_optimizer_takes_its_own_settings() -> None:
    assert recipes.recipe("quick").settings() == {"momentum": 0.9, "nesterov": False}
    assert recipes.Recipe(optimizer="sgd").settings() == {}
    assert recipes.Recipe(optimizer="adam", adam_beta1=0.5).settings() == {
        "opt_epsilon": 1.0,
        "adam_beta1": 0.5,
        "adam_beta2": 0.999,
    }


def test_numbers_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(b"\xef\xbb\xbfweight_decay: 4e-5\nepochs: 2\nlearning_rate: .5\n")
    found = recipes.recipe(path, epochs=3)
    assert (found.weight_decay, found.epochs, found.learning_rate) == (4e-5, 3.0, 0.5)
    assert isinstance(found.epochs, float)
    with pytest.raises(ValueError, match=r"^epochs is -1"):  # a change is not the file's
        recipes.recipe(path, epochs=-1)


def test_an_unknown_recipe_names_the_near_one() -> None:
    with pytest.raises(LookupError, match="one of slim, alexnet, quick, demo. Did you mean quick?"):
        recipes.recipe("quik")


def rates(kind: str, *steps: int, **changes: float) -> list[float]:
    settings = {"end_learning_rate": 0.1, "num_epochs_per_decay": 2.0, **changes}
    recipe = recipes.Recipe(learning_rate=1.0, learning_rate_decay_type=kind, **settings)  # type: ignore[arg-type]
    return [schedule.learning_rate(recipe, step, 10.0, 100) for step in steps]


def test_each_decay() -> None:
    assert rates("fixed", 0, 100) == [1.0, 1.0]
    assert rates("exponential", 0, 19, 20, 40) == [1.0, 1.0, 0.94, 0.94**2]
    assert rates("polynomial", 0, 10, 20, 90) == pytest.approx([1.0, 0.55, 0.1, 0.1])
    assert rates("linear", 0, 50, 100) == pytest.approx([1.0, 0.55, 0.1])
    assert rates("cosine", 0, 25, 50, 100) == pytest.approx(
        [1.0, 0.1 + 0.45 * (1 + math.sqrt(0.5)), 0.55, 0.1]
    )
    assert rates("fixed", 0, 1, 5, 9, 10, warmup_epochs=1.0) == [0.0, 0.1, 0.5, 0.9, 1.0]


def test_a_run_has_no_more_steps_than_tensorflow_counts() -> None:
    with pytest.raises(ValueError, match=r"epochs is 1e\+12: 3e\+12 steps, more than 2,147,483,64"):
        schedule.total_steps(recipes.Recipe(epochs=1e12, batch_size=8), 24)


def sizes(first: int = 0, epochs: int = 8, **changes: float) -> list[tuple[int, int, int]]:
    recipe = recipes.Recipe(**{"image_size_start": 67, **changes})  # type: ignore[arg-type]
    return [tuple(one) for one in schedule.stretches(recipe, 96, first, 2.5, round(epochs * 2.5))]


def test_images_grow_from_epoch_to_epoch() -> None:
    """By a quarter of 29 pixels an epoch, in eights; epochs of two and a half steps."""
    grown = [(67, 0, 3), (67, 3, 5), (75, 5, 8), (83, 8, 10), (96, 10, 20)]
    assert sizes() == grown
    assert sizes(first=6) == [(75, 6, 8), *grown[3:]]
    assert sizes(first=15) == [(96, 15, 20)]
    assert sizes(first=20) == []
    assert sizes(image_size_epochs=1.0) == [(67, 0, 3), (96, 3, 20)]
    assert sizes(image_size_start=0) == [(96, 0, 20)]
    assert sizes(image_size_epochs=100.0)[-1] == (67, 18, 20)


def test_a_recipe_from_before_a_field_came_has_its_default() -> None:
    old = dataclasses.asdict(recipes.recipe("quick"))
    del old["nesterov"], old["image_size_start"]
    assert recipes.complete(old) == dataclasses.asdict(recipes.recipe("quick"))


def test_every_choice_is_there() -> None:
    from imagenet_tools.training import optimizers

    fields = recipes.FIELDS
    assert tuple(optimizers.RULES) == recipes.about(fields["optimizer"]).choices
    with pytest.raises(ValueError, match="momentum takes no adam_beta1; it takes momentum"):
        optimizers.create("momentum", {}, adam_beta1=0.5)
    decays = recipes.about(fields["learning_rate_decay_type"]).choices
    assert len({tuple(rates(kind, 5, 30, 95)) for kind in decays}) == len(decays)
    assert dataclasses.asdict(recipes.Recipe()).keys() == fields.keys()
