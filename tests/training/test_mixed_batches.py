"""Mixed batches in training: the same for any parallelism, labels that are shared, their loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.pipelines.mixing import Mixed
from imagenet_tools.training import batches
from imagenet_tools.training.step import cross_entropy

SPEC = "inception+mixup:alpha=1+cutmix"


def read(folder: Path, spec: str = SPEC, steps: int = 5, **changes: Any) -> list[dict[str, Any]]:
    settings: dict[str, Any] = {"batch_size": 6, "image_size": 16, "is_training": True, "seed": 5}
    specs = spec if isinstance(spec, tuple) else (spec,)
    pipelines = [registry.get(one) for one in specs]
    stream = batches.batches(folder, "train", pipelines, **{**settings, **changes})
    return list(stream.take(steps).as_numpy_iterator())


def test_a_batch_is_its_images_mixed(tiny_records: Path) -> None:
    plain = read(tiny_records, "inception")
    assert [set(batch) for batch in plain] == [{"image", "label", "key"}] * 5
    pipeline = registry.get(SPEC)
    for step, (one, mixed) in enumerate(zip(plain, read(tiny_records), strict=True)):
        for name in ("label", "key"):
            np.testing.assert_array_equal(mixed[name], one[name])
        np.testing.assert_array_equal(mixed["other"], np.roll(one["label"], 1))
        images, share = pipeline.mix(tf.constant(one["image"]), batches.batch_seed(5, step))
        np.testing.assert_allclose(mixed["image"], images, atol=1e-6)
        np.testing.assert_array_equal(mixed["share"], share)


def test_threads_starts_and_workers_change_nothing(tiny_records: Path) -> None:
    whole = read(tiny_records)
    assert len({float(batch["share"][0]) for batch in whole}) == 5
    for threads in (1, 4):
        for one, other in zip(whole, read(tiny_records, threads=threads), strict=True):
            np.testing.assert_array_equal(one["image"], other["image"])
    for one, other in zip(whole[3:], read(tiny_records, steps=2, start_step=3), strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
    for workers in (2, 3):
        parts = [read(tiny_records, worker=(i, workers)) for i in range(workers)]
        for step, one in enumerate(whole):
            for name in ("key", "label", "other", "share", "image"):
                dealt = [part[step][name] for part in parts]
                together = np.stack(dealt, axis=1).reshape(one[name].shape)
                np.testing.assert_array_equal(together, one[name])


def test_several_pipelines_have_shares_of_their_own(tiny_records: Path) -> None:
    (batch,) = read(tiny_records, ("lenet", "lenet+mixup"), steps=1)
    np.testing.assert_array_equal(batch["share_0"], np.ones(6))
    assert 0 <= batch["share_1"][0] < 1
    wanted = batch["share_1"][0] * batch["image_0"]
    wanted = wanted + (1 - batch["share_1"][0]) * np.roll(batch["image_0"], 1, axis=0)
    np.testing.assert_allclose(batch["image_1"], wanted, atol=1e-6)


def test_evaluation_is_not_mixed(tiny_records: Path) -> None:
    plain, mixed = (read(tiny_records, spec, is_training=False) for spec in ("inception", SPEC))
    for one, other in zip(plain, mixed, strict=True):
        assert set(other) == {"image", "label", "key"}
        np.testing.assert_array_equal(one["image"], other["image"])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_the_soft_label(smoothing: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4, 5)).astype(np.float32)
    label, other, share = np.array([0, 1, 4, 2]), np.array([3, 1, 0, 4]), rng.random(4)
    hot = np.eye(5)
    target = share[:, None] * hot[label] + (1 - share[:, None]) * hot[other]
    target = (1 - smoothing) * target + smoothing / 5  # as torch's CrossEntropyLoss smooths
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = -(target * logs).sum(axis=1).mean()
    mixed = Mixed(tf.constant(label), tf.constant(other), tf.constant(share, tf.float32))
    assert float(cross_entropy(logits, mixed, smoothing)) == pytest.approx(wanted, rel=1e-6)
    pure = Mixed(mixed.label, mixed.other, tf.ones(4))
    sharp = float(cross_entropy(logits, mixed.label, smoothing))
    assert float(cross_entropy(logits, pure, smoothing)) == pytest.approx(sharp, rel=1e-6)
