"""How far the runs of a comparison are, from their files, and what is shown of it as they go."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TextIO

from imagenet_tools import storage, terminal
from imagenet_tools.comparison import forecast, run_log
from imagenet_tools.comparison.cost import duration
from imagenet_tools.comparison.forecast import Forecast
from imagenet_tools.comparison.plan import Arm, Plan
from imagenet_tools.comparison.run_files import LOCK, METRICS, run_folder
from imagenet_tools.comparison.run_result import finished

REDRAWN, LOGGED = 1.0, 60.0  # seconds between two frames on a terminal, two lines in a log
IDLE = 3  # looks without any run under way, after which a comparison stands still
TAIL = 4096  # bytes of a log that hold its last line


@dataclass(frozen=True)
class RunState:
    """How far a run is. step of the plan's steps; loss and speed as last logged, else NaN.

    done: trained and evaluated. top1: its accuracy in percent, NaN where it diverged. evaluated:
    seconds that its evaluations took, NaN before.
    """

    slug: str
    seed: int
    running: bool
    done: bool
    step: int = 0
    loss: float = math.nan
    images_per_second: float = math.nan
    top1: float = math.nan
    evaluated: float = math.nan

    def line(self, steps: int) -> str:
        """What is said of it in a line."""
        if self.done:
            told = "diverged" if math.isnan(self.top1) else f"top-1 {self.top1:.2f} %"
        elif not self.step:
            told = "starting"
        elif self.step >= steps:
            told = "evaluating"
        else:
            told = f"step {self.step:,}/{steps:,}, loss {self.loss:.3f}"
            told = f"{told}, {self.images_per_second:.0f} images/s"
        return f"{self.slug} seed {self.seed}: {told}"


def states(plan: Plan, folder: Path, runs: Sequence[tuple[Arm, int]]) -> list[RunState]:
    """How far each of these runs is."""
    return [_state(plan, folder, arm, seed) for arm, seed in runs]


def _state(plan: Plan, folder: Path, arm: Arm, seed: int) -> RunState:
    place = run_folder(folder, arm.slug, seed)
    try:
        result = finished(folder, plan, arm, seed)
    except ValueError:
        result = None  # said when it is judged
    if result is not None:
        top1 = math.nan if result.failure else result.evaluations[arm.slug].top1
        seconds = result.evaluation_seconds if result.evaluations else math.nan
        return RunState(arm.slug, seed, False, True, plan.steps, top1=top1, evaluated=seconds)
    *_, last = {}, *run_log.lines(place / METRICS, TAIL)
    loss, speed = (last.get(name, math.nan) for name in ("loss", "images_per_second"))
    step = int(last.get("step", 0))
    return RunState(arm.slug, seed, _held(place / LOCK), False, step, loss, speed)


def _held(path: Path) -> bool:
    """True where a process works on the run whose lock this is."""
    try:
        storage.size(path)  # of a pipe, which would be waited for, an error
        with open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def summary(plan: Plan, runs: Sequence[RunState]) -> str:
    """All runs in a line: how many are done, the share of the steps, the rate, the time left."""
    done = sum(one.done for one in runs)
    steps = sum(min(one.step, plan.steps) for one in runs)
    told = [f"runs {done}/{len(runs)}", f"{steps / (plan.steps * len(runs)):.0%} trained"]
    if rate := _rate(runs):
        told += [f"{rate:.0f} images/s", f"{duration(_left(plan, runs, runs, len(runs)))} left"]
    return ", ".join(told)


def _rate(runs: Sequence[RunState]) -> float:
    """Images/s of all runs under way."""
    speeds = (one.images_per_second for one in runs if one.running)
    return sum(speed for speed in speeds if math.isfinite(speed))


def _left(plan: Plan, runs: Sequence[RunState], some: Sequence[RunState], wanted: int) -> float:
    """Seconds until so many runs are done, of which these are some, at the rate of all.

    Each is evaluated in the median time of those that have ended, as many at a time as train now.
    """
    trained = sum(min(one.step, plan.steps) for one in some)
    times = [one.evaluated for one in runs if math.isfinite(one.evaluated)]
    at_a_time = sum(one.running for one in runs)
    evaluations = (wanted - sum(one.done for one in some)) * (median(times) if times else 0.0)
    images = (wanted * plan.steps - trained) * plan.recipe.batch_size
    return images / _rate(runs) + evaluations / at_a_time


def expected(plan: Plan, runs: Sequence[RunState], found: Forecast) -> str:
    """A forecast in a line, and when its seeds will be done at the present rate."""
    if not (_rate(runs) and found.wanted):
        return found.line()
    some = [one for one in runs if one.seed in plan.seeds[: found.wanted]]
    left = _left(plan, runs, some, len(plan.arms) * found.wanted)
    return found.line(f", in {duration(left)}")


def frame(
    plan: Plan, runs: Sequence[RunState], width: int, found: Forecast | None = None
) -> list[str]:
    """The lines of a terminal: all runs, each that is under way, the forecast; cut to the width."""
    told = [one.line(plan.steps) for one in runs if one.running]
    told += [expected(plan, runs, found)] if found else []
    return [line[: width - 1] for line in (summary(plan, runs), *(f"  {one}" for one in told))]


class Display:
    """Shows how far the runs are: redrawn in place on a terminal, else a line a minute.

    A run that ends gets a line that stays.
    """

    def __init__(
        self, plan: Plan, folder: Path, runs: Sequence[tuple[Arm, int]], stream: TextIO
    ) -> None:
        self._plan, self._folder, self._runs, self._stream = plan, folder, runs, stream
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._lines = 0  # of the frame that stands on the terminal
        self._told: set[tuple[str, int]] | None = None
        self._forecast: Forecast | None = None  # not of a slice: others' runs are not seen here
        self._all = list(runs) == plan.runs(len(runs) // len(plan.arms))
        self._logged = time.monotonic()

    def show(self, last: bool = False) -> list[RunState]:
        """Look, and show what has changed; last: leave no frame behind."""
        now = states(self._plan, self._folder, self._runs)
        ended = {(one.slug, one.seed) for one in now if one.done}
        news = [] if self._told is None else [
            one.line(self._plan.steps) for one in now
            if one.done and (one.slug, one.seed) not in self._told
        ]  # fmt: skip
        if self._all and ended != self._told:
            self._forecast = forecast.last(forecast.forecasts(self._plan, self._folder))
        self._told = ended
        if self._live:
            width = shutil.get_terminal_size().columns
            lines = [] if last else frame(self._plan, now, width, self._forecast)
            back = f"\x1b[{self._lines}F\x1b[J" if self._lines else ""
            self._stream.write(back + "".join(f"{line}\n" for line in (*news, *lines)))
            self._lines = len(lines)
        else:
            if not last and time.monotonic() - self._logged >= LOGGED:
                self._logged = time.monotonic()
                lines = frame(self._plan, now, 1000, self._forecast)
                news.append("; ".join(line.strip() for line in lines))
            self._stream.write("".join(f"{time.strftime('%H:%M')} {line}\n" for line in news))
        self._stream.flush()
        return now


@contextlib.contextmanager
def shown(plan: Plan, folder: Path, runs: Sequence[tuple[Arm, int]]) -> Iterator[None]:
    """Show on stderr how far the runs are, as long as this is entered; not where `-q` was given."""
    if terminal.quiet():
        yield
        return
    display = Display(plan, folder, runs, sys.stderr)
    ended = threading.Event()

    def redraw() -> None:
        while not ended.wait(REDRAWN):
            display.show()

    display.show()
    thread = threading.Thread(target=redraw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        display.show(last=True)
