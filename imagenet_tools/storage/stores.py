"""Requests to a store: tried again while it is busy, checked, and named when they fail."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from imagenet_tools.errors import Unfinished
from imagenet_tools.storage.urls import redact
from imagenet_tools.storage.write import arriving

Result = TypeVar("Result")

# Five tries over some ten seconds, beside those that a store's own library makes.
TRIES, WAIT, LONGEST = 5, 0.7, 20.0
LONGEST_TEXT = 400  # characters of a server's message that are shown
PIECE = 16 * 2**20  # bytes of one request of a download
INSTALL = "pip install 'imgtools[cloud]'"
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
# What S3, Google's store, the Hub and others call a digest or a generation of an object; a time.
_CONTENT = ("ETag", "etag", "md5Hash", "content_md5", "generation", "blob_id", "oid")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE)
# Of botocore, google-auth and huggingface_hub: no trying again helps against them.
_NO_ACCESS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "DefaultCredentialsError",
    "RefreshError",
    "LocalTokenNotFoundError",
    "GatedRepoError",
}


class Mismatch(OSError):
    """What a store holds is not what was sent to it, or what it sent is not what was asked for."""


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it.

    Raises ImportError with the remedy where its library is not installed, ValueError for a kind
    of store that nobody knows.
    """
    parts = urlsplit(url)
    fs = _filesystem(f"{parts.scheme}://{parts.netloc}", os.getpid())
    return fs, fs._strip_protocol(url)


@functools.lru_cache(maxsize=16)
def _filesystem(root: str, process: int) -> Any:
    """One for all threads: fsspec itself would make (and connect) one for each."""
    kind = root.partition(":")[0]
    try:
        import fsspec
    except ImportError:
        raise ImportError(
            f"{kind}:// is reached through fsspec. To install it: {INSTALL}"
        ) from None
    try:
        # A cached listing would hide what other machines write.
        return fsspec.core.url_to_fs(root, use_listings_cache=False)[0]
    except ImportError as error:
        raise ImportError(
            f"the library for {kind}:// is not installed ({redact(str(error))}). To install it: "
            f"{INSTALL}"
        ) from None
    except ValueError as error:
        raise ValueError(f"{redact(root)}: no such kind of store ({redact(str(error))})") from None


def ask(what: str, call: Callable[[], Result]) -> Result:
    """Do `call`, again after ever longer waits while the store fails; `what` begins the message.

    Raises FileNotFoundError, PermissionError and the like at once, Unfinished after TRIES.
    Messages carry no credentials, and exceptions of the store's library do not hang on to them.
    """
    for turn in range(1, TRIES + 1):
        try:
            return call()
        except _FINAL as error:
            reason = _reason(error)
            raise type(error)(f"{redact(what)}: {reason}") from None
        except Exception as error:
            reason = _reason(error)
            if type(error).__name__ in _NO_ACCESS:
                raise PermissionError(
                    f"{redact(what)}: {reason}; credentials come from the store's own settings "
                    "(AWS_PROFILE, gcloud auth, HF_TOKEN, ~/.config/fsspec)"
                ) from None
            if isinstance(error, OSError) and error.errno in _DISK:
                raise
            if isinstance(error, NotImplementedError):
                raise OSError(f"{redact(what)}: such a store cannot do that") from None
            if isinstance(error, ValueError):
                raise ValueError(f"{redact(what)}: {reason}") from None
            if type(error).__module__ == "builtins" and not isinstance(error, OSError | EOFError):
                raise  # a defect, here or in the store's library
        if turn < TRIES:
            time.sleep(random.uniform(0.5, 1.0) * min(LONGEST, WAIT * 2 ** (turn - 1)))
    raise Unfinished(f"{redact(what)}: {TRIES} tries failed, the last with {reason}")


def _reason(error: Exception) -> str:
    """What a server or its library said, fit for a message: a line of bounded length, nothing in
    it that a terminal would obey."""
    said = " ".join(redact(str(error)).split())
    text = "".join(one if one.isprintable() else " " for one in said)
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]} ..."
    kind = "" if isinstance(error, Mismatch) else type(error).__name__
    return ": ".join(filter(None, (kind, text)))


def info(url: str, all_of_it: bool = False) -> dict[str, Any]:
    """What the store says of an object or folder: `size`, `type`, and often a digest.

    all_of_it: a Hub's digest too, which takes it longer.
    """
    fs, path = filesystem(url)
    more = fresh(fs)
    if more and all_of_it:
        more |= {"expand_info": True}
    facts: dict[str, Any] = ask(f"{url} cannot be looked up", lambda: fs.info(path, **more))
    return facts


def listing(url: str) -> list[dict[str, Any]]:
    """What is in a folder, as `info` says it; nothing where no object is in it."""
    fs, path = filesystem(url)
    try:
        entries = ask(f"{url} cannot be listed", lambda: fs.ls(path, detail=True, **fresh(fs)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    itself = path.strip("/")
    return [one for one in entries if one["name"].strip("/") != itself]


def name(facts: dict[str, Any]) -> str:
    """The name within its folder of what a listing or `info` tells of."""
    return str(facts["name"]).rstrip("/").rpartition("/")[2]


def find(url: str) -> dict[str, dict[str, Any]]:
    """Every file below a folder: name relative to it -> what `info` says."""
    fs, path = filesystem(url)
    try:
        entries = ask(f"{url} cannot be listed", lambda: fs.find(path, detail=True))
    except FileNotFoundError:
        return {}
    start = len(path.strip("/")) + 1
    # Consoles make "folders": empty objects whose names end with a slash.
    files = {name: one for name, one in entries.items() if not name.endswith("/")}
    return {name.strip("/")[start:]: one for name, one in files.items()}


def read(url: str, start: int | None = None, end: int | None = None) -> bytes:
    """An object's bytes from start to end, fewer only where the object is shorter."""
    fs, path = filesystem(url)
    wanted = None if start is None or end is None else end - start
    short: list[bytes] = []
    # s3fs would ask for the size first, to read an object in several streams.
    alone = {"max_concurrency": 1} if "s3" in protocols(fs) else {}

    def once() -> bytes:
        data: bytes = fs.cat_file(path, start=start, end=end, **alone)
        if wanted is not None and len(data) != wanted:
            short.append(data)
            raise Mismatch(f"{len(data):,} bytes came where {wanted:,} were asked for")
        return data

    try:
        return ask(f"{url} cannot be read", once)
    except Unfinished:
        if len(short) == TRIES:  # it answered every time: that is all there is
            return short[-1]
        raise


def download(url: str, target: str) -> None:
    """Write an object into a local file, which gets its name when it is whole."""
    size = info(url)["size"]
    with arriving(target) as temporary, open(temporary, "wb") as file:
        for start in range(0, size, PIECE):
            end = min(start + PIECE, size)
            data = read(url, start, end)
            if len(data) != end - start:
                raise Unfinished(f"{url} became shorter while it was read")
            file.write(data)
        file.flush()
        os.fsync(file.fileno())


def version(facts: dict[str, Any]) -> int:
    """A number from an object's size and what the store tells of its content, or else of its time;
    0 where it tells nothing. See `info`."""
    content = next((facts[key] for key in _CONTENT if facts.get(key)), None)
    known = content or next((facts[key] for key in _TIMES if facts.get(key)), None)
    if known is None:
        return 0
    text = f"{facts.get('size')} {known}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")


def protocols(fs: Any) -> tuple[str, ...]:
    """The kinds of store that a file system calls itself: ("s3", "s3a"), ("hf",)."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def fresh(fs: Any) -> dict[str, bool]:
    """What a store whose listings cannot be kept from being cached wants to be told."""
    return {"refresh": True} if "hf" in protocols(fs) else {}


def remove(url: str, *, below: bool = False) -> None:
    """Remove an object, or it and all below a folder; what is not there is no error."""
    fs, path = filesystem(url)
    call = partial(fs.rm, path, recursive=True) if below else partial(fs.rm_file, path)
    with contextlib.suppress(FileNotFoundError):
        ask(f"{url} cannot be removed", call)
