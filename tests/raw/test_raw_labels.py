"""Names and metadata that are there win; what is inferred is said and checked against the truth."""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_layouts import SYNSETS, VALIDATION, jpeg
from tiny_raw import put

from imagenet_tools import labels, raw, records
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.records import inspection

QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def listed(place: Path, text: str | bytes, images: int = 4, labels: str = "auto") -> RawSet:
    for number in range(images):
        put(place / "im" / f"{number}.jpg", jpeg(number))
    put(place / "train.txt", text)
    return raw.detect(place, labels=labels)


def label_of(found: RawSet) -> dict[str, int]:
    part = found.splits["train"]
    return dict(zip(part.filenames(), part.labels.tolist(), strict=True))


@QUICK
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12),
    st.sampled_from((" ", "\t", "   ", ",", ", ", ";")),
    st.sampled_from(("\n", "\r\n", "\n\n")),
    st.sampled_from(("", '"', "'")),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
    st.booleans(),
)
def test_a_list_is_read_however_it_was_written(
    given_labels: list[int], separator: str, ending: str, quote: str, coding: str, heading: bool
) -> None:
    rows = [f"{quote}im/{n}.jpg{quote}{separator}{label}" for n, label in enumerate(given_labels)]
    rows = [f"filename{separator}label"] * heading + rows
    with tempfile.TemporaryDirectory() as place:
        text = (ending.join(rows) + ending).encode(coding)
        found = listed(Path(place), text, len(given_labels) + 1)
    assert label_of(found) == {f"{n}.jpg": label + 1 for n, label in enumerate(given_labels)}
    assert len({info.key for info in found.classes}) == max(given_labels) + 1
    unlisted = f"im/{len(given_labels)}.jpg"
    assert found.left_out == {"in no list": Counted(1, [unlisted])}


def test_images_of_both_lists_in_one_folder_are_all_named(tmp_path: Path) -> None:
    put(tmp_path / "val.txt", "im/2 1\nim/3.jpg 1\n")
    put(tmp_path / "im" / "2", jpeg(2))
    found = listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\n")
    assert list(found.splits["validation"].filenames()) == ["2", "3.jpg"]
    assert found.left_out == {"in no list": Counted(1, ["im/2.jpg"])}
    put(tmp_path / "more" / "x.jpg", jpeg(5))
    put(tmp_path / "notes.md", "words")
    assert raw.detect(tmp_path).left_out.keys() == {"in no list", "other folders", ".md"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("im/1.jpg \N{SUPERSCRIPT TWO}", "line 2: .* is not `path label`"),
        ("im/1.jpg " + "1" * 10_000, "line 2: .* is not `path label`"),
        ("im/1.jpg -1", "line 2: .* is not `path label`"),
        ("im/1.jpg 1.0", "line 2: .* is not `path label`"),
        ("im/1\0.jpg 1", r"line 2: 'im/1\\\\x00.jpg' is no file's name"),
        ("im/0.jpg 1", "line 2: im/0.jpg has the label 1, and above it has 0"),
        ("im/1.jpg 5000000", "line 2: the label 5,000,000 is no number of a class"),
        ("im/1.jpg 1000000000000", "line 2: the label 1,000,000,000,000 is no number of"),
        ("im/1.jpg 999999", "line 2: the label 999,999 is no number of a class: 2 labels occur"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"train\.txt, {message}"):
        listed(tmp_path, f"im/0.jpg 0\n{row}\n")


def test_labels_with_holes_are_said(tmp_path: Path) -> None:
    found = listed(tmp_path / "holes", "im/0.jpg 0\nim/1.jpg 7\n")
    assert "6 of the labels 0..7 without an image (first 1)" in found.description
    found = listed(tmp_path / "one", "im/0.jpg 1\nim/1.jpg 2\n")
    assert "1 of the labels 0..2 without an image (first 0, as if they counted from 1)" in (
        found.description
    )
    assert label_of(found) == {"0.jpg": 2, "1.jpg": 3}


def test_rows_without_a_file_are_damaged_images(tmp_path: Path) -> None:
    found = listed(tmp_path, "im/0.jpg 0\nim/8.jpg 1\nim/9.jpg 1\nim/1.jpg 1\n")
    assert "whose file is not there: 2 (im/8.jpg, im/9.jpg)" in found.description
    with pytest.raises(DamagedData, match=r"im/8\.jpg: cannot be read(.|\n)*im/9\.jpg: cannot"):
        records.build(found, tmp_path / "out", splits=("train",), workers=1)


def test_a_thousand_labels_are_not_yet_imagenet(tmp_path: Path) -> None:
    found = listed(tmp_path, "im/0.jpg 0\nim/1.jpg 999\n")
    assert found.label_convention.startswith("as given: 0..999")
    assert [found.classes[at].key for at in (0, 999)] == ["0", "999"]
    found = raw.detect(tmp_path, labels="imagenet")
    assert found.classes[999].key == labels.synsets()[999]


def test_a_file_of_classes_names_them(tmp_path: Path) -> None:
    put(tmp_path / "own" / "classes.txt", "bird\nfish\nemu\n")
    found = listed(tmp_path / "own", "im/0.jpg 0\nim/1.jpg 1\n")
    assert [info.key for info in found.classes] == ["bird", "fish", "emu"]
    assert "classes named by classes.txt" in found.description
    put(tmp_path / "theirs" / "synset_words.txt", "n01443537 goldfish\nn01440764 tench\n")
    found = listed(tmp_path / "theirs", "im/0.jpg 0\nim/1.jpg 1\n")
    assert label_of(found) == {"0.jpg": 2, "1.jpg": 1}
    put(tmp_path / "own" / "classes.txt", "bird\n")
    with pytest.raises(ValueError, match="line 2: the label 1, but 1 classes are named"):
        raw.detect(tmp_path / "own")


@pytest.mark.parametrize(
    "text",
    [
        "1 bird\n2 fish\n3 emu\n",
        "0:background\n1:bird\n2:fish\n3:emu\n",
        "# of the zoo\n1,bird\n3,emu\n2,fish\n",
        "id,name\n1,bird\n2,fish\n3,emu\n",
        "Class_Name\tlabel\nbird\t1\nfish\t2\nemu\t3\n",
        "id\tcategories\twords\n1\tbird\twith wings\n2\tfish\t\n3\temu\t\n",
    ],
)
def test_numbers_in_a_file_of_classes_are_those_of_the_labels(text: str, tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", text)
    found = listed(tmp_path, "im/0.jpg 2\nim/1.jpg 1\nim/2.jpg 2\n")
    assert [info.key for info in found.classes] == ["bird", "fish", "emu"]
    assert label_of(found) == {"0.jpg": 2, "1.jpg": 1, "2.jpg": 2}
    assert found.label_convention == "as given: 1..3, 0 = background"
    put(tmp_path / "train.txt", "im/0.jpg 2\nim/1.jpg 0\n")
    with pytest.raises(ValueError, match="line 2: the label 0, but 3 .* counted from 1"):
        raw.detect(tmp_path)


BETWEEN = (";", "|", "=", ". ", ") ", " - ")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("bird\t1\nfish\t0\n", ["fish", "bird"]),
        ("name,id\nbird,1\nfish,0\n", ["fish", "bird"]),
        ("bird 2\nfish 1\n", ["fish", "bird"]),
        ("model 2012\nmodel 2011\n", ["model 2012", "model 2011"]),
        ("digit 1\ndigit 0\n", ["digit 1", "digit 0"]),
        *((f"0{mark}bird\n1{mark}fish\n", ["bird", "fish"]) for mark in BETWEEN),
        *((f"bird{mark}1\nfish{mark}0\n", ["fish", "bird"]) for mark in BETWEEN),
        ("0:5 Euro\n1:10 Euro\n", ["5 Euro", "10 Euro"]),
    ],
)
def test_numbers_behind_names_are_labels_where_they_count(
    text: str, keys: list, tmp_path: Path
) -> None:
    put(tmp_path / "classes.txt", text)
    first = int(text == "bird 2\nfish 1\n")
    rows = f"im/0.jpg {first}\nim/1.jpg {first + 1}\n"
    found = listed(tmp_path, rows)
    assert [info.key for info in found.classes] == keys
    assert label_of(found) == {"0.jpg": 1, "1.jpg": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat\ntype 1\nkind 2\n", "'cat' has no number, and type has one: a heading or a class"),
        ("Klasse Nr\nbird 0\nfish 1\n", "'Klasse Nr' has no number, and bird has one"),
        ("My zoo\nclasses\n0 cat\n1 dog\n", "'My zoo' has no number, and cat has one"),
        ("1 cat\n2 dog\nemu\n", "'emu' has no number, and cat has one"),
        ("class_name\nbird\nfish\n", "'class_name' may be what stands above names: a heading"),
        ("Categories\nbird\nfish\n", "'Categories' may be what stands above names"),
        ("#classes\nbird\nfish\n", "'#classes' may be what stands above names"),
        ("My classes:\nbird\nfish\n", "'My classes:' may be what stands above names"),
        ("2\nbird\nfish\n", "'2' may be what stands above names"),
        ("a zoo, mine\n0 cat\n1 dog\n", "'a zoo, mine' has no number, and cat has one"),
        ("wild,tame\n0,cat\n1 dog\n", "'wild,tame' has no number, and cat has one"),
        ("wild\n0,cat\n1,dog\n", "'wild' has no number, and cat has one"),
        ("// the zoo\nbird\nfish\n", "'// the zoo' may be what stands above names"),
        ("bird\n#of prey\nfish\n", "'#of prey' may be a comment"),
        (
            '["bird", "fish"]\n',
            '\'."bird", "fish".\' is of JSON or YAML; names are read one a line',
        ),
        ('{\n"bird": 0,\n"fish": 1\n}\n', "'{' is of JSON or YAML"),
        ("names:\n- bird\n- fish\n", "'- bird' is of JSON or YAML"),
        ("id: 0\nname: bird\nid: 1\nname: fish\n", "'id: 0' is of JSON or YAML"),
    ],
)
def test_what_may_be_a_heading_of_classes_is_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    put(tmp_path / "classes.txt", text)
    with pytest.raises(ValueError, match=rf"classes\.txt: {message}"):
        listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\n")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("grade 1\ngrade 2\nnormal\n", ["grade 1", "grade 2", "normal"]),
        ("normal\ngrade 1\ngrade 2\n", ["normal", "grade 1", "grade 2"]),
        ("Euro coins\n5 Euro\n10 Euro\n", ["Euro coins", "5 Euro", "10 Euro"]),
        ("name\ttext\nbird\twith wings\nfish\tan animal\nemu\t\n", ["bird", "fish", "emu"]),
        ("text\ntable\nfigure\n", ["text", "table", "figure"]),  # the label 2 is of three
        ("class name\nbird\nfish\n", ["class name", "bird", "fish"]),
        ("class name\nbird\nfish\nemu\n", ["bird", "fish", "emu"]),
        ("#bird\n#fish\n#emu\n#cow\n", ["#bird", "#fish", "#emu", "#cow"]),
        ('0,bird\n1,"fish, any"\n2,"emu"\n', ["bird", "fish, any", "emu"]),
    ],
)
def test_every_line_of_classes_is_one(text: str, keys: list, tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", text)
    found = listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\nim/2.jpg 2\n")
    assert [info.key for info in found.classes] == keys
    assert label_of(found) == {"0.jpg": 1, "1.jpg": 2, "2.jpg": 3}


@pytest.mark.parametrize("heading", ["Nummer,Name", "编号,名称", "nom\tnuméro"])
def test_a_heading_of_columns_is_known_in_any_language(heading: str, tmp_path: Path) -> None:
    rows = ("0,bird\n1,fish\n", "bird\t0\nfish\t1\n")["\t" in heading]
    put(tmp_path / "classes.txt", f"{heading}\n{rows}")
    found = listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\n")
    assert [info.key for info in found.classes] == ["bird", "fish"]
    assert "the first line of classes.txt is taken for a heading: 1 (" in found.description


def test_background_above_the_names_is_tf_slims(tmp_path: Path) -> None:
    put(tmp_path / "labels.txt", "background\nbird\nfish\n")
    found = listed(tmp_path, "im/0.jpg 1\nim/1.jpg 2\n")
    assert [info.key for info in found.classes] == ["bird", "fish"]
    assert label_of(found) == {"0.jpg": 1, "1.jpg": 2}
    found = listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\n")  # and here a class
    assert [info.key for info in found.classes] == ["background", "bird", "fish"]
    words = [words.split(",")[0] for words in labels.words().values()]
    put(tmp_path / "labels.txt", "\n".join(["background", *words]))  # Keras's ImageNetLabels.txt
    found = listed(tmp_path, "im/0.jpg 1\nim/1.jpg 1000\n")
    assert label_of(found) == {"0.jpg": 1, "1.jpg": 1000}
    assert found.label_convention == labels.IMAGENET_CONVENTION


@pytest.mark.parametrize("heading", ["class name", "#classes", "Classes:", "label", "2"])
def test_a_heading_above_names_that_are_counted_from_1_is_no_class(
    heading: str, tmp_path: Path
) -> None:
    put(tmp_path / "classes.txt", f"{heading}\nbird\nfish\n")
    found = listed(tmp_path, "im/0.jpg 1\nim/1.jpg 2\n")
    assert [info.key for info in found.classes] == ["bird", "fish"]
    assert label_of(found) == {"0.jpg": 1, "1.jpg": 2}
    said = f"the first line of classes.txt is taken for a heading: 1 ({heading})"
    assert (said in found.description) == (heading != "class name")  # which its words tell


def test_a_comment_among_names_that_are_counted_from_1_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", "bird\n//of prey\nfish\n")
    with pytest.raises(ValueError, match="'//of prey' may be a comment"):
        listed(tmp_path, "im/0.jpg 1\nim/1.jpg 2\n")


def test_labels_from_1_of_names_from_0_are_refused_with_what_to_do(tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", "bird\nfish\n")
    with pytest.raises(ValueError, match="the label 2, but 2 .* from 0; where labels count from 1"):
        listed(tmp_path, "im/0.jpg 1\nim/1.jpg 2\n")


def test_a_heading_moves_no_class_that_has_a_name(tmp_path: Path) -> None:
    put(tmp_path / "labels.txt", "name\nfish\tan animal\nbird\t\n")
    for folder in ("bird", "fish"):
        put(tmp_path / folder / "0.jpg", jpeg(0))
    assert raw.detect(tmp_path).classes == (("bird", "bird"), ("fish", "an animal"))
    for at, folder in enumerate(("bird", "fish")):
        (tmp_path / folder).rename(tmp_path / str(at))
    with pytest.raises(ValueError, match=r"labels.txt: 'name' may be what stands above names"):
        raw.detect(tmp_path)


def test_words_stand_behind_a_tab(tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", "bird\twith wings\nfish\tan animal\n")
    found = listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\n")
    assert list(found.classes) == [("bird", "with wings"), ("fish", "an animal")]
    put(tmp_path / "train.txt", "im/0.jpg fish\nim/1.jpg bird\n")
    assert list(raw.detect(tmp_path).classes) == [("bird", "with wings"), ("fish", "an animal")]


def test_numbers_that_are_part_of_names_are_refused_with_what_to_do(tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", "5 Euro\n10 Euro\n")
    with pytest.raises(ValueError, match=r"put the labels before them \(0:5 Euro\)"):
        listed(tmp_path, "im/0.jpg 0\nim/1.jpg 1\n")


def test_files_of_classes_that_are_not_used_are_counted(tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", "cow\nfish\nbird\n")
    put(tmp_path / "labels.txt", "bird\nfish\n")
    found = listed(tmp_path, "im/0.jpg bird\nim/1.jpg fish\n", images=2)
    assert "classes.txt gives words, not numbers" in found.description
    assert found.left_out == {".txt": Counted(1, ["labels.txt"])}
    put(tmp_path / "classes.txt", "cow\n")
    counted = Counted(2, ["labels.txt", "classes.txt"])
    assert raw.detect(tmp_path).left_out == {".txt": counted}


def test_names_without_numbers_count_from_0(tmp_path: Path) -> None:
    put(tmp_path / "classes.txt", "# of the zoo\nbird\nfish\nemu\n")
    found = listed(tmp_path, "im/0.jpg 2\nim/1.jpg 1\n")
    assert [info.key for info in found.classes] == ["bird", "fish", "emu"]
    assert label_of(found) == {"0.jpg": 3, "1.jpg": 2}
    assert "no image has the label 0, as if they counted from 1" in found.description


def test_lists_that_number_one_folder_differently_are_refused(tmp_path: Path) -> None:
    for path in ("train/ant/0.jpg", "train/bee/0.jpg", "val/ant/1.jpg", "val/bee/1.jpg"):
        put(tmp_path / path, jpeg(1))
    put(tmp_path / "train.txt", "ant/0.jpg 0\nbee/0.jpg 1\n")
    put(tmp_path / "val.txt", "ant/1.jpg 1\nbee/1.jpg 0\n")
    with pytest.raises(ValueError, match="the images of ant/ the labels 0 and 1"):
        raw.detect(tmp_path)
    assert raw.detect(tmp_path, labels="folders").splits["validation"].labels.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("shift", "message"), [(0, ""), (1, "seem to count from 1"), (500, "be in another order")]
)
def test_lists_of_validation_images_are_checked(shift: int, message: str, tmp_path: Path) -> None:
    for name in VALIDATION:
        put(tmp_path / "val" / name, jpeg(1))
    rows = [f"{name} {(label - 1 + shift) % 1000}\n" for name, label in VALIDATION.items()]
    put(tmp_path / "val.txt", "".join(rows))
    if message:
        with pytest.raises(ValueError, match=message):
            raw.detect(tmp_path)
        assert raw.detect(tmp_path, labels="folders").label_convention.startswith("as given")
    else:
        part = raw.detect(tmp_path).splits["validation"]
        assert dict(zip(part.filenames(), part.labels.tolist(), strict=True)) == VALIDATION


def test_one_name_in_two_spellings_is_one_class(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    put(tmp_path / "train" / composed / "a.jpg", jpeg(1))
    put(tmp_path / "val" / apart / "b.jpg", jpeg(2))
    found = raw.detect(tmp_path)
    assert [info.key for info in found.classes] == [composed]
    put(tmp_path / "val" / "Caf\u00e9" / "b.jpg", jpeg(2))
    with pytest.raises(ValueError, match="differ in case or spaces alone"):
        raw.detect(tmp_path)


def test_names_of_any_bytes_are_built(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"two\nlines", b"tea"):
        folder = bytes(tmp_path) + b"/train/" + name
        Path(folder.decode("utf-8", "surrogateescape")).mkdir(parents=True)
        Path((folder + b"/\xff.jpg").decode("utf-8", "surrogateescape")).write_bytes(jpeg(1))
    found = raw.detect(tmp_path)
    records.build(found, tmp_path / "out", splits=("train",), workers=1)
    assert (tmp_path / "out" / "labels.txt").read_text().splitlines() == [
        *("0:background", "1:caf\\xe9", "2:tea", "3:two\\nlines")
    ]


@pytest.mark.parametrize("junk", ["__MACOSX", "lost+found", "#recycle", ".git", "empty"])
def test_junk_does_not_change_the_numbering(junk: str, tmp_path: Path) -> None:
    for name in SYNSETS[:2]:
        put(tmp_path / "train" / name / "a.jpg", jpeg(1))
    (tmp_path / "train" / junk).mkdir()
    assert raw.detect(tmp_path).splits["train"].labels.tolist() == [1, 2]


def test_folders_without_splits_may_be_the_validation_split(tmp_path: Path) -> None:
    """ImageNet-A and -R: synsets of their own; -V2: ImageNet's numbers from 0."""
    for name in SYNSETS:
        put(tmp_path / "a" / name / "x.jpg", jpeg(1))
    found = raw.detect(tmp_path / "a").only(["validation"])
    images = found.splits["validation"].take([0, 1, 2])
    assert [image.split for image in images] == ["validation"] * 3
    assert [image.label for image in images] == [labels.label_of()[name] for name in SYNSETS]
    for name in ("0", "2", "10"):
        put(tmp_path / "v2" / name / "x.jpeg", jpeg(1))
    with pytest.raises(ValueError, match="--labels imagenet takes them as ImageNet's classes"):
        raw.detect(tmp_path / "v2")
    found = raw.detect(tmp_path / "v2", labels="imagenet")
    assert sorted(found.splits["train"].labels.tolist()) == [1, 3, 11]


def test_folders_called_after_the_archives_are_the_splits(tmp_path: Path) -> None:
    put(tmp_path / "ILSVRC2012_img_train" / SYNSETS[1] / "x.JPEG", jpeg(1))
    put(tmp_path / "ILSVRC2012_img_val" / "ILSVRC2012_val_00000001.JPEG", jpeg(2))
    found = raw.detect(tmp_path)
    assert found.splits["train"].key(0) == f"{SYNSETS[1]}/x.JPEG"
    assert found.splits["validation"].key(0) == "n01751748/ILSVRC2012_val_00000001.JPEG"
    # Sorted into folders since, beside what came out of the archives.
    put(tmp_path / "train" / SYNSETS[0] / "y.JPEG", jpeg(3))
    put(tmp_path / "val" / "n01751748" / "ILSVRC2012_val_00000001.JPEG", jpeg(2))
    found = raw.detect(tmp_path)
    assert found.splits["train"].key(0) == f"{SYNSETS[0]}/y.JPEG"
    assert len(found.splits["train"]) == len(found.splits["validation"]) == 1
    others = Counted(2, ["ILSVRC2012_img_train/", "ILSVRC2012_img_val/"])
    assert found.left_out == {"other folders": others}


def parquet(
    folder: Path, column: Any, names: Any = None, file: str = "train-0", images: Any = None
) -> Any:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet as files

    folder.mkdir(exist_ok=True)
    images = images or [jpeg(n) for n in range(len(column))]
    table = pyarrow.table({"image": images, "label": column})
    info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    if names:
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    files.write_table(table, folder / f"{file}.parquet")
    return folder


def test_a_parquet_file_that_may_be_meant_for_a_split_is_said(tmp_path: Path) -> None:
    parquet(tmp_path, [1, 0], file="test-00000-of-00001")
    found = raw.detect(parquet(tmp_path, [0, 1]))
    meant = "test-00000-of-00001.parquet would be one as val-*.parquet"
    assert f"no validation split ({meant})" in found.description


def test_parquet_in_the_only_folder_is_read_there(tmp_path: Path) -> None:
    """As `git clone` gives a data set of the Hub that it converted itself: default/train/."""
    for split, column in (("train", [0, 1]), ("validation", [1])):
        (tmp_path / "default").mkdir(exist_ok=True)
        parquet(tmp_path / "default" / split, column, file="0000")
    found = raw.detect(tmp_path)
    assert {split: len(part) for split, part in found.splits.items()} == {
        "train": 2,
        "validation": 1,
    }
    assert not found.left_out


def test_parquet_has_its_names(tmp_path: Path) -> None:
    found = raw.detect(parquet(tmp_path / "own", [2, 0], ["cat", "dog", "emu"]))
    assert [info.key for info in found.classes] == ["cat", "dog", "emu"]
    assert found.splits["train"].labels.tolist() == [3, 1]
    found = raw.detect(parquet(tmp_path / "theirs", [999], list(labels.words().values())))
    assert found.splits["train"].key(0).startswith("n15075141/")
    found = raw.detect(parquet(tmp_path / "texts", ["dog", "cat", "dog"]))
    assert found.splits["train"].labels.tolist() == [2, 1, 2]
    assert raw.read(found.splits["train"][1]) == jpeg(1)
    found = raw.detect(parquet(tmp_path / "dict", [1, 0], {"0": "cat", "1": "dog"}))
    assert [info.key for info in found.classes] == ["cat", "dog"]
    found = raw.detect(parquet(tmp_path / "text", [1, 0], "cat"))
    assert [info.key for info in found.classes] == ["0", "1"]


def test_columns_of_parquet_by_the_names_of_other_data_sets(tmp_path: Path) -> None:
    """CIFAR-10's img and beans' labels, which their metadata name."""
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet as files

    images = [{"bytes": jpeg(at), "path": f"{at}.jpg"} for at in range(2)]
    table = pyarrow.table({"labels": [1, 0], "img": images, "more": [0, 0]})
    features = {"labels": {"names": ["cat", "dog"]}, "label": {"names": ["no", "class"]}}
    info = {"huggingface": json.dumps({"info": {"features": features}})}
    files.write_table(table.replace_schema_metadata(info), tmp_path / "train-0.parquet")
    found = raw.detect(tmp_path)
    assert [info.key for info in found.classes] == ["cat", "dog"]
    part = found.splits["train"]
    assert [(raw.read(one), one.synset) for one in part] == [(jpeg(0), "dog"), (jpeg(1), "cat")]
    assert "columns that are not used: 1 (more)" in found.description
    both = table.append_column("label", pyarrow.array([0, 1]))
    files.write_table(both, tmp_path / "train-0.parquet")
    found = raw.detect(tmp_path)  # label goes before labels
    assert found.splits["train"].labels.tolist() == [1, 2]
    assert "columns that are not used: 2 (labels, more)" in found.description


def test_files_that_a_series_of_parquet_lacks_are_said_once(tmp_path: Path) -> None:
    for number in (1, 3):  # the name of each ends in a digest of its own
        parquet(tmp_path / "series", [0, 1], file=f"train-0000{number}-of-00004-{number:08x}")
    found = raw.detect(tmp_path / "series")
    assert "not there: 2 (train-00000-of-00004, train-00002-of-00004)" in found.description


def test_a_split_that_was_exported_twice_is_refused(tmp_path: Path) -> None:
    for name in ("train-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"):
        parquet(tmp_path / "own", [0, 1], file=name)
    with pytest.raises(ValueError, match=r"train-\.\.\.-of-00001 and -of-00002, two series of one"):
        raw.detect(tmp_path / "own")


def test_rows_of_parquet_without_bytes_are_damaged_images(tmp_path: Path) -> None:
    images = [{"bytes": None, "path": "a.jpg"}, {"bytes": jpeg(1), "path": None}, None]
    part = raw.detect(parquet(tmp_path / "own", [0, 0, 0], images=images)).splits["train"]
    assert raw.read(part[1]) == jpeg(1)
    with pytest.raises(DamagedData, match=r"^row 0 holds no image bytes, but the path a\.jpg$"):
        raw.read(part[0])
    with pytest.raises(DamagedData, match=r"^row 2 holds no image bytes$"):
        raw.read(part[2])
    found = inspection.inspect(tmp_path / "own").splits["train"]
    assert found.problems[1].endswith(
        "train-0.parquet: 0/train-0_000002.JPEG: row 2 holds no image bytes"
    )


def test_columns_of_parquet_that_cannot_be_meant_are_named(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet as files

    for number, names in enumerate((["image", "label", "label"], ["jpg", "label", "x"])):
        (tmp_path / str(number)).mkdir()
        table = pyarrow.table([[jpeg(1)], [0], [1]], names=names)
        files.write_table(table, tmp_path / str(number) / "train-0.parquet")
        with pytest.raises(ValueError, match=f"has the columns {', '.join(names)}; one called"):
            raw.detect(tmp_path / str(number))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([0.0, 1.0], "its labels are of type double"),
        ([True, False], "its labels are of type bool"),
        ([0, None], "has images without a label"),
        ([0, 10**12], "the label 1,000,000,000,000 is no number of a class"),
    ],
)
def test_labels_of_parquet_that_are_none(column: list, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        raw.detect(parquet(tmp_path / "own", column))


def test_labels_of_parquet_in_another_encoding_are_damage(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    latin = pyarrow.array(["caf\xe9".encode("latin-1")]).view(pyarrow.string())
    with pytest.raises(
        DamagedData, match=r"train-0\.parquet: not a readable parquet file \('utf-8"
    ):
        raw.detect(parquet(tmp_path / "own", latin))


def test_numbers_that_the_names_of_images_contradict_are_refused(tmp_path: Path) -> None:
    """Of files without names of classes, which --labels imagenet says the meaning of."""
    names = (f"{SYNSETS[0]}_7_{SYNSETS[0]}.JPEG", "ILSVRC2012_val_00000001_n01751748.JPEG")
    images = [{"bytes": jpeg(n), "path": name} for n, name in enumerate(names)]
    true = [labels.label_of()[SYNSETS[0]] - 1, 65]
    folder = parquet(tmp_path / "own", true, images=images)
    assert raw.detect(folder, labels="imagenet").splits["train"].labels.tolist() == [
        label + 1 for label in true
    ]
    for number, wrong in enumerate(([true[0] + 1, 65], [true[0], 66])):
        parquet(folder, wrong, images=images)
        with pytest.raises(ValueError, match=rf"has {names[number]} under .* it is {true[number]}"):
            raw.detect(folder, labels="imagenet")
        assert raw.detect(folder, labels="folders").label_convention.startswith("as given")


def test_a_folder_beside_parquet_files_is_said(tmp_path: Path) -> None:
    put(parquet(tmp_path, [0, 1]) / "val" / "ant" / "a.jpg", jpeg(1))
    assert "val/ is not read beside parquet files" in raw.detect(tmp_path).description


def test_a_pipe_among_parquet_files_is_not_opened(tmp_path: Path) -> None:
    folder = parquet(tmp_path / "own", [0, 1])
    os.mkfifo(folder / "train-1.parquet")
    found = raw.detect(folder)
    assert len(found.splits["train"]) == 2
    assert found.left_out["named pipe"] == Counted(1, ["train-1.parquet"])
