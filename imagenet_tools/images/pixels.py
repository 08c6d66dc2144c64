"""Pixels of an image file: libjpeg-turbo decodes JPEGs, Pillow the rest."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from typing import TYPE_CHECKING

from imagenet_tools.images.facts import ImageFacts
from imagenet_tools.images.headers import inspect, png_chunks
from imagenet_tools.images.jpeg import size_problem

if TYPE_CHECKING:
    from PIL import Image

# TF-Slim's builder re-encodes PNG and CMYK files at this quality.
QUALITY = 100
# Of a PNG: the chunks that make the picture. Pillow would refuse a file for a large text.
_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def decode(data: bytes) -> str | None:
    """Decode a JPEG's scans whole; return what libjpeg has to say against it, or None.

    Its warnings ("premature end of data segment") count: a decoder goes on after them with grey in
    the place of what is lost. At an eighth of the size, since they are found while the coefficients
    are read, and most of the time goes into what follows that.
    """
    import simplejpeg

    facts = inspect(data)
    if facts.problem is not None:
        return facts.problem
    colours = "CMYK" if facts.channels == 4 else "GRAY"
    try:
        simplejpeg.decode_jpeg(data, colours, fastdct=True, min_factor=8)
    except ValueError as error:
        return f"does not decode ({error})"
    return None


def to_rgb(data: bytes, strict: bool = True) -> Image.Image:
    """Decode to a Pillow image of mode RGB (or L where the file is grey), EXIF not applied.

    CMYK and YCCK become RGB as TensorFlow's decoder does it (k * c / 255 on the inverted values
    that files with Adobe's segment store); 16-bit samples keep their upper eight bits; alpha is
    dropped. strict: what libjpeg warns of is an error too. Raises ValueError where the bytes do not
    decode, or their samples have no range that is known (floats, 32-bit integers, and 16 bits of
    which no more than 12 are used, which would be black).
    """
    facts = inspect(data)
    if facts.problem is not None:
        raise ValueError(facts.problem)
    return _of_jpeg(data, facts, strict) if facts.format == "JPEG" else _by_pillow(data, facts)


def _of_jpeg(data: bytes, facts: ImageFacts, strict: bool) -> Image.Image:
    import numpy as np
    import simplejpeg
    from PIL import Image

    colours = {1: "GRAY", 3: "RGB", 4: "CMYK"}[facts.channels]
    try:
        pixels = simplejpeg.decode_jpeg(data, colours, strict=strict)
    except ValueError as error:
        raise ValueError(f"does not decode ({error})") from error
    if facts.channels != 4:
        image = Image.fromarray(pixels[..., 0] if facts.channels == 1 else pixels)
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # It goes into a smaller JPEG that is made of this one.
            image.info["comment"] = Image.open(io.BytesIO(data)).info["comment"]
        return image
    stored = pixels.astype(np.uint16)
    if not facts.adobe:
        stored = 255 - stored
    return Image.fromarray((stored[..., :3] * stored[..., 3:] // 255).astype(np.uint8))


def _by_pillow(data: bytes, facts: ImageFacts) -> Image.Image:
    from PIL import Image

    if facts.format == "PNG":
        chunks = [data[at:end] for kind, at, end in png_chunks(data) if kind in _CHUNKS]
        data = data[:8] + b"".join(chunks)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(data), formats=(facts.format,))
            image.load()
    except Exception as error:
        raise ValueError(f"does not decode ({told(error)})") from error
    return eight_bits(image, facts)


def told(error: Exception) -> str:
    """What Pillow has against a file, the same each time: without the address of a buffer."""
    return re.sub(r" <_io\.BytesIO object at \w+>", "", str(error))


def eight_bits(image: Image.Image, facts: ImageFacts) -> Image.Image:
    """A decoded image as RGB, or L where it is grey. Raises ValueError as to_rgb does for samples
    whose range is not known, which Pillow would clip to black or white."""
    import numpy as np
    from PIL import Image

    # A PPM says its range. Pillow's TIFF has the bits of each sample under 258.
    sixteen = facts.bits == 16 or 16 in getattr(image, "tag_v2", {}).get(258, ())
    # Older Pillows read 16-bit PNGs as "I".
    if image.mode in ("I;16", "I;16B") or (image.mode == "I" and facts.format in ("PNG", "PPM")):
        samples = np.asarray(image)
        sixteen = sixteen and bool(samples.any())  # what is all black comes out as it is
        image = Image.fromarray((samples >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        what = "floats" if image.mode == "F" else "integers of 32 bits"
        raise ValueError(f"its samples are {what}; 8 or 16 bits are wanted")
    image.info.pop("transparency", None)  # Pillow warns of one in bytes
    image = image if image.mode in ("L", "RGB") else image.convert("RGB")
    if sixteen and np.asarray(image).max() < 1 << 4:
        raise ValueError(
            "its samples use 12 bits of 16 at most, and would be black; scale them to all 16, or "
            "save it with 8"
        )
    return image


def dropped(data: bytes, facts: ImageFacts) -> str:
    """What a JPEG of the picture has not, in words: `alpha`, `2 more frames`; "" for nothing."""
    from PIL import Image

    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=(facts.format,)) as image:
            frames = getattr(image, "n_frames", 1) - 1
            more = f"{frames:,} more frame{'s' if frames > 1 else ''}" if frames else ""
            return " and ".join(filter(None, ["alpha" * image.has_transparency_data, more]))
    return ""  # its pixels will say what is wrong


def to_rgb_jpeg(data: bytes, quality: int = QUALITY) -> bytes:
    """Re-encode any readable image as a JPEG of three channels, chroma halved, as TF-Slim does.

    Raises ValueError where the bytes do not decode, or a side is longer than a JPEG's can be.
    """
    return encode(to_rgb(data).convert("RGB"), quality)


def encode(image: Image.Image, quality: int) -> bytes:
    """Encode as JPEG, chroma halved. Raises ValueError where a side is too long for that."""
    if problem := size_problem(*image.size):
        raise ValueError(problem)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality, subsampling="4:2:0")
    return encoded.getvalue()
