"""The result of a run: what result.json holds once it is trained and evaluated."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_files import RESULT, predictions_file, run_folder
from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json
from imagenet_tools.training.train_result import TrainResult

# 1 evaluated a run under the other arms' geometry without its own settings, and no training images.
VERSION = 2
_REMEDY = "remove it, and the same compare-preproc command makes it again, without training"


class NotDone(ValueError):
    """A run is (again) to be done: what is there is none, or not of this plan, data or imgtools."""


@dataclass(frozen=True)
class RunResult:
    """One trained and evaluated net.

    evaluations: path (arm slug, "common", "ten-crop") -> figures on the validation images.
    on_training: the same figures of training images under the arm's own evaluation path. Both are
    empty for a run whose loss or weights were not finite. plan: under which it was made, as
    plan.json has it; None in results from before they said it.
    """

    arm: str
    fingerprint: str
    data: str
    seed: int
    training: TrainResult
    evaluations: Mapping[str, EvalResult]
    on_training: EvalResult | None
    versions: Mapping[str, str]
    plan: Mapping[str, Any] | None = None

    @property
    def failure(self) -> str | None:
        """Why there is no net to judge, in words; None where there is one."""
        if not self.training.diverged:
            under_itself = self.evaluations[self.arm]
            if not under_itself.not_finite:
                return None
            return (
                f"its scores of {under_itself.not_finite:,} of {under_itself.n:,} images are NaN "
                f"or infinite, first {under_itself.first_not_finite}"
            )
        if not math.isfinite(self.training.final_loss):
            return f"the loss was {self.training.final_loss} at step {self.training.steps:,}"
        return f"weights were NaN or infinite at step {self.training.steps:,}"

    @property
    def seconds(self) -> float:
        """How long it took, but for the start of a process."""
        return self.training.seconds + self.evaluation_seconds

    @property
    def evaluation_seconds(self) -> float:
        """How long its evaluations took, under all paths."""
        return sum(one.seconds for one in self.evaluations.values())


def write_result(folder: Path, result: RunResult) -> None:
    """Write result.json into a run's folder."""
    content = {
        "version": VERSION,
        **vars(result),
        "training": dataclasses.asdict(result.training),
        "evaluations": {name: one.as_json() for name, one in result.evaluations.items()},
        "on_training": result.on_training and result.on_training.as_json(),
    }
    write_json(folder / RESULT, json_file.finite(content))


def read_result(folder: Path) -> RunResult:
    """Read result.json of a run's folder.

    Raises FileNotFoundError where the run is not done, NotDone for another version's result,
    DamagedData where the file is not what write_result wrote.
    """
    path = folder / RESULT
    content = json_file.read(path, _REMEDY)
    version = content.get("version", 1)
    if version != VERSION:
        raise NotDone(
            f"{path} was written by another imgtools (results of version {version}, here "
            f"{VERSION}), which evaluated runs otherwise: such results are not mixed. The same "
            "compare-preproc command evaluates its checkpoint again, without training"
        )
    with json_file.as_written(path, _REMEDY):
        seen = content["on_training"]
        result = RunResult(
            **{name: content[name] for name in ("arm", "fingerprint", "data", "seed")},
            training=json_file.as_type(content["training"], TrainResult),
            evaluations={name: _evaluated(one) for name, one in content["evaluations"].items()},
            on_training=seen and _evaluated(seen),
            versions=dict(content["versions"]),
            plan=content.get("plan"),
        )
        made = result.plan
        whole = isinstance(made, dict) and isinstance(made.get("former"), list)
        if made is not None and not whole:
            raise ValueError(f"plan is {str(made)[:40]!r}")  # which nothing could be held to
        if result.training.diverged == bool(result.evaluations):
            raise ValueError("a run that diverged has no evaluations, and any other has some")
        if result.evaluations:
            result.evaluations[result.arm]
    return result


def _evaluated(content: Mapping[str, Any]) -> EvalResult:
    """What gave this as its as_json, which has the metrics among the rest."""
    fields = {one.name for one in dataclasses.fields(EvalResult)} - {"metrics"}
    metrics = {name: value for name, value in content.items() if name not in fields}
    others = {name: value for name, value in content.items() if name in fields}
    made: EvalResult = json_file.as_type({**others, "metrics": metrics}, EvalResult)
    return made


def finished(folder: Path, plan: Plan, arm: Arm, seed: int) -> RunResult | None:
    """The result of a run that is done, as `required`; None where it is (again) to be done."""
    try:
        return required(folder, plan, arm, seed)
    except NotDone:
        return None


def required(folder: Path, plan: Plan, arm: Arm, seed: int) -> RunResult:
    """The result of a run. Raises NotDone, and ValueError for a result that was put there from
    another run of this plan, which nothing but its owner can mend."""
    place = run_folder(folder, arm.slug, seed)
    try:
        result = read_result(place)
    except FileNotFoundError:
        raise NotDone(
            f"{place} holds no {RESULT}: {arm.slug} seed {seed} is not finished; run the same "
            "compare-preproc command again"
        ) from None
    for kind, what, there, wanted in (
        (ValueError, "arm", result.arm, arm.slug),
        (ValueError, "seed", result.seed, seed),
        (NotDone, "pipeline", result.fingerprint, arm.fingerprint),
        (NotDone, "data", result.data, plan.data),
    ):
        if there != wanted:
            raise kind(
                f"{place / RESULT} is of another {what} ({there}; this comparison's is {wanted})"
            )
    for file in map(predictions_file, result.evaluations):
        if not (place / file).exists():
            raise NotDone(
                f"{place / file} is gone; the same compare-preproc command makes it again, "
                "without training"
            )
    return result
