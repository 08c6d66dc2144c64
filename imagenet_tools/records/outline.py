"""What a build will be, known before its first shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.records.manifest import Manifest, shard_name
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shuffle import SplitPlan


@dataclass(frozen=True)
class Outline:
    """What a build will be, known before its first shard: all that a manifest says but the shards.

    shards: split -> number of files. counts: split -> class key -> images listed.
    """

    layout: str
    label_convention: str
    classes: list[list[str]]
    shards: dict[str, int]
    counts: dict[str, dict[str, int]]
    seed: int
    plan: str
    index: bool
    options: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, Counted] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Every shard's name, in order."""
        return [
            shard_name(split, shard, count)
            for split, count in self.shards.items()
            for shard in range(count)
        ]

    @property
    def settings(self) -> Settings:
        return Settings(**self.options)

    def difference(self, asked: Outline) -> str:
        """In words, what of another outline is not as here: the former build's, and the asked."""
        differences = list(_differences(self, asked))
        return "; ".join(differences) or "the images' names, or their boxes"


def _differences(former: Outline, asked: Outline) -> Iterator[str]:
    pairs: list[tuple[str, Any, Any]] = [("seed", former.seed, asked.seed)]
    mine, theirs = former.settings.output(), asked.settings.output()
    pairs += [(name, mine[name], theirs[name]) for name in mine]
    for split in sorted({*former.shards, *asked.shards}):
        pairs.append((f"{split} shards", former.shards.get(split, 0), asked.shards.get(split, 0)))
        if former.counts and asked.counts:
            was, wanted = (sum(one.counts.get(split, {}).values()) for one in (former, asked))
            pairs.append((f"{split} images", was, wanted))
    pairs.append(("classes", len(former.classes), len(asked.classes)))
    yield from (f"{name} {one}, asked for {other}" for name, one, other in pairs if one != other)
    if len(former.classes) == len(asked.classes) and former.classes != asked.classes:
        yield "other classes"


def described(manifest: Manifest) -> Outline:
    """The outline of a build that is finished."""
    # Without those that were skipped: how many were listed is then not known.
    counts = {name: split.class_counts for name, split in manifest.splits.items()}
    return Outline(
        layout=manifest.layout,
        label_convention=manifest.label_convention,
        classes=[[key, words] for key, words in manifest.classes],
        shards={name: len(split.shards) for name, split in manifest.splits.items()},
        counts={} if manifest.skipped else counts,
        seed=manifest.seed,
        plan=manifest.plan,
        index=False,
        options=manifest.options,
    )


def outline_of(
    raw_set: RawSet, plans: list[SplitPlan], seed: int, plan: str, settings: Settings, index: bool
) -> Outline:
    """Describe a build that was planned."""
    import numpy as np

    counts = {}
    for part in (raw_set.splits[split.split] for split in plans):
        numbers = np.bincount(part.labels, minlength=len(raw_set.classes) + 1)[1:]
        keys = (info.key for info in raw_set.classes)
        counts[part.name] = {key: int(n) for key, n in zip(keys, numbers, strict=True) if n}
    return Outline(
        layout=raw_set.layout,
        label_convention=raw_set.label_convention,
        classes=[[info.key, info.words] for info in raw_set.classes],
        shards={split.split: split.shards for split in plans},
        counts=counts,
        seed=seed,
        plan=plan,
        index=index,
        options=asdict(settings),
        left_out=raw_set.left_out,
    )
