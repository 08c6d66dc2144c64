"""Views rendered as matrix products are those that TensorFlow's operations render."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines import matrices, rendering
from imagenet_tools.pipelines.views import View

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("method", matrices.METHODS)
@pytest.mark.parametrize(
    ("crop", "resize", "window", "size"),
    [
        ((0, 0, 60, 91), (30, 46), (3, 5), (24, 32)),
        ((7, 11, 40, 33), (40, 33), (0, 0), (40, 33)),
        ((7, 11, 40, 33), (97, 64), (10, 20), (50, 40)),
        ((2, 0, 9, 88), (20, 20), (-6, 8), (32, 24)),
        ((59, 90, 1, 1), (8, 8), (0, 0), (8, 8)),
    ],
    ids=["smaller", "same", "larger", "outside", "pixel"],
)
def test_pixels_are_those_of_the_plane(method, crop, resize, window, size) -> None:
    image = RNG.integers(0, 256, (60, 91, 3), np.uint8)
    whole, plane, corner = (tf.constant(one) for one in (crop, resize, window))
    view = View(whole, plane, method, corner, size, tf.constant(False))
    wanted = rendering.render_plane(tf.constant(image), view).numpy()
    found = matrices.render(tf.constant(image), view).numpy()
    np.testing.assert_allclose(found, wanted, atol=255e-4)


@pytest.mark.parametrize("name", registry.names())
def test_every_pipelines_evaluation_can_be_had_portably(name: str) -> None:
    pipeline = registry.get(name)
    for shape in ((120, 90, 3), (20, 100, 3)):
        image = RNG.integers(0, 256, shape, np.uint8)
        wanted = pipeline.preprocess_image(image, 48, 40)
        found = pipeline.evaluate_portably(image, 48, 40)
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.ptp(wanted))
