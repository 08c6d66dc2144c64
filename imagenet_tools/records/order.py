"""The order of an epoch: every record once, a function of (seed, epoch) and of nothing else."""

from __future__ import annotations

import operator
from typing import SupportsIndex

import numpy as np

NAME = "whole split, Philox"  # as run.json and plan.json call it
FORMER = "shuffle buffer"  # of training before, where neither says its order
_WORD = 2**64 - 1


def permutation(count: int, seed: SupportsIndex, epoch: SupportsIndex) -> np.ndarray:
    """Return 0..count-1 as int64 [count], shuffled by the seed in this epoch.

    The same on every machine and NumPy: the order by which Philox's raw words under the key
    (seed, epoch) sort. NumPy keeps the words of a bit generator for ever; those of
    Generator.permutation it may change (NEP 19). Raises ValueError for a seed outside
    -2**63..2**63 - 1, or an epoch outside 0..2**63 - 1: another one would have the same order.
    """
    seed, epoch = operator.index(seed), operator.index(epoch)
    for name, number, least in (("seed", seed, -(2**63)), ("epoch", epoch, 0)):
        if not least <= number < 2**63:
            raise ValueError(f"{name} {number} is not one of {least}..2**63 - 1")
    key = np.array([seed & _WORD, epoch], np.uint64)
    return np.argsort(np.random.Philox(key=key).random_raw(count), kind="stable")
