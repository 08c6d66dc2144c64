"""Run the arms of a plan, each (arm, seed) once, in worker processes that stay for the next."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

from imagenet_tools import storage, terminal
from imagenet_tools.comparison import progress, worker
from imagenet_tools.comparison.children import Children, cause
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_files import LOG, run_folder
from imagenet_tools.comparison.run_result import finished
from imagenet_tools.engines import processes
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DAMAGED, DamagedData, Unfinished
from imagenet_tools.storage import sync

# In runs of some seconds one core does much alone: starts, graphs, checkpoints.
DEMO_JOBS = 2
# Runs one and returns its exit code, negative for the signal that killed it.
Launch = Callable[[storage.AnyPath, Arm, int], int]


def run_all(
    plan: Plan,
    folder: storage.AnyPath,
    data: str | os.PathLike[str],
    *,
    seeds: int | None = None,
    jobs: int | None = None,
    plugins: Sequence[str] = (),
    launch: Launch | None = None,
    part: Slice | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Run what is not finished yet, seed by seed, so that arms grow together.

    seeds: only the first so many. jobs: processes at a time, by default 1, on synthetic images
    DEMO_JOBS. part: only these runs, dealt out in turn. launch runs one (default: a worker
    process). meanwhile is called when the first have begun, ended after each. The others are
    finished before it is said that some failed: raises DamagedData where the first of these found
    damaged records, else Unfinished, both naming the run and the cause.
    """
    place = storage.staging(folder)
    runs = [run for at, run in enumerate(plan.runs(seeds)) if part is None or part.takes(at)]
    missing = [run for run in runs if finished(place, plan, *run) is None]
    if not missing:
        return
    jobs = jobs or (min(DEMO_JOBS, processes.cores()) if plan.synthetic else 1)
    # Runs at one time share the cores, a lone one takes them all.
    threads = max(1, processes.cores() // jobs) if jobs > 1 else None
    children = _workers(folder, os.fspath(data), threads, plugins)
    begin = launch or partial(_start, children)
    failed: list[tuple[Arm, int, int]] = []
    with (
        contextlib.closing(children),
        progress.shown(plan, place, runs),
        ThreadPoolExecutor(jobs) as pool,
    ):
        running = {pool.submit(begin, folder, arm, seed): (arm, seed) for arm, seed in missing}
        try:
            meanwhile()
            for future in as_completed(running):
                if code := future.result():
                    failed.append((*running[future], code))
                ended()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.stop()
            terminal.warn("stopping when the runs under way have saved; once more: at once")
            raise
    if failed:
        raise _failure(folder, failed, len(missing))


def _failure(
    folder: storage.AnyPath, failed: Sequence[tuple[Arm, int, int]], started: int
) -> Exception:
    arm, seed, code = failed[0]
    place = storage.staging(folder)
    log = run_folder(place, arm.slug, seed) / LOG
    name = log.relative_to(place).as_posix()
    sync.pull(folder, lambda one: one == name)  # another node may have written it
    message = (
        f"{len(failed)} of {started} runs failed; the first, {arm.slug} seed {seed}, "
        f"{cause(code, log)}"
    )
    return DamagedData(message) if code == DAMAGED else Unfinished(message)


def start(
    folder: storage.AnyPath, slug: str, seed: int, data: str, threads: int | None,
    plugins: Sequence[str],
) -> int:  # fmt: skip
    """Run one in a worker process of its own and return its exit code; its output is in run.log.

    threads: that it may use, None for all.
    """
    with contextlib.closing(_workers(folder, data, threads, plugins)) as children:
        return _run(children, folder, slug, seed)


def _start(children: Children, folder: storage.AnyPath, arm: Arm, seed: int) -> int:
    return _run(children, folder, arm.slug, seed)


def _run(children: Children, folder: storage.AnyPath, slug: str, seed: int) -> int:
    place = run_folder(storage.staging(folder), slug, seed)
    place.mkdir(parents=True, exist_ok=True)
    code = children.run(f"{slug} {seed}", place / LOG)
    if code:
        name = (place / LOG).relative_to(storage.staging(folder)).as_posix()
        sync.push(folder, lambda one: one == name)
    return code


def _workers(
    folder: storage.AnyPath, data: str, threads: int | None, plugins: Sequence[str]
) -> Children:
    """The processes for runs of this comparison on this machine; none is started yet."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS") if threads else ()
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    return Children(processes.python(worker.__name__, str(folder), data, *plugins), environment)
