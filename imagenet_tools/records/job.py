"""A build that is planned: which image goes into which shard, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import storage
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import refuse_unknown
from imagenet_tools.raw.images import Images
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import SPLITS
from imagenet_tools.records import sources
from imagenet_tools.records.outline import Outline, outline_of
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shuffle import SplitPlan, fingerprint, plan_split, shard_count

if TYPE_CHECKING:
    import numpy as np

INDEXES = ("dali",)


@dataclass(frozen=True)
class Job:
    """A build that was planned: what, where to, and how."""

    raw_set: RawSet
    folder: Path
    plans: list[SplitPlan]
    outline: Outline

    @property
    def settings(self) -> Settings:
        return self.outline.settings

    def files(self, part: Slice | None = None) -> list[str]:
        """The names of the shards, or of a slice's: dealt out in turn, so that slices weigh the
        same."""
        files = self.outline.files()
        return [file for at, file in enumerate(files) if part is None or part.takes(at)]

    def contents(self, files: Collection[str]) -> Iterator[tuple[str, Images]]:
        """For each of the files, in the order of the shards: its name, and its images in order."""
        for plan, file, members in self._members(files):
            yield file, self.raw_set.splits[plan.split].take(members)

    def count(self, files: Collection[str]) -> int:
        """How many images go into these files."""
        return sum(len(members) for _, _, members in self._members(files))

    def _members(self, files: Collection[str]) -> Iterator[tuple[SplitPlan, str, np.ndarray]]:
        wanted = set(files)
        for plan in self.plans:
            for shard in range(plan.shards):
                if plan.file(shard) in wanted:
                    yield plan, plan.file(shard), plan.members(shard)


def plan(
    raw_set: RawSet,
    folder: Path,
    *,
    splits: Iterable[str] = SPLITS,
    train_shards: int | None = None,
    validation_shards: int | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    index: str | None = None,
) -> Job:
    """Plan a build; see builder.build for what is given and raised."""
    raw_set, settings = sources.versioned(_wanted(raw_set, splits)), settings or Settings()
    if index is not None:
        refuse_unknown("index", index, INDEXES)
    asked = {"train": train_shards, "validation": validation_shards}
    plans = [
        plan_split(part, shard_count(name, len(part), asked[name]), seed)
        for name, part in sorted(raw_set.splits.items())
    ]
    identity = fingerprint(raw_set, plans, {"seed": seed, **settings.output()})
    outline = outline_of(raw_set, plans, seed, identity, settings, index is not None)
    return Job(raw_set, folder, plans, outline)


def _wanted(raw_set: RawSet, splits: Iterable[str]) -> RawSet:
    try:
        return raw_set.only(splits)
    except ValueError as error:
        remedies = " or ".join(f"--split {name}" for name in raw_set.splits)
        raise ValueError(f"{error}. To build from what is there alone: {remedies}") from None


def refuse_raw_folder(
    raw_set: RawSet, raw_path: str | os.PathLike[str], out: str | os.PathLike[str]
) -> None:
    """Raise ValueError where records would lie among the raw images, which are only read: in the
    folder that was given, or in one below that holds images. A new folder beside these may be."""
    if storage.is_remote(raw_path) or storage.is_remote(out):
        among = storage.normal(raw_path) == storage.normal(out)
    else:
        root, place = os.path.realpath(raw_path), os.path.realpath(out)
        containers = (one for part in raw_set.splits.values() for one in part.containers)
        holding = {os.path.realpath(one) for one in containers} - {root}
        below = place.startswith(f"{root}/") and any(o.startswith(f"{place}/") for o in holding)
        among = place == root or below or any(f"{place}/".startswith(f"{o}/") for o in holding)
    if among:
        raise ValueError(
            f"{out} is a folder of the raw images, which are only read; choose another --out"
        )
