"""Reading the texts that come with raw data: what is no text is named by its file."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path

from imagenet_tools.errors import DamagedData


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise DamagedData, naming the file, where the block finds that it is no UTF-8 or no csv."""
    try:
        yield
    except (UnicodeDecodeError, csv.Error) as error:
        raise DamagedData(f"{path} is no readable text ({error})") from error
