"""Ray as the engine of builds and comparisons: one task a shard, one task a run.

Needs the extra: pip install 'imgtools[ray]'. The folders must be on a disk that every node sees.
A task whose worker or node is lost is given to another; tasks can be repeated without harm.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from imagenet_tools.errors import Unfinished

Task = TypeVar("Task")
Result = TypeVar("Result")

RETRIES = 20  # of a task whose worker died: nodes that can be taken away are taken away often
AHEAD = 2  # tasks a core that wait at the cluster, so that a long list is not sent at once
LOOK = 1.0  # seconds between looks at the cluster's size; a look costs as much as a task
MOMENT = 0.02  # seconds; the tasks that wait at the cluster keep it at work meanwhile


def run(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    *,
    address: str | None = None,
) -> Iterator[tuple[Task, Callable[[], Result]]]:
    """Do as records.pool.run on a cluster: yield (task, outcome) as tasks end.

    workers: cores of the local cluster that is started where there is no address; a cluster at an
    address uses all it has.
    """
    with connected(address, workers) as ray:

        def work(packed: bytes) -> Result:
            return function(pickle.loads(zlib.decompress(packed)))

        name = getattr(function, "__name__", "task")
        remote = ray.remote(max_retries=RETRIES, num_cpus=1)(work).options(name=name)
        waiting = iter(tasks)
        running: dict[Any, Task] = {}
        room, looked = 0, -LOOK
        while True:
            if time.monotonic() - looked >= LOOK:
                room, looked = AHEAD * cores(ray), time.monotonic()
            for task in itertools.islice(waiting, max(room - len(running), 0)):
                # Up to 100 kB go with the message; more is put into a store for each, which takes
                # the driver longer than packing it.
                running[remote.remote(zlib.compress(pickle.dumps(task), 1))] = task
            if not running:
                return
            # All that end within a moment: Ray looks at every task at each call.
            some = {"num_returns": len(running), "timeout": MOMENT, "fetch_local": False}
            ended, _ = ray.wait(list(running), **some)
            for done in ended:
                yield running.pop(done), partial(result_of, ray, done)


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
