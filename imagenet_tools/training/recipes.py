"""What is run: a training recipe as a frozen dataclass, in and out of YAML.

The fields carry TF-Slim's flag names where TF-Slim has the flag.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

DECAYS = ("fixed", "exponential", "polynomial", "linear", "cosine")
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam", "adagrad", "adadelta", "ftrl")
INITIALISATIONS = ("slim", "he", "lsuv")
BUILT_IN = ("slim", "alexnet", "quick")


@dataclass(frozen=True)
class Recipe:
    """How a net is trained; everything but the data, the pipeline, the net and the seed.

    Rates are per step. epochs and the decay's epochs are counted on the data that is there.
    weight_decay is the factor of the L2 term wd / 2 * |w|^2, of weights only. gradient_clip is a
    global norm, 0 for none. "linear" and "cosine" go from learning_rate to end_learning_rate over
    the whole run; "polynomial" and "exponential" are TF-Slim's.
    """

    optimizer: str = "rmsprop"
    learning_rate: float = 0.01
    learning_rate_decay_type: str = "exponential"
    learning_rate_decay_factor: float = 0.94
    num_epochs_per_decay: float = 2.0
    end_learning_rate: float = 0.0001
    warmup_epochs: float = 0.0
    epochs: float = 226.0
    batch_size: int = 32
    image_size: int = 224
    weight_decay: float = 4e-5
    dropout_keep_prob: float = 0.5
    label_smoothing: float = 0.0
    moving_average_decay: float = 0.0
    gradient_clip: float = 0.0
    initialisation: str = "slim"
    momentum: float = 0.9
    rmsprop_momentum: float = 0.9
    rmsprop_decay: float = 0.9
    opt_epsilon: float = 1.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adadelta_rho: float = 0.95
    adagrad_initial_accumulator_value: float = 0.1
    ftrl_learning_rate_power: float = -0.5
    ftrl_initial_accumulator_value: float = 0.1
    ftrl_l1: float = 0.0
    ftrl_l2: float = 0.0

    def __post_init__(self) -> None:
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("learning_rate_decay_type", DECAYS),
            ("initialisation", INITIALISATIONS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(known)}"
                )
        for name, low, high in (
            ("learning_rate", 0.0, math.inf),
            ("learning_rate_decay_factor", 0.0, math.inf),
            ("num_epochs_per_decay", 0.0, math.inf),
            ("end_learning_rate", 0.0, math.inf),
            ("warmup_epochs", 0.0, math.inf),
            ("epochs", 0.0, math.inf),
            ("batch_size", 1, math.inf),
            ("image_size", 1, math.inf),
            ("dropout_keep_prob", 1e-6, 1.0),
            ("label_smoothing", 0.0, 1.0),
            ("moving_average_decay", 0.0, 1.0),
            ("weight_decay", 0.0, math.inf),
            ("gradient_clip", 0.0, math.inf),
            ("momentum", 0.0, 1.0),
            ("rmsprop_momentum", 0.0, 1.0),
            ("rmsprop_decay", 0.0, 1.0),
            ("opt_epsilon", 0.0, math.inf),
            ("adam_beta1", 0.0, 1.0),
            ("adam_beta2", 0.0, 1.0),
            ("adadelta_rho", 0.0, 1.0),
            ("adagrad_initial_accumulator_value", 0.0, math.inf),
            ("ftrl_learning_rate_power", -math.inf, 0.0),
            ("ftrl_initial_accumulator_value", 0.0, math.inf),
            ("ftrl_l1", 0.0, math.inf),
            ("ftrl_l2", 0.0, math.inf),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; it must be {low:g} to {high:g}")


def recipe(name: str | os.PathLike[str], **changes: Any) -> Recipe:
    """Return a built-in recipe or that of a YAML file, with some fields changed.

    Raises LookupError for an unknown name, ValueError for an unknown or impossible field.
    """
    if str(name) in BUILT_IN:
        text = (
            resources.files("imagenet_tools")
            .joinpath("data", "recipes", f"{name}.yaml")
            .read_text()
        )
    elif Path(name).is_file():
        text = Path(name).read_text(encoding="utf-8")
    else:
        raise LookupError(
            f"unknown recipe {str(name)!r}: it is neither a file nor one of {', '.join(BUILT_IN)}"
        )
    content = yaml.safe_load(text) or {}
    if not isinstance(content, dict):
        raise ValueError(f"{name}: a recipe is a list of `field: value`, not {type(content)}")
    return from_dict({**content, **changes})


def from_dict(content: dict[str, Any]) -> Recipe:
    """Make a recipe from its fields; an unknown one is an error that names the near ones."""
    types: dict[str, Any] = {f.name: type(f.default) for f in dataclasses.fields(Recipe)}
    values = {}
    for name, value in content.items():
        if name not in types:
            near = difflib.get_close_matches(name, types, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(f"unknown recipe field {name!r}.{hint} Fields: {', '.join(types)}")
        try:
            values[name] = types[name](value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{name} is {value!r}; it must be of type {types[name].__name__}"
            ) from None
    return Recipe(**values)


def dump(recipe: Recipe) -> str:
    """Return the recipe as YAML that `recipe` reads back."""
    return yaml.safe_dump(dataclasses.asdict(recipe), sort_keys=False)


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: float, total_steps: int) -> float:
    """The rate of a step (0 is the first), by TF-Slim's formulas where TF-Slim has the type."""
    rate, end = recipe.learning_rate, recipe.end_learning_rate
    kind = recipe.learning_rate_decay_type
    decay_steps = max(1, int(steps_per_epoch * recipe.num_epochs_per_decay))
    done = min(step, total_steps) / max(total_steps, 1)
    if kind == "exponential":
        value = rate * recipe.learning_rate_decay_factor ** (step // decay_steps)
    elif kind == "polynomial":
        value = (rate - end) * (1 - min(step, decay_steps) / decay_steps) + end
    elif kind == "linear":
        value = (rate - end) * (1 - done) + end
    elif kind == "cosine":
        value = (rate - end) * 0.5 * (1 + math.cos(math.pi * done)) + end
    else:
        value = rate
    warmup = steps_per_epoch * recipe.warmup_epochs
    return min(rate * step / warmup, value) if warmup and step < warmup else value
