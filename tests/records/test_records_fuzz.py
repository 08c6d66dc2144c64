"""A thousand damaged images: no crash, and every one is named or decodes."""

from __future__ import annotations

import io
import random
import warnings
from pathlib import Path

import pytest
from PIL import Image
from tiny_raw import encoded, picture

from imagenet_tools import raw, records
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.prepare import prepare

WRONG_STARTS = (
    b"GIF89a\0\0",
    b"BM\0\0\0\0\0\0",
    b"RIFF\0\0\0\0WEBP",
    b"II*\0\x08\0\0\0",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0\0\x10JF",
    b"%!PS-Adobe",
    b"<html>\n",
)


def sources() -> list[bytes]:
    rotated = Image.Exif()
    rotated[0x0112] = 6
    return [
        encoded(picture(1, 48, 40)),
        encoded(picture(2, 48, 40), progressive=True),
        encoded(picture(3, 48, 40), quality=95, subsampling=0),
        encoded(picture(4, 48, 40), restart_marker_blocks=2),
        encoded(picture(5, 48, 40), exif=rotated),
        encoded(picture(6, 48, 40, "L")),
        encoded(picture(7, 48, 40, "CMYK")),
        encoded(picture(8, 48, 40), "PNG"),
    ]


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Cut, flip bits, zero, insert, remove, exchange, or pretend to be another format."""
    changed, size = bytearray(data), len(data)
    first, second = sorted((draw.randrange(size), draw.randrange(size)))
    kind = draw.choice(("cut", "flip", "zero", "zero tail", "insert", "remove", "swap", "wrong"))
    if kind == "cut":
        del changed[first:]
    elif kind == "flip":
        for _ in range(draw.choice((1, 1, 1, 5, 20))):
            changed[draw.randrange(size)] ^= 1 << draw.randrange(8)
    elif kind == "zero":
        changed[first : first + 60] = bytes(len(changed[first : first + 60]))
    elif kind == "zero tail":
        changed[first:] = bytes(size - first)
    elif kind == "insert":
        changed[first:first] = draw.randbytes(draw.randrange(1, 50))
    elif kind == "remove":
        del changed[first : first + draw.randrange(1, 100)]
    elif kind == "swap":
        changed = changed[:first] + changed[second:] + changed[first:second]
    else:
        start = draw.choice(WRONG_STARTS)
        changed[: len(start)] = start
    return bytes(changed)


def damaged(count: int) -> list[bytes]:
    draw, whole = random.Random(1), sources()
    return [mutated(draw.choice(whole), draw) for _ in range(count)]


def decodes(data: bytes) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.size


@pytest.mark.parametrize(
    "settings",
    [
        records.Settings(verify="decode"),
        records.Settings(verify="decode", on_damaged="repair"),
        records.Settings(max_side=16),
        records.Settings(store="raw"),
    ],
    ids=["decode", "repair", "max-side", "raw"],
)
def test_every_image_is_named_or_decodes(settings: records.Settings) -> None:
    named = 0
    for data in damaged(1000):
        try:
            prepared = prepare(data, settings)
        except ValueError as error:
            assert str(error)
            named += 1
            continue
        facts = prepared.facts
        if prepared.image_format == b"RAW":
            assert len(prepared.data) == facts.width * facts.height * 3
        else:
            assert decodes(prepared.data) == (facts.width, facts.height)
    assert 200 < named < 950


def test_the_walk_of_the_structure_never_crashes() -> None:
    kept = 0
    for data in damaged(1000):
        try:
            prepared = prepare(data, records.Settings())
        except ValueError:
            continue
        kept += 1
        assert prepared.facts.width > 0 and prepared.facts.height > 0
    assert kept > 100


def test_a_data_set_of_damaged_images_is_built_and_accounted_for(tmp_path: Path) -> None:
    """Each of 1000 files is in the records or in the manifest with its reason."""
    place = tmp_path / "raw" / "train" / "ant"
    other = tmp_path / "raw" / "val" / "ant"
    place.mkdir(parents=True)
    other.mkdir(parents=True)
    (other / "sound.JPEG").write_bytes(sources()[0])
    (place / "sound.JPEG").write_bytes(sources()[1])
    for number, data in enumerate(damaged(1000)):
        (place / f"{number}.JPEG").write_bytes(data)
    settings = records.Settings(verify="decode", on_damaged="skip")
    out = tmp_path / "out"
    manifest = records.build(raw.detect(tmp_path / "raw"), out, workers=1, settings=settings)
    skipped = {note["key"].removeprefix("ant/") for note in manifest.skipped}
    held = {
        schema.decode_example(data)[schema.FILENAME][0].decode()
        for path in records.shard_paths(out, "train")
        for _, data in tfrecord.read(path)
    }
    assert held.isdisjoint(skipped)
    assert held | skipped == {"sound.JPEG", *(f"{number}.JPEG" for number in range(1000))}
    assert all(note["reason"] for note in manifest.skipped)
    assert not records.verify(out, decode=True, workers=1).broken
