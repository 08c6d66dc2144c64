"""The paths of a split's shards, those of a store brought into the cache first; damage in one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import cache, schema, tfrecord
from imagenet_tools.records.manifest import Manifest, Shard, read_manifest


def shard_paths(folder: str | os.PathLike[str], split: str) -> list[str]:
    """Return the paths of a split's shards, in order; those of a store are brought here first.

    Raises ValueError naming the splits that are there.
    """
    manifest = _with_split(folder, split)
    if storage.is_remote(folder):
        return cache.fetch(storage.normal(folder), manifest, split)
    return [str(storage.place(folder) / shard.file) for shard in manifest.splits[split].shards]


def each_shard(folder: str | os.PathLike[str], split: str) -> Iterator[str]:
    """Yield the paths of a split's shards, in order: for who may need the first of them only."""
    if storage.is_remote(folder):
        yield from cache.fetch_each(storage.normal(folder), _with_split(folder, split), split)
    else:
        yield from shard_paths(folder, split)


def examples(folder: str | os.PathLike[str], split: str) -> Iterator[dict[str, Any]]:
    """Yield each record of a split as `schema.decode_example` gives it, in the shards' order."""
    for path in each_shard(folder, split):
        for _, record in tfrecord.read(path):
            yield schema.decode_example(record)


def check_sizes(folder: str | os.PathLike[str], split: str) -> None:
    """Compare each shard's size with the manifest's: what costs no reading, and finds shards that
    are missing, cut, doubled, or of another data set.

    Raises DamagedData naming the first that is wrong and what mends it.
    """
    place = storage.place(folder)
    listed = storage.sizes(place) if storage.is_remote(place) else None
    for shard in _with_split(folder, split).splits[split].shards:
        check_size(str(place / shard.file), shard, listed)


def check_size(path: str, shard: Shard, listed: Mapping[str, int] | None = None) -> None:
    """As check_sizes, of one shard. listed: sizes of a store's files, from one listing."""
    try:
        size = storage.size(path) if listed is None else listed[shard.file]
    except (FileNotFoundError, KeyError):
        raise damaged(path, "it is missing") from None
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error
    if size != shard.bytes:
        raise damaged(path, f"it has {size:,} bytes where the manifest says {shard.bytes:,}")


def _with_split(folder: str | os.PathLike[str], split: str) -> Manifest:
    manifest = read_manifest(folder)
    if split not in manifest.splits:
        raise ValueError(f"{folder} has no split {split!r}; it has {', '.join(manifest.splits)}")
    return manifest


def damaged(path: str, reason: str, *, record: int = -1, name: str = "") -> DamagedData:
    """What is wrong with a shard here, or with a record of it, and what mends it.

    record: its number in the shard; name: its image's, where it could be read.
    """
    where = f"{path}: record {record}" if record >= 0 else path
    where += f" ({name})" if name else ""
    folder = path.rpartition("/")[0] or "."
    url = storage.as_asked(folder)
    remedy = (
        f"for all that is wrong: imgtools verify-tfrecords {folder}; to write it again: imgtools "
        f"repair-tfrecords {folder} --raw RAW"
        if url == folder
        else f"remove {path}, and it is fetched from {url} again"
    )
    return DamagedData(f"{where}: {reason}; {remedy}")
