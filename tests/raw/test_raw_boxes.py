"""Bounding boxes: TF-Slim's csv, XML folders, Kaggle's csv."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_layouts import TRAIN, jpeg, kaggle, write_folders

from imagenet_tools import raw, records
from imagenet_tools.raw.intake import Counted
from imagenet_tools.records import schema


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


ANNOTATION = (
    "<annotation><size><width>24</width><height>18</height></size><object><bndbox><xmin>6</xmin>"
    "<ymin>0</ymin><xmax>12</xmax><ymax>9</ymax></bndbox></object></annotation>"
)


def test_kaggles_annotations_go_before_its_csv(tmp_path: Path) -> None:
    kaggle(tmp_path)
    folder = tmp_path / "ILSVRC" / "Annotations" / "CLS-LOC" / "train" / "n01440764"
    folder.mkdir(parents=True)
    (folder / "n01440764_0.xml").write_text(ANNOTATION)
    (tmp_path / "bbox.csv").write_text("n01440764_0.JPEG,0,0,1,1\n")
    found = raw.detect(tmp_path)
    assert found.boxes_source == "CLS-LOC: boxes of 1 images"
    assert found.left_out == {".csv": Counted(1, ["bbox.csv"])}
    assert found.splits["train"].boxes == {"n01440764/n01440764_0.JPEG": ((0.25, 0.0, 0.5, 0.5),)}


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("max_side", [None, 8])
def test_kaggles_csv_has_pixels_of_the_raw_image(
    asked: bool, max_side: int | None, tmp_path: Path
) -> None:
    """Images of 12 x 9 pixels; a box that reaches out is cut, an empty one dropped, and both are
    counted in the manifest."""
    kaggle(tmp_path)
    name = "LOC_train_solution.csv" if not asked else "own.csv"
    text = (
        "ImageId,PredictionString\nn01440764_0,n01440764 3 0 6 9 n01440764 6 3 40 30 n1 5 5 5 9 \n"
    )
    (tmp_path / name).write_text(text)
    found = raw.detect(tmp_path, boxes=str(tmp_path / name) if asked else None)
    assert name in found.boxes_source
    settings = records.Settings(max_side=max_side)
    manifest = records.build(found, tmp_path / "out", workers=1, settings=settings)
    cut, dropped = "boxes cut to the image", "boxes empty or outside the image, dropped"
    assert manifest.odd[dropped] == Counted(1, ["n01440764/n01440764_0.JPEG"])
    assert manifest.odd[cut].count == (1 if asked else 3)  # two are of LOC_val_solution.csv
    assert records.read_manifest(tmp_path / "out") == manifest
    boxes = {}
    for example in records.examples(tmp_path / "out", "train"):
        sides = (example[key] for key in (schema.XMIN, schema.YMIN, schema.XMAX, schema.YMAX))
        boxes[example[schema.FILENAME][0].decode()] = list(zip(*sides, strict=True))
        assert example[schema.BOX_LABEL] == example[schema.LABEL] * len(example[schema.XMIN])
    assert boxes.pop("n01440764_0.JPEG") == [
        pytest.approx((0.25, 0.0, 0.5, 1.0)),
        pytest.approx((0.5, 1 / 3, 1.0, 1.0)),
    ]
    assert boxes == {name: [] for name in TRAIN if name != "n01440764_0.JPEG"}


def test_mistakes_in_kaggles_csv_are_named(tmp_path: Path) -> None:
    kaggle(tmp_path)
    text = "ImageId,PredictionString\nn01440764_0,n01440764 a b c d\n"
    (tmp_path / "LOC_train_solution.csv").write_text(text)
    with pytest.raises(ValueError, match=r"LOC_train_solution\.csv: n01440764_0: could not conv"):
        raw.detect(tmp_path)


def test_boxes_for_parquet_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="--boxes go by file names"):
        raw.detect(tmp_path, boxes="boxes.csv")


HEADING = "filename,xmin,ymin,xmax,ymax\n"
SIZED = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def boxed(root: Path, text: str | bytes, name: str = "bbox.csv") -> raw.RawSet:
    """Two classes of images of 12 x 9 pixels, one name in both, with such a csv."""
    for folder, file in (("ant", "a.jpg"), ("ant", "same.jpg"), ("bee", "same.jpg")):
        (root / "train" / folder).mkdir(parents=True, exist_ok=True)
        (root / "train" / folder / file).write_bytes(jpeg(1))
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return raw.detect(root)


@pytest.mark.parametrize(
    ("text", "box", "words"),
    [
        ("\ufeffa.jpg,0.25,0,0.5,1\n", (0.25, 0, 0.5, 1), "boxes of 1 images"),
        ("filename;xmin;ymin;xmax;ymax\r\na.jpg;0.25;0;0.5;1\r\n", (0.25, 0, 0.5, 1), "of 1"),
        ("xmax,xmin,ymax,ymin,file\n.5,.25,1,0,ant/a.jpg\n", (0.25, 0, 0.5, 1), "of 1 images"),
        (
            f"{HEADING}a.jpg,0.5,0,0.25,1\n",
            (0.25, 0, 0.5, 1),
            "csv: boxes of 1 images; 1 sides rev",
        ),
        ("a.jpg,3,0,6,9\n", (3, 0, 6, 9), r"bbox.csv (no heading, so xmin, ymin, xmax, ymax): box"),
        ("a.jpg,-1,0,0.5,1.5\n", (0, 0, 0.5, 1), "1 cut to the image"),
        ("a.jpg,0.25,0,0.5,1\nz.jpg,0,0,1,1\n", (0.25, 0, 0.5, 1), "1 of 2 for images that are"),
        ("a.jpg,0.25,0,0.5,1\na.jpg,0,0,0,1\n", (0.25, 0, 0.5, 1), "1 empty or outside the image"),
        ("a.jpg,3,0,6,9\n", (3, 0, 6, 9), "boxes of 1 images"),
        (f"{SIZED}a.jpg,24,18,ant,6,0,12,18\n", (0.25, 0, 0.5, 1), "boxes of 1 images"),
        (f"{SIZED}a.jpg,0,0,ant,3,0,6,9\n", (3, 0, 6, 9), "boxes of 1 images"),
        (f"{SIZED}a.jpg,4,6,ant,6,2,10,8\n", (6, 2, 10, 8), "of 1 images"),  # the box's own
        (f"{SIZED}a.jpg,5,7,ant,6,2,10,8\n", (6, 2, 10, 8), "of 1 images"),  # both ends counted
        (f"{SIZED}a.jpg,24,18,ant,0,0,24,18\n", (0, 0, 1, 1), "of 1 images"),
    ],
)
def test_boxes_are_read_and_counted(text: str, box: tuple, words: str, tmp_path: Path) -> None:
    found = boxed(tmp_path, text)
    assert found.splits["train"].boxes == {"ant/a.jpg": (box,)}
    assert words in found.boxes_source
    assert found.boxes_source in found.description


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg,nan,0,1,1\n", "line 1: a side of the box of a.jpg is not finite"),
        ("a.jpg,0,0,inf,1\n", "line 1: a side of the box of a.jpg is not finite"),
        ("a.jpg,3,0,6,9\na.jpg,0.5,0.1,0.7,0.8\n", "line 2: parts of an image, among boxes in"),
        ("width,height,y,x,file\n5,5,1,1,a.jpg\n", "line 1: x and y are a corner of a box, or its"),
        ("a.jpg,0,0,1\n", "line 1: 'a.jpg,0,0,1' is not `file name, xmin"),
        (
            "a.jpg,1,0,3,4\na.jpg,6,2,4,5\n",
            "line 2: xmax is below xmin, .* as where width and heigh",
        ),
        (
            "a.jpg,0.5,0.5,0.6,0.2\n",
            "line 1: .* ymax below ymin, as where width and height stand in",
        ),
        ("same.jpg,0,0,1,1\n", "line 1: 2 images are called same.jpg .*name the class folder too"),
    ],
)
def test_boxes_that_cannot_be_right_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"bbox\.csv, {message}"):
        boxed(tmp_path, text)


def test_what_boxes_are_not_read_from_is_said(tmp_path: Path) -> None:
    boxed(tmp_path, "ant/same.jpg,0,0,1,1\n")
    found = boxed(
        tmp_path, "file,label,xmin,ymin,xmax,ymax\na.jpg,cow,0,0,1,1\n", "bounding_boxes.csv"
    )
    assert found.splits["train"].boxes == {"ant/a.jpg": ((0, 0, 1, 1),)}
    assert found.boxes_source.endswith("boxes of 1 images; 1 columns not used (label)")
    assert found.left_out == {".csv": Counted(1, ["bbox.csv"])}


def test_a_box_belongs_to_class_and_file(tmp_path: Path) -> None:
    found = boxed(tmp_path, "bee/same.jpg,0,0,0.5,1\ntrain/ant/same.jpg,0,0,1,0.5\n")
    assert found.splits["train"].boxes == {
        "bee/same.jpg": ((0, 0, 0.5, 1),),
        "ant/same.jpg": ((0, 0, 1, 0.5),),
    }
    found = boxed(tmp_path, "bee/a.jpg,0,0,1,1\n")
    assert "1 of 1 for images that are not here (bee/a.jpg)" in found.boxes_source


@pytest.mark.parametrize("other", ["val/a.jpg", "n01440764/a.jpg", "train/n01440764/a.jpg"])
def test_a_box_of_another_split_or_class_is_of_no_image_here(other: str, tmp_path: Path) -> None:
    found = boxed(tmp_path, f"{other},0,0,1,1\n/data/a.jpg,0,0,0.5,1\n")
    assert f"1 of 2 for images that are not here ({other})" in found.boxes_source
    assert found.splits["train"].boxes == {"ant/a.jpg": ((0, 0, 0.5, 1),)}


def test_folders_are_classes_where_some_are(tmp_path: Path) -> None:
    found = boxed(tmp_path, "emu/a.jpg,0,0,1,1\nbee/same.jpg,0,0,1,1\n")
    assert "1 of 2 for images that are not here (emu/a.jpg)" in found.boxes_source
    assert found.splits["train"].boxes == {"bee/same.jpg": ((0, 0, 1, 1),)}


def test_annotations_of_a_namespace_and_without_a_box(tmp_path: Path) -> None:
    boxed(tmp_path, "")
    (tmp_path / "xml" / "ant").mkdir(parents=True)
    text = ANNOTATION.replace("<annotation>", '<annotation xmlns="urn:x">')
    (tmp_path / "xml" / "ant" / "a.xml").write_text(text)
    (tmp_path / "xml" / "ant" / "same.XML").write_text("<annotation></annotation>")
    (tmp_path / "xml" / "ant" / "a.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "xml" / "ant" / "._a.xml").write_bytes(b"\0\5\x16\7Mac OS X")
    found = raw.detect(tmp_path, boxes=str(tmp_path / "xml"))
    assert found.splits["train"].boxes == {"ant/a.jpg": ((0.25, 0.0, 0.5, 0.5),)}
    odd = "1 annotations without a box; 2 files that are no XML"
    assert found.boxes_source == f"xml: boxes of 1 images; {odd}"
    assert found.left_out == {}  # of the data set's own folder, which they lie in


def test_boxes_in_pixels_and_in_parts_of_one_image(tmp_path: Path) -> None:
    """Of two annotations of an image of 12 x 9 pixels, one names its size."""
    found = boxed(tmp_path, "")
    for folder, text in (("one", ANNOTATION), ("two", ANNOTATION.replace("size>", "no>"))):
        (tmp_path / "xml" / folder).mkdir(parents=True)
        (tmp_path / "xml" / folder / "a.xml").write_text(text)
    found = raw.detect(tmp_path, boxes=str(tmp_path / "xml"))
    records.build(found, tmp_path / "out", splits=("train",), workers=1)
    (data,) = [
        example
        for example in records.examples(tmp_path / "out", "train")
        if example[schema.FILENAME] == [b"a.jpg"]
    ]
    assert data["image/object/bbox/xmin"] == [0.25, 0.5]
    assert data["image/object/bbox/xmax"] == [0.5, 1.0]
