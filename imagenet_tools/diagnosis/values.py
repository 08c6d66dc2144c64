"""What comes out for photographs: range, mean, spread, and how much training varies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.diagnosis.runs import drawn_anew, outputs
from imagenet_tools.diagnosis.sample import Picture
from imagenet_tools.pipelines.pipeline import Pipeline

QUANTILES = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Values:
    """Figures over the same images, of the evaluation and of one epoch of training.

    Those of values are over the finite ones.

    train_mean, train_std and the evaluation's: per channel.
    quantile_gap: largest distance of the two modes' quantile curves (5 to 95 %), of the
        evaluation's deviation.
    wander: what a draw does to an image, as deviations over the images of the difference of the two
        modes: of the mean (of the evaluation's deviation), of the natural logarithms of root mean
        square and deviation.
    clipped: share of the values that lie on the output's extremes.
    draw_rms: root mean square of the difference of two epochs' outputs of one image, of the std.
    repeats: a second epoch of one compiled graph gave the first one's images.
    retraced: and a graph compiled anew gave others.
    eval_varies: evaluation is not the same twice.
    not_finite: images of either mode with NaN or infinite values.
    """

    train_mean: tuple[float, ...]
    eval_mean: tuple[float, ...]
    train_std: tuple[float, ...]
    eval_std: tuple[float, ...]
    train_rms: float
    eval_rms: float
    train_range: tuple[float, float]
    eval_range: tuple[float, float]
    quantile_gap: float
    wander: tuple[float, float, float]
    clipped: float
    draw_rms: float
    repeats: bool
    retraced: bool
    same_as_eval: bool
    eval_varies: bool
    decoding: float
    not_finite: int

    @property
    def finite(self) -> bool:
        """Whether every value of every image was finite."""
        return self.not_finite == 0


def measure(pipeline: Pipeline, size: int, pictures: Sequence[Picture]) -> Values:
    """Measure the values of a pipeline's outputs on these pictures."""
    first, second = outputs(pipeline, size, pictures, True, 2)
    looked, again = outputs(pipeline, size, pictures, False, 2)
    bad = [~np.isfinite(out).all(axis=(1, 2, 3)) for out in (first, second, looked)]
    repeats = bool(np.array_equal(first, second, equal_nan=True))
    same_as_eval = bool(np.array_equal(first, looked, equal_nan=True))
    eval_varies = not np.array_equal(looked, again, equal_nan=True)
    retraced = repeats and drawn_anew(pipeline, size, pictures, first)
    decoding = _decoding(pipeline, size, pictures[0].encoded, looked[0])
    train, second, look = (
        np.where(np.isfinite(out), out, 0).astype(np.float64) for out in (first, second, looked)
    )
    spread = float(train.std()) or 1.0
    low, high = float(train.min()), float(train.max())
    gap = np.abs(np.quantile(train, QUANTILES) - np.quantile(look, QUANTILES)).max()
    return Values(
        **_of_mode("train", train),
        **_of_mode("eval", look),
        quantile_gap=float(gap) / max(float(look.std()), 1e-9),
        wander=_wander(train, look),
        clipped=float(np.mean((train == low) | (train == high))),
        draw_rms=float(np.sqrt(np.mean((train - second) ** 2))) / spread,
        repeats=repeats,
        retraced=retraced,
        same_as_eval=same_as_eval,
        eval_varies=eval_varies,
        decoding=decoding,
        not_finite=int(np.sum(np.any(bad, axis=0))),
    )


def _wander(train: np.ndarray, look: np.ndarray) -> tuple[float, float, float]:
    pixels = (1, 2, 3)
    moved = (train.mean(pixels) - look.mean(pixels)) / max(float(look.std()), 1e-9)
    ratios = [
        np.log(np.maximum(one, 1e-9) / np.maximum(other, 1e-9))
        for one, other in (
            (np.sqrt(np.mean(train**2, pixels)), np.sqrt(np.mean(look**2, pixels))),
            (train.std(pixels), look.std(pixels)),
        )
    ]
    return float(moved.std()), float(ratios[0].std()), float(ratios[1].std())


def _of_mode(mode: str, out: np.ndarray) -> dict[str, Any]:
    """Mean, deviation, root mean square and range of a mode's outputs, by their names in Values."""
    return {
        f"{mode}_mean": tuple(out.mean(axis=(0, 1, 2)).tolist()),
        f"{mode}_std": tuple(out.std(axis=(0, 1, 2)).tolist()),
        f"{mode}_rms": float(np.sqrt(np.mean(out**2))),
        f"{mode}_range": (float(out.min()), float(out.max())),
    }


def _decoding(pipeline: Pipeline, size: int, encoded: bytes, looked: np.ndarray) -> float:
    """Mean difference of the evaluation from bytes and from the decoded image, of its span."""
    image = tf.io.decode_jpeg(encoded, channels=3)
    exact = np.asarray(pipeline.preprocess_image(image, size, size, False, seed=(0, 0)))
    if not (np.isfinite(exact).all() and np.isfinite(looked).all()):
        return 0.0  # that is said by not_finite
    return float(np.mean(np.abs(exact - looked)) / max(float(np.ptp(exact)), 1e-9))
