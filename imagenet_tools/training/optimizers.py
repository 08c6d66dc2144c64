"""TF-Slim's optimizers as the fused update kernels of TF1, with TF1's slot names.

    optimizer = optimizers.create("momentum", net.trainable, momentum=0.9)
    optimizer.apply(gradients, learning_rate)      # inside a tf.function

Slots are saved as `<variable>/Momentum`, `<variable>/RMSProp` and so on, so that TF-Slim resumes
from our checkpoints and we from its.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.training.recipes import Recipe


class Optimizer:
    """An update rule over named variables.

    slots: name -> tf.Variable, what a checkpoint has to keep. apply: one update, by gradients
    in the order of the variables.
    """

    def __init__(
        self, name: str, variables: Mapping[str, tf.Variable], settings: Mapping[str, float]
    ) -> None:
        self.name, self.rule = name, RULES[name]
        self.variables = dict(variables)
        self.settings = dict(settings)
        self.slots: dict[str, tf.Variable] = {}
        for variable_name, variable in self.variables.items():
            for slot, start in self.rule.slots.items():
                value = self.settings[start] if isinstance(start, str) else start
                initial = np.full(variable.shape, value, np.float32)
                full = f"{variable_name}/{slot}"
                self.slots[full] = tf.Variable(initial, trainable=False, name=full)
        if name == "adam":  # TF1 keeps beta1^t and beta2^t as variables of these names
            for power in ("beta1", "beta2"):
                full, value = f"{power}_power", self.settings[f"adam_{power}"]
                self.slots[full] = tf.Variable(np.float32(value), trainable=False, name=full)

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update every variable; gradients in the order of `variables`."""
        for (name, variable), gradient in zip(self.variables.items(), gradients, strict=True):
            slots = [self.slots[f"{name}/{slot}"].handle for slot in self.rule.slots]
            self.rule.update(self, variable.handle, slots, gradient, learning_rate)
        if self.name == "adam":
            for power in ("beta1", "beta2"):
                variable = self.slots[f"{power}_power"]
                value = variable * self.settings[f"adam_{power}"]
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _sgd(optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyGradientDescent(var=variable, alpha=rate, delta=gradient)


def _momentum(
    optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any
) -> None:
    tf.raw_ops.ResourceApplyMomentum(
        var=variable,
        accum=slots[0],
        lr=rate,
        grad=gradient,
        momentum=optimizer.settings["momentum"],
        use_nesterov=bool(optimizer.settings["nesterov"]),
    )


def _rmsprop(
    optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any
) -> None:
    tf.raw_ops.ResourceApplyRMSProp(
        var=variable,
        ms=slots[0],
        mom=slots[1],
        lr=rate,
        rho=optimizer.settings["rmsprop_decay"],
        momentum=optimizer.settings["rmsprop_momentum"],
        epsilon=optimizer.settings["opt_epsilon"],
        grad=gradient,
    )


def _adam(optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyAdam(
        var=variable,
        m=slots[0],
        v=slots[1],
        beta1_power=optimizer.slots["beta1_power"],
        beta2_power=optimizer.slots["beta2_power"],
        lr=rate,
        beta1=optimizer.settings["adam_beta1"],
        beta2=optimizer.settings["adam_beta2"],
        epsilon=optimizer.settings["opt_epsilon"],
        grad=gradient,
    )


def _adagrad(
    optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any
) -> None:
    tf.raw_ops.ResourceApplyAdagrad(var=variable, accum=slots[0], lr=rate, grad=gradient)


def _adadelta(
    optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any
) -> None:
    tf.raw_ops.ResourceApplyAdadelta(
        var=variable,
        accum=slots[0],
        accum_update=slots[1],
        lr=rate,
        rho=optimizer.settings["adadelta_rho"],
        epsilon=optimizer.settings["opt_epsilon"],
        grad=gradient,
    )


def _ftrl(optimizer: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyFtrl(
        var=variable,
        accum=slots[0],
        linear=slots[1],
        grad=gradient,
        lr=rate,
        l1=optimizer.settings["ftrl_l1"],
        l2=optimizer.settings["ftrl_l2"],
        lr_power=optimizer.settings["ftrl_learning_rate_power"],
    )


class Rule(NamedTuple):
    """An update, and its slots: name -> first value, or the setting that says it."""

    update: Callable[[Optimizer, Any, list[Any], Any, Any], None]
    slots: dict[str, float | str]


RULES: dict[str, Rule] = {
    "sgd": Rule(_sgd, {}),
    "momentum": Rule(_momentum, {"Momentum": 0.0}),
    "rmsprop": Rule(_rmsprop, {"RMSProp": 1.0, "RMSProp_1": 0.0}),  # TF1's mean square starts at 1
    "adam": Rule(_adam, {"Adam": 0.0, "Adam_1": 0.0}),
    "adagrad": Rule(_adagrad, {"Adagrad": "adagrad_initial_accumulator_value"}),
    "adadelta": Rule(_adadelta, {"Adadelta": 0.0, "Adadelta_1": 0.0}),
    "ftrl": Rule(_ftrl, {"Ftrl": "ftrl_initial_accumulator_value", "Ftrl_1": 0.0}),
}


def create(name: str, variables: Mapping[str, tf.Variable], **settings: float) -> Optimizer:
    """Make an optimizer by TF-Slim's name; settings by TF-Slim's flag names, see recipes.Recipe.

    Raises ValueError for a name, or a setting of it, that is not known.
    """
    known = Recipe(optimizer=name).settings()
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(f"{name} takes no {', '.join(unknown)}; it takes {', '.join(known)}")
    return Optimizer(name, variables, {**known, **settings})
