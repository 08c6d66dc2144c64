"""TF-Slim's optimizers as the fused update kernels of TF1, with TF1's slot names.

    optimizer = optimizers.create("momentum", net.trainable, momentum=0.9)
    optimizer.apply(gradients, learning_rate)      # inside a tf.function

Slots are saved as `<variable>/Momentum`, `<variable>/RMSProp` and so on, so that TF-Slim resumes
from our checkpoints and we from its.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.training.recipes import Recipe


class Rule(NamedTuple):
    """TensorFlow's kernel of an update, and what it takes beside variable, gradient and rate.

    slots: its argument -> the slot's name, and the first value or the setting that says it.
    settings: its argument -> the setting. powers: settings whose powers beta^t it takes, which TF1
    keeps as variables of these names.
    """

    kernel: str
    slots: dict[str, tuple[str, float | str]]
    settings: dict[str, str]
    powers: Mapping[str, str] = {}
    rate: str = "lr"
    gradient: str = "grad"


RULES = {
    "sgd": Rule("GradientDescent", {}, {}, rate="alpha", gradient="delta"),
    "momentum": Rule(
        "Momentum",
        {"accum": ("Momentum", 0.0)},
        {"momentum": "momentum", "use_nesterov": "nesterov"},
    ),
    "rmsprop": Rule(
        "RMSProp",
        {"ms": ("RMSProp", 1.0), "mom": ("RMSProp_1", 0.0)},  # TF1's mean square starts at 1
        {"rho": "rmsprop_decay", "momentum": "rmsprop_momentum", "epsilon": "opt_epsilon"},
    ),
    "adam": Rule(
        "Adam",
        {"m": ("Adam", 0.0), "v": ("Adam_1", 0.0)},
        {"beta1": "adam_beta1", "beta2": "adam_beta2", "epsilon": "opt_epsilon"},
        powers={"beta1_power": "adam_beta1", "beta2_power": "adam_beta2"},
    ),
    "adagrad": Rule("Adagrad", {"accum": ("Adagrad", "adagrad_initial_accumulator_value")}, {}),
    "adadelta": Rule(
        "Adadelta",
        {"accum": ("Adadelta", 0.0), "accum_update": ("Adadelta_1", 0.0)},
        {"rho": "adadelta_rho", "epsilon": "opt_epsilon"},
    ),
    "ftrl": Rule(
        "Ftrl",
        {"accum": ("Ftrl", "ftrl_initial_accumulator_value"), "linear": ("Ftrl_1", 0.0)},
        {"l1": "ftrl_l1", "l2": "ftrl_l2", "lr_power": "ftrl_learning_rate_power"},
    ),
}


class Optimizer:
    """An update rule over named variables.

    slots: name -> tf.Variable, what a checkpoint has to keep. apply: one update, by gradients
    in the order of the variables.
    """

    def __init__(
        self, name: str, variables: Mapping[str, tf.Variable], settings: Mapping[str, float]
    ) -> None:
        self.rule, self.variables, self.settings = RULES[name], dict(variables), dict(settings)
        self.slots: dict[str, tf.Variable] = {}
        for variable_name, variable in self.variables.items():
            for slot, start in self.rule.slots.values():
                value = self.settings[start] if isinstance(start, str) else start
                self._keep(f"{variable_name}/{slot}", np.full(variable.shape, value, np.float32))
        for power, setting in self.rule.powers.items():
            self._keep(power, np.float32(self.settings[setting]))

    def _keep(self, name: str, first: np.ndarray | np.float32) -> None:
        self.slots[name] = tf.Variable(first, trainable=False, name=name)

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update every variable; gradients in the order of `variables`."""
        rule = self.rule
        kernel = getattr(tf.raw_ops, f"ResourceApply{rule.kernel}")
        shared = {argument: self.settings[one] for argument, one in rule.settings.items()}
        shared |= {power: self.slots[power] for power in rule.powers} | {rule.rate: learning_rate}
        for (name, variable), gradient in zip(self.variables.items(), gradients, strict=True):
            slots = {
                argument: self.slots[f"{name}/{slot}"].handle
                for argument, (slot, _) in rule.slots.items()
            }
            kernel(var=variable.handle, **slots, **shared, **{rule.gradient: gradient})
        for power, setting in rule.powers.items():
            variable = self.slots[power]
            value = variable * self.settings[setting]
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def create(name: str, variables: Mapping[str, tf.Variable], **settings: float) -> Optimizer:
    """Make an optimizer by TF-Slim's name; settings by TF-Slim's flag names, see recipes.Recipe.

    Raises ValueError for a name, or a setting of it, that is not known.
    """
    known = Recipe(optimizer=name).settings()
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(f"{name} takes no {', '.join(unknown)}; it takes {', '.join(known)}")
    return Optimizer(name, variables, {**known, **settings})
