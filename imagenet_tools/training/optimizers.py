"""TF-Slim's optimizers as the fused update kernels of TF1, with TF1's slot names.

    optimizer = optimizers.create("momentum", net.trainable, momentum=0.9)
    optimizer.apply(gradients, learning_rate)      # inside a tf.function

Slots are saved as `<variable>/Momentum`, `<variable>/RMSProp` and so on, so that TF-Slim resumes
from our checkpoints and we from its.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

# Slot name -> initial value, by optimizer (TF1's: RMSProp starts its mean square at one).
SLOTS: dict[str, dict[str, float]] = {
    "sgd": {},
    "momentum": {"Momentum": 0.0},
    "rmsprop": {"RMSProp": 1.0, "RMSProp_1": 0.0},
    "adam": {"Adam": 0.0, "Adam_1": 0.0},
    "adagrad": {"Adagrad": 0.1},
    "adadelta": {"Adadelta": 0.0, "Adadelta_1": 0.0},
    "ftrl": {"Ftrl": 0.1, "Ftrl_1": 0.0},
}
# TF-Slim's flag defaults (train_image_classifier.py).
DEFAULTS: dict[str, float] = {
    "momentum": 0.9,
    "rmsprop_momentum": 0.9,
    "rmsprop_decay": 0.9,
    "opt_epsilon": 1.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adadelta_rho": 0.95,
    "adagrad_initial_accumulator_value": 0.1,
    "ftrl_learning_rate_power": -0.5,
    "ftrl_initial_accumulator_value": 0.1,
    "ftrl_l1": 0.0,
    "ftrl_l2": 0.0,
}


class Optimizer:
    """An update rule over named variables.

    slots: name -> tf.Variable, what a checkpoint has to keep. apply: one update, by gradients
    in the order of the variables.
    """

    def __init__(
        self, name: str, variables: Mapping[str, tf.Variable], settings: Mapping[str, float]
    ) -> None:
        if name not in SLOTS:
            raise LookupError(f"unknown optimizer {name!r}; known: {', '.join(sorted(SLOTS))}")
        self.name = name
        self.variables = dict(variables)
        self.settings = {**DEFAULTS, **settings}
        self.slots: dict[str, tf.Variable] = {}
        for variable_name, variable in self.variables.items():
            for slot, value in self._slot_values().items():
                initial = np.full(variable.shape, value, np.float32)
                full = f"{variable_name}/{slot}"
                self.slots[full] = tf.Variable(initial, trainable=False, name=full)
        if name == "adam":  # TF1 keeps beta1^t and beta2^t as variables of these names
            for power in ("beta1", "beta2"):
                full, value = f"{power}_power", self.settings[f"adam_{power}"]
                self.slots[full] = tf.Variable(np.float32(value), trainable=False, name=full)

    def _slot_values(self) -> dict[str, float]:
        values = dict(SLOTS[self.name])
        for slot, setting in (
            ("Adagrad", "adagrad_initial_accumulator_value"),
            ("Ftrl", "ftrl_initial_accumulator_value"),
        ):
            if slot in values:
                values[slot] = self.settings[setting]
        return values

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update every variable; gradients in the order of `variables`."""
        update = _UPDATES[self.name]
        for (name, variable), gradient in zip(self.variables.items(), gradients, strict=True):
            slots = [self.slots[f"{name}/{slot}"].handle for slot in SLOTS[self.name]]
            update(self, variable.handle, slots, gradient, learning_rate)
        if self.name == "adam":
            for power in ("beta1", "beta2"):
                variable = self.slots[f"{power}_power"]
                value = variable * self.settings[f"adam_{power}"]
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _sgd(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyGradientDescent(var=variable, alpha=rate, delta=gradient)


def _momentum(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyMomentum(
        var=variable, accum=slots[0], lr=rate, grad=gradient, momentum=own.settings["momentum"]
    )


def _rmsprop(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyRMSProp(
        var=variable,
        ms=slots[0],
        mom=slots[1],
        lr=rate,
        rho=own.settings["rmsprop_decay"],
        momentum=own.settings["rmsprop_momentum"],
        epsilon=own.settings["opt_epsilon"],
        grad=gradient,
    )


def _adam(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyAdam(
        var=variable,
        m=slots[0],
        v=slots[1],
        beta1_power=own.slots["beta1_power"],
        beta2_power=own.slots["beta2_power"],
        lr=rate,
        beta1=own.settings["adam_beta1"],
        beta2=own.settings["adam_beta2"],
        epsilon=own.settings["opt_epsilon"],
        grad=gradient,
    )


def _adagrad(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyAdagrad(var=variable, accum=slots[0], lr=rate, grad=gradient)


def _adadelta(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyAdadelta(
        var=variable,
        accum=slots[0],
        accum_update=slots[1],
        lr=rate,
        rho=own.settings["adadelta_rho"],
        epsilon=own.settings["opt_epsilon"],
        grad=gradient,
    )


def _ftrl(own: Optimizer, variable: Any, slots: list[Any], gradient: Any, rate: Any) -> None:
    tf.raw_ops.ResourceApplyFtrl(
        var=variable,
        accum=slots[0],
        linear=slots[1],
        grad=gradient,
        lr=rate,
        l1=own.settings["ftrl_l1"],
        l2=own.settings["ftrl_l2"],
        lr_power=own.settings["ftrl_learning_rate_power"],
    )


_UPDATES: dict[str, Callable[[Optimizer, Any, list[Any], Any, Any], None]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "ftrl": _ftrl,
}


def settings_of(recipe: object) -> dict[str, float]:
    """The settings among a recipe's fields."""
    return {name: getattr(recipe, name) for name in DEFAULTS}


def create(name: str, variables: Mapping[str, tf.Variable], **settings: float) -> Optimizer:
    """Make an optimizer by TF-Slim's name; settings by TF-Slim's flag names (see DEFAULTS)."""
    if unknown := sorted(set(settings) - set(DEFAULTS)):
        raise ValueError(f"unknown optimizer setting {unknown}; known: {', '.join(DEFAULTS)}")
    return Optimizer(name, variables, settings)
