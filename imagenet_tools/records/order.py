"""The order of an epoch: every record once, a function of (seed, epoch) and of nothing else."""

from __future__ import annotations

import numpy as np

NAME = "whole split, Philox"  # as run.json and plan.json call it
FORMER = "shuffle buffer"  # of training before, where neither says its order
_WORD = 2**64 - 1


def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return 0..count-1 as int64 [count], shuffled by the seed in this epoch.

    The same on every machine and NumPy: the order by which Philox's raw words under the key
    (seed, epoch) sort. NumPy keeps the words of a bit generator for ever; those of
    Generator.permutation it may change (NEP 19).
    """
    key = np.array([seed & _WORD, epoch & _WORD], np.uint64)
    return np.argsort(np.random.Philox(key=key).random_raw(count), kind="stable")
