"""The steps of a run: rate, step, log, save; and an end between two steps when one is asked for."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools import terminal
from imagenet_tools.errors import Stopped, Unfinished
from imagenet_tools.training import checkpoints
from imagenet_tools.training.events import EventLog
from imagenet_tools.training.run_folder import METRICS, asked
from imagenet_tools.training.step import Trainer, scalars
from imagenet_tools.training.validation import Validation


class Saving(NamedTuple):
    """When a checkpoint is written: every so many steps, else seconds; and how many are kept."""

    steps: int | None
    seconds: float
    keep: int

    def due(self, step: int, since: float) -> bool:
        return step % self.steps == 0 if self.steps else time.monotonic() - since >= self.seconds


class Done(NamedTuple):
    """What the loop did: the last step, the mean loss of the last interval and where that began.

    broken: what became NaN or infinite, empty where nothing did.
    """

    step: int
    loss: float
    since: int
    broken: str
    images: int
    seconds: float


def run(
    trainer: Trainer,
    stream: Iterable[Mapping[str, Any]],
    folder: Path,
    step: int,
    *,
    saving: Saving,
    log_steps: int,
    validation: Validation,
    sent: Callable[[], None],
) -> Done:
    """Train from a step on to the last; checkpoints and logs go to the folder.

    sent: called after each checkpoint. Raises Stopped or KeyboardInterrupt where the process was
    told to end, when what is done is saved, Unfinished where the folder cannot be written to.
    """
    first = since = step
    saver, clock = Saver(trainer, folder, saving, sent), Clock(step, trainer.recipe.batch_size)
    losses: list[tf.Tensor] = []
    with Log(trainer, folder, step) as log, Stopping() as stopping:
        loss, broken = log.loss, ""
        for batch in stream if step < trainer.steps else ():
            if step % log_steps == 0:
                losses, since = [], step
            rate = trainer.learning_rate(step)
            losses.append(trainer.update(batch, *scalars(rate, step)))
            step += 1
            log.bar.update()
            if step == first + 1:
                clock.compiled(losses[0])
            if step % log_steps == 0 or step == trainer.steps:
                loss = float(np.mean([float(one) for one in losses]))
                speed, validated = clock.speed(step), {}
                if validation.due(step, before=(step - 1) // log_steps * log_steps):
                    with clock.stopped():
                        validated = validation.measure()
                log.write(step, loss, rate, speed, validated)
                if not math.isfinite(loss):
                    broken = "the loss"
                    break
            if step == trainer.steps:
                break
            if stopping.asked or saver.due(step):
                broken = saver.save(step)
                if broken:
                    break
                stopping.stop(step)
        if step > first and not broken:
            broken = saver.save(step)
            if not broken:
                stopping.stop(step)
    return Done(step, loss, since, broken, *clock.whole(step))


@contextlib.contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Raise Unfinished where the run's folder cannot be written to: its disk is full, say."""
    try:
        yield
    except OSError as error:
        raise Unfinished(f"{folder}: {error}; what was saved before is kept") from error


class Clock:
    """Images a second. The first step compiles and is not counted."""

    def __init__(self, step: int, batch: int) -> None:
        self.batch = batch
        self.first = self.mark_step = step
        self.started = self.mark = time.perf_counter()

    def compiled(self, loss: tf.Tensor) -> None:
        """The first step was issued; wait for it, and count from here."""
        float(loss)
        self.first = self.mark_step = self.first + 1
        self.started = self.mark = time.perf_counter()

    def speed(self, step: int) -> float:
        """Images a second since it was asked last."""
        now = time.perf_counter()
        speed = (step - self.mark_step) * self.batch / max(now - self.mark, 1e-9)
        self.mark, self.mark_step = now, step
        return speed

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """What is done within it is not counted."""
        begun = time.perf_counter()
        yield
        gone = time.perf_counter() - begun
        self.started, self.mark = self.started + gone, self.mark + gone

    def whole(self, step: int) -> tuple[int, float]:
        """Images of all steps counted, and their seconds."""
        return max(step - self.first, 0) * self.batch, time.perf_counter() - self.started


class Saver:
    """Writes checkpoints: in the first worker, and only what is finite."""

    def __init__(
        self, trainer: Trainer, folder: Path, saving: Saving, sent: Callable[[], None]
    ) -> None:
        self.trainer, self.folder, self.saving, self.sent = trainer, folder, saving, sent
        self.at = time.monotonic()

    def due(self, step: int) -> bool:
        return self.saving.due(step, self.at)

    def save(self, step: int) -> str:
        """Write a checkpoint, unless something is not finite: then nothing, and return what."""
        # Every worker reads its variables, as some are means over all; the first writes them.
        tensors = {name: variable.numpy() for name, variable in self.trainer.state().items()}
        if broken := checkpoints.not_finite(tensors):
            return broken[0]
        if self.trainer.devices.chief:
            with resumable(self.folder):
                checkpoints.write(self.folder, step, tensors, keep=self.saving.keep)
            self.sent()
        self.at = time.monotonic()
        return ""


class Log:
    """metrics.jsonl, TensorBoard's events and the bar, of the first worker.

    loss: the last one that was logged, also by the process before.
    """

    def __init__(self, trainer: Trainer, folder: Path, step: int) -> None:
        self.trainer, self.folder = trainer, folder
        chief = trainer.devices.chief
        self.events = EventLog(folder, METRICS, step, asked(folder)) if chief else None
        last = self.events.last.get("loss") if self.events else None
        self.loss = last if isinstance(last, float) else math.nan
        self.bar: Any = terminal.bar(folder.name, "steps", chief, total=trainer.steps, initial=step)

    def write(
        self, step: int, loss: float, rate: float, speed: float, validated: Mapping[str, float]
    ) -> None:
        """Log a step; validated: what Validation.measure gave."""
        if self.events:
            with resumable(self.folder):
                self.events.write(
                    step,
                    loss=loss,
                    total_loss=loss + self.trainer.regularisation_loss(),
                    learning_rate=rate,
                    images_per_second=speed,
                    epoch=step / self.trainer.steps_per_epoch,
                    **validated,
                )
        self.bar.set_postfix_str(f"{speed:.0f} img/s, loss {loss:.3f}, rate {rate:.2g}")

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        if self.events:
            self.events.close()


class Stopping:
    """Within it a signal to end is noted, and obeyed between steps; a second one at once.

    Python heeds one where a call of TensorFlow's ends, which may take long: that it was noted is
    said at once, by a thread that Python's wakeup file tells of it.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.former: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            told, self.telling = os.pipe()
            os.set_blocking(self.telling, False)
            threading.Thread(target=self._say, args=(told,), daemon=True).start()
            self.woken = signal.set_wakeup_fd(self.telling, warn_on_full_buffer=False)
            self.former = {one: signal.signal(one, self._note) for one in terminal.signals()}
        return self

    def __exit__(self, *_: object) -> None:
        if self.former:
            signal.set_wakeup_fd(self.woken)
            os.close(self.telling)
        for number, handler in self.former.items():
            signal.signal(number, handler)

    @staticmethod
    def _say(told: int) -> None:
        with open(told, "rb", buffering=0) as numbers:
            while number := numbers.read(1):
                if number[0] in (signal.SIGINT, signal.SIGTERM):  # after SIGHUP nobody reads it
                    terminal.warn("stopping after this step, which is saved; once more: at once")

    def _note(self, number: int, frame: Any) -> None:
        if number == signal.SIGHUP:
            terminal.closed()
        elif self.asked is not None:
            signal.signal(number, self.former[number])
            os.kill(os.getpid(), number)
        self.asked = self.asked or number

    def stop(self, step: int) -> None:
        """End, where that was asked for, now that the step is saved."""
        if self.asked in terminal.TO_END:
            raise Stopped(f"told to end at step {step:,}; its checkpoint is saved")
        if self.asked is not None:
            raise KeyboardInterrupt
