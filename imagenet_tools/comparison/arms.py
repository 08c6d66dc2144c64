"""Run the arms of a plan: each (arm, seed) in its own process, finished ones left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from imagenet_tools import storage
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison import run_files, worker
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import Unfinished
from imagenet_tools.storage import sync

LOG = "run.log"
Launch = Callable[[storage.AnyPath, plans.Arm, int], int]


def run_all(
    plan: plans.Plan,
    folder: storage.AnyPath,
    data: str | os.PathLike[str],
    *,
    jobs: int = 1,
    plugins: Sequence[str] = (),
    launch: Launch | None = None,
    part: Slice | None = None,
) -> None:
    """Run what is not finished yet, seed by seed, so that arms grow together.

    jobs: processes at a time. part: only these runs, dealt out in turn. launch runs one (default: a
    child process) and returns its exit code. Raises Unfinished naming the runs that failed; the
    others are finished first.
    """
    place = storage.staging(folder)
    own = [(arm, seed) for seed in plan.seeds for arm in plan.arms]
    own = [run for at, run in enumerate(own) if part is None or part.takes(at)]
    missing = [run for run in own if run_files.finished(place, plan, *run) is None]
    if not missing:
        return
    begin = launch or _launcher(os.fspath(data), jobs, plugins)
    failed = []
    total = len(own)
    bar = tqdm(total=total, initial=total - len(missing), desc="runs", unit="run", disable=None)
    with bar, ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(begin, folder, arm, seed): (arm, seed) for arm, seed in missing}
        try:
            for future in as_completed(running):
                arm, seed = running[future]
                if future.result():
                    failed.append(run_files.run_folder(place, arm, seed))
                bar.set_postfix_str(f"{arm.slug} seed {seed}")
                bar.update()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        first = (failed[0] / LOG).relative_to(place).as_posix()
        sync.pull(folder, lambda name: name == first)  # another node may have written it
        raise Unfinished(
            f"{len(failed)} of {len(missing)} runs failed; the first says at the end of "
            f"{failed[0] / LOG}: {_last_line(failed[0] / LOG)}"
        )


def start(
    folder: storage.AnyPath,
    arm: plans.Arm,
    seed: int,
    data: str,
    threads: int | None,
    plugins: Sequence[str],
) -> int:
    """Run one in a child process and return its exit code; its output goes to run.log there.

    threads: that it may use, None for all.
    """
    own = run_files.run_folder(storage.staging(folder), arm, seed)
    own.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", worker.__name__, str(folder), arm.slug, str(seed), data]
    environment = {**os.environ}
    if threads:
        share = str(threads)
        environment |= {"TF_NUM_INTRAOP_THREADS": share, "TF_NUM_INTEROP_THREADS": share}
    with open(own / LOG, "ab") as log:
        done = subprocess.run(
            [*command, *plugins], stdout=log, stderr=log, env=environment, check=False
        )
    if done.returncode:
        name = (own / LOG).relative_to(storage.staging(folder)).as_posix()
        sync.push(folder, lambda one: one == name)
    return done.returncode


def _launcher(data: str, jobs: int, plugins: Sequence[str]) -> Launch:
    """Start runs on this machine; those at one time share its cores, a lone one takes them all."""
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None
    return lambda folder, arm, seed: start(folder, arm, seed, data, threads, plugins)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "nothing"
