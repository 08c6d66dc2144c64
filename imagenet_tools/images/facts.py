"""What the header of an image says."""

from __future__ import annotations

from typing import NamedTuple

# 200 million pixels: above any photograph in ImageNet (the largest has 46 million), below what
# would exhaust memory. A decoder is never asked for more.
MAX_PIXELS = 200_000_000


class ImageFacts(NamedTuple):
    """What the header says.

    format: JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM or "" where nothing fits.
    width, height: pixels.
    channels: 1, 3 or 4 as stored.
    colorspace: "gray", "RGB", "CMYK", "YCCK" or "".
    bits: per channel.
    orientation: EXIF's 1..8 (1 where there is none); recorded, never applied.
    problem: why the file is damaged or unusable, None where nothing was found.
    coding: of a JPEG, "Huffman", or "arithmetic" or "lossless", which few decoders take.
    adobe: it has Adobe's segment, which says that CMYK is stored inverted.
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
    coding: str = "Huffman"
    adobe: bool = False


def bomb(width: int, height: int) -> str | None:
    """The problem of an image that is too large to be decoded."""
    if width * height > MAX_PIXELS:
        return f"{width} x {height} is more than {MAX_PIXELS:,} pixels (a decompression bomb?)"
    return None
