"""Initial weights: TF-Slim's own, He's, and LSUV's, each drawn by (seed, variable name).

A variable's draws do not depend on the order in which variables are made, so that two nets that
share a layer share its start.
"""

from __future__ import annotations

import zlib

import numpy as np
import tensorflow as tf

from imagenet_tools.nets.net import Net


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed % 2**32, zlib.crc32(name.encode())])


def slim(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """TF-Slim's: Xavier uniform convolutions, fc6-fc8 normal of deviation 0.005 cut at two.

    Biases are 0.1, fc8's 0.
    """
    if name.endswith("biases"):
        return np.full(shape, 0.0 if "/fc8/" in name else 0.1, np.float32)
    generator = _generator(seed, name)
    if "/fc" in name:
        return (0.005 * _truncated(generator, shape)).astype(np.float32)
    *receptive, inputs, outputs = shape  # of a product, 1
    limit = np.sqrt(6.0 / (int(np.prod(receptive)) * (inputs + outputs)))
    return generator.uniform(-limit, limit, shape).astype(np.float32)


def _truncated(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal draws within two deviations, the rest drawn again."""
    values = generator.standard_normal(shape, np.float32)
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator.standard_normal(int(outside.sum()), np.float32)
    return values


def he(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """He et al. 2015: normal of deviation sqrt(2 / fan-in), biases 0."""
    if name.endswith("biases"):
        return np.zeros(shape, np.float32)
    deviation = float(np.sqrt(2.0 / np.prod(shape[:-1])))
    return deviation * _generator(seed, name).standard_normal(shape, np.float32)


def lsuv(net: Net, images: tf.Tensor, tolerance: float = 0.05, rounds: int = 5) -> dict[str, float]:
    """Scale each layer's weights until its outputs have unit variance on these images.

    Layer-sequential unit-variance initialisation (Mishkin and Matas 2016), from He's weights in
    place of orthonormal ones: only the scale matters at these widths. Whatever the input's scale,
    training starts alike. The net is taken as it is evaluated, batch norm's averages being 0 and 1
    at the start: with batch norm, training would start alike at any scale, and evaluations from the
    first step on do too.

    Returns each layer's standard deviation that was reached, by the name of its weights.
    """
    names: list[str] = []

    @tf.function(autograph=False)
    def spreads() -> list[tf.Tensor]:
        outputs = net.activations(images)
        names[:] = outputs
        return [tf.math.reduce_std(output) for output in outputs.values()]

    def deviations() -> dict[str, float]:
        values = spreads()  # the first call fills the names
        return {name: float(value) for name, value in zip(names, values, strict=True)}

    reached = deviations()
    for name in list(reached):
        for _ in range(rounds):
            if not np.isfinite(reached[name]) or reached[name] == 0.0:
                raise ValueError(
                    f"LSUV: the outputs of {name.rpartition('/')[0]} have deviation "
                    f"{reached[name]} on the first batch; are its images finite and not all the "
                    "same?"
                )
            if abs(reached[name] - 1.0) < tolerance:
                break
            net.variables[name].assign(net.variables[name] / reached[name])
            reached = deviations()
    return reached
