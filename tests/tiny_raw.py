"""Small raw data sets for the tests of records, and what is built from them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imagenet_tools import records
from imagenet_tools.raw.raw_set import RawSet


def put(path: Path, data: bytes | str = b"") -> None:
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def picture(seed: int, width: int = 32, height: int = 24, mode: str = "RGB") -> Image.Image:
    """Smooth colours with some noise, different for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = np.stack([x * 5 + seed, y * 7, x * y / 4], axis=-1) % 230
    pixels = (planes + rng.integers(0, 25, planes.shape)).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def make_raw(
    folder: Path,
    classes: tuple[str, ...] = ("ant", "bee", "cat"),
    train: int = 8,
    validation: int = 3,
) -> Path:
    """Class folders of different JPEGs, `train` and `validation` a class."""
    for first, (split, count) in enumerate((("train", train), ("val", validation))):
        for number, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for index in range(count):
                seed = first * 100_000 + number * 10_000 + index
                data = encoded(picture(seed, 32 + index % 5, 24 + index % 3))
                (place / f"{name}_{split}_{index}.JPEG").write_bytes(data)
    return folder


def make_many(
    folder: Path, train: int, validation: int, *, width: int = 160, height: int = 120
) -> Path:
    """Two classes of so many files each, of four pictures: work that takes a while to write."""
    pictures = [encoded(picture(seed, width, height), quality=95) for seed in range(4)]
    for split, count in (("train", train), ("val", validation)):
        for name in ("ant", "bee"):
            place = folder / split / name
            place.mkdir(parents=True)
            for index in range(count):
                (place / f"{name}_{split}_{index}.JPEG").write_bytes(pictures[index % 4])
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under the folder but locks and the times of raw files: relative name -> bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".imgtools-lock", ".imgtools-sources")
    }


def build(raw_set: RawSet, out: Path, **options: Any) -> records.Manifest:
    """Build in this process, into four shards and two."""
    options = {"train_shards": 4, "validation_shards": 2, "workers": 1, **options}
    return records.build(raw_set, out, **options)


def examples(folder: Path, split: str) -> list[dict]:
    """Every record of a split, in order."""
    return list(records.examples(folder, split))
