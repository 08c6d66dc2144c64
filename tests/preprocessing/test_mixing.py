"""Mixup and cutmix: torchvision's images, labels, boxes and draws; put on a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.preprocessing import (
    cutmix_preprocessing,
    mixup_preprocessing,
    ops,
    preprocessing_factory,
)

BATCH = tf.random.stateless_uniform([6, 8, 10, 3], [1, 2], -1.0, 1.0)


@pytest.fixture(scope="module")
def golden(shared: Path) -> Iterator[Mapping[str, np.ndarray]]:
    with np.load(shared / "golden" / "torchvision.npz") as arrays:
        yield arrays


def soft(golden: Mapping[str, np.ndarray], share: float) -> np.ndarray:
    """Labels of the golden batch, that share of each its own: float [n, classes]."""
    hot = np.eye(int(golden["mix/num_classes"]))[golden["mix/labels"]]
    return share * hot + (1 - share) * np.roll(hot, 1, axis=0)


def test_mixup_blends_as_torchvision_does(golden: Mapping[str, np.ndarray]) -> None:
    images = tf.constant(golden["mix/input_uint8"] * np.float32(1 / 255))
    for i, share in enumerate(golden["mix/lambdas"]):
        mixed = mixup_preprocessing.blend(
            images, tf.roll(images, 1, 0), tf.constant(share, tf.float32)
        )
        wanted = golden["mix/torchvision_mixup/images_float32"][i]
        np.testing.assert_allclose(mixed[:, ::2, ::2], wanted, atol=1e-6)
        labels = golden["mix/torchvision_mixup/labels_float32"][i]
        np.testing.assert_allclose(soft(golden, share), labels, atol=1e-6)


def test_cutmix_pastes_as_torchvision_does(golden: Mapping[str, np.ndarray]) -> None:
    images = tf.constant(golden["mix/input_uint8"], tf.float32)
    for i, (x1, y1, x2, y2) in enumerate(golden["mix/torchvision_cutmix/box_x1_y1_x2_y2"]):
        edges = tf.constant([y1, x1, y2, x2])
        mixed = cutmix_preprocessing.paste(images, tf.roll(images, 1, 0), edges)
        np.testing.assert_array_equal(mixed, golden["mix/torchvision_cutmix/images_uint8"][i])
        left = float(cutmix_preprocessing.left((32, 32), edges))
        assert left == pytest.approx(golden["mix/torchvision_cutmix/lambda_adjusted"][i], abs=1e-6)
        labels = golden["mix/torchvision_cutmix/labels_float32"][i]
        np.testing.assert_allclose(soft(golden, left), labels, atol=1e-6)


def test_a_box_has_torchvisions_sides(golden: Mapping[str, np.ndarray]) -> None:
    """Of the recorded shares, wherever the box is not cut off; its middle as recorded."""
    key = "draws/cutmix_224_alpha1.0/torchvision"
    boxes = golden[f"{key}_box_x1_y1_x2_y2"].astype(int)
    whole = ((boxes[:, :2] > 0) & (boxes[:, 2:] < 224)).all(axis=1)
    assert whole.sum() > 500
    for (x1, y1, x2, y2), share in zip(boxes[whole], golden[f"{key}_lambda"][whole], strict=True):
        middle = tf.constant([y1 + y2 + 0.1, x1 + x2 + 0.1], tf.float32) / 448
        found = cutmix_preprocessing.box((224, 224), tf.constant(share), middle)
        assert found.numpy().tolist() == [y1, x1, y2, x2]


def drawn(draw: Callable[[tf.Tensor], Any], count: int = 4000) -> Any:
    """What `draw` makes of so many seeds."""
    numbers = tf.data.Dataset.range(count)
    data = numbers.map(lambda i: draw(tf.stack([5, tf.cast(i, tf.int32)])))
    return data.batch(count).get_single_element().numpy()


def test_shares_and_boxes_are_drawn_as_torchvisions(golden: Mapping[str, np.ndarray]) -> None:
    """Eight two-sample tests, at 1 in 1,000 together (Bonferroni)."""
    pairs = [
        (drawn(lambda seed, a=a: ops.beta(seed, "mixup", a)), golden[f"draws/lambda/{key}"])
        for key, a in (("torchvision_alpha0.2", 0.2), ("torchvision_alpha1.0", 1.0))
    ]

    def box(seed: tf.Tensor) -> tf.Tensor:
        middle = ops.uniform(seed, "cutmix_box", shape=(2,))
        return cutmix_preprocessing.box((224, 224), ops.beta(seed, "cutmix", 1.0), middle)

    key = "draws/cutmix_224_alpha1.0/torchvision"
    boxes, wanted = drawn(box), golden[f"{key}_box_x1_y1_x2_y2"].astype(int)[:, [1, 0, 3, 2]]
    pairs += [(boxes[:, i], wanted[:, i]) for i in range(4)]
    high, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    pairs.append((1 - high * wide / 224**2, golden[f"{key}_lambda_adjusted"]))
    pairs.append((high, wanted[:, 2] - wanted[:, 0]))
    assert min(stats.ks_2samp(a, b).pvalue for a, b in pairs) > 0.001 / len(pairs)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 8.0, 100.0])
def test_shares_have_betas_distribution(alpha: float) -> None:
    shares = drawn(lambda seed: ops.beta(seed, "mixup", alpha)).astype(float)
    assert np.isfinite(shares).all()
    # Where float32 has no number so near 0 or 1, the two are what comes out.
    shares = np.clip(shares, 1e-6, 1 - 1e-6)
    law = stats.beta(alpha, alpha)
    inside = (shares > 1e-6) & (shares < 1 - 1e-6)
    wanted = law.cdf(1 - 1e-6) - law.cdf(1e-6)
    assert abs(inside.mean() - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / 4000) + 1e-3
    if wanted > 0.99:
        assert stats.ks_1samp(shares, law.cdf).pvalue > 0.001 / 4


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("alexnet+mixup:alpha=0.2", "alexnet+mixup"),
        ("alexnet+mixup:alpha=.4+cutmix:alpha=1", "alexnet+cutmix+mixup:alpha=0.4"),
        ("cutmix+inception+erasing", "inception+erasing+cutmix"),
        ("inception.geometry+alexnet.colour+mixup", None),
        ("alexnet+randaugment+erasing:p=1+cutmix:alpha=2,multiply=3", None),
    ],
)
def test_mixing_is_put_on_a_pipeline(spec: str, canonical: str | None) -> None:
    pipeline = registry.get(spec)
    assert canonical is None or pipeline.spec == canonical
    again = registry.get(pipeline.spec)
    assert (again.spec, again.fingerprint) == (pipeline.spec, pipeline.fingerprint)
    steps = pipeline.describe()["steps"]
    assert steps["mixing"][0].startswith("train: one ")
    assert ("mixing_2" in steps) is (len(pipeline.mixing) == 2)


def test_a_plain_function_can_be_mixed() -> None:
    with registry.temporary():

        @registry.register("mine")
        def preprocess_image(image, height, width, is_training=False, seed=None):  # type: ignore[no-untyped-def]
            return tf.image.resize(image, [height, width]) / 255.0

        pipeline = registry.get("mine+cutmix")
        assert (pipeline.plain, pipeline.spec) == (True, "mine+cutmix")
        assert pipeline.mix(BATCH, (1, 2))[0].shape == BATCH.shape
        for spec in ("mine+randaugment", "mine+mine+cutmix", "mine.colour+cutmix"):
            with pytest.raises(ValueError, match="mine is a plain function without parts"):
                registry.get(spec)


@pytest.mark.parametrize("spec", ["lenet+mixup:alpha=1", "lenet+cutmix:alpha=1"])
def test_a_batch_is_mixed_with_itself_rolled_by_one(spec: str) -> None:
    pipeline, seeds = registry.get(spec), [(1, step) for step in range(8)]
    for seed in seeds:
        mixed, shares = (one.numpy() for one in pipeline.mix(BATCH, seed))
        assert len(set(shares.tolist())) == 1
        before = np.roll(BATCH, 1, axis=0)
        if "mixup" in spec:
            wanted = shares[0] * BATCH + (1 - shares[0]) * before
            np.testing.assert_allclose(mixed, wanted, atol=1e-6)
        else:
            own = np.equal(mixed, BATCH.numpy()).all(axis=(0, 3))
            np.testing.assert_array_equal(mixed, np.where(own[..., np.newaxis], BATCH, before))
            assert own.mean() == pytest.approx(shares[0], abs=1e-6)
    assert len({float(pipeline.mix(BATCH, seed)[1][0]) for seed in seeds}) > 4
    mixed, _ = pipeline.mix(BATCH, seeds[0])
    np.testing.assert_array_equal(mixed, pipeline.mix(BATCH, seeds[0])[0])
    other, _ = pipeline.mix(BATCH, seeds[0], partners=tf.zeros_like(BATCH))
    assert not np.array_equal(mixed, other)


def test_both_are_drawn_in_turn_with_the_draws_of_each() -> None:
    specs = ("lenet+cutmix+mixup:alpha=1", "lenet+cutmix", "lenet+mixup:alpha=1")
    both, cutmix, mixup = map(registry.get, specs)
    turns = []
    for step in range(40):
        shares = [one.mix(BATCH, (7, step))[1].numpy()[0] for one in (both, cutmix, mixup)]
        assert shares[0] in shares[1:]
        turns.append(shares[0] == shares[1])
    assert 10 <= sum(turns) <= 30


def test_images_alone_are_as_without_mixing() -> None:
    """Training, evaluation and ten crops of one image: mixing is of batches."""
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    plain, mixed = registry.get("inception"), registry.get("inception+mixup+cutmix")
    assert mixed.describe()["value_range"] == plain.describe()["value_range"]
    for is_training in (False, True):
        one, other = (
            p.preprocess_image(image, 32, 32, is_training, seed=(1, 2)) for p in (plain, mixed)
        )
        np.testing.assert_array_equal(one, other)
    same, shares = plain.mix(BATCH, (1, 2))
    np.testing.assert_array_equal(same, BATCH)
    np.testing.assert_array_equal(shares, np.ones(6))


def test_what_cannot_be_mixed_is_refused() -> None:
    for spec, says in (
        ("mixup", r"mixup is a part alone \(mixing\): put it on a pipeline, as alexnet\+mixup"),
        ("mixup+cutmix", "is a part alone"),
        ("alexnet+mixup+mixup:alpha=1", "gives mixup twice"),
        ("alexnet+mixup.colour", "'colour' of mixup is no part; choose from mixing"),
    ):
        with pytest.raises(ValueError, match=says):
            registry.get(spec)
    for alpha in ("0", "-1", "nan", "inf"):
        with pytest.raises(ValueError, match="mixup:alpha=.*: a number above 0 is needed"):
            registry.get(f"alexnet+mixup:alpha={alpha}")
    with pytest.raises(ValueError, match="mixup takes whole batches"):
        preprocessing_factory.get_preprocessing("alexnet+mixup", is_training=True)
    preprocessing_factory.get_preprocessing("alexnet+mixup", is_training=False)


def test_a_plug_ins_mixing_is_held_to_its_word() -> None:
    with registry.temporary():

        @registry.register_part("halves", "mixing")
        def halves(images, partners, seed):  # type: ignore[no-untyped-def]
            """The left half of each image, the right one of its partner."""
            middle = images.shape[2] // 2
            return tf.concat([images[:, :, :middle], partners[:, :, middle:]], axis=2), 0.5

        @registry.register_part("wrong", "mixing")
        def wrong(images, partners, seed):  # type: ignore[no-untyped-def]
            return images[:, :-1], 0.5

        mixed, shares = registry.get("lenet+halves").mix(BATCH, (1, 2))
        np.testing.assert_array_equal(shares, np.full(6, 0.5))
        np.testing.assert_array_equal(mixed[1:, :, 5:], BATCH[:-1, :, 5:])
        with pytest.raises(ValueError, match="wrong returned images of shape"):
            registry.get("lenet+wrong").mix(BATCH, (1, 2))
