"""The members of a tar by their headers alone: GNU, PAX and old forms, joined tars too."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import intake
from imagenet_tools.raw.intake import Intake

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
MOST_HEADER = 1 << 20  # bytes of a long name or a PAX header; more is no header
CUT, JOINED = "without the blocks that end a tar, as a cut download is", "joined tars, read on"
# Nothing follows the header of these, whatever size it says (some tars have one for folders).
NO_DATA = (
    *(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE),
    *(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
)
SPARSE = " is stored sparse; repack it without --sparse"
AFTER = "with bytes after the end of the tar that are no tar"


def members(
    file: BinaryIO, start: int, end: int, where: str, seen: Intake
) -> Iterator[tarfile.TarInfo]:
    """The regular files of a tar that lies at start..end of a file; positions are the file's.

    Names come without `./`. What else a tar holds is counted, and an end that is not as it should
    be is said. Raises DamagedData where the tar ends early, a header does not hold, or a member is
    a link or its name leads out of the archive.
    """
    at, held = start, Held()
    while True:
        header = _read(file, at, min(BLOCK, max(end - at, 0)))
        if len(header) < BLOCK:
            _refuse_short(header, at == start, where)
            seen.say(CUT, where)
            return
        if not header.strip(b"\0"):
            following = _after_zeros(file, at, end)
            if following is None:
                if at == start:
                    raise DamagedData(f"{where}: it is empty or no tar")
                return
            if not _is_header(_read(file, following, BLOCK)):
                seen.say(AFTER, where)
                return
            seen.say(JOINED, where)
            at = following
            continue
        member, data = _member(header, at, end, where, first=at == start), at + BLOCK
        if member.type in held.TYPES:
            held.take(member, _read(file, data, min(member.size, MOST_HEADER)), where)
            at = data + _padded(member.size)
            continue
        held.apply(member, header[156:157], where)
        if member.type in NO_DATA:
            member.size = 0
        if data + member.size > end:
            raise DamagedData(
                f"{where}: truncated: {member.name} wants {member.size:,} bytes at {data:,}, the "
                f"archive ends at {end:,}"
            )
        at = data + _padded(member.size)
        _refuse_unsafe(member, where)
        if member.isreg():
            member.offset_data = data
            yield member
        elif not member.isdir():
            seen.leave("no regular files", f"{where}: {member.name}")


def images(
    path: Path, seen: Intake, inner: tarfile.TarInfo | None = None
) -> Iterator[tarfile.TarInfo]:
    """The images of a tar, or of a tar inside it; anything else is counted."""
    with path.open("rb") as file:
        if inner is None:
            start, end, where = 0, file.seek(0, io.SEEK_END), str(path)
        else:
            start, where = inner.offset_data, f"{path}: {inner.name}"
            end = start + inner.size
        for member in members(file, start, end, where, seen):
            if is_image(file, member, seen):
                yield member


def is_image(file: BinaryIO, member: tarfile.TarInfo, seen: Intake) -> bool:
    """True for an image; anything else is counted."""
    *folders, name = member.name.split("/")
    image = intake.by_name(name)
    if image is None:
        file.seek(member.offset_data)
        image = intake.is_image(file.read(min(member.size, intake.HEAD)))
    if not image or any(map(intake.is_junk, folders)):
        seen.leave(intake.reason(name), member.name)
        return False
    return True


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _refuse_short(rest: bytes, first: bool, where: str) -> None:
    """Raise DamagedData unless the file simply ends where a header would begin."""
    if kind := intake.other_kind(rest) if first else None:
        raise DamagedData(f"{where} is {kind}")
    if first:
        raise DamagedData(f"{where}: it is empty or no tar")
    if rest.strip(b"\0"):
        raise DamagedData(f"{where}: truncated: it ends within a header")


def _member(header: bytes, at: int, end: int, where: str, first: bool) -> tarfile.TarInfo:
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        if first and (kind := intake.other_kind(header)):
            raise DamagedData(f"{where} is {kind}") from error
        raise DamagedData(f"{where}: no tar header at byte {at:,} ({error})") from error
    if member.size < 0:
        raise DamagedData(f"{where}: the header at byte {at:,} says a size of {member.size:,}")
    return member


def _after_zeros(file: BinaryIO, at: int, end: int) -> int | None:
    """Where the first block that is not all zeros begins; None where there is none."""
    while at < end:
        chunk = _read(file, at, min(CHUNK, end - at))
        if not chunk:
            return None
        if left := chunk.lstrip(b"\0"):
            return at + (len(chunk) - len(left)) // BLOCK * BLOCK
        at += len(chunk)
    return None


def _refuse_unsafe(member: tarfile.TarInfo, where: str) -> None:
    """Raise DamagedData for what would be read from elsewhere; drop `./` from the name."""
    if member.name.startswith("/") or ".." in member.name.split("/"):
        raise DamagedData(f"{where}: a member is named {member.name}, outside the archive")
    member.name = "/".join(part for part in member.name.split("/") if part not in ("", "."))
    if member.islnk() or member.issym():
        raise DamagedData(f"{where}: {member.name} is a link; repack it with the file itself")
    if member.type == tarfile.GNUTYPE_SPARSE:
        raise DamagedData(f"{where}: {member.name}{SPARSE}")


class Held:
    """Long names and PAX records, which stand before the member they are of."""

    TYPES = (
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
        *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    )

    def __init__(self) -> None:
        self._next: dict[str, bytes] = {}
        self._all: dict[str, bytes] = {}

    def take(self, member: tarfile.TarInfo, data: bytes, where: str) -> None:
        """Remember what a header of TYPES says."""
        if member.size > len(data):
            raise DamagedData(f"{where}: a header of {member.size:,} bytes is cut, or none")
        if member.type == tarfile.GNUTYPE_LONGNAME:
            self._next["path"] = data.rstrip(b"\0")
        elif member.type != tarfile.GNUTYPE_LONGLINK:
            kept = self._all if member.type == tarfile.XGLTYPE else self._next
            kept.update(_pax(data, where))

    def apply(self, member: tarfile.TarInfo, kind: bytes, where: str) -> None:
        """Give a member the name and the size that stand before it. kind: as its header has it."""
        records = {**self._all, **self._next}
        self._next = {}
        if any(key.startswith("GNU.sparse") for key in records):
            raise DamagedData(f"{where}: {member.name}{SPARSE}")
        if path := records.get("path"):
            member.name = path.decode("utf-8", "surrogateescape").rstrip("/")
            if kind == tarfile.AREGTYPE:  # of old tars; a name that is cut at its "/" is no folder
                member.type = tarfile.DIRTYPE if path.endswith(b"/") else kind
        if size := records.get("size"):
            if not size.isdigit() or len(size) > 18:
                raise DamagedData(f"{where}: {member.name} has a PAX size of {size[:20]!r}")
            member.size = int(size)


def _pax(data: bytes, where: str) -> dict[str, bytes]:
    """PAX records: `length key=value` and a line end each."""
    fields, at = {}, 0
    while at < len(data) and data[at]:
        length = data[at : at + 20].split(b" ", 1)[0]
        size = int(length) if length.isdigit() and len(length) < 9 else 0
        key, equals, value = data[at + len(length) + 1 : at + size - 1].partition(b"=")
        if size < 1 or not equals or at + size > len(data):
            raise DamagedData(f"{where}: a PAX header cannot be read at its byte {at:,}")
        fields[key.decode("utf-8", "surrogateescape")] = value
        at += size
    return fields
