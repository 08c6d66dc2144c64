"""Judge runs from their prediction files alone, wherever they were made."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from imagenet_tools.comparison.verdicts import Verdict, verdict
from imagenet_tools.evaluation import scores

Path = str | os.PathLike[str]


def judge_files(a: Sequence[Path], b: Sequence[Path], margin: float = 0.5) -> Verdict:
    """Judge two arms from the prediction files (`imgtools eval --predictions`) of their runs.

    Raises ValueError where the files of an arm are of several pipelines, or any two of other
    images.
    """
    names, keys = [], None
    arms = []
    for files in (a, b):
        correct, fingerprints = [], {}
        for file in files:
            found, meta = scores.read_predictions(file)
            fingerprints[meta["fingerprint"]] = meta["preprocessing"]
            if len(fingerprints) > 1:
                raise ValueError(
                    f"{file} is of {meta['preprocessing']} ({meta['fingerprint']}), the arm's "
                    f"others of {', '.join(fingerprints.values())}: results of different "
                    "pipelines never mix"
                )
            if keys is not None and not np.array_equal(keys, found.key):
                raise ValueError(f"{file} is of other images than {a[0]}")
            keys = found.key
            correct.append(found.correct)
        arms.append(np.stack(correct))
        names.append(next(iter(fingerprints.values())))
    if names[0] == names[1]:
        names = [f"{names[0]} (a)", f"{names[1]} (b)"]
    return verdict(arms[0], arms[1], margin, names=(names[0], names[1]))
