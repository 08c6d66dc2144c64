"""The schema of a record: TF-Slim's keys, encoded without TensorFlow and parsed with it.

Writer and reader stand side by side so that they cannot drift apart. A record is a serialised
tf.train.Example; the few protobuf bytes it needs are written by hand, which is an order of
magnitude faster than building the message objects. Every field is a tag, the length of what
follows as a varint, and that:

    Example   0a LENGTH entries
    entry     0a LENGTH (0a LENGTH key, 12 LENGTH Feature)
    Feature   0a LENGTH list of bytes, 12 LENGTH list of floats, or 1a LENGTH list of int64
    list      0a LENGTH of each of several bytes; of all numbers at once: float32, or varints
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Any

SCHEMA_VERSION = 1
# TF-Slim's fifteen keys (datasets/build_imagenet_data.py), in the order in which they are written.
HEIGHT, WIDTH = "image/height", "image/width"
COLORSPACE, CHANNELS = "image/colorspace", "image/channels"
LABEL, SYNSET, TEXT = "image/class/label", "image/class/synset", "image/class/text"
XMIN, XMAX = "image/object/bbox/xmin", "image/object/bbox/xmax"
YMIN, YMAX = "image/object/bbox/ymin", "image/object/bbox/ymax"
BOX_LABEL = "image/object/bbox/label"
# The sixteenth: TF-Slim's reader looks for it, its writer never writes it.
OBJECT_LABEL = "image/object/class/label"
FORMAT, FILENAME, ENCODED = "image/format", "image/filename", "image/encoded"

SIDES = (XMIN, YMIN, XMAX, YMAX)

# What every record has exactly one of, and the lists that are as long as its boxes are many.
SINGLE = {
    **dict.fromkeys((HEIGHT, WIDTH, CHANNELS, LABEL), int),
    **dict.fromkeys((COLORSPACE, SYNSET, TEXT, FORMAT, FILENAME, ENCODED), bytes),
}
BOXES = (*SIDES, BOX_LABEL)

BYTES, FLOAT, INT64 = b"\x0a", b"\x12", b"\x1a"  # tags of Feature's three lists


def varint(value: int) -> bytes:
    """Protobuf's variable-length encoding of a number >= 0; the short ones of a record unrolled."""
    if value < 0x80:
        return value.to_bytes(1, "little")
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value < 0x200000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    return bytes((value & 0x7F | 0x80,)) + varint(value >> 7)


def _field(tag: bytes, payload: bytes) -> bytes:
    """A length-delimited field: tag, length, payload."""
    return tag + varint(len(payload)) + payload


def _bytes_entry(key: str, value: bytes) -> bytes:
    return _entry(key, BYTES, _field(b"\x0a", value))


def _int64_entry(key: str, *values: int) -> bytes:
    packed = b"".join(map(varint, values))
    return _entry(key, INT64, _field(b"\x0a", packed) if values else b"")


def _float_entry(key: str, values: Sequence[float]) -> bytes:
    packed = struct.pack(f"<{len(values)}f", *values)
    return _entry(key, FLOAT, _field(b"\x0a", packed) if values else b"")


def _entry(key: str, kind: bytes, content: bytes) -> bytes:
    """One entry of the features map."""
    return _field(b"\x0a", _field(b"\x0a", key.encode()) + _field(b"\x12", _field(kind, content)))


# What recurs from record to record is encoded once: the rest takes some microseconds an image.
@functools.lru_cache(8192)
def _dimension_entry(key: str, value: int) -> bytes:
    return _int64_entry(key, value)


@functools.lru_cache(8192)
def _class_entries(channels: int, image_format: bytes, label: int, synset: str, text: str) -> bytes:
    return (
        _bytes_entry(COLORSPACE, b"Grayscale" if channels == 1 else b"RGB")
        + _int64_entry(CHANNELS, channels)
        + _bytes_entry(FORMAT, image_format)
        + _int64_entry(LABEL, label)
        + _bytes_entry(SYNSET, synset.encode())
        + _bytes_entry(TEXT, text.encode())
    )


@functools.lru_cache(64)
def _box_entries(label: int, boxes: tuple[tuple[float, float, float, float], ...]) -> bytes:
    labels = [label] * len(boxes)
    sides = (_float_entry(key, [box[at] for box in boxes]) for at, key in enumerate(SIDES))
    return b"".join((*sides, _int64_entry(BOX_LABEL, *labels), _int64_entry(OBJECT_LABEL, *labels)))


NO_BOXES = _box_entries(0, ())


def _lead(name: bytes, size: int) -> bytes:
    """What stands before a value of so many bytes: its entry's lengths, each counts what follows
    it, so they are made from the inside out. name: the key, as a field."""
    values = b"\x0a" + varint(size)
    feature = b"\x0a" + varint(len(values) + size) + values
    value = b"\x12" + varint(len(feature) + size) + feature
    return b"\x0a" + varint(len(name) + len(value) + size) + name + value


_ENCODED = _field(b"\x0a", ENCODED.encode())


@functools.lru_cache(512)
def filename_lead(size: int) -> bytes:
    return _lead(_field(b"\x0a", FILENAME.encode()), size)


def example_head(
    size: int,
    *,
    height: int,
    width: int,
    label: int,
    synset: str,
    text: str,
    filename: str,
    channels: int = 3,
    image_format: bytes = b"JPEG",
    boxes: tuple[tuple[float, float, float, float], ...] = (),
) -> bytes:
    """All of a serialised tf.train.Example but the `size` bytes of its image.

    These come last, so that head + image is the record and the image never has to be copied.
    label: 1..N, 0 is background. boxes: (xmin, ymin, xmax, ymax), each 0..1 of the image.
    """
    name = filename.encode("utf-8", "surrogateescape")
    entries = b"".join(
        (
            _dimension_entry(HEIGHT, height),
            _dimension_entry(WIDTH, width),
            _class_entries(channels, image_format, label, synset, text),
            _box_entries(label, boxes) if boxes else NO_BOXES,
            filename_lead(len(name)),
            name,
            _lead(_ENCODED, size),
        )
    )
    return b"\x0a" + varint(len(entries) + size) + entries


def encode_example(encoded: bytes, **facts: Any) -> bytes:
    """Serialise one record as a tf.train.Example; `facts` are those of example_head.

    encoded: the JPEG's bytes, or height x width x channels pixels where image_format is b"RAW".
    """
    return example_head(len(encoded), **facts) + encoded


def decode_example(record: bytes) -> dict[str, list[Any]]:
    """Parse a serialised tf.train.Example without TensorFlow: key -> list of its values.

    Raises ValueError where the bytes are no such message.
    """
    try:
        ((_, features),) = _fields(memoryview(record))
        return dict(decode_entry(entry) for _, entry in _fields(features))
    except (ValueError, IndexError, KeyError, struct.error) as error:
        raise ValueError(f"not a tf.train.Example ({error})") from error


def first(example: dict[str, list[Any]], key: str, default: Any) -> Any:
    """The first value of one of the SINGLE keys; the default where there is none of its kind."""
    values = example.get(key, ())[:1]
    return values[0] if values and isinstance(values[0], SINGLE[key]) else default


def text(example: dict[str, list[Any]], key: str) -> str:
    """A text of a decoded example; "" where it has none."""
    return str(first(example, key, b"").decode(errors="replace"))


def key_of(example: dict[str, list[Any]]) -> str:
    """The key of a decoded example's image, class/filename, as it was written."""
    names = (first(example, one, b"") for one in (SYNSET, FILENAME))
    return b"/".join(names).decode("utf-8", "surrogateescape")


def decode_entry(entry: memoryview) -> tuple[str, list[Any]]:
    parts = dict(_fields(entry))
    values: list[Any] = []
    for kind, content in _fields(parts[2]):
        for _, item in _fields(content):
            if kind == 1:
                values.append(bytes(item))
            elif kind == 2:
                values += struct.unpack(f"<{len(item) // 4}f", item)
            else:
                values += _varints(item)
    return bytes(parts[1]).decode(), values


def _fields(data: memoryview) -> list[tuple[int, memoryview]]:
    """The length-delimited fields of a message: (number, payload), nothing copied."""
    fields, at = [], 0
    while at < len(data):
        tag = data[at]
        if tag & 7 != 2:
            raise ValueError(f"field tag {tag} at byte {at}")
        size, at = read_varint(data, at + 1)
        if at + size > len(data):
            raise ValueError(f"a field of {size} bytes is cut off at byte {len(data)}")
        fields.append((tag >> 3, data[at : at + size]))
        at += size
    return fields


def read_varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varints(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = read_varint(data, at)
        values.append(value)
    return values
