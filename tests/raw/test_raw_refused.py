"""Raw data that cannot be what it looks like is refused by name, before anything is built."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_layouts import (
    TRAIN,
    VALIDATION,
    archives,
    jpeg,
    kaggle,
    lists,
    tar,
    train_tar,
    write_folders,
)

from imagenet_tools import labels, raw
from imagenet_tools.errors import DamagedData


@pytest.mark.parametrize(
    ("names", "message"),
    [([str(i) for i in range(1, 1001)], "ILSVRC2012_ID"), (["1", "2", "10"], "sort as strings")],
)
def test_integer_folders_are_refused(names: list[str], message: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "a.jpg").write_bytes(jpeg(1))
    with pytest.raises(ValueError, match=message):
        raw.detect(tmp_path)


def test_nothing_fits_says_what_was_looked_for_and_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match=r"Looked for: .*Kaggle.*Found: notes\.txt"):
        raw.detect(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        raw.detect(tmp_path / "nowhere")


def test_no_classes_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.JPEG").write_bytes(jpeg(1))
    with pytest.raises(ValueError, match="no class folder holds an image; a class is a folder"):
        raw.detect(tmp_path)
    (tmp_path / "train" / "ant").mkdir()
    with pytest.raises(ValueError, match="no class folder holds an image; a class is a folder"):
        raw.detect(tmp_path)


def test_empty_split_is_an_error_unless_the_other_is_asked_for(tmp_path: Path) -> None:
    write_folders(tmp_path)
    for path in (tmp_path / "val").iterdir():
        path.unlink()
    found = raw.detect(tmp_path)
    assert f"the validation split is refused: {tmp_path}: no image in val" in found.description
    with pytest.raises(ValueError, match="no image in validation"):
        found.only(raw.SPLITS)
    assert len(found.only(["train"]).splits["train"]) == len(TRAIN)
    shutil.rmtree(tmp_path / "train")
    with pytest.raises(ValueError, match="no class folder holds an image"):
        raw.detect(tmp_path)


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


def test_links_in_an_archive_are_named(tmp_path: Path) -> None:
    encoded = io.BytesIO()
    with tarfile.open(fileobj=encoded, mode="w") as archive:
        link = tarfile.TarInfo("n01440764_1.JPEG")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    outer = tar({"n01440764.tar": encoded.getvalue()})
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(outer)
    with pytest.raises(DamagedData, match=r"n01440764_1\.JPEG is a link"):
        raw.detect(tmp_path)


def test_an_archive_of_other_tars_is_named(tmp_path: Path) -> None:
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(tar({"tench.tar": tar({})}))
    with pytest.raises(DamagedData, match=r"holds tench\.tar; tars named by ImageNet synsets"):
        raw.detect(tmp_path)


def test_an_archive_that_was_cut_after_the_listing_is_named(tmp_path: Path) -> None:
    archives(tmp_path)
    part = raw.detect(tmp_path).splits["train"]
    path = tmp_path / "ILSVRC2012_img_train.tar"
    path.write_bytes(path.read_bytes()[: int(part.offsets[5]) + 100])
    assert raw.read(part[4])
    with pytest.raises(
        DamagedData, match=r"truncated: .* bytes are wanted at .*, and 100 are there"
    ):
        raw.read(part[5])


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path)
    os.symlink("self", tmp_path / "train" / "self")
    with pytest.raises(ValueError, match=r"train/self: a symlink loop"):
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


def test_kaggles_classes_are_checked_against_imagenets(tmp_path: Path) -> None:
    kaggle(tmp_path)
    lines = [f"{synset} words, more words\n" for synset in labels.synsets()]
    (tmp_path / "LOC_synset_mapping.txt").write_text("".join(lines))
    assert raw.detect(tmp_path).layout == "Kaggle"
    (tmp_path / "LOC_synset_mapping.txt").write_text("".join(lines[:-1]))
    with pytest.raises(DamagedData, match="has 999 classes, and n15075141 is in it or"):
        raw.detect(tmp_path)


def test_a_header_with_a_size_below_zero_is_named(tmp_path: Path) -> None:
    """Once an endless walk: such a header leads back to itself."""
    archive = bytearray(tar({"n01440764.tar": tar({"n01440764_1.JPEG": jpeg(1)})}))
    header = tarfile.TarInfo.frombuf(archive[:512], "utf-8", "strict")
    header.size = -512
    archive[:512] = header.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(archive)
    with pytest.raises(DamagedData, match="the header at byte 0 says a size of -512"):
        raw.detect(tmp_path)


@pytest.mark.parametrize("bad", [b"\xff\xfe\x00", b'"' + b"x" * 200_000], ids=["bytes", "long"])
@pytest.mark.parametrize("name", ["LOC_val_solution.csv", "LOC_train_solution.csv", "bbox.csv"])
def test_a_csv_that_is_no_text_is_named(name: str, bad: bytes, tmp_path: Path) -> None:
    kaggle(tmp_path)
    (tmp_path / name).write_bytes(b"ImageId,PredictionString\n" + bad)
    with pytest.raises(DamagedData, match=f"{name} is no readable text"):
        raw.detect(tmp_path)


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    lists(tmp_path)
    path = tmp_path / "meta" / "train.txt"
    path.write_bytes(path.read_bytes() + b"\xff\xfe 3\n")
    with pytest.raises(DamagedData, match=r"meta/train\.txt is no readable text"):
        raw.detect(tmp_path)


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Cut, flip bits, zero, or something else altogether."""
    changed, at = bytearray(data), draw.randrange(len(data))
    kind = draw.choice(("cut", "flip", "zero", "other"))
    if kind == "cut":
        del changed[at:]
    elif kind == "flip":
        for _ in range(draw.choice((1, 5, 50))):
            changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == "zero":
        changed[at : at + 600] = bytes(len(changed[at : at + 600]))
    else:
        changed[:] = draw.randbytes(at)
    return bytes(changed)


@pytest.mark.parametrize("layout", [archives, kaggle, lists])
def test_mutated_archives_and_texts_are_refused_or_read(
    layout: Callable[[Path], None], tmp_path: Path
) -> None:
    """A named error or a listing whose every image can be asked for; never another exception."""
    layout(tmp_path)
    draw = random.Random(2)
    files = sorted(path for path in tmp_path.rglob("*") if path.suffix in (".tar", ".csv", ".txt"))
    refused = 0
    for _ in range(60):
        path = draw.choice(files)
        sound = path.read_bytes()
        path.write_bytes(mutated(sound, draw))
        try:
            found = raw.detect(tmp_path)
        except (ValueError, FileNotFoundError) as error:  # DamagedData is a ValueError
            assert len(str(error)) > 20
            refused += 1
        else:
            for part in found.splits.values():
                for image in part.take(range(len(part))):
                    with contextlib.suppress(ValueError, OSError):
                        raw.read(image)
        path.write_bytes(sound)
    assert refused > 10
