"""Judge runs from their prediction files alone, wherever they were made."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence

import numpy as np

from imagenet_tools.comparison import class_names, prediction_file
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.prediction_file import PredictionFile
from imagenet_tools.comparison.verdicts import of_given
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import scores
from imagenet_tools.storage import AnyPath


def judge_files(a: Sequence[AnyPath], b: Sequence[AnyPath], margin: float = 0.5) -> Verdict:
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
        prediction_file.refuse_other_images(run, runs[0])
    for run in runs:
        predicted = run.named(run.predictions.top5[:, 0])
        class_names.check_order(os.fspath(run.file), predicted, run.named())
    for one, other in itertools.combinations(runs, 2):
        prediction_file.refuse_copy(one, other)
    names = [arm[0].arm for arm in arms]
    if names[0] == names[1]:
        names = [f"{names[0]} (a)", f"{names[1]} (b)"]
    of_a, of_b = ([run.seed for run in arm] for arm in arms)
    known = (run.predictions.group for run in runs)
    right_a, right_b = (np.stack([run.predictions.correct for run in arm]) for arm in arms)
    [judged] = of_given(
        (right_a, right_b),
        runs[0].predictions.label,
        margin,
        names=names,
        seeds=(of_a, of_b),
        groups=next((group for group in known if group is not None), None),
    )
    said = [*_doubts(runs), *_unequal(arms[0][0], arms[1][0])]
    if any(run.meta.get("split") == "train" for run in runs):
        said.append("These are images of the training split, which nets know by heart")
    return judged.doubted(*said)


def _read(file: AnyPath) -> PredictionFile:
    predictions, meta = scores.read_predictions(file)
    if missing := [name for name in ("preprocessing", "fingerprint") if name not in meta]:
        raise DamagedData(f"{file} does not say its {missing[0]}; evaluate again")
    if not len(predictions.key):
        raise ValueError(f"{file} has no images")
    scored = np.column_stack(
        [predictions.probability, predictions.true_probability, predictions.losses]
    )
    bad = np.flatnonzero(predictions.unranked | ~np.isfinite(scored).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{file}: the net's outputs for {len(bad):,} of {len(scored):,} images are not finite "
            f"(first: {predictions.key[bad[0]]}); such a run diverged and has no accuracy"
        )
    return PredictionFile(file, predictions, meta)


def _refuse_another_arm(one: PredictionFile, other: PredictionFile) -> None:
    """ValueError where two runs are no two seeds of one arm."""
    if one.meta["fingerprint"] != other.meta["fingerprint"]:
        raise ValueError(
            f"{other.file} is of {other.arm} ({other.meta['fingerprint']}), {one.file} of "
            f"{one.arm} ({one.meta['fingerprint']}): results of different pipelines never mix in "
            "an arm"
        )
    if unequal := list(_unequal(one, other)):
        raise ValueError(f"{unequal[0]}: they are no seeds of one arm")


def _unequal(one: PredictionFile, other: PredictionFile) -> Iterator[str]:
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


def _doubts(runs: Sequence[PredictionFile]) -> Iterator[str]:
    """What speaks against single files."""
    for run in runs:
        yield from (f"{run.file}: {doubt}" for doubt in scores.doubts(run.predictions))
        trained = run.meta.get("trained") or run.meta["fingerprint"]
        if trained != run.meta["fingerprint"]:
            yield f"{run.file} is of a net that was trained under another pipeline ({trained})"
        if absent := [name for name in ("data", "weights") if run.meta.get(name) is None]:
            yield f"{run.file} does not say of which {' and '.join(absent)} it is"
