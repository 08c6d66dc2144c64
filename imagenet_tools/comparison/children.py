"""The worker processes of the runs under way: started, interrupted, explained when they die."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# What a worker writes before its error, so that no other line of its log is taken for the cause.
FAILED = "imgtools run failed: "


class Children:
    """Child processes that carry out one task after another, as many as there are callers of run.

    They end with an interrupt of this process, whoever it was sent to. A child reads its tasks from
    stdin, a line each, and answers a line for one that is done; over any other it ends.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._running: set[subprocess.Popen[bytes]] = set()
        self._waiting: list[subprocess.Popen[bytes]] = []  # for a task; the others are at one
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, task: str, log: Path) -> int:
        """Give a task to a child that waits for one, else to a new one, and wait for its end.

        0 where it is done, else the exit code of the child that ended over it, negative for the
        signal that killed it. log: where a new child writes until it has read its task.
        """
        child = self._taken(log)
        if child is None:
            return -signal.SIGINT
        assert child.stdin and child.stdout
        with contextlib.suppress(BrokenPipeError):  # its exit code says why
            child.stdin.write(f"{task}\n".encode())
        if child.stdout.readline():
            with self._lock:
                self._waiting.append(child)
            return 0
        with child:  # which closes its pipes
            code = child.wait()
        with self._lock:
            self._running.discard(child)
        return code

    def _taken(self, log: Path) -> subprocess.Popen[bytes] | None:
        """A child that waits for a task, or a new one; None where no more are to be started.

        In a session of its own: a terminal's Ctrl-C would reach it twice, the second time in the
        midst of saving.
        """
        with self._lock:
            if self._stopped:
                return None
            while self._waiting:
                child = self._waiting.pop()
                if child.poll() is None:
                    return child
                with child:  # it died meanwhile
                    self._running.discard(child)
            with open(log, "ab") as errors:
                child = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    bufsize=0,
                    env=self._environment,
                    start_new_session=True,
                )
            self._running.add(child)
            return child

    def stop(self, number: int = signal.SIGINT) -> None:
        """Send every child a signal, and start no more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(number)

    def close(self) -> None:
        """End every child at once: those that wait for a task, and after a second interrupt all."""
        self.stop(signal.SIGKILL)
        for child in self._waiting:
            with child:
                self._running.discard(child)
        self._waiting.clear()


def cause(code: int, log: Path) -> str:
    """Why a run ended: by its exit code and log, and never by a line that happens to be last."""
    for number, words in ((signal.SIGINT, "was interrupted"), (signal.SIGTERM, "was told to end")):
        if code in (-number, 128 + number):
            return f"{words} ({number.name}); its last checkpoint is kept"
    if code < 0:
        name = signal.Signals(-code).name
        if -code == signal.SIGKILL:
            return (
                f"was killed by signal 9 ({name}): the system does that where memory ends. Fewer "
                "--jobs, a smaller --image-size or batch size take less"
            )
        return f"was killed by signal {-code} ({name}); see {log}"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [line.removeprefix(FAILED) for line in lines if line.startswith(FAILED)]
    # Without a line of the worker's own, what Python says of a traceback.
    errors = errors or [line for line in lines if re.match(r"[A-Za-z_.]+(Error|Exception): ", line)]
    if errors:
        return f"says at the end of {log}: {errors[-1]}"
    return f"ended with exit code {code} and without a word of its own; see {log}"
