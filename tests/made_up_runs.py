"""Stand-ins for the runs of a comparison: predictions of a known accuracy, without training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools.comparison import diagnosed, run_files
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.plan_file import to_dict
from imagenet_tools.comparison.report import content, document
from imagenet_tools.comparison.results import judge
from imagenet_tools.comparison.run_result import RunResult, read_result, write_result
from imagenet_tools.evaluation import scores
from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.storage.write import write_json
from imagenet_tools.training.train_result import TrainResult

ACCURACY = {"alexnet": 0.60, "inception": 0.50}
TRAINED = TrainResult("model.ckpt-9", 9, 540, 10.0, 300.0, 1.2, False)


def scored(
    rank: np.ndarray,
    label: np.ndarray | None = None,
    names: np.ndarray | None = None,
    probability: np.ndarray | None = None,
) -> scores.Predictions:
    """Predictions in which each image's class has this rank, and what stands there agrees."""
    n, place = len(rank), np.arange(5)
    label = np.zeros(n, np.int32) if label is None else label.astype(np.int32)
    names = np.array([f"c/{i}" for i in range(n)]) if names is None else names
    chances = np.tile(np.float32([0.5, 0.2, 0.1, 0.1, 0.1]), (n, 1))
    probability = chances if probability is None else probability
    at, own = rank[:, np.newaxis], label[:, np.newaxis]
    top5 = np.where(place == at, own, own + 1 + place - (place > at)).astype(np.int32)
    true = np.take_along_axis(probability, np.minimum(at, 4), axis=1)[:, 0]
    return scores.Predictions(names, label, top5, probability, true, rank.astype(np.int32))


def made_up(made: Plan, **accuracy: float):
    """A stand-in for a run: predictions of a known accuracy (arm=share), in no time."""
    right = {**ACCURACY, **accuracy}

    def launch(folder: Path, arm: Arm, seed: int) -> int:
        own = run_files.run_folder(folder, arm.slug, seed)
        own.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, len(arm.slug)])
        n = 4000
        rank = (rng.random(n) > right[arm.slug]).astype(np.int32)
        found = scored(rank)
        evaluated = EvalResult(
            n, {"top1": 100.0 * (rank == 0).mean(), "top5": 100.0, "loss": 1.5, "ece": 0.05},
            (0.0, 100.0), (0.0, 100.0), arm.spec, "model.ckpt-9", 9, "w", 1.0, 100.0,
        )  # fmt: skip
        paths = [arm.slug, *(other.slug for other in made.arms if other != arm), "common"]
        first, *others = (own / run_files.predictions_file(path) for path in paths)
        scores.write_predictions(first, found, {"data": made.data})
        for file in others:
            shutil.copyfile(first, file)
        trained = replace(TRAINED, steps=made.steps)
        result = RunResult(
            arm.slug, arm.fingerprint, made.data, seed, trained, dict.fromkeys(paths, evaluated),
            evaluated, {"tensorflow": "0"}, to_dict(made),
        )  # fmt: skip
        write_result(own, result)
        return 0

    return launch


def launched(made: Plan, accuracy: dict[str, float], started: list):
    """Stand-ins whose accuracies are given, and that keep a list of what was run."""
    real = made_up(made, **accuracy)

    def launch(folder: Path, arm: Arm, seed: int) -> int:
        started.append((arm.slug, seed))
        return real(folder, arm, seed)

    return launch


def diverging(made: Plan, lost: set[tuple[str, int]], **accuracy: float):
    """Stand-ins of which some diverged, as a run does that becomes NaN: without predictions."""
    real = made_up(made, **accuracy)

    def launch(folder: Path, arm: Arm, seed: int) -> int:
        real(folder, arm, seed)
        if (arm.slug, seed) in lost:
            own = run_files.run_folder(folder, arm.slug, seed)
            training = replace(TRAINED, diverged=True, final_loss=float("nan"))
            result = replace(read_result(own), training=training, evaluations={}, on_training=None)
            write_result(own, result)
            for file in own.glob("predictions-*.npz"):
                file.unlink()
        return 0

    return launch


def reported(made: Plan, folder: Path, **more: Any) -> content.Report:
    """Judge the runs in a folder and write the report there."""
    report = content.make(judge(made, folder), **more)
    document.write(report, folder)
    return report


def undiagnosed(folder: Path) -> Path:
    """A comparison's folder whose diagnosis is there already; measuring takes ten seconds."""
    folder.mkdir(exist_ok=True)
    content = {"version": diagnosed.VERSION, "findings": [], "passports": {}}
    write_json(folder / diagnosed.FILE, content)
    return folder


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file by hand."""
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def without_plan(folder: Path) -> None:
    """Results as an earlier imgtools wrote them."""
    for file in folder.glob("*/seed-*/result.json"):
        edit(file, lambda content: content.pop("plan"))
