"""The log of a run, read for what is shown of it; no verdict rests on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from imagenet_tools import storage

GREATEST = 1e300  # of a number in a log; JSON has greater ones, that no float holds


def lines(path: Path, tail: int | None = None) -> Iterator[dict[str, float]]:
    """The finite numbers of each whole line; nothing where there is no log. tail: of the last so
    many bytes alone."""
    try:
        size = storage.size(path)  # a pipe would be waited for
        with open(path, "rb") as file:
            file.seek(max(0, size - tail) if tail else 0)
            *whole, _ = file.read().split(b"\n")  # a kill may have left the last one half
    except OSError:
        return
    for line in whole:
        try:
            content = json.loads(line)
            yield {
                name: float(one)
                for name, one in content.items()
                if isinstance(one, int | float) and abs(one) <= GREATEST
            }
        except (ValueError, AttributeError, RecursionError):
            continue
