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

from imagenet_tools import labels, raw
from imagenet_tools.raw.index import RawSet

QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
WORDS = ("great white shark", "emu", "tench, Tinca tinca", "maki; sushi", "n99999999", "caf\u00e9")


def put(path: Path, data: bytes | str = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


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
    assert "label is not the synset of their folder: 1 (n01440764/y.JPEG)" in found.description


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
        ("label,image\nemu,im/a b.jpg\nemu,im/c.jpg\n", ["emu"]),
        ("{place}/im/a b.jpg emu\n.//im/./c.jpg emu\n", ["emu"]),
        ("im\\a b.jpg\temu\nim\\c.jpg\temu\n", ["emu"]),
    ],
    ids=["spaces", "quotes", "label-first", "absolute", "backslashes"],
)
def test_rows_of_other_forms(text: str, wanted: list[str], tmp_path: Path) -> None:
    text = text.replace("{place}", str(tmp_path))
    found = listed(tmp_path, text, ("im/a b.jpg", "im/c.jpg"), "train.txt")
    assert [one.key for one in found.classes] == wanted
    assert sorted(classes_of(found)) == ["a b.jpg", "c.jpg"]


def test_a_row_given_twice_is_counted(tmp_path: Path) -> None:
    rows = "im/a.jpg 0\nim/b.jpg 1\n./im/a.jpg 0\n"
    found = listed(tmp_path, rows, ("im/a.jpg", "im/b.jpg"), "train.txt")
    assert classes_of(found) == {"a.jpg": "0", "b.jpg": "1"}
    assert found.left_out == {"rows given twice": {"count": 1, "first": ["train.txt, line 3"]}}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("im/a.jpg bee", "line 2: im/a.jpg has the label bee, and above it has ant"),
        ("im/b.jpg 3", "line 2: .* is not `path label` with a class's name"),
        ("im/b.jpg", "line 2: .* is not `path label` with a class's name"),
        ("im/b.jpg 3 4", "line 2: .* is not `path label` with a class's name"),
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
        ("image,label\nim/a.jpg,ant,3\n", "train.csv, line 2: 'im/a.jpg,ant,3' is not"),
        ('image,label\nim/a.jpg,ant\n"im/b.jpg"c,ant\n', "train.csv, line 3: .* is not"),
    ],
)
def test_a_csv_that_cannot_be_meant_is_refused(text: str, message: str, tmp_path: Path) -> None:
    put(tmp_path / "val.txt", "im/a.jpg ant\n")
    with pytest.raises(ValueError, match=message):
        listed(tmp_path, text, ("im/a.jpg",), "train.csv")


def test_lists_of_numbers_and_of_names_do_not_go_together(tmp_path: Path) -> None:
    put(tmp_path / "val.txt", "im/a.jpg ant\n")
    with pytest.raises(ValueError, match=r"of train\.txt and val\.txt one has numbers for labels"):
        listed(tmp_path, "im/a.jpg 0\n", ("im/a.jpg",), "train.txt")
