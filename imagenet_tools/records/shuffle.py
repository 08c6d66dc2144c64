"""The plan of a build: which image goes into which shard, decided before anything is written.

A global shuffle by hashed key: the order depends on the seed and on each image's own key, not on
the order in which a disk lists files, so equal data gives equal shards anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagenet_tools import labels, storage
from imagenet_tools.raw.boxes import stem_of
from imagenet_tools.raw.image import Box
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import RawSplit
from imagenet_tools.records.manifest import shard_name

if TYPE_CHECKING:  # at run time where it is used: a worker starts in half the time without it
    import numpy as np

# TF-Slim's numbers, for ImageNet's 1,281,167 and 50,000 images; smaller sets get fewer by default,
# so that a shard holds some 1250 (train) or 390 (validation) images.
SHARDS = {"train": 1024, "validation": 128}
IMAGES_A_SHARD = {
    "train": labels.TRAIN_IMAGES / SHARDS["train"],
    "validation": labels.VALIDATION_IMAGES / SHARDS["validation"],
}


@dataclass(frozen=True)
class SplitPlan:
    """Which images each shard takes, in order.

    order: positions in the raw split, shuffled; bounds: shard i takes order[bounds[i]:bounds[i+1]].
    digest: of all keys, the same in whatever order the images were listed.
    """

    split: str
    order: np.ndarray
    bounds: tuple[int, ...]
    digest: str

    @property
    def shards(self) -> int:
        return len(self.bounds) - 1

    def file(self, shard: int) -> str:
        return shard_name(self.split, shard, self.shards)

    def members(self, shard: int) -> np.ndarray:
        return self.order[self.bounds[shard] : self.bounds[shard + 1]]


def shard_count(split: str, images: int, asked: int | None) -> int:
    """Return the number of shards: what was asked for, or TF-Slim's scaled to the data.

    Raises ValueError where there are no images, or more shards than images are asked for.
    """
    if images == 0:
        raise ValueError(f"the {split} split holds no images")
    if asked is None:
        return max(1, min(SHARDS[split], round(images / IMAGES_A_SHARD[split])))
    if not 1 <= asked <= images:
        raise ValueError(
            f"--{split}-shards is {asked}; with {images:,} images it must be 1 to {images:,}, "
            "since a shard is never empty"
        )
    return asked


def plan_split(part: RawSplit, shards: int, seed: int) -> SplitPlan:
    """Shuffle a split by hashed key and cut it into shards whose sizes differ by at most one.

    Raises ValueError where two images have the same key.
    """
    import numpy as np

    hashes = key_hashes(part.keys(), seed, len(part))
    order = np.argsort(hashes, kind="stable")
    _refuse_twice(part, hashes, order)
    bounds = tuple(len(part) * shard // shards for shard in range(shards + 1))
    return SplitPlan(part.name, order, bounds, hashlib.sha256(hashes[order].tobytes()).hexdigest())


def key_hashes(keys: Iterable[str], seed: int, count: int) -> np.ndarray:
    """Return a 64-bit hash of each key under the seed."""
    import numpy as np

    return np.fromiter(hashes_of(keys, seed), np.uint64, count)


def hashes_of(keys: Iterable[str], seed: int) -> Iterator[int]:
    """As key_hashes, one by one."""
    prefix = hashlib.blake2b(f"imgtools {seed}\n".encode(), digest_size=8)
    for key in keys:
        state = prefix.copy()
        state.update(key.encode("utf-8", "surrogateescape"))
        yield int.from_bytes(state.digest(), "big")


def refuse_twice(part: RawSplit) -> None:
    """Raise ValueError where two images of a split have the same key."""
    import numpy as np

    hashes = np.fromiter(map(hash, part.keys()), np.int64, len(part))
    _refuse_twice(part, hashes, np.argsort(hashes, kind="stable"))


def _refuse_twice(part: RawSplit, hashes: np.ndarray, order: np.ndarray) -> None:
    import numpy as np

    ordered = hashes[order]
    for at in np.flatnonzero(ordered[1:] == ordered[:-1]):
        first, second = part[int(order[at])], part[int(order[at + 1])]
        if first.key == second.key:
            where = f"{first.path} and {second.path}"
            if first.path == second.path:
                where = f"{first.path}, at its bytes {first.offset:,} and {second.offset:,}"
            raise ValueError(
                f"two {part.name} images have the key {first.key}: {where}. Keep one, or give them "
                "different names"
            )


def fingerprint(raw_set: RawSet, plans: list[SplitPlan], settings: dict[str, object]) -> str:
    """Return what identifies a build: the same data under the same fingerprint give equal bytes.

    Taken over the classes, every image's key, the boxes, the shards, and the settings that change
    the output; not over paths, the number of workers, or the order of listing.
    """
    total = hashlib.sha256(repr(sorted(settings.items())).encode())
    total.update(repr([tuple(info) for info in raw_set.classes]).encode())
    boxes = repr(sorted(_boxes(raw_set).items())).encode()
    for plan in sorted(plans, key=lambda plan: plan.split):
        total.update(f"{plan.split} {plan.shards} {plan.digest}\n".encode())
        total.update(boxes)
    return total.hexdigest()[:32]


def _boxes(raw_set: RawSet) -> dict[str, tuple[Box, ...]]:
    """The boxes of all splits by the stems of their images, as version 0.1.0 had them, so that its
    folders are known again; by key, or by split and key, where another image has the same."""
    parts = raw_set.splits.items()
    boxes = {f"{split}/{key}": box for split, part in parts for key, box in part.boxes.items()}
    by_key = {place.partition("/")[2]: box for place, box in boxes.items()}
    by_stem = {stem_of(key): box for key, box in by_key.items()}
    stems = (stem_of(name) for _, part in parts if boxes for name in part.filenames())
    keys = (key for _, part in parts for key in iter(part.keys()))
    for of, names in ((by_stem, stems), (by_key, keys)):
        if len(of) == len(boxes) == sum(map(of.__contains__, names)):
            return of
    return boxes


def estimate_bytes(part: RawSplit, sample: int = 400) -> int:
    """Return about how many bytes the images of a split take, from an even sample of them."""
    import numpy as np

    picked = np.linspace(0, len(part) - 1, min(sample, len(part))).astype(int)
    images = list(part.take(picked))
    sizes = [image.size for image in images if image.size >= 0]
    paths = [image.path for image in images if image.size < 0]
    for asked in storage.ahead(storage.size, paths, bool(paths) and storage.is_remote(paths[0])):
        with contextlib.suppress(OSError):
            sizes.append(asked())
    return int(np.mean(sizes) * len(part)) if sizes else 0
