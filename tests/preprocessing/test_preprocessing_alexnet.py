"""alexnet, alexnet_2012 and alexnet_caffe against the papers, with NumPy and Pillow as judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from imagenet_tools import registry
from imagenet_tools.pipelines import probe
from imagenet_tools.preprocessing import alexnet_preprocessing as alexnet

PHOTOGRAPH = probe.photograph()
FLAT = np.full((40, 60, 3), 128, np.uint8)


def shrunk(height: int, width: int) -> np.ndarray:
    """The photograph by Pillow's bilinear filter, which is antialiased: another author's."""
    image = Image.fromarray(PHOTOGRAPH).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float64)


def test_evaluation_is_the_papers() -> None:
    """Shorter side to 256, central 256 square, central 224 of it, minus the mean."""
    expected = shrunk(256, 341)[16 : 16 + 224, 42 + 16 : 42 + 16 + 224] - alexnet.MEAN_PIXEL
    published = registry.get("alexnet_2012").preprocess_image(PHOTOGRAPH, 224, 224)
    assert np.abs(published - expected).max() < 1.0  # Pillow rounds each pass to whole levels
    assert np.abs(published - expected).mean() < 0.35
    scaled = registry.get("alexnet").preprocess_image(PHOTOGRAPH, 224, 224)
    np.testing.assert_allclose(scaled, published / 127.5, atol=1e-6)


def test_caffes_evaluation_squashes_and_is_bgr() -> None:
    expected = (shrunk(256, 256)[16:240, 16:240] - alexnet.CAFFE_MEAN_PIXEL)[..., ::-1]
    out = registry.get("alexnet_caffe").preprocess_image(PHOTOGRAPH, 224, 224)
    assert np.abs(out - expected).max() < 1.0
    rgb = registry.get("alexnet_caffe:order=rgb").preprocess_image(PHOTOGRAPH, 224, 224)
    np.testing.assert_array_equal(out, rgb[..., ::-1])


@pytest.mark.parametrize(("size", "side"), [(224, 256), (96, 110), (227, 259), (299, 342)])
def test_the_picture_scales_with_the_output(size: int, side: int) -> None:
    view = registry.get("alexnet").view(375, 500, size, size)
    assert int(view.resize[0]) == side
    np.testing.assert_array_equal(view.room[2:], [side, side])


@pytest.mark.parametrize(
    ("spec", "rightmost"), [("alexnet", 42 + 32), ("alexnet:borders=keep", 341 - 224)]
)
def test_windows_fill_their_room(spec: str, rightmost: int) -> None:
    """All 33 offsets of the 256 square; with the borders kept all of the longer side."""
    views = [registry.get(spec).view(375, 500, 224, 224, True, seed=(k, 0)) for k in range(300)]
    windows = np.array([view.window for view in views])
    leftmost = 42 if spec == "alexnet" else 0
    assert set(windows[:, 0]) == set(range(33))
    # 300 draws miss the outermost three of 118 places with probability 1e-3 or less.
    assert leftmost <= windows[:, 1].min() <= leftmost + 3
    assert rightmost - 3 <= windows[:, 1].max() <= rightmost
    flips = sum(bool(view.flip) for view in views)
    assert abs(flips - 150) < 4 * np.sqrt(300 / 4)


@pytest.mark.parametrize(
    ("mode", "strengths", "grey_levels"),
    [
        # Eigenvalues of pixels of 0..1, in grey levels; and the author's standard deviations.
        ("paper", (58.158, 5.396, 1.525), (3.3, 3.5)),
        ("cuda_convnet2", (121.780 / 1.1, 37.094 / 1.1, 19.721 / 1.1), (7.2 / 1.1, 7.7 / 1.1)),
    ],
)
def test_lighting_is_distributed_as_published(
    mode: str, strengths: tuple[float, ...], grey_levels: tuple[float, float]
) -> None:
    draws = 2000
    pipeline = registry.get(f"alexnet_2012:lighting={mode}")
    pixels = tf.data.Dataset.range(draws).map(
        lambda k: pipeline.preprocess_image(FLAT, 2, 2, True, seed=[3, tf.cast(k, tf.int32)])
    )
    drawn = np.stack(list(pixels.batch(draws).as_numpy_iterator()))[0]
    assert np.ptp(drawn, axis=(1, 2)).max() < 1e-4  # one draw for the whole image
    drawn = drawn[:, 0, 0]
    steps = 0.1 * np.array(strengths)[:, None] * np.array(alexnet.PCA_DIRECTIONS)
    expected = steps.T @ steps
    # Four standard errors of a variance, 2 / n of its square.
    slack = 4 * np.sqrt(2 / draws) * expected.max()
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=slack)
    assert grey_levels[0] * 0.95 < drawn.std(axis=0).min()
    assert drawn.std(axis=0).max() < grey_levels[1] * 1.05
    mean = np.subtract(128.0, alexnet.MEAN_PIXEL) / (1 if mode == "paper" else 1.1)
    error = 4 * np.sqrt(expected.diagonal().max() / draws)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=error)


def test_no_lighting() -> None:
    for spec in ("alexnet_2012:lighting=0", "alexnet_2012:sigma=0", "alexnet_caffe"):
        out = registry.get(spec).preprocess_image(FLAT, 4, 4, True, seed=(1, 1))
        evaluated = registry.get(spec).preprocess_image(FLAT, 4, 4)
        np.testing.assert_allclose(out, evaluated, atol=1e-4)
    with pytest.raises(ValueError, match="sigma=-1"):
        registry.get("alexnet:sigma=-1").preprocess_image(FLAT, 4, 4, True, seed=(1, 1))


def test_a_mean_image_lies_under_the_window(tmp_path: Path) -> None:
    """The mean image of one picture leaves nothing of that picture, wherever the window lies."""
    plane = tf.image.resize(PHOTOGRAPH, [256, 341], antialias=True).numpy()[:, 42 : 42 + 256]
    path = tmp_path / "mean.npy"
    np.save(path, plane.astype(np.float32))
    pipeline = registry.get(f"alexnet_2012:lighting=0,mean={path}")
    for seed in ((0, 0), (5, 1), (9, 3)):
        out = pipeline.preprocess_image(PHOTOGRAPH, 224, 224, True, seed=seed)
        assert np.abs(out).max() < 1e-2
    encoded = tf.io.encode_jpeg(PHOTOGRAPH)
    exact = pipeline.preprocess_image(tf.io.decode_jpeg(encoded), 224, 224, True, seed=(5, 1))
    fused = pipeline.preprocess_encoded(encoded, 224, 224, True, seed=(5, 1))
    np.testing.assert_allclose(fused, exact, atol=1)
    # The file counts by its content.
    before = pipeline.fingerprint
    np.save(tmp_path / "copy.npy", plane.astype(np.float32))
    assert registry.get(f"alexnet_2012:lighting=0,mean={tmp_path}/copy.npy").fingerprint == before
    np.save(path, plane.astype(np.float32) + 1)
    assert pipeline.fingerprint != before
    with pytest.raises(ValueError, match="mean=black: pixel, or a file"):
        registry.get("alexnet:mean=black").preprocess_image(FLAT, 4, 4)


@pytest.mark.parametrize(
    "spec", ["alexnet", "alexnet:borders=keep", "inception", "vgg", "lenet", "alexnet_caffe"]
)
def test_ten_crops_are_corners_centre_and_flips(spec: str) -> None:
    """On a picture of coordinates every crop tells where it comes from."""
    y, x = np.mgrid[0:120, 0:180]
    image = np.stack([y, x, np.zeros_like(y)], axis=-1).astype(np.uint8)
    pipeline = registry.get(f"{spec}+lenet.range" if spec != "lenet" else spec)
    if spec == "vgg":
        pipeline = registry.get("vgg:proportional=1+lenet.range")
    crops = pipeline.ten_crop(image, 56, 56).numpy() * 128 + 128
    np.testing.assert_allclose(crops[4], pipeline.preprocess_image(image, 56, 56) * 128 + 128)
    np.testing.assert_array_equal(crops[5:], crops[:5, :, ::-1])
    rows, columns = crops[:5, ..., 0].mean(axis=(1, 2)), crops[:5, ..., 1].mean(axis=(1, 2))
    assert rows[0] == pytest.approx(rows[1]) and rows[2] == pytest.approx(rows[3])
    assert columns[0] == pytest.approx(columns[2]) and columns[1] == pytest.approx(columns[3])
    assert rows[0] < rows[4] < rows[2] and columns[0] < columns[4] < columns[1]
    if spec in ("alexnet:borders=keep", "inception", "vgg", "alexnet_caffe"):
        assert crops[0, 0, 0, :2] == pytest.approx([0, 0], abs=1.5)
        assert crops[3, -1, -1, :2] == pytest.approx([119, 179], abs=3.5)
    if spec == "alexnet":  # within the central square: columns 30 to 150
        assert crops[0, 0, 0, 1] == pytest.approx(30, abs=2)
        assert crops[1, 0, -1, 1] == pytest.approx(149, abs=2)
