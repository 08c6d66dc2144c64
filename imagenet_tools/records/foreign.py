"""Folders of records without a manifest: TF-Slim's own, TFDS's, or another tool's."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_tools.errors import DamagedData, first
from imagenet_tools.records import schema, tfrecord

# train-00000-of-01024, imagenet2012-train.tfrecord-00000-of-01024, train.tfrecord,
# flowers_train_00000-of-00005.tfrecord
NAME = re.compile(
    r"(?P<name>.+?)[-_](?P<number>[0-9]{5})-of-(?P<total>[0-9]{5})(?:\.tfrecords?)?"
    r"|(?P<alone>.+)\.tfrecords?"
)
_SPLIT = re.compile(r".*?(?:^|[-_.])(train|validation|val|valid|test)(?:\.tfrecords?)?[-_]?[0-9]*")
TFDS = ("features.json", "dataset_info.json")  # one of which TFDS writes beside its records
CONVENTIONS = {
    "TF-Slim": "TF-Slim's, as it seems: from 1, 0 = background",
    "TFDS": "TFDS's, as it seems: from 0, no background",
}


@dataclass(frozen=True)
class Part:
    """The shards of a split: how many, their records and bytes, what is wrong with them."""

    shards: int
    records: int
    bytes: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Foreign:
    """Records that imgtools did not write.

    tool: "TF-Slim", "TFDS" or "" for another. features: of the first record.
    """

    tool: str
    convention: str
    features: tuple[str, ...]
    splits: dict[str, Part]

    @property
    def description(self) -> str:
        shards = in_words({name: part.shards for name, part in self.splits.items()})
        whose = f"{self.tool}'s records" if self.tool else "records of another tool"
        keys = first(self.features, 6) or "none"
        return f"{whose}, without a manifest: {shards}; features {keys}"


def in_words(shards: Mapping[str, int]) -> str:
    """How many shards each split has: "5 train shards, 1 validation shard"."""
    return ", ".join(f"{n:,} {name} shard{'s' if n > 1 else ''}" for name, n in shards.items())


def find(folder: Path) -> Foreign | None:
    """What a local folder holds, from its names, the records' lengths and its first record.

    None where no file is named as records are. Raises DamagedData where the first is none.
    """
    if not folder.is_dir():
        return None
    named = (e for e in os.scandir(folder) if e.name in TFDS or NAME.fullmatch(e.name))
    names = sorted(entry.name for entry in named if os.path.isfile(entry))
    if not (shards := [name for name in names if NAME.fullmatch(name)]):
        return None
    example = _first(folder / shards[0])
    tool = ""
    if any(name in names for name in TFDS):
        tool = "TFDS"
    elif schema.LABEL in example:
        tool = "TF-Slim"
    by_split = defaultdict(list)
    for name in shards:
        by_split[split_of(name)].append(name)
    splits = {split: _part(folder, members) for split, members in sorted(by_split.items())}
    convention = CONVENTIONS.get(tool, "not said")
    return Foreign(tool, convention, tuple(sorted(example)), splits)


def shards(place: Path) -> list[str]:
    """The names in a folder, or in a store's, that records have in any tool."""
    return sorted(path.name for path in place.iterdir() if NAME.fullmatch(path.name))


def split_of(name: str) -> str:
    """The split of a shard by its name, which is the split's own name where it has a usual one."""
    match = NAME.fullmatch(name)
    stem = (match and (match["name"] or match["alone"])) or name
    usual = _SPLIT.fullmatch(stem)
    return usual[1] if usual else stem.rsplit("-", 1)[-1]


def _first(path: Path) -> dict[str, list[object]]:
    """The features of a file's first record."""
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raise DamagedData(
                f"{path} is compressed by gzip; records are read uncompressed: uncompress them"
            )
    try:
        _, data = next(tfrecord.read(path))
        return schema.decode_example(data)
    except StopIteration:
        return {}
    except (ValueError, IndexError) as error:
        raise DamagedData(f"{path} holds no tf.train.Example ({error})") from error


def _part(folder: Path, names: list[str]) -> Part:
    records, size, problems = 0, 0, []
    for name in names:
        lengths = list(tfrecord.sizes(folder / name))
        records += len(lengths)
        size += sum(lengths)
        if sum(lengths) != os.path.getsize(folder / name):
            problems.append(f"{folder / name}: it ends within a record")
    if not records:
        problems.append(f"{folder / names[0]}: no record is there")
    return Part(len(names), records, size, (*problems, *missing(names)))


def missing(names: Iterable[str]) -> Iterator[str]:
    """Which shards of these series are not there, in words."""
    series = [match for name in names if (match := NAME.fullmatch(name)) and match["total"]]
    for total in sorted({match["total"] for match in series}):
        there = {int(match["number"]) for match in series if match["total"] == total}
        gone = sorted(set(range(int(total))) - there)
        if gone:
            first = ", ".join(f"{number:05d}" for number in gone[:3])
            yield f"{len(gone):,} of {int(total):,} shards are missing ({first} ...)"
