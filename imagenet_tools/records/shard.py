"""One shard: a pure, picklable task and its result. The unit of work of every engine."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import itertools
import os
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import google_crc32c

from imagenet_tools import raw, storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.images import inspect
from imagenet_tools.raw.boxes import PixelBox, cut
from imagenet_tools.raw.image import Box
from imagenet_tools.raw.intake import Counted
from imagenet_tools.records import schema, sources, tfrecord
from imagenet_tools.records.manifest import Shard, counted
from imagenet_tools.records.prepare import Prepared, Settings, prepare
from imagenet_tools.storage.write import temporary_name, write_json, write_text

NOTES = ("damaged", "skipped", "repaired", "converted")
_IMPOSSIBLE = (
    *(errno.EISDIR, errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO),
    *(errno.EACCES, errno.EPERM),
)
_PIECE = 1024  # bytes
Note = dict[str, str]  # key, path and reason of one image


@dataclass(frozen=True)
class ShardTask:
    """A shard to write: its final path, its images in order, and the words of their classes.

    note_path: where the result is noted before the shard is put in place. index_path: for DALI's
    index. digest: what the shard must come to, where that is known (a repair).
    """

    path: str
    images: raw.Images | tuple[raw.RawImage, ...]
    words: Mapping[str, str]
    settings: Settings
    note_path: str | None = None
    index_path: str | None = None
    digest: str | None = None

    @property
    def file(self) -> str:
        return os.path.basename(self.path)


@dataclass(frozen=True)
class ShardResult:
    """What became of a task. shard is None where damage left it unwritten.

    notes: for each of NOTES the images concerned, with the reason. saved: bytes by which the
    stored images are smaller than the raw ones (negative: larger). sources: the stamp of the raw
    files, from before they were read. odd: as a manifest has it. contents: content_hash of each
    record's image, eight bytes each, in base64.
    """

    shard: Shard | None
    notes: dict[str, list[Note]]
    saved: int = 0
    sources: str = ""
    odd: dict[str, Counted] = field(default_factory=dict)
    contents: str = ""

    @property
    def hashes(self) -> array[int]:
        """The content_hash of each record's image."""
        return array("Q", base64.b64decode(self.contents))


def build_shard(task: ShardTask) -> ShardResult:
    """Write one shard under a temporary name, sync it, and rename it into place.

    Its note is written just before: a shard that stands under its final name always has one.
    Raises OSError where the disk is full or a raw file cannot be read, DamagedData where the
    shard is not what the task says it must be; nothing then stands under the final name.
    """
    folder, name = os.path.split(task.path)
    temporary = os.path.join(storage.staging(folder), temporary_name(name))
    try:
        result, sizes = _write(temporary, task)
        if result.shard is None:
            return result
        if task.digest is not None and result.shard.digest != task.digest:
            raise DamagedData(
                f"{name} cannot be made again: the raw images are no longer those it was built from"
            )
        if task.index_path:
            write_text(storage.place(task.index_path), index_text(sizes))
        if task.note_path:
            write_note(task.note_path, result, task.settings)
        storage.publish(temporary, task.path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return result


def write_note(path: str, result: ShardResult, settings: Settings) -> None:
    """Note a result, and the settings it holds under."""
    write_json(storage.place(path), {**asdict(result), "settings": asdict(settings)})


def _write(path: str, task: ShardTask) -> tuple[ShardResult, list[int]]:
    """Write and sync the records; return the result and the bytes of each record."""
    notes: dict[str, list[Note]] = {kind: [] for kind in NOTES}
    present, odd = set[str](), list[tuple[str, Counted]]()
    digest, sizes, contents, saved = hashlib.sha256(), [], array("Q"), 0
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        stamp, images = sources.Stamp(task.images), tuple(task.images)
        for image, fetch in zip(images, raw.reads(images, keep=True), strict=True):
            sound = _prepare(image, fetch, task.settings, notes, stamp)
            if sound is None or notes["damaged"]:  # the rest is read to list all damage
                continue
            prepared, raw_data = sound
            boxes, put_right = _relative(image.boxes, raw_data, prepared)
            odd += [(f"boxes {what}", Counted(n, [image.key])) for what, n in put_right.items()]
            head = encode_head(prepared, image, boxes, task)
            before, after = tfrecord.frame(head, prepared.data)
            size = len(head) + len(prepared.data) + tfrecord.OVERHEAD
            _write_all(out, [before, head, prepared.data, after], size)
            digest.update(before + after)
            present.add(image.synset)
            contents.append(content_hash(prepared.data, prepared.image_format))
            sizes.append(size)
            saved += len(raw_data) - len(prepared.data)
        if notes["damaged"] or not sizes:
            return ShardResult(None, notes), sizes
        os.fsync(out)
    finally:
        os.close(out)
    shard = Shard(task.file, len(sizes), sum(sizes), digest.hexdigest(), len(present))
    hashes = base64.b64encode(contents.tobytes()).decode("ascii")
    return ShardResult(shard, notes, saved, stamp.text(), counted(odd), hashes), sizes


def _write_all(out: int, parts: list[bytes], size: int) -> None:
    """Write the parts without joining them; what a short write leaves is written after it."""
    written = os.writev(out, parts)
    while written < size:
        rest = b"".join(parts)[written:]
        written += os.write(out, rest)


def _prepare(
    image: raw.RawImage,
    fetch: Callable[[], raw.Fetched],
    settings: Settings,
    notes: dict[str, list[Note]],
    stamp: sources.Stamp,
) -> tuple[Prepared, bytes] | None:
    """Read and prepare an image, or note why it is left out; also return the bytes read."""
    status = None
    try:
        data, status = fetch()
        prepared = prepare(data, settings)
    except ValueError as error:  # DamagedData of an archive that ends early is one
        problem = str(error)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        if not _for_good(image, error):
            raise OSError(error.errno, f"{image.key} {problem}", image.path) from error
    else:
        problem = ""
    stamp.add(image, status)
    if problem:
        kind = "damaged" if settings.on_damaged == "fail" else "skipped"
        notes[kind].append(_note(image, problem))
        return None
    if prepared.repaired:
        notes["repaired"].append(_note(image, prepared.repaired))
    if prepared.converted:
        notes["converted"].append(_note(image, prepared.converted))
    return prepared, data


def _for_good(image: raw.RawImage, error: OSError) -> bool:
    """Whether an image is lost however often it is asked for: a broken link, a folder of its name,
    a file that a list names and that is not there. Not where its whole folder is gone, or an
    archive: that disk may come back."""
    if image.size >= 0 or image.row >= 0:
        return False
    if isinstance(error, FileNotFoundError):
        return storage.place(image.path).parent.exists()
    return error.errno in _IMPOSSIBLE


def _relative(
    boxes: tuple[Box, ...], data: bytes, prepared: Prepared
) -> tuple[tuple[Box, ...], Counter[str]]:
    """Boxes relative to their image, of which data is the file: pixels are of its own size. And
    what was put right, how often."""
    odd = Counter[str]()
    if not any(isinstance(box, PixelBox) for box in boxes):
        return boxes, odd
    facts = prepared.facts if prepared.data is data else inspect(data)
    size = (facts.width, facts.height)
    if not all(size):
        odd["in pixels of a size that a damaged header does not tell, dropped"] += len(boxes)
        return (), odd
    relative = (cut(box.of(*size), odd) if isinstance(box, PixelBox) else box for box in boxes)
    return tuple(box for box in relative if box), odd


def _note(image: raw.RawImage, reason: str) -> Note:
    return {"key": image.key, "path": image.path, "reason": reason}


def encode_head(
    prepared: Prepared, image: raw.RawImage, boxes: tuple[Box, ...], task: ShardTask
) -> bytes:
    """All of a record but the image's bytes, which follow it."""
    facts = prepared.facts
    return schema.example_head(
        len(prepared.data),
        height=facts.height,
        width=facts.width,
        label=image.label,
        synset=image.synset,
        text=task.words[image.synset],
        filename=image.filename,
        channels=3 if task.settings.slim_compat else facts.channels,
        image_format=prepared.image_format,
        boxes=boxes,
    )


def content_hash(data: bytes, image_format: bytes) -> int:
    """64 bits of an image's bytes: their number, and CRC-32Cs of 1,024 in the midst and at the end,
    which in a compressed image no other has. All of them would take a build a tenth of its time.
    Of RAW pixels those of both halves: many pictures have one ground.
    """
    middle = len(data) // 2
    piece = len(data) if image_format == b"RAW" else _PIECE
    parts = data[max(middle - piece, 0) : middle], data[max(middle, len(data) - piece) :]
    first, second = (int(google_crc32c.value(part)) for part in parts)
    return (first << 32 | second) ^ len(data)


def index_text(sizes: list[int]) -> str:
    """DALI's index: offset and size of each record, one a line (tfrecord2idx's format)."""
    starts = itertools.accumulate(sizes, initial=0)
    return "".join(f"{start} {size}\n" for start, size in zip(starts, sizes, strict=False))
