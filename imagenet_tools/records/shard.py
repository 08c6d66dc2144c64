"""One shard: a pure, picklable task and its result. The unit of work of every engine."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
from dataclasses import dataclass, field
from typing import Any

from imagenet_tools import images, raw
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.manifest import Shard

ON_DAMAGED = ("fail", "skip", "repair")
VERIFY = ("structure", "decode")
STORE = ("original", "raw")
MAX_SIDE_QUALITY = 92  # of the smaller JPEGs that --max-side writes, chroma halved


@dataclass(frozen=True)
class Settings:
    """What is done to each image.

    max_side: shorter side in pixels above which an image is made smaller, antialiased.
    store: "original" keeps JPEG bytes; "raw" stores uint8 pixels (image/format RAW).
    verify: "structure" walks the JPEG's segments, "decode" decodes every pixel too.
    on_damaged: "fail" leaves the shard unwritten, "skip" leaves the image out, "repair"
    re-encodes what still decodes. slim_compat: TF-Slim's constants for grey images (RGB, 3).
    """

    max_side: int | None = None
    store: str = "original"
    verify: str = "structure"
    on_damaged: str = "fail"
    slim_compat: bool = False

    def __post_init__(self) -> None:
        for name, known in (("on_damaged", ON_DAMAGED), ("verify", VERIFY), ("store", STORE)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {known}")
        if self.max_side is not None and self.max_side < 8:
            raise ValueError(f"max_side is {self.max_side}; it must be at least 8 pixels")

    def output(self) -> dict[str, object]:
        """The settings that change the bytes written for an undamaged image."""
        return {name: getattr(self, name) for name in ("max_side", "store", "slim_compat")}


@dataclass(frozen=True)
class ShardTask:
    """A shard to write: the file's final path, its images in order, and the classes' words."""

    path: str
    images: tuple[raw.RawImage, ...]
    words: dict[str, str]
    settings: Settings
    index_path: str | None = None


@dataclass(frozen=True)
class ShardResult:
    """What became of a task. shard is None where damage left it unwritten."""

    shard: Shard | None
    class_counts: dict[str, int] = field(default_factory=dict)
    damaged: tuple[dict[str, str], ...] = ()
    skipped: tuple[dict[str, str], ...] = ()
    repaired: tuple[dict[str, str], ...] = ()
    converted: tuple[dict[str, str], ...] = ()
    saved: int = 0  # bytes by which the stored images are smaller than the raw ones


@dataclass(frozen=True)
class Prepared:
    """An image ready to be stored."""

    data: bytes
    facts: images.ImageFacts
    image_format: bytes = b"JPEG"
    converted: str | None = None
    repaired: str | None = None


def build_shard(task: ShardTask) -> ShardResult:
    """Write one shard under a temporary name, sync it, and rename it into place.

    Raises OSError where the disk is full or a raw file cannot be read; the temporary file is
    removed and nothing stands under the final name.
    """
    folder, name = os.path.split(task.path)
    temporary = os.path.join(folder, f".tmp-{name}.{os.getpid()}")
    notes: dict[str, list[dict[str, str]]] = {
        kind: [] for kind in ("damaged", "skipped", "repaired", "converted")
    }
    counts: dict[str, int] = {}
    digest, offsets, saved = hashlib.sha256(), [], 0
    try:
        with open(temporary, "wb") as file:
            for image in task.images:
                data = raw.read(image)
                prepared = _prepare_noting(data, image, task.settings, notes)
                if prepared is None:
                    continue
                record = encode(prepared, image, task.words, task.settings)
                head, tail = tfrecord.frame(record)
                file.write(head)
                file.write(record)
                file.write(tail)
                offsets.append(len(record) + tfrecord.OVERHEAD)
                digest.update(head + tail)
                counts[image.synset] = counts.get(image.synset, 0) + 1
                saved += len(data) - len(prepared.data)
            if notes["damaged"] or not offsets:
                return ShardResult(None, **_frozen(notes))
            file.flush()
            os.fsync(file.fileno())
        if task.index_path:
            _write_index(task.index_path, offsets)
        os.replace(temporary, task.path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    shard = Shard(name, len(offsets), sum(offsets), digest.hexdigest(), len(counts))
    return ShardResult(shard, dict(sorted(counts.items())), saved=saved, **_frozen(notes))


def _frozen(notes: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
    return {kind: tuple(found) for kind, found in notes.items()}


def _prepare_noting(
    data: bytes, image: raw.RawImage, settings: Settings, notes: dict[str, list[dict[str, str]]]
) -> Prepared | None:
    """Prepare an image, or note why it is left out."""
    where = {"key": image.key, "path": image.path}
    try:
        prepared = prepare(data, settings)
    except ValueError as error:
        kind = "damaged" if settings.on_damaged == "fail" else "skipped"
        notes[kind].append({**where, "reason": str(error)})
        return None
    if prepared.repaired:
        notes["repaired"].append({**where, "reason": prepared.repaired})
    if prepared.converted:
        notes["converted"].append({**where, "reason": prepared.converted})
    return prepared


def prepare(data: bytes, settings: Settings) -> Prepared:
    """Check an image's bytes and bring them into the form that is stored.

    Raises ValueError with the reason for a damaged image.
    """
    facts = images.inspect(data)
    problem = facts.problem
    if problem is None and settings.verify == "decode":
        problem = images.decode(data)
    repaired = None
    if problem is not None:
        if settings.on_damaged != "repair":
            raise ValueError(problem)
        data, repaired = _repair(data, problem), problem
        facts = images.inspect(data)
    converted = None
    if images.needs_reencoding(facts):
        converted = f"{facts.format} {facts.colorspace} re-encoded as JPEG"
        data = images.to_rgb_jpeg(data)
        facts = images.inspect(data)
    shorter = min(facts.width, facts.height)
    if settings.store == "raw":
        return _raw_pixels(data, settings.max_side, converted, repaired)
    if settings.max_side is not None and shorter > settings.max_side:
        data = _smaller_jpeg(data, settings.max_side)
        facts = images.inspect(data)
    return Prepared(data, facts, converted=converted, repaired=repaired)


def _repair(data: bytes, problem: str) -> bytes:
    """Re-encode what a decoder still makes of a damaged file (missing rows come out grey)."""
    from PIL import Image, ImageFile

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.size[0] * image.size[1] > images.MAX_PIXELS:
                raise ValueError(problem)
            # A reader of its own, so that Pillow's global switch is not touched.
            parser = ImageFile.Parser()
            parser.feed(data + b"\xff\xd9")
            whole = parser.close().convert("RGB")
    except Exception as error:
        raise ValueError(f"{problem}; beyond repair ({error})") from error
    encoded = io.BytesIO()
    whole.save(encoded, "JPEG", quality=images.QUALITY, subsampling="4:2:0")
    return encoded.getvalue()


def _shrunk(data: bytes, max_side: int | None) -> Any:
    """Decode, and bring the shorter side down to max_side with an antialiased filter."""
    from PIL import Image

    image: Any = images.to_rgb(data)
    width, height = image.size
    shorter = min(width, height)
    if max_side is None or shorter <= max_side:
        return image
    size = (round(width * max_side / shorter), round(height * max_side / shorter))
    return image.resize(size, Image.Resampling.BILINEAR)  # Pillow's widens when shrinking


def _smaller_jpeg(data: bytes, max_side: int) -> bytes:
    encoded = io.BytesIO()
    _shrunk(data, max_side).save(encoded, "JPEG", quality=MAX_SIDE_QUALITY)
    return encoded.getvalue()


def _raw_pixels(
    data: bytes, max_side: int | None, converted: str | None, repaired: str | None
) -> Prepared:
    image = _shrunk(data, max_side).convert("RGB")
    facts = images.ImageFacts("RAW", image.size[0], image.size[1], 3, "RGB")
    return Prepared(image.tobytes(), facts, b"RAW", converted, repaired)


def encode(
    prepared: Prepared, image: raw.RawImage, words: dict[str, str], settings: Settings
) -> bytes:
    """Serialise one prepared image as a record."""
    facts = prepared.facts
    return schema.encode_example(
        prepared.data,
        height=facts.height,
        width=facts.width,
        label=image.label,
        synset=image.synset,
        text=words[image.synset],
        filename=image.filename,
        channels=3 if settings.slim_compat else facts.channels,
        image_format=prepared.image_format,
        boxes=image.boxes,
    )


def _write_index(path: str, sizes: list[int]) -> None:
    """DALI's index: offset and size of each record, one a line (tfrecord2idx's format)."""
    starts = itertools.accumulate(sizes, initial=0)
    lines = "".join(f"{start} {size}\n" for start, size in zip(starts, sizes, strict=False))
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(lines)
    os.replace(temporary, path)
