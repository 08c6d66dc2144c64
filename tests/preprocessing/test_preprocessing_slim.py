"""inception, vgg, cifarnet and lenet against TF-Slim's own outputs, and their keywords."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.pipelines import views
from imagenet_tools.preprocessing import preprocessing_factory, vgg_preprocessing

IMAGES = range(4)
# Pipeline, TF-Slim's name in the golden file, output size, stride at which it was stored.
EVALUATIONS = [
    ("inception", "inception_224", 224, 1),
    ("inception", "inception_v3_299", 299, 8),
    ("vgg", "vgg_224", 224, 1),
    ("cifarnet", "cifarnet_32", 32, 1),
    ("lenet", "lenet_28", 28, 1),
]
TRAININGS = {"inception": 224, "vgg": 224, "cifarnet": 32}
RAMP = np.arange(16, dtype=np.uint8)[:, None, None] * 16 + np.zeros((1, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    shared: Path = request.getfixturevalue("shared")
    with np.load(shared / "golden" / "slim_preprocessing.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def decoded(golden: dict[str, np.ndarray], image: int) -> tf.Tensor:
    return tf.io.decode_jpeg(golden[f"jpeg_{image}"].tobytes(), channels=3)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(("name", "stored", "size", "stride"), EVALUATIONS)
def test_evaluation_is_tf_slims(
    golden: dict[str, np.ndarray], name: str, stored: str, size: int, stride: int, image: int
) -> None:
    theirs = golden[f"eval_{stored}_{image}"]
    ours = registry.get(name).preprocess_image(decoded(golden, image), size, size)
    ours = ours.numpy()[::stride, ::stride]
    assert np.abs(ours - theirs).max() <= 1e-5 * (theirs.max() - theirs.min())


def figures(image: tf.Tensor) -> tf.Tensor:
    """The nine figures that were recorded of each of TF-Slim's draws."""
    slope = tf.reduce_mean(tf.abs(image[:, 1:] - image[:, :-1]))
    extremes = [tf.reduce_min(image), tf.reduce_max(image), slope]
    mean, deviation = tf.reduce_mean(image, [0, 1]), tf.math.reduce_std(image, [0, 1])
    return tf.concat([mean, deviation, extremes], axis=0)


def drawing(name: str, size: int) -> Any:
    """The figures of a pipeline's k-th draw of an image, as one graph for all images."""
    pipeline = registry.get(name)

    def draw(pixels: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
        seed = tf.stack([7, tf.cast(k, tf.int32)])
        return figures(pipeline.preprocess_image(pixels, size, size, True, seed=seed))

    signature = [tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([], tf.int64)]
    return tf.function(draw, input_signature=signature, autograph=False)


@pytest.mark.parametrize("count", [100, pytest.param(400, marks=pytest.mark.slow)])
def test_training_draws_are_distributed_as_tf_slims(
    golden: dict[str, np.ndarray], count: int
) -> None:
    """Kolmogorov-Smirnov on each figure of each image, Bonferroni over all of them at 1 %."""
    values = {}
    for name, size in TRAININGS.items():
        draw = drawing(name, size)
        for image in IMAGES:
            one = partial(draw, decoded(golden, image))
            draws = tf.data.Dataset.range(count).map(one, num_parallel_calls=2).batch(count)
            ours, theirs = next(iter(draws)).numpy(), golden[f"train_{name}_stats_{image}"]
            for figure in range(ours.shape[1]):
                test = stats.ks_2samp(ours[:, figure], theirs[:, figure], method="asymp")
                values[name, image, figure] = test.pvalue
    assert len(values) == len(TRAININGS) * len(IMAGES) * 9
    assert min(values.values()) > 0.01 / len(values), min(values, key=values.__getitem__)


def test_the_resize_is_tf1s() -> None:
    """16 rows to 4 without antialiasing or half-pixel centres: rows 0, 4, 8 and 12."""
    out = registry.get("inception").preprocess_image(RAMP, 4, 4, crop_image=False)
    np.testing.assert_allclose(out[:, 0, 0], np.array([0, 64, 128, 192]) / 127.5 - 1, atol=1e-6)


def test_inception_without_crop_sees_all_of_the_image() -> None:
    inception = registry.get("inception")
    for is_training in (False, True):
        view = inception.view(300, 400, 10, 10, is_training, seed=(0, 1), crop_image=False)
        np.testing.assert_array_equal(view.crop, [0, 0, 300, 400])
    assert not np.array_equal(
        inception.view(300, 400, 9, 9, True, seed=(0, 1)).crop[2:], [300, 400]
    )


def test_inceptions_central_crop_is_of_each_side() -> None:
    view = registry.get("inception").view(375, 500, 224, 224)
    np.testing.assert_array_equal(view.crop, [23, 31, 329, 438])


def test_inceptions_boxes_hold_a_tenth_of_the_bounding_box() -> None:
    box = tf.constant([[[0.9, 0.9, 1.0, 1.0]]])  # the lower right corner
    inception = registry.get("inception")
    for k in range(50):
        y, x, h, w = inception.view(1000, 1000, 8, 8, True, seed=(k, 0), bbox=box).crop.numpy()
        inside = max(0, y + h - 900) * max(0, x + w - 900)
        assert inside >= 0.1 * 100 * 100 * 0.99
        assert 0.05 * 0.99 <= h * w / 1e6 <= 1
        assert 0.74 <= w / h <= 1.34


def test_inceptions_slow_mode_draws_methods_and_orders() -> None:
    inception = registry.get("inception:fast_mode=0")
    methods = {
        views.METHODS[int(inception.view(40, 50, 8, 8, True, seed=(k, 0)).method)]
        for k in range(40)
    }
    assert methods == {"bilinear", "nearest", "bicubic", "area"}
    # Hue turns colours that fast mode leaves.
    red = np.zeros((9, 9, 3), np.uint8) + np.array([200, 40, 40], np.uint8)
    run = {fast: [] for fast in (True, False)}  # type: ignore[var-annotated]
    for k in range(12):
        for fast, outs in run.items():
            out = registry.get("inception").preprocess_image(
                red, 4, 4, True, seed=(k, 3), fast_mode=fast
            )
            outs.append(float(tf.abs(out[0, 0, 1] - out[0, 0, 2])))
    assert max(run[True]) < 1e-5 < 0.05 < max(run[False])


@pytest.mark.parametrize("name", ["inception", "vgg", "cifarnet", "lenet", "alexnet"])
@pytest.mark.parametrize("is_training", [False, True])
def test_grayscale_output_has_one_channel(name: str, is_training: bool) -> None:
    gray = np.repeat(RAMP[..., :1], 3, axis=-1)
    run = registry.get(name).preprocess_image
    out = run(gray, 8, 8, is_training, seed=(1, 2), use_grayscale=True, add_image_summaries=False)
    assert out.shape == (8, 8, 1)
    if name == "vgg":  # where TF-Slim's own crashes: the luma of the mean pixel
        luma = 0.2989 * 123.68 + 0.587 * 116.78 + 0.114 * 103.94
        three = run(gray, 8, 8, is_training, seed=(1, 2)).numpy()
        pixels = three[..., 0] + vgg_preprocessing.MEAN_PIXEL[0]
        np.testing.assert_allclose(out[..., 0], pixels * 0.9999 - luma, atol=1e-3)


def test_vggs_sides() -> None:
    vgg = registry.get("vgg")
    np.testing.assert_array_equal(vgg.view(500, 375, 224, 224).resize, [341, 256])
    small = vgg.view(500, 375, 10, 10, resize_side_min=30)
    np.testing.assert_array_equal(small.resize, [40, 30])
    np.testing.assert_array_equal(small.window, [15, 10])
    drawn = [
        int(
            vgg.view(
                100, 200, 5, 5, True, seed=(k, 1), resize_side_min=7, resize_side_max=9
            ).resize[0]
        )
        for k in range(40)
    ]
    assert set(drawn) == {7, 8, 9}
    followed = registry.get("vgg:proportional=1").view(500, 375, 96, 96)
    np.testing.assert_array_equal(followed.resize, [147, 110])


def test_vgg_says_where_the_output_does_not_fit() -> None:
    with pytest.raises(ValueError, match="299 x 299 does not fit into vgg's shorter side of 256"):
        registry.get("vgg").preprocess_image(RAMP, 299, 299)
    assert registry.get("vgg:proportional=1").preprocess_image(RAMP, 299, 299).shape[0] == 299


def test_cifarnet_pads_crops_and_fills() -> None:
    cifarnet = registry.get("cifarnet")
    windows = np.array(
        [cifarnet.view(32, 32, 32, 32, True, seed=(k, 5)).window for k in range(300)]
    )
    assert (windows.min(), windows.max()) == (-4, 4)
    wide = np.array(
        [cifarnet.view(32, 32, 32, 32, True, seed=(k, 5), padding=1).window for k in range(50)]
    )
    assert set(wide.ravel()) == {-1, 0, 1}
    # A window of the padding alone.
    far = registry.get("cifarnet:padding=500").preprocess_image
    assert np.ptp(far(RAMP, 8, 8, True, seed=(1, 1))) == 0
    # Too small even with its padding, where TF-Slim's own crashes: zeros around it.
    assert cifarnet.preprocess_image(RAMP, 60, 60, True, seed=(1, 1)).shape == (60, 60, 3)


def test_height_and_width_are_not_swapped() -> None:
    out = registry.get("lenet").preprocess_image(RAMP, 20, 10).numpy()
    assert out.shape == (20, 10, 3)
    np.testing.assert_array_equal(out[[0, 1, 18, 19], 0, 0], [-1, -1, -1, -1])  # zeros around it
    np.testing.assert_allclose(out[2:18, 0, 0], (RAMP[:, 0, 0] - 128.0) / 128)


def test_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(TypeError, match="vgg takes no fast_mode; it takes antialias, multiply"):
        registry.get("vgg").preprocess_image(RAMP, 8, 8, fast_mode=True)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((8, 8, 3), np.float32), "image of float32 .* uint8"),
        (np.zeros((8, 8, 4), np.uint8), r"shape \(8, 8, 4\)"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\)"),
    ],
)
def test_a_wrong_image_is_refused(image: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        registry.get("vgg").preprocess_image(image, 4, 4)


def test_the_factory_knows_every_model_of_tf_slim() -> None:
    models = dict(preprocessing_factory.MODELS)
    assert models.pop("alexnet_v2") == "inception"
    assert len(models) == 34
    counts = {name: list(models.values()).count(name) for name in set(models.values())}
    assert counts == {"inception": 20, "vgg": 12, "cifarnet": 1, "lenet": 1}


def test_the_factory_keeps_tf_slims_contract() -> None:
    get = preprocessing_factory.get_preprocessing
    evaluate = get("resnet_v1_50")
    expected = registry.get("vgg").preprocess_image(RAMP, 8, 10)
    np.testing.assert_array_equal(evaluate(RAMP, 8, 10), expected)
    train = get("vgg_16", is_training=True, use_grayscale=True)
    assert train(RAMP, 8, 8, resize_side_min=8, resize_side_max=9).shape == (8, 8, 1)
    assert get("alexnet:lighting=0")(RAMP, 8, 8).shape == (8, 8, 3)
    with pytest.raises(ValueError, match="no pipeline 'resnet_v9'.*TF-Slim's model names:.*vgg_16"):
        get("resnet_v9")
