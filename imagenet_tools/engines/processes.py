"""Run a pure function over tasks in a few processes, and yield the results as they come."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from types import ModuleType
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

# Runs the module that is named first. `python -m` looks in the working folder before all else: in a
# checkout there is an imagenet_tools that is not the installed one, and has no pipelines in it.
_RUN = (
    "import runpy, sys; path = sys.path; sys.path = [*filter(None, path)]; import imagenet_tools; "
    "sys.path = path; sys.argv.pop(0); "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)

SAFE = "PYTHONSAFEPATH"

# Workers up to which the calling process is one. It keeps more of them waiting for their next task
# while it is busy with its own.
MANY = 8


class Counted(Iterable[Task]):
    """Tasks that are made one by one as they are drawn, and how many there are."""

    def __init__(self, tasks: Iterable[Task], count: int) -> None:
        self._tasks, self._count = tasks, count

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return self._count


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers(asked: int | None, tasks: int) -> int:
    """How many processes to run so many tasks in: those asked for, or one a core."""
    return min(asked or cores(), tasks)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours as this process would import it, in any folder."""
    return [sys.executable, "-c", _RUN, module, *arguments]


def warm(module: str) -> None:
    """Start what makes the workers, and do not wait: it imports the module of the function that
    they are to run while the caller lists and plans.

    Workers are forks of one small process that has imported what they need, and never of the
    caller, with its memory, threads and locks. It ends with the caller.
    """
    _check_limit(1)
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    with _starting():
        forkserver.ensure_running()


def run(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Callable[[], Result]]]:
    """Yield (task, outcome) as tasks end; outcome() returns the result or raises its error.

    Tasks are drawn from the iterable a few ahead, so that it may be long. Up to MANY workers this
    process is one of them: it starts at once, and the caller's outcome() does the work of its
    tasks. Where the caller stops early, what is running elsewhere is waited for.
    """
    waiting = iter(tasks)
    if workers <= 1:
        for task in waiting:
            yield task, partial(function, task)
        return
    works = workers <= MANY
    children = workers - 1 if works else workers
    running: dict[Future[Result], Task] = {}
    ended: SimpleQueue[Future[Result]] = SimpleQueue()
    with _pool(function, children) as pool, _interrupted(pool, pool._processes):
        started = pool._processes  # pid -> process, which the pool itself forgets at its end

        def outcome(future: Future[Result]) -> Result:
            with _interrupted(pool, started):
                return future.result()

        while True:
            with _starting():
                for task in itertools.islice(waiting, 2 * children - len(running)):
                    future = pool.submit(function, task)
                    running[future] = task
                    future.add_done_callback(ended.put)
            here = list(itertools.islice(waiting, 1)) if works else []
            for task in here:
                yield task, partial(function, task)
            if not running:
                return
            # What has ended meanwhile; without a task of its own, the next one to end too.
            for _ in range(ended.qsize() if here else max(1, ended.qsize())):
                future = ended.get()
                yield running.pop(future), partial(outcome, future)


@contextlib.contextmanager
def _pool(function: Callable[[Any], Any], workers: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes that have imported what they are to run."""
    _check_limit(workers)
    warm(function.func.__module__ if isinstance(function, partial) else function.__module__)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("forkserver"),
        initializer=_begin,
        initargs=(dict(os.environ),),
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_limit(workers: int) -> None:
    """Raise OSError where the pipes to so many workers are more than a process may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 32 + 8 * workers
    if 0 <= limit < wanted:
        raise OSError(
            f"a process may have {limit} files open here and {workers} worker(s) take some "
            f"{wanted}; raise the limit (ulimit -n 1024), or give --workers 1"
        )


@contextlib.contextmanager
def _interrupted(pool: ProcessPoolExecutor, started: Mapping[int, BaseProcess]) -> Iterator[None]:
    """Tell a pool that broke since a worker died of Ctrl-C from one that broke otherwise: this
    process is told of it at the same time, but may come to know it later."""
    try:
        yield
    except BrokenProcessPool:
        pool.shutdown(wait=True)  # until the exit codes are known
        if any(process.exitcode == -signal.SIGINT for process in started.values()):
            raise KeyboardInterrupt from None
        raise


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Let Ctrl-C wait while processes are started: they inherit this, and would otherwise die of
    it with a traceback in the midst of their imports. And hide the caller's program from them: a
    new process imports it by its path, which would run a script without a `__main__` guard anew.
    Nor do they import from the working folder (Python 3.11 and later), as _RUN does not."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    program, safe = sys.modules["__main__"], os.environ.get(SAFE)
    sys.modules["__main__"], os.environ[SAFE] = ModuleType("__main__"), "1"
    try:
        yield
    finally:
        sys.modules["__main__"] = program
        del os.environ[SAFE]
        if safe is not None:
            os.environ[SAFE] = safe
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _begin(environment: dict[str, str]) -> None:
    """Take on the caller's environment as it is now (the process that workers are forks of has an
    older one), and end at once when the caller is gone (a pool's worker would wait for ever), or
    at Ctrl-C; an unfinished shard is a temporary file that the next run removes."""
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
