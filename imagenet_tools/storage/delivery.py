"""Objects sent to a store: under a temporary name, checked there, then in their place."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from collections.abc import Callable
from typing import Any

from imagenet_tools.storage.stores import PIECE, Mismatch, ask, filesystem, fresh, protocols
from imagenet_tools.storage.write import temporary_name

# S3 takes up to 5 GB in one request, which then has an MD5 as its ETag. A part is held in memory.
PART = 128 * 2**20


def upload(local: str, url: str) -> None:
    """Write a local file to a store; see _deliver."""
    fs, _ = filesystem(url)
    parts: dict[str, Any] = {}
    if "s3" in protocols(fs):
        parts = {"chunksize": PART, "max_concurrency": 2}
    size, md5, etag = digests(local)
    _deliver(url, lambda path: fs.put_file(local, path, **parts), size, md5, etag)


def write(url: str, data: bytes) -> None:
    """Write bytes to a store; see _deliver."""
    fs, _ = filesystem(url)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    _deliver(url, lambda path: fs.pipe_file(path, data), len(data), md5, md5)


def _deliver(url: str, send: Callable[[str], object], size: int, md5: str, etag: str) -> None:
    """Send an object under a temporary name, check it there, and copy it to its own in the store.

    The final name never stands for anything but the former object or the whole new one, whenever
    this process is killed. What a killed one leaves is named .tmp-*.
    """
    fs, path = filesystem(url)
    # A commit to a Hub is whole or not at all, and each costs a second: no detour there.
    direct = "hf" in protocols(fs)
    folder, _, name = path.rpartition("/")
    first = path if direct else f"{folder}/{temporary_name(name)}"

    def arrive() -> None:
        send(first)
        _check(fs, first, size, md5, etag)

    def take_its_place() -> None:
        fs.cp_file(first, path)
        _check(fs, path, size, md5, etag)

    what = f"{url} was not written"
    if direct:
        return ask(what, arrive)
    try:
        ask(what, arrive)
        ask(what, take_its_place)
    finally:
        with contextlib.suppress(Exception):  # the next build removes it
            fs.rm_file(first)


def _check(fs: Any, path: str, size: int, md5: str, etag: str) -> None:
    """Compare what the store holds with what was sent: its size, and its digest or its bytes."""
    try:
        facts = fs.info(path, **fresh(fs))
    except FileNotFoundError:
        raise Mismatch(f"{size:,} bytes were sent and none arrived") from None
    if facts["size"] != size:
        raise Mismatch(f"{size:,} bytes were sent and {facts['size']:,} arrived")
    # An ETag that differs may be none of MD5 (encrypted buckets): then the bytes decide.
    if digest(facts) not in (md5, etag) and _md5_in(fs, path, size) != md5:
        raise Mismatch("the bytes that arrived are not those that were sent")


def digest(facts: dict[str, Any]) -> str | None:
    """The MD5 or S3's ETag that a store tells of an object, in hexadecimal; None without one."""
    if "md5Hash" in facts:  # Google's
        return base64.b64decode(facts["md5Hash"]).hex()
    tag = str(facts.get("ETag", "")).strip('"')
    return tag if re.fullmatch(r"[0-9a-f]{32}(-\d+)?", tag) else None


def digests(local: str) -> tuple[int, str, str]:
    """Size, MD5, and the ETag that S3 gives a file that comes in parts of PART bytes."""
    whole, parts, size = hashlib.md5(usedforsecurity=False), [], os.path.getsize(local)
    with open(local, "rb") as file:
        while piece := file.read(PART):
            whole.update(piece)
            if size >= 2 * PART:  # where s3fs begins to send parts
                parts.append(hashlib.md5(piece, usedforsecurity=False).digest())
    if not parts:
        return size, whole.hexdigest(), whole.hexdigest()
    joined = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return size, whole.hexdigest(), f"{joined}-{len(parts)}"


def _md5_in(fs: Any, path: str, size: int) -> str:
    """The MD5 of an object, read back."""
    total = hashlib.md5(usedforsecurity=False)
    for start in range(0, size, PIECE):
        total.update(fs.cat_file(path, start=start, end=min(start + PIECE, size)))
    return total.hexdigest()
