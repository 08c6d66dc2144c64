"""What is run: a training recipe as a frozen dataclass, in and out of YAML.

A field is said once, below: its default, what it is, what it may be, and the optimizers that take
it. The options of `imgtools train`, the checks and the optimizers' settings all come from there.
The names are TF-Slim's flags where TF-Slim has the flag, and the defaults are TF-Slim's.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from imagenet_tools.errors import did_you_mean, near
from imagenet_tools.pipelines.limits import MOST, Limits

DEMO = "demo"  # of a comparison on synthetic images
BUILT_IN = ("slim", "alexnet", "quick", DEMO)


@dataclass(frozen=True)
class About:
    """What a field of a recipe is, and may be: one of choices, or a number within limits.

    optimizers: those that take it; none, where all runs do.
    """

    words: str
    limits: Limits
    choices: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()

    def wanted(self, kind: type, value: object = None) -> str:
        """What the field may be, in words; value: what it may not."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if kind is bool:
            return "true or false"
        return self.limits.words(kind, value)


def _field(
    default: Any,
    words: str,
    *,
    choices: tuple[str, ...] = (),
    optimizers: tuple[str, ...] = (),
    **limits: Any,
) -> Any:
    about = About(words, Limits(**limits), choices, optimizers)
    return dataclasses.field(default=default, metadata={"about": about})


def _of(optimizers: str, default: float | bool, words: str, **what: Any) -> Any:
    """A setting of these optimizers alone."""
    return _field(default, words, optimizers=tuple(optimizers.split()), **what)


@dataclass(frozen=True)
class Recipe:
    """How a net is trained; everything but the data, the pipeline, the net and the seed.

    Rates are per step; epochs are counted on the data that is there. "linear" and "cosine" go from
    learning_rate to end_learning_rate over the whole run; "polynomial" and "exponential" are
    TF-Slim's. Raises ValueError for a value that a field does not take.
    """

    optimizer: str = _field(
        "rmsprop", "The update rule",
        choices=("sgd", "momentum", "rmsprop", "adam", "adagrad", "adadelta", "ftrl"),
    )  # fmt: skip
    learning_rate: float = _field(0.01, "Rate at the start, after the warm-up", above=True)
    learning_rate_decay_type: str = _field(
        "exponential", "How the rate falls; linear and cosine do so over the whole run",
        choices=("fixed", "exponential", "polynomial", "linear", "cosine"),
    )  # fmt: skip
    learning_rate_decay_factor: float = _field(0.94, "Factor of the exponential decay")
    num_epochs_per_decay: float = _field(
        2.0, "Epochs of an exponential step, or a polynomial decay"
    )
    end_learning_rate: float = _field(0.0001, "Rate at the end, unless it is fixed or exponential")
    warmup_epochs: float = _field(0.0, "Epochs in which the rate rises from 0")
    epochs: float = _field(226.0, "Passes over the training images", above=True)
    batch_size: int = _field(32, "Images a step, over all devices", low=1, high=MOST)
    image_size: int = _field(224, "Pixels of a side", low=1, high=MOST)
    image_size_start: int = _field(
        0, "Pixels of a side at first, that grow to image_size; 0 for image_size throughout"
    )
    image_size_epochs: float = _field(0.0, "Epochs in which images grow; 0 for half of all")
    weight_decay: float = _field(4e-5, "Factor wd of wd / 2 * |w|^2, of weights only")
    dropout_keep_prob: float = _field(0.5, "Share of units kept", high=1.0, above=True)
    label_smoothing: float = _field(
        0.0, "Share of the target spread over all classes", high=1.0, below=True
    )
    moving_average_decay: float = _field(
        0.0,
        "Decay of averages of the weights, which evaluation then uses; 0 for none",
        high=1.0,
        below=True,
    )
    gradient_clip: float = _field(0.0, "Largest global norm of the gradient; 0 for none")
    initialisation: str = _field(
        "slim", "How the weights start; lsuv fits their scale to the first batch",
        choices=("slim", "he", "lsuv"),
    )  # fmt: skip
    momentum: float = _of("momentum", 0.9, "Share of the last update kept", high=1.0, below=True)
    nesterov: bool = _of("momentum", False, "Nesterov's momentum: the gradient looks ahead")
    rmsprop_momentum: float = _of(
        "rmsprop", 0.9, "Share of the last update kept", high=1.0, below=True
    )
    rmsprop_decay: float = _of(
        "rmsprop", 0.9, "Decay of the gradient's mean square", high=1.0, below=True
    )
    opt_epsilon: float = _of("rmsprop adam adadelta", 1.0, "Added to the denominator")
    adam_beta1: float = _of("adam", 0.9, "Decay of the gradient's mean", high=1.0, below=True)
    adam_beta2: float = _of(
        "adam", 0.999, "Decay of the gradient's mean square", high=1.0, below=True
    )
    adadelta_rho: float = _of("adadelta", 0.95, "Decay of both mean squares", high=1.0, below=True)
    adagrad_initial_accumulator_value: float = _of("adagrad", 0.1, "Start of the sum of squares")
    ftrl_learning_rate_power: float = _of(
        "ftrl", -0.5, "Power of the sum of squares", low=-math.inf, high=0.0
    )
    ftrl_initial_accumulator_value: float = _of("ftrl", 0.1, "Start of the sum of squares")
    ftrl_l1: float = _of("ftrl", 0.0, "L1 penalty")
    ftrl_l2: float = _of("ftrl", 0.0, "L2 penalty")

    def __post_init__(self) -> None:
        for name in FIELDS:
            check(name, getattr(self, name))

    def settings(self) -> dict[str, float]:
        """The fields that this recipe's optimizer takes."""
        return {
            name: getattr(self, name)
            for name, field in FIELDS.items()
            if self.optimizer in about(field).optimizers
        }


FIELDS: dict[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(Recipe)}


def complete(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe as it was written, with those that came later at their defaults."""
    return {**dataclasses.asdict(Recipe()), **fields}


def about(field: dataclasses.Field[Any]) -> About:
    described: About = field.metadata["about"]
    return described


def check(name: str, value: object) -> None:
    """Raise ValueError, saying what is wanted, unless the field takes the value."""
    kind: type = type(FIELDS[name].default)
    what = about(FIELDS[name])
    if kind is str:
        fits = value in what.choices
    elif kind is bool:
        fits = isinstance(value, bool)
    else:
        number = isinstance(value, int if kind is int else (int, float))
        fits = number and not isinstance(value, bool) and what.limits.hold(value)
    if not fits:
        raise ValueError(f"{name} is {value!r:.80}; it must be {what.wanted(kind, value)}")


def recipe(name: str | os.PathLike[str], **changes: Any) -> Recipe:
    """Return a built-in recipe or that of a YAML file, with some fields changed.

    Raises LookupError for an unknown name, ValueError for an unknown or impossible field, with the
    file's line.
    """
    from imagenet_tools.storage import yaml_file

    if str(name) in BUILT_IN:
        document = yaml_file.parse(_shipped(str(name)), f"{name}.yaml")
    elif Path(name).is_file():
        document = yaml_file.read(name)
    else:
        raise LookupError(
            f"unknown recipe {str(name)!r}: it is neither a file nor one of "
            f"{', '.join(BUILT_IN)}.{did_you_mean(near(str(name), BUILT_IN, most=1))}"
        )
    # Each on its own first: what the file says is its own error, with the line.
    from_dict(document.fields, document.at)
    return from_dict({**document.fields, **changes})


def purpose(name: str) -> str:
    """What a built-in recipe is for: the comment that its file begins with."""
    lines = _shipped(name).decode().splitlines()
    return " ".join(line[2:] for line in itertools.takewhile(lambda one: one[:1] == "#", lines))


def _shipped(name: str) -> bytes:
    file = resources.files("imagenet_tools") / "data" / "recipes" / f"{name}.yaml"
    return file.read_bytes()


def from_dict(content: Mapping[str, Any], at: Callable[[str], str] = lambda name: "") -> Recipe:
    """Make a recipe from its fields; an unknown one is an error that names the near ones.

    at: name -> where the field stands, for the beginning of a message.
    """
    for name, value in content.items():
        if name not in FIELDS:
            hint = did_you_mean(near(name, FIELDS))
            raise ValueError(
                f"{at(name)}unknown recipe field {name!r}.{hint} Fields: {', '.join(FIELDS)}"
            )
        try:
            check(name, value)
        except ValueError as error:
            raise ValueError(f"{at(name)}{error}") from None
    # A whole number is a float's value too; run.json and the prints then read alike.
    kinds: dict[str, Any] = {name: type(FIELDS[name].default) for name in content}
    return Recipe(**{name: kinds[name](value) for name, value in content.items()})


def dump(recipe: Recipe) -> str:
    """Return the recipe as YAML that `recipe` reads back."""
    import yaml

    return yaml.safe_dump(dataclasses.asdict(recipe), sort_keys=False)
