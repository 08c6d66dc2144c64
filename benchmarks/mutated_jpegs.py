"""What each policy makes of damaged JPEGs: `python -m benchmarks.mutated_jpegs [EACH]`.

Sound images of many encodings are damaged in some forty ways, EACH times each, and given to the
builder's check under each policy. What it keeps, TensorFlow decodes: how often does that fail, and
how often does libjpeg warn (libjpeg-turbo at full size, its warnings as errors)?
"""

from __future__ import annotations

import io
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from imagenet_tools.records.prepare import Prepared, Settings, prepare

EACH = 30
POLICIES = [
    (verify, damaged) for verify in ("structure", "decode") for damaged in ("skip", "repair")
]
FRAMES = [0xC1, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xC0, 0xC2]
Kind = Callable[[random.Random, "Parts"], bytes]


class Parts:
    """A JPEG as its segments up to the first scan, and the rest."""

    def __init__(self, data: bytes) -> None:
        self.data, self.segments, at = data, list[bytes](), 2
        while True:
            size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            self.segments.append(data[at : at + size])
            at += size
            if self.segments[-1][1] == 0xDA:
                break
        self.head, self.scan = data[:at], data[at:-2]

    def with_segments(self, change: Callable[[bytes], bytes], *kinds: int) -> bytes:
        """The file with the segments of some kinds changed (none given: all)."""
        parts = [one if kinds and one[1] not in kinds else change(one) for one in self.segments]
        return b"\xff\xd8" + b"".join(parts) + self.scan + b"\xff\xd9"

    def with_scan(self, scan: bytes) -> bytes:
        return self.head + scan + b"\xff\xd9"


SOF = (0xC0, 0xC1, 0xC2)


def put(at: int, *values: int) -> Callable[[bytes], bytes]:
    """Overwrite bytes of a segment, counted from its first byte 0xff."""
    return lambda one: one[:at] + bytes(values)[: len(one) - at] + one[at + len(values) :]


def kinds() -> dict[str, Kind]:
    """Every kind of damage."""
    found: dict[str, Kind] = {}
    for group in (in_the_file, in_the_scan, in_the_frame, in_tables, in_segments):
        found |= group()
    return found


def in_the_file() -> dict[str, Kind]:
    def flipped(rng: random.Random, jpeg: Parts) -> bytes:
        data = bytearray(jpeg.data)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)

    def cut(rng: random.Random, jpeg: Parts) -> bytes:
        return jpeg.data[: rng.randrange(2, len(jpeg.data) - 1)]

    def hole(rng: random.Random, jpeg: Parts) -> bytes:
        at = rng.randrange(len(jpeg.data) - 40)
        return jpeg.data[:at] + bytes(40) + jpeg.data[at + 40 :]

    def removed(rng: random.Random, jpeg: Parts) -> bytes:
        at = rng.randrange(2, len(jpeg.data) - 40)
        return jpeg.data[:at] + jpeg.data[at + rng.randrange(1, 40) :]

    def as_text(rng: random.Random, jpeg: Parts) -> bytes:
        return jpeg.data.replace(b"\n", b"\r\n")

    return {
        "a bit flipped": flipped,
        "cut": cut,
        "a hole of zeros": hole,
        "bytes removed": removed,
        "copied as text": as_text,
        "bytes doubled": lambda rng, jpeg: _doubled(rng, jpeg.data),
        "image after the end": lambda rng, jpeg: jpeg.data + jpeg.data,
        "junk after the end": lambda rng, jpeg: jpeg.data + rng.randbytes(200),
    }


def _doubled(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(2, len(data) - 40)
    return data[: at + 40] + data[at:]


def in_the_scan() -> dict[str, Kind]:
    def at(rng: random.Random, scan: bytes, inserted: bytes, over: int = 0) -> bytes:
        where = rng.randrange(len(scan))
        return scan[:where] + inserted + scan[where + over :]

    def scan(change: Callable[[random.Random, bytes, Parts], bytes]) -> Kind:
        return lambda rng, jpeg: jpeg.with_scan(change(rng, jpeg.scan, jpeg))

    return {
        "scan: cut, with an end": scan(lambda rng, one, _: one[: rng.randrange(len(one))]),
        "scan: empty": scan(lambda rng, one, _: b""),
        "scan: zeros": scan(lambda rng, one, _: at(rng, one, bytes(30), 30)),
        "scan: noise": scan(lambda rng, one, _: at(rng, one, rng.randbytes(30), 30)),
        "scan: end marker": scan(lambda rng, one, _: at(rng, one, b"\xff\xd9")),
        "scan: restart": scan(lambda rng, one, _: at(rng, one, bytes((255, 0xD0 + at_8(rng))))),
        "scan: start marker": scan(lambda rng, one, _: at(rng, one, b"\xff\xd8")),
        "scan: an image inside": scan(lambda rng, one, jpeg: at(rng, one, jpeg.data)),
        "scan: a comment": scan(lambda rng, one, _: at(rng, one, b"\xff\xfe\x00\x06help")),
        "scan: any marker": scan(
            lambda rng, one, _: at(rng, one, bytes((255, rng.randrange(0xC0, 0xFF))))
        ),
        "scan: not stuffed": scan(lambda rng, one, _: one.replace(b"\xff\x00", b"\xff")),
        "scan: another image's": scan(lambda rng, one, _: one[::-1].replace(b"\xff", b"\xfe")),
        "scan: a second frame": scan(
            lambda rng, one, jpeg: at(rng, one, b"".join(jpeg.segments)),
        ),
    }


def at_8(rng: random.Random) -> int:
    return rng.randrange(8)


def in_the_frame() -> dict[str, Kind]:
    def frame(change: Callable[[random.Random], Callable[[bytes], bytes]]) -> Kind:
        return lambda rng, jpeg: jpeg.with_segments(change(rng), *SOF)

    return {
        "frame: another process": frame(lambda rng: put(1, rng.choice(FRAMES))),
        "frame: arithmetic": frame(lambda rng: put(1, 0xC9)),
        "frame: lossless": frame(lambda rng: put(1, 0xC3)),
        "frame: bits": frame(lambda rng: put(4, rng.choice((0, 7, 12, 16)))),
        "frame: height": frame(lambda rng: put(5, rng.randrange(3), rng.randrange(256))),
        "frame: width": frame(lambda rng: put(7, rng.randrange(3), rng.randrange(256))),
        "frame: huge": frame(lambda rng: put(5, 255, 255, 255, 255)),
        "frame: size of zero": frame(lambda rng: put(rng.choice((5, 7)), 0, 0)),
        "frame: components": frame(lambda rng: put(9, rng.randrange(6))),
        "frame: sampling": frame(lambda rng: put(11, rng.randrange(256))),
        "frame: chroma sampling": frame(lambda rng: put(14, rng.randrange(1, 5) << 4 | 2)),
        "frame: table": frame(lambda rng: put(12, rng.randrange(6))),
        "frame: ids": frame(lambda rng: put(10 + 3 * rng.randrange(3), rng.randrange(4))),
        "frame: twice": frame(lambda rng: lambda one: one * 2),
        "frame: none": frame(lambda rng: lambda one: b""),
        "frame: length": frame(lambda rng: put(3, rng.randrange(40))),
    }


def in_tables() -> dict[str, Kind]:
    def table(kind: int, change: Callable[[random.Random], Callable[[bytes], bytes]]) -> Kind:
        return lambda rng, jpeg: jpeg.with_segments(change(rng), kind)

    quant, huff, scan, restart = 0xDB, 0xC4, 0xDA, 0xDD
    return {
        "quantisation: none": table(quant, lambda rng: lambda one: b""),
        "quantisation: number": table(quant, lambda rng: put(4, rng.randrange(256))),
        "quantisation: zeros": table(quant, lambda rng: put(5, *bytes(64))),
        "quantisation: length": table(quant, lambda rng: put(3, rng.randrange(140))),
        "huffman: none": table(huff, lambda rng: lambda one: b""),
        "huffman: number": table(huff, lambda rng: put(4, rng.randrange(256))),
        "huffman: counts": table(huff, lambda rng: put(5 + rng.randrange(16), rng.randrange(256))),
        "huffman: symbols": table(huff, lambda rng: lambda one: one[:-2] + rng.randbytes(2)),
        "huffman: length": table(huff, lambda rng: put(3, rng.randrange(200))),
        "scan header: components": table(scan, lambda rng: put(4, rng.randrange(6))),
        "scan header: ids": table(scan, lambda rng: put(5, rng.randrange(6))),
        "scan header: tables": table(scan, lambda rng: put(6, rng.randrange(256))),
        "scan header: spectrum": table(scan, lambda rng: lambda one: one[:-3] + rng.randbytes(3)),
        "scan header: length": table(scan, lambda rng: put(3, rng.randrange(20))),
        "restart interval": lambda rng, jpeg: jpeg.with_segments(
            lambda one: bytes((255, restart, 0, 4, 0, rng.randrange(1, 9))) + one, scan
        ),
        "arithmetic's conditioning": lambda rng, jpeg: jpeg.with_segments(
            lambda one: b"\xff\xcc\x00\x04" + rng.randbytes(2) + one, scan
        ),
    }


def in_segments() -> dict[str, Kind]:
    def shuffled(rng: random.Random, jpeg: Parts) -> bytes:
        parts = jpeg.segments[:-1]
        rng.shuffle(parts)
        return b"\xff\xd8" + b"".join(parts) + jpeg.segments[-1] + jpeg.scan + b"\xff\xd9"

    def one_gone(rng: random.Random, jpeg: Parts) -> bytes:
        parts = list(jpeg.segments)
        del parts[rng.randrange(len(parts))]
        return b"\xff\xd8" + b"".join(parts) + jpeg.scan + b"\xff\xd9"

    return {
        "segments: shuffled": shuffled,
        "segments: one missing": one_gone,
        "segments: junk between": lambda rng, jpeg: jpeg.with_segments(
            lambda one: one + rng.randbytes(3), 0xDB
        ),
        "segments: Adobe's colours": lambda rng, jpeg: jpeg.with_segments(
            lambda one: b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0" + rng.randbytes(1) + one, 0xDB
        ),
    }


def sound() -> list[bytes]:
    """Images of most ways in which JPEGs are encoded."""
    rng, found = np.random.default_rng(0), []
    ways: list[dict[str, Any]] = [
        *({"subsampling": one} for one in ("4:4:4", "4:2:2", "4:2:0")),
        *({"progressive": True, "subsampling": one} for one in ("4:4:4", "4:2:0")),
        *({"restart_marker_blocks": 4}, {"optimize": True}, {"quality": 30}, {"quality": 100}),
        *({"mode": "L"}, {"mode": "L", "progressive": True}, {"mode": "CMYK"}),
    ]
    for number, way in enumerate(ways):
        options = dict(way)
        mode = str(options.pop("mode", "RGB"))
        height, width = 60 + 7 * number, 50 + 11 * number
        down, along = np.mgrid[:height, :width].astype(float)
        waves = np.stack([np.sin(down / (5 + c)) * np.cos(along / (7 - c)) for c in range(3)], -1)
        noise = rng.normal(0, 12, waves.shape)
        pixels = Image.fromarray((128 + 90 * waves + noise).clip(0, 255).astype(np.uint8))
        file = io.BytesIO()
        pixels.convert(mode).save(file, "JPEG", **options)
        found.append(file.getvalue())
    return found


def mutated(each: int = EACH, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """(kind, file) of every kind, `each` times."""
    originals = [Parts(data) for data in sound()]
    for kind, damage in kinds().items():
        rng = random.Random(f"{seed} {kind}")
        for number in range(each):
            yield kind, damage(rng, originals[number % len(originals)])


def kept(data: bytes, verify: str, on_damaged: str) -> Prepared | None:
    try:
        return prepare(data, Settings(verify=verify, on_damaged=on_damaged))
    except ValueError:
        return None


def warned(data: bytes) -> bool:
    """Whether libjpeg has something to say of it."""
    try:
        simplejpeg.decode_jpeg(data, "GRAY" if b"\xff\xee" in data[:400] else "RGB")
    except ValueError:
        return True
    return False


def decodes(data: bytes) -> bool:
    """Whether TensorFlow decodes it."""
    import tensorflow as tf

    try:
        tf.io.decode_jpeg(data, channels=3)
    except tf.errors.InvalidArgumentError:
        return False
    return True


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    each = int(sys.argv[1]) if len(sys.argv) > 1 else EACH
    files = list(mutated(each))
    fine = sum(decodes(data) for _, data in files)
    print(f"{len(files)} files of {len(kinds())} kinds; TensorFlow decodes {fine}")
    print(
        "policy | refused | kept, TensorFlow decodes | of these libjpeg warns | kept, it does not"
    )
    for policy in POLICIES:
        counts: Counter[str] = Counter()
        kinds_of: Counter[str] = Counter()
        for kind, data in files:
            found = kept(data, *policy)
            if found is None:
                counts["refused"] += 1
            elif not decodes(found.data):
                counts["not"] += 1
                kinds_of[kind] += 1
            else:
                counts["decodes"] += 1
                counts["warns"] += warned(found.data)
        row = [counts[name] for name in ("refused", "decodes", "warns", "not")]
        print("/".join(policy), *row, sep=" | ", flush=True)
        for kind, count in kinds_of.most_common():
            print(f"    {count} {kind}")


if __name__ == "__main__":
    main()
