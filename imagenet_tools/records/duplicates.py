"""Images that are in a folder of records more than once: the same bytes, or the same picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imagenet_tools import storage
from imagenet_tools.raw.index import SPLITS
from imagenet_tools.records import alike, schema, tfrecord
from imagenet_tools.records.foreign import split_of
from imagenet_tools.records.shard_check import RecordProblem, ShardFacts, text, thumbnail


class At(NamedTuple):
    """Where an image is: its shard, the number in it, and its file's name."""

    file: str
    record: int
    name: str

    def __str__(self) -> str:
        return f"{self.file} record {self.record} ({self.name})"


@dataclass(frozen=True)
class Repeated:
    """Images that show one picture, or are blank and of one shade: two or more, one of validation.

    validation, train: where they are; of blank ones those of training are not looked for.
    """

    validation: tuple[At, ...]
    train: tuple[At, ...]
    blank: bool


class _Records:
    """The records of a split's shards, counted through."""

    def __init__(self, place: Path, facts: Mapping[str, ShardFacts], split: str) -> None:
        self.place = place
        self.shards = [(name, facts[name]) for name in facts if split_of(name) == split]
        counts = [len(one.starts) for _, one in self.shards]
        self.ends = np.cumsum([0, *counts])

    def of(self, name: str) -> np.ndarray:
        """A hash of every record, uint64: contents or pictures."""
        several = [np.array(getattr(one, name), np.uint64) for _, one in self.shards]
        return np.concatenate([np.zeros(0, np.uint64), *several])

    def at(self, numbers: Sequence[int]) -> Iterator[tuple[int, At, dict[str, list[Any]]]]:
        """Read records, ascending: number, place and content, each shard opened once."""
        wanted = np.array(sorted(numbers), np.int64)
        shard_of = np.searchsorted(self.ends, wanted, side="right") - 1
        for shard in np.unique(shard_of):
            name, facts = self.shards[shard]
            held = (wanted[shard_of == shard] - self.ends[shard]).tolist()
            with storage.local_copy(self.place / name) as path:
                examples = tfrecord.read_at(path, [facts.starts[at] for at in held])
                for at, data in zip(held, examples, strict=True):
                    example = schema.decode_example(data)
                    where = At(name, at, text(example, schema.FILENAME))
                    yield int(self.ends[shard]) + at, where, example


def copies(place: Path, facts: Mapping[str, ShardFacts]) -> list[RecordProblem]:
    """Images of one split whose very bytes are in another: equal hashes, then equal bytes."""
    train, validation = (_Records(place, facts, split) for split in SPLITS)
    both = train.of("contents"), validation.of("contents")
    common = np.intersect1d(*both)
    common = common[common != 0]
    by_split: list[dict[int, tuple[At, dict[str, list[Any]]]]] = []
    for records, hashes in zip((train, validation), both, strict=True):
        first = {
            int(hashes[at]): at for at in np.flatnonzero(np.isin(hashes, common))[::-1].tolist()
        }
        by_number = {number: (at, image) for number, at, image in records.at(list(first.values()))}
        by_split.append({value: by_number[at] for value, at in first.items()})
    problems = []
    for value in common.tolist():
        (one, image), (other, second) = by_split[0][value], by_split[1][value]
        if image.get(schema.ENCODED) == second.get(schema.ENCODED):
            reason = f"the same image as {other}"
            problems.append(RecordProblem(one.file, one.record, one.name, reason))
    return problems


def repeated(place: Path, facts: Mapping[str, ShardFacts]) -> Iterator[Repeated]:
    """Which validation images show what others show, of theirs or of the training images."""
    validation, train = (_Records(place, facts, split) for split in ("validation", "train"))
    hashes, others = validation.of("pictures"), train.of("pictures")
    count = len(hashes)

    def read(numbers: Sequence[int]) -> Iterator[tuple[int, At, dict[str, list[Any]]]]:
        yield from validation.at([at for at in numbers if at < count])
        for at, where, example in train.at([at - count for at in numbers if at >= count]):
            yield count + at, where, example

    def thumbnails(numbers: Sequence[int]) -> dict[int, np.ndarray]:
        return {at: thumbnail(example) for at, _, example in read(numbers)}

    group = alike.grouped(np.concatenate([hashes, others]), thumbnails, count)
    several = np.flatnonzero(np.bincount(group) > 1)
    members = np.flatnonzero(np.isin(group, several)).tolist()
    where = {at: place for at, place, _ in read(members)}
    for one in several:
        held = [at for at in members if group[at] == one]
        yield Repeated(
            validation=tuple(where[at] for at in held if at < count),
            train=tuple(where[at] for at in held if at >= count),
            blank=bool(alike.blank(hashes[[held[0]]])[0]),
        )
