"""The paths that commands take: which are URLs of a store, and how one is written everywhere."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

AnyPath = str | os.PathLike[str]
_NO_USERS = ("s3", "s3a", "gs", "gcs", "hf", "http", "https")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ONE_SLASH = re.compile(f"({'|'.join(_NO_USERS)}):/(.*)", re.DOTALL)
# Of a scheme its last letters: else a long word is gone through from each of its letters.
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/\s'\"]*@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s'\"?]*)\?[^\s'\"]+")


def is_remote(path: object) -> bool:
    """True for the URL of a store; file:///a is the local path /a."""
    text = str(path)
    return "://" in text and bool(_URL.match(text)) and not text.startswith(("file://", "local://"))


def redact(text: str) -> str:
    """Take user names, passwords and queries out of the URLs in a text."""
    return _QUERY.sub(r"\1?***", _USER.sub(r"\1***@", text))


def normal(path: AnyPath) -> str:
    """A path as it is used everywhere: a local path, or a URL without a slash at its end.

    Raises ValueError for a URL that lacks a slash, and for one with a password or a query: URLs are
    written into manifests, reports and messages, and are no place for secrets.
    """
    text = os.fsdecode(path)
    if "://" not in text:
        if one := _ONE_SLASH.match(text):
            raise ValueError(
                f"{text}: {one[1]}://{one[2]} has two slashes; a pathlib.Path drops one"
            )
        return text
    if text.startswith(("file://", "local://")):
        return unquote(urlsplit(text).path) or "/"
    parts = urlsplit(text)
    if not is_remote(text) or (parts.scheme in _NO_USERS and not parts.netloc):
        raise ValueError(f"{redact(text)} is neither a path nor a URL such as s3://bucket/folder")
    if parts.password or parts.query or (parts.username and parts.scheme in _NO_USERS):
        raise ValueError(
            f"{redact(text)} carries a user, a password or a query. URLs are written into "
            "manifests and reports; keep credentials in the store's own settings (AWS_PROFILE, "
            "~/.config/fsspec)"
        )
    return text if text.endswith("://") else text.rstrip("/")
