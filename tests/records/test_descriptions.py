"""Files by which other tools know a folder; in tests/frameworks those tools read them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_raw import make_raw

from imagenet_tools import raw, records
from imagenet_tools.cli.describe_records import command
from imagenet_tools.records import descriptions, schema

TFDS = {"features.json", "dataset_info.json", "image.class.label.labels.txt"}


@pytest.fixture
def folder(tiny_records: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_records, tmp_path / "records")
    return tmp_path / "records"


def test_what_tfds_asks_for(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(descriptions.describe_records(folder, "tfds")) == TFDS
    assert {name: (folder / name).read_bytes() for name in before} == before
    manifest = records.read_manifest(folder)
    info = json.loads((folder / "dataset_info.json").read_text())
    assert [(one["name"], one["shardLengths"]) for one in info["splits"]] == [
        (name, [str(shard.records) for shard in split.shards])
        for name, split in manifest.splits.items()
    ]
    assert "24 train and 9 validation images of 3 classes" in info["description"]
    features = json.loads((folder / "features.json").read_text())["content"]["features"]
    assert set(features) == {
        *schema.SINGLE,
        *schema.BOXES,
        schema.OBJECT_LABEL,
    }
    assert features[schema.LABEL]["classLabel"] == {"numClasses": "4"}
    names = (folder / "image.class.label.labels.txt").read_text().split()
    assert names == ["background", *(key for key, _ in manifest.classes)]
    assert records.verify(folder, workers=1).problems == ()


def test_a_class_may_be_called_background_and_pixels_may_be_raw(tmp_path: Path) -> None:
    place = make_raw(tmp_path / "raw", classes=("ant", "background"), train=2, validation=1)
    settings = records.Settings(store="raw")
    records.build(raw.detect(place), tmp_path / "records", settings=settings, workers=1)
    descriptions.describe_records(tmp_path / "records")
    names = (tmp_path / "records" / "image.class.label.labels.txt").read_text().split()
    assert names == ["(none)", "ant", "background"]
    features = json.loads((tmp_path / "records" / "features.json").read_text())
    encoded = features["content"]["features"][schema.ENCODED]
    assert encoded["tensor"]["dtype"] == "string"


def test_croissant_names_files_classes_and_fields(folder: Path) -> None:
    assert descriptions.describe_records(folder, ["croissant"]) == ("croissant.json",)
    content = json.loads((folder / "croissant.json").read_text())
    files = {one["@id"]: one for one in content["distribution"]}
    manifest = (folder / records.NAME).read_bytes()
    assert files[records.NAME]["sha256"] == hashlib.sha256(manifest).hexdigest()
    for split, count in (("train", 1), ("validation", 2)):
        assert len(list(folder.glob(files[f"{split}-shards"]["includes"]))) == count
    tables = {one["@id"]: one for one in content["recordSet"]}
    assert [row["classes/label"] for row in tables["classes"]["data"]] == [1, 2, 3]
    assert {field["name"] for field in tables["train"]["field"]} >= set(schema.SINGLE)


def test_the_command_writes_all_or_what_is_asked(folder: Path, runner: CliRunner) -> None:
    done = runner.invoke(command, [str(folder), "--tfds"])
    assert set(done.output.split()) == TFDS and not (folder / "croissant.json").exists()
    done = runner.invoke(command, [str(folder)])
    assert set(done.output.split()) == {*TFDS, "croissant.json"}


def test_what_cannot_be_described_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown format 'arrow'; there are tfds, croissant"):
        descriptions.describe_records(folder, ["arrow"])
    with pytest.raises(FileNotFoundError, match="build-tfrecords"):
        descriptions.describe_records(tmp_path)


def test_a_store_is_described_in_the_store(folder: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra [cloud] is not installed")
    store = fsspec.filesystem("memory")
    store.put(str(folder), "/described/records", recursive=True)
    try:
        written = descriptions.describe_records("memory://described/records")
        descriptions.describe_records(folder)
        for name in written:
            assert store.cat(f"/described/records/{name}") == (folder / name).read_bytes()
    finally:
        store.rm("/described", recursive=True)
