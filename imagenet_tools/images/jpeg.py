"""Walk a JPEG's segments up to its first scan, and refuse there what libjpeg refuses.

It costs some microseconds, since what most files have was met before. The limits are those
of the standard (ITU-T T.81) and of libjpeg-turbo, which TensorFlow, Pillow and browsers use.
"""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

from imagenet_tools.images.facts import ImageFacts, bomb

MAX_SIDE = 65_500  # libjpeg's JPEG_MAX_DIMENSION
_PROGRESSIVE, _LOSSLESS = 0xC2, 0xC3
_DECODED = (0xC0, 0xC1, _PROGRESSIVE, _LOSSLESS, 0xC9, 0xCA)  # the last two arithmetic
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..SOF15 without DHT, JPG, DAC
_DHT, _DAC, _EOI, _SOS, _DQT, _DRI = 0xC4, 0xCC, 0xD9, 0xDA, 0xDB, 0xDD
_EXIF, _ADOBE = 0xE1, 0xEE
# RST0..RST7 and TEM carry no length; 0 and 0xFF after 0xFF begin no segment.
_BARE = frozenset(range(0xD0, 0xD8)) | {0x00, 0x01, 0xFF}
_TABLES = frozenset({_DHT, _DAC, _DQT, _DRI})
_KNOWN = frozenset({0xDC, *range(0xE0, 0xF0), 0xFE})  # DNL, applications' own, comments
_SEGMENT = struct.Struct(">BBH").unpack_from  # 0xFF, marker, length
_FRAME = struct.Struct(">BHHB").unpack_from  # bits, height, width, components
_COLORSPACES = {1: "gray", 3: "RGB", 4: "CMYK"}
_BLOCKS = 10  # of an MCU, at most
_AC = 0x10  # added to the number of a Huffman table


class _Damage(Exception):
    pass


class _Table(NamedTuple):
    """A Huffman table: whether its codes fit their lengths, and its largest symbol."""

    fits: bool
    largest: int


class _Component(NamedTuple):
    id: int
    across: int  # sampling
    down: int
    quantisation: int


def inspect(data: bytes) -> ImageFacts:
    """Return the facts of a JPEG; a problem is reported, never raised."""
    frame, tables, adobe, orientation = b"", list[bytes](), -1, 1
    scan, problem = b"", None
    at, end = 2, len(data)
    while not problem:
        if at + 4 > end:
            problem = "truncated before the first scan"
            break
        lead, marker, length = _SEGMENT(data, at)
        if lead != 0xFF or marker in _BARE:  # fill bytes, restarts, or what belongs to no segment
            at_marker = data.find(b"\xff", at + 1)
            at = end if at_marker < 0 else at_marker
            continue
        body, following = at + 4, at + 2 + length
        if marker == _EOI:
            problem = "ends before the first scan"
        elif length < 2 or following > end:
            problem = "truncated before the first scan"
        elif marker == _SOS:
            scan = data[body:following]
            break
        elif marker in _TABLES:
            tables.append(data[at + 1 : following])
        elif marker in _FRAMES:
            problem = "it has two frame headers" if frame else None
            frame = data[at + 1 : following]
        elif marker == _ADOBE and length >= 14 and data.startswith(b"Adobe", body):
            adobe = data[body + 11]
        elif marker == _EXIF and data.startswith(b"Exif\0\0", body):
            orientation = _orientation(data[body + 6 : following])
        elif marker not in _KNOWN:
            problem = f"a marker 0xff{marker:02x} stands before the first scan"
        at = following
    if len(frame) < 9:
        lacking = "its frame header is too short" if frame else "it has a scan but no frame header"
        return ImageFacts("JPEG", problem=problem or lacking)
    bits, height, width, channels = _FRAME(frame, 3)
    refused, coding = _judged(frame[0], frame[8:], tuple(tables), scan)
    problem = problem or refused
    if not problem:
        if bits != 8:
            problem = f"it has {bits} bits a sample; 8 are supported in JPEG"
        else:
            problem = size_problem(width, height)
        if not problem and data.rfind(b"\xff\xd9", at) < 0:
            problem = "truncated: no end marker"
    colorspace = "YCCK" if channels == 4 and adobe == 2 else _COLORSPACES.get(channels, "")
    progressive = frame[0] == _PROGRESSIVE
    return ImageFacts(
        *("JPEG", width, height, channels, colorspace, bits, orientation, progressive, problem),
        coding,
        adobe >= 0,
    )


def size_problem(width: int, height: int) -> str | None:
    """The problem of a size that no JPEG has, or of one that is too large to be decoded."""
    if not width or not height:
        return f"its size is {width} x {height}"
    if problem := bomb(width, height):
        return problem
    if max(width, height) > MAX_SIDE:
        return f"{width} x {height}: a side of a JPEG has at most {MAX_SIDE:,} pixels"
    return None


@functools.lru_cache(4096)
def _judged(
    marker: int, components: bytes, tables: tuple[bytes, ...], scan: bytes
) -> tuple[str | None, str]:
    """What decoders refuse of a frame, of tables and of the header of the first scan, and how the
    image is coded; most files have those of many others."""
    coding = "Huffman"
    if marker == _LOSSLESS:
        coding = "lossless"
    elif marker >= 0xC9 or any(table[0] == _DAC for table in tables):
        coding = "arithmetic"
    try:
        parts = _scanned(_components(marker, components), scan)
        quantisation, huffman = set[int](), dict[int, _Table]()
        for table in tables:
            kind, body = table[0], table[3:]
            if kind == _DQT:
                quantisation |= _quantisation(body)
            elif kind == _DHT:
                huffman |= _huffman(body)
            elif kind == _DRI and len(body) != 2:
                raise _Damage(f"its restart interval takes {len(body)} bytes")
        if coding != "lossless":
            if lost := [one.quantisation for one in parts if one.quantisation not in quantisation]:
                raise _Damage(f"its quantisation table {lost[0]} is missing")
            _check_coefficients(marker, scan)
        if coding == "Huffman":
            _check_huffman(huffman, scan, marker == _PROGRESSIVE)
    except _Damage as damage:
        return str(damage), coding
    return None, coding


def _components(marker: int, body: bytes) -> list[_Component]:
    channels = body[0]
    if marker not in _DECODED:
        raise _Damage(f"its frame is of a kind that no decoder takes (0xff{marker:02x})")
    if channels not in _COLORSPACES:
        raise _Damage(f"it has {channels} components; 1, 3 or 4 are known")
    if len(body) != 1 + 3 * channels:
        raise _Damage(f"its frame header has {len(body) + 7} bytes for {channels} components")
    components = [
        _Component(body[at], body[at + 1] >> 4, body[at + 1] & 15, body[at + 2])
        for at in range(1, len(body), 3)
    ]
    for sides in ([one.across for one in components], [one.down for one in components]):
        if not all(1 <= one <= 4 and max(sides) % one == 0 for one in sides):
            words = ", ".join(f"{one.across} x {one.down}" for one in components)
            raise _Damage(f"its components are sampled {words}, which decoders refuse")
    return components


def _scanned(components: list[_Component], scan: bytes) -> list[_Component]:
    """The components of a scan, by its header."""
    count = scan[0] if scan else 0
    if not 1 <= count <= 4 or len(scan) != 2 * count + 4:
        raise _Damage(f"its scan header has {len(scan)} bytes for {count} components")
    known = {one.id: one for one in components}
    chosen = scan[1 : 1 + 2 * count : 2]
    if len(set(chosen)) < count or any(one not in known for one in chosen):
        raise _Damage(f"its scan is of components {list(chosen)}, its frame of {list(known)}")
    scanned = [known[one] for one in chosen]
    if count > 1 and sum(one.across * one.down for one in scanned) > _BLOCKS:
        raise _Damage(f"its scan has more than {_BLOCKS} blocks a unit, which decoders refuse")
    return scanned


def _check_coefficients(marker: int, scan: bytes) -> None:
    """What a progressive file's first scan holds; in others these bytes have no meaning."""
    first, last, bit = scan[-3:]
    if marker not in (_PROGRESSIVE, 0xCA):
        return
    if last if first == 0 else (not first <= last < 64 or scan[0] > 1):
        raise _Damage(f"its first scan is of coefficients {first} to {last}")
    if bit > 13:
        raise _Damage(f"its first scan begins at bit 0x{bit:02x}")


def _check_huffman(tables: dict[int, _Table], scan: bytes, progressive: bool) -> None:
    """The Huffman tables that a scan asks for are usable, or may be the standard's own."""
    direct = not progressive or scan[-3] == 0
    for both in scan[2 : 2 + 2 * scan[0] : 2]:
        wanted = [both >> 4] if direct else []
        wanted += [_AC + (both & 15)] if not progressive or not direct else []
        for number in wanted:
            table, name = tables.get(number), f"{'AC' if number & _AC else 'DC'} {number & 15}"
            if table is None and (progressive or number & 15 > 1):
                raise _Damage(f"its Huffman table {name} is missing")
            if table and not (table.fits and (number & _AC or table.largest < 16)):
                raise _Damage(f"its Huffman table {name} is none")


def _quantisation(body: bytes) -> frozenset[int]:
    """The numbers of the quantisation tables in a segment."""
    tables, at = set(), 0
    while at < len(body):
        number = body[at] & 15
        if number > 3:
            raise _Damage(f"a quantisation table has the number {number}")
        tables.add(number)
        at += 129 if body[at] >> 4 else 65
    if at != len(body):
        raise _Damage(f"its quantisation tables take {len(body)} bytes")
    return frozenset(tables)


def _huffman(body: bytes) -> dict[int, _Table]:
    """The Huffman tables in a segment: a number, 16 counts of codes by length, their symbols."""
    tables, at = {}, 0
    while at < len(body):
        number, counts = body[at], body[at + 1 : at + 17]
        if number & ~_AC > 3:
            raise _Damage(f"a Huffman table has the number 0x{number:02x}")
        symbols = body[at + 17 : at + 17 + sum(counts)]
        at += 17 + sum(counts)
        if at > len(body) or len(symbols) > 256:
            raise _Damage("a Huffman table is cut off")
        tables[number] = _Table(_fit(counts), max(symbols, default=0))
    return tables


def _fit(counts: bytes) -> bool:
    """Whether there are codes for so many symbols of each length; all ones is never a code."""
    code = 0
    for length, count in enumerate(counts, 1):
        code += count
        if count and code >= 1 << length:
            return False
        code <<= 1
    return True


def _orientation(tiff: bytes) -> int:
    """EXIF's orientation tag (0x0112) from a TIFF block; 1 where it is absent or unreadable."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for index in range(count):
        entry = start + 2 + 12 * index
        if entry + 12 > len(tiff):
            return 1
        tag, kind = struct.unpack_from(order + "HH", tiff, entry)
        if tag == 0x0112 and kind == 3:
            (value,) = struct.unpack_from(order + "H", tiff, entry + 8)
            return value if 1 <= value <= 8 else 1
    return 1
