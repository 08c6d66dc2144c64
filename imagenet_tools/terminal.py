"""What is shown beside results, how far the work is, where that is wanted; and what ends the work.

A terminal that is closed ends it as SIGTERM does, and takes nothing more that is shown.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

# In the environment, so that it holds for the processes that are started from here.
QUIET = "IMGTOOLS_QUIET"
TO_END = (signal.SIGTERM, signal.SIGHUP)  # the latter comes of a terminal that is closed, twice


def quiet() -> bool:
    """True where nothing is wanted but results, warnings and errors: `imgtools -q`."""
    return os.environ.get(QUIET, "0") not in ("", "0")


def bar(what: str, unit: str, shown: bool = True, **settings: Any) -> tqdm[Any]:
    """tqdm's bar; none where stderr is no terminal, or where it is not wanted. unit: a plural."""
    from tqdm import tqdm

    disable = None if shown and not quiet() else True
    return tqdm(desc=what, unit=f" {unit}", disable=disable, **settings)


def warn(text: str) -> None:
    """Write a line on stderr, above a bar that may stand there."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def signals() -> list[signal.Signals]:
    """What is heeded: Ctrl-C and what is TO_END, but for a SIGHUP that nohup has ignored."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [one for one in (signal.SIGINT, *TO_END) if one != signal.SIGHUP or not ignored]


def closed() -> None:
    """Let what is written go nowhere, where the terminal is gone: each line would be an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        with contextlib.suppress(OSError):  # not open at all
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                os.dup2(nowhere, stream)
    os.close(nowhere)
