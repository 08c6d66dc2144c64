"""Runs in Weights & Biases (the extra [wandb]): one of ours is one of theirs, resumed or not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

import wandb

from imagenet_tools.training.trackers import PROJECT, About, Tracker


class WandbRun:
    def __init__(self, about: About) -> None:
        # The same folder is the same run, whichever process goes on with it.
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            dir=str(about.folder),
            id=hashlib.sha256(str(about.folder).encode()).hexdigest()[:16],
            resume="allow",
            name=about.name,
            group=about.group,
            config=dict(about.config),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def begin(about: About) -> Tracker:
    """Begin a run, or go on with the one of this folder."""
    return WandbRun(about)
