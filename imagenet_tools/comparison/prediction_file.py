"""The prediction files of runs: whether two are of the same images, and of one run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from imagenet_tools.evaluation import scores
from imagenet_tools.raw.intake import printable
from imagenet_tools.storage import AnyPath

ROUNDED = 0.01  # of the losses' standard deviation, and of the images; two seeds differ by more


@dataclass(frozen=True)
class PredictionFile:
    """A run's predictions under one path, and what they are of (`meta`)."""

    file: AnyPath
    predictions: scores.Predictions
    meta: dict[str, Any]

    @property
    def arm(self) -> str:
        return printable(str(self.meta["preprocessing"]))

    @property
    def seed(self) -> Any:
        """Its file where it is not known, as of a checkpoint without its run."""
        return self.file if (seed := self.meta.get("seed")) is None else seed

    def named(self, classes: np.ndarray | None = None) -> dict[str, str]:
        """The class of each image by its key, as text; by default the true one."""
        known = self.predictions.label if classes is None else classes
        return dict(zip(self.predictions.key, map(str, known), strict=True))


def refuse_other_images(run: PredictionFile, first: PredictionFile) -> None:
    """ValueError where two files have not in common what any two runs must."""
    if different := _different(first, run):
        raise ValueError(f"{run.file} is of other {different} than {first.file}")


def refuse_copy(one: PredictionFile, other: PredictionFile) -> None:
    """ValueError where two files are of one run."""
    if same := _same(one, other):
        raise ValueError(
            f"{one.file} and {other.file} are of one run ({same}); a copy is no second seed"
        )


def _different(one: PredictionFile, other: PredictionFile) -> str | None:
    """What two files must have in common and have not; None where they fit together."""
    keys, others = one.predictions.key, other.predictions.key
    if not np.array_equal(keys, others):
        if len(keys) != len(others):
            return f"images ({len(others):,}, not {len(keys):,})"
        alike = np.array_equal(np.sort(keys), np.sort(others))
        return "images" + alike * " (the same in another order; sort them by key)"
    if (apart := np.unique(other.predictions.label - one.predictions.label)).any():
        offset = f" (all by {apart[0]:+d}, as under another --labels-offset)"
        return "labels" + offset * (len(apart) == 1)
    for name, words in (("data", "data"), ("split", "data"), ("ten_crop", "crops")):
        known = one.meta.get(name), other.meta.get(name)
        if None not in known and known[0] != known[1]:
            return f"{words} ({name} {known[1]}, not {known[0]})"
    return None


def _same(one: PredictionFile, other: PredictionFile) -> str | None:
    """What shows that two files are of one run; None where they are not.

    The runs of one arm never share weights, nor a seed; one checkpoint evaluated under two
    pipelines may stand in both arms. Files without an identity are told by their predictions,
    except those of nets that give every image the same answer.
    """
    if os.fspath(one.file) == os.fspath(other.file):
        return "one file"
    same_arm = one.meta["fingerprint"] == other.meta["fingerprint"]
    for name in ("weights", "seed") if same_arm else ():
        known = one.meta.get(name)
        if known is not None and known == other.meta.get(name):
            return f"{name} {str(known)[:12]}"
    if _blind(one):
        return None
    names = ("top5", "probability", "true_probability", "rank")
    first, second = one.predictions, other.predictions
    if all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names):
        return "equal predictions throughout"
    return "equal predictions but for rounding" if same_arm and _rounded(first, second) else None


def _rounded(one: scores.Predictions, other: scores.Predictions) -> bool:
    """True for predictions of one net, evaluated twice, whose losses were rounded otherwise.

    By how much is measured by how far images differ: those of nets that guess hardly do.
    """
    apart = np.abs(one.losses - other.losses).max()
    as_right = np.mean(one.correct != other.correct) < ROUNDED
    return bool(as_right and apart < ROUNDED * np.std(one.losses))


def _blind(run: PredictionFile) -> bool:
    """True for a net that gives every image the same answer, so that two such may be alike."""
    predictions = run.predictions
    if np.ptp(predictions.top5, axis=0).any() or np.ptp(predictions.probability, axis=0).any():
        return False
    ranks = np.unique(np.stack([predictions.label, predictions.rank]), axis=1)
    return bool(ranks.shape[1] == len(np.unique(predictions.label)))
