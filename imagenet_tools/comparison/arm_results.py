"""The finished runs of an arm, read from their files and held to what their results say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools.comparison import prediction_file, run_files
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.prediction_file import PredictionFile
from imagenet_tools.comparison.run_files import run_folder
from imagenet_tools.comparison.run_result import RunResult, required
from imagenet_tools.evaluation import guessing, scores
from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.evaluation.metrics import METRICS


@dataclass(frozen=True)
class ArmResults:
    """The runs of one arm: seeds in order; those without a net to judge have no part in means.

    failures: why, of each that diverged. Where all did, everything but these two is empty.
    correct: evaluation path -> bool [seeds, images]; the arm's own under its slug. predictions: of
    each seed, under that path. group: int [images], one number for images that show one picture;
    None where that is not known.
    """

    arm: Arm
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    failures: tuple[str, ...]
    runs: tuple[RunResult, ...]
    correct: dict[str, np.ndarray]
    predictions: tuple[scores.Predictions, ...]
    group: np.ndarray | None = None

    @property
    def spec(self) -> str:
        return self.arm.spec

    @property
    def slug(self) -> str:
        return self.arm.slug

    @property
    def key(self) -> np.ndarray:
        return self.predictions[0].key if self.predictions else np.zeros(0, str)

    @property
    def label(self) -> np.ndarray:
        return self.predictions[0].label if self.predictions else np.zeros(0, np.int32)

    @property
    def top1(self) -> np.ndarray:
        """int32 [seeds, images]: the class that each run says, under its own path."""
        return np.stack([one.top5[:, 0] for one in self.predictions])

    @property
    def own(self) -> np.ndarray:
        """bool [seeds, images]: which images each run gets right under its own path."""
        return self.correct[self.slug]

    @property
    def planned(self) -> int:
        """How many runs there are, those that diverged among them."""
        return len(self.seeds) + len(self.diverged)

    @property
    def pictures(self) -> int:
        """Validation images, near-duplicates counted once."""
        return self.label.size if self.group is None else len(np.unique(self.group))

    def accuracy(self, path: str | None = None) -> np.ndarray:
        """Top-1 in points of each seed under an evaluation path (default: its own)."""
        return np.asarray(100 * self.correct[path or self.slug].mean(axis=1))

    def metric(self, name: str) -> np.ndarray:
        """A figure of the own evaluation (top5, loss, ece, ...) of each seed."""
        return np.array([getattr(run.evaluations[self.slug], name) for run in self.runs], float)

    def on_training(self, name: str) -> np.ndarray:
        """The same figure of training images; NaN where none were evaluated."""
        return np.array([getattr(run.on_training, name, np.nan) for run in self.runs], float)

    def guessing(self, plan: Plan) -> int:
        """How many of its runs learned nothing: their top-1 is at chance."""
        logits = plan.num_classes + 1 - plan.labels_offset
        return guessing.guesses(self.own, self.label, logits)


def read_arms(
    plan: Plan, folder: Path, seeds: tuple[int, ...], own: bool = False
) -> tuple[ArmResults, ...]:
    """The runs of these seeds, of every arm; own: under its own path alone. ValueError where one is
    missing, is there twice, or is of other data or images."""
    read: list[PredictionFile] = []
    arms = [_read_arm(plan, folder, arm, seeds, read, own) for arm in plan.arms]
    group = next((one.group for one in arms if one.group is not None), None)  # of the same images
    return tuple(replace(one, group=group) for one in arms)


def _read_arm(
    plan: Plan,
    folder: Path,
    arm: Arm,
    wanted: tuple[int, ...],
    read: list[PredictionFile],
    own_alone: bool,
) -> ArmResults:
    """read: runs of this comparison, to which this arm's are added."""
    runs: list[RunResult] = []
    failures: dict[int, str] = {}
    correct: dict[str, list[np.ndarray]] = {}
    own: list[scores.Predictions] = []
    for seed in wanted:
        result, place = required(folder, plan, arm, seed), run_folder(folder, arm.slug, seed)
        if result.failure:
            _refuse_sound(plan, result, place)
            failures[seed] = result.failure
            continue
        if result.training.steps != plan.steps:
            raise ValueError(
                f"{place} is a run of {result.training.steps:,} steps; this comparison's have "
                f"{plan.steps:,}"
            )
        if runs and result.evaluations.keys() != runs[0].evaluations.keys():
            raise ValueError(
                f"{place / run_files.RESULT} was evaluated under {', '.join(result.evaluations)}, "
                f"seed {runs[0].seed} under {', '.join(runs[0].evaluations)}; remove it, and the "
                "same compare-preproc command evaluates again"
            )
        runs.append(result)
        for path, told in result.evaluations.items():
            if own_alone and path != arm.slug:
                continue
            file = place / run_files.predictions_file(path)
            predictions, meta = _predictions(plan, told, file)
            correct.setdefault(path, []).append(predictions.correct)
            if path == arm.slug:
                run = PredictionFile(file, predictions, {"fingerprint": arm.fingerprint, **meta})
                own.append(_added(run, arm, read))
    return ArmResults(
        arm=arm,
        seeds=tuple(run.seed for run in runs),
        diverged=tuple(failures),
        failures=tuple(failures.values()),
        runs=tuple(runs),
        correct={path: np.stack(seeds) for path, seeds in correct.items()}
        or {arm.slug: np.zeros((0, plan.validation_images), bool)},
        predictions=tuple(own),
        group=next((one.group for one in own if one.group is not None), None),
    )


def _added(run: PredictionFile, arm: Arm, read: list[PredictionFile]) -> scores.Predictions:
    """The predictions of a run, which is added to those that were read. ValueError where it is of
    another pipeline or other images, or there already."""
    if (made := run.meta["fingerprint"]) != arm.fingerprint:
        raise ValueError(
            f"{run.file} is of another pipeline ({made}; this arm's is {arm.fingerprint}). Remove "
            "the result beside it, and the same compare-preproc command evaluates again"
        )
    if read:
        prediction_file.refuse_other_images(run, read[0])
        # The keys of many images are larger than all the rest, and kept once.
        run = replace(run, predictions=replace(run.predictions, key=read[0].predictions.key))
    for other in read:
        if other.meta["fingerprint"] == made:  # two pipelines may do the same, and give one net
            prediction_file.refuse_copy(run, other)
    read.append(run)
    return run.predictions


def _refuse_sound(plan: Plan, result: RunResult, place: Path) -> None:
    """ValueError where a run that is said to have failed, which leaves it out, has not."""
    for path, told in result.evaluations.items():
        _predictions(plan, told, place / run_files.predictions_file(path))
    file = place / run_files.predictions_file(result.arm)
    if result.training.diverged and file.exists():
        predictions, _ = scores.read_predictions(file)
        if not predictions.unranked.any():
            raise ValueError(
                f"{place / run_files.RESULT} says that the run diverged, {file.name} beside it has "
                "scores of every image: one of them was altered. Remove both, and the same "
                "compare-preproc command evaluates again"
            )


def _predictions(
    plan: Plan, told: EvalResult, file: Path
) -> tuple[scores.Predictions, dict[str, Any]]:
    """What a run said, and what that is of. ValueError where it is of other data, or not what its
    result says."""
    predictions, meta = scores.read_predictions(file)
    if (there := meta.get("data")) != plan.data:
        raise ValueError(
            f"{file} is of other data ({str(there)[:8]}); remove it, and the same compare-preproc "
            "command evaluates again"
        )
    figures = {"n": len(predictions.key), "not_finite": int(np.sum(predictions.unranked))}
    # Files from before there was a loss have less of it than their results.
    names = ("top1", "top5") if predictions.loss is None else ("top1", "top5", "loss")
    if predictions.group is not None and told.near_duplicates is not None:
        figures["near_duplicates"] = len(predictions.key) - len(np.unique(predictions.group))
    for name, value in (figures | {one: METRICS[one].of(predictions) for one in names}).items():
        if not np.isclose(value, getattr(told, name), rtol=1e-7, equal_nan=True):
            raise ValueError(
                f"{file} has a {name} of {value:.7g}, {run_files.RESULT} beside it says "
                f"{getattr(told, name):.7g}: one of them was altered. Remove the result, and the "
                "same compare-preproc command evaluates again"
            )
    return predictions, meta
