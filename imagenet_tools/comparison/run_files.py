"""The files in a comparison's folder: where they are."""

from __future__ import annotations

from pathlib import Path

REPORT, PAGE, METHODS = "report.json", "report.html", "methods.txt"
RESULT = "result.json"  # of a run
LOG = "run.log"
METRICS = "metrics.jsonl"
LOCK = ".lock"  # held by the process that works on the run
# Evaluations that are no arm's own path.
COMMON, TEN_CROP = "common", "ten-crop"


def run_folder(folder: Path, slug: str, seed: int) -> Path:
    return folder / slug / f"seed-{seed}"


def predictions_file(name: str) -> str:
    """The predictions of a run under an arm's evaluation path, "common" or "ten-crop"."""
    return f"predictions-{name}.npz"
