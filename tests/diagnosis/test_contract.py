"""What `check-preproc` says, and its exit code as a gate."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import tensorflow as tf

from imagenet_tools import registry
from imagenet_tools.cli import main as cli_main
from imagenet_tools.diagnosis import contract


def whole(image: tf.Tensor, height: int, width: int, is_training: bool) -> tf.Tensor:
    """All of the picture, mirrored in half of the training."""
    out = tf.image.resize(image, [height, width], antialias=True) / 127.5 - 1
    return tf.image.random_flip_left_right(out) if is_training else out


def topsy(image: tf.Tensor, height: int, width: int, is_training: bool) -> tf.Tensor:
    """Upside down in half of the training, which is a fault, with borders, which are a warning."""
    out = whole(image, height - 8, width - 8, is_training)
    out = tf.image.random_flip_up_down(out) if is_training else out
    return tf.pad(out, [[4, 4], [4, 4], [0, 0]])


def wants_colour(image: tf.Tensor, height: int, width: int, is_training: bool) -> tf.Tensor:
    colours = tf.reduce_any(image[..., 0] != image[..., 1])
    with tf.control_dependencies([tf.debugging.Assert(colours, ["no colours"])]):
        return whole(tf.identity(image), height, width, is_training)


@pytest.fixture(autouse=True)
def pipelines() -> Iterator[None]:
    with registry.temporary():
        for function in (topsy, wants_colour):
            registry.register(function.__name__)(function)
        yield


def by_outcome(capsys: pytest.CaptureFixture[str]) -> dict[str, set[str]]:
    outcomes: dict[str, set[str]] = {}
    for one in json.loads(capsys.readouterr().out):
        outcomes.setdefault(one["outcome"], set()).add(one["name"])
    return outcomes


def test_a_fault_of_the_diagnosis_fails_the_gate_and_a_warning_passes(
    measured_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["check-preproc", "topsy"]
    assert cli_main.run(command) == 1
    told = capsys.readouterr()
    assert "FAIL  IMG105 upside-down: topsy: " in told.out
    assert "Flip left and right only." in told.out
    assert "topsy fails 1 of " in told.err
    assert cli_main.run([*command, "--mute", "upside-down"]) == 0
    told = capsys.readouterr().out.splitlines()
    marked = {line.partition(":")[0] for line in told if line.startswith(("warn", "FAIL"))}
    assert marked == {"warn  IMG104 padding"}
    assert told[-1] == "topsy keeps its promises."
    assert cli_main.run([*command, "--mute", "IMG999"]) == 2


def test_small_outputs_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "CHECKS", {})
    (last,) = contract.check("alexnet", contract.LEAST - 1)
    assert (last.name, last.outcome) == ("diagnosis", "noted")
    assert "64 pixels" in last.detail


def test_a_pipeline_that_fails_on_a_pattern_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["check-preproc", "wants_colour", "--json"]) == 1
    assert {"grayscale images", "diagnosis"} <= by_outcome(capsys)["failed"]
