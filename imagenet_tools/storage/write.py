"""Write a text, JSON or bytes so that either the old file or the whole new one is there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from imagenet_tools.storage.urls import AnyPath, is_remote


def temporary_name(name: str) -> str:
    """What a file is called until it is whole. A name of its own each time: two machines may write
    one file at the same time."""
    return f".tmp-{name}.{secrets.token_hex(4)}"


@contextlib.contextmanager
def arriving(path: AnyPath) -> Iterator[str]:
    """A file beside `path` to be written within the block, and renamed to it at the end; nothing of
    it is left where the block fails."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, temporary_name(name))
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON as write_text does; dataclasses as objects of their fields."""
    write_text(path, json.dumps(content, indent=1, default=vars) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text as write_bytes does, in UTF-8; names of files that are not, as their bytes."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_saved(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Write what `save` puts into a file, as a picture's own method does, as write_bytes does."""
    buffer = io.BytesIO()
    save(buffer)
    write_bytes(path, buffer.getvalue())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, sync it, and rename it into place.

    Raises OSError naming the file, of which nothing is left then, as where the disk is full.
    """
    if is_remote(path):
        path.write_bytes(data)
        return
    try:
        with arriving(path) as temporary, open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    sync(path.parent)  # its names too, so that a finished folder survives a power cut whole


def sync(path: str | os.PathLike[str]) -> None:
    """Have a file, or a folder's names, on the disk: a power cut must leave nothing half."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
