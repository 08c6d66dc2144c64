"""What a pipeline does with patterns: zoom, aspect, flips, channel order, padding, aliasing.

A pipeline is a black box here. Waves whose period is known show the zoom (brightness and contrast
leave a frequency as it is), slopes show flips and channels, noise shows aliasing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines.pipeline import Pipeline

HEIGHT, WIDTH = 375, 500  # the commonest size in ImageNet
LARGE = (1200, 1600)  # where a resize without antialiasing shows
DRAWS = 24
SAME_LEVEL = 0.02  # of the span: two values of nearest-neighbour noise are this alike


@dataclass(frozen=True)
class Probe:
    """What was measured in one mode; figures of training are over DRAWS draws.

    zoom: source pixels an output pixel, geometric mean. zoom_range: 5th and 95th percentile.
    aspect: mean distortion, 1 = none, 1.33 = a 4:3 photograph squashed square. area: mean share of
    the photograph seen. padded: share of the output that shows no image. mirrored, upside_down:
    shares of draws. channels: where the output's channels come from, "RGB", "BGR", "grey" or "?".
    aliasing: standard deviation left of noise that the resize should average out, 0..1; None where
    values are standardised. nearest: share of draws sampled by nearest neighbour. small: the error
    on an image smaller than the output, None where there is none. grey_finite: constant grey
    images give finite values.
    """

    zoom: float
    zoom_range: tuple[float, float]
    aspect: float
    area: float
    padded: float
    mirrored: float
    upside_down: float
    channels: str
    aliasing: float | None
    nearest: float
    small: str | None
    grey_finite: bool


Run = Callable[[np.ndarray, int], np.ndarray]


def runner(pipeline: Pipeline, size: int, is_training: bool) -> Run:
    """The pipeline as a compiled function of (uint8 image, number of the draw)."""

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([2], tf.int32),
        ],
    )
    def call(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return pipeline.preprocess_image(image, size, size, is_training, seed=seed)

    def run(image: np.ndarray, draw: int) -> np.ndarray:
        return np.asarray(call(tf.constant(image), tf.constant([17, draw])))

    return run


def probe(pipeline: Pipeline, size: int, is_training: bool) -> Probe:
    """Measure one mode of a pipeline at an output of size x size."""
    run = runner(pipeline, size, is_training)
    draws = range(DRAWS if is_training else 1)
    period = max(6.0, 2.7 * HEIGHT / size)
    wave = waves(period)
    zooms = np.array([zoom_of(run(wave, draw), period) for draw in draws])
    both = np.sqrt(zooms.prod(axis=1))
    share = np.minimum(zooms[:, 0] * size / HEIGHT, 1) * np.minimum(zooms[:, 1] * size / WIDTH, 1)
    right, down = slope(axis=1), slope(axis=0)
    return Probe(
        zoom=float(np.exp(np.log(both).mean())),
        zoom_range=(float(np.percentile(both, 5)), float(np.percentile(both, 95))),
        aspect=float(np.exp(np.abs(np.log(zooms[:, 1] / zooms[:, 0])).mean())),
        area=float(share.mean()),
        padded=float(np.mean([_padded(run, draw) for draw in draws])),
        mirrored=float(np.mean([_rises(run(right, draw), axis=1) < 0 for draw in draws])),
        upside_down=float(np.mean([_rises(run(down, draw), axis=0) < 0 for draw in draws])),
        channels=_channels(run, len(draws)),
        aliasing=_aliasing(run, size, len(draws)),
        nearest=float(np.mean([_is_nearest(run, draw) for draw in draws])),
        small=_small_error(run, size),
        grey_finite=all(np.isfinite(run(flat(level), 0)).all() for level in (0, 128, 255)),
    )


def flat(level: int) -> np.ndarray:
    """A photograph-sized image of one grey: uint8 [375, 500, 3]."""
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def waves(period: float) -> np.ndarray:
    """Grey waves of `period` pixels along both axes."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    grey = 127 + 55 * np.cos(2 * np.pi * x / period) + 55 * np.cos(2 * np.pi * y / period)
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)


def slope(axis: int, channel: int | None = None) -> np.ndarray:
    """Grey (or one channel) rising along an axis from 30 to 220; the rest at 128."""
    shape = [1, 1, 1]
    shape[axis] = (HEIGHT, WIDTH)[axis]
    rise = np.linspace(30, 220, shape[axis]).reshape(shape)
    image = np.full((HEIGHT, WIDTH, 3), 128.0)
    chosen = slice(None) if channel is None else slice(channel, channel + 1)
    image[:, :, chosen] = rise
    return image.astype(np.uint8)


def zoom_of(out: np.ndarray, period: float) -> tuple[float, float]:
    """Source pixels an output pixel along y and x, from the waves' frequency in the output."""
    grey = out.mean(axis=2)
    return _frequency(grey.mean(axis=1)) * period, _frequency(grey.mean(axis=0)) * period


def _frequency(signal: np.ndarray) -> float:
    """Cycles a sample of the strongest wave."""
    n = 8192
    window = np.hanning(len(signal))
    power = np.abs(np.fft.rfft((signal - signal.mean()) * window, n))
    lowest = round(1.5 * n / len(signal))  # below, it would be the window's own shape
    return float(lowest + np.argmax(power[lowest:])) / n


def _rises(out: np.ndarray, axis: int) -> float:
    """Steps up less steps down of the mean along an axis: one edge of padding weighs one step."""
    line = out.mean(axis=2).mean(axis=1 - axis)
    return float(np.sign(np.diff(line)).sum())


def _padded(run: Run, draw: int) -> float:
    """Share of the output that does not answer to the image's brightness."""
    light, dark = run(flat(235), draw).mean(axis=2), run(flat(20), draw).mean(axis=2)
    answer = np.abs(light - dark)
    if answer.max() < 1e-3:  # standardised: a flat image is all zero, padding is not
        return float(np.mean(np.abs(light - np.median(light)) > 1e-3))
    return float(np.mean(answer < 0.1 * answer.max()))


def _channels(run: Run, draws: int) -> str:
    """Which source channel each output channel follows most, by the majority of the draws."""
    votes = np.zeros((3, 3))
    for draw in range(min(draws, 8)):
        follows = np.stack(
            [run(slope(0, channel), draw).std(axis=0).mean(axis=0) for channel in range(3)]
        )
        if follows.shape[1] == 1 or np.ptp(follows, axis=1).max() < 0.05 * follows.max():
            return "grey"
        votes[follows.argmax(axis=0), range(3)] += 1
    return "".join("RGB"[i] for i in votes.argmax(axis=0))


def _noise(block: int = 1) -> np.ndarray:
    """Black and white noise, in blocks, of the large size."""
    height, width = LARGE
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (-(-height // block), -(-width // block)), np.uint8)
    grid = np.kron(bits, np.ones((block, block), np.uint8))[:height, :width]
    return np.repeat((55 + 145 * grid).astype(np.uint8)[..., None], 3, axis=2)


def _aliasing(run: Run, size: int, draws: int) -> float | None:
    """What is left of pixel noise, of what is left of coarse blocks."""
    block = max(8, 8 * min(LARGE) // size)
    fine, coarse = _noise(), _noise(block)
    faint = coarse // 2 + 64
    if not run(faint, 0).std() < 0.75 * run(coarse, 0).std():  # standardised: contrast is no matter
        return None
    left = [run(fine, i).std() / max(run(coarse, i).std(), 1e-9) for i in range(min(draws, 8))]
    return float(min(np.median(left), 1.0))


def _is_nearest(run: Run, draw: int) -> bool:
    """Whether black and white noise comes out in two levels only."""
    out = run(_noise()[:600, :800], draw)[..., 0]
    low, high = float(out.min()), float(out.max())
    if high - low < 1e-6:
        return False
    near = np.minimum(np.abs(out - low), np.abs(out - high))
    return bool(np.mean(near < SAME_LEVEL * (high - low)) > 0.98)


def _small_error(run: Run, size: int) -> str | None:
    """What happens to an image of half the output's size; None where it comes out whole."""
    image = flat(90)[: max(1, size // 2), : max(1, size // 2)]
    try:
        out = run(image, 0)
    except Exception as error:  # whatever a plug-in raises is the finding
        return str(error).strip().splitlines()[0][:120] or type(error).__name__
    return None if math.isfinite(float(out.sum())) else "values that are NaN or infinite"
