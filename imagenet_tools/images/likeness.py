"""Whether two images are one picture: encoded again, resized, brightened, or cropped a little.

First a 64-bit hash, which finds candidates among millions; then the two pictures themselves, laid
over each other. Measured on ImageNet's own photographs: see docs/reference/records.md.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from PIL import Image

from imagenet_tools.images.headers import inspect

SIDE = 64  # pixels of the squares that are looked at, whatever an image's aspect
# Hashes of one picture cropped by 2 % differ in at most 9 of 63 bits, by 5 % in 5 to 15; those of
# 28 million pairs of different photographs in 8 or more, 24 of them in at most 10.
NEAR = 10
# Correlation of two thumbnails, the better of the two laid over a part of the other: 0.979 and more
# of one picture, at most 0.925 of different photographs with hashes as near.
SAME = 0.96
# Below it no crop of up to 7.5 % a side brings two pictures to SAME: 0.75 and more of those cropped
# by 5 % in a corner.
HOPELESS = 0.6
CROPS = (0.0, 0.025, 0.05, 0.075)  # of a side
_HASHED, _WAVES, _COMPARED = 32, 8, 32
FLAT = 1 << 63  # of the hash of a blank image, of which the other bits say the shade
# What mirroring changes of a hash: the signs of waves that are odd from left to right.
MIRROR = 0x5555555555555555
UNKNOWN = FLAT | 1 << 62  # the hash where there is no picture, which is like none
_LOW = 2.0  # standard deviation in grey levels below which an image is blank


def thumbnail(data: bytes, strict: bool = False) -> np.ndarray:
    """Decode to uint8 [64, 64] of grey, the whole image squeezed into a square.

    strict: what libjpeg warns of is an error, too. Raises ValueError where the bytes do not decode.
    """
    import simplejpeg

    from imagenet_tools.images.pixels import to_rgb

    facts = inspect(data)
    if facts.problem is not None or facts.format != "JPEG" or facts.channels == 4:
        return squeezed(np.asarray(to_rgb(data, strict).convert("L")))
    try:
        small = simplejpeg.decode_jpeg(
            data, "GRAY", fastdct=True, min_height=SIDE, min_width=SIDE, strict=strict
        )
    except ValueError as error:
        raise ValueError(f"does not decode ({error})") from error
    return squeezed(small[..., 0])


def squeezed(pixels: np.ndarray) -> np.ndarray:
    """As thumbnail, of uint8 pixels [height, width] or [height, width, 3]."""
    return _resized(Image.fromarray(pixels).convert("L"), SIDE)


def _resized(image: Image.Image, side: int, part: tuple[float, ...] | None = None) -> np.ndarray:
    resized = image.resize((side, side), Image.Resampling.BILINEAR, box=part)  # type: ignore[arg-type]
    return np.asarray(resized)


def perceptual_hash(thumb: np.ndarray) -> int:
    """A 64-bit hash of a thumbnail: the signs of its 63 slowest waves (DCT) but the mean.

    Of a blank image: FLAT and its shade, so that it is near to none but those of one shade.
    """
    small = _resized(Image.fromarray(thumb), _HASHED).astype(np.float32)
    if small.std() < _LOW:
        return FLAT | round(float(small.mean()) / 4)
    waves = _cosines()
    signs = (waves @ small @ waves.T).ravel()[1:] > 0
    return int(np.packbits(np.concatenate([[False], signs])).view(">u8")[0])


@cache
def _cosines() -> np.ndarray:
    at, wave = np.arange(_HASHED), np.arange(_WAVES)[:, np.newaxis]
    return np.cos(np.pi * wave * (2 * at + 1) / (2 * _HASHED)).astype(np.float32)


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two thumbnails show one picture, whole or cropped by up to 7.5 % a side."""
    whole = float(_normal(one) @ _normal(other))
    if not HOPELESS < whole < SAME:
        return whole >= SAME
    for outer, inner in ((one, other), (other, one)):
        image, wanted = Image.fromarray(outer), _normal(inner)
        for left, top, right, bottom in itertools.product(CROPS, repeat=4):
            part = (left * SIDE, top * SIDE, (1 - right) * SIDE, (1 - bottom) * SIDE)
            if float(_normal(outer, image, part) @ wanted) >= SAME:
                return True
    return False


def _normal(
    thumb: np.ndarray, image: Image.Image | None = None, part: tuple[float, ...] | None = None
) -> np.ndarray:
    """A thumbnail, or a part of it, as a vector of mean 0 and length 1."""
    small = _resized(image or Image.fromarray(thumb), _COMPARED, part).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6))
