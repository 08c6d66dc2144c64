"""A path in a store, with what this project uses of pathlib.Path.

universal_pathlib has more, and was tried: it looks a folder up before each listing, and lets each
library's own errors through, with no second try and with the URLs they carry.
"""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterator
from functools import total_ordering
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import IO, Any

from imagenet_tools.storage import delivery, snapshot, stores


@total_ordering
class RemotePath:
    """An object or a folder. A folder is what its objects' names say: none of them, and it is
    empty; nothing needs to be made. Entries of a listing know their size and kind."""

    def __init__(self, url: str, known: dict[str, Any] | None = None) -> None:
        self.url = url
        self._known = known

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"RemotePath({self.url!r})"

    def __fspath__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and other.url == self.url

    def __lt__(self, other: RemotePath) -> bool:
        return self.url < other.url

    def __hash__(self) -> int:
        return hash(self.url)

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        above = self.url.rpartition("/")[0]
        return self if above.endswith(":/") else RemotePath(above)

    def relative_to(self, other: RemotePath) -> PurePosixPath:
        return PurePosixPath(self.url).relative_to(PurePosixPath(other.url))

    def _look(self) -> dict[str, Any] | None:
        if self._known is not None:
            return self._known
        try:
            return snapshot.info(self.url)
        except FileNotFoundError:
            return None

    def exists(self) -> bool:
        return self._look() is not None

    def is_dir(self) -> bool:
        return (self._look() or {}).get("type") == "directory"

    def is_file(self) -> bool:
        return (self._look() or {}).get("type") == "file"

    def stat(self) -> SimpleNamespace:
        """Of which only st_size is known. Raises FileNotFoundError."""
        facts = self._known if self._known is not None else snapshot.info(self.url)
        return SimpleNamespace(st_size=facts["size"])

    def iterdir(self) -> Iterator[RemotePath]:
        for one in snapshot.listing(self.url):
            yield RemotePath(f"{self.url}/{stores.name(one)}", one)

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """Entries of this folder alone: patterns without a slash."""
        return (one for one in self.iterdir() if fnmatch.fnmatchcase(one.name, pattern))

    def rglob(self, pattern: str) -> Iterator[RemotePath]:
        """Files below this folder whose own names match."""
        for name, known in stores.find(self.url).items():
            if fnmatch.fnmatchcase(name.rpartition("/")[2], pattern):
                yield RemotePath(f"{self.url}/{name}", known)

    def read_bytes(self) -> bytes:
        return stores.read(self.url)

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return str(self.open("r", encoding=encoding, errors=errors).read())

    def open(
        self,
        mode: str = "r",
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
    ) -> IO[Any]:
        """For reading: a text is fetched whole, "rb" fetches the ranges that are read."""
        if mode == "rb":
            # Larger reads go by the buffer: a tar's header costs one request, and no more bytes.
            return io.BufferedReader(_Ranges(self.url, self.stat().st_size), buffer_size=512)
        if mode != "r":
            raise ValueError(f"{self.url}: mode {mode!r}; a store's objects are written whole")
        data = io.BytesIO(self.read_bytes())
        return io.TextIOWrapper(data, encoding=encoding, errors=errors, newline=newline)

    def write_bytes(self, data: bytes) -> None:
        delivery.write(self.url, data)

    def write_text(self, text: str, encoding: str = "utf-8") -> None:
        self.write_bytes(text.encode(encoding))

    def touch(self) -> None:
        self.write_bytes(b"")

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a folder is there when an object in it is."""

    def unlink(self, missing_ok: bool = False) -> None:
        stores.remove(self.url)


class _Ranges(io.RawIOBase):
    """An object as a file that can be read from anywhere, a request a read."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._at = url, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        data = stores.read(self._url, self._at, end)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
