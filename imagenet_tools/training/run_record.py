"""A run's folder: run.json says what was asked for, with what versions, and what came of it."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools import __version__
from imagenet_tools.records.manifest import Manifest
from imagenet_tools.storage.write import write_json, write_text

RUN, METRICS = "run.json", "metrics.jsonl"
CLASSES = "classes.tsv"  # label 1..N, key (synset) and words of each class


@dataclass(frozen=True)
class Run:
    """What identifies a run: two with equal fields give the same weights on one machine."""

    preprocessing: str
    fingerprint: str
    model: str
    recipe: dict[str, Any]
    image_size: int
    num_classes: int
    labels_offset: int
    seed: int
    steps: int
    data: str
    deterministic: bool = False
    mixed_precision: bool = False
    start_from: str | None = None
    trainable_scopes: tuple[str, ...] = ()


def claim(folder: Path, run: Run) -> None:
    """Write run.json, or check that what is there is this run."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.loads(json.dumps(dataclasses.asdict(run)))
    path = folder / RUN
    if path.exists():
        there, asked = _fields(json.loads(path.read_text()).get("run", {})), _fields(wanted)
        different = [name for name in asked if there.get(name) != asked[name]]
        if different:
            changes = "; ".join(f"{n} {there.get(n)!r} -> {asked[n]!r}" for n in different[:3])
            raise ValueError(
                f"{folder} holds another run ({changes}); choose another folder or remove it"
            )
        return
    write_json(path, {"run": wanted, "versions": versions()})


def _fields(run: dict[str, Any]) -> dict[str, Any]:
    """A run's fields with its recipe's among them."""
    recipe = run.get("recipe", {})
    return {**{n: v for n, v in run.items() if n != "recipe"}, **recipe}


def versions() -> dict[str, str]:
    """What the numbers of a run may depend on beside its settings."""
    return {
        "imgtools": __version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "threads": str(os.cpu_count()),
        "machine": platform.machine(),
    }


def finish(folder: Path, result: dict[str, Any]) -> None:
    """Add the result to run.json."""
    content = json.loads((folder / RUN).read_text())
    write_json(folder / RUN, {**content, "result": result})


def result(folder: Path) -> dict[str, Any] | None:
    """The result in run.json; None where the run is not finished."""
    content = json.loads((folder / RUN).read_text()) if (folder / RUN).exists() else {}
    found: dict[str, Any] | None = content.get("result")
    return found


def write_classes(folder: Path, manifest: Manifest) -> None:
    """Write what the labels of a run mean, so that its checkpoints can be used without records."""
    lines = [
        f"{label}\t{key}\t{words}\n" for label, (key, words) in enumerate(manifest.classes, start=1)
    ]
    write_text(folder / CLASSES, "".join(lines))
