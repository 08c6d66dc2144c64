"""Trackers that a run reports to beside its own files: Weights & Biases, MLflow, or any other.

    IMGTOOLS_TRACKERS=wandb,mlflow imgtools compare-preproc alexnet inception

A tracker is one function under the entry point group "imgtools.trackers": it takes About and gives
a Tracker. The variable names them, since runs are processes of their own; on a cluster its nodes
must have it. A tracker that fails is said once and left out; a run never ends for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from imagenet_tools import terminal

GROUP, VARIABLE = "imgtools.trackers", "IMGTOOLS_TRACKERS"
PROJECT = "imgtools"  # under which runs are kept, where the tracker's own variable names none


@dataclass(frozen=True)
class About:
    """A run, as a tracker shows it: config holds all that was asked for, one level deep."""

    folder: Path
    name: str
    group: str
    config: Mapping[str, Any]


class Tracker(Protocol):
    """What takes the numbers of one run."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of a step; names as in metrics.jsonl, and eval/... at the end."""

    def close(self) -> None:
        """Send what is left."""


class Tracking:
    """All trackers of a run; those that fail are left out.

    Raises LookupError for one that VARIABLE names and nobody has installed.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self._trackers: dict[str, Tracker] = {}
        names = [one.strip() for one in os.environ.get(VARIABLE, "").split(",") if one.strip()]
        for name in names:
            begin = _begin(name)
            try:
                self._trackers[name] = begin(_about(folder, asked))
            except Exception as error:  # a service may fail in any way
                _say(name, error)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._each(lambda one: one.log(step, values))

    def close(self) -> None:
        self._each(lambda one: one.close())

    def _each(self, act: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                act(tracker)
            except Exception as error:
                del self._trackers[name]
                _say(name, error)


def _say(name: str, error: Exception) -> None:
    terminal.warn(f"the tracker {name} failed and is left out of this run: {error}")


def _begin(name: str) -> Callable[[About], Tracker]:
    known = metadata.entry_points(group=GROUP)
    for one in known:
        if one.name == name:
            begin: Callable[[About], Tracker] = one.load()
            return begin
    raise LookupError(
        f"{VARIABLE} names the tracker {name!r}; there {'is' if len(known) == 1 else 'are'} "
        f"{', '.join(sorted(known.names)) or 'none'}"
    )


def _about(folder: Path, asked: Mapping[str, Any]) -> About:
    pipeline = str(asked.get("preprocessing", folder.name))
    recipe = asked.get("recipe") or {}
    config = {**{name: value for name, value in asked.items() if name != "recipe"}, **recipe}
    return About(folder.resolve(), f"{pipeline} seed {asked.get('seed', 0)}", pipeline, config)
