"""Judge runs from their prediction files alone, wherever they were made."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imagenet_tools.comparison import class_names
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.verdicts import unless_guessed, verdict
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import scores

Path = str | os.PathLike[str]
ROUNDED = 0.01  # of the losses' standard deviation, and of the images; two seeds differ by more


@dataclass(frozen=True)
class Run:
    """A run's prediction file: the predictions and its identity (`meta`)."""

    file: Path
    predictions: scores.Predictions
    meta: dict[str, Any]

    @property
    def arm(self) -> str:
        return str(self.meta["preprocessing"])

    def named(self, classes: np.ndarray | None = None) -> dict[str, str]:
        """The class of each image by its key, as text; by default the true one."""
        known = self.predictions.label if classes is None else classes
        return dict(zip(self.predictions.key, map(str, known), strict=True))


def judge_files(a: Sequence[Path], b: Sequence[Path], margin: float = 0.5) -> Verdict:
    """Judge two arms from the prediction files (`imgtools eval --predictions`) of their runs.

    What does not forbid a verdict but speaks against it (a net that does not see its input, arms
    of other recipes or steps, a file that does not say whose it is) is added to the sentence.
    Raises ValueError naming the files where those of an arm are of several pipelines, recipes or
    steps, any two of other data, images or labels, two are of one run, a prediction is not finite,
    or those of a run are in another order of classes than its labels.
    """
    if not (a and b):
        raise ValueError("an arm needs one file or more")
    arms = [[_read(file) for file in files] for files in (a, b)]
    for arm in arms:
        for run in arm[1:]:
            _refuse_another_arm(arm[0], run)
    runs = [run for arm in arms for run in arm]
    for run in runs[1:]:
        if different := _different(runs[0], run):
            raise ValueError(f"{run.file} is of other {different} than {runs[0].file}")
    for run in runs:
        predicted = run.named(run.predictions.top5[:, 0])
        class_names.check_order(os.fspath(run.file), predicted, run.named())
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
    of_a, of_b = ([run.meta.get("seed", run.file) for run in arm] for arm in arms)
    judged = verdict(
        *(correct[0], correct[1], margin),
        names=named, seeds=(of_a, of_b), distinct=True, groups=groups,
    )  # fmt: skip
    labels = runs[0].predictions.label
    judged = unless_guessed(judged, np.concatenate(correct), labels, named)
    said = [*_doubts(runs), *_unequal(arms[0][0], arms[1][0])]
    if any(run.meta.get("split") == "train" for run in runs):
        said.append("These are images of the training split, which nets know by heart")
    return replace(judged, sentence=". ".join([judged.sentence, *said]))


def _read(file: Path) -> Run:
    predictions, meta = scores.read_predictions(file)
    if missing := [name for name in ("preprocessing", "fingerprint") if name not in meta]:
        raise DamagedData(f"{file} does not say its {missing[0]}; evaluate again")
    if not len(predictions.key):
        raise ValueError(f"{file} has no images")
    finite = np.isfinite(predictions.probability).all(axis=1) & np.isfinite(
        predictions.true_probability
    )
    finite &= np.isfinite(predictions.losses) & ~predictions.unranked
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(
            f"{file}: the net's outputs for {len(bad):,} of {len(finite):,} images are not finite "
            f"(first: {predictions.key[bad[0]]}); such a run diverged and has no accuracy"
        )
    return Run(file, predictions, meta)


def _refuse_another_arm(one: Run, other: Run) -> None:
    """ValueError where two runs are no two seeds of one arm."""
    if one.meta["fingerprint"] != other.meta["fingerprint"]:
        raise ValueError(
            f"{other.file} is of {other.arm} ({other.meta['fingerprint']}), {one.file} of "
            f"{one.arm} ({one.meta['fingerprint']}): results of different pipelines never mix in "
            "an arm"
        )
    if unequal := list(_unequal(one, other)):
        raise ValueError(f"{unequal[0]}: they are no seeds of one arm")


def _unequal(one: Run, other: Run) -> Iterator[str]:
    """In what training differed but in the pipeline and the seed, as far as the files say."""
    for name in ("model", "step", "image_size", "averaged"):
        first, second = (run.meta.get(name) for run in (one, other))
        if None not in (first, second) and first != second:
            yield f"{one.file} is of {name} {first} and {other.file} of {name} {second}"
    recipe, another = (run.meta.get("recipe") or {} for run in (one, other))
    if recipe and another and recipe != another:
        names = {*recipe, *another}
        unequal = sorted(name for name in names if recipe.get(name) != another.get(name))
        yield f"{one.file} and {other.file} were trained by other recipes ({', '.join(unequal)})"


def _doubts(runs: Sequence[Run]) -> Iterator[str]:
    """What speaks against single files."""
    for run in runs:
        yield from (f"{run.file}: {doubt}" for doubt in scores.doubts(run.predictions))
        trained = run.meta.get("trained") or run.meta["fingerprint"]
        if trained != run.meta["fingerprint"]:
            yield f"{run.file} is of a net that was trained under another pipeline ({trained})"
        if absent := [name for name in ("data", "weights") if run.meta.get(name) is None]:
            yield f"{run.file} does not say of which {' and '.join(absent)} it is"


def _different(one: Run, other: Run) -> str | None:
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


def _same(one: Run, other: Run) -> str | None:
    """What shows that two files are of one run; None where they are not.

    The runs of one arm never share weights, nor a seed; one checkpoint evaluated under two
    pipelines may stand in both arms. Files without an identity are told by their predictions,
    except those of nets that give every image the same answer.
    """
    if os.fspath(one.file) == os.fspath(other.file):
        return "one file"
    same_arm = one.meta["fingerprint"] == other.meta["fingerprint"]
    if same_arm:
        weights = one.meta.get("weights")
        if weights is not None and weights == other.meta.get("weights"):
            return f"weights {weights[:12]}"
        seed = one.meta.get("seed")
        if seed is not None and seed == other.meta.get("seed"):
            return f"seed {seed}"
    names = ("top5", "probability", "true_probability", "rank")
    first, second = one.predictions, other.predictions
    equal = all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)
    if equal and not _blind(one):
        return "equal predictions throughout"
    if same_arm and _rounded(first, second) and not _blind(one):
        return "equal predictions but for rounding"
    return None


def _rounded(one: scores.Predictions, other: scores.Predictions) -> bool:
    """True for predictions of one net, evaluated twice, whose losses were rounded otherwise.

    By how much is measured by how far images differ: those of nets that guess hardly do.
    """
    apart = np.abs(one.losses - other.losses).max()
    as_right = np.mean(one.correct != other.correct) < ROUNDED
    return bool(as_right and apart < ROUNDED * np.std(one.losses))


def _blind(run: Run) -> bool:
    """True for a net that gives every image the same answer, so that two such may be alike."""
    predictions = run.predictions
    if np.ptp(predictions.top5, axis=0).any() or np.ptp(predictions.probability, axis=0).any():
        return False
    ranks = np.unique(np.stack([predictions.label, predictions.rank]), axis=1)
    return bool(ranks.shape[1] == len(np.unique(predictions.label)))
