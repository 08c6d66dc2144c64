"""What a run computes on: one device, several of this machine, or several machines.

The batch of a recipe is the whole one. With k replicas each takes every k-th image of it, with
the draws that the image would get on one device, so that losses agree to rounding.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Devices:
    """What a training runs on.

    strategy: tf.distribute's, None for one device. worker, workers: this process among them.
    replicas: devices of this process.
    """

    strategy: Any = None
    worker: int = 0
    workers: int = 1
    replicas: int = 1

    @property
    def total(self) -> int:
        return self.workers * self.replicas

    @property
    def chief(self) -> bool:
        """True in the process that writes checkpoints and logs."""
        return self.worker == 0

    def scope(self) -> Any:
        """Variables made within are copied to every replica."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def part(self) -> tuple[Any, int]:
        """(i, k), inside a replica: it holds every k-th image of the batch from the i-th on."""
        if self.strategy is None:
            return 0, 1
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return replica // self.replicas + self.workers * (replica % self.replicas), self.total

    def split(self, batch: tf.Tensor) -> Any:
        """This worker's images, dealt to its replicas."""
        if self.strategy is None:
            return batch
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: batch[context.replica_id_in_sync_group % self.replicas :: self.replicas]
        )

    def run(self, step: Callable[..., tf.Tensor], *arguments: Any) -> tf.Tensor:
        """Run a step in every replica and return the sum of what they return."""
        if self.strategy is None:
            return step(*arguments)
        each = self.strategy.run(step, args=arguments)
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)

    def sum(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        """Sums over all replicas, inside one."""
        if self.strategy is None:
            return tensors
        context: Any = tf.distribute.get_replica_context()
        summed: list[tf.Tensor] = context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)
        return summed

    def wait(self) -> None:
        """Return when every worker is here; the one that ends first would break the others."""
        if self.workers > 1:
            self.run(tf.function(lambda: tf.constant(1.0), autograph=False))


def choose(names: Sequence[str] = ()) -> Devices:
    """Return the devices to use: TF_CONFIG's cluster, else those named, else all GPUs, else one.

    names: as tf.distribute.MirroredStrategy takes them ("GPU:0", "CPU:1"). Raises ValueError for a
    TF_CONFIG that cannot be read.
    """
    worker, workers = _cluster()
    if workers > 1:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return Devices(strategy, worker, workers, strategy.num_replicas_in_sync // workers)
    names = list(names) or [f"GPU:{i}" for i in range(len(tf.config.list_physical_devices("GPU")))]
    if len(names) < 2:
        return Devices()
    strategy = _mirrored(tuple(names))
    return Devices(strategy, replicas=strategy.num_replicas_in_sync)


@cache
def _mirrored(names: tuple[str, ...]) -> Any:
    """The strategy of these devices, one for all runs of a process.

    Each strategy numbers its sums from the same number on, and where two of one number differ in
    shape or in their devices TensorFlow aborts every sum of the process from then on. Those of
    other devices begin further up, as in TensorFlow's own tests.
    """
    others = _mirrored.cache_info().currsize
    tf.distribute.MirroredStrategy._collective_key_base = 100_000 * others
    return tf.distribute.MirroredStrategy(names)


def _cluster() -> tuple[int, int]:
    """(index, number) of the workers in TF_CONFIG; (0, 1) without one."""
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return 0, 1
    try:
        config = json.loads(text)
        hosts, task = config["cluster"]["worker"], config["task"]
        index = int(task["index"])
        if task["type"] != "worker" or not 0 <= index < len(hosts):
            raise ValueError(f"task {task} is none of the {len(hosts)} workers")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"TF_CONFIG is not understood ({error!r}); it must look like "
            '{"cluster": {"worker": ["host1:port", "host2:port"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from None
    return index, len(hosts)
