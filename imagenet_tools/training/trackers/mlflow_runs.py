"""Runs in MLflow (the extra [mlflow]): one of ours is one of theirs, resumed or not."""

from __future__ import annotations

import os
from collections.abc import Mapping

import mlflow

from imagenet_tools.training.trackers import PROJECT, About, Tracker

FOLDER = "imgtools.folder"  # the tag by which the run of a folder is found again


class MlflowRun:
    def __init__(self, about: About) -> None:
        self._client = mlflow.MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self._client.create_experiment(name)
        there = self._client.search_runs([experiment], f"tags.`{FOLDER}` = '{about.folder}'")
        if there:
            self._id = there[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        tags = {FOLDER: str(about.folder), "group": about.group}
        self._id = self._client.create_run(experiment, run_name=about.name, tags=tags).info.run_id
        for field, value in about.config.items():
            self._client.log_param(self._id, field, value)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=step)

    def close(self) -> None:
        self._client.set_terminated(self._id)


def begin(about: About) -> Tracker:
    """Begin a run, or go on with the one of this folder."""
    return MlflowRun(about)
