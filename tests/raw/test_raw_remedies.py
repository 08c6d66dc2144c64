"""What is no layout, or only passes for one, is refused with what to do about it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tiny_layouts import SYNSETS, jpeg, tar

from imagenet_tools import raw
from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.raw_set import RawSet


def put(place: Path, *names: str) -> None:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(jpeg(1) if name.endswith((".jpg", ".JPEG")) else b"{}")


def tree(place: Path, *folders: str, classes: tuple[str, ...] = ("ant", "bee")) -> None:
    put(place, *(f"{folder}/{name}/{name}.jpg" for folder in folders for name in classes))


@pytest.mark.parametrize(
    ("folders", "also", "wanted"),
    [
        (("a/b/train", "a/b/val"), "", "{0}/a/b has class folders: give that path"),
        (("images",), "mappings/x.json", "{0}/images has class folders: give that path"),
        (("noise/1", "noise/2"), "", "{0}/noise/1 (or {0}/noise/2) has class folders"),
    ],
)
def test_class_folders_below_are_pointed_at(
    folders: tuple[str, ...], also: str, wanted: str, tmp_path: Path
) -> None:
    tree(tmp_path, *folders)
    put(tmp_path, *filter(None, [also]))
    with pytest.raises(ValueError, match="no known layout") as refused:
        raw.detect(tmp_path)
    assert wanted.format(tmp_path) in str(refused.value)
    followed = str(refused.value).rsplit("Found: ", 1)[1].split(". ", 1)[1].split(" has ")[0]
    assert raw.detect(followed.split(" (or ")[0]).num_classes == 2


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["imagenette2.tgz"], "Unpack imagenette2.tgz, and give the folder that comes out"),
        (["train/ant.zip", "train/bee.zip"], "Unpack train/ant.zip, and give the folder that"),
        (["a/b/train-0.parquet", "a/c/x.md"], "/a/b has parquet files: give that path"),
        (["data/x-00000.parquet", "y.md"], "Parquet is read where it is called train-*.parquet"),
        (["train/x.arrow"], "saved as Arrow is not read; save it as parquet"),
        (["a.jpg", "a.json"], "Labels in JSON are not read; write `path,label` rows into"),
        (["train/a.jpg", "train/metadata.csv"], "is called train.csv or val.csv"),
        (["a.jpg", "b.jpg"], "Sort the images into folders, train/<class>/ and val/<class>/"),
        (["train/cat.0.jpg"], "Sort the images into folders, train/<class>/ and val/<class>/"),
        (["ILSVRC2012_val_00000293.JPEG"], "Put ImageNet's validation images into a folder val/"),
        (["train\\\\cat\\\\a.jpg"], "unpack the archive with what reads them so"),
        (["train-00000-of-00001", "a.json"], "These are records already: imgtools inspect and"),
        (["a.jpg", "a.cls"], "WebDataset's labels are not read"),
        (
            ["x/ILSVRC/Data/CLS-LOC/train/n1/a.jpg", "x/b.csv"],
            "/x has Kaggle's download: give that",
        ),
        (["a_test.tar", "b_train.tar"], "Unpack b_train.tar, and give the folder that"),
        (["a.tar.gz.aa", "a.tar.gz.ab"], "a.tar.gz.aa is a part of an archive: join the parts to"),
        (["1.jpg", "train.xlsx"], "Excel's tables are not read; save them as train.csv"),
        (["train/001.jpg", "train.csv"], "train.csv is not read: its first two rows have no path"),
        (["a.jpg", "a_train.lst", "b_train.lst"], "a_train.lst and b_train.lst may each be meant"),
        (["cifar/data_batch_1", "cifar/batches.meta"], "No file there is an image by its name"),
        (["images/a_1.jpg", "annotations/list.txt", "a.mat"], "Labels in .mat files are not read"),
        (["a.7z.001"], "a.7z.001 is a part of an archive: join the parts to a.7z, and unpack that"),
    ],
)
def test_what_is_not_read_says_what_is(names: list[str], wanted: str, tmp_path: Path) -> None:
    put(tmp_path, *names)
    with pytest.raises(ValueError, match=r"Found: |no class folder|holds one folder") as refused:
        raw.detect(tmp_path)
    assert wanted in str(refused.value)


def test_validation_images_alone_are_of_the_folder_above(tmp_path: Path) -> None:
    put(tmp_path, "val/ILSVRC2012_val_00000293.JPEG")
    with pytest.raises(ValueError, match=f"Give the folder that val/ lies in, {tmp_path}$"):
        raw.detect(tmp_path / "val")
    assert len(raw.detect(tmp_path).splits["validation"]) == 1


def test_shards_of_webdataset_are_no_classes(tmp_path: Path) -> None:
    """In tars, and unpacked: a label lies beside each image, and the folder is a shard."""
    shard = {"0.jpg": jpeg(1), "0.cls": b"7", "1.jpg": jpeg(2), "1.cls": b"3"}
    (tmp_path / "train-000.tar").write_bytes(tar(shard))
    with pytest.raises(ValueError, match=r"train-000.tar is a shard of WebDataset.*are not read"):
        raw.detect(tmp_path)
    for name in ("train-000", "train-001"):
        (tmp_path / name).mkdir()
        for file, data in shard.items():
            (tmp_path / name / file).write_bytes(data)
    with pytest.raises(ValueError, match="4 files .cls for 4 images: WebDataset's labels"):
        raw.detect(tmp_path)
    (tmp_path / "other.tar").write_bytes(tar({"a.jpg": jpeg(1), "README.txt": b""}))
    with pytest.raises(ValueError, match=r"Unpack other.tar"):
        raw.detect(tmp_path / "other.tar")


def of_images(found: RawSet) -> str:
    """The files that are said to tell of the images, in words."""
    return found.description.split("files of these images that are not read; ")[1].split(";")[0]


@pytest.mark.parametrize(
    ("file", "text", "given", "below"),
    [
        ("TestImages.txt", "ant/ant.jpg\nbee/bee.jpg\n", "pictures", "pictures"),
        ("TestImages.txt", "ant/ant.jpg\n", "", ""),  # the only folder in it
        ("../meta/test.txt", "ant/ant\nbee/bee\n", "images", ""),  # Food-101's, DTD's
        ("../images.txt", "1 ant/ant.jpg\n2 bee/bee.jpg\n", "images", ""),  # CUB's
        ("../lists/train_list.mat", "", "images", ""),  # Stanford Dogs'
        ("metadata.csv", "id,dx\nant,nv\n", "pictures", "pictures"),
    ],
)
def test_files_that_tell_more_than_folders_are_said(
    file: str, text: str, given: str, below: str, tmp_path: Path
) -> None:
    place = tmp_path / given
    tree(place, *([] if given else ["pictures"]), *(["."] if given else []))
    (place / file).parent.mkdir(exist_ok=True)
    (place / file).write_text(text)
    (place / "notes.txt").write_text("of the zoo")
    (place / "requirements-test.txt").write_text("pytest\n")
    found = raw.detect(place)
    top = Path(os.path.normpath(place / file)).parent
    top = top.parent if top.name in ("meta", "lists") else top
    assert of_images(found) == (
        f"rows of a path, or of a path and a label, are, as train.txt and val.txt in {top}: 1 "
        f"({file})"
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [("train.txt", "/home/me/ant/ant.jpg\n"), ("labels.csv", "image,score\n1.jpg,0.5\n")],
)
def test_a_list_of_the_usual_name_says_why_it_is_not_read(
    file: str, text: str, tmp_path: Path
) -> None:
    tree(tmp_path, ".")
    (tmp_path / file).write_text(text)
    found = raw.detect(tmp_path)
    assert f"{file} is not read: its first two rows have no path" in found.description
    assert "files of these images" not in found.description


def test_a_list_beside_the_images_is_named_where_the_folder_below_is(tmp_path: Path) -> None:
    """DTD's, whose lists are read under other names."""
    tree(tmp_path, "images")
    put(tmp_path, "imdb/imdb.mat", "images/bee/b2.jpg")
    (tmp_path / "labels").mkdir()
    for split, names in (("train1", "ant/ant.jpg\nbee/bee.jpg\n"), ("val1", "bee/b2.jpg\n")):
        (tmp_path / "labels" / f"{split}.txt").write_text(names)
    with pytest.raises(
        ValueError,
        match=f"images has class folders: give that path. labels/train1.txt, labels/val1.txt are "
        f"of these images .*, as train.txt and val.txt in {tmp_path}$",
    ):
        raw.detect(tmp_path)
    for split in ("train", "val"):
        (tmp_path / "labels" / f"{split}1.txt").rename(tmp_path / f"{split}.txt")
    found = raw.detect(tmp_path)
    assert {name: [*part.keys()] for name, part in found.splits.items()} == {
        "train": ["ant/ant.jpg", "bee/bee.jpg"],
        "validation": ["bee/b2.jpg"],
    }


def test_what_lies_outside_the_folder_below_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "a", "b/deep")
    put(tmp_path, "x.json")
    with pytest.raises(ValueError, match=f"give that path, which leaves out {tmp_path}/b/deep/ant"):
        raw.detect(tmp_path)


def test_an_official_archive_below_is_pointed_at(tmp_path: Path) -> None:
    put(tmp_path, "downloads/manual/ILSVRC2012_img_val.tar")
    with pytest.raises(ValueError, match="downloads/manual has an official archive: give that"):
        raw.detect(tmp_path)


def test_a_split_folder_beside_an_archive_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "train", classes=SYNSETS[:2])
    member = tar({"ILSVRC2012_val_00000001.JPEG": jpeg(1)})
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(member)
    found = raw.detect(tmp_path)
    assert list(found.splits) == ["validation"]
    assert "train/ is not read beside an archive: for both, unpack" in found.description


@pytest.mark.parametrize(
    "classes", [("n01440764_tench", "n01443537-goldfish"), ("N01440764", "N01443537")]
)
def test_folders_that_begin_with_synsets_are_said(classes: tuple[str, ...], tmp_path: Path) -> None:
    tree(tmp_path, "train", classes=classes)
    found = raw.detect(tmp_path)
    assert "for folders that begin with its synsets; called by the synset alone they are" in (
        found.description
    )
    assert found.splits["train"].labels.tolist() == [1, 2]


def test_a_file_that_is_an_archive_says_to_unpack_it(tmp_path: Path) -> None:
    (tmp_path / "pets.tar").write_bytes(tar({"cat/a.jpg": jpeg(1)}))
    with pytest.raises(ValueError, match=r"Unpack pets\.tar, and give the folder"):
        raw.detect(tmp_path / "pets.tar")


def test_a_list_that_is_given_alone_points_at_its_folder(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "train.csv").write_text("image,label\na.jpg,cat\n")
    with pytest.raises(ValueError, match=f"images beside it: give the folder, {tmp_path}$"):
        raw.detect(tmp_path / "train.csv")
    assert [one.key for one in raw.detect(tmp_path).classes] == ["cat"]


@pytest.mark.parametrize(
    "names", [("train2017", "val2017"), ("cars_train", "cars_test"), ("x_training", "x_testing")]
)
def test_splits_without_classes_are_no_classes(names: tuple[str, ...], tmp_path: Path) -> None:
    put(tmp_path, *(f"{name}/{name}.jpg" for name in names))
    with pytest.raises(ValueError, match="splits by name, of images and no classes"):
        raw.detect(tmp_path)
    rows = [f"{name}/{name}.jpg,{at}\n" for at, name in enumerate(names)]
    (tmp_path / "train.csv").write_text("".join(rows))
    assert raw.detect(tmp_path).splits["train"].labels.tolist() == [1, 2]


def test_classes_with_the_names_of_one_split_stay_classes(tmp_path: Path) -> None:
    put(tmp_path, "bullet_train/a.jpg", "freight_train/b.jpg")
    assert [one.key for one in raw.detect(tmp_path).classes] == ["bullet_train", "freight_train"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_folder_of_all_images_is_no_class(split: str, tmp_path: Path) -> None:
    """Tiny ImageNet without its wnids.txt, and detection data sets."""
    tree(tmp_path, "train", "val", classes=SYNSETS[:2])
    for path in sorted((tmp_path / split).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    put(tmp_path, f"{split}/images/a.jpg")
    with pytest.raises(ValueError, match=f"{split} holds one folder of images, images, which is"):
        raw.detect(tmp_path)


@pytest.mark.parametrize("where", ["train/", ""])
def test_folders_of_images_and_of_masks_are_no_classes(where: str, tmp_path: Path) -> None:
    put(tmp_path, f"{where}images/a.jpg", f"{where}Masks/a.jpg")
    with pytest.raises(ValueError, match="holds folders of images, .*are no classes by their"):
        raw.detect(tmp_path)
    put(tmp_path, f"{where}faces/a.jpg")
    assert raw.detect(tmp_path).num_classes == 3


def test_a_split_among_the_classes_of_another_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "train", "train/val")
    with pytest.raises(ValueError, match="holds the folder val, which has the same classes"):
        raw.detect(tmp_path)
    put(tmp_path, "train/val/direct.jpg")
    assert raw.detect(tmp_path).num_classes == 3


def test_classes_that_validation_alone_has_are_said(tmp_path: Path) -> None:
    tree(tmp_path, "train")
    tree(tmp_path, "val", classes=("bee", "cow"))
    found = raw.detect(tmp_path)
    assert "classes of validation without a training image: 1 (cow)" in found.description
    assert found.splits["validation"].labels.tolist() == [2, 3]


@pytest.mark.parametrize("name", ["test", "dev", "val_images", "cifar/test"])
def test_a_folder_that_may_be_meant_for_a_split_is_said(name: str, tmp_path: Path) -> None:
    tree(tmp_path, name, str(Path(name).parent / "training"))
    found = raw.detect(tmp_path)
    assert len(found.splits["train"]) == 2
    assert f"no validation split ({name}/ would be one as val/)" in found.description


def test_a_folder_of_the_split_that_is_there_is_not_meant_for_the_other(tmp_path: Path) -> None:
    tree(tmp_path, "train", "train2017", "training_images")
    assert raw.detect(tmp_path).description.endswith("no validation split")
    (tmp_path / "train").rename(tmp_path / "val")
    told = "no train split (train2017/ would be one as train/)"
    assert told in raw.detect(tmp_path).description


def test_a_folder_of_kaggles_that_may_be_meant_for_a_split_is_said(tmp_path: Path) -> None:
    place = "ILSVRC/Data/CLS-LOC"
    put(tmp_path, f"{place}/train/{SYNSETS[0]}/a.JPEG", f"{place}/Val/ILSVRC2012_val_00000001.JPEG")
    told = f"no validation split ({place}/Val/ would be one as {place}/val/)"
    assert told in raw.detect(tmp_path).description


def test_a_list_of_the_split_that_is_not_there_is_said_where_it_is_not_read(tmp_path: Path) -> None:
    tree(tmp_path, "train")
    (tmp_path / "val.txt").write_text("ant/a.jpg\nbee/a.jpg\n")  # below train/
    told = (
        "val.txt is not read: its first two rows have no path and label of an image that is there"
    )
    assert told in raw.detect(tmp_path).description
    tree(tmp_path, "val")
    assert "is not read" not in raw.detect(tmp_path).description


@pytest.mark.parametrize("deeper", ["bee", "more/bee"])
def test_folders_of_a_class_that_are_called_after_another_are_said(
    deeper: str, tmp_path: Path
) -> None:
    tree(tmp_path, "train")
    put(tmp_path, f"train/ant/{deeper}/b.jpg", "train/bee/bee/c.jpg", "train/bee/other/d.jpg")
    told = f"in a folder called after another class than their own: 1 (ant/{deeper}/b.jpg)"
    assert told in raw.detect(tmp_path).description


def test_classes_that_a_list_of_validation_alone_has_are_said(tmp_path: Path) -> None:
    put(tmp_path, "train/a.jpg", "train/b.jpg", "val/a.jpg", "val/b.jpg")
    (tmp_path / "train.csv").write_text("image,label\na.jpg,ant\nb.jpg,bee\n")
    (tmp_path / "val.csv").write_text("image,label\na.jpg,ant\nb.jpg,cow\n")
    assert "without a training image: 1 (cow)" in raw.detect(tmp_path).description


def test_splits_without_a_class_in_common_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "train")
    tree(tmp_path, "val", classes=("0", "1"))
    with pytest.raises(ValueError, match="no class of validation is one of training: 0 and ant"):
        raw.detect(tmp_path)


def test_synsets_of_which_none_is_in_both_splits_are_said(tmp_path: Path) -> None:
    """mini-ImageNet's lists: 64 classes to train, others to evaluate."""
    tree(tmp_path, "train", classes=SYNSETS[:1])
    tree(tmp_path, "val", classes=SYNSETS[1:])
    told = f"no class of validation is one of training: {SYNSETS[1]} and {SYNSETS[0]}, for example"
    assert told in raw.detect(tmp_path).description
    tree(tmp_path, "train", classes=SYNSETS[1:2])
    assert "no class of validation" not in raw.detect(tmp_path).description


def test_a_class_that_is_another_by_a_link_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "train", "val")
    (tmp_path / "train" / "wasp").symlink_to("ant")
    found = raw.detect(tmp_path)
    assert "classes that are another one by a link: 1 (wasp (ant))" in found.description
    assert len(found.splits["train"]) == 3


@pytest.mark.parametrize(
    "other",
    ["Ant bear", "ant  bear", "ant bear ", "ant\u200b bear", "ant\u00ad bear", "\uff41nt bear"],
)
def test_classes_that_differ_in_case_or_spaces_are_refused(other: str, tmp_path: Path) -> None:
    tree(tmp_path, "train", classes=("ant bear", other))
    with pytest.raises(ValueError, match="differ in case or spaces alone"):
        raw.detect(tmp_path)


@pytest.mark.parametrize("pair", [("m2", "m\u00b2"), ("1\u20442", "\u00bd"), ("a", "\u24d0")])
def test_signs_that_are_seen_apart_are_two_classes(pair: tuple[str, str], tmp_path: Path) -> None:
    tree(tmp_path, "train", classes=pair)
    assert len(raw.detect(tmp_path).classes) == 2


def test_one_folder_for_both_splits_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "train")
    (tmp_path / "val").symlink_to("train")
    assert "validation has the training images" in raw.detect(tmp_path).description


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("a/run.json", "a/curve.jpg", "b/run.json", "b/curve.jpg"), "{}/a is a run of train"),
        (("a/run.json", "b/run.json"), "{}/a is a run of train: imgtools eval takes it"),
        (
            ("plan.json", "report/a.jpg", "runs/b/run.json"),
            "{} is a comparison: imgtools list-runs",
        ),
        (("one/plan.json", "one/report/a.jpg", "two/plan.json"), "{}/one is a comparison"),
    ],
)
def test_results_of_ours_are_no_classes(names: tuple[str, ...], told: str, tmp_path: Path) -> None:
    put(tmp_path, *names)
    for name in names:
        fields = {"run.json": ("run", "versions"), "plan.json": ("arms", "contrasts")}
        if held := fields.get(Path(name).name):
            (tmp_path / name).write_text(json.dumps(dict.fromkeys(held)))
    with pytest.raises(ValueError, match=r"no known layout|holds no raw images") as refused:
        raw.detect(tmp_path)
    assert told.format(tmp_path) in str(refused.value)


@pytest.mark.parametrize("text", ['{"floor": 2}', '["arms", "contrasts"]', "", "[" * 100_000])
@pytest.mark.parametrize("name", ["plan.json", "run.json"])
def test_a_plan_of_another_kind_is_none_of_ours(name: str, text: str, tmp_path: Path) -> None:
    tree(tmp_path, ".")
    (tmp_path / "ant" / name).write_text(text)
    (tmp_path / name).write_text(text)
    found = raw.detect(tmp_path)
    assert found.num_classes == 2
    assert found.left_out == {".json": Counted(2, [f"{tmp_path.name}/ant/{name}", name])}
