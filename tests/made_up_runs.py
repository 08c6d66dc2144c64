"""Stand-ins for the runs of a comparison: predictions of a known accuracy, without training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from imagenet_tools.comparison import compare, plan, run_files
from imagenet_tools.evaluation import scores
from imagenet_tools.storage.write import write_json

ACCURACY = {"alexnet": 0.60, "inception": 0.50}


def made_up(made: plan.Plan, **accuracy: float):
    """A stand-in for a run: predictions of a known accuracy (arm=share), in no time."""
    right = {**ACCURACY, **accuracy}

    def launch(folder: Path, arm: plan.Arm, seed: int) -> int:
        own = run_files.run_folder(folder, arm, seed)
        own.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, len(arm.slug)])
        n = 4000
        rank = (rng.random(n) > right[arm.slug]).astype(np.int32)
        top = np.tile(np.arange(5, dtype=np.int32), (n, 1))
        probability = np.tile(np.float32([0.5, 0.2, 0.1, 0.1, 0.1]), (n, 1))
        names = np.array([f"c/{i}" for i in range(n)])
        found = scores.Predictions(
            names, np.zeros(n, np.int32), top, probability, probability[:, 0], rank
        )
        paths = [arm.slug, *(other.slug for other in made.arms if other != arm), "common"]
        for path in paths:
            file = own / run_files.predictions_file(path)
            scores.write_predictions(file, found, {"data": made.data})
        figures = {"top5": 90.0, "loss": 1.5, "ece": 0.05, "seconds": 1.0}
        training = {"diverged": False, "final_loss": 1.2, "images_per_second": 300.0}
        content = {
            "arm": arm.slug, "fingerprint": arm.fingerprint, "data": made.data, "seed": seed,
            "training": {**training, "seconds": 10.0}, "versions": {"tensorflow": "0"},
            "evaluations": {path: figures for path in paths},
        }  # fmt: skip
        write_json(own / run_files.RESULT, content)
        return 0

    return launch


def launched(made: plan.Plan, accuracy: dict[str, float], started: list):
    """Stand-ins whose accuracies are given, and that keep a list of what was run."""
    real = made_up(made, **accuracy)

    def launch(folder: Path, arm: plan.Arm, seed: int) -> int:
        started.append((arm.slug, seed))
        return real(folder, arm, seed)

    return launch


def diverging(made: plan.Plan, lost: set[tuple[str, int]], **accuracy: float):
    """Stand-ins of which some diverged, as a run does that becomes NaN: without predictions."""
    real = made_up(made, **accuracy)

    def launch(folder: Path, arm: plan.Arm, seed: int) -> int:
        real(folder, arm, seed)
        if (arm.slug, seed) in lost:
            own = run_files.run_folder(folder, arm, seed)
            content = json.loads((own / run_files.RESULT).read_text())
            content["training"]["diverged"] = True
            write_json(own / run_files.RESULT, {**content, "evaluations": {}})
            for file in own.glob("predictions-*.npz"):
                file.unlink()
        return 0

    return launch


def undiagnosed(folder: Path) -> Path:
    """A comparison's folder whose diagnosis is there already; measuring takes ten seconds."""
    folder.mkdir(exist_ok=True)
    write_json(folder / compare.DIAGNOSIS, {"findings": [], "passports": {}})
    return folder
