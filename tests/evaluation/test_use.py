"""A trained net in use: predict, export, the check of label conventions, the Python API."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny_raw import encoded, picture, put

import imagenet_tools
from imagenet_tools import nets, raw, records, registry, synthetic
from imagenet_tools.cli import main as cli_main
from imagenet_tools.evaluation import (
    evaluate,
    label_check,
    prediction,
    saved_model,
    scores,
    trained_net,
)
from imagenet_tools.records import schema
from imagenet_tools.training import batches as input_pipeline
from imagenet_tools.training import checkpoints

JPEG = synthetic.picture("disc-striped", "validation", 3)


@pytest.fixture(scope="module")
def trained(tiny_records: Path, tiny_net: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    recipe = imagenet_tools.recipe("quick", batch_size=8, image_size=32)
    imagenet_tools.train(
        tiny_records, folder, preprocessing="alexnet", recipe=recipe, steps=3, model=tiny_net
    )
    return folder


@pytest.fixture
def picture_folder(tiny_records: Path, tmp_path: Path) -> Path:
    """The validation images of the records, as files named in the records' order."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, one in enumerate(records.examples(tiny_records, "validation")):
        (folder / f"{number:02}.jpg").write_bytes(one[schema.ENCODED][0])
    return folder


def test_images_of_any_name_are_evaluated(tiny_net: str, tmp_path: Path) -> None:
    """The name of a file is bytes: of any letters, and not always UTF-8."""
    for split in ("train", "val"):
        for number, name in enumerate(("a.jpg", "é.jpg", "猫.jpg", "\udcff.jpg")):
            put(tmp_path / "raw" / split / "ä" / name, encoded(picture(number)))
            put(tmp_path / "raw" / split / "b" / name, encoded(picture(9 + number)))
    data, run, file = tmp_path / "records", tmp_path / "run", tmp_path / "p.npz"
    records.build(raw.detect(tmp_path / "raw"), data, workers=1)
    recipe = imagenet_tools.recipe("quick", batch_size=4, image_size=32)
    imagenet_tools.train(data, run, preprocessing="alexnet", recipe=recipe, steps=2, model=tiny_net)
    assert evaluate.evaluate(data, run, predictions=file).n == 8
    keys = [schema.key_of(one) for one in records.examples(data, "validation")]
    assert {"ä/é.jpg", "b/\udcff.jpg"} < {*keys}
    assert scores.read_predictions(file)[0].key.tolist() == keys


def test_predictions_are_the_evaluations(
    trained: Path, tiny_records: Path, picture_folder: Path, tmp_path: Path
) -> None:
    found = list(imagenet_tools.predict(trained, [picture_folder], top=3))
    assert found == list(imagenet_tools.predict(trained, str(picture_folder), top=3))
    evaluate.evaluate(tiny_records, trained, predictions=tmp_path / "p.npz")
    wanted, _ = scores.read_predictions(tmp_path / "p.npz")
    assert [p.source for p in found] == sorted(str(p) for p in picture_folder.iterdir())
    classes = records.read_manifest(tiny_records).classes
    for one, top5, probability in zip(found, wanted.top5, wanted.probability, strict=True):
        assert [g.logit for g in one.guesses] == top5[:3].tolist()
        # The evaluation takes only the window out of the JPEG: the pictures differ by rounding.
        np.testing.assert_allclose([g.probability for g in one.guesses], probability[:3], atol=1e-4)
        for guess in one.guesses:
            named = classes[guess.logit - 1] if guess.logit else ("background", "background")
            assert (guess.key, guess.words) == named


def test_numbers_that_cannot_be_are_refused(trained: Path, tiny_records: Path) -> None:
    for wrong in ({"batch_size": 0}, {"images": 0}, {"images": -1}):
        ((name, number),) = wrong.items()
        with pytest.raises(ValueError, match=f"^{name} is {number}; it must be a whole number"):
            imagenet_tools.evaluate(tiny_records, trained, **wrong)
    with pytest.raises(ValueError, match="^top is -1; it must be a whole number, 1 or more"):
        list(imagenet_tools.predict(trained, [], top=-1))


def test_predict_takes_stdin_and_names_what_it_cannot_read(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def feed(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    (tmp_path / "a.jpg").write_bytes(JPEG)
    (tmp_path / "b.jpg").write_bytes(b"not an image")
    feed(JPEG)
    assert cli_main.run(["predict", "--checkpoint", str(trained), "--json", "-"]) == 0
    from_bytes = json.loads(capsys.readouterr().out)
    feed(f"{tmp_path / 'a.jpg'}\n{tmp_path / 'b.jpg'}\n".encode())
    assert cli_main.run(["predict", "--checkpoint", str(trained), "--json", "-"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["guesses"] == from_bytes["guesses"]
    assert from_bytes["source"] == "stdin"
    assert "not an image" in lines[1]["problem"]
    feed(f"{tmp_path / 'no.jpg'}\n".encode())
    assert cli_main.run(["predict", "--checkpoint", str(trained), "-"]) == 3
    assert "no.jpg: No such file" in capsys.readouterr().err


def test_of_a_folder_every_entry_is_predicted_named_or_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "deeper/b.jpg", "without_an_ending"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(JPEG)
    for name in (".DS_Store", "notes.txt"):
        (tmp_path / name).write_bytes(b"\0\0")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = dict(prediction.read([tmp_path]))
    assert found == {
        f"{tmp_path}/a.jpg": JPEG,
        f"{tmp_path}/gone.jpg": "No such file or directory",
        f"{tmp_path}/pipe.jpg": "it is a fifo",
        f"{tmp_path}/without_an_ending": JPEG,
        f"{tmp_path}/deeper/b.jpg": JPEG,
    }
    left_out = "left out: 2 files (.DS_Store 1, .txt 1; first .DS_Store)"
    assert capsys.readouterr().err == f"{tmp_path}: {left_out}\n"


def test_a_pipe_in_the_place_of_the_classes_is_not_waited_for(
    trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "classes.tsv").unlink()
    os.mkfifo(folder / "classes.tsv")
    with pytest.raises(OSError, match="it is a fifo.*classes.tsv"):
        trained_net.class_names(trained_net.load(folder))


def test_a_missing_image_is_found_before_tensorflow_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from imagenet_tools.cli.main import run; code = run(sys.argv[1:]); "
        "print(code, 'tensorflow' in sys.modules)"
    )
    arguments = ["predict", "--preprocessing", "inception", "--checkpoint", "x", "no.jpg"]
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["2", "False"]
    assert "no.jpg" in done.stderr


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_predict_reads_other_formats(mode: str) -> None:
    grey = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20
    image = Image.fromarray(grey) if mode == "I;16" else Image.new(mode, (64, 48), 77)
    stored = io.BytesIO()
    image.save(stored, "PNG")
    found = prediction.pixels(stored.getvalue())
    assert isinstance(found, np.ndarray)
    assert (found.shape, found.dtype) == ((48, 64, 3), np.uint8)
    expected = {"L": 77, "RGBA": 77, "I;16": int(grey[-1, -1]) >> 8}[mode]
    assert found[-1, -1, 0] == expected


def test_an_export_gives_the_evaluations_probabilities(
    trained: Path, tiny_records: Path, picture_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "served"
    written = imagenet_tools.export(trained, out, data=tiny_records)
    assert written.checked == 9
    assert written.largest_difference <= 1e-5 and written.logit_difference <= 1e-4
    exported = tf.saved_model.load(str(out))
    served = exported.signatures["serving_default"]
    files = sorted(picture_folder.iterdir())
    pixels = tf.io.decode_jpeg(files[0].read_bytes(), 3)
    logits = exported.signatures["pixels"](image=pixels)["logits"]
    found = served(images=tf.constant([path.read_bytes() for path in files[:4]]))
    evaluate.evaluate(tiny_records, trained, predictions=tmp_path / "p.npz")
    wanted, _ = scores.read_predictions(tmp_path / "p.npz")
    np.testing.assert_array_equal(found["label"], wanted.top5[:4])
    np.testing.assert_allclose(found["probability"], wanted.probability[:4], atol=1e-5)
    np.testing.assert_allclose(tf.sort(tf.nn.softmax(logits))[-1], wanted.probability[0, 0], 1e-4)
    names = trained_net.class_names(trained_net.load(trained))
    assert found["words"].numpy()[0, 0].decode() == names[wanted.top5[0, 0]][1]
    with pytest.raises(ValueError, match="choose another folder"):
        imagenet_tools.export(trained, out)


@pytest.mark.parametrize("what", ["TOLERANCE", "LOGIT_TOLERANCE"])
def test_an_export_that_differs_is_not_kept(
    what: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model, what, -1.0)
    with pytest.raises(ValueError, match="it was not kept"):
        imagenet_tools.export(trained, tmp_path / "served")
    assert list(tmp_path.iterdir()) == []


class Reader:
    """A net that is always right: it reads the class from the first pixel of the image."""

    num_classes = 5

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(tf.cast(images[:, 0, 0, 0], tf.int32), self.num_classes)


def explained(monkeypatch: pytest.MonkeyPatch, fits: str | None, shift: int) -> str:
    """What is said of labels that the net numbers `shift` lower, seen under the pipeline `fits`."""
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 5, 200).astype(np.int32)

    def batches(data: Any, split: str, pipeline: Any, **_: Any) -> tf.data.Dataset:
        seen = labels - shift if pipeline.spec == fits else rng.integers(0, 5, 200)
        images = np.broadcast_to(seen[:, None, None, None], (200, 2, 2, 3)).astype(np.float32)
        return tf.data.Dataset.from_tensor_slices({"image": images, "label": labels}).batch(50)

    monkeypatch.setattr(input_pipeline, "batches", batches)
    loaded = trained_net.TrainedNet(
        Reader(), "alexnet_v2", registry.get("inception"), 2,
        checkpoints.Checkpoint("model.ckpt-1", 1, {}), {},
    )  # fmt: skip
    return label_check.explain(loaded, "records", "validation", 0)


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (1, "200 of 200 images are right with --labels-offset 1"),
        # 42 have label 1, of which nothing is left.
        (2, "158 of 200 images are right with labels 2 lower than these records'"),
    ],
)
def test_a_label_offset_that_fits_is_named(
    shift: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the option where the option takes it: 0 or 1."""
    assert explained(monkeypatch, "inception", shift).endswith(said)


def test_a_pipeline_that_fits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = explained(monkeypatch, "vgg", 0)
    assert text.endswith("200 of 200 images are right with --preprocessing vgg")


def test_nothing_that_fits_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "stays there under 5 pipelines and label offsets -1 to 2" in explained(
        monkeypatch, None, 0
    )


def test_an_untrained_net_is_at_chance(
    tiny_records: Path, tiny_net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = nets.create(tiny_net, 4, 32)
    checkpoints.write(tmp_path, 0, {name: v.numpy() for name, v in net.variables.items()})
    how: dict[str, Any] = {"preprocessing": "inception", "model": tiny_net, "image_size": 32}
    result = evaluate.evaluate(tiny_records, tmp_path, **how)
    assert "accuracy is at chance, and 9 images are too few to tell" in result.warnings[0]
    monkeypatch.setattr(label_check, "LIKELY", 0.01)
    result = evaluate.evaluate(tiny_records, tmp_path, **how)
    assert "accuracy is at chance, and stays there under 5 pipelines" in result.warnings[0]


def test_another_label_offset_than_that_of_training_is_said(
    tiny_records: Path, tiny_net: str, tmp_path: Path
) -> None:
    net = nets.create(tiny_net, 4, 32)
    checkpoints.write(tmp_path, 0, {name: v.numpy() for name, v in net.variables.items()})
    loaded = trained_net.load(
        tmp_path, preprocessing="inception", model=tiny_net, image_size=32, moving_average=False
    )
    loaded = dataclasses.replace(loaded, run={"labels_offset": 0})
    said = "trained with --labels-offset 0, evaluated with 1"
    for offset, words in ((1, True), (0, False), (None, False)):
        result = evaluate.figures(loaded, tiny_records, labels_offset=offset)
        assert any(said in one for one in result.warnings) is words


@pytest.mark.parametrize(
    ("n", "share", "few"),
    [(11, 1 / 3, True), (12, 1 / 3, False), (5, 0.1, True), (6, 0.1, False), (999, 1.0, True)],
)
def test_as_many_images_are_looked_at_as_can_tell(n: int, share: float, few: bool) -> None:
    """20 tries: 20 / 3**11 is 1.1e-4 and 20 / 3**12 is 3.8e-5, for example."""
    assert label_check.too_few(n, share) is few


def test_the_api_is_documented_and_lazy() -> None:
    for name in imagenet_tools._FUNCTIONS:
        function = getattr(imagenet_tools, name)
        assert callable(function) and function.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        imagenet_tools.nothing  # noqa: B018
    assert "train" in dir(imagenet_tools)
