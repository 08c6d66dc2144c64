"""A slice of a job: the part of an array task, numbered from 0."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Slice:
    """Part `index` of `count`: every count-th piece of work from the index-th on."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(
                f"slice {self} does not exist; of {self.count} slices the first is "
                f"0/{self.count} and the last {self.count - 1}/{self.count}"
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def takes(self, position: int) -> bool:
        return position % self.count == self.index


def parse(text: str) -> Slice:
    """Read "i/N". Raises ValueError naming what fits."""
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no slice; it must be i/N, from 0/N to N-1/N")
    return Slice(int(match[1]), int(match[2]))
