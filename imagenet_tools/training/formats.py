"""What a file is that was given for a checkpoint, and is none, by its first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

# What came in place of the file: its first bytes, in small letters.
_INSTEAD = (
    (b"version https://git-lfs", "a pointer of Git LFS; `git lfs pull` brings the file"),
    (b"<!doctype html", "a web page; was it an error's, in place of the file?"),
    (b"<html", "a web page; was it an error's, in place of the file?"),
)
_OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (b"\x80\x02", "a pickle, as PyTorch writes them"),
    (b"\x1f\x8b", "packed with gzip; unpack it"),
    (b"BZh", "packed with bzip2; unpack it"),
    (b"\xfd7zXZ", "packed with xz; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
)
_MEMBERS = {"data.pkl": "a file of PyTorch's", "config.json": "a file of Keras's"}


def instead(path: Path) -> str | None:
    """What came in place of a file that was to be fetched; None where that cannot be seen."""
    first = _first(path).lower()
    return next((what for start, what in _INSTEAD if first.startswith(start)), None)


def other(path: Path) -> str | None:
    """Whose format it has that is another than a checkpoint's; None for one that is not known."""
    first = _first(path)
    if first[8:10] == b'{"' and first[5:8] == b"\0\0\0":
        return "a file of safetensors"
    if path.name == "saved_model.pb":
        return "a SavedModel"
    if not first.startswith(b"PK"):
        return next((what for start, what in _OTHERS if first.startswith(start)), None)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).name for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        names = set()
    known = (what for member, what in _MEMBERS.items() if member in names)
    return next(known, "a zip under another name; call it .zip, or unpack it")


def _first(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with open(path, "rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \r\n")
