"""The pool of workers: what they are started with."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest

from imagenet_tools.engines import processes

NAME = "IMGTOOLS_TEST_POOL"


def seen(_: int) -> tuple[int, int, str | None]:
    """This process, the one it was forked of, and what it has in its environment."""
    return os.getpid(), os.getppid(), os.environ.get(NAME)


def test_workers_take_on_the_environment_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    # What workers are forks of was started by the first run, and has the environment of then.
    for value in ("one", "two"):
        monkeypatch.setenv(NAME, value)
        found = {outcome() for _, outcome in processes.run(seen, range(6), 2)}
        others = [one for one in found if one[0] != os.getpid()]
        assert {environment for _, _, environment in others} == {value}


def test_workers_are_no_forks_of_the_caller() -> None:
    found = {outcome() for _, outcome in processes.run(seen, range(6), 2)}
    above = {parent for own, parent, _ in found if own != os.getpid()}
    assert above
    assert os.getpid() not in above


def killed(number: int) -> int:
    """Let a signal end the worker, and do nothing in the process that calls."""
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), number)
    return number


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGKILL, BrokenProcessPool)],
)
def test_a_worker_that_died_of_control_c_is_an_interrupt(
    number: int, error: type[BaseException]
) -> None:
    # Whoever notices first: the one who waits for a result, or who gives out the next task.
    with pytest.raises(error):
        for _, outcome in processes.run(killed, [number] * 40, 2):
            outcome()


def test_a_low_limit_of_open_files_is_named() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, limits[1]))
    try:
        with pytest.raises(OSError, match="may have 16 files open here.*ulimit -n 1024"):
            list(processes.run(seen, range(6), 2))
        assert [outcome()[0] for _, outcome in processes.run(seen, range(2), 1)] == [
            os.getpid()
        ] * 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
