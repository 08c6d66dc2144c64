"""timm's own transforms, mixing and losses beside ours, each given the same draw."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.pipelines.mixing import Mixed
from imagenet_tools.preprocessing import (
    cutmix_preprocessing,
    erasing_preprocessing,
    jitter_preprocessing,
    mixup_preprocessing,
)
from imagenet_tools.preprocessing.torchvision_preprocessing import DEVIATION, MEAN
from imagenet_tools.training.step import cross_entropy

torch = pytest.importorskip("torch", reason="torch is not installed; make test-frameworks has it")
data = pytest.importorskip("timm.data", reason="timm is not installed; make test-frameworks has it")

SIZES = ((375, 500), (500, 333), (7, 5), (90, 1400))
DRAWS = 2000


def picture(height: int, width: int) -> np.ndarray:
    """Blots of pure colours, which bicubic filters overshoot: uint8 [h, w, 3]."""
    rng = np.random.default_rng([height, width])
    blots = rng.integers(0, 2, (height // 6 + 1, width // 6 + 1, 3)).astype(np.uint8) * 255
    return np.asarray(Image.fromarray(blots).resize((width, height), Image.Resampling.NEAREST))


def off(ours: np.ndarray, theirs: Any) -> float:
    """The greatest difference in grey levels."""
    apart = np.abs(ours - theirs.permute(1, 2, 0).numpy())
    return float((apart * DEVIATION).max() * 255)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
def test_evaluation(crop_pct: float, interpolation: str) -> None:
    pipeline = registry.get(f"timm:crop_pct={crop_pct},interpolation={interpolation}")
    theirs = data.create_transform(96, crop_pct=crop_pct, interpolation=interpolation)
    for size in SIZES:
        image = picture(*size)
        assert off(pipeline(image, 96), theirs(Image.fromarray(image))) < 1.11, size


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_training_draw(interpolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jitter; bicubic of wide boxes alone: Pillow 13 has the columns first in high ones."""
    still = "brightness=0,contrast=0,saturation=0"
    pipeline = registry.get(f"timm:interpolation={interpolation},{still}")
    theirs = data.create_transform(
        96, is_training=True, interpolation=interpolation, color_jitter=None
    )
    crop, flip, to_tensor, normalise = theirs.transforms
    compared = 0
    for size, number in itertools.product(SIZES, range(3)):
        image, seed = picture(*size), (5, number)
        view = pipeline.view(*size, 96, 96, True, seed=seed)
        box = view.crop.numpy().tolist()
        if interpolation == "bicubic" and box[2] > box[3]:
            continue
        monkeypatch.setattr(crop, "get_params", lambda *_, box=box: box)
        monkeypatch.setattr(flip, "p", float(view.flip))
        ours = pipeline(image, 96, is_training=True, seed=seed)
        assert off(ours, theirs(Image.fromarray(image))) < 1.01, (size, number)
        compared += 1
    assert compared > 4
    assert "Normalize" in repr(normalise)
    assert [round(float(one), 3) for one in normalise.mean] == list(MEAN)


def test_jitter_is_pillows_but_for_three_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gray and its mean are rounded there and cut off here; the order and the factors the same."""
    jitter = data.create_transform(96, is_training=True).transforms[2]
    assert (jitter.brightness, jitter.hue) == ((0.6, 1.4), None)
    for number in range(6):
        image = picture(40, 60)
        seed = tf.constant([6, number])
        factors, order = jitter_preprocessing.draws(seed, (0.4, 0.4, 0.4, 0.0))
        drawn = (order.numpy(), *(float(one) for one in factors[:3]), None)
        monkeypatch.setattr(jitter, "get_params", lambda *_, drawn=drawn: drawn)
        ours = jitter_preprocessing.jitter(tf.cast(image, tf.float32), True, seed, hue=0.0)
        assert np.abs(ours - np.asarray(jitter(Image.fromarray(image)), float)).max() <= 3


def test_boxes_and_factors_are_drawn_alike() -> None:
    """Two-sample tests, at 1 in 1,000 together (Bonferroni)."""
    random.seed(9)  # timm draws from Python's and from torch's
    torch.manual_seed(9)
    training = data.create_transform(224, is_training=True)
    crop, _, jitter, *_ = training.transforms
    pipeline, size, pairs = registry.get("timm"), (375, 500), []
    timms = (0.02, 1 / 3), (0.3, 1 / 0.3)

    def draw(number: tf.Tensor) -> Any:
        seed = tf.stack([9, tf.cast(number, tf.int32)])
        factors, order = jitter_preprocessing.draws(seed, (0.4, 0.4, 0.4, 0.0))
        erased = erasing_preprocessing.box((40, 40), seed, *timms)
        return pipeline.view(*size, 224, 224, True, seed=seed).crop, factors, order, erased

    drawn = tf.data.Dataset.range(DRAWS).map(draw).batch(DRAWS).get_single_element()
    boxes, factors, order, erased = (one.numpy() for one in drawn)
    image = Image.new("RGB", size[::-1])
    theirs = [crop.get_params(image, crop.scale, crop.ratio) for _ in range(DRAWS)]
    pairs += list(zip(boxes.T, np.array(theirs).T, strict=True))
    strengths = (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
    made = [jitter.get_params(*strengths) for _ in range(DRAWS)]
    pairs += list(zip(factors.T[:3], np.array([one[1:4] for one in made]).T, strict=True))
    # When each of the three has its turn, of the four.
    turns = np.array([one[0].numpy() for one in made])
    pairs += [((order == i).argmax(axis=1), (turns == i).argmax(axis=1)) for i in range(3)]
    blank = [
        data.random_erasing.RandomErasing(1.0, device="cpu")(torch.ones(1, 40, 40)) for _ in made
    ]
    covered = [one[0].numpy() == 0 for one in blank]
    pairs += [
        (erased[:, 2 + axis], np.array([one.any(axis=1 - axis).sum() for one in covered]))
        for axis in range(2)
    ]
    assert min(stats.ks_2samp(*pair).pvalue for pair in pairs) > 0.001 / len(pairs)


@pytest.mark.parametrize("cutmix", [False, True])
def test_mixed_batches_and_their_loss(cutmix: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's partners are the batch reversed; what is done with them is the same."""
    from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy

    rng, labels = np.random.default_rng(1), np.array([3, 1, 4, 0, 2, 1])
    images = rng.normal(size=(6, 16, 20, 3)).astype(np.float32)
    logits = rng.normal(size=(6, 5)).astype(np.float32)
    mixing = data.Mixup(label_smoothing=0.1, num_classes=5)
    monkeypatch.setattr(mixing, "_params_per_batch", lambda: (0.6, cutmix))
    mixed, target = mixing(
        torch.tensor(images).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)
    )
    mixed = mixed.permute(0, 2, 3, 1).numpy()
    share, ours = tf.constant(0.6), mixup_preprocessing.blend(images, images[::-1], 0.6)
    if cutmix:
        rows, columns = np.nonzero((mixed != images).any(axis=(0, 3)))
        edges = tf.constant([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        edges = tf.cast(edges, tf.int32)
        share = cutmix_preprocessing.left((16, 20), edges)
        ours = cutmix_preprocessing.paste(tf.constant(images), tf.constant(images[::-1]), edges)
    np.testing.assert_allclose(ours, mixed, atol=1e-6)
    both = Mixed(*map(tf.constant, (labels, labels[::-1])), tf.fill([6], share))
    wanted = float(SoftTargetCrossEntropy()(torch.tensor(logits), target))
    assert float(cross_entropy(logits, both, 0.1)) == pytest.approx(wanted, rel=1e-5)
    plain = float(LabelSmoothingCrossEntropy(0.1)(torch.tensor(logits), torch.tensor(labels)))
    assert float(cross_entropy(logits, tf.constant(labels), 0.1)) == pytest.approx(plain, rel=1e-5)
