"""What tests of processes wait for."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 600  # seconds, for a machine that is busy with much else


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return as soon as it holds; what: the words for it where it does not."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.002)
