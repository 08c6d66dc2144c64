"""Data sets in the states that people have them in: read right, refused in words, or said."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_layouts import SYNSETS, VALIDATION, jpeg, kaggle, tar, tiny_imagenet
from tiny_raw import put

from imagenet_tools import labels, raw
from imagenet_tools.images import inspect
from imagenet_tools.raw.image import ClassInfo
from imagenet_tools.raw.raw_set import RawSet

TRUTH = {name: labels.synsets()[label - 1] for name, label in VALIDATION.items()}


def labels_of(found: RawSet, split: str) -> dict[str, int]:
    part = found.splits[split]
    return dict(zip(part.filenames(), part.labels.tolist(), strict=True))


def sorted_by_hand(folder: Path, deeper: str = "") -> None:
    """What scripts make of a flat validation folder."""
    images = folder / "images" if (folder / "images").is_dir() else folder
    for name, synset in TRUTH.items():
        put(folder / synset / deeper / name, (images / name).read_bytes())
        (images / name).unlink()


def kaggle_sorted(root: Path) -> None:
    kaggle(root)
    sorted_by_hand(root / "ILSVRC" / "Data" / "CLS-LOC" / "val")


def tiny_sorted(root: Path) -> None:
    tiny_imagenet(root)
    sorted_by_hand(root / "val")


def tiny_sorted_alone(root: Path) -> None:
    tiny_imagenet(root)
    sorted_by_hand(root / "val", "images")
    (root / "val" / "val_annotations.txt").unlink()
    shutil.rmtree(root / "val" / "images")


@pytest.mark.parametrize("layout", [kaggle_sorted, tiny_sorted, tiny_sorted_alone])
def test_a_validation_folder_that_was_sorted(
    layout: Callable[[Path], None], tmp_path: Path
) -> None:
    layout(tmp_path)
    found = raw.detect(tmp_path)
    assert labels_of(found, "validation") == VALIDATION
    assert found.left_out == {}


def test_a_sorted_validation_image_in_another_class_is_refused_or_said(tmp_path: Path) -> None:
    tiny_sorted(tmp_path / "tiny")
    folder = tmp_path / "tiny" / "val"
    (folder / TRUTH["ILSVRC2012_val_00000001.JPEG"]).rename(folder / SYNSETS[0])
    with pytest.raises(ValueError, match="line 1: ILSVRC2012_val_00000001.JPEG is in the folder"):
        raw.detect(tmp_path / "tiny")
    kaggle_sorted(tmp_path / "kaggle")
    folder = tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC" / "val"
    (folder / TRUTH["ILSVRC2012_val_00000001.JPEG"]).rename(folder / SYNSETS[0])
    found = raw.detect(tmp_path / "kaggle")
    assert "val has ILSVRC2012_val_00000001.JPEG as n01440764" in found.description


def archive(members: dict[str, bytes]) -> Callable[[Path], None]:
    return lambda root: put(root / "ILSVRC2012_img_train.tar", tar(members))


def train(*names: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        for number, name in enumerate(names):
            put(root / name, jpeg(number) if name.endswith("jpg") else tar({}))

    return write


def repeated_row(synset: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        tiny_imagenet(root)
        text = root / "val" / "val_annotations.txt"
        row = f"ILSVRC2012_val_00000001.JPEG\t{synset}\t0\t0\t5\t5\n"
        text.write_text(text.read_text() + row)

    return write


def two_classes(root: Path) -> None:
    kaggle(root)
    text = root / "LOC_val_solution.csv"
    text.write_text(text.read_text() + f"ILSVRC2012_val_00000003,{SYNSETS[0]} 1 2 3 4\n")


INNER = tar({"n01440764_1.JPEG": jpeg(1)})


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (train("train/train/ant/a.jpg", "train/train/bee/b.jpg"), "unpacked into a folder of its"),
        (train("im/a.jpg", "im/b.jpg", "labels.csv"), "holds one folder of images, im"),
        (train("train/ant.tar", "train/bee.tar"), r"\(.tar 2; first train/ant.tar"),
        (train("train/n01440764_1.jpg"), r"\(images outside a class folder 1; first train/n014"),
        (train("train/1/a.jpg", "train/01/a.jpg"), "two of them are the same number"),
        (archive({"n01440764.tar.gz": gzip.compress(INNER)}), r"n01440764\.tar\.gz; uncompress it"),
        (archive({"n01440764.tar": gzip.compress(INNER)}), "is compressed by gzip"),
        (repeated_row("n01440764"), "line 3: .*00000001.JPEG is n01440764, and above n01751748"),
        (two_classes, "several classes for ILSVRC2012_val_00000003: n01440764, n02105855"),
    ],
    ids=["twice", "unsplit", "tars", "flat", "number", "tar.gz", "gzip", "two-classes", "kaggle"],
)
def test_what_cannot_be_meant_is_refused(
    layout: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    layout(tmp_path)
    with pytest.raises(ValueError, match=message):
        raw.detect(tmp_path)


@pytest.mark.parametrize(
    ("layout", "note", "numbers"),
    [
        (
            train(*(f"train/{name}/a.jpg" for name in (*SYNSETS[:2], "n99999999"))),
            "not numbered as ImageNet, for classes that are none of its synsets: 1 (n99999999)",
            [1, 2, 3],
        ),
        (
            train("train/ant/x/a.jpg", "train/ant/y/a.jpg", "train/bee/a.jpg"),
            "in subfolders of their class: 2 (train/ant/x/a.jpg, train/ant/y/a.jpg)",
            [1, 1, 2],
        ),
        (
            archive({"n01440764.tar": tar({"n01443537_1.JPEG": jpeg(1)})}),
            "1 images named after another class (n01443537_1.JPEG in n01440764)",
            [1],
        ),
    ],
    ids=["strange-synset", "subfolders", "other-name"],
)
def test_what_is_odd_is_said(
    layout: Callable[[Path], None], note: str, numbers: list[int], tmp_path: Path
) -> None:
    layout(tmp_path)
    found = raw.detect(tmp_path)
    assert note in found.description
    assert found.splits["train"].labels.tolist() == numbers


def test_a_file_of_classes_beside_folders_gives_words(tmp_path: Path) -> None:
    for name in ("ant", "bee"):
        put(tmp_path / "train" / name / "a.jpg", jpeg(1))
    for text, note in (
        ("bee\nant\nemu\n", "classes.txt gives words, not numbers: classes are numbered as they"),
        ("0:eagle\n1:emu\n", "left out: 1 file (.txt 1; first classes.txt)"),
    ):
        put(tmp_path / "classes.txt", text)
        found = raw.detect(tmp_path)
        assert note in found.description
        assert [one.key for one in found.classes] == ["ant", "bee"]


@pytest.mark.parametrize(
    "text", ["cat\ndog\nemu\n", "0 cat\n1 dog\n2 emu\n", "1:dog\n0:cat\n2:emu\n"]
)
def test_folders_of_numbers_have_the_words_of_these(text: str, tmp_path: Path) -> None:
    for name in ("0", "2"):
        put(tmp_path / "train" / name / "a.jpg", jpeg(1))
    put(tmp_path / "classes.txt", text)
    found = raw.detect(tmp_path)
    assert found.classes == (ClassInfo("0", "cat"), ClassInfo("2", "emu"))
    put(tmp_path / "train" / "10" / "a.jpg", jpeg(1))
    found = raw.detect(tmp_path, labels="folders")
    assert [one.words for one in found.classes] == ["0", "10", "2"]
    assert "left out: 1 file (.txt 1; first classes.txt)" in found.description


def test_numbers_of_folders_may_be_padded(tmp_path: Path) -> None:
    for number in range(11):
        put(tmp_path / "train" / f"{number:05d}" / "a.jpg", jpeg(1))
    put(tmp_path / "classes.txt", "\n".join(f"sign {number}" for number in range(11)))
    found = raw.detect(tmp_path)
    assert [one.words for one in found.classes] == [f"sign {number}" for number in range(11)]
    assert "classes.txt" not in found.description


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (sorted(map(str, range(12))), sorted(map(str, range(12)))),  # ls train > classes.txt
        (list("5678901234") + ["a", "b"], ["5", "6", "a", "b", *"78901234"]),  # by number
    ],
)
def test_a_listing_of_folders_of_numbers_gives_them_their_own_names(
    words: list[str], wanted: list[str], tmp_path: Path
) -> None:
    for number in range(12):
        put(tmp_path / "train" / str(number) / "a.jpg", jpeg(1))
    put(tmp_path / "classes.txt", "\n".join(words))
    found = raw.detect(tmp_path, labels="folders")
    assert [one.key for one in found.classes] == sorted(map(str, range(12)))
    assert [one.words for one in found.classes] == wanted


def test_validation_images_with_their_synset_in_the_name(tmp_path: Path) -> None:
    put(tmp_path / "val" / "ILSVRC2012_val_00000001_n01751748.JPEG", jpeg(1))
    assert raw.detect(tmp_path).splits["validation"].labels.tolist() == [66]
    put(tmp_path / "val" / "ILSVRC2012_val_00000003_n01751748.JPEG", jpeg(1))
    with pytest.raises(ValueError, match="00000003_n01751748.JPEG lies in a flat"):
        raw.detect(tmp_path)


def test_a_name_with_spaces_in_tiny_imagenets_texts(tmp_path: Path) -> None:
    tiny_imagenet(tmp_path)
    put(tmp_path / "val" / "images" / "val_0 (1).JPEG", jpeg(3))
    text = tmp_path / "val" / "val_annotations.txt"
    text.write_text(text.read_text() + f"val_0 (1).JPEG\t{SYNSETS[1]}\t0\t0\t5\t5\n")
    assert labels_of(raw.detect(tmp_path), "validation") == {**VALIDATION, "val_0 (1).JPEG": 2}


def test_rows_of_tiny_imagenet_whose_folder_is_not_there_are_refused(tmp_path: Path) -> None:
    """A build could not tell them from those of a disk that may come back."""
    tiny_imagenet(tmp_path)
    shutil.rmtree(tmp_path / "val" / "images")
    with pytest.raises(
        ValueError, match=r"txt, line 1: .*_00000001.JPEG is in .*, which is not th"
    ):
        raw.detect(tmp_path)


def test_a_row_of_tiny_imagenet_given_twice_is_counted(tmp_path: Path) -> None:
    repeated_row("n01751748")(tmp_path)
    found = raw.detect(tmp_path)
    assert labels_of(found, "validation") == VALIDATION
    assert found.left_out["rows given twice"].count == 1


def test_names_that_two_classes_of_a_parquet_file_have_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    table = pyarrow.table({"image": [jpeg(1)] * 3, "label": [0, 1, 2], "coarse": [0, 0, 1]})
    for names in (["a", "b", "a"], ["a", "b", "c"]):
        info = {"info": {"features": {"label": {"names": names}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
        parquet.write_table(table, tmp_path / "train-0.parquet")
        if len(set(names)) < 3:
            with pytest.raises(ValueError, match="2 classes have the name 'a'"):
                raw.detect(tmp_path)
    assert "columns that are not used: 1 (coarse)" in raw.detect(tmp_path).description


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\0\0 ftypavif" + bytes(60), "AVIF or HEIC"),
        (b"\0\0\0\x0cjP  \r\n" + bytes(60), "JPEG 2000"),
        (b"<!DOCTYPE html><html>", "a page of the web, or XML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not the file"),
        (gzip.compress(b"x", mtime=0), "compressed by gzip"),
        (b"\n\xff\xd8\xff\xe0", "it begins with 0a ff d8 ff e0"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(data: bytes, what: str) -> None:
    assert inspect(data).problem == f"not an image that is read ({what})"
