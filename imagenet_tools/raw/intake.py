"""What an entry of a folder or an archive is, and the count of those that no record will hold.

A name tells in nearly all cases; where it does not, the first bytes do. Every entry is taken or
counted under a reason: nothing is passed over in silence.
"""

from __future__ import annotations

import contextlib
import csv
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_tools import images, storage
from imagenet_tools.errors import DamagedData

IMAGE_NAMES = (
    *(".jpeg", ".jpg", ".jpe", ".jfif", ".png"),
    *(".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm"),
)
# Not opened to see whether they are images: what they are, their names say.
OTHER_NAMES = (
    *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".md", ".html", ".yaml", ".yml", ".log"),
    *(".py", ".sh", ".mat", ".npy", ".npz", ".pkl", ".pdf", ".parquet", ".tfrecord", ".db", ".ini"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".md5", ".sha256"),
    *(".part", ".partial", ".crdownload", ".aria2", ".tmp", ".bak", "~"),
)
# Folders that systems and tools leave behind.
JUNK = frozenset(
    ("__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information")
    + ("@eaDir", "#recycle", "#snapshot")
)
HEAD = 64  # bytes that tell the format of an image
FIRST, LONGEST = 3, 300  # names that stand for many, characters of one
OUTSIDE = "images outside a class folder"
EMPTY, JUNK_FOLDERS, OTHER_FOLDERS = "folders without images", "junk folders", "other folders"
LINKED_OUT = "links out of the raw folder"
BROKEN = "broken links"
NO_FILES = (BROKEN, "named pipe", "socket", "device")  # counted under whatever name
_OTHERS = {
    b"\x1f\x8b": "compressed by gzip; uncompress it first",
    b"BZh": "compressed by bzip2; uncompress it first",
    b"\xfd7zXZ": "compressed by xz; uncompress it first",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; uncompress it first",
    b"PK\3\4": "a zip archive",
    b"<": "a page of the web (of the login, perhaps), not the download",
    b"version https://git-lfs": "a pointer of Git LFS, not the file; `git lfs pull` fetches that",
}


@dataclass(frozen=True)
class Counted:
    """Entries or images of which one thing is to be said: how many, the first names."""

    count: int
    first: list[str]

    def __add__(self, other: Counted) -> Counted:
        names = dict.fromkeys((*self.first, *other.first))
        return Counted(self.count + other.count, [*names][:FIRST])


class Intake:
    """Of one data set: the entries left out, by reason, and what else there is to say of it."""

    def __init__(self) -> None:
        self._left_out: dict[str, Counted] = {}
        self._said: dict[str, Counted] = {}

    def leave(self, reason: str, name: str) -> None:
        """Count an entry that no record will hold."""
        _count(self._left_out, reason, Counted(1, [_shown(name)]))

    def leave_all(self, entries: Iterable[tuple[str, str]]) -> None:
        """Count (reason, name) pairs."""
        for reason, name in entries:
            self.leave(reason, name)

    def say(self, what: str, name: str = "") -> None:
        """Note what a user should know of an entry that is taken, or of the whole."""
        _count(self._said, what, Counted(1, [_shown(name)]))

    def content(self) -> dict[str, Any]:
        """All of it, as JSON has it; see `take`."""
        tables = {"left_out": self._left_out, "said": self._said}
        return {
            name: {what: [one.count, one.first] for what, one in table.items()}
            for name, table in tables.items()
        }

    def take(self, content: dict[str, Any]) -> None:
        """Count in what another one saw."""
        for table, other in ((self._left_out, "left_out"), (self._said, "said")):
            for what, (count, names) in content[other].items():
                _count(table, what, Counted(count, names))

    @property
    def left_out(self) -> dict[str, Counted]:
        """Reason -> the entries that no record will hold, sorted by reason."""
        return dict(sorted(self._left_out.items()))

    def notes(self) -> list[str]:
        """All of it in words, the entries left out last."""
        said = []
        for what, one in self._said.items():
            more = ", ..." if one.count > len(one.first) else ""
            shown = ", ".join(filter(None, one.first)) + more
            said.append(f"{what}: {one.count:,} ({shown})" if any(one.first) else what)
        return [*said, *left_out_words(self.left_out)]


def _count(table: dict[str, Counted], what: str, more: Counted) -> None:
    table[what] = table.get(what, Counted(0, [])) + more


def _shown(name: str) -> str:
    return printable(name if len(name) <= LONGEST else f"{name[:LONGEST]}...")


def left_out_words(left_out: Mapping[str, Counted]) -> Iterator[str]:
    """`left out: 3 files (.ppm 2, Thumbs.db 1)`, or nothing."""
    if not left_out:
        return
    total = sum(one.count for one in left_out.values())
    one, many = ("entry", "entries") if any(" " in why for why in left_out) else ("file", "files")
    ranked = sorted(left_out.items(), key=lambda item: (-item[1].count, item[0]))
    shown = ", ".join(f"{why} {one.count:,}" for why, one in ranked[:8])
    more = f", {len(ranked) - 8} more reasons" if len(ranked) > 8 else ""
    first = ranked[0][1].first[0]
    yield f"left out: {total:,} {one if total == 1 else many} ({shown}{more}; first {first})"


def printable(name: str) -> str:
    """A name that fits on a line and into UTF-8: control characters and stray bytes escaped."""
    if name.isprintable():
        return name
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def composed(name: str) -> str:
    """A name in the composed form of Unicode (NFC); a Mac's archives have the other."""
    return unicodedata.normalize("NFC", name)


def spelling(name: str) -> str:
    """What two names have in common that differ in case, spaces, width, the form of Unicode, or
    what is not seen (a zero-width space) alone."""
    seen = name if name.isascii() else "".join(map(_of_usual_width, name))
    return " ".join(composed(composed(seen).casefold()).split())


def _of_usual_width(sign: str) -> str:
    """A letter as it is without full width, "" for what is not seen; m² and m2 are two names."""
    if unicodedata.category(sign) == "Cf":
        return ""
    wide = unicodedata.decomposition(sign).startswith(("<wide>", "<narrow>"))
    return unicodedata.normalize("NFKC", sign) if wide else sign


def is_junk(name: str) -> bool:
    """True for what systems and tools leave behind: hidden files, a Mac's ._ files, caches."""
    return name.startswith(".") or name in JUNK


def by_name(name: str) -> bool | None:
    """True for an image's name, False for another's, None where the name does not tell."""
    lower = name.lower()
    if lower.endswith(IMAGE_NAMES):
        return not name.startswith(".")
    if name.startswith(".") or lower.endswith(OTHER_NAMES) or name in JUNK:
        return False
    return None


def is_image(head: bytes) -> bool:
    """True where the first bytes of a file are those of an image that a record can hold."""
    facts = images.inspect(head)
    if facts.format in ("BMP", "PPM"):  # two letters that any text may begin with
        return facts.problem is None
    return facts.format != ""


def reason(name: str) -> str:
    """Under what a file that is no image is counted: its extension, or a name that all know."""
    if name.startswith("._"):
        return "._*"
    if name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        return name
    ending = os.path.splitext(name)[1].lower()
    return printable(ending) if 1 < len(ending) <= 12 else "no extension"


def head_of(path: str, size: int = HEAD) -> bytes:
    """The first bytes of a regular file of at least this size, wherever it is."""
    if storage.is_remote(path):
        return storage.read(path, 0, min(size, HEAD))
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(file, HEAD)
    finally:
        os.close(file)


def special(mode: int) -> str | None:
    """What stands in a file's place, by its mode; None for a regular file."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return None if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def other_kind(head: bytes) -> str | None:
    """What a file is in place of an archive, by its first bytes; None for nothing known."""
    return next((name for magic, name in _OTHERS.items() if head.startswith(magic)), None)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise DamagedData, naming the file, where the block finds that it is no UTF-8 or no csv."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DamagedData(f"{path} is no readable text ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise DamagedData(f"{path} is no readable text ({error})") from error


def text_of(path: Path) -> str:
    """A text that comes with raw data, its lines ended by "\\n".

    UTF-8 or, where its first bytes say so, UTF-16; the mark that editors put first is dropped.
    Raises DamagedData where it is neither, or no file.
    """
    if not storage.is_remote(path) and (kind := special(path.stat().st_mode)):
        raise DamagedData(f"{path} is {kind}, not a file")
    with readable(path):
        return decoded(path.read_bytes())


def decoded(data: bytes, errors: str = "strict") -> str:
    """The text of a file's bytes."""
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(coding, errors).replace("\r\n", "\n").replace("\r", "\n")
