"""The finished runs of an arm, read from their files and held to what their results say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_files import run_folder
from imagenet_tools.comparison.run_result import RunResult, required
from imagenet_tools.evaluation import guessing, scores
from imagenet_tools.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from imagenet_tools.evaluation.evaluate import EvalResult

# What a run without a net to judge says of no images.
_NOTHING = scores.Predictions(
    *(np.zeros(shape, kind) for shape, kind in (
        (0, str), (0, np.int32), ((0, 5), np.int32), ((0, 5), np.float32), (0, np.float32),
        (0, np.int32),
    ))
)  # fmt: skip


@dataclass(frozen=True)
class ArmResults:
    """The runs of one arm: seeds in order; those without a net to judge have no part in means.

    failures: why, of each that diverged. Where all did, everything but these two is empty.
    correct: evaluation path -> bool [seeds, images]; the arm's own under its slug. group: int
    [images], one number for images that show one picture; None where that is not known.
    """

    arm: Arm
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    failures: tuple[str, ...]
    runs: tuple[RunResult, ...]
    correct: dict[str, np.ndarray]
    key: np.ndarray
    label: np.ndarray
    top1: np.ndarray  # int32 [seeds, images], the class predicted under its own path
    chance: np.ndarray  # float32 [seeds, images], of that class
    true_chance: np.ndarray  # float32 [seeds, images], of the true class
    group: np.ndarray | None = None

    @property
    def spec(self) -> str:
        return self.arm.spec

    @property
    def slug(self) -> str:
        return self.arm.slug

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


def read_arms(plan: Plan, folder: Path, seeds: tuple[int, ...]) -> tuple[ArmResults, ...]:
    """The runs of these seeds, of every arm. ValueError where one is missing, is there twice, or is
    of other data or images."""
    read: list[Read] = []
    arms = [_read_arm(plan, folder, arm, seeds, read) for arm in plan.arms]
    group = next((one.group for one in arms if one.group is not None), None)  # of the same images
    return tuple(replace(one, group=group) for one in arms)


def _read_arm(
    plan: Plan, folder: Path, arm: Arm, wanted: tuple[int, ...], read: list[Read]
) -> ArmResults:
    """read: runs of this comparison, to which this arm's are added."""
    runs: list[RunResult] = []
    failures: dict[int, str] = {}
    correct: dict[str, list[np.ndarray]] = {}
    own: list[scores.Predictions] = []
    for seed in wanted:
        result, place = required(folder, plan, arm, seed), run_folder(folder, arm.slug, seed)
        if result.failure:
            for path, told in result.evaluations.items():  # a sound run may be said to have failed
                _predictions(plan, told, place / run_files.predictions_file(path))
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
            file = place / run_files.predictions_file(path)
            predictions, weights = _predictions(plan, told, file)
            correct.setdefault(path, []).append(predictions.correct)
            if path == arm.slug:
                own.append(predictions)
                read.append(Read(file, _images(predictions), (arm.fingerprint, weights)))
                _refuse_another(*read)
    shown = own or [_NOTHING]
    return ArmResults(
        arm=arm,
        seeds=tuple(run.seed for run in runs),
        diverged=tuple(failures),
        failures=tuple(failures.values()),
        runs=tuple(runs),
        correct={path: np.stack(seeds) for path, seeds in correct.items()}
        or {arm.slug: np.zeros((0, plan.validation_images), bool)},
        key=shown[0].key,
        label=shown[0].label,
        top1=np.stack([one.top5[:, 0] for one in shown])[: len(own)],
        chance=np.stack([one.probability[:, 0] for one in shown])[: len(own)],
        true_chance=np.stack([one.true_probability for one in shown])[: len(own)],
        group=next((one.group for one in own if one.group is not None), None),
    )


def _predictions(plan: Plan, told: EvalResult, file: Path) -> tuple[scores.Predictions, str]:
    """What a run said, and the digest of its weights. ValueError where that is of other data, or
    not what its result says."""
    predictions, meta = scores.read_predictions(file)
    if (there := meta.get("data")) != plan.data:
        raise ValueError(
            f"{file} is of other data ({str(there)[:8]}); remove it, and the same compare-preproc "
            "command evaluates again"
        )
    figures = {"n": len(predictions.key), "not_finite": int(np.sum(predictions.unranked))}
    # Files from before there was a loss have less of it than their results.
    names = ("top1", "top5") if predictions.loss is None else ("top1", "top5", "loss")
    for name, value in (figures | {one: METRICS[one].of(predictions) for one in names}).items():
        if not np.isclose(value, getattr(told, name), rtol=1e-7, equal_nan=True):
            raise ValueError(
                f"{file} has a {name} of {value:.7g}, {run_files.RESULT} beside it says "
                f"{getattr(told, name):.7g}: one of them was altered. Remove the result, and the "
                "same compare-preproc command evaluates again"
            )
    return predictions, str(meta.get("weights", file))


class Read(NamedTuple):
    """A run's predictions under its own path; net: its pipeline's fingerprint, and its weights."""

    file: Path
    images: str
    net: tuple[str, str]


def _images(predictions: scores.Predictions) -> str:
    """A digest of images and labels in their order."""
    words = "\n".join(map(str, [*predictions.key, *predictions.label]))
    return hashlib.sha256(words.encode()).hexdigest()


def _refuse_another(*read: Read) -> None:
    """ValueError where the last one is of other images, or of a net that is there already."""
    *others, one = read
    for other in others:
        if one.net == other.net:
            raise ValueError(
                f"{one.file} and {other.file} are of one run (weights {one.net[1][:12]}); a copy "
                "is no second seed"
            )
        if one.images != other.images:
            raise ValueError(f"{one.file} is of other images, or labels, than {other.file}")
