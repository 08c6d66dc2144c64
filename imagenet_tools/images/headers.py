"""What a file of image bytes is, from its header."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator

from imagenet_tools.images import jpeg
from imagenet_tools.images.facts import ImageFacts, bomb

_PNG = b"\x89PNG\r\n\x1a\n"
_PALETTE = 3  # a PNG's colour type
_SIGNATURES = (
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)

_NO_IMAGES = {
    "AVIF or HEIC": re.compile(rb"....ftyp(avi|mif|hei|hev)", re.DOTALL),
    "JPEG 2000": re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    "JPEG XL": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "a page of the web, or XML": re.compile(rb"\s*<"),
    "a pointer of Git LFS, not the file": re.compile(rb"version https://git-lfs"),
    "compressed by gzip": re.compile(rb"\x1f\x8b"),
    "a zip archive": re.compile(rb"PK\x03\x04"),
    "a PDF": re.compile(rb"%PDF"),
}


def inspect(data: bytes) -> ImageFacts:
    """Return the facts of an image file from its bytes; a problem is reported, never raised."""
    if data[:2] == b"\xff\xd8":
        return jpeg.inspect(data)
    if data[:8] == _PNG:
        return _png(data)
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return _by_pillow(data, name)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _by_pillow(data, "WEBP")
    if data[:2] in (b"P5", b"P6") and data[2:3].isspace():
        return _by_pillow(data, "PPM")
    if not data:
        return ImageFacts(problem="the file is empty")
    if not data.strip(b"\0"):
        return ImageFacts(problem="the file holds zeros only")
    known = next((name for name, test in _NO_IMAGES.items() if test.match(data)), None)
    what = known or f"it begins with {data[:8].hex(' ')}"
    return ImageFacts(problem=f"not an image that is read ({what})")


def _png(data: bytes) -> ImageFacts:
    if data[12:16] == b"CgBI":
        return ImageFacts("PNG", problem="Apple's own form of PNG (CgBI), which decoders refuse")
    if len(data) < 33 or data[12:16] != b"IHDR":
        return ImageFacts("PNG", problem="truncated in its header")
    width, height, bits, kind = struct.unpack_from(">IIBB", data, 16)
    channels, colorspace = {
        0: (1, "gray"),
        2: (3, "RGB"),
        3: (3, "RGB"),
        4: (2, "gray"),
        6: (4, "RGB"),
    }.get(kind, (0, ""))
    if not channels or not width or not height:
        problem: str | None = f"its header says {width} x {height}, colour type {kind}"
    else:
        problem = bomb(width, height) or _png_problem(data)
    return ImageFacts("PNG", width, height, channels, colorspace, bits, problem=problem)


def _png_problem(data: bytes) -> str | None:
    """Walk the chunks up to the end chunk; what follows it is nobody's business.

    Those that make the picture have a capital first, and what libpng refuses of them is refused.
    """
    palette, pixels, view = data[25] != _PALETTE, False, memoryview(data)
    for kind, start, end in png_chunks(data):
        if not kind[:1].isupper() or end > len(data):
            continue
        if zlib.crc32(view[start + 4 : end - 4]).to_bytes(4, "big") != view[end - 4 : end]:
            name = kind.decode("ascii", "backslashreplace")
            return f"the CRC of its {name} chunk does not hold"
        palette, pixels = palette or kind == b"PLTE", pixels or kind == b"IDAT"
        if pixels and not palette:
            return "its pixels are numbers of a palette, which is missing"
        if kind == b"IEND":
            return None if pixels else "it holds no pixels"
    return "truncated: no end chunk"


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk up to the end chunk, where it begins, and where it ends or would."""
    start, kind = len(_PNG), b""
    while start + 12 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        yield kind, start, end
        start = end


def _by_pillow(data: bytes, name: str) -> ImageFacts:
    """The size of a rarer format, from Pillow's reading of the header."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=(name,)) as image:
            width, height = image.size
            grey = image.mode in ("1", "L", "LA", "I", "I;16", "F")
    except UnidentifiedImageError:  # whose text has the address of the buffer
        return ImageFacts(name, problem=f"its {name} header is unreadable")
    except Exception as error:
        return ImageFacts(name, problem=f"its {name} header is unreadable ({error})")
    channels, colorspace = (1, "gray") if grey else (3, "RGB")
    return ImageFacts(name, width, height, channels, colorspace, problem=bomb(width, height))


def needs_reencoding(facts: ImageFacts) -> bool:
    """True for what some decoder of RGB or grey JPEGs does not take: other formats, CMYK, YCCK,
    and JPEGs that are not coded as nearly all are."""
    return facts.format != "JPEG" or facts.channels == 4 or facts.coding != "Huffman"
