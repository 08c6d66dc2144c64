"""One image on its way into a record: checked, and brought into the form that is stored."""

from __future__ import annotations

import io
import subprocess
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

from imagenet_tools import images
from imagenet_tools.engines import processes
from imagenet_tools.errors import refuse_unknown

ON_DAMAGED = ("fail", "skip", "repair")
VERIFY = ("structure", "decode")
STORE = ("original", "raw")
MAX_SIDE_QUALITY = 92  # of the smaller JPEGs that max_side writes, chroma halved
# What Pillow may open: some of its other formats start programs.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")


@dataclass(frozen=True)
class Settings:
    """What is done to each image.

    max_side: shorter side in pixels above which an image is made smaller, antialiased.
    store: "original" keeps the file's bytes; "raw" stores uint8 RGB pixels (image/format RAW).
    verify: "structure" walks the JPEG's segments, "decode" decodes every pixel too.
    on_damaged: "fail" leaves the shard unwritten, "skip" leaves the image out, "repair"
    re-encodes what still decodes. slim_compat: TF-Slim's constants for grey images (RGB, 3), and
    CMYK re-encoded by TensorFlow's own decoder, in a process of its own.
    """

    max_side: int | None = None
    store: str = "original"
    verify: str = "structure"
    on_damaged: str = "fail"
    slim_compat: bool = False

    def __post_init__(self) -> None:
        refuse_unknown("on_damaged", self.on_damaged, ON_DAMAGED)
        refuse_unknown("verify", self.verify, VERIFY)
        refuse_unknown("store", self.store, STORE)
        if self.max_side is not None and self.max_side < 8:
            raise ValueError(f"max_side is {self.max_side}; it must be at least 8 pixels")

    def output(self) -> dict[str, Any]:
        """The settings that change the bytes written for an undamaged image."""
        return {name: getattr(self, name) for name in ("max_side", "store", "slim_compat")}

    def covered_by(self, former: Settings, clean: bool) -> bool:
        """True where what was written under the former settings may stand for these.

        clean: nothing was skipped or repaired then, so that only the depth of checking matters.
        """
        checked = VERIFY.index(former.verify) >= VERIFY.index(self.verify)
        return former == self or (clean and checked and former.output() == self.output())


class Prepared(NamedTuple):
    """An image ready to be stored; converted and repaired say why its bytes are not the file's."""

    data: bytes
    facts: images.ImageFacts
    image_format: bytes = b"JPEG"
    converted: str | None = None
    repaired: str | None = None


def prepare(data: bytes, settings: Settings) -> Prepared:
    """Check an image's bytes and bring them into the form that is stored.

    Raises ValueError with the reason for an image that is damaged (and beyond repair, where
    repair is asked for).
    """
    try:
        return _prepare(data, settings)
    except ValueError as problem:
        if settings.on_damaged != "repair":
            raise
        mended = _prepare(_salvage(data, str(problem)), settings)
        return mended._replace(repaired=str(problem))


def _prepare(data: bytes, settings: Settings) -> Prepared:
    facts = images.inspect(data)
    if facts.problem is not None:
        raise ValueError(facts.problem)
    convert = images.needs_reencoding(facts)
    max_side = settings.max_side
    shrink = max_side is not None and min(facts.width, facts.height) > max_side
    pixels = settings.store == "raw"
    if not (convert or shrink or pixels):
        problem = images.decode(data) if settings.verify == "decode" else None
        if problem is not None:
            raise ValueError(problem)
        return Prepared(data, facts)
    kind = f"{facts.format} {facts.colorspace}"
    kind += f" ({facts.coding})" if facts.coding != "Huffman" else ""
    lost = images.dropped(data, facts) if convert and facts.format != "JPEG" else ""
    without = f", without {lost}" if lost else ""
    converted = f"{kind} re-encoded as JPEG{without}" if convert else None
    if pixels:
        image = _shrunk(images.to_rgb(data), max_side).convert("RGB")
        facts = images.ImageFacts("RAW", image.size[0], image.size[1], 3, "RGB")
        return Prepared(image.tobytes(), facts, b"RAW")
    if shrink:
        image = _shrunk(images.to_rgb(data), max_side)
        data = images.encode(image, MAX_SIDE_QUALITY)
    elif settings.slim_compat and facts.channels == 4:
        data = _reencode_as_tensorflow(data)
    else:
        data = images.to_rgb_jpeg(data)
    return Prepared(data, images.inspect(data), converted=converted)


def _shrunk(image: Any, max_side: int | None) -> Any:
    """Bring the shorter side down to max_side with an antialiased (triangle) filter."""
    from PIL import Image

    width, height = image.size
    shorter = min(width, height)
    if max_side is None or shorter <= max_side:
        return image
    size = (round(width * max_side / shorter), round(height * max_side / shorter))
    return image.resize(size, Image.Resampling.BILINEAR)  # Pillow widens it when shrinking


def _salvage(data: bytes, problem: str) -> bytes:
    """Re-encode what a decoder still makes of a damaged file (missing rows come out grey)."""
    from PIL import Image, ImageFile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken EXIF: it is dropped
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if image.size[0] * image.size[1] > images.MAX_PIXELS:
                    raise ValueError(problem)
            # A parser takes what there is, without Pillow's global switch for truncated files.
            parser = ImageFile.Parser()
            parser.feed(data + b"\xff\xd9")
            whole = images.eight_bits(parser.close(), images.inspect(data)).convert("RGB")
    except Exception as error:
        raise ValueError(f"{problem}; beyond repair ({images.told(error)})") from error
    return images.encode(whole, images.QUALITY)


def _reencode_as_tensorflow(data: bytes) -> bytes:
    """Re-encode as TF-Slim's builder does, to the bit: with TensorFlow's quick DCT.

    In a child, so that TensorFlow's memory and start-up are spent only where they are needed
    (ImageNet has 22 such images).
    """
    child = processes.python("imagenet_tools.records.tensorflow_jpeg")
    done = subprocess.run(child, input=data, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(f"TensorFlow does not re-encode it ({reason[-1] if reason else 'killed'})")
    return done.stdout
