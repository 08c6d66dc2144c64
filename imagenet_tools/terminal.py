"""What is shown beside results: how far the work is, where that is wanted."""

from __future__ import annotations

import os
import sys
from typing import Any

from tqdm import tqdm

# In the environment, so that it holds for the processes that are started from here.
QUIET = "IMGTOOLS_QUIET"


def quiet() -> bool:
    """True where nothing is wanted but results, warnings and errors: `imgtools -q`."""
    return os.environ.get(QUIET, "0") not in ("", "0")


def bar(what: str, unit: str, shown: bool = True, **settings: Any) -> tqdm[Any]:
    """tqdm's bar; none where stderr is no terminal, or where it is not wanted. unit: a plural."""
    disable = None if shown and not quiet() else True
    return tqdm(desc=what, unit=f" {unit}", disable=disable, **settings)


def warn(text: str) -> None:
    """Write a line on stderr, above a bar that may stand there."""
    tqdm.write(text, file=sys.stderr)
