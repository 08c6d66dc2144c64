"""Every raw layout in miniature: the same images, labels and bytes, wherever they lie."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from imagenet_tools import labels, raw
from imagenet_tools.errors import DamagedData

SYNSETS = ("n01440764", "n01443537", "n03888257")
VALIDATION = {"ILSVRC2012_val_00000001.JPEG": 66, "ILSVRC2012_val_00000003.JPEG": 231}


def jpeg(grey: int) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (12, 9), (grey, 10, 200)).save(encoded, "JPEG")
    return encoded.getvalue()


TRAIN = {f"{s}_{i}.JPEG": (s, jpeg(40 * n + i)) for n, s in enumerate(SYNSETS) for i in range(2)}


def tar(members: dict[str, bytes]) -> bytes:
    encoded = io.BytesIO()
    with tarfile.open(fileobj=encoded, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return encoded.getvalue()


def train_tar() -> bytes:
    inner = {s: tar({n: d for n, (own, d) in TRAIN.items() if own == s}) for s in SYNSETS}
    return tar({f"{synset}.tar": data for synset, data in inner.items()})


def write_folders(root: Path, train: str = "train", val: str = "val") -> None:
    for name, (synset, data) in TRAIN.items():
        (root / train / synset).mkdir(parents=True, exist_ok=True)
        (root / train / synset / name).write_bytes(data)
    (root / val).mkdir(parents=True)
    for name in VALIDATION:
        (root / val / name).write_bytes(jpeg(200))


def archives(root: Path) -> None:
    (root / "ILSVRC2012_img_train.tar").write_bytes(train_tar())
    (root / "ILSVRC2012_img_val.tar").write_bytes(tar({n: jpeg(200) for n in VALIDATION}))


def kaggle(root: Path) -> None:
    base = root / "ILSVRC" / "Data" / "CLS-LOC"
    write_folders(base)
    rows = "".join(
        f"{n[:-5]},{labels.synsets()[label - 1]} 1 2 30 40 \n" for n, label in VALIDATION.items()
    )
    (root / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + rows)


def lists(root: Path) -> None:
    write_folders(root)
    (root / "meta").mkdir()
    train = [f"{s}/{n} {labels.label_of()[s] - 1}\n" for n, (s, _) in TRAIN.items()]
    (root / "meta" / "train.txt").write_text("".join(train))
    val = "".join(f"{name} {label - 1}\n" for name, label in VALIDATION.items())
    (root / "meta" / "val.txt").write_text(val)


def folders(root: Path) -> None:
    write_folders(root)


@pytest.mark.parametrize("layout", [archives, kaggle, lists, folders])
def test_every_layout_gives_the_same_images(layout, tmp_path: Path) -> None:
    layout(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    found = raw.detect(tmp_path)
    train, validation = found.splits["train"], found.splits["validation"]
    assert sorted(train.keys()) == sorted(f"{s}/{name}" for name, (s, _) in TRAIN.items())
    for image in (train[i] for i in range(len(train))):
        assert raw.read(image) == TRAIN[image.filename][1]
        assert image.label == labels.label_of()[TRAIN[image.filename][0]]
    shown = {validation[i].filename: validation[i].label for i in range(len(validation))}
    assert shown == VALIDATION
    assert found.num_classes == 1000
    assert "1..1000" in found.label_convention
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    pyarrow = pytest.importorskip("pyarrow")
    rows = [({"bytes": d, "path": None}, labels.label_of()[s] - 1) for s, d in TRAIN.values()]
    table = pyarrow.table({"image": [r[0] for r in rows], "label": [r[1] for r in rows]})
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    parquet.write_table(table, path, row_group_size=4)
    part = raw.detect(tmp_path, labels="imagenet").splits["train"]
    assert [raw.read(part[i]) for i in range(6)] == [data for _, data in TRAIN.values()]
    assert [part[i].label for i in range(6)] == [labels.label_of()[s] for s, _ in TRAIN.values()]


def test_folder_numbering_and_extensions(tmp_path: Path) -> None:
    for name, file in (("zebra", "a.JPG"), ("ant", "b.jpeg"), ("cat", "c.Png")):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / file).write_bytes(jpeg(1))
    found = raw.detect(tmp_path)
    part = found.splits["train"]
    assert {part[i].synset: part[i].label for i in range(3)} == {"ant": 1, "cat": 2, "zebra": 3}
    assert found.label_convention.startswith("folders: 1..3")
    with pytest.raises(ValueError, match="no ImageNet synsets"):
        raw.detect(tmp_path, labels="imagenet")


def test_synset_folders_numbered_by_name_on_request(tmp_path: Path) -> None:
    write_folders(tmp_path)
    shutil.rmtree(tmp_path / "val")
    assert raw.detect(tmp_path, labels="folders").num_classes == 3
    assert raw.detect(tmp_path).num_classes == 1000


def test_tpu_validation_labels(tmp_path: Path) -> None:
    write_folders(tmp_path, val="validation")
    (tmp_path / "synset_labels.txt").write_text("n01440764\nn03888257\n")
    part = raw.detect(tmp_path).splits["validation"]
    assert [part[i].synset for i in range(2)] == ["n01440764", "n03888257"]


@pytest.mark.parametrize(
    ("names", "message"),
    [([str(i) for i in range(1, 1001)], "ILSVRC2012_ID"), (["1", "2", "10"], "sort as strings")],
)
def test_integer_folders_are_refused(names: list[str], message: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "train" / name).mkdir(parents=True)
    (tmp_path / "train" / names[0] / "a.jpg").write_bytes(jpeg(1))
    with pytest.raises(ValueError, match=message):
        raw.detect(tmp_path)


def test_nothing_fits_says_what_was_looked_for_and_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match=r"Looked for: .*Kaggle.*Found: notes\.txt"):
        raw.detect(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        raw.detect(tmp_path / "nowhere")


def test_empty_split_is_an_error(tmp_path: Path) -> None:
    write_folders(tmp_path)
    for path in (tmp_path / "val").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="no image in validation"):
        raw.detect(tmp_path)


def test_a_missing_split_is_said(tmp_path: Path) -> None:
    archives(tmp_path)
    assert raw.detect(tmp_path).description.endswith("6 train images, 2 validation images")
    (tmp_path / "ILSVRC2012_img_val.tar").unlink()
    assert raw.detect(tmp_path).description.endswith("6 train images; no validation split")


def test_truncated_archive_is_named(tmp_path: Path) -> None:
    whole = train_tar()
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedData, match="truncated|no tar header"):
        raw.detect(tmp_path)


@pytest.mark.parametrize("name", ["/etc/n01440764_1.JPEG", "../n01440764_1.JPEG"])
def test_member_outside_the_archive_is_named(name: str, tmp_path: Path) -> None:
    inner = tar({name: jpeg(1)})
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(tar({"n01440764.tar": inner}))
    with pytest.raises(DamagedData, match="outside the archive"):
        raw.detect(tmp_path)


def test_symlink_loop_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path)
    os.symlink(tmp_path / "train", tmp_path / "train" / "n99999999")
    with pytest.raises(ValueError, match="symlink"):
        raw.detect(tmp_path)


def test_wrong_lists_are_refused(tmp_path: Path) -> None:
    lists(tmp_path)
    (tmp_path / "meta" / "train.txt").write_text("n01440764/n01440764_0.JPEG 5\n")
    with pytest.raises(ValueError, match="the label 5; counted from 0"):
        raw.detect(tmp_path)
    (tmp_path / "meta" / "train.txt").write_text("a/../../b.JPEG 5\n")
    with pytest.raises(ValueError, match="leads out of the data set"):
        raw.detect(tmp_path)


def test_kaggle_truth_is_checked_against_the_shipped_list(tmp_path: Path) -> None:
    kaggle(tmp_path)
    wrong = "ImageId,PredictionString\n"
    wrong += "".join(f"{name[:-5]},n01440764 1 2 3 4\n" for name in VALIDATION)
    (tmp_path / "LOC_val_solution.csv").write_text(wrong)
    with pytest.raises(ValueError, match="one of them is damaged"):
        raw.detect(tmp_path)


def test_boxes_from_csv_and_xml(tmp_path: Path) -> None:
    write_folders(tmp_path)
    (tmp_path / "bbox.csv").write_text(
        "n01440764_0.JPEG,0.1,0.2,0.7,0.8\nn01440764_0.JPEG,0,-1,2,1\n"
    )
    part = raw.detect(tmp_path).splits["train"]
    of = {part[i].filename: part[i].boxes for i in range(len(part))}
    assert of["n01440764_0.JPEG"] == ((0.1, 0.2, 0.7, 0.8), (0.0, 0.0, 1.0, 1.0))
    assert of["n01440764_1.JPEG"] == ()
    folder = tmp_path / "xml" / "n01440764"
    folder.mkdir(parents=True)
    box = "<bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>50</xmax><ymax>40</ymax></bndbox>"
    size = "<size><width>100</width><height>80</height></size>"
    text = f"<annotation>{size}<object>{box.format(25)}</object></annotation>"
    (folder / "n01440764_1.xml").write_text(text)
    part = raw.detect(tmp_path, boxes=str(tmp_path / "xml")).splits["train"]
    of = {part[i].filename: part[i].boxes for i in range(len(part))}
    assert of["n01440764_1.JPEG"] == ((0.25, 0.0125, 0.5, 0.5),)
    (tmp_path / "bbox.csv").write_text("a.JPEG,one,2,3,4\n")
    with pytest.raises(ValueError, match=r"bbox\.csv, line 1"):
        raw.detect(tmp_path)


def test_shipped_labels() -> None:
    assert len(labels.synsets()) == 1000
    assert labels.label_of()["n01440764"] == 1
    assert labels.synsets()[999] == "n15075141"
    assert len(labels.validation_labels()) == labels.VALIDATION_IMAGES
    counts = [labels.validation_labels().count(label) for label in (1, 500, 1000)]
    assert counts == [50, 50, 50]
