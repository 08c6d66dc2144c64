"""Records of a store on this machine's disk: fetched shard by shard, checked, and kept.

A folder a data set, named by its digest, below storage.cache_folder(); processes may share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from imagenet_tools import storage, terminal
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import tfrecord
from imagenet_tools.records.manifest import Manifest, Shard
from imagenet_tools.storage import kept, stores

AT_ONCE = 4  # shards on their way at one time


def folder_of(manifest: Manifest, url: str | None = None) -> Path:
    """Where the shards of these records are kept, wherever they came from."""
    copies = storage.cache_folder() / "records" / manifest.digest[:32]
    if url is not None:
        storage.stands_for(copies, url)
    return copies


def fetch(folder: str, manifest: Manifest, split: str) -> list[str]:
    """Bring a whole split here; return the paths of its shards, in order.

    Raises OSError where the disk has no room, DamagedData for a shard that is not the manifest's.
    """
    shards, copies = manifest.splits[split].shards, folder_of(manifest, folder)
    missing = [shard for shard in shards if not kept.is_there(copies / shard.file, shard.bytes)]
    total = sum(shard.bytes for shard in missing)
    if missing:
        kept.refuse_full_disk(copies, total, "records")
    with terminal.bar(f"fetching {split}", "bytes", total=total, unit_scale=True) as bar:
        done = storage.ahead(partial(_fetch_shard, folder, copies), missing, True, AT_ONCE)
        for shard, fetched in zip(missing, done, strict=True):
            fetched()
            bar.update(shard.bytes)
    return [str(copies / shard.file) for shard in shards]


def fetch_each(folder: str, manifest: Manifest, split: str) -> Iterator[str]:
    """The paths of a split's shards, each fetched when it is asked for."""
    copies = folder_of(manifest, folder)
    return (_fetch_shard(folder, copies, shard) for shard in manifest.splits[split].shards)


def _fetch_shard(folder: str, copies: Path, shard: Shard) -> str:
    bring = partial(_download, f"{folder}/{shard.file}", shard)
    return kept.once(copies / shard.file, shard.bytes, bring)


def _download(url: str, shard: Shard, target: str) -> None:
    """Twice, if need be: what came may be wrong on the way, or where it is kept."""
    try:
        for _ in range(2):
            stores.download(url, target)
            problem = tfrecord.mismatch(target, shard.records, shard.digest)
            if problem is None:
                return
    except FileNotFoundError:
        problem = "it is missing"
    raise DamagedData(
        f"{url}: {problem}; to write it again: imgtools repair-tfrecords "
        f"{url.rpartition('/')[0]} --raw RAW"
    )
