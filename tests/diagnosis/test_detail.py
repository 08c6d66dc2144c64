"""Fine detail: overshoot beside an edge, an edge's width, whether faint texture is kept."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from imagenet_tools.diagnosis import channels, patterns, placement, resampling
from imagenet_tools.diagnosis.detail import COMPRESSED, detail


def small(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, every output pixel the mean of 3 x 3."""
    return image[42:330, 105:393].reshape(96, 3, 96, 3, 3).mean(axis=(1, 3))


def test_a_plain_resize_keeps_detail() -> None:
    found = detail(lambda image, draw: small(image), 96, is_training=False)
    assert found.overshoot == (0, 0)
    assert 1 <= found.edge <= 1.5
    assert found.faint == pytest.approx(1, abs=0.002)
    assert found.blocks > 2 * COMPRESSED
    assert found.spots == pytest.approx(1, abs=0.1)


def test_an_unsharp_mask_overshoots() -> None:
    def sharpened(image: np.ndarray, draw: int) -> np.ndarray:
        out = small(image)
        return 2 * out - ndimage.uniform_filter(out, (3, 3, 1))

    # Beside a sharp edge a third of the mask's window lies across it.
    found = detail(sharpened, 96, is_training=False)
    assert found.overshoot == pytest.approx((1 / 3, 1 / 3), abs=0.12)


def test_a_blur_widens_edges() -> None:
    def soft(image: np.ndarray, draw: int) -> np.ndarray:
        return ndimage.uniform_filter(small(image), (4, 4, 1))

    found = detail(soft, 96, is_training=False)
    assert (*found.overshoot, found.edge) == pytest.approx((0, 0, 4), abs=0.5)


@pytest.mark.parametrize("step", [24, 40])
def test_steps_lose_faint_texture(step: int) -> None:
    found = detail(lambda image, draw: np.floor(small(image) / step) * step, 96, is_training=False)
    assert found.faint is not None and found.faint < 0.9


def test_an_overshoot_of_some_draws_is_its_range() -> None:
    def sometimes(image: np.ndarray, draw: int) -> np.ndarray:
        out = small(image)
        return out if draw % 3 else 2 * out - ndimage.uniform_filter(out, (3, 3, 1))

    found = detail(sometimes, 96, is_training=True)
    assert found.overshoot == pytest.approx((0, 1 / 3), abs=0.12)
    assert found.edge <= 1.5 and found.faint is None


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(np.rint(image).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(float)


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_a_jpeg_has_its_blocks_wherever_they_begin(quality: int) -> None:
    def always(image: np.ndarray, draw: int) -> np.ndarray:
        return compressed(small(image), quality)[draw % 5 :, draw % 3 :]

    def mostly(image: np.ndarray, draw: int) -> np.ndarray:
        return small(image) if draw == 12 else always(image, draw)

    found = detail(always, 96, is_training=True)
    assert found.blocks < COMPRESSED / 2 and found.spots is None
    assert detail(mostly, 96, is_training=True).blocks > COMPRESSED


def test_a_median_removes_spots() -> None:
    found = detail(lambda image, _: ndimage.median_filter(small(image), (3, 3, 1)), 96, False)
    assert found.spots is not None and found.spots < 0.2


def hills() -> np.ndarray:
    return small(patterns.hills(patterns.wave_period(96)))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_displaced_channel_is_measured_in_pixels(axis: int) -> None:
    out = hills()
    assert channels.apart(out) == channels.apart(out[..., :1]) == channels.apart(0 * out) == 0
    out[..., 1] = np.roll(out[..., 1], 1, axis)
    assert channels.apart(2 * out - 7) == pytest.approx(1, abs=0.15)


def test_reversed_lines_are_counted() -> None:
    out = hills()
    assert placement.mirrored_lines(out) == placement.mirrored_lines(0 * out) == 0
    out[30:60] = 0  # a strip without a picture is none
    assert placement.mirrored_lines(out) == 0
    out[[10, 20, 70]] = out[[10, 20, 70], ::-1]
    assert placement.mirrored_lines(out) == 3


def test_means_of_channels_are_no_aliasing() -> None:
    plain = resampling.aliasing(lambda image, _: small(image), 96, 1)
    tinted = resampling.aliasing(lambda image, _: small(image) + [0, 300, 0], 96, 1)
    assert tinted == pytest.approx(plain) and plain < 0.5


@pytest.mark.parametrize("axis", [0, 1])
def test_lines_that_are_doubled(axis: int) -> None:
    out = hills()
    assert not resampling.is_doubled(out) and not resampling.is_doubled(0 * out)
    out[0] = out[1]  # a border that is reflected
    assert not resampling.is_doubled(out)
    assert resampling.is_doubled(out.take(np.arange(96) // 2 * 2, axis))
