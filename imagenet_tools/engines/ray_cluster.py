"""Ray as the engine of builds and comparisons: one task a shard, one task a run.

Needs the extra: pip install 'imgtools[ray]'. The folders must be on a disk that every node sees.
A task whose worker or node is lost is given to another; tasks can be repeated without harm.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import pickle
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from imagenet_tools.errors import Unfinished

Task = TypeVar("Task")
Result = TypeVar("Result")
Ended = tuple[Any, Exception | None]  # what a task returned, or raised

RETRIES = 20  # of a message whose worker died: nodes that can be taken away are taken away often
AHEAD = 2  # messages a core that are at the cluster: one at work and one that waits
MESSAGE = 2.0  # seconds of work in a message: a message costs some milliseconds, at either end
LOOK = 1.0  # seconds between looks at the cluster's size; a look costs as much as a message
MOMENT = 0.02  # seconds; the messages that wait at the cluster keep it at work meanwhile


def run(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    *,
    address: str | None = None,
) -> Iterator[tuple[Task, Callable[[], Result]]]:
    """Do as processes.run on a cluster: yield (task, outcome) as tasks end.

    workers: cores of the local cluster that is started where there is no address; a cluster at an
    address uses all it has. Tasks that end within a moment are sent several in one message, fewer
    towards the end of a list whose length is known, so that all cores end together.
    """
    with connected(address, workers) as ray:

        def work(packed: bytes) -> tuple[list[Ended], float]:
            begun = time.monotonic()
            ended = [_attempt(function, task) for task in pickle.loads(packed)]
            return ended, time.monotonic() - begun

        named = function.args[0] if isinstance(function, partial) and function.args else function
        name = getattr(named, "__name__", "task")
        remote = ray.remote(max_retries=RETRIES, num_cpus=1)(work).options(name=name)
        left = operator.length_hint(tasks, sys.maxsize)
        waiting, size = iter(tasks), 1
        running: dict[Any, list[Task]] = {}
        room, looked = 0, -LOOK
        while True:
            if time.monotonic() - looked >= LOOK:
                room, looked = AHEAD * cores(ray), time.monotonic()
            while len(running) < room:
                share = left * AHEAD // room  # of one core, of what was not sent yet
                message = list(itertools.islice(waiting, max(1, min(size, share))))
                if not message:
                    break
                left -= len(message)
                running[remote.remote(pickle.dumps(message))] = message
            if not running:
                return
            # All that end within a moment: Ray looks at every message at each call.
            some = {"num_returns": len(running), "timeout": MOMENT, "fetch_local": False}
            for done in ray.wait(list(running), **some)[0]:
                message = running.pop(done)
                try:
                    ended, seconds = result_of(ray, done)
                    size = _next_size(len(message), seconds)
                except Exception as error:  # it was lost, or cannot be sent
                    ended = [(None, error)] * len(message)
                for task, one in zip(message, ended, strict=True):
                    yield task, partial(_outcome, *one)


def _attempt(function: Callable[[Any], Any], task: Any) -> Ended:
    """Do a task at a worker."""
    try:
        return function(task), None
    except Exception as error:
        return None, error


def _outcome(result: Any, error: Exception | None) -> Any:
    if error is not None:
        raise error
    return result


def _next_size(size: int, seconds: float) -> int:
    """How many tasks to send at a time, after a message of so many that took so long.

    At most twice as many, lest some cores wait while the first long messages are made for others.
    """
    return max(1, min(2 * size, round(size * MESSAGE / max(seconds, 1e-3))))


@contextlib.contextmanager
def connected(address: str | None, workers: int | None = None) -> Iterator[Any]:
    """Ray, connected to the cluster at the address, or to a local one of so many cores.

    Raises ImportError with the remedy where Ray is not installed, ConnectionError where no cluster
    answers. A connection that is there already is used and left alone.
    """
    try:
        import ray
    except ImportError:
        raise ImportError(
            "Ray is not installed. To install it: pip install 'imgtools[ray]'"
        ) from None
    if ray.is_initialized():
        yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            # Not a cluster of somebody else's that RAY_ADDRESS or a file points at.
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address or 'this machine'} ({error}); "
            "`ray start --head` starts one"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError at once where nobody listens at HOST:PORT; Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def cores(ray: Any) -> int:
    """Cores of the nodes that are there now."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def result_of(ray: Any, reference: Any) -> Any:
    """A task's result; its own error as it was raised there, a lost cluster as Unfinished."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise Unfinished(f"a task was lost {RETRIES} times over: {error}") from error
