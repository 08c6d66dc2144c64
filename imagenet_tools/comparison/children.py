"""The processes of the runs under way: started, interrupted, and explained when they die."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# What a worker writes before its error, so that no other line of its log is taken for the cause.
FAILED = "imgtools run failed: "


class Children:
    """Child processes that end with an interrupt of this one, whoever it was sent to."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, command: Sequence[str], log: IO[bytes], environment: dict[str, str]) -> int:
        """Run a command and return its exit code, negative for the signal that killed it.

        In a session of its own: a terminal's Ctrl-C would reach it twice, the second time in the
        midst of saving.
        """
        with self._lock:
            if self._stopped:
                return -signal.SIGINT
            child = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
            self._running.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._running.discard(child)

    def stop(self, number: int = signal.SIGINT) -> None:
        """Send every child a signal, and start no more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(number)


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
