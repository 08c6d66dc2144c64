"""Whatever bytes and trees are given: each image is in a record or named, and nothing crashes."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_layouts import tar
from tiny_raw import encoded, examples, picture

from imagenet_tools import labels, raw, records
from imagenet_tools.errors import DamagedData
from imagenet_tools.images import inspect
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.prepare import prepare


def quick(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


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
        *(
            encoded(picture(8, 48, 40), kind)
            for kind in ("PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
        ),
    ]


SOUND = sources()
STARTS = (
    b"GIF89a\0\0",
    b"BM\0\0\0\0\0\0",
    b"RIFF\0\0\0\0WEBP",
    b"II*\0\x08\0\0\0",
    b"%!PS",
    b"<html>",
)
STARTS += (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JF", b"P6\n1 1\n255\n", b"\0\0\0 ftypavif")
AT = st.integers(0, 1 << 16)  # a place, taken modulo the length of what is there
EDITS: list[Callable[[bytes, int, int], bytes]] = [
    lambda data, at, other: data[:at],
    lambda data, at, other: data[:at] + b"\xff\xd9",
    lambda data, at, other: data[:at] + bytes([data[at] ^ 1 << other % 8]) + data[at + 1 :],
    lambda data, at, other: data[:at] + bytes(min(60, len(data) - at)) + data[at + 60 :],
    lambda data, at, other: data[:at] + data[at + 1 + other % 99 :],
    lambda data, at, other: data[:at] + data[other % len(data) :][:50] + data[at:],
    lambda data, at, other: data[other % len(data) :] + data[: other % len(data)],
    lambda data, at, other: STARTS[other % len(STARTS)] + data[len(STARTS[other % len(STARTS)]) :],
    lambda data, at, other: data + data[:at],
]


def edited(data: bytes, edits: list[tuple[int, int, int]]) -> bytes:
    for kind, at, other in edits:
        if data:
            data = EDITS[kind](data, at % len(data), other)
    return data


def damaged(most: int) -> st.SearchStrategy[bytes]:
    """A sound image after some edits; none, and it is sound."""
    edit = st.tuples(st.integers(0, len(EDITS) - 1), AT, AT)
    return st.builds(edited, st.sampled_from(SOUND), st.lists(edit, max_size=most))


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
@quick(60)
@given(st.lists(damaged(3), min_size=1, max_size=8))
@example(SOUND)
def test_every_image_is_named_or_decodes(settings: records.Settings, files: list[bytes]) -> None:
    for data in files:
        try:
            prepared = prepare(data, settings)
        except ValueError as error:
            assert str(error) and data not in SOUND
            continue
        facts = prepared.facts
        if prepared.image_format == b"RAW":
            assert len(prepared.data) == facts.width * facts.height * 3
        else:
            assert decodes(prepared.data) == (facts.width, facts.height)


@quick(100)
@given(st.lists(damaged(6), min_size=1, max_size=10))
def test_the_walk_of_the_structure_never_crashes(files: list[bytes]) -> None:
    for data in files:
        facts = inspect(data)
        assert facts.problem or (facts.width > 0 and facts.height > 0 and facts.format)


@quick(60)
@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from((0, 2, 3, 4, 5)), AT, AT), min_size=1, max_size=2),
)
def test_no_damage_of_a_shard_passes_for_a_record(
    held: list[bytes], edits: list[tuple[int, int, int]]
) -> None:
    """What is read as sound was written; what is gone is named, or the shard ends at a record."""
    ends, content = [0], b""
    for data in held:
        before, after = tfrecord.frame(data)
        content += before + data + after
        ends.append(len(content))
    changed = edited(content, edits)
    with tempfile.NamedTemporaryFile() as file:
        file.write(changed)
        file.flush()
        found = list(tfrecord.scan(file.name))
        sound = [one.data for one in found if not one.problem]
        assert all(data in held for data in sound)
        if not any(one.problem for one in found):
            assert b"".join(sound) == b"".join(held[: len(sound)]) or len(sound) != len(held)
            assert len(changed) == sum(len(data) + tfrecord.OVERHEAD for data in sound)
        else:
            with pytest.raises(DamagedData, match="record [0-9]+ at byte"):
                list(tfrecord.read(file.name))


FILES = st.dictionaries(
    st.tuples(
        st.sampled_from(("train", "val")),
        st.sampled_from(("ant", "bee", "__MACOSX", "", "ant/more")),
        st.sampled_from(("a.jpg", "b.JPEG", "c.png", "d", "e.txt", ".f.jpg", "Thumbs.db")),
    ),
    damaged(1),
    max_size=14,
)


@quick(25)
@given(FILES)
def test_every_file_is_in_a_record_or_counted(files: dict[tuple[str, str, str], bytes]) -> None:
    """Builds of trees: the sound images under their labels, the rest skipped or left out."""
    files = {("train", "cow", "x.jpg"): SOUND[0], ("val", "cow", "x.jpg"): SOUND[1]} | files
    with tempfile.TemporaryDirectory() as place:
        for (split, folder, name), data in files.items():
            path = Path(place) / "raw" / split / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        out = Path(place) / "out"
        skip = records.Settings(verify="decode", on_damaged="skip")
        manifest = records.build(raw.detect(Path(place) / "raw"), out, workers=1, settings=skip)
        assert not records.verify(out, decode=True, workers=1).broken
        held = {
            (split, one[schema.SYNSET][0].decode(), one[schema.FILENAME][0].decode()): one
            for split in ("train", "validation")
            for one in examples(out, split)
        }
    names = [key for key, _ in manifest.classes]
    assert names == sorted(names)
    for (split, synset, name), one in held.items():
        assert one[schema.LABEL] == [names.index(synset) + 1]
        folder, _, base = f"{synset}/{name}".rpartition("/")
        data = files[split.replace("validation", "val"), folder, base]
        assert data == one[schema.ENCODED][0] or inspect(data).format != "JPEG" or b"Adobe" in data
    left = sum(
        entry.count
        for reason, entry in manifest.left_out.items()
        if reason not in ("folders without images", "junk folders")
    )
    inside_junk = sum(folder == "__MACOSX" for _, folder, _ in files)
    assert len(held) + len(manifest.skipped) + left + inside_junk == len(files)
    assert all(note["reason"] for note in manifest.skipped)


@quick(12)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(("n01440764", "n01443537", "n03888257")), st.sampled_from("abcd")
        ),
        st.sampled_from(SOUND[:6]),
        min_size=1,
        max_size=8,
    )
)
def test_the_same_images_are_the_same_records_in_every_layout(
    files: dict[tuple[str, str], bytes],
) -> None:
    """As folders, as tars in a tar, and as a list of names: the same bytes of records."""
    with tempfile.TemporaryDirectory() as name:
        place, inner = Path(name), dict[str, dict[str, bytes]]()
        for (synset, stem), data in files.items():
            inner.setdefault(synset, {})[f"{synset}_{stem}.JPEG"] = data
            for root in ("folders/train", "listed/im"):
                path = place / root / synset / f"{synset}_{stem}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        rows = [f'"im/{s}/{s}_{stem}.JPEG",{s}' for s, stem in files]
        (place / "listed" / "train.csv").write_text("\n".join(["image,label", *rows]))
        (place / "tars").mkdir()
        tars = {f"./{synset}.tar": tar(members) for synset, members in inner.items()}
        (place / "tars" / "ILSVRC2012_img_train.tar").write_bytes(tar(tars))
        digests = set()
        for root in ("folders", "listed", "tars"):
            out = place / "out" / root
            found = raw.detect(place / root)
            manifest = records.build(found, out, splits=("train",), workers=1)
            digests.add(manifest.digest)
            assert {
                (one[schema.SYNSET][0].decode(), one[schema.LABEL][0])
                for one in examples(out, "train")
            } == {(synset, labels.label_of()[synset]) for synset in inner}
        assert len(digests) == 1
