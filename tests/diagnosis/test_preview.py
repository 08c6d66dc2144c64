"""The preview sheet: its boxes are what the pipelines look at, its colours those of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from imagenet_tools import registry
from imagenet_tools.cli import main as cli_main
from imagenet_tools.diagnosis import preview


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (300, 200), (200, 100, 50)).save(path)
    return path


def test_boxes_are_those_of_the_views() -> None:
    seed = tf.constant([1, 2])
    box = preview.source_box(registry.get("alexnet"), (200, 300), 224, False, seed)
    # Shorter side 200 -> 256: the central 224 of it are 175 source pixels.
    assert box == pytest.approx((62.5, 12.5, 237.5, 187.5), abs=1.0)
    box = preview.source_box(registry.get("inception"), (200, 300), 224, False, seed)
    assert box == pytest.approx((18, 12, 282, 188), abs=1.0)


@pytest.mark.parametrize("name", ["inception", "lenet", "vgg", "alexnet", "vgg:multiply=-0.1"])
def test_values_are_mapped_back(name: str) -> None:
    """Each channel by itself: without its mean pixel a grey image is not grey."""
    pipeline = registry.get(name)
    colour = (128, 40, 230)
    image = tf.constant(np.broadcast_to(np.uint8(colour), (300, 300, 3)))
    out = pipeline.preprocess_image(image, 64, 64).numpy()
    shown = np.asarray(preview.displayable(pipeline, out), np.int32)
    assert np.abs(shown - colour).max() <= 1


def test_sheet_and_page(picture: Path, tmp_path: Path, capsys) -> None:
    command = ["preview", "alexnet", "inception", "--image", str(picture), "--draws", "2"]
    for name in ("sheet.png", "sheet.html"):
        assert cli_main.run([*command, "--size", "64", "--out", str(tmp_path / name)]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (7 * 166 + 6, preview.CAPTION + 166 + 6)
    page = (tmp_path / "sheet.html").read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page
    assert '<th scope="row">range: values out</th>' in page
    capsys.readouterr()


def test_many_pipelines_wrap() -> None:
    """Two beside each other, the next two below them, in colours of their own."""
    pixels = np.full((40, 40, 3), 200, np.uint8)
    two = preview.sheet(["lenet", "vgg"], [pixels], draws=1, size=32, shown=50)
    five = preview.sheet(
        ["lenet", "vgg", "alexnet", "inception", "lenet"], [pixels], draws=1, size=32, shown=50
    )
    assert five.size == (two.width, 3 * two.height)
    assert np.array_equal(np.asarray(five)[: two.height], np.asarray(two))
    third, first = (five.crop((0, at * two.height, five.width, (at + 1) * two.height))
                    for at in (1, 0))  # fmt: skip
    boxes = {colour for _, colour in third.getcolors(1 << 16) or []}
    assert (0, 158, 115) in boxes and (0, 114, 178) not in boxes
    assert (0, 114, 178) in {colour for _, colour in first.getcolors(1 << 16) or []}


def test_an_original_fills_its_tile_whatever_its_size() -> None:
    for height, width in ((1, 1), (3, 2000)):
        pixels = np.full((height, width, 3), 200, np.uint8)
        sheet = np.asarray(preview.sheet(["inception"], [pixels], draws=1, size=8, shown=100))
        drawn = (sheet[preview.CAPTION :, 6:106] != 255).any(axis=2)
        rows, columns = drawn.any(axis=1).sum(), drawn.any(axis=0).sum()
        assert (rows, columns) == ((100, 100) if height == width else (1, 100))


def test_errors_are_one_line(picture: Path, tmp_path: Path, capsys) -> None:
    text = tmp_path / "b.jpg"
    text.write_text("no image")
    out = str(tmp_path / "s.png")
    assert cli_main.run(["preview", "alexnet", "--image", str(text), "--out", out]) == 2
    assert "b.jpg: not an image" in capsys.readouterr().err
    out = str(tmp_path / "s.txt")
    assert cli_main.run(["preview", "alexnet", "--image", str(picture), "--out", out]) == 2
    assert ".png or .html" in capsys.readouterr().err
