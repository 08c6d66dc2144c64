"""The schema of a record: TF-Slim's keys, encoded without TensorFlow and parsed with it.

Writer and reader stand side by side so that they cannot drift apart. A record is a serialised
tf.train.Example; the few protobuf bytes it needs are written by hand, which is an order of
magnitude faster than building the message objects.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

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

BYTES, FLOAT, INT64 = 0x0A, 0x12, 0x1A  # tags of Feature's three lists


def varint(value: int) -> bytes:
    """Protobuf's variable-length encoding of a number >= 0."""
    if value < 0x80:
        return bytes((value,))
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(tag: int, *payload: bytes) -> bytes:
    """A length-delimited field: tag, length, payload."""
    return b"".join((bytes((tag,)), varint(sum(map(len, payload))), *payload))


def bytes_list(value: bytes) -> bytes:
    return _field(BYTES, _field(0x0A, value))


def int64_list(values: Sequence[int]) -> bytes:
    packed = b"".join(map(varint, values))
    return _field(INT64, _field(0x0A, packed) if values else b"")


def float_list(values: Sequence[float]) -> bytes:
    packed = struct.pack(f"<{len(values)}f", *values)
    return _field(FLOAT, _field(0x0A, packed) if values else b"")


def _entry(key: str, value: bytes) -> bytes:
    """One entry of the features map."""
    return _field(0x0A, _field(0x0A, key.encode()), _field(0x12, value))


def encode_example(
    encoded: bytes,
    *,
    height: int,
    width: int,
    label: int,
    synset: str,
    text: str,
    filename: str,
    channels: int = 3,
    image_format: bytes = b"JPEG",
    boxes: Sequence[tuple[float, float, float, float]] = (),
) -> bytes:
    """Serialise one record as a tf.train.Example.

    encoded: the JPEG's bytes, or height x width x channels pixels where image_format is b"RAW".
    label: 1..N, 0 is background. boxes: (xmin, ymin, xmax, ymax), each 0..1 of the image.
    """
    labels = int64_list([label] * len(boxes))
    head = b"".join(
        (
            _entry(HEIGHT, int64_list((height,))),
            _entry(WIDTH, int64_list((width,))),
            _entry(COLORSPACE, bytes_list(b"Grayscale" if channels == 1 else b"RGB")),
            _entry(CHANNELS, int64_list((channels,))),
            _entry(LABEL, int64_list((label,))),
            _entry(SYNSET, bytes_list(synset.encode())),
            _entry(TEXT, bytes_list(text.encode())),
            _entry(XMIN, float_list([box[0] for box in boxes])),
            _entry(XMAX, float_list([box[2] for box in boxes])),
            _entry(YMIN, float_list([box[1] for box in boxes])),
            _entry(YMAX, float_list([box[3] for box in boxes])),
            _entry(BOX_LABEL, labels),
            _entry(OBJECT_LABEL, labels),
            _entry(FORMAT, bytes_list(image_format)),
            _entry(FILENAME, bytes_list(filename.encode("utf-8", "surrogateescape"))),
        )
    )
    # The image comes last and is joined once: it is all but a few hundred of the bytes.
    size = len(encoded)
    inner = b"\x0a" + varint(size)
    feature = b"\x0a" + varint(len(inner) + size)
    name = _field(0x0A, ENCODED.encode())
    length = len(feature) + len(inner) + size
    value = b"\x12" + varint(length)
    last = b"\x0a" + varint(len(name) + len(value) + length)
    total = len(head) + len(last) + len(name) + len(value) + length
    return b"".join((b"\x0a", varint(total), head, last, name, value, feature, inner, encoded))


def decode_example(record: bytes) -> dict[str, list[Any]]:
    """Parse a serialised tf.train.Example without TensorFlow: key -> list of its values.

    Raises ValueError where the bytes are no such message.
    """
    try:
        ((_, features),) = _fields(record)
        return dict(_decode_entry(entry) for _, entry in _fields(features))
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"not a tf.train.Example ({error})") from error


def _decode_entry(entry: bytes) -> tuple[str, list[Any]]:
    parts = dict(_fields(entry))
    values: list[Any] = []
    for kind, content in _fields(parts[2]):
        for _, item in _fields(content):
            if kind == 1:
                values.append(item)
            elif kind == 2:
                values += struct.unpack(f"<{len(item) // 4}f", item)
            else:
                values += _varints(item)
    return parts[1].decode(), values


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """The length-delimited fields of a message: (number, payload)."""
    found, at = [], 0
    while at < len(data):
        tag = data[at]
        if tag & 7 != 2:
            raise ValueError(f"field tag {tag} at {at}")
        size, at = _read_varint(data, at + 1)
        if at + size > len(data):
            raise ValueError(f"field of {size} bytes at {at} is cut off")
        found.append((tag >> 3, data[at : at + size]))
        at += size
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varints(data: bytes) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _read_varint(data, at)
        values.append(value)
    return values


def parse_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parse a scalar record in TensorFlow.

    Returns encoded (string), format (string), label (int32, 1..N), key (string,
    synset/filename), height and width (int32).
    """
    import tensorflow as tf

    def scalar(dtype: tf.DType) -> Any:
        return tf.io.FixedLenFeature([], dtype)

    parsed = tf.io.parse_single_example(
        serialized,
        {
            ENCODED: scalar(tf.string),
            FORMAT: scalar(tf.string),
            LABEL: scalar(tf.int64),
            SYNSET: scalar(tf.string),
            FILENAME: scalar(tf.string),
            HEIGHT: scalar(tf.int64),
            WIDTH: scalar(tf.int64),
        },
    )
    return {
        "encoded": parsed[ENCODED],
        "format": parsed[FORMAT],
        "label": tf.cast(parsed[LABEL], tf.int32),
        "key": tf.strings.join([parsed[SYNSET], parsed[FILENAME]], "/"),
        "height": tf.cast(parsed[HEIGHT], tf.int32),
        "width": tf.cast(parsed[WIDTH], tf.int32),
    }
