"""What a reader of images asks of a record, taken from its first bytes without TensorFlow.

Records are written in one order with the image last (schema.py), and what the images of a class
have in common is the same bytes in each. So the head is taken apart in one pass, the part of a
class once for all of its records, and the image is neither parsed nor copied.
"""

from __future__ import annotations

import functools
import struct
from typing import Any, NamedTuple

from imagenet_tools.records import schema

Boxes = tuple[tuple[float, float, float, float], ...]

HEAD = 1024  # bytes of a record that hold its head, unless its words or its boxes are many
_FACTS = (schema.HEIGHT, schema.WIDTH, schema.FORMAT, schema.LABEL, schema.TEXT)
_OF_A_CLASS = _OF_BOXES = 6  # entries, image/colorspace to image/class/text; image/object/...
_PROBE = 200  # bytes by which classes are told apart: the first five of their entries
_CLASSES = 4096  # classes whose part is kept
_ENCODED = b"\x0a%c%s\x12" % (len(schema.ENCODED), schema.ENCODED.encode())
_class_parts: dict[bytes, tuple[bytes, tuple[str, int, str, str]]] = {}  # probe -> its part, parsed


class Features(NamedTuple):
    """What a record says of its image.

    label: as it is written, 1..N. image_format: "JPEG" or "RAW". key: synset/filename. boxes:
    (xmin, ymin, xmax, ymax), each 0..1 of the image.
    """

    height: int
    width: int
    image_format: str
    label: int
    words: str
    key: str
    boxes: Boxes


def decode(record: bytes) -> tuple[Features, bytes]:
    """Return a record's features and its image, whatever the order of its entries.

    Raises ValueError where it is no tf.train.Example, or has not one value of a key.
    """
    example = schema.decode_example(record)
    for key in (*_FACTS, schema.SYNSET, schema.FILENAME, schema.ENCODED):
        if len(example.get(key, ())) != 1 or not isinstance(example[key][0], schema.SINGLE[key]):
            raise ValueError(f"{key} must be one {schema.SINGLE[key].__name__}")
    height, width, image_format, label, words = (example[key][0] for key in _FACTS)
    key, boxes = schema.key_of(example), _boxes(example)
    features = Features(height, width, _text(image_format), label, _text(words), key, boxes)
    return features, example[schema.ENCODED][0]


def parse_head(head: bytes, size: int) -> tuple[Features, int] | None:
    """Return a record's features and where its image begins, from its first bytes.

    size: bytes of the whole record. None where its entries are not in the order in which they are
    written here, or its image does not begin within `head`: then the whole is to be decoded.
    """
    try:
        at = 2
        while head[at - 1] > 0x7F:  # the length of all
            at += 1
        height, at = _dimension(head, at, schema.HEIGHT)
        width, at = _dimension(head, at, schema.WIDTH)
        part, of_class = _class_part(head, at)
        at += len(part)
        boxes: Boxes = ()
        if head.startswith(schema.NO_BOXES, at):
            at += len(schema.NO_BOXES)
        else:
            example, at = _entries(head, at, _OF_BOXES)
            boxes = _boxes(example)
        name, at = _filename(head, at)
        start = _image_start(head, at, size)
    except (IndexError, KeyError, OverflowError, ValueError, struct.error):
        return None
    return Features(height, width, *of_class[:3], f"{of_class[3]}/{name}", boxes), start


def _dimension(head: bytes, at: int, key: str) -> tuple[int, int]:
    """The value of an entry whose length takes one byte, and where the next one begins."""
    end = at + 2 + head[at + 1]
    return _only_number(head[at:end], key), end


@functools.lru_cache(8192)
def _only_number(entry: bytes, key: str) -> int:
    example, _ = _entries(entry, 0, 1)
    (value,) = example[key]
    return int(value)


def _class_part(head: bytes, at: int) -> tuple[bytes, tuple[str, int, str, str]]:
    """The entries that a class's images share, as they stand there: their bytes, and format,
    label, words, synset. Looked up by the first of the bytes, compared whole."""
    probe = head[at : at + _PROBE]
    known = _class_parts.get(probe)
    if known is None or not head.startswith(known[0], at):
        example, end = _entries(head, at, _OF_A_CLASS)
        values = (example[key] for key in (schema.FORMAT, schema.LABEL, schema.TEXT, schema.SYNSET))
        (image_format,), (label,), (words,), (synset,) = values
        of_class = _text(image_format), int(label), _text(words), _text(synset)
        if len(_class_parts) >= _CLASSES:
            _class_parts.clear()
        known = _class_parts[probe] = head[at:end], of_class
    return known


def _filename(head: bytes, at: int) -> tuple[str, int]:
    """The name, where its entry's length takes one byte: then so do those within."""
    end = at + 2 + head[at + 1]
    lead = schema.filename_lead(end - at - len(schema.filename_lead(0)))
    if not head.startswith(lead, at):
        raise ValueError("no file name of up to some 100 bytes")
    return _text(head[at + len(lead) : end]), end


def _image_start(head: bytes, at: int, size: int) -> int:
    """Where the image begins whose entry stands last: after four lengths, the last of them its own
    and that of all that is left, and each as wide."""
    for width in (3, 2, 4, 1):
        start = at + len(_ENCODED) + 3 + 4 * width
        if head.startswith(_ENCODED, at + 1 + width) and head.startswith(
            schema.varint(max(size - start, 0)), start - width
        ):
            return start
    raise ValueError("the image is not last, or not all that is left")


def _entries(head: bytes, at: int, count: int) -> tuple[dict[str, list[Any]], int]:
    """So many entries of the features map, parsed, and where the next one begins."""
    view, example = memoryview(head), {}
    for _ in range(count):
        size, start = schema.read_varint(head, at + 1)
        at = start + size
        if at > len(head):
            raise IndexError("an entry goes beyond the head")
        key, values = schema.decode_entry(view[start:at])
        example[key] = values
    return example, at


def _boxes(example: dict[str, list[Any]]) -> Boxes:
    return tuple(zip(*(example.get(key, ()) for key in schema.SIDES), strict=True))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")  # as names are written
