"""The gallery of images that one arm alone has right: which they are, and what the other says."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_raw import encoded, picture, put

from imagenet_tools import raw, records
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.plan import Arm, make_plan
from imagenet_tools.comparison.report import gallery
from imagenet_tools.comparison.results import Contrast
from imagenet_tools.comparison.verdicts import verdict
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation.scores import Predictions
from imagenet_tools.pages import blocks
from imagenet_tools.pages import page as html_page
from imagenet_tools.records import schema

NAMES = ["background", "apple, a fruit", "pear", "plum"]


def keys_of(data: Path) -> list[str]:
    return [schema.key_of(one) for one in records.examples(data, "validation")]


def arm_results(arm: Arm, keys: list[str], top1: np.ndarray) -> ArmResults:
    label = np.ones(len(keys), np.int32)
    correct = {arm.slug: top1 == label}
    true_chance = np.where(top1 == label, 0.75, 0.125).astype(np.float32)
    chance, names = np.full((len(keys), 5), 0.75, np.float32), np.array(keys)
    said = tuple(
        Predictions(names, label, np.tile(run[:, np.newaxis], 5), chance, true, run - label)
        for run, true in zip(top1, true_chance, strict=True)
    )
    return ArmResults(arm, (1, 2, 3), (), (), (), correct, said)


def test_what_each_arm_says_of_an_image(tiny_records: Path, tmp_path: Path) -> None:
    keys = keys_of(tiny_records)
    a, b = np.full((3, len(keys)), 2), np.full((3, len(keys)), 2)
    a[:, 0] = 1  # right in every run of A; B says pear, pear, plum
    b[2, 0] = 3
    b[:, 1] = 1
    a[0, 1] = 1  # right in one run of A: no flip
    made = make_plan(("alexnet", "inception"), tiny_records)
    one, other = (arm_results(arm, keys, top1) for arm, top1 in zip(made.arms, (a, b), strict=True))
    right = one.correct["alexnet"], other.correct["inception"]
    contrast = Contrast(one, other, verdict(*right, distinct=True))
    gallery.write(contrast, tiny_records, NAMES, tmp_path)
    (flip,) = gallery.read(tmp_path)
    assert (flip.key, flip.right, flip.wrong) == (keys[0], "alexnet", "inception")
    assert (flip.truth, flip.told) == ("apple", "pear in 2 runs, plum in 1")
    assert flip.runs[0] == gallery.Said("alexnet", 1, "apple", 0.75, 0.75)
    assert flip.runs[-1] == gallery.Said("inception", 3, "plum", 0.75, 0.125)
    assert len(flip.runs) == 6
    kind, _, data = flip.image.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert max(picture.size) <= gallery.PIXELS
    with Image.open(tmp_path / gallery.SHEET) as sheet:
        assert sheet.size == (822, 240)
    more = blocks.Table("every run", ["seed", "a"], [["1", "plum 75 %\napple 12 %"]])
    card = blocks.Card(flip.image, "apple <b>", "inception: pear", flip.key, more)
    page = html_page(
        "t", [blocks.Section("", [blocks.Gallery("f.png", "c", "a", [card])])], tmp_path
    )
    assert "<b>apple &lt;b&gt;</b><br>inception: pear" in page
    assert "<td>plum 75 %\napple 12 %</td>" in page
    (tmp_path / gallery.FLIPS).write_text("[]")
    with pytest.raises(DamagedData, match=r"flipped\.json"):
        gallery.read(tmp_path)


def test_an_image_of_any_name_is_found(tmp_path: Path) -> None:
    for split in ("train", "val"):
        put(tmp_path / "raw" / split / "a" / "1.jpg", encoded(picture(1)))
        put(tmp_path / "raw" / split / "b" / "\udcff.jpg", encoded(picture(2)))
    records.build(raw.detect(tmp_path / "raw"), tmp_path / "out", workers=1)
    assert {*gallery._pictures(tmp_path / "out", {"b/\udcff.jpg"})} == {"b/\udcff.jpg"}
