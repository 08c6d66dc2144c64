"""explain-draw says what training draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from imagenet_tools import registry
from imagenet_tools.cli.explain_draw import command
from imagenet_tools.diagnosis import explain
from imagenet_tools.preprocessing import augment_ops
from imagenet_tools.training import batches

IMAGE = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)


def test_the_draws_are_those_of_training() -> None:
    pipeline = registry.get("alexnet+randaugment:m=5+erasing:p=1,content=noise")
    told = explain.explain(pipeline, IMAGE, 64, seed=4, epoch=3, key="a/b.jpg")
    seed = batches.draw_seed(4, 3, tf.constant("a/b.jpg"))
    assert told["seed"] == seed.numpy().tolist()
    view = pipeline.view(90, 120, 64, 64, True, seed=seed)
    assert told["view"]["window"] == view.window.numpy().tolist()
    assert told["view"]["flip"] == bool(view.flip)
    for turn in range(2):
        number = told["draws"][f"randaugment_{turn}_operation"]
        assert told["draws"][f"randaugment_{turn}_name"] == augment_ops.NAMES[number]
    assert told["draws"]["erasing_noise"] == "float32 [64, 64, 3]"
    again = explain.explain(pipeline, IMAGE, 64, seed=4, epoch=3, key="a/b.jpg")
    other = explain.explain(pipeline, IMAGE, 64, seed=4, epoch=4, key="a/b.jpg")
    assert again == told
    assert other["draws"] != told["draws"]


def test_explain_draw(runner: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(IMAGE).save(path)
    arguments = ["inception", "--image", str(path), "--seed", "1", "--epoch", "3", "--size", "32"]
    text = runner.invoke(command, arguments).output.splitlines()
    assert text[0] == "inception, seed 1, epoch 3, key a.png"
    assert any(line.startswith("  view   crop [") for line in text)
    assert any(line.startswith("  draws  saturation ") for line in text)
    told = json.loads(runner.invoke(command, [*arguments, "--json", "--key", "x"]).output)
    assert told["spec"] == "inception"
    assert told["seed"] == batches.draw_seed(1, 3, tf.constant("x")).numpy().tolist()
