"""Lists as people write them: labels that are numbers or names, and every way to set them apart."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_layouts import SYNSETS, VALIDATION, jpeg
from tiny_raw import put

from imagenet_tools import labels, raw
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.raw_set import RawSet

QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
WORDS = ("great white shark", "emu", "tench, Tinca tinca", "maki; sushi", "n99999999", "caf\u00e9")


def listed(place: Path, text: str | bytes, names: tuple[str, ...], file: str) -> RawSet:
    for number, name in enumerate(names):
        put(place / name, jpeg(number))
    put(place / file, text)
    return raw.detect(place)


def classes_of(found: RawSet, split: str = "train") -> dict[str, str]:
    part = found.splits[split]
    keys = [part.classes[label - 1].key for label in part.labels.tolist()]
    return dict(zip(part.filenames(), keys, strict=True))


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(("a b.jpg", "c,d.JPEG", "e;f.png", 'g"h.jpg', "i.jpg", "j.jpg.jpg")),
        st.sampled_from(WORDS),
        min_size=1,
    ),
    st.sampled_from((",", ";", "\t")),
    st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    st.sampled_from((None, ["image", "label"], ["", "file_name", "class_name", "width"])),
    st.sampled_from(("\n", "\r\n")),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
)
def test_names_in_a_csv_are_classes_in_their_order(
    rows: dict[str, str],
    separator: str,
    quoting: int,
    heading: list[str] | None,
    ending: str,
    coding: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=ending)
    if heading:
        writer.writerow(heading)
    for number, (name, label) in enumerate(rows.items()):
        path = f"im/{name}"
        writer.writerow([number, path, label, 9] if heading and len(heading) > 2 else [path, label])
    with tempfile.TemporaryDirectory() as place:
        paths = tuple(f"im/{name}" for name in rows)
        found = listed(Path(place), text.getvalue().encode(coding), paths, "train.csv")
    assert classes_of(found) == rows
    assert [one.key for one in found.classes] == sorted(set(rows.values()))
    assert found.label_convention.startswith(f"names: 1..{len(set(rows.values()))} by sorted name")
    unused = "columns of train.csv that are not used: 1 (width)" in found.description
    assert unused == bool(heading and len(heading) > 2)


def test_synsets_get_imagenets_numbers(tmp_path: Path) -> None:
    names = (f"{SYNSETS[2]}/x.JPEG", f"{SYNSETS[0]}/y.JPEG")
    rows = f"{names[0]} {SYNSETS[2]}\n{names[1]} {SYNSETS[0]}\n"
    found = listed(tmp_path, rows, names, "train.txt")
    assert found.label_convention == labels.IMAGENET_CONVENTION
    assert found.splits["train"].labels.tolist() == [
        labels.label_of()[SYNSETS[2]],
        labels.label_of()[SYNSETS[0]],
    ]
    assert raw.detect(tmp_path, labels="folders").splits["train"].labels.tolist() == [2, 1]
    swapped = rows.replace(f" {SYNSETS[0]}", f" {SYNSETS[2]}")
    found = listed(tmp_path, swapped, names, "train.txt")
    assert "label is not the name of their folder: 1 (n01440764/y.JPEG)" in found.description
    found = listed(
        tmp_path / "own",
        "cat/a.jpg dog\ndog/b.jpg dog\nx/c.jpg cat\n",
        ("cat/a.jpg", "dog/b.jpg", "x/c.jpg"),
        "train.txt",
    )
    assert "label is not the name of their folder: 1 (cat/a.jpg)" in found.description


def test_synsets_of_validation_images_are_checked(tmp_path: Path) -> None:
    name, label = next(iter(VALIDATION.items()))
    rows = f"image,label\n{name},{labels.synsets()[label - 1]}\n"
    found = listed(tmp_path, rows, (f"val/{name}",), "val.csv")
    assert found.splits["validation"].labels.tolist() == [label]
    with pytest.raises(ValueError, match="by ImageNet's ground truth it is n01751748"):
        listed(tmp_path, rows.replace(labels.synsets()[label - 1], SYNSETS[0]), (), "val.csv")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("im/a b.jpg great white shark\nim/c.jpg emu\n", ["emu", "great white shark"]),
        ("'im/a b.jpg' emu\n\"im/c.jpg\" 'emu'\n", ["emu"]),
        ("\"im/a b.jpg\" 'old x.jpg emu'\nim/c.jpg emu\n", ["emu", "old x.jpg emu"]),
        ("label,image\nemu,im/a b.jpg\nemu,im/c.jpg\n", ["emu"]),
        ("{place}/im/a b.jpg emu\n.//im/./c.jpg emu\n", ["emu"]),
        ("im\\a b.jpg\temu\nim\\c.jpg\temu\n", ["emu"]),
        ("emu,im/a b.jpg\nowl,im/c.jpg\n", ["emu", "owl"]),
        ("emu,im/x/../a b.jpg\nemu,im/c.jpg\n", ["emu"]),
    ],
    ids=[
        *("spaces", "quotes", "image-in-quotes", "label-first", "absolute", "backslashes"),
        *("no-heading", "way-back"),
    ],
)
def test_rows_of_other_forms(text: str, wanted: list[str], tmp_path: Path) -> None:
    text = text.replace("{place}", str(tmp_path))
    found = listed(tmp_path, text, ("im/a b.jpg", "im/c.jpg"), "train.txt")
    assert [one.key for one in found.classes] == wanted
    assert sorted(classes_of(found)) == ["a b.jpg", "c.jpg"]


def test_a_column_that_names_one_split_is_not_used(tmp_path: Path) -> None:
    rows = "image,label,split\nim/a.jpg,ant,train\nim/b.jpg,bee,train\n"
    found = listed(tmp_path, rows, ("im/a.jpg", "im/b.jpg"), "train.csv")
    assert classes_of(found) == {"a.jpg": "ant", "b.jpg": "bee"}
    assert "columns of train.csv that are not used: 1 (split)" in found.description


@pytest.mark.parametrize("link", [False, True])
def test_a_relative_folder_holds_the_absolute_paths_below_it(
    link: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "data" / "im" / "a.jpg", jpeg(1))
    put(tmp_path / "data" / "train.txt", f"{tmp_path}/data/im/a.jpg emu\n")
    (tmp_path / "linked").symlink_to("data")
    monkeypatch.chdir(tmp_path)
    assert classes_of(raw.detect("linked" if link else "data")) == {"a.jpg": "emu"}


@pytest.mark.parametrize("heading", ["photo;kind", "kind;photo", "# photo;kind"])
def test_a_heading_of_any_words_is_no_row(heading: str, tmp_path: Path) -> None:
    rows = ("im/a.jpg;emu", "im/b.jpg;owl")
    if heading == "kind;photo":
        rows = tuple(";".join(reversed(row.split(";"))) for row in rows)
    text = "\n".join((heading, *rows))
    found = listed(tmp_path, text, ("im/a.jpg", "im/b.jpg"), "train.csv")
    assert classes_of(found) == {"a.jpg": "emu", "b.jpg": "owl"}
    assert [one.key for one in found.classes] == ["emu", "owl"]
    assert f"the first line of train.csv is taken for a heading: 1 ({heading})" in found.description


def test_a_comment_above_numbers_is_a_heading(tmp_path: Path) -> None:
    found = listed(tmp_path, "# my list\nim/a.jpg 0\n", ("im/a.jpg",), "train.txt")
    assert found.splits["train"].labels.tolist() == [1]


def test_a_row_given_twice_is_counted(tmp_path: Path) -> None:
    rows = "im/a.jpg 0\nim/b.jpg 1\n./im/a.jpg 0\n"
    found = listed(tmp_path, rows, ("im/a.jpg", "im/b.jpg"), "train.txt")
    assert classes_of(found) == {"a.jpg": "0", "b.jpg": "1"}
    assert found.left_out == {"rows given twice": Counted(1, ["train.txt, line 3"])}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("im/a.jpg bee", "line 2: im/a.jpg has the label bee, and above it has ant"),
        ("im/b.jpg 3", "line 2: .* is not `path label` with a class's name"),
        ("im/b.jpg", "line 2: .* is not `path label` with a class's name"),
        ("x" + " " * 200_000 + "y z", "line 2: 'x {79}' is no file's name"),
        ("im/b.jpg 3 4", "line 2: .* is not `path label` with a class's name"),
        ("im/b.jpg 10 bee", "line 2: 'im/b.jpg 10 bee' is not `path label`"),
        ("im/b.jpg 2 # bee", "line 2: 'im/b.jpg 2 # bee' is not `path label`"),
        ("/elsewhere/b.jpg ant", "line 2: /elsewhere/b.jpg leads out of the data set"),
        ("is/b.jpg ant", "line 2: is/b.jpg is in a folder that is not there"),
        ("x" * 5000 + " ant", "line 2: 'x{80}' is no file's name"),
        ("im/b.jpg Ant", "the class names 'Ant' and 'ant' differ in case or spaces alone"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(second: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        listed(tmp_path, f"im/a.jpg ant\n{second}\n", ("im/a.jpg", "im/b.jpg"), "train.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("im/a.jpg,ant,3\n", "train.csv, line 1: 3 columns and no heading"),
        ("image,label\nim/a.jpg,ant\nim/b.jpg,NaN\n", "train.csv, line 3: .* with a class's name"),
        ("image,label\nim/a.jpg,ant,3\n", "train.csv, line 2: 'im/a.jpg,ant,3' is not"),
        ('image,label\nim/a.jpg,ant\n"im/b.jpg"c,ant\n', "train.csv, line 3: .* is not"),
        ("file_name,text\nim/a.jpg,an ant\n", "train.csv, line 1: text is no label, by its name"),
        (
            "split,image,label\ntrain,im/a.jpg,ant\nvalid,im/b.jpg,ant\n",
            r"train.csv has images of several splits \(train, valid\): a list for each",
        ),
        (
            "image,label,split\nim/a.jpg,ant,train\nim/a.jpg,ant,valid\n",
            r"train.csv has images of several splits \(train, valid\): a list for each",
        ),
        (
            "labels,data set,image\nant,train,im/a.jpg\nant,valid,im/b.jpg\n",
            r"train.csv has images of several splits \(train, valid\): a list for each",
        ),
        ("image,label\n", "train.csv is not read: its first two rows have no path and label of an"),
        ("im/a.jpg,ant\0\n", r"train.csv, line 1: 'im/a.jpg,ant.*x00' is not `path label`"),
        (
            "image,label\nim/a.jpg,caf\xe9\n".encode("latin-1"),
            "is no readable text .*save it as UTF-8",
        ),
    ],
)
def test_a_csv_that_cannot_be_meant_is_refused(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    if text != "image,label\n":
        put(tmp_path / "val.txt", "im/a.jpg ant\n")
    with pytest.raises((ValueError, DamagedData), match=message):
        listed(tmp_path, text, ("im/a.jpg",), "train.csv")


def test_a_label_column_of_another_name_is_said(tmp_path: Path) -> None:
    rows = "id,{}\na,1\nb,0\n"
    found = listed(tmp_path, rows.format("age"), ("train/a.jpg", "train/b.jpg"), "train.csv")
    assert "labels of train.csv are its column age" in found.description
    assert found.splits["train"].labels.tolist() == [2, 1]
    found = listed(tmp_path, rows.format("class_id"), (), "train.csv")
    assert "its column" not in found.description


def test_a_split_folder_beside_a_list_of_the_other_is_said(tmp_path: Path) -> None:
    put(tmp_path / "train" / "ant" / "b.jpg", jpeg(1))
    found = listed(tmp_path, "image,label\na.jpg,ant\n", ("val/a.jpg",), "val.csv")
    assert classes_of(found, "validation") == {"a.jpg": "ant"}
    assert "train/ is not read beside val.csv: for both, list its images in train.csv" in (
        found.description
    )


NUMBERED = "image,class_id,class_name\nim/a.jpg,1,{}\nim/b.jpg,0,{}\n"


def test_a_column_of_names_beside_numbers_names_the_classes(tmp_path: Path) -> None:
    put(tmp_path / "val.csv", NUMBERED.format("ant", "bee"))
    found = listed(tmp_path, NUMBERED.format("ant", "bee"), ("im/a.jpg", "im/b.jpg"), "train.csv")
    assert [one.key for one in found.classes] == ["bee", "ant"]
    assert found.splits["train"].labels.tolist() == [2, 1]
    assert "not used" not in found.description
    found = listed(tmp_path, NUMBERED.format("insect", "insect"), (), "train.csv")
    assert [one.key for one in found.classes] == ["bee", "ant"]  # of val.csv
    assert "columns of train.csv that are not used: 1 (class_name)" in found.description
    with pytest.raises(ValueError, match=r"val.csv calls the label 1 ant, and the other list cow"):
        listed(tmp_path, NUMBERED.format("cow", "bee"), (), "train.csv")


def test_synsets_beside_numbers_are_checked(tmp_path: Path) -> None:
    names = ("im/a.jpg", "im/b.jpg")
    found = listed(tmp_path, NUMBERED.format(*labels.synsets()[1::-1]), names, "train.csv")
    assert found.splits["train"].labels.tolist() == [2, 1]
    assert found.num_classes == 1000
    with pytest.raises(ValueError, match="the lists give n01440764 the label 1"):
        listed(tmp_path, NUMBERED.format(*labels.synsets()[:2]), names, "train.csv")


def test_an_image_in_both_lists_is_said(tmp_path: Path) -> None:
    put(tmp_path / "val.txt", "im/b.jpg 1\nim/c.jpg 0\n")
    rows = "im/a.jpg 0\nim/b.jpg 1\n"
    found = listed(tmp_path, rows, ("im/a.jpg", "im/b.jpg", "im/c.jpg"), "train.txt")
    assert f"images in the lists of both splits: 1 ({tmp_path}/im/b.jpg)" in found.description


def test_an_image_of_another_label_in_each_list_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "val.txt", "im/c.jpg ant\nim/b.jpg ant\n")
    names = ("im/a.jpg", "im/b.jpg", "im/c.jpg")
    told = r"val.txt, line 2: im/b.jpg has the label ant, and in .*train.txt, line 2, it has bee"
    with pytest.raises(ValueError, match=told):
        listed(tmp_path, "im/a.jpg ant\nim/b.jpg bee\n", names, "train.txt")


def test_lists_of_numbers_and_of_names_do_not_go_together(tmp_path: Path) -> None:
    put(tmp_path / "val.txt", "im/a.jpg ant\n")
    with pytest.raises(ValueError, match=r"of train\.txt and val\.txt one has numbers for labels"):
        listed(tmp_path, "im/a.jpg 0\n", ("im/a.jpg",), "train.txt")


def test_kaggles_ids_are_files_without_their_extension(tmp_path: Path) -> None:
    names = ("train/000bec.jpg", "train/0.01.png", "train/12.JPEG", "test/7.jpg", "train/rest.jpg")
    rows = "id,breed\n000bec,boston_bull\n0.01,dingo\n12,boston_bull\n99,pug\n"
    put(tmp_path / "sample_submission.csv", "id,affenpinscher\n7,0.1\n")
    found = listed(tmp_path, rows, names, "labels.csv")
    assert classes_of(found) == {
        "000bec.jpg": "boston_bull",
        "0.01.png": "dingo",
        "12.JPEG": "boston_bull",
        "99": "pug",  # whose file is not there: a damaged image
    }
    assert [one.key for one in found.classes] == ["boston_bull", "dingo", "pug"]
    assert [raw.read(found.splits["train"][at]) for at in (0, 1, 2)] == [jpeg(0), jpeg(1), jpeg(2)]
    assert "rows of labels.csv whose file is not there: 1 (99)" in found.description
    assert {reason: entry.first for reason, entry in found.left_out.items()} == {
        ".csv": ["sample_submission.csv"],
        "in no list": ["train/rest.jpg"],
        "other folders": ["test/"],
    }
    assert found.description.endswith("no validation split")


@pytest.mark.parametrize(
    ("file", "heading", "folder"),
    [
        ("trainLabels.csv", "image,level", "train"),
        ("train_labels.csv", "id,label", "train"),
        ("train.csv", "id_code,diagnosis", "train_images"),
        ("train.csv", "label,image_id", "images"),
        ("train.tsv", "id\tlabel", "train"),
    ],
)
def test_kaggles_other_names(file: str, heading: str, folder: str, tmp_path: Path) -> None:
    pairs = [("b", "1"), ("a", "0"), ("c", "1")]
    between = "\t" if file.endswith(".tsv") else ","
    rows = [between.join(reversed(pair) if heading.startswith("label") else pair) for pair in pairs]
    names = tuple(f"{folder}/{name}.png" for name in "abc")
    found = listed(tmp_path, "\n".join([heading, *rows]), names, file)
    assert classes_of(found) == {"b.png": "1", "a.png": "0", "c.png": "1"}
    assert found.splits["train"].labels.tolist() == [2, 1, 2]
    assert not found.unsplit


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("id,breed\na,pug\nb,pug\n", r"labels\.csv, line 3: b may be b\.jpg or b\.png; give it"),
        ("id,breed\na,pug\na.jpg,dingo\n", r"line 3: a\.jpg has the label dingo, and above it has"),
        ("id,breed\na,pug\nc,\n", r"labels\.csv, line 3: 'c,' is not `path label` with a class's"),
    ],
)
def test_ids_that_cannot_be_meant_are_refused(rows: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        listed(tmp_path, rows, ("train/a.jpg", "train/b.jpg", "train/b.png"), "labels.csv")


def test_hugging_faces_imagefolder(tmp_path: Path) -> None:
    rows = "file_name,label\na.jpg,emu\nb.jpg,cow\n"
    for split in ("train", "validation"):
        put(tmp_path / "sorted" / split / "metadata.csv", rows)
        for number, name in enumerate(("a.jpg", "b.jpg")):
            put(tmp_path / "sorted" / split / name, jpeg(number))
    found = raw.detect(tmp_path / "sorted")
    assert classes_of(found) == classes_of(found, "validation") == {"a.jpg": "emu", "b.jpg": "cow"}
    assert not found.left_out
    found = listed(tmp_path / "flat", rows, ("a.jpg", "b.jpg"), "metadata.csv")
    assert classes_of(found) == {"a.jpg": "emu", "b.jpg": "cow"} and found.unsplit


@pytest.mark.parametrize(
    "rows",
    [
        "file_name,text\ncow/b.jpg,a cow\nemu/a.jpg,an emu\n",
        "file_name,label\ncow/b.jpg,7\nemu/a.jpg,3\n",
        "file_name\ncow/b.jpg\n",
        "lesion,file_name,dx\n1,cow/b.jpg,nv\n2,emu/a.jpg,mel\n",
    ],
)
def test_metadata_of_class_folders_is_no_list(rows: str, tmp_path: Path) -> None:
    for folder in (".", "train"):
        names = tuple(f"{folder}/{name}" for name in ("cow/b.jpg", "emu/a.jpg"))
        found = listed(tmp_path / folder[0], rows, names, f"{folder}/metadata.csv")
        assert classes_of(found) == {"b.jpg": "cow", "a.jpg": "emu"}
        assert found.left_out == {".csv": Counted(1, [str(Path(folder, "metadata.csv"))])}


def test_another_list_of_a_split_is_said(tmp_path: Path) -> None:
    put(tmp_path / "train.csv", "image,label\nb.jpg,1\n")
    put(tmp_path / "val.txt", "c.jpg 0\n")
    put(tmp_path / "validation.txt", "a.jpg 0\n")
    found = listed(tmp_path, "a.jpg 0\nb.jpg 1\n", ("a.jpg", "b.jpg", "c.jpg"), "train.txt")
    assert [len(part) for part in found.splits.values()] == [2, 1]
    assert "not read, for train.txt is of the train split: 1 (train.csv)" in found.description
    said = "not read, for val.txt is of the validation split: 1 (validation.txt)"
    assert said in found.description
    assert found.left_out == {
        ".csv": Counted(1, ["train.csv"]),
        ".txt": Counted(1, ["validation.txt"]),
    }
    put(tmp_path / "meta" / "train.txt", "a.jpg 0\nb.jpg 1\n")
    said = "not read, for meta/train.txt is of the train split: 2 (train.txt, train.csv)"
    assert said in raw.detect(tmp_path).description


@pytest.mark.parametrize(
    "text", ['image,label\nb.jpg,"1\n', "", "image,label\nb.jpg,1\n".encode("utf-16-le")]
)
def test_a_list_that_is_not_read_beside_that_of_the_other_split_is_said(
    text: str | bytes, tmp_path: Path
) -> None:
    put(tmp_path / "val.csv", text)
    found = listed(tmp_path, "a.jpg 0\nb.jpg 1\n", ("a.jpg", "b.jpg", "c.jpg"), "train.txt")
    assert (
        "not read, for its first two rows have no path and label of an image that is there: 1 (v"
        in (found.description)
    )
    assert found.left_out == {".csv": Counted(1, ["val.csv"]), "in no list": Counted(1, ["c.jpg"])}


def test_mxnets_list_that_is_not_read_beside_that_of_the_other_split_is_said(
    tmp_path: Path,
) -> None:
    put(tmp_path / "zoo_val.lst", "0 0.0 a.jpg\n")  # no tabs
    found = listed(tmp_path, "0\t0.0\ta.jpg\n", ("a.jpg",), "zoo_train.lst")
    assert "first two rows have no path and label of an image that is there: 1 (zoo_val.lst)" in (
        found.description
    )


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("val.txt", "images in no list would be the train split's in train.txt"),
        ("train_list.csv", "images in no list would be the validation split's in val.csv"),
    ],
)
def test_what_a_list_of_the_other_split_would_be_is_said(
    file: str, told: str, tmp_path: Path
) -> None:
    found = listed(tmp_path, "ant/a.jpg,0\nbee/b.jpg,1\n", ("ant/a.jpg", "bee/b.jpg"), file)
    assert "in no list" not in found.description
    put(tmp_path / "ant" / "c.jpg", jpeg(3))
    assert told in raw.detect(tmp_path).description
    (tmp_path / file).rename(tmp_path / "labels.csv")  # of no split
    assert "would be the" not in raw.detect(tmp_path).description


def test_labels_that_another_column_of_labels_tells_apart_are_refused(tmp_path: Path) -> None:
    rows = "a.jpg,pet,cat\nb.jpg,pet,dog\nc.jpg,wild,emu\n"
    names = ("a.jpg", "b.jpg", "c.jpg")
    with pytest.raises(ValueError, match="line 1: coarse_label and class_name are both labels by"):
        listed(tmp_path, f"image,coarse_label,class_name\n{rows}", names, "train.csv")
    with pytest.raises(ValueError, match="line 1: label and label are both labels by"):
        listed(tmp_path, f"image,label,label\n{rows}", names, "train.csv")
    found = listed(tmp_path, f"image,label,category\n{rows}", names, "train.csv")
    assert classes_of(found) == {"a.jpg": "pet", "b.jpg": "pet", "c.jpg": "wild"}
    assert "columns of train.csv that are not used: 1 (category)" in found.description
    rows = "a.jpg,cat,pet\nb.jpg,dog,pet\nc.jpg,emu,wild\n"  # the first tells the second's apart
    found = listed(tmp_path, f"image,class_name,coarse_label\n{rows}", names, "train.csv")
    assert classes_of(found) == {"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "emu"}


@pytest.mark.parametrize("row", ["cafe\u0301.jpg", "cafe\u0301"])
def test_names_of_files_in_another_form_of_unicode_are_found(row: str, tmp_path: Path) -> None:
    """As a Mac's list has them, of files that were copied elsewhere."""
    rows = f"im/{row} 1\nim/0.jpg 0\n"
    found = listed(tmp_path, rows, ("im/caf\u00e9.jpg", "im/0.jpg"), "train.txt")
    assert classes_of(found) == {"caf\u00e9.jpg": "1", "0.jpg": "0"}
    assert found.left_out == {}
    put(tmp_path / "im" / "cafe\u0301.jpg", jpeg(2))
    if row.endswith("jpg"):  # its own name goes first
        assert classes_of(raw.detect(tmp_path)) == {"cafe\u0301.jpg": "1", "0.jpg": "0"}
    else:
        with pytest.raises(ValueError, match="line 1: .* may be .*; give it its extension"):
            raw.detect(tmp_path)


def test_a_label_that_is_several_is_said(tmp_path: Path) -> None:
    names = tuple(f"{name}.jpg" for name in "abcd")
    rows = "image,label\na.jpg,cat\nb.jpg,dog\nc.jpg,cat|dog\nd.jpg,black cat\n"
    found = listed(tmp_path, rows, names, "train.csv")
    assert classes_of(found)["c.jpg"] == "cat|dog"
    said = "labels that are several of the others, and classes of their own here: 1 (cat|dog)"
    assert said in found.description


def test_a_list_of_no_split_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    found = listed(tmp_path, "a,cat\nb,dog\n", ("images/a.jpg", "images/b.jpg"), "labels.csv")
    assert found.unsplit and "(labels.csv), no split: taken as training" in found.description
    assert classes_of(found.only(["validation"]), "validation") == {"a.jpg": "cat", "b.jpg": "dog"}


@pytest.mark.parametrize("text", ["ClassId,Name\n0,Stop\n1,Yield\n", "file,label\na.jpg,ant\n"])
def test_a_table_of_something_else_hides_no_class_folders(text: str, tmp_path: Path) -> None:
    names = ("train/ant/a.jpg", "train/bee/b.jpg")
    found = listed(tmp_path, text, names, "labels.csv")
    assert found.layout == "class folders"
    assert classes_of(found) == {"a.jpg": "ant", "b.jpg": "bee"}
    assert found.left_out[".csv"] == Counted(1, ["labels.csv"])


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ("ant/1\nbee/2\n", ("images/ant/1.jpg", "images/bee/2.png")),  # Food-101's
        ("path\nim/ant/a 1.jpg\nim/bee/b.jpg\n", ("im/ant/a 1.jpg", "im/bee/b.jpg")),
        ('"ant\\a.jpg"\n"bee\\b.jpg"\n', ("ant/a.jpg", "bee/b.jpg")),
    ],
)
def test_a_list_of_paths_alone_is_of_the_classes_of_its_folders(
    rows: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    put(tmp_path / "meta" / "test.txt", rows)
    other = str(Path(names[0]).with_name("other.jpg"))
    found = listed(tmp_path, rows, (*names, other), "meta/train.txt")
    assert list(classes_of(found).values()) == ["ant", "bee"]
    assert [raw.read(one) for one in found.splits["train"]] == [jpeg(0), jpeg(1)]
    assert "lists without labels, which are the folders of their images: 1 (train.txt)" in (
        found.description
    )
    assert found.left_out["in no list"] == Counted(1, [other])
    assert "meta/test.txt would be the validation split's list as meta/val.txt" in (
        found.description
    )
    for split in ("train", "val"):  # where the folders say it all
        put(tmp_path / split / "ant" / "a.jpg", jpeg(3))
    assert raw.detect(tmp_path).layout == "class folders"


def test_a_list_may_part_the_images_of_the_training_folder(tmp_path: Path) -> None:
    names = tuple(f"train/{name}/{at}.jpg" for name in ("ant", "bee") for at in "ab")
    found = listed(tmp_path, f"{names[1]}\n{names[3]}\n", names, "val.txt")
    assert found.left_out == {"in no list": Counted(2, [names[0], names[2]])}
    assert found.description.endswith("no train split")
    found = listed(tmp_path, f"{names[0]}\n{names[2]}\n", names, "train.txt")
    assert [*found.splits["train"].keys()] == ["ant/a.jpg", "bee/a.jpg"]
    assert [*found.splits["validation"].keys()] == ["ant/b.jpg", "bee/b.jpg"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x/ant/a.jpg\nx/bee/b.jpg 1\n", "line 1: 'x/ant/a.jpg' is not `path label`"),
        ("x/ant/a.jpg\nx/bee/b.jpg\nx/bee/c.jpg 1\n", "line 3: 'x/bee/c.jpg 1' is no path alone"),
        ("x/ant/a.jpg\ny/ant/b.jpg\n", "line 2: no labels, and the folders x/ant and y/ant have"),
        (
            "x/ant/a.jpg\nx/ant/c.jpg\n",
            "no labels, and all its images lie in ant/, which is no class where there is no other; "
            "write `path label` rows, or give the images without it",
        ),
        ("x/ant/a.jpg\nx/bee/b.jpg\n./c.jpg\n", "line 3: './c.jpg' has no label, and no folder"),
        ("x/ant/a.jpg\n../bee/b.jpg\n", "line 2: ../bee/b.jpg leads out of the data set"),
        ("train2017/a.jpg\nval2017/b.jpg\n", "holds train2017, val2017: splits by name"),
        ("x/images/a.jpg\nx/labels/b.jpg\n", "folders of images, images and labels"),
    ],
)
def test_paths_alone_that_cannot_be_meant_are_refused(
    rows: str, message: str, tmp_path: Path
) -> None:
    names = tuple(name for name in rows.split() if name.endswith("jpg") and ".." not in name)
    with pytest.raises(ValueError, match=message):
        listed(tmp_path, rows, names, "train.txt")


def test_mxnets_lists(tmp_path: Path) -> None:
    rows = "7\t1.000000\tbee/b c.jpg\n0\t0.000000\tant/a.jpg\n12\t1\tbee/d.jpg\n"
    put(tmp_path / "pets_val.lst", "0\t1.0\tval/v.jpg\n")
    put(tmp_path / "val" / "v.jpg", jpeg(9))
    names = ("train/bee/b c.jpg", "train/ant/a.jpg", "train/bee/d.jpg")
    found = listed(tmp_path, rows, names, "pets_train.lst")
    assert classes_of(found) == {"b c.jpg": "1", "a.jpg": "0", "d.jpg": "1"}
    assert found.splits["train"].labels.tolist() == [2, 2, 1]  # by folders
    assert raw.read(found.splits["train"][0]) == jpeg(0)
    assert classes_of(found, "validation") == {"v.jpg": "1"}
    assert found.left_out == {}


def test_mxnets_only_list_of_synsets(tmp_path: Path) -> None:
    rows = "".join(
        f"{at}\t{labels.label_of()[synset] - 1:f}\t{synset}/x.JPEG\n"
        for at, synset in enumerate(SYNSETS)
    )
    found = listed(tmp_path, rows, tuple(f"{one}/x.JPEG" for one in SYNSETS), "all.lst")
    assert found.unsplit and found.label_convention == labels.IMAGENET_CONVENTION
    assert [one.synset for one in found.splits["train"]] == list(SYNSETS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "1\t0\t1\tim/b.jpg",
            r"train\.lst, line 2: .* is not `index label path` with a label from 0",
        ),
        (
            "1\t0.5\tim/b.jpg",
            r"train\.lst, line 2: .* is not `index label path` with a label from 0",
        ),
        ("1\t-1.0\tim/b.jpg", r"train\.lst, line 2: .* is not `index label path` with a label"),
        ("1\tim/b.jpg", r"train\.lst, line 2: .* is not `index label path` with a label from 0"),
        ("1\t0\t../b.jpg", r"train\.lst, line 2: \.\./b\.jpg leads out of the data set"),
    ],
    ids=["two-labels", "part", "negative", "no-label", "outside"],
)
def test_mxnets_rows_that_cannot_be_meant(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        listed(tmp_path, f"0\t0\tim/a.jpg\n{row}\n", ("im/a.jpg", "im/b.jpg"), "train.lst")


def test_one_list_over_the_folders_of_two_splits_is_refused(tmp_path: Path) -> None:
    rows = "0\t0\ttrain/a.jpg\n1\t1\tval/b.jpg\n"
    with pytest.raises(ValueError, match=r"all\.lst lists images of train/, val/: a list for each"):
        listed(tmp_path, rows, ("train/a.jpg", "val/b.jpg"), "all.lst")
