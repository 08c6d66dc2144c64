"""The diagnosis: planted faults are named, honest pipelines are not accused, rules have a door."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import faulty_preprocessing as planted
import numpy as np
import pytest

from imagenet_tools import diagnosis, raw, records, registry, synthetic
from imagenet_tools.cli import main as cli_main
from imagenet_tools.diagnosis import finding, passport, sample
from imagenet_tools.diagnosis.rules import data as data_rules
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.storage import json_file
from imagenet_tools.training import recipes

SIZE = 96
# What the built-ins are known for; docs/why/preprocessing.md says why.
BUILT_IN = {
    "alexnet": set(),
    "alexnet_2012": {"scale"},
    "alexnet_caffe": {"scale", "channels"},
    "inception": {"zoom", "aspect", "aliasing"},
    "vgg": {"scale", "zoom", "aliasing"},
    "cifarnet": {"no-resize"},
    "lenet": {"no-resize", "no-augmentation"},
    "torchvision": set(),
    # Parts that move, cover or invert pixels on purpose.
    "alexnet+randaugment": set(),
    "alexnet+trivialaugment+erasing:p=1": set(),
}
# Some of each table; the others are among the slow tests.
QUICK = ("bgr_at_eval", "padded_crop", "frozen_crop")
QUIET = ("strong_crops",)
KNOWN = ("alexnet", "inception", "alexnet+trivialaugment+erasing:p=1")


def named(name: str, quick: tuple[str, ...]) -> Any:
    return name if name in quick else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module", autouse=True)
def pipelines() -> None:
    planted.register()


@pytest.fixture(scope="module")
def pictures() -> list[sample.Picture]:
    return sample.synthetic_images(24)


@pytest.fixture(scope="module")
def measured(pictures: list[sample.Picture]) -> Callable[[str], passport.Passport]:
    """The passport of a pipeline, which is measured where it is first asked for."""

    @cache
    def passport_of(spec: str) -> passport.Passport:
        return diagnosis.measure(registry.get(spec), SIZE, pictures)

    return passport_of


@pytest.fixture
def found(
    measured: Callable[[str], passport.Passport],
) -> Callable[[str], list[finding.Finding]]:
    return lambda spec: diagnosis.judge({spec: measured(spec)})


@pytest.mark.parametrize("name", [named(name, QUICK) for name in planted.FAULTS])
def test_a_planted_fault_is_named(name: str, found: Any) -> None:
    assert planted.FAULTS[name] in {one.code for one in found(name)}


@pytest.mark.parametrize("name", [named(name, QUIET) for name in planted.HONEST])
def test_no_alarm_on_honest_pipelines(name: str, found: Any) -> None:
    assert [one for one in found(name) if one.severity != "note"] == []


@pytest.mark.parametrize("name", [named(name, KNOWN) for name in BUILT_IN])
def test_no_false_alarm_on_built_ins(name: str, found: Any) -> None:
    assert {one.name for one in found(name)} == BUILT_IN[name]


@pytest.mark.slow
def test_scale_shows_in_a_few_steps() -> None:
    recipe = recipes.recipe("quick", image_size=67)
    told = diagnosis.diagnose(["careful", "bytes_scale"], recipe=recipe, images=32)
    by_arm = {(one.arm, one.name) for one in told.findings}
    assert {("bytes_scale", "updates"), ("bytes_scale", "scale")} <= by_arm
    assert {one.name for one in told.findings if one.arm == "careful"} == set()
    assert any(one.name == "scales-differ" for one in told.findings)
    briefs = [told.passports[spec].training for spec in ("careful", "bytes_scale")]
    small, large = (brief.updates for brief in briefs if brief)
    assert large["conv1"] > 20 * small["conv1"]


def test_labels_off_by_one(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "raw", classes=2, train_per_class=4, validation_per_class=2)
    records.build(raw.detect(tmp_path / "raw"), tmp_path / "records", workers=1)
    assert list(data_rules.labels(tmp_path / "records")) == []
    for path in records.shard_paths(tmp_path / "records", "train"):
        shifted = [_less_one(record) for _, record in tfrecord.read(path)]
        Path(path).write_bytes(b"".join(shifted))
    (one,) = diagnosis.judge({}, tmp_path / "records")
    assert (one.code, one.name, one.severity, one.arm) == ("IMG001", "labels", "fail", "train")
    assert "off by -1" in one.explanation


def _less_one(record: bytes) -> bytes:
    example = schema.decode_example(record)
    changed = schema.encode_example(
        example[schema.ENCODED][0],
        height=example[schema.HEIGHT][0],
        width=example[schema.WIDTH][0],
        label=example[schema.LABEL][0] - 1,
        synset=example[schema.SYNSET][0].decode(),
        text=example[schema.TEXT][0].decode(),
        filename=example[schema.FILENAME][0].decode(),
    )
    before, after = tfrecord.frame(changed)
    return before + changed + after


def test_the_command(
    measured_once: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["diagnose", "flip_vertical", "--static"]
    assert cli_main.run([*command, "--out", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr().out
    assert "FAIL     flip_vertical: " in printed
    assert "upside down [IMG105 upside-down]" in printed
    page = (tmp_path / "page.html").read_text()
    assert "upside down.</p>" in page and "<h2 id=" in page and "http" not in page
    assert cli_main.run([*command, "--out", "page.pdf"]) == 2
    assert "page.pdf is no .html file" in capsys.readouterr().err
    assert cli_main.run([*command, "--mute", "IMG105", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["findings"] == []
    assert {one["name"] for one in content["muted"]} == {"upside-down"}
    assert content["passports"]["flip_vertical"]["eval"]["channels"] == "RGB"


def test_a_passport_is_read_back_whatever_its_values(measured: Any) -> None:
    written = measured("log_of_black")
    text = json.dumps(written.as_json(), allow_nan=False)
    again = json_file.as_type(json.loads(text), passport.Passport)
    assert again.as_json() == written.as_json()
    assert again.values is not None and again.values.not_finite > 0
    assert passport.rows({"x": again})["x"].keys() == passport.rows({"x": written})["x"].keys()


def test_curves_and_figures_of_a_flat_output_are_finite(measured: Any, found: Any) -> None:
    """A pipeline that gives nothing but zeros is measured, and named, like any other."""
    assert "IMG216" in {one.code for one in found("nothing")}
    look = measured("nothing").eval
    assert np.isfinite(look.zoom) and not math.isnan(look.blur)


def test_any_net_is_trained_briefly(
    measured: Any, tiny_net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = measured("alexnet")
    monkeypatch.setattr(diagnosis, "measure", lambda *_: known)
    told = diagnosis.diagnose(
        ["alexnet"], recipe="quick", image_size=32, model=tiny_net, images=32, range_test=False
    )
    trained = told.passports["alexnet"].training
    assert trained is not None and len(trained.losses) == 20
    assert list(trained.activations) == ["conv1", "conv2", "fc1", "fc2"]
    assert all(abs(value - 1.0) < 0.2 for value in trained.activations.values())  # LSUV's start
    assert list(trained.dead) == ["conv1", "conv2", "fc1"]
    assert 0 < trained.updates["conv1"] < 1
