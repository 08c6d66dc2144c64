"""TFDS and Croissant's own reader take a described folder as it lies there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scripts import needs, run

from imagenet_tools.records import descriptions
from imagenet_tools.records.reader import open_records


@pytest.fixture(scope="module")
def described(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("described") / "records"
    shutil.copytree(tiny_records, folder)
    descriptions.describe_records(folder)
    return folder


TFDS = """
import json
import tensorflow_datasets as tfds

builder = tfds.builder_from_directory("records")
label = builder.info.features["image/class/label"]

def told(split):
    for one in tfds.as_numpy(builder.as_dataset(split)):
        image, name = one["image/encoded"], one["image/filename"].decode()
        assert image.dtype == "uint8"
        assert image.shape == (one["image/height"], one["image/width"], 3)
        number = int(one["image/class/label"])
        yield f"{label.int2str(number)}/{name}", number

pairs = builder.as_dataset("validation", as_supervised=True)
print("TOLD", json.dumps({
    "splits": {name: split.num_examples for name, split in builder.info.splits.items()},
    "train": list(told("train")), "part": list(told("train[50%:]")), "names": label.names,
    "pairs": [int(number) for image, number in pairs],
}))
"""


def test_tfds_reads_the_folder_and_parts_of_its_splits(described: Path) -> None:
    needs("tensorflow_datasets")
    said = run(TFDS, described.parent, TF_CPP_MIN_LOG_LEVEL="3")
    (line,) = [line for line in said.splitlines() if line.startswith("TOLD ")]
    told = json.loads(line[5:])
    reader = open_records(described)
    assert told["splits"] == {"train": 24, "validation": 9}
    wanted = [[record.key, record.label] for record in reader]
    assert sorted(told["train"]) == sorted(wanted) and told["part"] == wanted[12:]
    assert told["names"] == ["background", *(key for key, _ in reader.classes)]
    assert sorted(told["pairs"]) == sorted(
        one.label for one in open_records(described, "validation")
    )


CROISSANT = """
import json
import mlcroissant

found = mlcroissant.Dataset("records/croissant.json")
issues = found.metadata.ctx.issues
assert not issues.errors, issues.report()
tables = [list(found.records(name)) for name in ("classes", "splits")]
print(json.dumps([sorted(issues.warnings), *tables]))
"""


def test_croissants_own_reader_validates_it(described: Path) -> None:
    needs("mlcroissant")
    warnings, classes, splits = json.loads(run(CROISSANT, described.parent))
    # What only the owner of the images knows.
    unknown = ("citeAs", "datePublished", "license")
    assert [next(word for word in unknown if word in one) for one in warnings] == list(unknown)
    reader = open_records(described)
    assert [
        (row["classes/label"], row["classes/key"], row["classes/words"]) for row in classes
    ] == [(label, key, words) for label, (key, words) in enumerate(reader.classes, 1)]
    assert {row["splits/name"]: row["splits/records"] for row in splits} == {
        "train": 24,
        "validation": 9,
    }
