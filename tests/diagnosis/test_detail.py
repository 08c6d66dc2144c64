"""Fine detail: overshoot beside an edge, an edge's width, whether faint texture is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imagenet_tools.diagnosis.detail import detail


def small(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, every output pixel the mean of 3 x 3."""
    return ndimage.uniform_filter(image.astype(float), (3, 3, 1))[43:331:3, 106:394:3]


def test_a_plain_resize_keeps_detail() -> None:
    found = detail(lambda image, draw: small(image), 96, is_training=False)
    assert found.overshoot == 0
    assert 1 <= found.edge <= 1.5
    assert found.faint == pytest.approx(1, abs=0.002)


def test_an_unsharp_mask_overshoots() -> None:
    def sharpened(image: np.ndarray, draw: int) -> np.ndarray:
        out = small(image)
        return 2 * out - ndimage.uniform_filter(out, (3, 3, 1))

    # Beside a sharp edge a third of the mask's window lies across it.
    assert detail(sharpened, 96, is_training=False).overshoot == pytest.approx(1 / 3, abs=0.12)


def test_a_blur_widens_edges() -> None:
    def soft(image: np.ndarray, draw: int) -> np.ndarray:
        return ndimage.uniform_filter(small(image), (4, 4, 1))

    found = detail(soft, 96, is_training=False)
    assert (found.overshoot, found.edge) == pytest.approx((0, 4), abs=0.5)


@pytest.mark.parametrize("step", [24, 40])
def test_steps_lose_faint_texture(step: int) -> None:
    found = detail(lambda image, draw: np.floor(small(image) / step) * step, 96, is_training=False)
    assert found.faint is not None and found.faint < 0.9


def test_training_is_the_median_of_its_draws() -> None:
    found = detail(lambda image, draw: (draw % 3) * small(image), 96, is_training=True)
    assert (found.overshoot, found.faint) == (0, None)
