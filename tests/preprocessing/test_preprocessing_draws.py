"""Draws are keyed: the same for any order, parallelism and pipeline; fresh without a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.diagnosis import contract
from imagenet_tools.pipelines import probe
from imagenet_tools.training import batches

PIPELINES = ["alexnet", "inception", "inception:fast_mode=0", "vgg", "cifarnet"]
IMAGE = probe.photograph(60, 80)
SIZE = 16


def outputs(spec: str, keys: range, parallel: int, batch: int) -> np.ndarray:
    pipeline = registry.get(spec)
    data = tf.data.Dataset.from_tensor_slices(tf.constant(list(keys), tf.int32)).map(
        lambda key: pipeline.preprocess_image(IMAGE, SIZE, SIZE, True, seed=[11, key]),
        num_parallel_calls=parallel,
        deterministic=True,
    )
    return np.concatenate(list(data.batch(batch).as_numpy_iterator()))


@pytest.mark.parametrize("spec", PIPELINES)
def test_same_outputs_for_any_parallelism_order_and_batch(spec: str) -> None:
    one = outputs(spec, range(12), parallel=1, batch=1)
    np.testing.assert_array_equal(outputs(spec, range(12), parallel=4, batch=5), one)
    backwards = outputs(spec, range(11, -1, -1), parallel=2, batch=12)
    np.testing.assert_array_equal(backwards[::-1], one)
    assert len({image.tobytes() for image in one}) == 12


@pytest.mark.parametrize("spec", PIPELINES)
def test_training_sees_the_same_images_for_any_threads_and_batch(
    spec: str, tiny_records: Path
) -> None:
    """Through the compiled loops, which several threads call at once; two epochs of 24 images."""

    def seen(threads: int, batch: int) -> list[dict[bytes, bytes]]:
        stream = batches.batches(
            tiny_records, "train", registry.get(spec), batch_size=batch, image_size=SIZE,
            is_training=True, seed=5, threads=threads,
        )  # fmt: skip
        # Autotuning was seen to stall for seconds at the end of short sets.
        assert stream.options().autotune.enabled is False
        rows = list(stream.unbatch().take(48).as_numpy_iterator())
        pairs = [(row["key"], row["image"].tobytes()) for row in rows]
        return [dict(pairs[:24]), dict(pairs[24:])]

    first, second = seen(threads=1, batch=6)
    assert len(first) == len(second) == 24
    assert all(first[key] != second[key] for key in first)
    assert seen(threads=4, batch=16) == [first, second]


@pytest.mark.parametrize("spec", PIPELINES)
def test_fresh_draws_without_a_seed(spec: str) -> None:
    pipeline = registry.get(spec)
    eager = [pipeline.preprocess_image(IMAGE, SIZE, SIZE, True).numpy() for _ in range(3)]
    data = tf.data.Dataset.range(3).map(
        lambda _: pipeline.preprocess_image(IMAGE, SIZE, SIZE, True)
    )
    graph = list(data.as_numpy_iterator())
    again = list(data.as_numpy_iterator())
    assert len({image.tobytes() for image in [*eager, *graph, *again]}) == 9


def test_pipelines_share_their_common_draws() -> None:
    """The same images are mirrored, and windows lie at corresponding places."""
    sides = (300, 400, 224, 224)
    for k in range(30):
        alexnet, caffe, vgg, inception, keep = (
            registry.get(spec).view(*sides, True, seed=(k, k + 1))
            for spec in ("alexnet", "alexnet_caffe", "vgg", "inception", "alexnet:borders=keep")
        )
        flips = {bool(view.flip) for view in (alexnet, caffe, vgg, inception)}
        assert len(flips) == 1
        np.testing.assert_array_equal(alexnet.window - alexnet.room[:2], caffe.window)
        place, other = (
            (view.window.numpy() + 0.5) / (view.resize.numpy() - 224 + 1) for view in (vgg, keep)
        )
        assert np.abs(place - other).max() <= 1 / 33  # half a step of each grid


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("spec", ["alexnet", "inception", "vgg", "cifarnet", "lenet"])
def test_the_fused_path_has_the_same_draws(spec: str, is_training: bool) -> None:
    encoded = tf.io.encode_jpeg(probe.photograph(), quality=95)
    decoded = tf.io.decode_jpeg(encoded, channels=3)
    pipeline = registry.get(spec)
    bounds = pipeline.describe()["value_range"] or (-2, 2)
    for seed in ((1, 2), (3, 4), (5, 6)):
        exact = pipeline.preprocess_image(decoded, 72, 72, is_training, seed=seed).numpy()
        fused = pipeline.preprocess_encoded(encoded, 72, 72, is_training, seed=seed).numpy()
        difference = np.abs(fused - exact) / (bounds[1] - bounds[0])
        assert np.percentile(difference, 99.9) < 1 / 255, seed
        assert abs((fused - exact).mean()) / (bounds[1] - bounds[0]) < 1e-3


def test_raw_pixels_and_unknown_sizes() -> None:
    """A RAW record's bytes, decoded, are an image like any other; sizes come at run time."""
    raw = tf.reshape(tf.io.decode_raw(tf.constant(IMAGE.tobytes()), tf.uint8), IMAGE.shape)
    pipeline = registry.get("alexnet")
    expected = pipeline.preprocess_image(IMAGE, SIZE, SIZE)
    np.testing.assert_array_equal(pipeline.preprocess_image(raw, SIZE, SIZE), expected)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.uint8)])
    def unknown(image: tf.Tensor) -> tf.Tensor:
        out = pipeline.preprocess_image(image, SIZE, SIZE)
        assert out.shape == (SIZE, SIZE, 3)
        return out

    np.testing.assert_allclose(unknown(IMAGE), expected, atol=1e-6)
    gray = pipeline.preprocess_image(np.repeat(IMAGE[..., :1], 3, axis=-1), SIZE, SIZE)
    np.testing.assert_allclose(unknown(IMAGE[..., :1]), gray, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        *("alexnet", "inception", "cifarnet"),
        # Of the same parts as cifarnet and alexnet.
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("lenet", "alexnet_caffe")),
    ],
)
def test_built_ins_keep_the_contract(name: str) -> None:
    failed = [one for one in contract.check(name, 32) if one.outcome == "failed"]
    assert not failed


@pytest.mark.slow
@pytest.mark.parametrize("size", [96, 224])
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012", "inception:fast_mode=0", "vgg"])
def test_built_ins_keep_the_contract_at_their_usual_sizes(name: str, size: int) -> None:
    failed = [one for one in contract.check(name, size) if one.outcome == "failed"]
    assert not failed
