"""What a file of image bytes is, by its content and not by its name; and its pixels.

inspect reads headers alone: it finds truncated files, wrong formats, and frames, tables and sizes
that decoders refuse, not what happened inside a JPEG's scan. decode finds that.
"""

from imagenet_tools.images.facts import MAX_PIXELS, ImageFacts
from imagenet_tools.images.headers import inspect, needs_reencoding
from imagenet_tools.images.pixels import (
    QUALITY,
    decode,
    dropped,
    eight_bits,
    encode,
    to_rgb,
    to_rgb_jpeg,
    told,
)

__all__ = [
    "MAX_PIXELS",
    "QUALITY",
    "ImageFacts",
    "decode",
    "dropped",
    "eight_bits",
    "encode",
    "inspect",
    "needs_reencoding",
    "to_rgb",
    "to_rgb_jpeg",
    "told",
]
