"""Array jobs: slices in any order and at the same time, gaps named, the same bytes in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_raw import contents, encoded, picture

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.engines import slices
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DamagedData, Unfinished

SHARDS = {"train_shards": 5, "validation_shards": 2}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for split, count in (("train", 10), ("val", 3)):
        for name in ("ant", "bee"):
            place = folder / split / name
            place.mkdir(parents=True)
            for index in range(count):
                (place / f"{name}_{split}_{index}.JPEG").write_bytes(
                    encoded(picture(index, 40, 30))
                )
    return folder


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    records.build(raw.detect(images), out, workers=1, index="dali", **SHARDS)
    return contents(out)


def write(images: Path, out: Path, part: str, **more: Any) -> int:
    settings = {"workers": 1, "index": "dali", **SHARDS, **more}
    return records.build_slice(raw.detect(images), out, slices.parse(part), **settings)


def test_slices_in_any_order_make_the_same_bytes(
    images: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    assert [write(images, tmp_path, part) for part in ("2/3", "0/3", "1/3")] == [2, 3, 2]
    assert write(images, tmp_path, "0/3") == 3  # once more: nothing to do
    manifest = records.finalize(tmp_path)
    assert contents(tmp_path) == whole
    assert sorted(path.name for path in tmp_path.glob(".*")) == [
        ".imgtools-lock",
        ".imgtools-sources",
    ]
    assert records.finalize(tmp_path) == manifest
    assert write(images, tmp_path, "1/3") == 2  # a straggler finds the folder complete


def test_slices_at_the_same_time(images: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imagenet_tools", "build-tfrecords", "--raw", str(images)]
    command += ["--out", str(tmp_path), "--workers", "1", "--index", "dali"]
    command += ["--train-shards", "5", "--validation-shards", "2", "--shard-slice"]
    tasks = [subprocess.Popen([*command, f"{number}/4"]) for number in range(4)]
    assert [task.wait(600) for task in tasks] == [0, 0, 0, 0]
    records.finalize(tmp_path)
    assert contents(tmp_path) == whole


def test_gaps_are_named_with_their_slices(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(images, tmp_path, "0/3")
    write(images, tmp_path, "2/3")
    with pytest.raises(Unfinished, match="slices to run again: 1/3"):
        records.finalize(tmp_path)
    assert cli_main.run(["finalize", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert "2 of 7 shards are missing: train-00001-of-00005, train-00004-of-00005" in said
    write(images, tmp_path, "1/3")
    assert cli_main.run(["finalize", str(tmp_path)]) == 0
    assert "26 records" in capsys.readouterr().out
    assert cli_main.run(["finalize", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == 1 and sum(one["records"] for one in told["splits"].values()) == 26


def test_a_lost_task_is_run_again(images: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    """What a killed task leaves: a temporary file, and a shard without its note."""
    for part in ("0/2", "1/2"):
        write(images, tmp_path, part)
    (tmp_path / ".tmp-train-00001-of-00005.77").write_bytes(b"half")
    note = tmp_path / ".imgtools-journal" / "train-00001-of-00005.json"
    note.unlink()
    with pytest.raises(Unfinished, match="train-00001-of-00005; slices to run again: 1/2"):
        records.finalize(tmp_path)
    write(images, tmp_path, "1/2")
    records.finalize(tmp_path)
    assert contents(tmp_path) == whole


def test_a_slice_of_another_build_is_refused(images: Path, tmp_path: Path) -> None:
    write(images, tmp_path, "0/3")
    with pytest.raises(ValueError, match="unfinished build of other data or settings"):
        write(images, tmp_path, "1/3", seed=1)


def test_damage_in_a_slice_fails_that_slice(images: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "raw"
    for path in images.rglob("*.JPEG"):
        copy = damaged / path.relative_to(images)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (damaged / "train" / "ant" / "ant_train_4.JPEG").write_bytes(b"\xff\xd8 no")
    outcomes = []
    for number in range(3):
        try:
            outcomes.append(write(damaged, tmp_path / "out", f"{number}/3"))
        except DamagedData as error:
            assert "ant_train_4.JPEG" in str(error)
            outcomes.append(-1)
    assert outcomes.count(-1) == 1
    with pytest.raises(Unfinished, match="1 of 7 shards are missing"):
        records.finalize(tmp_path / "out")


@pytest.mark.parametrize("text", ["3/3", "-1/3", "1", "a/b", "0/0"])
def test_impossible_slices_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="0/"):
        slices.parse(text)


def test_slices_share_all_the_work() -> None:
    taken = [[at for at in range(10) if Slice(index, 4).takes(at)] for index in range(4)]
    assert sorted(sum(taken, [])) == list(range(10))
    assert {len(part) for part in taken} == {2, 3}


def test_a_folder_that_is_neither_is_said(tmp_path: Path, capsys: Any) -> None:
    assert cli_main.run(["finalize", str(tmp_path)]) == 2
    assert "neither a build nor finished records" in capsys.readouterr().err


def test_runs_of_a_comparison_in_slices(
    tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runs themselves are test_compare's; here they are pretended."""
    from made_up_runs import made_up

    from imagenet_tools.comparison import compare
    from imagenet_tools.comparison.plan import Arm, make_plan

    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    ran = []

    def pretend(folder: Path, arm: Arm, seed: int) -> int:
        ran.append((arm.slug, seed))
        return made_up(made)(folder, arm, seed)

    for part in (Slice(1, 3), Slice(0, 3)):
        compare.run_slice(made, tmp_path / "runs", tiny_records, part, launch=pretend)
    assert ran == [("inception", 1), ("alexnet", 1), ("inception", 2)]
    with pytest.raises(Unfinished, match="1 of 4 runs are missing: alexnet seed 2"):
        compare.finalize(tmp_path / "runs", tiny_records)
    assert cli_main.run(["finalize", str(tmp_path / "runs")]) == 2
    assert "--data RECORDS" in capsys.readouterr().err
    assert cli_main.run(["finalize", str(tmp_path / "runs"), "--data", str(tiny_records)]) == 4
    said = capsys.readouterr().err  # it does not do what slices have to do
    assert "To resume" not in said and said.splitlines()[-1].startswith("Then: imgtools finalize ")
    assert cli_main.run(["compare-preproc", "alexnet", "inception", "--run-slice", "0/2"]) == 2
