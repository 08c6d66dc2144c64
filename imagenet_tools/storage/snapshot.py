"""A folder of a store as it is at one moment: each folder in it is listed once, and what a listing
shows is not asked for again, nor what it does not show.

Whoever finds out what a folder holds asks for some fifty names that are not there, in S3 two
requests each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from imagenet_tools.storage import stores
from imagenet_tools.storage.urls import redact

Facts = dict[str, Any]


@dataclass(frozen=True)
class _Snapshot:
    """A folder of a store as it was listed once.

    root: its URL; facts: what the store says of it. folders: URL -> listing, and the same by name,
    of the root and folders below it.
    """

    root: str
    facts: Facts = field(default_factory=dict)
    folders: dict[str, tuple[list[Facts], dict[str, Facts]]] = field(default_factory=dict)

    def holds(self, url: str) -> bool:
        return f"{url}/".startswith(f"{self.root}/")

    def info(self, url: str) -> Facts | None:
        """What is known of a URL below the root: empty where it is not there, None if nothing."""
        folder, _, name = url.rpartition("/")
        if folder == self.root:
            self.listing(folder)
        if folder in self.folders:
            return self.folders[folder][1].get(name, {})
        above = self.info(folder)
        return None if above is None or above.get("type") == "directory" else {}

    def listing(self, url: str) -> list[Facts]:
        if url not in self.folders:
            entries = stores.listing(url)
            # A name may be an object's and a folder's: the store itself then tells of the object.
            objects_last = sorted(entries, key=lambda one: one["type"] == "file")
            self.folders[url] = entries, {stores.name(one): one for one in objects_last}
        return self.folders[url][0]


_taken: ContextVar[_Snapshot | None] = ContextVar("_taken", default=None)


@contextlib.contextmanager
def of(url: str) -> Iterator[None]:
    """Within it this thread sees one state of a folder in a store."""
    former = _taken.set(_Snapshot(url))
    try:
        yield
    finally:
        _taken.reset(former)


def info(url: str) -> Facts:
    """As stores.info."""
    taken = _taken.get()
    if taken is None or not taken.holds(url):
        return stores.info(url)
    if url == taken.root:
        if not taken.facts:
            taken.facts.update(stores.info(url))
        return taken.facts
    known = taken.info(url)
    if known == {}:
        raise FileNotFoundError(f"{redact(url)}: no such file or folder")
    return stores.info(url) if known is None else known


def listing(url: str) -> list[Facts]:
    """As stores.listing."""
    taken = _taken.get()
    return taken.listing(url) if taken and taken.holds(url) else stores.listing(url)
