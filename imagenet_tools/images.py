"""What a file of image bytes is, by its content and not by its name; no pixel is decoded.

The JPEG walk reads the segments up to the first scan and looks for the end marker, which costs
some microseconds; it finds truncated files and wrong formats, not flipped bits inside a scan
(`decode` does).
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

# 200 million pixels: above any photograph in ImageNet (the largest has 46 million), below what
# would exhaust memory. A decoder is never asked for more.
MAX_PIXELS = 200_000_000
# TF-Slim's builder re-encodes PNG and CMYK files at this quality.
QUALITY = 100

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..SOF15 without DHT, JPG, DAC
# RST0..RST7 and TEM carry no length; 0 and 0xFF after 0xFF begin no segment.
_BARE = frozenset(range(0xD0, 0xD8)) | {0x00, 0x01, 0xFF}
_SEGMENT = struct.Struct(">BBH").unpack_from  # 0xFF, marker, length
_FRAME = struct.Struct(">BHHB").unpack_from  # bits, height, width, components
_COLORSPACES = {1: "gray", 3: "RGB", 4: "CMYK"}
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)


class ImageFacts(NamedTuple):
    """What the header says.

    format: JPEG, PNG, GIF, BMP, WEBP, TIFF or "" where nothing fits. width, height in pixels.
    channels: 1, 3 or 4 as stored. colorspace: "gray", "RGB", "CMYK", "YCCK" or "".
    bits: per channel. orientation: EXIF's 1..8 (1 where there is none); recorded, never applied.
    problem: why the file is damaged or unusable, None where nothing was found.
    """

    format: str = ""
    width: int = 0
    height: int = 0
    channels: int = 0
    colorspace: str = ""
    bits: int = 8
    orientation: int = 1
    progressive: bool = False
    problem: str | None = None


def inspect(data: bytes) -> ImageFacts:
    """Return the facts of an image file from its bytes; a problem is reported, never raised."""
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:8] == _SIGNATURES[0][0]:
        return _png(data)
    for signature, name in _SIGNATURES[1:]:
        if data.startswith(signature):
            return _by_pillow(data, name)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _by_pillow(data, "WEBP")
    if not data:
        return ImageFacts(problem="the file is empty")
    if not data.strip(b"\0"):
        return ImageFacts(problem="the file holds zeros only")
    return ImageFacts(problem=f"not an image (it begins with {data[:8].hex(' ')})")


def _jpeg(data: bytes) -> ImageFacts:
    at, end = 2, len(data)
    width = height = channels = 0
    bits, orientation, transform, progressive = 8, 1, -1, False
    while True:
        if at + 4 > end:
            return ImageFacts("JPEG", width, height, problem="truncated before the first scan")
        lead, marker, length = _SEGMENT(data, at)
        if lead != 0xFF or marker in _BARE:  # fill bytes, restarts, or what belongs to no segment
            found = data.find(b"\xff", at + 1)
            at = end if found < 0 else found
            continue
        if marker == 0xD9:
            return ImageFacts("JPEG", width, height, problem="ends before the first scan")
        body, following = at + 4, at + 2 + length
        if length < 2 or following > end:
            return ImageFacts("JPEG", width, height, problem="truncated before the first scan")
        if marker in _FRAMES:
            if length < 8:
                return ImageFacts("JPEG", problem="its frame header is too short")
            bits, height, width, channels = _FRAME(data, body)
            progressive = marker == 0xC2
        elif marker == 0xDA:
            break
        elif marker == 0xEE and length >= 14 and data.startswith(b"Adobe", body):
            transform = data[body + 11]
        elif marker == 0xE1 and data.startswith(b"Exif\0\0", body):
            orientation = _orientation(data[body + 6 : following])
        at = following
    colorspace = _COLORSPACES.get(channels, "") if transform != 2 or channels != 4 else "YCCK"
    problem = _jpeg_problem(data, at, width, height, channels, bits)
    return ImageFacts(
        "JPEG", width, height, channels, colorspace, bits, orientation, progressive, problem
    )


def _jpeg_problem(
    data: bytes, scan: int, width: int, height: int, channels: int, bits: int
) -> str | None:
    if not channels:
        return "it has a scan but no frame header"
    if channels not in (1, 3, 4):
        return f"it has {channels} components; 1, 3 or 4 are known"
    if not width or not height:
        return f"its size is {width} x {height}"
    if bits != 8:
        return f"it has {bits} bits a sample; 8 are supported in JPEG"
    if data.rfind(b"\xff\xd9", scan) < 0:
        return "truncated: no end marker"
    return _bomb(width, height)


def _bomb(width: int, height: int) -> str | None:
    if width * height > MAX_PIXELS:
        return f"{width} x {height} is more than {MAX_PIXELS:,} pixels (a decompression bomb?)"
    return None


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


def _png(data: bytes) -> ImageFacts:
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
    elif b"IEND" not in data[-64:]:
        problem = "truncated: no end chunk"
    else:
        problem = _bomb(width, height)
    return ImageFacts("PNG", width, height, channels, colorspace, bits, problem=problem)


def _by_pillow(data: bytes, name: str) -> ImageFacts:
    """The size of a rarer format, from Pillow's reading of the header."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            grey = image.mode in ("1", "L", "LA", "I", "I;16", "F")
    except Exception as error:
        return ImageFacts(name, problem=f"its {name} header is unreadable ({error})")
    channels, colorspace = (1, "gray") if grey else (3, "RGB")
    return ImageFacts(name, width, height, channels, colorspace, problem=_bomb(width, height))


def needs_reencoding(facts: ImageFacts) -> bool:
    """True for what a JPEG decoder of RGB images does not take: other formats, CMYK and YCCK."""
    return facts.format != "JPEG" or facts.channels == 4


def decode(data: bytes) -> str | None:
    """Decode every pixel; return why that failed, or None."""
    import warnings

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                if bomb := _bomb(*image.size):
                    return bomb
                image.load()
    except Exception as error:
        return f"does not decode ({error})"
    return None


def to_rgb(data: bytes) -> object:
    """Decode to a Pillow image of mode RGB (or L where the file is grey), EXIF not applied.

    CMYK and YCCK become RGB as TensorFlow's decoder does it (k * c / 255 on the stored, inverted
    values of Adobe's files); 16-bit samples keep their upper eight bits; alpha is dropped.
    Raises ValueError where the bytes do not decode.
    """
    import warnings

    import numpy as np
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            if bomb := _bomb(*image.size):
                raise ValueError(bomb)
            image.load()
    except Exception as error:
        raise ValueError(f"does not decode ({error})") from error
    if image.mode == "CMYK":
        # Pillow shows Adobe's inverted values upright; TensorFlow works on the stored ones.
        stored = 255 - np.asarray(image).astype(np.uint16)
        return Image.fromarray((stored[..., :3] * stored[..., 3:] // 255).astype(np.uint8))
    if image.mode in ("I", "I;16", "I;16B"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def to_rgb_jpeg(data: bytes, quality: int = QUALITY) -> bytes:
    """Re-encode any readable image as a JPEG of three channels, chroma halved, as TF-Slim does.

    Raises ValueError where the bytes do not decode.
    """
    image = to_rgb(data).convert("RGB")  # type: ignore[attr-defined]
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality, subsampling="4:2:0")
    return encoded.getvalue()
