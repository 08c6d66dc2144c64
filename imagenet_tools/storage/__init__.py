"""Object stores behind the paths that commands take: s3://, gs://, hf:// and all that fsspec knows.

A local path costs nothing here, and nothing is imported for it. What is written for a store is
written locally, uploaded under a temporary name, checked, and only then given its own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from imagenet_tools.storage import delivery, snapshot, stores
from imagenet_tools.storage.remote_path import RemotePath
from imagenet_tools.storage.urls import AnyPath as AnyPath
from imagenet_tools.storage.urls import is_remote as is_remote
from imagenet_tools.storage.urls import normal as normal
from imagenet_tools.storage.urls import redact as redact

Item = TypeVar("Item")
Result = TypeVar("Result")

CACHE = "IMGTOOLS_CACHE"  # the environment's name for the folder of working copies and records
AHEAD = 16  # requests of a process that wait for a store at one time
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_copies: dict[str, str] = {}  # of this process: folder in the cache -> URL


def place(path: AnyPath) -> Path:
    """A path that can be listed and read, wherever it is.

    For a URL it is a RemotePath, which has what this project uses of pathlib.Path.
    """
    text = normal(path)
    return cast(Path, RemotePath(text)) if is_remote(text) else Path(text)


def snapshot_of(path: AnyPath) -> contextlib.AbstractContextManager[None]:
    """Within it this thread sees one state of a folder in a store, for few requests."""
    return snapshot.of(normal(path)) if is_remote(path) else contextlib.nullcontext()


def cache_folder() -> Path:
    """Where working copies and cached records live: $IMGTOOLS_CACHE, else the user's cache."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imgtools"


def staging(folder: AnyPath) -> Path:
    """The local folder for what is on its way to `folder`; a local folder is its own."""
    text = normal(folder)
    if not is_remote(text):
        return Path(text)
    place = cache_folder() / "staging" / hashlib.sha256(text.encode()).hexdigest()[:24]
    place.mkdir(parents=True, exist_ok=True)
    stands_for(place, text)
    return place


def stands_for(local: AnyPath, url: str) -> None:
    """Note that a folder is there for what is at a URL, or in an archive; see as_asked."""
    _copies[os.fspath(local)] = url


def as_asked(text: str) -> str:
    """A text with URLs and archives in place of the folders that stand for them here."""
    for local, url in _copies.items():
        text = text.replace(local, url)
    return text


def publish(local: AnyPath, final: AnyPath) -> None:
    """Give a finished local file its final name: renamed, or uploaded, checked and removed here.

    Raises OSError or, where a store does not answer, Unfinished; the final name then stands for
    what it stood for before.
    """
    if not is_remote(final):
        os.replace(local, final)
        return
    delivery.upload(os.fspath(local), str(final))
    os.unlink(local)


@contextlib.contextmanager
def local_copy(path: AnyPath) -> Iterator[str]:
    """A local file with the contents of `path`: itself, or a copy that goes afterwards."""
    text = str(path)
    if not is_remote(text):
        yield text
        return
    with tempfile.TemporaryDirectory(prefix="imgtools-") as folder:
        copy = os.path.join(folder, text.rpartition("/")[2])
        stores.download(text, copy)
        yield copy


def read(path: str, offset: int = 0, size: int = -1) -> bytes:
    """Bytes of an object, fewer than `size` only where it ends; all of it without a size."""
    return stores.read(path) if size < 0 else stores.read(path, offset, offset + size)


def size(path: AnyPath) -> int:
    """Bytes of a file, wherever it is.

    Raises OSError for what is no regular file, saying what it is: to open a fifo or a device might
    never end.
    """
    if is_remote(path):
        return place(path).stat().st_size
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise OSError(errno.EINVAL, f"it is {kind}", os.fspath(path))
    return status.st_size


def sizes(folder: Path) -> dict[str, int]:
    """File name -> bytes of the files in a folder, from one listing."""
    if is_remote(folder):
        return {one.name: one.stat().st_size for one in folder.iterdir() if one.is_file()}
    size_of = {}
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            size_of[name] = size(os.path.join(folder, name))
    return size_of


def versions(folder: str) -> dict[str, int]:
    """File name -> a number that is another one when the object is, of a folder in a store; empty
    where it may be read and not listed."""
    try:
        listed = stores.listing(folder)
    except PermissionError:
        return {}
    return {stores.name(one): stores.version(one) for one in listed if one.get("type") == "file"}


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, where it is there."""
    if is_remote(folder):
        stores.remove(str(folder), below=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    remote: bool,
    at_once: int = AHEAD,
) -> Iterator[Callable[[], Result]]:
    """Yield, in the order of the items, what returns (or raises) function(item).

    remote: some are begun ahead in threads, since a store answers many requests in the time of one;
    otherwise each is done when it is asked for.
    """
    if not remote:
        for item in items:
            yield partial(function, item)
        return
    pool = ThreadPoolExecutor(at_once)
    begun: deque[Future[Result]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(function, item))
            if len(begun) >= 2 * at_once:
                yield begun.popleft().result
        while begun:
            yield begun.popleft().result
    finally:
        # Not waited for: who leaves this early leaves it to the garbage collector, in any thread,
        # also in one that is just starting and holds the lock that a join would take.
        pool.shutdown(wait=False, cancel_futures=True)
