"""What is stored of an image: its own bytes, a JPEG made of it, a smaller one, or pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_raw import build, encoded, examples, make_raw, picture

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.records import schema


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def found(images: Path) -> RawSet:
    return raw.detect(images)


def test_other_formats_are_found_by_content(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", classes=("ant",), train=4, validation=1)
    place = folder / "train" / "ant"
    sources = {
        "ant_train_0.JPEG": encoded(picture(1), "PNG"),
        "ant_train_1.JPEG": encoded(picture(2, mode="CMYK")),
        "ant_train_2.JPEG": encoded(picture(3, mode="L")),
    }
    for name, data in sources.items():
        (place / name).write_bytes(data)
    manifest = build(raw.detect(folder), tmp_path / "out", train_shards=1, validation_shards=1)
    assert [(note["key"], note["reason"]) for note in manifest.converted] == [
        ("ant/ant_train_0.JPEG", "PNG RGB re-encoded as JPEG"),
        ("ant/ant_train_1.JPEG", "JPEG CMYK re-encoded as JPEG"),
    ]
    held = {
        example[schema.FILENAME][0].decode(): example
        for example in examples(tmp_path / "out", "train")
    }
    assert held["ant_train_2.JPEG"][schema.ENCODED] == [sources["ant_train_2.JPEG"]]
    for name, example in held.items():
        with Image.open(io.BytesIO(example[schema.ENCODED][0])) as image:
            assert image.format == "JPEG" and image.mode == ("L" if "_2" in name else "RGB")
        assert example[schema.FORMAT] == [b"JPEG"]


def test_max_side_makes_images_smaller_without_aliasing(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw", classes=("ant",), train=2, validation=1)
    place = folder / "train" / "ant"
    stripes = np.zeros((120, 180, 3), np.uint8)
    stripes[:, ::2] = 255  # what a filter without antialiasing turns into broad bands
    (place / "ant_train_0.JPEG").write_bytes(encoded(Image.fromarray(stripes), quality=95))
    small = (place / "ant_train_1.JPEG").read_bytes()
    settings = records.Settings(max_side=30)
    manifest = build(
        raw.detect(folder), tmp_path / "out", train_shards=1, validation_shards=1, settings=settings
    )
    held = {e[schema.FILENAME][0]: e for e in examples(tmp_path / "out", "train")}
    assert held[b"ant_train_1.JPEG"][schema.ENCODED] == [small]  # never enlarged, nor touched
    example = held[b"ant_train_0.JPEG"]
    assert (example[schema.HEIGHT], example[schema.WIDTH]) == ([30], [45])
    with Image.open(io.BytesIO(example[schema.ENCODED][0])) as image:
        assert image.size == (45, 30)
        assert np.asarray(image).std() < 12
    assert manifest.max_side == 30 and manifest.saved > 0


def test_raw_pixels_are_the_decoded_image(images: Path, found: RawSet, tmp_path: Path) -> None:
    manifest = build(found, tmp_path, settings=records.Settings(store="raw", max_side=16))
    assert manifest.store == "raw" and manifest.saved < 0
    example = examples(tmp_path, "validation")[0]
    assert example[schema.FORMAT] == [b"RAW"] and example[schema.CHANNELS] == [3]
    name = example[schema.FILENAME][0].decode()
    with Image.open(images / "val" / name.split("_")[0] / name) as image:
        factor = 16 / image.size[1]
        size = (round(image.size[0] * factor), 16)
        expected = image.resize(size, Image.Resampling.BILINEAR).tobytes()
    assert example[schema.ENCODED] == [expected]
    assert (example[schema.WIDTH][0], example[schema.HEIGHT][0]) == size
    assert not records.verify(tmp_path, decode=True, workers=1).problems


@pytest.mark.parametrize(
    ("slim_compat", "colorspace", "channels"), [(False, b"Grayscale", 1), (True, b"RGB", 3)]
)
def test_grey_images_are_called_what_they_are_or_what_tf_slim_calls_them(
    slim_compat: bool, colorspace: bytes, channels: int, tmp_path: Path
) -> None:
    folder = make_raw(tmp_path / "raw", classes=("ant",), train=1, validation=1)
    grey = encoded(picture(3, mode="L"))
    (folder / "train" / "ant" / "ant_train_0.JPEG").write_bytes(grey)
    settings = records.Settings(slim_compat=slim_compat)
    records.build(raw.detect(folder), tmp_path / "out", workers=1, settings=settings)
    (example,) = examples(tmp_path / "out", "train")
    assert (example[schema.COLORSPACE], example[schema.CHANNELS]) == ([colorspace], [channels])
    assert example[schema.ENCODED] == [grey]
    assert not records.verify(tmp_path / "out", workers=1).problems


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--max-side", "16"], "x smaller than"), (["--store", "raw"], "x larger than")],
)
def test_the_command_says_what_a_form_saves_or_costs(
    options: list[str],
    said: str,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = ["build-tfrecords", "--raw", str(images), "--out", str(tmp_path), "--workers", "1"]
    assert cli_main.run([*line, *options]) == 0
    assert f"{said} with the files' own bytes (" in capsys.readouterr().out
