"""Runs of a comparison as tasks of a Ray cluster: one a GPU, or the cores shared."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from imagenet_tools import storage
from imagenet_tools.comparison import arms
from imagenet_tools.comparison.plan import Arm
from imagenet_tools.engines import processes, ray_cluster


def launcher(
    ray: Any, data: str, jobs: int | None, plugins: Sequence[str]
) -> tuple[arms.Launch, int]:
    """What starts a run of a comparison on the cluster, and how many run at a time.

    Where there are GPUs a run takes one; else the cores are shared among `jobs` runs, by default
    as many as there are nodes.
    """
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    nodes = sum(node["Alive"] for node in ray.nodes())
    jobs = jobs or gpus or nodes
    share = 1 if gpus else max(1, ray_cluster.cores(ray) // jobs)
    options = {"num_cpus": share, "num_gpus": 1 if gpus else 0, "max_retries": ray_cluster.RETRIES}
    remote = ray.remote(**options)(_start)

    def launch(folder: storage.AnyPath, arm: Arm, seed: int) -> int:
        places = [os.fspath(storage.place(path)) for path in (folder, data)]
        places = [p if storage.is_remote(p) else os.path.abspath(p) for p in places]
        # By its name: what a plug-in defined here is not known there before the run loads it.
        task = remote.remote(arms.start, places[0], arm.slug, seed, places[1], share, plugins)
        return int(ray_cluster.result_of(ray, task))

    return launch, jobs


def _start(
    start: Callable[..., int], folder: str, slug: str, seed: int, data: str, share: int,
    plugins: Sequence[str],
) -> int:  # fmt: skip
    os.environ.pop("OMP_NUM_THREADS", None)  # Ray's; a run computes as it does without Ray
    threads = None if share >= processes.cores() else share
    return start(folder, slug, seed, data, threads, [os.path.abspath(p) for p in plugins])
