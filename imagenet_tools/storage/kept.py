"""What is fetched from a store into this machine's cache, once for all its processes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.storage import delivery, stores
from imagenet_tools.storage.write import arriving


def once(target: Path, size: int, bring: Callable[[str], object]) -> str:
    """The path of a file of the cache, which `bring` writes where it is not there.

    Whichever process asks first does, the others wait. It gets its name when it is whole.
    """
    if not is_there(target, size):
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.parent / f".lock-{target.stem}", "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_there(target, size):
                for leftover in target.parent.glob(".tmp-*"):
                    if target.name in leftover.name:
                        leftover.unlink()
                with arriving(target) as temporary:
                    bring(temporary)
    return str(target)


def is_there(target: Path, size: int) -> bool:
    """Whether a file of the cache is there, whole."""
    try:
        return target.stat().st_size == size
    except FileNotFoundError:
        return False


def copy(url: str) -> str:
    """The local copy of an object; see `once`.

    Checked in size, and by the digest that the store tells; an object that has changed in the
    store since is copied again. Raises OSError where the disk has no room, DamagedData for a copy
    that is not the object.
    """
    facts = stores.info(url, all_of_it=True)
    target = _target(url, facts)

    def bring(temporary: str) -> None:
        refuse_full_disk(target.parent, facts["size"], "copies")
        stores.download(url, temporary)
        _check(Path(temporary), url, facts)

    return once(target, facts["size"], bring)


def missing(url: str) -> int:
    """Bytes that `copy` would bring; 0 where the copy is here."""
    facts = stores.info(url, all_of_it=True)
    size = int(facts["size"])
    return 0 if is_there(_target(url, facts), size) else size


def _target(url: str, facts: dict[str, Any]) -> Path:
    tag = facts.get("ETag") or facts.get("etag")
    state = f"{url} {facts['size']} {tag} {_sha256(facts)}"
    state_digest = hashlib.sha256(state.encode()).hexdigest()[:24]
    return storage.cache_folder() / "objects" / state_digest / url.rpartition("/")[2]


def refuse_full_disk(place: Path, needed: int, what: str) -> None:
    """Raise OSError, with the remedy, where so many bytes of these do not fit into the cache."""
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise OSError(
            f"the {what} need {needed / 1e9:,.1f} GB in {place}, where {free / 1e9:,.1f} GB are "
            f"free; {storage.CACHE} names another folder"
        )


def _check(path: Path, url: str, facts: dict[str, Any]) -> None:
    told = _sha256(facts) or delivery.digest(facts) or ""
    if path.stat().st_size != facts["size"]:
        problem = f"{path.stat().st_size:,} bytes came where it has {facts['size']:,}"
    elif told and "-" not in told and told != _digest(path, "sha256" if len(told) == 64 else "md5"):
        problem = "what came is not what the store's digest is of"
    else:
        return
    raise DamagedData(f"{url}: {problem}")


def _sha256(facts: dict[str, Any]) -> str:
    """A Hub's digest of a large file; none where the store tells none."""
    large = facts.get("lfs")
    return str(getattr(large, "sha256", "") or "")


def _digest(path: Path, kind: str) -> str:
    with open(path, "rb") as file:
        total = hashlib.new(kind, usedforsecurity=False)
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.hexdigest()
