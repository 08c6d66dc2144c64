"""Run a pure function over tasks in a few processes, and yield the results as they come."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context, parent_process
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Callable[[], Result]]]:
    """Yield (task, outcome) as tasks end; outcome() returns the result or raises its error.

    Tasks are drawn from the iterable a few ahead, so that it may be long. One worker: all of it
    happens in this process. Where the caller stops early, what is running is waited for.
    """
    if workers <= 1:
        for task in tasks:
            yield task, lambda task=task: function(task)  # type: ignore[misc]
        return
    waiting = iter(tasks)
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_die_with_parent
    )
    running: dict[Future[Result], Task] = {}
    try:
        while True:
            for task in itertools.islice(waiting, 2 * workers - len(running)):
                running[pool.submit(function, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """End the worker at once when its parent is gone (a pool's worker would wait for ever), or
    at Ctrl-C; an unfinished shard is a temporary file that the next run removes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
