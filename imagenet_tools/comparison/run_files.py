"""The files of a run in a comparison's folder: where they are, and whether the run is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagenet_tools.comparison.plan import Arm, Plan

RESULT = "result.json"
TEN_CROP = "ten-crop"


def run_folder(folder: Path, arm: Arm, seed: int) -> Path:
    return folder / arm.slug / f"seed-{seed}"


def predictions_file(name: str) -> str:
    """The predictions of a run under an arm's evaluation path, "common" or "ten-crop"."""
    return f"predictions-{name}.npz"


def finished(folder: Path, plan: Plan, arm: Arm, seed: int) -> dict[str, Any] | None:
    """The result of a run that is done and is of this plan; None otherwise."""
    try:
        content: dict[str, Any] = json.loads((run_folder(folder, arm, seed) / RESULT).read_text())
    except (OSError, ValueError):
        return None
    fits = content.get("fingerprint") == arm.fingerprint and content.get("data") == plan.data
    return content if fits else None
