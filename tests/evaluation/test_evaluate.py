"""An evaluation of records: what it refuses, what it marks, and whose predictions it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from imagenet_tools import nets, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import evaluate, prediction, scores, trained_net
from imagenet_tools.evaluation.eval_result import EvalResult
from imagenet_tools.records import alike
from imagenet_tools.training import checkpoints, run_folder

LAST = "tiny/fc2/weights"
HOW: dict[str, Any] = {"preprocessing": "inception", "image_size": 32, "model": "tiny"}


@pytest.fixture(scope="module")
def weights(tiny_net: str) -> dict[str, np.ndarray]:
    net = nets.create(tiny_net, 4, 32)
    return {name: variable.numpy() for name, variable in net.variables.items()}


@pytest.fixture(scope="module")
def untrained(weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untrained")
    checkpoints.write(folder, 7, weights)
    return folder


def evaluated(data: Path, checkpoint: Path, **options: Any) -> EvalResult:
    return evaluate.evaluate(data, checkpoint, **{**HOW, **options})


def test_weights_that_are_not_finite_are_refused_everywhere(
    weights: dict[str, np.ndarray], tiny_records: Path, tmp_path: Path
) -> None:
    spoilt = weights[LAST].copy()
    spoilt.flat[3] = np.nan
    checkpoints.write(tmp_path, 7, {**weights, LAST: spoilt})
    with pytest.raises(DamagedData, match=f"1 of {spoilt.size:,} values of {LAST} are NaN"):
        evaluated(tiny_records, tmp_path)
    with pytest.raises(DamagedData, match="NaN"):
        next(prediction.predict(tmp_path, ["a.jpg"], **HOW))


def test_a_last_layer_of_zeros_scores_nothing(
    weights: dict[str, np.ndarray], tiny_records: Path, tmp_path: Path
) -> None:
    checkpoints.write(tmp_path, 7, {**weights, LAST: 0 * weights[LAST]})
    result = evaluated(tiny_records, tmp_path)
    assert (result.top1, result.not_finite) == (0, 0)
    assert result.loss == pytest.approx(np.log(4))
    assert "all 9 images get the same scores, and every class the same" in result.warnings[0]


def test_records_of_other_classes_are_said(
    weights: dict[str, np.ndarray], tiny_records: Path, tmp_path: Path
) -> None:
    """As many, so that nothing else tells; of the classes of training nothing is said."""
    manifest = records.read_manifest(tiny_records)
    checkpoints.write(tmp_path, 7, weights)
    for turn, said in ((0, 0), (1, 1)):
        classes = (*manifest.classes[turn:], *manifest.classes[:turn])
        run_folder.write_classes(tmp_path, replace(manifest, classes=classes))
        warnings = evaluated(tiny_records, tmp_path).warnings
        assert sum("and was" in one for one in warnings) == said
    here, trained = manifest.classes[0][0], manifest.classes[1][0]
    assert f"label 1 is {here} here, and was {trained} in training" in warnings


def test_predictions_say_whose_they_are(
    untrained: Path, weights: dict[str, np.ndarray], tiny_records: Path, tmp_path: Path
) -> None:
    metas = {}
    for name, step, change in (("one", 7, 0.0), ("copy", 8, 0.0), ("other", 7, 1.0)):
        checkpoints.write(tmp_path / name, step, {**weights, LAST: weights[LAST] + change})
        file = tmp_path / f"{name}.npz"
        result = evaluated(tiny_records, tmp_path / name, predictions=file)
        _, metas[name] = scores.read_predictions(file)
        assert metas[name]["weights"] == result.weights
    one = metas["one"]
    assert one["data"] == records.read_manifest(tiny_records).digest
    assert (one["step"], one["seed"], one["not_finite"]) == (7, None, 0)
    assert (one["preprocessing"], one["split"]) == ("inception", "validation")
    assert (one["image_size"], one["averaged"], one["trained"]) == (32, False, None)
    assert one["weights"] == metas["copy"]["weights"] != metas["other"]["weights"]


def test_images_that_show_one_picture_are_told_with_the_predictions(
    untrained: Path, tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.npz"
    assert evaluated(tiny_records, untrained, predictions=file).near_duplicates == 0
    assert scores.read_predictions(file)[0].group.tolist() == list(range(9))
    monkeypatch.setattr(alike, "groups", lambda data, split: np.arange(9) // 2)
    result = evaluated(tiny_records, untrained, predictions=file)
    assert result.near_duplicates == result.as_json()["near_duplicates"] == 4
    assert scores.read_predictions(file)[0].group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    for part in ({"images": 5}, {"split": "train"}):
        result = evaluated(tiny_records, untrained, predictions=file, **part)
        assert result.near_duplicates is None and scores.read_predictions(file)[0].group is None


def test_a_sample_of_the_training_images_is_the_splits_first(
    untrained: Path, tiny_records: Path, tmp_path: Path
) -> None:
    files = {images: tmp_path / f"{images}.npz" for images in (None, 10, 1000)}
    for images, file in files.items():
        result = evaluated(
            tiny_records, untrained, split="train", images=images, batch_size=4, predictions=file
        )
        assert result.n == min(images or 24, 24)
    whole, ten, all_of_them = (scores.read_predictions(file)[0] for file in files.values())
    np.testing.assert_array_equal(ten.key, whole.key[:10])
    np.testing.assert_array_equal(ten.loss, whole.loss[:10])
    np.testing.assert_array_equal(all_of_them.key, whole.key)


class Sometimes:
    """A net of 3 classes that is right where an image's first value is a class, else NaN."""

    num_classes = 3

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        seen = images[:, 0, 0, 0]
        right = tf.one_hot(tf.cast(seen, tf.int32), 3)
        return tf.where((seen < 3)[:, tf.newaxis], right, np.float32("nan"))


def stream(seen: list[float], labels: list[int]) -> tf.data.Dataset:
    images = np.broadcast_to(np.float32(seen)[:, None, None, None], (len(seen), 2, 2, 3))
    keys = [f"c/{i}" for i in range(len(seen))]
    columns = {"image": images, "label": np.int32(labels), "key": keys}
    return tf.data.Dataset.from_tensor_slices(columns).batch(2)


def test_images_without_scores_are_counted_as_wrong() -> None:
    found = evaluate.predict_all(Sometimes(), stream([0, 1, 9, 2, 9], [0, 1, 2, 2, 1]), 5)
    assert found.correct.tolist() == [True, True, False, True, False]
    assert found.unranked.tolist() == [False, False, True, False, True]
    assert np.isnan(found.loss[[2, 4]]).all() and np.isfinite(found.loss[[0, 1, 3]]).all()


def test_labels_that_no_class_has_and_missing_images_are_damage() -> None:
    with pytest.raises(DamagedData, match=r"c/1 has label 3 .* the net has classes 0 to 2"):
        evaluate.predict_all(Sometimes(), stream([0, 1, 1], [0, 3, 1]), 3)
    with pytest.raises(DamagedData, match="2 images were read, 3 are in the manifest"):
        evaluate.predict_all(Sometimes(), stream([0, 1], [0, 1]), 3)


def test_the_digest_is_of_the_weights_in_use(untrained: Path) -> None:
    load = HOW
    one, two = (trained_net.load(untrained, **load) for _ in range(2))
    assert one.weights == two.weights
    assert len(one.weights) == 64


def test_the_command_prints_every_figure(
    untrained: Path, tiny_records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["eval", "--data", str(tiny_records), "--checkpoint", str(untrained)]
    command += ["--preprocessing", "inception", "--image-size", "32", "--model", "tiny"]
    assert cli_main.run(command) == 0
    printed = capsys.readouterr().out
    assert "loss 1.3" in printed and "calibration error 0." in printed
    assert [line.split("[")[0] for line in printed.splitlines() if "[" in line] == [
        "eval/Accuracy", "eval/Recall_3", "eval/Recall_4", "eval/Recall_5",
    ]  # fmt: skip
