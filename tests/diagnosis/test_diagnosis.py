"""The diagnosis: every planted fault is named, and built-ins are not accused of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagenet_tools import diagnosis, raw, records, registry, synthetic
from imagenet_tools.cli import main as cli_main
from imagenet_tools.diagnosis.label_findings import label_findings
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.training import recipes

PLUGIN = Path(__file__).parents[1] / "faulty_preprocessing.py"
PLANTED = {
    "sound": set(),
    "cifar_padding": {"no-resize"},
    "padded_crop": {"padding"},
    "bytes_scale": {"scale"},
    "bgr_at_eval": {"channel-order"},
    "no_mean_at_eval": {"train-eval-values"},
    "squash_at_eval": {"aspect"},
    "nearest_resize": {"nearest"},
    "flip_vertical": {"upside-down"},
    "frozen_draws": {"frozen"},
    "large_crop": {"small-images"},
    "nan_for_grey": {"not-finite"},
    "train_at_eval": {"eval-random"},
}
# What follows from a fault beside its own name.
FOLLOWS = {
    "no_mean_at_eval": {"scale"},
    "squash_at_eval": {"zoom"},
    "train_at_eval": {"mirrored-eval"},
    "nan_for_grey": {"small-images"},
    "large_crop": {"fails", "aliasing"},
    "cifar_padding": {"padding", "small-images"},
}
# What the built-ins are known for; docs/why/comparison.md says why.
BUILT_IN = {
    "alexnet": set(),
    "alexnet_2012": {"scale"},
    "alexnet_caffe": {"scale", "channels"},
    "inception": {"zoom", "aspect", "aliasing"},
    "vgg": {"scale", "zoom", "aliasing"},
    "cifarnet": {"no-resize"},
    "lenet": {"no-resize", "no-augmentation"},
}


@pytest.fixture(scope="module", autouse=True)
def planted() -> None:
    registry.load_plugin(PLUGIN)


def codes(spec: str) -> set[str]:
    found = diagnosis.diagnose([spec], images=24, train=False)
    return {one.code for one in found.findings}


@pytest.mark.parametrize("name", PLANTED)
def test_every_planted_fault_is_named(name: str) -> None:
    found = codes(name)
    assert PLANTED[name] <= found
    assert found <= PLANTED[name] | FOLLOWS.get(name, set())


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_false_alarm_on_built_ins(name: str) -> None:
    assert codes(name) == BUILT_IN[name]


def test_scale_shows_in_a_few_steps() -> None:
    recipe = recipes.recipe("quick", image_size=67)
    found = diagnosis.diagnose(["sound", "bytes_scale"], recipe=recipe, images=32)
    by_arm = {(one.arm, one.code) for one in found.findings}
    assert {("bytes_scale", "updates"), ("bytes_scale", "scale")} <= by_arm
    assert {one.code for one in found.findings if one.arm == "sound"} == set()
    assert any(one.code == "scales-differ" for one in found.findings)
    small, large = (found.passports[s]["training"]["updates"] for s in ("sound", "bytes_scale"))
    assert large["conv1"] > 20 * small["conv1"]


def test_labels_off_by_one(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "raw", classes=2, train_per_class=4, validation_per_class=2)
    records.build(raw.detect(tmp_path / "raw"), tmp_path / "records", workers=1)
    assert list(label_findings(tmp_path / "records")) == []
    for path in records.shard_paths(tmp_path / "records", "train"):
        shifted = [_less_one(record) for _, record in tfrecord.read(path)]
        Path(path).write_bytes(b"".join(shifted))
    (found,) = label_findings(tmp_path / "records")
    assert (found.code, found.severity, found.arm) == ("labels", "fail", "train")
    assert "off by -1" in found.explanation


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


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["diagnose", "flip_vertical", "--static", "--plugin", str(PLUGIN)]) == 0
    printed = capsys.readouterr().out
    assert "FAIL     flip_vertical: " in printed
    assert "upside down [upside-down]" in printed
    assert cli_main.run(["diagnose", "alexnet", "--static", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["findings"] == []
    assert content["passports"]["alexnet"]["eval"]["channels"] == "RGB"
