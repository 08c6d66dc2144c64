"""A pipeline as a Keras layer: its evaluation's values, kept in a model that is saved."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from imagenet_tools import registry
from imagenet_tools.evaluation.keras_layer import Preprocessing

SPEC = "alexnet:lighting=0"


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 70, 90, 3), np.uint8)


@pytest.mark.parametrize("name", [SPEC, "inception", "vgg", "cifarnet"])
def test_a_layer_gives_what_the_evaluation_gives(name: str, batch: np.ndarray) -> None:
    pipeline = registry.get(name)
    wanted = np.stack([pipeline(image, 48) for image in batch])
    layer = Preprocessing(name, 48)
    for training in (False, True):
        found = layer(batch, training=training).numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.ptp(wanted))
    assert layer.compute_output_shape((None, None, None, 3)) == (None, 48, 48, 3)


def test_a_saved_model_carries_it(batch: np.ndarray, tmp_path: Path) -> None:
    images = keras.Input((None, None, 3), dtype="uint8")
    net = keras.Model(images, keras.layers.Flatten()(Preprocessing(SPEC, 48)(images)))
    net.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(batch), net(batch))
    config = again.layers[1].get_config()
    fingerprint = registry.get(SPEC).fingerprint
    assert (config["pipeline"], config["size"]) == (SPEC, 48)
    assert config["fingerprint"] == fingerprint
    said = f"is {fingerprint} here, and the saved layer's is 0000"
    with pytest.raises(ValueError, match=said):
        Preprocessing(SPEC, 48, fingerprint="0000")
    with pytest.raises(TypeError, match=said):  # Keras's own, around it
        Preprocessing.from_config({**config, "fingerprint": "0000"})
