"""What becomes of unusual images, and what a listing of ImageNet's size costs."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from tiny_raw import encoded, picture

from imagenet_tools import images
from imagenet_tools.records.prepare import Settings, prepare


def png(image: Image.Image) -> bytes:
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return stored.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    check = zlib.crc32(kind + body)
    return len(body).to_bytes(4, "big") + kind + body + check.to_bytes(4, "big")


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_rotated_images_keep_their_bytes_and_are_not_turned(orientation: int) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    data = encoded(picture(1, 48, 40), exif=tag)
    facts = images.inspect(data)
    assert (facts.width, facts.height, facts.orientation) == (48, 40, orientation)
    prepared = prepare(data, Settings())
    assert prepared.data == data and prepared.converted is None
    # Made smaller, it is not turned either.
    small = prepare(data, Settings(max_side=20))
    assert (small.facts.width, small.facts.height) == (24, 20)


def test_sixteen_bits_become_the_upper_eight() -> None:
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    data = png(Image.fromarray(ramp))
    assert images.inspect(data).bits == 16
    raw = prepare(data, Settings(store="raw"))
    stored = np.frombuffer(raw.data, np.uint8).reshape(32, 32, 3)
    np.testing.assert_array_equal(stored, np.repeat((ramp >> 8)[..., None], 3, axis=2))
    reencoded = prepare(data, Settings())
    assert reencoded.converted == "PNG gray re-encoded as JPEG"
    assert np.abs(pixels(reencoded.data) - stored).max() <= 3


def test_grey_jpegs_keep_their_bytes_and_their_channel() -> None:
    data = encoded(picture(2, 30, 20, "L"))
    prepared = prepare(data, Settings())
    assert prepared.data == data
    assert (prepared.facts.channels, prepared.facts.colorspace) == (1, "gray")


def test_cmyk_is_read_as_tensorflow_reads_it() -> None:
    import tensorflow as tf

    data = encoded(picture(3, 40, 30, "CMYK"), quality=100)
    facts = images.inspect(data)
    assert (facts.channels, facts.colorspace) == (4, "CMYK")
    ours = np.asarray(images.to_rgb(data)).astype(int)
    theirs = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").numpy().astype(int)
    assert np.abs(ours - theirs).max() <= 1
    prepared = prepare(data, Settings())
    assert prepared.converted == "JPEG CMYK re-encoded as JPEG"
    assert images.inspect(prepared.data).channels == 3


def test_ycck_is_read_as_tensorflow_reads_it() -> None:
    """A CMYK file whose Adobe marker says that its three colours are YCbCr."""
    import tensorflow as tf

    data = bytearray(encoded(picture(3, 40, 30, "CMYK"), quality=100))
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    data[at] = 2
    facts = images.inspect(bytes(data))
    assert (facts.channels, facts.colorspace, facts.problem) == (4, "YCCK", None)
    ours = np.asarray(images.to_rgb(bytes(data))).astype(int)
    theirs = tf.io.decode_jpeg(bytes(data), channels=3, dct_method="INTEGER_ACCURATE").numpy()
    assert np.abs(ours - theirs.astype(int)).max() <= 1
    prepared = prepare(bytes(data), Settings())
    assert prepared.converted == "JPEG YCCK re-encoded as JPEG"
    assert images.inspect(prepared.data).channels == 3


def test_sixteen_bit_colours_become_the_upper_eight() -> None:
    """A PNG by hand, since Pillow writes none: one row of two pixels."""

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    row = struct.pack(">B6H", 0, 0x12FF, 0x3400, 0x5680, 0xFFFF, 0x0080, 0x7F7F)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    facts = images.inspect(data)
    assert (facts.bits, facts.colorspace, facts.problem) == (16, "RGB", None)
    stored = prepare(data, Settings(store="raw"))
    assert stored.data == bytes((0x12, 0x34, 0x56, 0xFF, 0x00, 0x7F))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "TIFF", "PNG"])
def test_the_content_says_what_it_is_not_the_name(kind: str) -> None:
    stored = io.BytesIO()
    picture(4, 24, 16).save(stored, kind)
    facts = images.inspect(stored.getvalue())
    assert (facts.format, facts.width, facts.height, facts.problem) == (kind, 24, 16, None)
    assert prepare(stored.getvalue(), Settings()).converted == f"{kind} RGB re-encoded as JPEG"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_frames_that_a_jpeg_has_not_are_said(kind: str) -> None:
    frames = [picture(n, 24, 16) for n in range(3)]
    for count, said in ((1, "1 more frame"), (2, "2 more frames")):
        stored = io.BytesIO()
        frames[0].save(stored, kind, save_all=True, append_images=frames[1 : count + 1])
        converted = prepare(stored.getvalue(), Settings()).converted
        assert converted == f"{kind} RGB re-encoded as JPEG, without {said}"


@pytest.mark.parametrize("mode", ["LA", "P", "RGBA"])
def test_alpha_that_a_jpeg_has_not_is_said(mode: str) -> None:
    stored, image = io.BytesIO(), picture(4, 24, 16).convert(mode)
    image.save(stored, "PNG", **({"transparency": 0} if mode == "P" else {}))
    converted = prepare(stored.getvalue(), Settings()).converted
    assert converted is not None and converted.endswith(" re-encoded as JPEG, without alpha")


@pytest.mark.parametrize("damage", ["IHDR", "PLTE", "IDAT", "IEND"])
def test_what_libpng_refuses_of_a_pngs_chunks_is_damage(damage: str) -> None:
    """Pillow passes a wrong CRC of pixels over, and makes up a palette."""
    data = bytearray(png(picture(6, 24, 16).convert("P")))
    assert prepare(bytes(data), Settings()).converted == "PNG RGB re-encoded as JPEG"
    at = data.index(damage.encode())
    size = int.from_bytes(data[at - 4 : at], "big")
    without = bytes(data[: at - 4] + data[at + 8 + size :])
    data[at + 4 + size] ^= 1
    with pytest.raises(ValueError, match=f"the CRC of its {damage} chunk does not hold"):
        prepare(bytes(data), Settings())
    with pytest.raises(ValueError, match="truncated|a palette, which is missing|no pixels"):
        prepare(without, Settings())


def test_the_png_of_an_iphones_program_is_called_that() -> None:
    data = png(picture(7, 24, 16))
    with pytest.raises(ValueError, match="Apple's own form of PNG"):
        prepare(data[:8] + chunk(b"CgBI", b"\x50\0\x20\2") + data[8:], Settings())


@pytest.mark.parametrize("kind", ["BMP", "GIF", "PPM", "TIFF", "WEBP"])
def test_a_cut_file_is_whole_all_the_same_or_damaged(kind: str) -> None:
    """What is lost is never filled in: a GIF may lack its end, or pictures after the first."""
    stored = io.BytesIO()
    more = {"save_all": True, "append_images": [picture(9, 24, 16)]} if kind == "GIF" else {}
    picture(8, 24, 16).save(stored, kind, **more)
    data, settings = stored.getvalue(), Settings(store="raw")
    whole, kept = prepare(data, settings).data, 0
    for end in range(1, len(data), 7):
        try:
            prepared = prepare(data[:end], settings)
        except ValueError:
            continue
        assert prepared.data == whole
        kept += 1
    assert bool(kept) == (kind == "GIF")


def test_a_bomb_is_refused_by_its_header() -> None:
    header = bytearray(png(Image.new("L", (8, 8))))
    header[16:24] = (100_000).to_bytes(4, "big") * 2
    jpeg = bytearray(encoded(picture(1)))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff" * 4  # 65,535 x 65,535 pixels
    for bomb in (bytes(header), bytes(jpeg)):
        problem = images.inspect(bomb).problem
        assert problem is not None and "decompression bomb" in problem
        for policy in ("fail", "repair"):
            settings = Settings(verify="decode", on_damaged=policy, max_side=16)
            with pytest.raises(ValueError, match="decompression bomb"):
                prepare(bomb, settings)


LISTING = """
from pathlib import Path
from imagenet_tools import labels
from imagenet_tools.raw import intake, listing
from imagenet_tools.raw.image import ClassInfo
from imagenet_tools.raw.split import columns, renumbered

updates = []

class Bar:
    def __init__(self, *what): assert what == ("listing train", "images")
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def update(self, count): updates.append(count)

def memory(kind):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(kind)) / 1024

listing.terminal.bar = Bar
def class_images(folder, root):
    name = Path(folder).name
    return listing.Listed([f"{name}_{n}.JPEG" for n in range(1282)], [], [], [])

listing.class_images = class_images
synsets = list(labels.synsets())
before = memory("VmRSS")
entries = listing.class_entries(Path("/raw/train"), synsets, intake.Intake(), "train")
part = columns("train", (), entries)
part = renumbered(part, tuple(ClassInfo(s, s) for s in synsets), range(1, 1001))
assert len(part) == sum(updates) == 1_282_000 and len(updates) == 1000
print(memory("VmHWM") - before)
"""


def test_a_listing_of_imagenets_size_is_bounded_and_shows_progress() -> None:
    """1.28 million names: some 60 MB of columns, twice that while they are joined, and NumPy
    itself; 20 MB more where the parent has TensorFlow."""
    done = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 200


def changed(data: bytes, marker: int, at: int, *values: int) -> bytes:
    """Overwrite bytes of the first segment of a kind, counted from its marker."""
    where = data.index(bytes((0xFF, marker))) + at
    return data[:where] + bytes(values) + data[where + len(values) :]


REFUSED = [
    (lambda data: changed(data, 0xC0, 1, 0xC5), "a kind that no decoder takes"),
    (lambda data: changed(data, 0xC0, 4, 12), "12 bits a sample"),
    (lambda data: changed(data, 0xC0, 5, 0, 0), "its size is 64 x 0"),
    (lambda data: changed(data, 0xC0, 9, 2), "2 components"),
    (lambda data: changed(data, 0xC0, 3, 20), "its frame header has"),
    (lambda data: changed(data, 0xC0, 11, 0x31, 0, 2, 0x21), "sampled 3 x 1"),
    (lambda data: changed(data, 0xC0, 11, 0x44), "more than 10 blocks"),
    (lambda data: changed(data, 0xC0, 12, 3), "quantisation table 3 is missing"),
    (lambda data: changed(data, 0xC0, 10, 9), "its scan is of components"),
    (lambda data: changed(data, 0xDB, 4, 9), "quantisation table has the number 9"),
    (lambda data: changed(data, 0xDB, 3, 70), "quantisation table has the number"),
    (lambda data: changed(data, 0xC4, 4, 0x27), "Huffman table has the number 0x27"),
    (lambda data: changed(data, 0xC4, 5, 9), "Huffman table"),
    (lambda data: changed(data, 0xDA, 4, 2), "its scan header has"),
    (lambda data: changed(data, 0xDA, 6, 0x33), "Huffman table DC 3 is missing"),
    (lambda data: changed(data, 0xE0, 1, 0xF5), "a marker 0xfff5"),
    (
        lambda data: (
            data[:2] + data[2:].replace(b"\xff\xc0", b"\xff\xc0\0\x11" + b"\x11" * 15 + b"\xff\xc0")
        ),
        "two frame headers",
    ),
]


@pytest.mark.parametrize(("damage", "words"), REFUSED)
def test_a_header_that_decoders_refuse_is_named(
    damage: Callable[[bytes], bytes], words: str
) -> None:
    data = damage(encoded(picture(1, 64, 48)))
    problem = images.inspect(data).problem
    assert problem is not None and words in problem
    assert images.decode(data) == problem


def test_damage_that_libjpeg_reports_is_damage() -> None:
    data = encoded(picture(1, 320, 240), quality=90)
    middle = len(data) // 2
    assert images.decode(data) is None
    for broken in (data[:middle] + b"\xff\xd9", data[:middle] + bytes(600) + data[middle + 600 :]):
        assert images.inspect(broken).problem is None
        problem = images.decode(broken)
        assert problem is not None and problem.startswith("does not decode (")
        with pytest.raises(ValueError, match="does not decode"):
            images.to_rgb(broken)
        assert images.to_rgb(broken, strict=False).size == (320, 240)
        for settings in (Settings(verify="decode"), Settings(store="raw"), Settings(max_side=8)):
            with pytest.raises(ValueError, match="does not decode"):
                prepare(broken, settings)
        mended = prepare(broken, Settings(verify="decode", on_damaged="repair"))
        assert mended.repaired == problem and images.decode(mended.data) is None


@pytest.mark.parametrize("process", [0xC3, 0xC9])
def test_a_jpeg_that_few_decoders_take_is_encoded_anew_or_refused(process: int) -> None:
    data = changed(encoded(picture(1)), 0xC0, 1, process)
    assert images.needs_reencoding(images.inspect(data))
    with pytest.raises(ValueError):  # its scan is Huffman's
        prepare(data, Settings())


def test_cmyk_without_adobes_segment_is_read_as_tensorflow_reads_it() -> None:
    import tensorflow as tf

    data = encoded(picture(4, mode="CMYK"))
    at = data.index(b"\xff\xee")
    data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    theirs = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").numpy().astype(int)
    assert np.abs(np.asarray(images.to_rgb(data)) - theirs).max() <= 1


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_samples_without_a_known_range_are_refused(kind: type) -> None:
    stored = io.BytesIO()
    Image.fromarray(np.eye(32, dtype=kind)).save(stored, "TIFF")
    for policy in ("fail", "repair"):
        with pytest.raises(ValueError, match="8 or 16 bits are wanted"):
            prepare(stored.getvalue(), Settings(on_damaged=policy))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_that_are_but_twelve_are_refused(kind: str) -> None:
    stored, brighter = io.BytesIO(), io.BytesIO()
    ramp = np.linspace(0, 4095, 32 * 32).astype(np.uint16).reshape(32, 32)
    Image.fromarray(ramp).save(stored, kind)
    for policy in ("fail", "repair"):
        with pytest.raises(ValueError, match="its samples use 12 bits of 16 at most"):
            prepare(stored.getvalue(), Settings(on_damaged=policy))
    Image.fromarray(ramp + 1).save(brighter, kind)
    assert prepare(brighter.getvalue(), Settings(store="raw")).data[-1] == 4096 >> 8
    black = io.BytesIO()
    Image.fromarray(0 * ramp).save(black, kind)
    assert not any(prepare(black.getvalue(), Settings(store="raw")).data)


def test_a_cut_image_of_sixteen_bits_is_repaired_to_its_upper_eight() -> None:
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    data = png(Image.fromarray(ramp))
    whole, cut = (prepare(one, Settings(on_damaged="repair")) for one in (data, data[:-12]))
    assert (whole.repaired, cut.repaired) == (None, "truncated: no end chunk")
    assert np.abs(pixels(cut.data) - pixels(whole.data)).max() <= 3


def test_a_png_is_sound_whatever_its_texts_and_what_follows_it() -> None:
    image = picture(2)
    plain = png(image)
    text = b"tEXtComment\0" + b"x" * 3_000_000
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    expected = prepare(plain, Settings()).data
    for data in (plain + b"\1\2\3" * 90, plain[:33] + chunk + plain[33:]):
        assert prepare(data, Settings()).data == expected
    assert images.inspect(plain[:-12]).problem == "truncated: no end chunk"


def test_an_image_longer_than_a_jpeg_can_be_is_damage() -> None:
    long = png(Image.new("L", (70_000, 9)))
    with pytest.raises(ValueError, match="70000 x 9: a side of a JPEG has at most 65,500"):
        prepare(long, Settings())
    assert prepare(long, Settings(store="raw")).facts.width == 70_000


def test_what_is_said_of_an_unreadable_image_is_the_same_each_time() -> None:
    """It stands in a manifest, which is the same for the same images."""
    assert images.inspect(b"GIF89a" + bytes(10)).problem == "its GIF header is unreadable"
    unread = "cannot identify image file"
    with pytest.raises(ValueError, match=rf"^the file is empty; beyond repair \({unread}\)$"):
        prepare(b"", Settings(on_damaged="repair"))
    no_colours = png(Image.new("L", (4, 3)))
    head = no_colours[16:24] + bytes([7, 0, 0, 0, 0])  # of 7 bits
    data = no_colours[:8] + chunk(b"IHDR", head) + no_colours[33:]
    with pytest.raises(ValueError, match=rf"^does not decode \({unread}\)$"):
        prepare(data, Settings())


def test_nothing_is_warned_of_a_palette_with_alpha() -> None:
    stored = io.BytesIO()
    picture(1).quantize(64).save(stored, "PNG", transparency=bytes(range(64)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepared = prepare(stored.getvalue(), Settings())
    assert prepared.converted == "PNG RGB re-encoded as JPEG, without alpha"
    stored = picture(1).quantize(64).convert("RGB")
    assert np.abs(pixels(prepared.data) - np.asarray(stored)).mean() < 6
