"""Judge runs from their prediction files alone, wherever they were made."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imagenet_tools.comparison.verdicts import Verdict, verdict
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import scores

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Run:
    """A run's prediction file: the predictions and its identity (`meta`)."""

    file: Path
    predictions: scores.Predictions
    meta: dict[str, Any]

    @property
    def arm(self) -> str:
        return str(self.meta["preprocessing"])


def judge_files(a: Sequence[Path], b: Sequence[Path], margin: float = 0.5) -> Verdict:
    """Judge two arms from the prediction files (`imgtools eval --predictions`) of their runs.

    Raises ValueError naming the files where those of an arm are of several pipelines, any two of
    other data, images or labels, two are of one run, or a prediction is not finite.
    """
    arms = [[_read(file) for file in files] for files in (a, b)]
    for arm in arms:
        for run in arm[1:]:
            if run.meta["fingerprint"] != arm[0].meta["fingerprint"]:
                raise ValueError(
                    f"{run.file} is of {run.arm} ({run.meta['fingerprint']}), {arm[0].file} of "
                    f"{arm[0].arm} ({arm[0].meta['fingerprint']}): results of different pipelines "
                    "never mix in an arm"
                )
    runs = [run for arm in arms for run in arm]
    for run in runs[1:]:
        if different := _different(runs[0], run):
            raise ValueError(f"{run.file} is of other {different} than {runs[0].file}")
    for one, other in itertools.combinations(runs, 2):
        if same := _same(one, other):
            raise ValueError(
                f"{one.file} and {other.file} are of one run ({same}); a copy is no second seed"
            )
    names = [arm[0].arm for arm in arms]
    if names[0] == names[1]:
        names = [f"{names[0]} (a)", f"{names[1]} (b)"]
    correct = [np.stack([run.predictions.correct for run in arm]) for arm in arms]
    groups = next(
        (run.predictions.group for run in runs if run.predictions.group is not None), None
    )
    named = names[0], names[1]
    return verdict(correct[0], correct[1], margin, names=named, distinct=True, groups=groups)


def _read(file: Path) -> Run:
    found, meta = scores.read_predictions(file)
    if missing := [name for name in ("preprocessing", "fingerprint") if name not in meta]:
        raise DamagedData(f"{file} does not say its {missing[0]}; evaluate again")
    finite = np.isfinite(found.probability).all(axis=1) & np.isfinite(found.true_probability)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(
            f"{file}: the net's outputs for {len(bad):,} of {len(finite):,} images are not finite "
            f"(first: {found.key[bad[0]]}); such a run diverged and has no accuracy"
        )
    return Run(file, found, meta)


def _different(one: Run, other: Run) -> str | None:
    """What two files must have in common and have not; None where they fit together."""
    if not np.array_equal(one.predictions.key, other.predictions.key):
        return "images"
    if not np.array_equal(one.predictions.label, other.predictions.label):
        return "labels"
    for name, words in (("data", "data"), ("split", "data"), ("ten_crop", "crops")):
        known = one.meta.get(name), other.meta.get(name)
        if None not in known and known[0] != known[1]:
            return f"{words} ({name} {known[1]}, not {known[0]})"
    return None


def _same(one: Run, other: Run) -> str | None:
    """What shows that two files are of one run; None where they are not.

    The runs of one arm never share weights, nor seed and step; one checkpoint evaluated under two
    pipelines may stand in both arms. Files without an identity are told by their predictions,
    except those of nets that give every image the same answer.
    """
    if os.fspath(one.file) == os.fspath(other.file):
        return "one file"
    if one.meta["fingerprint"] == other.meta["fingerprint"]:
        weights = one.meta.get("weights")
        if weights is not None and weights == other.meta.get("weights"):
            return f"weights {weights[:12]}"
        seed, step = one.meta.get("seed"), one.meta.get("step")
        if seed is not None and (seed, step) == (other.meta.get("seed"), other.meta.get("step")):
            return f"seed {seed}, step {step}"
    names = ("top5", "probability", "true_probability", "rank")
    found, second = vars(one.predictions), vars(other.predictions)
    if all(np.array_equal(found[name], second[name]) for name in names) and not _blind(one):
        return "equal predictions throughout"
    return None


def _blind(run: Run) -> bool:
    """True for a net that gives every image the same answer, so that two such may be alike."""
    found = run.predictions
    if np.ptp(found.top5, axis=0).any() or np.ptp(found.probability, axis=0).any():
        return False
    ranks = np.unique(np.stack([found.label, found.rank]), axis=1)
    return bool(ranks.shape[1] == len(np.unique(found.label)))
