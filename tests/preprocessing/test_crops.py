"""The crops that pipelines share, and the settings of those that TF-Slim fixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.preprocessing import ops

SIZE = (375, 500)


def boxes(spec: str, draws: int = 300) -> np.ndarray:
    """Crops of a pipeline in training: int [draws, 4], y, x, height, width."""
    pipeline = registry.get(spec)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int32)], autograph=False)
    def crop(seed: tf.Tensor) -> tf.Tensor:
        return pipeline.view(*SIZE, 96, 96, True, seed=seed).crop

    return np.array([crop((3, i)) for i in range(draws)])


def test_inceptions_box_has_its_limits_as_settings() -> None:
    crops = boxes("inception:area_min=0.25,area_max=0.5,aspect_min=1,aspect_max=1.5")
    area = crops[:, 2] * crops[:, 3] / np.prod(SIZE)
    assert 0.24 < area.min() < 0.3
    assert 0.45 < area.max() < 0.51
    aspect = crops[:, 3] / crops[:, 2]
    assert 0.98 < aspect.min() < aspect.max() < 1.52
    np.testing.assert_array_equal(boxes("inception:area_min=0.05", 5), boxes("inception", 5))


def test_settings_that_came_later_leave_old_fingerprints_alone() -> None:
    plain = registry.get("inception").fingerprint
    assert registry.get("inception:area_min=0.05,antialias=0").fingerprint == plain
    assert registry.get("inception:area_min=0.25").fingerprint != plain
    assert "area_min" in registry.get("inception").describe()["parameters"]["geometry"]


@pytest.mark.parametrize("name", ["inception", "vgg:proportional=1"])
def test_antialiasing_is_a_setting(name: str) -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[::2] = 255  # lines that vanish where they are averaged, and alias where not
    joint = "," if ":" in name else ":"
    out = [
        registry.get(f"{name}{joint}antialias={on}").preprocess_image(image, 64, 64)
        for on in (0, 1)
    ]
    plain, averaged = (np.ptp(one[8:-8, 8:-8, 0]) for one in out)
    assert averaged < 0.05 * plain
    np.testing.assert_array_equal(out[0], registry.get(name).preprocess_image(image, 64, 64))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("inception:area_min=0.5,area_max=0.2", "area_min=0.5 is above area_max, which is 0.2"),
        ("inception:aspect_min=3", "aspect_min=3.0 is above aspect_max, which is 1.33"),
        ("inception:antialias=1,fast_mode=0", "antialias=1 has no effect"),
    ],
)
def test_settings_without_a_meaning_are_refused(spec: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        registry.get(spec).view(*SIZE, 96, 96, True)


@pytest.mark.parametrize("size", [(375, 500), (500, 375), (60, 500)])
def test_resized_crop_draws_torchvisions_boxes(size: tuple[int, int], shared: Path) -> None:
    with np.load(shared / "golden" / "torchvision.npz") as golden:
        wanted = golden["draws/randomresizedcrop/image_{}x{}".format(*size)].astype(int)

    def crop(number: tf.Tensor) -> tf.Tensor:
        return ops.resized_crop(*map(tf.constant, size), tf.stack([7, tf.cast(number, tf.int32)]))

    drawn = tf.data.Dataset.range(len(wanted)).map(crop).batch(len(wanted)).get_single_element()
    for axis in range(4):
        test = stats.ks_2samp(wanted[:, axis], drawn.numpy()[:, axis])
        assert test.pvalue > 0.001, ("top", "left", "height", "width")[axis]
    area = wanted[:, 2] * wanted[:, 3], drawn.numpy()[:, 2] * drawn.numpy()[:, 3]
    assert stats.ks_2samp(*area).pvalue > 0.001
