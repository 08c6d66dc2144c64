"""Windows sampled alone show the same pictures as planes, on every image and in both modes."""

from __future__ import annotations

import gc
import io
import tarfile
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from imagenet_tools import registry
from imagenet_tools.pipelines import compiled, kernels, rendering, views
from imagenet_tools.preprocessing import ops

BICUBIC = "torchvision:interpolation=bicubic"
PIPELINES = ("alexnet", "alexnet:borders=keep", "alexnet_caffe", "inception", "vgg", BICUBIC)
RANGES = {
    "inception": 2.0, "vgg": 255.0, "alexnet_caffe": 255.0, "alexnet_2012": 127.5,
    "torchvision": 4.7,
}  # fmt: skip


def sample(shared: Path, every: int) -> list[bytes]:
    with tarfile.open(shared / "data" / "imagenet-sample.tar") as archive:
        members = [member for member in archive if member.isfile()][::every]
        return [archive.extractfile(member).read() for member in members]  # type: ignore[union-attr]


def jpeg(height: int, width: int, mode: str = "RGB") -> bytes:
    rng = np.random.default_rng([height, width])
    noise = rng.integers(0, 256, (max(1, height // 8), max(1, width // 8), 3)).astype(np.uint8)
    encoded = io.BytesIO()
    picture = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    picture.convert(mode).save(encoded, "JPEG", quality=95)
    return encoded.getvalue()


def worst(spec: str, files: list[bytes], size: int, is_training: bool) -> tuple[float, float]:
    """Largest 99.9th percentile and mean of the differences, in shares of the value range."""
    pipeline = registry.get(spec)
    span = RANGES.get(spec.partition(":")[0], 2.0)

    @tf.function(
        input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([2], tf.int32)],
        autograph=False,
    )
    def gap(encoded: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        image = rendering.decode(encoded)
        with pytest.MonkeyPatch.context() as patch:  # while the graph is built
            patch.setattr(rendering, "render_image", rendering.render_plane)
            exact = pipeline.preprocess_image(image, size, size, is_training, seed=seed)
        decoded = pipeline.preprocess_image(image, size, size, is_training, seed=seed)
        fused = pipeline.preprocess_encoded(encoded, size, size, is_training, seed=seed)
        with compiled.use():
            quick = pipeline.preprocess_image(image, size, size, is_training, seed=seed)
            quickest = pipeline.preprocess_encoded(encoded, size, size, is_training, seed=seed)
        tf.debugging.assert_less_equal(tf.abs(exact - decoded) / span, 1e-4)
        # TensorFlow's saturation makes a pixel gray where its hue rounds to a full circle.
        odd = tf.reduce_mean(tf.cast(tf.abs(exact - quick) / span > 1e-4, tf.float32))
        tf.debugging.assert_less_equal(odd, 1e-4)
        return tf.stack([tf.abs(exact - fused), tf.abs(exact - quickest)]) / span

    pairs = [gap(data, tf.constant([n, 5])).numpy() for n, data in enumerate(files)]
    gaps = [one for pair in pairs for one in pair]  # from JPEG bytes, TensorFlow's and compiled
    return max(np.percentile(g, 99.9) for g in gaps), max(g.mean() for g in gaps)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("spec", PIPELINES)
def test_fused_equals_exact_on_photographs(spec: str, is_training: bool, shared: Path) -> None:
    percentile, mean = worst(spec, sample(shared, 20), 224, is_training)
    assert percentile <= 1 / 255
    assert mean <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("size", [96, 224])
@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("spec", PIPELINES)
def test_fused_equals_exact_on_all(spec: str, is_training: bool, size: int, shared: Path) -> None:
    percentile, mean = worst(spec, sample(shared, 1), size, is_training)
    assert percentile <= 1 / 255
    assert mean <= 1e-3


@pytest.mark.parametrize("spec", ["alexnet", "inception", "vgg", "lenet", BICUBIC])
def test_odd_sizes_and_grey(spec: str) -> None:
    sides = [(1, 1), (9, 300), (40, 33), (700, 30), (24, 10_000)]
    files = [*(jpeg(*side) for side in sides), jpeg(260, 300, "L")]
    for is_training in (True, False):
        percentile, mean = worst(spec, files, 64, is_training)
        assert percentile <= 1 / 255
        assert mean <= 1e-3


def view(**changes: object) -> views.View:
    whole = {
        "crop": tf.constant([0, 0, 4, 4]), "resize": tf.constant([4, 4]), "method": "bilinear",
        "window": tf.constant([0, 0]), "size": (4, 4), "flip": tf.constant(False),
    }  # fmt: skip
    return views.View(**{**whole, **changes})


RAMP = tf.reshape(tf.range(16, dtype=tf.float32), [4, 4, 1])


def render_compiled(image: tf.Tensor, view: views.View) -> tf.Tensor:
    rgb = tf.broadcast_to(tf.cast(image, tf.uint8), [*image.shape[:2], 3])
    with compiled.use():
        return rendering.render_image(rgb, view)


BOTH = pytest.mark.parametrize(
    "render", [rendering.render_plane, rendering.render_image, render_compiled]
)


@BOTH
def test_a_window_outside_the_plane_is_zero(render: Any) -> None:
    out = render(RAMP, view(window=tf.constant([-1, 2]), size=(4, 4)))
    wanted = np.zeros((4, 4))
    wanted[1:4, 0:2] = [[2, 3], [6, 7], [10, 11]]
    np.testing.assert_array_equal(out[..., 0], wanted)


@BOTH
@pytest.mark.parametrize(("plane", "window"), [((48, 70), (9, 3)), ((20, 26), (0, 0))])
def test_bicubic_is_pillows(render: Any, plane: Any, window: Any) -> None:
    """On noise, where a cubic leaves 0..255 along the rows, and is clipped before the columns."""
    image = np.random.default_rng(7).choice([0, 255], (33, 47, 3)).astype(np.uint8)
    crop, size = (2, 3, 30, 40), (20, 26)
    one = view(
        crop=tf.constant(crop), resize=tf.constant(plane), window=tf.constant(window), size=size,
        method="bicubic_antialias",
    )  # fmt: skip
    part = Image.fromarray(image[2:32, 3:43]).resize(plane[::-1], Image.Resampling.BICUBIC)
    wanted = np.asarray(part)[window[0] :, window[1] :][:20, :26]
    off = np.abs(render(tf.constant(image), one) - wanted)
    assert off.max() < 1.3  # Pillow rounds after each pass
    assert np.percentile(off, 99) < 1.0


@BOTH
def test_crop_resize_flip(render: Any) -> None:
    crop = tf.constant([1, 1, 2, 2])
    same = {"crop": crop, "resize": tf.constant([2, 2]), "size": (2, 2)}
    out = render(RAMP, view(**same, flip=tf.constant(True)))
    np.testing.assert_array_equal(out[..., 0], [[6, 5], [10, 9]])


@pytest.mark.parametrize("method", compiled.METHODS)
def test_lanes_are_the_plain_loop(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enlarged, shrunk, one pixel wide, mirrored, outside the plane."""
    rng = np.random.default_rng(3)
    line = np.array([[0.5, 0.25, 2.0], [-3.0, 0.0, 7.0]], np.float32)
    for height, width, flip in ((90, 120, False), (7, 1, True), (300, 41, True), (1, 1, False)):
        image = tf.constant(rng.integers(0, 256, (height, width, 3)), tf.uint8)
        seen = view(
            crop=tf.constant([0, 0, height, width]), resize=tf.constant([50, 40]), method=method,
            window=tf.constant([-2, 5]), size=(48, 36), flip=tf.constant(flip),
        )  # fmt: skip
        corner = tf.constant([0, 0])
        quick = compiled.sample(image, corner, seen, line)
        monkeypatch.setenv(compiled.PLAIN, "1")
        plain = compiled.sample(image, corner, seen, line)
        monkeypatch.delenv(compiled.PLAIN)
        np.testing.assert_allclose(quick, plain, atol=1e-3)
        assert np.ptp(plain) > 0


def test_tf1s_grid_and_the_antialiased_one() -> None:
    """A ramp of 16 to 4: TF1 takes every fourth, antialiasing averages around the middle."""
    ramp = tf.reshape(tf.range(16, dtype=tf.float32), [1, 16, 1])
    plain = rendering.resample(ramp, tf.constant([1, 4]), "bilinear")
    np.testing.assert_allclose(plain[0, :, 0], [0, 4, 8, 12])
    smooth = rendering.resample(ramp, tf.constant([1, 4]), "antialias")
    np.testing.assert_allclose(smooth[0, :, 0], [1.89, 5.5, 9.5, 13.1], atol=0.02)


def test_compiled_saturation_is_tensorflows() -> None:
    """Grey, negative and over-saturated pixels included; 0..255 with brightness on top."""
    rng = np.random.default_rng(3)
    image = rng.uniform(-40, 290, (32, 32, 3)).astype(np.float32)
    image[:4] = image[:4, :, :1]
    image[4:8] = -abs(image[4:8])
    for factor in (0.0, 0.5, 1.0, 1.49, 3.0):
        out = np.empty_like(image)
        kernels.saturate(image, factor, out)
        wanted = tf.image.adjust_saturation(image, factor).numpy()
        np.testing.assert_allclose(out, wanted, atol=2e-3)


def test_compiled_kernels_only_where_they_are_asked_for() -> None:
    """A graph that is exported or sent elsewhere must not call back into this process."""

    def operations() -> set[str]:
        graph = tf.function(lambda x: ops.saturation(x, tf.constant([1, 2]), 0.5, 1.5))
        concrete = graph.get_concrete_function(tf.TensorSpec([4, 4, 3], tf.float32))
        return {node.type for node in concrete.graph.get_operations()}

    assert "AdjustSaturation" in operations()
    with compiled.use():
        assert "AdjustSaturation" not in operations()
    assert not compiled.in_use()


def test_a_thread_of_tensorflows_stays_pythons_between_two_calls() -> None:
    """What Python keeps for a thread is still there when it calls again."""
    mine, known = threading.local(), []

    def run(number: np.ndarray) -> np.ndarray:
        known.append(hasattr(mine, "called"))
        mine.called = True
        return number.astype(np.float32)

    numbers = tf.data.Dataset.range(20).map(lambda n: compiled.call(run, [n], []), 4)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    assert list(numbers.with_options(options).as_numpy_iterator()) == list(range(20))
    assert known == [False] + [True] * 19


@pytest.mark.parametrize("method", compiled.METHODS)
def test_compiled_enlarges_and_reads_far_corners(method: str) -> None:
    """Planes larger and much smaller than the crop, windows at every edge, parts of the source."""
    rng = np.random.default_rng(8)
    image = tf.constant(rng.integers(0, 256, (37, 53, 3)).astype(np.uint8))
    for plane in ((37, 53), (90, 120), (12, 9), (1, 1)):
        for window in ((0, 0), (plane[0] - 8, plane[1] - 8), (-3, 2)):
            seen = view(
                crop=tf.constant([2, 3, 30, 47]), resize=tf.constant(plane), method=method,
                window=tf.constant(window), size=(8, 8), flip=tf.constant(True),
            )  # fmt: skip
            wanted = rendering.render_plane(image, seen)
            with compiled.use():
                np.testing.assert_allclose(
                    rendering.render_image(image, seen),
                    wanted,
                    atol=0.02,
                    err_msg=f"{plane} {window}",
                )
                low = tf.constant([1, 2])  # pixels from elsewhere in the source
                part = compiled.sample(image[1:35, 2:52], low, seen)
            np.testing.assert_allclose(part, wanted, atol=0.02)


def test_a_range_that_is_a_line_is_drawn_while_sampling(tmp_path: Path) -> None:
    """Whatever the range; a mean image and swapped channels are no line.

    Those of inception, vgg and alexnet_caffe: test_fused_equals_exact_on_photographs.
    """
    mean = tmp_path / "mean.npy"
    np.save(mean, np.random.default_rng(1).uniform(90, 130, (256, 256, 3)).astype(np.float32))
    files = [jpeg(300, 260), jpeg(60, 90)]
    for spec in ("alexnet_2012:multiply=0.5", f"alexnet:mean={mean}"):
        percentile, gap = worst(spec, files, 224, False)
        assert percentile <= 1 / 255, spec
        assert gap <= 1e-3, spec
    line = line_of("vgg:multiply=2", True)
    np.testing.assert_allclose(line, [[2, 2, 2], [-247.36, -233.56, -207.88]], rtol=1e-6)
    for spec, training in (("alexnet", True), ("inception", True), ("alexnet_caffe", False)):
        assert line_of(spec, training) is compiled.SAME
    for spec in (f"alexnet:mean={mean}", "cifarnet", "vgg:use_grayscale=1"):
        assert line_of(spec, False) is compiled.SAME


def line_of(spec: str, is_training: bool) -> np.ndarray:
    """The line that a pipeline has the kernel draw."""
    drawn: list[np.ndarray] = []

    def sample(image: Any, corner: Any, view: views.View, line: np.ndarray) -> tf.Tensor:
        drawn.append(line)
        return tf.zeros([*view.size, 3])

    with compiled.use(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "sample", sample)
        image = np.zeros((300, 300, 3), np.uint8)
        registry.get(spec).preprocess_image(image, 224, 224, is_training, seed=(1, 2))
    return drawn[0]


@pytest.mark.parametrize("spec", ["alexnet", "alexnet+randaugment+erasing:p=1", "timm"])
@pytest.mark.parametrize("is_training", [False, True])
def test_grey_comes_out_of_a_graph_that_knows_no_sizes(spec: str, is_training: bool) -> None:
    """As in TF-Slim's graphs of TensorFlow 1."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        image = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
        out = registry.get(spec).preprocess_image(image, 64, 64, is_training, use_grayscale=True)
        pixels = session.run(out, {image: np.full((90, 120, 3), 7, np.uint8)})
    assert pixels.shape == (64, 64, 1)
    assert np.isfinite(pixels).all()


def test_what_is_erased_after_a_line_is_erased_all_the_same() -> None:
    """The kernel draws the range, then the box is set to 0, then comes the factor."""
    image = np.random.default_rng(1).integers(0, 256, (80, 90, 3)).astype(np.uint8)
    pipeline = registry.get("vgg:resize_side_min=64,resize_side_max=64+erasing:p=1,multiply=2")
    plain = pipeline.preprocess_image(image, 64, 64, True, seed=(5, 6)).numpy()
    with compiled.use():
        quick = pipeline.preprocess_image(image, 64, 64, True, seed=(5, 6)).numpy()
    assert (plain == 0).all(axis=-1).mean() > 0.01
    np.testing.assert_array_equal(plain == 0, quick == 0)
    np.testing.assert_allclose(quick, plain, atol=0.05)


def test_compiled_kernels_do_not_keep_their_graph() -> None:
    """TensorFlow keeps every callback for good: a process of many runs would grow by the graphs."""
    pipeline = registry.get("alexnet")
    with compiled.use():
        traced = tf.function(
            lambda encoded: pipeline.preprocess_encoded(
                encoded, 32, 32, True, seed=tf.constant([1, 2])
            ),
            autograph=False,
        )
        graph = weakref.ref(traced.get_concrete_function(tf.constant(jpeg(40, 50))).graph)
    assert graph() is not None
    del traced
    gc.collect()
    assert graph() is None
