"""Images of a folder of records that show one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools.records import alike
from imagenet_tools.records.copies import At, SplitRecords
from imagenet_tools.records.shard_check import ShardFacts, thumbnail


@dataclass(frozen=True)
class Repeated:
    """Images that show one picture, or are blank and of one shade: two or more, one of validation.

    validation, train: where they are; of blank ones those of training are not looked for.
    """

    validation: tuple[At, ...]
    train: tuple[At, ...]
    blank: bool


def repeated(place: Path, facts: Mapping[str, ShardFacts]) -> Iterator[Repeated]:
    """Which validation images show what others show, of theirs or of the training images."""
    pictures = {name: one.pictures for name, one in facts.items()}
    validation, train = (SplitRecords(place, pictures, split) for split in ("validation", "train"))
    hashes, others = validation.hashes, train.hashes
    count = len(hashes)

    def read(numbers: Sequence[int]) -> Iterator[tuple[int, At, dict[str, list[Any]]]]:
        yield from validation.at([at for at in numbers if at < count])
        for at, where, example in train.at([at - count for at in numbers if at >= count]):
            yield count + at, where, example

    def thumbnails(numbers: Sequence[int]) -> dict[int, np.ndarray]:
        return {at: thumbnail(example) for at, _, example in read(numbers)}

    group = alike.grouped(np.concatenate([hashes, others]), thumbnails, count)
    several = alike.repeated(group)
    members = np.flatnonzero(np.isin(group, several)).tolist()
    where = {at: place for at, place, _ in read(members)}
    for one in several:
        held = [at for at in members if group[at] == one]
        yield Repeated(
            validation=tuple(where[at] for at in held if at < count),
            train=tuple(where[at] for at in held if at >= count),
            blank=bool(alike.blank(hashes[[held[0]]])[0]),
        )
