"""A split's near-duplicates: looked for once, kept with what they are of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_raw import encoded

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.records import alike
from imagenet_tools.records.reader import open_records


def noise(seed: int) -> Image.Image:
    """Coarse blotches: pictures that have nothing in common."""
    blotches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize((96, 72), Image.Resampling.BICUBIC)


def repeated(folder: Path) -> Path:
    """Two classes; in val: a picture at three qualities in both, one twice, and four others."""
    files = {
        "train/ant/0": noise(100),
        "train/bee/1": noise(101),
        **{f"val/ant/{at}": noise(at) for at in (0, 1, 2)},
        **{f"val/bee/{at}": noise(at) for at in (3, 4, 5)},
    }
    for name, image in files.items():
        path = folder / f"{name}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image, quality=95))
    for name, seed, quality in (("ant/0b", 0, 50), ("bee/0c", 0, 80), ("bee/3b", 3, 95)):
        (folder / "val" / f"{name}.JPEG").write_bytes(encoded(noise(seed), quality=quality))
    return folder


@pytest.fixture(params=["original", "raw"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    out = tmp_path / "records"
    raw_set = raw.detect(repeated(tmp_path / "raw"))
    records.build(raw_set, out, workers=1, settings=records.Settings(store=request.param))
    return out


def names(folder: Path, found: np.ndarray) -> list[list[str]]:
    """The groups of several, by file name."""
    keys = [one.key.rpartition("/")[2][:-5] for one in open_records(folder, "validation")]
    several: dict[int, list[str]] = {}
    for key, group in zip(keys, found.tolist(), strict=True):
        several.setdefault(group, []).append(key)
    return sorted(sorted(one) for one in several.values() if len(one) > 1)


def test_verifying_pixels_says_what_shows_one_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no damage. Training images count where a validation image shows the same."""
    place, out = repeated(tmp_path / "raw"), tmp_path / "records"
    for name, image in (
        ("train/bee/3t", noise(3).crop((1, 1, 95, 71))),
        ("train/bee/1t", noise(101)),  # as another training image: of no account
        ("train/ant/w", Image.new("RGB", (90, 70), "white")),
        ("val/ant/w", Image.new("RGB", (80, 60), "white")),
        ("val/bee/w", Image.new("RGB", (60, 60), "white")),
        ("val/bee/b", Image.new("RGB", (60, 60), "black")),
    ):
        (place / f"{name}.JPEG").write_bytes(encoded(image, quality=70))
    records.build(raw.detect(place), out, workers=1, validation_shards=2)
    found = records.verify(out, decode=True, workers=1)
    assert found.problems == () and found == records.verify(out, decode=True, workers=2)
    named = sorted(
        [[at.name[:-5] for at in held] for held in (sorted(one.validation, key=lambda at: at.name),
                                                   one.train)] + [one.blank]
        for one in found.repeated
    )  # fmt: skip
    assert named == [
        [["0", "0b", "0c"], [], False],
        [["3", "3b"], ["3t"], False],
        [["w", "w"], [], True],
    ]
    assert records.verify(out, workers=1).repeated == ()
    assert cli_main.run(["verify-tfrecords", str(out), "--decode"]) == 0
    said = capsys.readouterr().out
    assert "blank, of one shade: validation-0000" in said and "(3t.JPEG)" in said
    assert "4 validation images show what another one shows; comparisons count each" in said
    assert "2 validation images show what training images show" in said
    assert cli_main.run(["verify-tfrecords", str(out), "--decode", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["one_picture"]
    assert [len(one["validation"]) for one in listed] == [
        len(one.validation) for one in found.repeated
    ]


def test_groups_are_found_and_kept(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = alike.groups(built, "validation")
    assert found.shape == (9,) and len(set(found.tolist())) == 6
    assert names(built, found) == [["0", "0b", "0c"], ["3", "3b"]]
    monkeypatch.setattr(alike, "_compared", lambda reader: pytest.fail("they were kept"))
    kept = alike.groups(built, "validation")
    assert names(built, kept) == names(built, found)
    assert records.verify(built, workers=1).problems == ()


def test_what_is_kept_of_other_records_is_not_used(built: Path) -> None:
    alike.groups(built, "validation")
    path = built / alike.file_name("validation")
    sound = json.loads(path.read_text())
    others = ({"data": "0" * 64}, {"groups": 3}, {"groups": [[-1, 0]]}, {"groups": [[1, 0]]})
    for other in ("{", *(json.dumps(sound | one) for one in others)):
        path.write_text(other)
        assert names(built, alike.groups(built, "validation")) == [["0", "0b", "0c"], ["3", "3b"]]
        assert json.loads(path.read_text()) == sound
