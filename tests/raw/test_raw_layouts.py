"""Every raw layout in miniature: the same images, labels and bytes, wherever they lie."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tiny_layouts import (
    MINIATURES,
    SYNSETS,
    TRAIN,
    VALIDATION,
    archives,
    class_tars,
    folders,
    jpeg,
    kaggle,
    lists,
    tar,
    tiny_imagenet,
    write_folders,
)

from imagenet_tools import labels, raw
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import Counted


def test_a_layout_is_one_file_and_one_registration() -> None:
    folder = Path(raw.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if "\nLOOKED_FOR = " in path.read_text()}
    for name in files - set(raw.LAYOUTS):
        pytest.fail(f"add {name!r} to LAYOUTS in {raw.__file__}, the special before the general")
    for name in set(raw.LAYOUTS) - set(MINIATURES):
        pytest.fail(f"add a miniature of {name!r} to MINIATURES in tests/tiny_layouts.py")
    assert files == set(raw.LAYOUTS) == set(MINIATURES)


@pytest.mark.parametrize("layout", [archives, kaggle, lists, folders, class_tars, tiny_imagenet])
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


@pytest.mark.parametrize("name", ["val", "validation", "valid"])
def test_validation_images_in_class_folders(name: str, tmp_path: Path) -> None:
    write_folders(tmp_path, val="aside")
    for number, synset in enumerate(SYNSETS):
        (tmp_path / name / synset).mkdir(parents=True)
        (tmp_path / name / synset / f"{number}.JPEG").write_bytes(jpeg(number))
    part = raw.detect(tmp_path).splits["validation"]
    assert {image.synset: image.filename for image in part.take([0, 1, 2])} == {
        synset: f"{number}.JPEG" for number, synset in enumerate(SYNSETS)
    }


def test_tars_of_a_class_each(tmp_path: Path) -> None:
    class_tars(tmp_path)
    train, text = tmp_path / "train", {"readme.txt": b"x"}
    packed = {f"./{SYNSETS[0]}/a.JPEG": jpeg(7), f"{SYNSETS[0]}/sub/a.JPEG": jpeg(8)}
    (train / f"{SYNSETS[0]}.tar").write_bytes(tar({**packed, **text}))
    (train / SYNSETS[1]).mkdir()  # unpacked, and the tar left where it was
    (train / SYNSETS[1] / "b.JPEG").write_bytes(jpeg(9))
    (train / SYNSETS[2]).mkdir()  # made, and not filled
    (train / "ILSVRC2012_img_train.tar").write_bytes(tar(text))
    found = raw.detect(tmp_path)
    part, label_of = found.splits["train"], labels.label_of()
    assert {f"{one.synset}/{one.filename}": (one.label, raw.read(one)) for one in part} == {
        f"{SYNSETS[0]}/a.JPEG": (1, jpeg(7)),
        f"{SYNSETS[0]}/sub/a.JPEG": (1, jpeg(8)),
        f"{SYNSETS[1]}/b.JPEG": (label_of[SYNSETS[1]], jpeg(9)),
        **{f"{SYNSETS[2]}/{n}": (label_of[s], d) for n, (s, d) in TRAIN.items() if s == SYNSETS[2]},
    }
    assert f"in subfolders of their class: 1 (train/{SYNSETS[0]}.tar: sub/a.JPEG)" in (
        found.description
    )
    assert {reason: entry.first for reason, entry in found.left_out.items()} == {
        ".tar": ["train/ILSVRC2012_img_train.tar", f"train/{SYNSETS[1]}.tar"],
        ".txt": ["readme.txt"],
        "folders without images": [f"train/{SYNSETS[2]}/"],
    }


def test_tars_of_a_class_each_without_splits_and_damaged(tmp_path: Path) -> None:
    class_tars(tmp_path)
    found = raw.detect(tmp_path / "train")
    assert found.unsplit
    for part in (found.splits["train"], raw.detect(tmp_path).splits["train"]):
        assert sorted(part.keys()) == sorted(f"{s}/{n}" for n, (s, _) in TRAIN.items())
        assert part.name == part[0].split == "train"
    assert found.left_out == {}
    path = tmp_path / "train" / f"{SYNSETS[1]}.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DamagedData, match=f"{SYNSETS[1]}.tar: truncated"):
        raw.detect(tmp_path)
    for name in SYNSETS:  # compressed ones are no archive to read from
        (tmp_path / "train" / f"{name}.tar").rename(tmp_path / "train" / f"{name}.tar.gz")
    with pytest.raises(
        DamagedData, match=rf"train/{SYNSETS[0]}\.tar\.gz is compressed; uncompress"
    ):
        raw.detect(tmp_path)


def test_a_tar_beside_its_folder_is_said_and_a_compressed_one_refused(tmp_path: Path) -> None:
    train = tmp_path / "train"
    write_folders(tmp_path)
    (train / f"{SYNSETS[0]}.tar").write_bytes(tar({"a.JPEG": jpeg(1)}))
    (train / f"{SYNSETS[0]}.tar.gz").write_bytes(b"not opened")
    found = raw.detect(tmp_path)
    said = f"tars beside the folder of their class, which is read: 1 (train/{SYNSETS[0]}.tar)"
    assert said in found.description
    assert "a.JPEG" not in found.splits["train"].filenames()
    (train / "n02119789.tar.gz").write_bytes(b"not opened")
    with pytest.raises(DamagedData, match=r"train/n02119789\.tar\.gz is compressed; uncompress it"):
        raw.detect(tmp_path)


def test_lists_beside_the_folders(tmp_path: Path) -> None:
    lists(tmp_path)
    for split in ("train", "val"):
        (tmp_path / "meta" / f"{split}.txt").rename(tmp_path / f"{split}_list.txt")
    found = raw.detect(tmp_path)
    assert "(train_list.txt, val_list.txt)" in found.description
    assert {name: len(part) for name, part in found.splits.items()} == {
        "train": len(TRAIN),
        "validation": len(VALIDATION),
    }


def test_parquet_without_its_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train-0.parquet").write_bytes(b"PAR1")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'imgtools\[parquet\]'"):
        raw.detect(tmp_path)


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


def test_parquet_that_is_damaged_or_empty_is_named(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "train-0.parquet"
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    kinds = pyarrow.schema([("image", image), ("label", pyarrow.int64())])
    parquet.write_table(pyarrow.table({"image": [], "label": []}, schema=kinds), path)
    with pytest.raises(ValueError, match="no image in train"):
        raw.detect(tmp_path)
    (tmp_path / "sound").mkdir()
    path = tmp_path / "sound" / path.name
    rows = [{"bytes": bytes(range(256)) * 40, "path": None}] * 6
    table = pyarrow.table({"image": rows, "label": [0] * 6}, schema=kinds)
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    part, sound = raw.detect(path.parent).splits["train"], path.read_bytes()
    assert len(raw.read(part[0])) == 256 * 40
    for name, damaged in (("cut", sound[:-20]), ("zeros", bytes(len(sound) - 100) + sound[-100:])):
        (tmp_path / name).mkdir()
        (tmp_path / name / path.name).write_bytes(damaged)
        with pytest.raises(DamagedData, match=f"{name}/{path.name}: not a readable parquet file"):
            raw.detect(tmp_path / name)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(DamagedData, match=f"sound/{path.name} is a pointer of Git LFS"):
        raw.detect(path.parent)


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
    with pytest.raises(
        ValueError, match=r"synset_labels\.txt gives ILSVRC2012_val_00000001.JPEG as"
    ):
        raw.detect(tmp_path)
    for number, path in enumerate(sorted((tmp_path / "validation").iterdir())):
        path.rename(path.with_name(f"{number}.JPEG"))
    part = raw.detect(tmp_path).splits["validation"]
    assert [part[i].synset for i in range(2)] == ["n01440764", "n03888257"]
    for number in range(2):  # val_9 comes before val_10, or behind it
        path = tmp_path / "validation" / f"{number}.JPEG"
        path.rename(path.with_name(f"val_{9 + number}.JPEG"))
    with pytest.raises(
        ValueError, match=r"names \(val_9.JPEG before val_10.JPEG\); pad these with"
    ):
        raw.detect(tmp_path)


def test_tpu_labels_of_no_flat_folder_are_counted(tmp_path: Path) -> None:
    write_folders(tmp_path)
    shutil.rmtree(tmp_path / "val")
    (tmp_path / "synset_labels.txt").write_text("n01440764\nn03888257\n")
    assert raw.detect(tmp_path).left_out == {".txt": Counted(1, ["synset_labels.txt"])}


def test_a_missing_split_is_said(tmp_path: Path) -> None:
    archives(tmp_path)
    assert raw.detect(tmp_path).description.split("; ")[0].endswith("2 validation images")
    (tmp_path / "ILSVRC2012_img_val.tar").unlink()
    assert raw.detect(tmp_path).description.endswith("6 train images; no validation split")


def test_shipped_labels() -> None:
    assert len(labels.synsets()) == 1000
    assert labels.label_of()["n01440764"] == 1
    assert labels.synsets()[999] == "n15075141"
    assert len(labels.validation_labels()) == labels.VALIDATION_IMAGES
    counts = [labels.validation_labels().count(label) for label in (1, 500, 1000)]
    assert counts == [50, 50, 50]
