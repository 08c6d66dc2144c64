"""Ranks, probabilities and losses of logits, against a reference in float64 that sorts."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from statsmodels.stats.proportion import proportion_confint

from imagenet_tools.errors import PipelineFailed
from imagenet_tools.evaluation import guessing as chances
from imagenet_tools.evaluation import metrics, ranks, scores
from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.evaluation.evaluate import evaluate
from imagenet_tools.evaluation.scores import UNRANKED, Predictions


def scored(logits: np.ndarray, labels: np.ndarray) -> Predictions:
    columns = ranks.score(tf.constant(logits, tf.float32), tf.constant(labels, tf.int32))
    keys = np.array([f"c/{i}" for i in range(len(labels))])
    return Predictions(keys, labels, *(column.numpy() for column in columns))


def reference(row: np.ndarray, label: int) -> tuple[int, float, float]:
    """Rank, probability and loss of one image in float64: the label sorts behind its equals."""
    row = row.astype(np.float64)
    if not np.isfinite(row).all():
        return UNRANKED, math.nan, math.nan
    order = sorted(range(len(row)), key=lambda i: (-row[i], i == label))
    loss = np.log(np.sum(np.exp(row - row.max()))) - (row[label] - row.max())
    return order.index(label), math.exp(-loss), loss


def made_up(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Logits as nets give them and as broken ones do: ties, saturation, NaN, infinities."""
    n, classes = int(rng.integers(1, 9)), int(rng.choice([1, 2, 3, 5, 10, 1001]))
    logits = rng.standard_normal((n, classes)).astype(np.float32)
    logits *= np.float32(rng.choice([0, 1e-30, 1, 100, 3000, 1e30]))
    if rng.random() < 0.4:
        logits = np.round(logits)
    for value in (np.nan, np.inf, -np.inf):
        if rng.random() < 0.2:
            logits[rng.integers(n), rng.integers(classes)] = value
    return logits, rng.integers(0, classes, n).astype(np.int32)


@pytest.mark.parametrize("seed", range(60))
def test_ranks_and_losses_are_the_references(seed: int, tmp_path: Path) -> None:
    logits, labels = made_up(np.random.default_rng(seed))
    found = scored(logits, labels)
    wanted = [reference(row, label) for row, label in zip(logits, labels, strict=True)]
    ranks, chances, losses = (np.array(column) for column in zip(*wanted, strict=True))
    np.testing.assert_array_equal(found.rank, ranks)
    np.testing.assert_allclose(found.true_probability, chances, rtol=1e-4, atol=1e-37)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-5, atol=1e-6)
    assert found.top5.shape == (len(labels), min(5, logits.shape[1]))
    figures = metrics.measure(found)
    for name, k in (("top1", 1), ("recall_3", 3), ("recall_4", 4), ("top5", 5)):
        assert figures[name] == pytest.approx(100 * np.mean(ranks < k))
    assert math.isnan(figures["loss"]) == math.isnan(figures["ece"]) == bool((ranks > 1e6).any())
    scores.write_predictions(tmp_path / "p.npz", found, {})
    assert scores.read_predictions(tmp_path / "p.npz")[0].rank.tolist() == found.rank.tolist()


def test_a_factor_changes_no_rank() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((200, 20)), rng.integers(0, 20, 200)
    for crops in (logits, np.repeat(logits[:, np.newaxis], 10, axis=1)):
        plain, steep = scored(crops, labels), scored(crops * 4096, labels)
        np.testing.assert_array_equal(plain.rank, steep.rank)
        np.testing.assert_array_equal(plain.top5, steep.top5)
        assert steep.probability[:, 1].max() < 1e-6  # where a softmax has nothing but ties


def test_crops_are_averaged_as_probabilities() -> None:
    logits = np.random.default_rng(1).standard_normal((7, 10, 12))
    labels = np.arange(7)
    found = scored(logits, labels)
    each = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    chances = each.mean(axis=1)
    np.testing.assert_array_equal(found.top5, np.argsort(-chances, axis=1)[:, :5])
    np.testing.assert_allclose(found.true_probability, chances[range(7), labels], rtol=1e-5)
    np.testing.assert_allclose(found.loss, -np.log(chances[range(7), labels]), rtol=1e-5)
    wanted = (chances >= chances[range(7), labels][:, np.newaxis]).sum(axis=1) - 1
    np.testing.assert_array_equal(found.rank, wanted)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_what_crops_with_ties_say_is_read_back(kind: type, tmp_path: Path) -> None:
    """In any precision of the file: ranks behind their equals are no contradiction."""
    rng = np.random.default_rng(0)
    for steepness in (0.1, 1, 30):
        logits = np.round(steepness * rng.standard_normal((400, 10, 12)))
        found = scored(np.repeat(logits[:, :1], 10, axis=1), rng.integers(0, 12, 400))
        found = replace(found, probability=found.probability.astype(kind))
        scores.write_predictions(tmp_path / "p.npz", found, {})
        assert scores.read_predictions(tmp_path / "p.npz")[0].rank.max() == 11


def test_a_net_that_gives_all_classes_the_same_is_never_right() -> None:
    found = scored(np.zeros((6, 20)), np.arange(6))
    assert metrics.measure(found)["top1"] == metrics.measure(found)["top5"] == 0
    (said,) = scores.doubts(found)
    assert "all 6 images get the same scores, and every class the same" in said


def test_images_that_get_the_same_scores_are_counted() -> None:
    """A part of them, too, as where units are dead; not where nets are certain, and right."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40, 8))
    assert scores.doubts(scored(logits, np.arange(40) % 8)) == []
    logits[::2] = logits[0]
    (said,) = scores.doubts(scored(logits, np.arange(40) % 8))
    assert said == "20 of 40 images get the same scores: the net does not see its input"
    certain = 1e4 * np.eye(8)[np.arange(40) % 8]
    assert scores.doubts(scored(certain, np.arange(40) % 8)) == []


def test_one_class_and_fewer_classes_than_five() -> None:
    assert metrics.measure(scored(np.ones((3, 1)), np.zeros(3, int)))["top1"] == 100
    three = scored(np.eye(3), np.array([0, 1, 0]))
    figures = metrics.measure(three)
    assert (figures["top1"], figures["top5"]) == (pytest.approx(200 / 3), 100)


def test_scores_that_are_not_finite_are_counted_and_named() -> None:
    logits = np.eye(4)
    logits[2, 0] = np.nan
    found = scored(logits, np.arange(4))
    assert found.correct.tolist() == [True, True, False, True]
    (said,) = scores.doubts(found)
    assert "1 of 4 images are NaN or infinite, first c/2" in said


def test_saturated_scores_are_named_where_they_are_wrong() -> None:
    right = scored(1e4 * np.eye(4), np.arange(4))
    assert scores.doubts(right) == []
    (said,) = scores.doubts(scored(1e4 * np.eye(4), np.array([0, 1, 3, 3])))
    assert "1 of 4 images get a wrong class with a probability of 1" in said


def test_files_are_read_back_and_old_ones_have_a_loss(tmp_path: Path) -> None:
    found = scored(np.eye(6), np.arange(6))
    scores.write_predictions(tmp_path / "p.npz", found, {"seed": 3})
    again, meta = scores.read_predictions(tmp_path / "p.npz")
    assert meta == {"seed": 3}
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    old = Predictions(*(value for name, value in vars(found).items() if name != "loss"))
    scores.write_predictions(tmp_path / "old.npz", old, {})
    again, _ = scores.read_predictions(tmp_path / "old.npz")
    assert again.loss is None
    np.testing.assert_allclose(again.losses, found.losses, rtol=1e-5)


def test_a_folder_that_is_not_written_to_is_known_before_the_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scores.place_for(tmp_path / "new" / "a.npz") == tmp_path / "new" / "a.npz"
    monkeypatch.setattr(scores.os, "access", lambda path, mode: path != tmp_path / "new")
    with pytest.raises(PermissionError, match="Permission denied: '.*new'"):
        evaluate("no records", "no checkpoint", predictions=tmp_path / "new" / "a.npz")


def test_a_metric_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))

    @metrics.metric("median_rank", "median rank", digits=1)
    def median_rank(found: Predictions) -> float:
        return float(np.median(found.rank))

    found = scored(np.eye(3), np.array([0, 1, 0]))
    assert metrics.measure(found)["median_rank"] == 0
    metrics.metric("median_rank", "loaded again")(median_rank)
    with pytest.raises(ValueError, match="there is a metric top1 already"):
        metrics.metric("top1", "again")(median_rank)
    with pytest.raises(ValueError, match="digits is 'two'; it must be a whole number, 0 to 17"):
        metrics.metric("median_rank", "median rank", digits="two")(median_rank)
    for field in ("n", "step", "warnings"):  # in whose place it would have stood in the JSON
        with pytest.raises(ValueError, match=f"^{field} is no name for a metric; a result has av"):
            metrics.metric(field, "a field")


def test_a_metric_that_fails_is_named_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))
    found = scored(np.eye(3), np.array([1, 1, 1]))

    def spoilt(found: Predictions, way: Callable[[Predictions], float]) -> float:
        print("at work")
        return way(found)

    for way, why in (
        (lambda found: found.rank.sort(), "ValueError: .* read-only"),
        (lambda found: np.place(found.rank, found.rank > 0, 0), "ValueError: .* read-only"),
        (lambda found: found.top10, "AttributeError: 'Predictions' object has no attribute"),
        (lambda found: "much", "ValueError: could not convert string to float: 'much'"),
        (lambda found: None, "TypeError: "),
        (lambda found: sys.exit(0), "SystemExit: 0"),
    ):
        metrics.metric("spoilt", "spoilt")(partial(spoilt, way=way))
        with pytest.raises(PipelineFailed, match=rf"metric spoilt \({__file__}\) .*{why}"):
            metrics.measure(found)
        assert found.rank.tolist() == [2, 0, 2] and found.rank.flags.writeable
    assert capsys.readouterr() == ("", 6 * "at work\n")


def test_intervals_and_calibration_by_hand() -> None:
    for right, n in ((0, 10), (7, 10), (10, 10), (499, 1500)):
        wanted = proportion_confint(right, n, method="wilson")
        assert metrics.wilson(right, n) == pytest.approx([100 * one for one in wanted], abs=1e-4)
    assert 0 <= metrics.wilson(0, 9)[0] < 1e-9 and 100 - 1e-9 < metrics.wilson(9, 9)[1] <= 100
    confidence, correct = np.array([0.9, 0.2, 0.8, 0.4]), np.array([True, False, True, True])
    # Bins of .2, .4 and .8, .9: half right at .3 on average, all right at .85.
    assert metrics.calibration_error(confidence, correct, 2) == pytest.approx((0.2 + 0.15) / 2)
    ascending, odd = np.arange(32) / 32, np.arange(32) % 2 == 1
    bins = [*(np.arange(3) + 3 * at for at in (0, 1)), *np.arange(6, 32).reshape(13, 2)]
    gaps = [len(one) / 32 * abs(ascending[one].mean() - odd[one].mean()) for one in bins]
    assert metrics.calibration_error(ascending, odd) == pytest.approx(sum(gaps))


def test_json_has_no_nan() -> None:
    found = scored(np.full((2, 3), np.nan), np.arange(2))
    result = EvalResult(
        2, metrics.measure(found), (0.0, 1.0), (0.0, 1.0), "alexnet", "model.ckpt-1", 1, "", 1.0,
        2.0, 2, "c/0",
    )  # fmt: skip
    content = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert content["loss"] is None
    assert (content["top1"], content["n"], content["first_not_finite"]) == (0, 2, "c/0")


@pytest.mark.parametrize(
    ("labels", "logits", "right", "guessing"),
    [
        (np.arange(1000) % 10, 1001, 100, True),  # names one of ten balanced classes
        (np.arange(1000) % 10, 1001, 150, False),
        (np.zeros(100, int), 1001, 100, False),  # one class, all right
        (np.zeros(100, int), 1001, 0, True),
        (np.r_[np.zeros(900, int), np.ones(100, int)], 2, 905, True),  # the commonest throughout
        (np.r_[np.zeros(900, int), np.ones(100, int)], 2, 960, False),
    ],
)
def test_chance_is_of_the_classes_that_are_there(
    labels: np.ndarray, logits: int, right: int, guessing: bool
) -> None:
    share = chances.chance(labels, logits)
    assert chances.at_chance(right, len(labels), share) is guessing


@pytest.mark.parametrize(("n", "share"), [(40, 0.25), (300, 0.1), (7, 0.5)])
def test_guessing_is_what_a_hundredth_of_the_guesses_reach(n: int, share: float) -> None:
    """By the binomial's sum; of as many classes as there are, or of one."""

    def as_many(right: int) -> float:
        tail = range(right, n + 1)
        return sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in tail)

    learned = next(right for right in range(n + 2) if as_many(right) <= 0.01)
    assert chances.at_chance(learned - 1, n, share) and not chances.at_chance(learned, n, share)
    labels = np.r_[np.zeros(round(n * share), int), np.arange(1, n - round(n * share) + 1)]
    assert chances.chance(labels, 1000) == pytest.approx(round(n * share) / n)
    assert chances.chance(np.full(n, 3), 8) == 1 / 8
    runs = np.arange(n) < np.array([[learned - 1], [learned], [0], [n]])
    exact = np.r_[np.zeros(n // 4, int), np.ones(n - n // 4, int)]  # three in four of one class
    known = chances.chance(exact, 2)
    wanted = sum(chances.at_chance(right, n, known) for right in (learned - 1, learned, 0, n))
    assert chances.guesses(runs, exact, 2) == wanted >= 1


def of_chances(chances: np.ndarray, labels: np.ndarray) -> Predictions:
    """Predictions of probabilities as they are: a softmax may round equal rows otherwise."""
    top5 = np.argsort(-chances, axis=1, kind="stable")[:, :5]
    own = np.take_along_axis(chances, labels[:, np.newaxis], axis=1)
    keys = np.array([f"c/{i}" for i in range(len(labels))])
    likeliest = np.take_along_axis(chances, top5, axis=1)
    return Predictions(keys, labels, top5, likeliest, own[:, 0], (chances > own).sum(axis=1))


@pytest.mark.parametrize(("n", "alike", "said"), [
    (200, 10, False), (200, 11, True), (30, 4, False), (30, 5, True), (2, 2, True), (1, 1, False),
])  # fmt: skip
def test_the_same_scores_by_their_number(n: int, alike: int, said: bool) -> None:
    """More than 5 % of the images, and than four, which may show one picture; or all."""
    chances = np.random.default_rng(0).dirichlet(np.ones(6), n)
    chances[:alike] = chances[0]
    found = scores.doubts(of_chances(chances, np.zeros(n, int)))
    share = "all" if alike == n else f"{alike} of"
    wanted = f"{share} {n} images get the same scores: the net does not see its input"
    assert found == ([wanted] if said else [])


@pytest.mark.parametrize(("wrong", "said"), [(2, False), (3, True)])
def test_saturated_scores_by_their_number(wrong: int, said: bool) -> None:
    """More than 1 % of the images."""
    labels = np.arange(200) % 6
    named = np.where(np.arange(200) < wrong, (labels + 1) % 6, labels)
    found = scores.doubts(of_chances(np.eye(6)[named], labels))
    assert len(found) == said and all(
        one.startswith("3 of 200 images get a wrong class with a probability of 1") for one in found
    )


@pytest.mark.parametrize("off", [0.0, 6e-8, 2.4e-7])
def test_what_is_certain_but_for_rounding_is_certain(off: float) -> None:
    """As the softmax of some processors gives it."""
    labels = np.arange(200) % 6
    certain = (np.eye(6) * (1 - off)).astype(np.float32)
    assert scores.doubts(of_chances(certain[labels], labels)) == []
    (said,) = scores.doubts(of_chances(certain[(labels + 1) % 6], labels))
    assert said.startswith("200 of 200 images get a wrong class with a probability of 1")
