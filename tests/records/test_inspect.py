"""imgtools inspect, on raw images and on records."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from pathlib import Path

import pytest
from tiny_layouts import jpeg, tar
from tiny_raw import make_raw

from imagenet_tools import raw, records, synthetic
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import Counted
from imagenet_tools.records import inspection
from imagenet_tools.records.manifest import write_manifest
from imagenet_tools.records.reader import open_records


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    return synthetic.generate(
        folder, classes=2, train_per_class=3, validation_per_class=2, workers=1
    )


def inspected(path: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    assert cli_main.run(["inspect", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_raw_images(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = inspected(images, capsys)
    assert (facts["kind"], facts["layout"], facts["num_classes"]) == ("raw", "class folders", 2)
    train = facts["splits"]["train"]
    assert (train["images"], train["fewest"], train["most"]) == (6, 3, 3)
    sizes = [path.stat().st_size for path in (images / "train").rglob("*.JPEG")]
    assert train["mean_bytes"] == pytest.approx(sum(sizes) / 6)
    assert train["formats"] == {"JPEG RGB": 6}
    assert cli_main.run(["inspect", str(images)]) == 0
    assert "train: 6 images, 2 of 2 classes, 3 to 3 a class" in capsys.readouterr().out


def test_it_ends_with_the_next_command(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of mine").symlink_to(images)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "train").symlink_to(images / "train")

    def following(path: str) -> list[str]:
        assert cli_main.run(["inspect", path]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith("  next: imgtools ")
        return shlex.split(last)[2:]

    build = following("of mine")
    assert build == ["build-tfrecords", "--raw", "of mine", "--out", "records"]
    assert following("one") == [
        "build-tfrecords",
        "--raw",
        "one",
        "--out",
        "records",
        "--split",
        "train",
    ]
    assert cli_main.run(build) == 0
    capsys.readouterr()
    assert following("records") == ["compare-preproc", "alexnet", "inception", "--data", "records"]


def test_disk_and_time_are_those_of_a_build(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    facts = inspected(images, capsys)
    records.build(raw.detect(images), tmp_path / "out", workers=1)
    size = sum(path.stat().st_size for path in (tmp_path / "out").glob("*-of-*"))
    assert facts["bytes"] == pytest.approx(size, rel=0.05)
    assert 0 < facts["seconds"] < 60
    assert facts["free"] == pytest.approx(shutil.disk_usage(images).free, rel=0.1)
    monkeypatch.setattr(inspection, "_free", lambda _: 1000)
    assert cli_main.run(["inspect", str(images)]) == 0
    assert "0 GiB are free. THAT IS NOT ENOUGH." in capsys.readouterr().out


def test_damaged_and_missing_are_named(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "train" / "n01440764"
    folder.mkdir(parents=True)
    source = next((images / "train").rglob("*.JPEG")).read_bytes()
    (folder / "cut.JPEG").write_bytes(source[: len(source) // 2])
    train = inspected(tmp_path, capsys)["splits"]["train"]
    assert train["expected"] == 1_281_167
    assert len(train["missing"]) == 999
    assert "cut.JPEG: truncated: no end marker" in train["problems"][0]


def test_records(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = records.build(raw.detect(images), tmp_path / "out", workers=1)
    facts = inspected(tmp_path / "out", capsys)
    assert facts["kind"] == "records"
    assert facts["digest"] == manifest.digest
    assert facts["splits"]["validation"]["images"] == 4
    assert facts["bytes"] == sum(p.stat().st_size for p in (tmp_path / "out").glob("*-of-*"))


@pytest.mark.parametrize("fault", ["emptied", "missing", "another"])
def test_a_shard_that_is_not_the_manifests_is_said(
    fault: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    records.build(raw.detect(images), out, workers=1, train_shards=2)
    assert inspected(out, capsys)["splits"]["train"]["problems"] == []
    shard = out / "train-00001-of-00002"
    shard.unlink()
    if fault == "emptied":
        shard.write_bytes(b"")
    elif fault == "another":
        shutil.copy(next(out.glob("validation-*")), shard)
    (problem,) = inspected(out, capsys)["splits"]["train"]["problems"]
    assert problem.startswith(f"{shard}: it {'is missing' if fault == 'missing' else 'has'}")
    assert cli_main.run(["inspect", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"    damaged: {shard}: it " in said
    assert f"next: imgtools verify-tfrecords {out}" in said


def test_numbers_of_a_manifest_that_was_edited_are_said(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its digest made right, and the shards' bytes as it says."""
    out = tmp_path / "out"
    manifest = records.build(raw.detect(images), out, workers=1, train_shards=2)
    train = manifest.splits["train"]
    more = dataclasses.replace(train.shards[0], records=train.shards[0].records + 1)
    split = dataclasses.replace(train, shards=(more, train.shards[1]))
    splits = {**manifest.splits, "train": split}
    write_manifest(out, dataclasses.replace(manifest, splits=splits))
    assert cli_main.run(["inspect", str(out)]) == 3
    assert "train has 7 records by shard, 6 by class" in capsys.readouterr().err
    key = next(iter(train.class_counts))
    counts = {**train.class_counts, key: train.class_counts[key] + 1}
    splits["train"] = dataclasses.replace(split, class_counts=counts)
    write_manifest(out, dataclasses.replace(manifest, splits=splits))
    (problem,) = inspected(out, capsys)["splits"]["train"]["problems"]
    assert f"{more.records - 1} records where the manifest says {more.records}" in problem
    monkeypatch.setattr(inspection, "WALKED", 0)
    said = "  not counted: the numbers are the manifest's, which verify-tfrecords checks\n"
    assert cli_main.run(["inspect", str(out)]) == 0
    assert said in capsys.readouterr().out
    write_manifest(out, manifest)
    for split_name in manifest.splits:
        open_records(out, split_name)  # which keeps its index
    assert cli_main.run(["inspect", str(out)]) == 0
    assert said not in capsys.readouterr().out
    assert all(part["counted"] for part in inspected(out, capsys)["splits"].values())


def test_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["inspect", str(tmp_path)]) == 2
    assert "Found: an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "tool"), [("features.json", "TFDS"), ("notes.txt", "TF-Slim")])
def test_records_without_a_manifest_are_told(
    name: str, tool: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    records.build(raw.detect(images), out, workers=1, train_shards=2)
    (out / records.NAME).unlink()
    (out / name).write_text("{}")
    facts = inspected(out, capsys)
    assert (
        f"{tool}'s records, without a manifest: 2 train shards, 1 validation"
        in (facts["description"])
    )
    assert facts["splits"]["validation"]["images"] == 4
    assert facts["splits"]["train"]["problems"] == []
    shard = out / "train-00000-of-00002"
    whole = shard.read_bytes()
    for tail in (b"\x07", whole[:-9]):
        shard.write_bytes(whole + tail)
        (problem,) = inspected(out, capsys)["splits"]["train"]["problems"]
        assert problem == f"{shard}: it ends within a record"
    (out / "train-00001-of-00002").unlink()
    assert cli_main.run(["inspect", str(out)]) == 0
    assert "1 of 2 shards are missing (00001 ...)" in capsys.readouterr().out
    (out / "train-00000-of-00002").write_bytes(b"\x1f\x8b" * 50)
    assert cli_main.run(["inspect", str(out)]) == 3
    assert "is compressed by gzip" in capsys.readouterr().err


def test_an_image_twice_in_a_tar_is_named_as_a_build_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    member = tar({"ILSVRC2012_val_00000001.JPEG": jpeg(1)})
    place = tmp_path / "ILSVRC2012_img_val.tar"
    place.write_bytes(member + member)
    out = str(tmp_path / "out")
    build = ["build-tfrecords", "--raw", str(place), "--split", "validation", "--out", out]
    for command in (["inspect", str(place)], build):
        assert cli_main.run(command) == 2
        assert (
            f"have the key n01751748/ILSVRC2012_val_00000001.JPEG: {place}, at its bytes 512 and "
            f"{len(member) + 512:,}. Keep one"
        ) in capsys.readouterr().err


def test_a_file_that_is_called_as_records_are_hides_no_raw_images(tmp_path: Path) -> None:
    make_raw(tmp_path, train=2, validation=1)
    (tmp_path / "train.tfrecord").write_bytes(b"words")
    facts = inspection.inspect(tmp_path)
    assert facts.kind == "raw"
    assert facts.left_out == {".tfrecord": Counted(1, ["train.tfrecord"])}
    shutil.rmtree(tmp_path / "train")
    shutil.rmtree(tmp_path / "val")
    with pytest.raises(DamagedData, match=r"train\.tfrecord holds no tf\.train\.Example"):
        inspection.inspect(tmp_path)
