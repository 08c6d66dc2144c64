"""Every entry that is given is an image of the data set, or counted under a reason."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import socket
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_layouts import MINIATURES, SYNSETS, VALIDATION, jpeg, tar, write_folders
from tiny_raw import put

from imagenet_tools import raw, records
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import intake
from imagenet_tools.raw.intake import Counted
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.records import inspection

QUICK = settings(max_examples=25, deadline=None, derandomize=True, database=None)
CLASSES = ("ant", "bee", "__MACOSX", ".git", "lost+found")
NAMES = {  # a file's name -> whether it is an image's; None where the content tells
    **{"a.jpg": True, "b.JPEG": True, "c.jfif": True, "d.Png": True, "d.ppm": True},
    **{"e": None, "f.jpg.1": None, "g.pnm": None, "h.dat": None},
    **{"i.txt": False, "Thumbs.db": False, ".DS_Store": False, "._a.jpg": False},
    **{"j.jpg.crdownload": False, "k.jpg~": False, "l.jpg.part": False},
}
FILES = st.tuples(
    st.sampled_from(CLASSES),
    st.sampled_from(("", "sub/", "sub/deep/", ".hidden/")),
    st.sampled_from(sorted(NAMES)),
)


def counts(found: RawSet) -> dict[str, int]:
    return {reason: entry.count for reason, entry in found.left_out.items()}


@QUICK
@given(st.dictionaries(FILES, st.booleans(), max_size=25))
def test_every_file_of_a_tree_is_taken_or_counted(files: dict) -> None:
    """Files that hold an image (True) or a text under names that say so, lie or do not tell."""
    with tempfile.TemporaryDirectory() as place:
        train = Path(place) / "train"
        put(train / "cow" / "moo.jpg", jpeg(1))
        taken, inside_junk = {"cow/moo.jpg"}, 0
        for (name, folder, file), image in files.items():
            put(train / name / f"{folder}{file}", jpeg(2) if image else "words")
            if name not in ("ant", "bee") or folder == ".hidden/":
                inside_junk += 1
            elif NAMES[file] or (NAMES[file] is None and image):
                taken.add(f"{name}/{folder}{file}")
        found = raw.detect(place)
    part = found.splits["train"]
    assert set(part.keys()) == taken
    numbers = {name: at for at, name in enumerate(sorted({t.split("/")[0] for t in taken}), 1)}
    for key, label in zip(part.keys(), part.labels.tolist(), strict=True):
        assert label == numbers[key.split("/")[0]]
    folders = {intake.EMPTY, intake.JUNK_FOLDERS}
    counted = sum(count for reason, count in counts(found).items() if reason not in folders)
    assert len(taken) + counted + inside_junk == len(files) + 1


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from(("", "./", "val/", "x" * 60 + "/" + "y" * 80 + "/")),
        st.sampled_from(("image", "image", "text", "mac", "pipe", "folder")),
    ),
    min_size=1,
    max_size=12,
)


def archive(members: list[tuple[str, str]], form: int, start: int) -> bytes:
    encoded = io.BytesIO()
    with tarfile.open(fileobj=encoded, mode="w", format=form) as out:
        for number, (prefix, kind) in enumerate(members, start):
            name = {
                "image": f"ILSVRC2012_val_{number:08d}.JPEG",
                "mac": f"._ILSVRC2012_val_{number:08d}.JPEG",
                "text": f"{number}.txt",
            }.get(kind, f"{number}")
            info = tarfile.TarInfo(prefix + name)
            data = jpeg(number) if kind == "image" else b"words"
            types = {"pipe": tarfile.FIFOTYPE, "folder": tarfile.DIRTYPE}
            info.type = types.get(kind, tarfile.REGTYPE)
            info.size = len(data) if info.isreg() else 0
            out.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return encoded.getvalue()


@QUICK
@given(
    MEMBERS,
    MEMBERS,
    st.sampled_from((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)),
    st.sampled_from(("whole", "no end", "bytes after")),
)
def test_every_member_of_joined_tars_is_taken_or_counted(
    first: list, second: list, form: int, end: str
) -> None:
    joined = archive(first, form, 1) + archive(second, form, 101)
    joined = joined.rstrip(b"\0") if end == "no end" else joined
    joined += bytes(-len(joined) % 512) + b"no tar" * 100 * (end == "bytes after")
    kinds = [kind for _, kind in first + second]
    with tempfile.TemporaryDirectory() as place:
        put(Path(place) / "ILSVRC2012_img_val.tar", joined)
        if "image" not in kinds:
            with pytest.raises(ValueError, match="no image in validation"):
                raw.detect(place)
            return
        found = raw.detect(place)
        part = found.splits["validation"]
        for image in part.take(range(len(part))):
            number = int(image.filename[15:23])
            assert raw.read(image) == jpeg(number)
            assert image.label == raw.validation.known_label(image.filename)
    assert len(part) == kinds.count("image")
    wanted = {".txt": "text", "._*": "mac", "no regular files": "pipe"}
    assert counts(found) == {
        reason: kinds.count(kind) for reason, kind in wanted.items() if kind in kinds
    }
    assert "joined tars, read on" in found.description
    assert ("no tar: 1" in found.description) == (end == "bytes after")


def test_folders_in_a_class_are_walked_however_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "train" / "ant" / "b" / "a.jpg", jpeg(1))
    put(tmp_path / "train" / "bee" / "none" / "here" / "notes.txt")
    put(tmp_path / "train" / "bee" / "a" / "here" / "b.jpg", jpeg(2))
    monkeypatch.chdir(tmp_path / "train" / "ant")
    for _ in range(1100):  # more than calls may be in each other
        os.mkdir("a")
        os.chdir("a")
    put(Path("deep.jpg"), jpeg(3))
    found = raw.detect(tmp_path)
    deep = f"{'a/' * 1100}deep.jpg"
    assert sorted(found.splits["train"].keys()) == sorted(
        ("ant/b/a.jpg", "bee/a/here/b.jpg", f"ant/{deep}")
    )
    assert raw.read(next(one for one in found.splits["train"] if one.filename == deep)) == jpeg(3)
    assert found.left_out == {
        "folders without images": Counted(2, ["train/bee/none", "train/bee/none/here"]),
        ".txt": Counted(1, ["train/bee/none/here/notes.txt"]),
    }
    Path("deep.jpg").unlink()
    for _ in range(1100):  # shutil.rmtree would not get to the end
        os.chdir("..")
        os.rmdir("a")


def test_images_where_nobody_looks_are_taken_or_counted(tmp_path: Path) -> None:
    for name in SYNSETS[:2]:
        put(tmp_path / "train" / name / "a.jpg", jpeg(1))
        put(tmp_path / "val" / name / "v.jpg", jpeg(2))
    for name in VALIDATION:  # not sorted yet, and named as ImageNet's
        put(tmp_path / "val" / name, jpeg(3))
    put(tmp_path / "train" / f"{SYNSETS[1]}_7.JPEG", jpeg(4))
    put(tmp_path / "train" / "loose.jpg", jpeg(5))
    put(tmp_path / "test" / "1.jpg", jpeg(6))
    put(tmp_path / "train" / "empty" / "notes.md", "x")
    found = raw.detect(tmp_path)
    assert found.num_classes == 1000
    assert dict(zip(found.splits["train"].keys(), found.splits["train"].labels, strict=True)) == {
        f"{SYNSETS[0]}/a.jpg": 1,
        f"{SYNSETS[1]}/a.jpg": 2,
        f"{SYNSETS[1]}/{SYNSETS[1]}_7.JPEG": 2,
    }
    labels = dict(zip(found.splits["validation"].filenames(), [1, 2, 66, 231], strict=False))
    assert {name: labels[name] for name in VALIDATION} == VALIDATION
    assert found.left_out == {
        ".md": Counted(1, ["train/empty/notes.md"]),
        intake.EMPTY: Counted(1, ["train/empty/"]),
        intake.OUTSIDE: Counted(1, ["train/loose.jpg"]),
        intake.OTHER_FOLDERS: Counted(1, ["test/"]),
    }
    assert "left out: 4 entries (" in found.description


@pytest.mark.parametrize("text", [b"BMW is a car", b"P6 is a plan", b"GIFts", b""])
def test_words_are_no_image_whatever_they_begin_with(text: bytes) -> None:
    assert not intake.is_image(text + b" and more words" * 10 if text else text)


def test_two_names_of_a_split_are_refused(tmp_path: Path) -> None:
    write_folders(tmp_path)
    put(tmp_path / "validation" / "n01440764" / "a.jpg", jpeg(1))
    with pytest.raises(ValueError, match="has val and validation, both names of the validation"):
        raw.detect(tmp_path)


def test_what_stands_in_the_place_of_a_file_of_classes_is_counted(tmp_path: Path) -> None:
    write_folders(tmp_path)
    os.mkfifo(tmp_path / "bbox.csv")
    os.symlink("../gone/classes.txt", tmp_path / "classes.txt")
    assert counts(raw.detect(tmp_path)) == {"broken links": 1, "named pipe": 1}


@pytest.mark.parametrize("layout", ["class_folders", "lists"])
def test_a_folder_in_the_place_of_a_file_of_classes_is_counted(layout: str, tmp_path: Path) -> None:
    MINIATURES[layout](tmp_path)
    before = raw.detect(tmp_path).left_out
    put(tmp_path / "labels.txt" / "a.jpg", jpeg(1))
    found = raw.detect(tmp_path)
    assert found.left_out == {**before, intake.OTHER_FOLDERS: Counted(1, ["labels.txt/"])}


def test_links_in_a_loop_and_tars_that_are_none_stop_nothing(tmp_path: Path) -> None:
    """A link to itself, a class's tar that is gone, and a pipe in the place of one."""
    os.symlink("a.jpg", tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="no known layout"):
        inspection.inspect(tmp_path)
    write_folders(tmp_path)
    os.symlink("/nowhere/n1.tar", tmp_path / "train" / "n01631663.tar")
    os.mkfifo(tmp_path / "train" / "n01632458.tar")
    facts = inspection.inspect(tmp_path)
    assert facts.splits["train"].images == 6
    reasons = {intake.OUTSIDE, "broken links", "named pipe"}
    assert {why: one.count for why, one in facts.left_out.items()} == dict.fromkeys(reasons, 1)


def test_what_is_no_file_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "train" / "ant"
    put(folder / "sound.jpg", jpeg(1))
    os.mkfifo(folder / "pipe.jpg")
    os.symlink("/dev/zero", folder / "zero.jpg")
    os.symlink("nowhere", folder / "broken.jpg")
    (folder / "folder.jpg").mkdir()
    here = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(folder)  # a socket's path is short
    here.bind("socket.jpg")
    here.close()
    found = raw.detect(tmp_path)
    assert counts(found) == {intake.EMPTY: 1}
    assert "links out of the raw folder: 1 (train/ant/zero.jpg)" in found.description
    skip = records.Settings(on_damaged="skip")
    out = tmp_path / "out"
    manifest = records.build(found, out, splits=("train",), workers=1, settings=skip)
    assert {note["key"]: note["reason"].split(":")[0] for note in manifest.skipped} == {
        "ant/broken.jpg": "cannot be read",
        "ant/pipe.jpg": "a named pipe and no image",
        "ant/socket.jpg": "a socket and no image",
        "ant/zero.jpg": "a device and no image",
    }
    assert manifest.splits["train"].records == 1


def test_links_are_followed_and_said_where_they_lead_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "elsewhere" / "bee" / "b.jpg", jpeg(1))
    put(tmp_path / "raw" / "train" / "ant" / "a.jpg", jpeg(2))
    put(tmp_path / "raw" / "val" / "ant" / "v.jpg", jpeg(3))
    train = Path("raw", "train")
    (train / "ant" / "inside.jpg").symlink_to("../../val/ant/v.jpg")
    assert "out of the raw folder" not in raw.detect("raw").description
    (train / "ant" / "out.jpg").symlink_to("../../../elsewhere/bee/b.jpg")
    (train / "bee").symlink_to(tmp_path / "elsewhere" / "bee")
    found = raw.detect("raw")
    assert list(found.splits["train"].keys()) == [
        *("ant/a.jpg", "ant/inside.jpg", "ant/out.jpg", "bee/b.jpg")
    ]
    assert "links out of the raw folder: 2 (train/ant/out.jpg, train/bee)" in found.description


def test_an_image_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "train" / "ant" / "a.jpg", jpeg(1))
    part = raw.detect(tmp_path).splits["train"]
    monkeypatch.setattr(raw, "MOST_BYTES", 100)
    with pytest.raises(DamagedData, match="bytes; more than"):
        raw.read(part[0])


def test_a_training_tar_packed_again(tmp_path: Path) -> None:
    inner = {f"./{s}_{n}.JPEG": jpeg(n) for s in SYNSETS[:1] for n in range(2)}
    members = {f"./train/{SYNSETS[0]}.tar": tar(inner), "./README": b"words"}
    members |= {f"{SYNSETS[1]}/x_1.JPEG": jpeg(3), "other/y.JPEG": jpeg(4)}
    members[f"{SYNSETS[2]}.TAR"] = tar({"z_1.JPEG": jpeg(5)})
    put(tmp_path / "ILSVRC2012_img_train.tar", tar(members))
    found = raw.detect(tmp_path)
    assert sorted(found.splits["train"].keys()) == [
        f"{SYNSETS[0]}/{SYNSETS[0]}_0.JPEG",
        f"{SYNSETS[0]}/{SYNSETS[0]}_1.JPEG",
        f"{SYNSETS[1]}/x_1.JPEG",
        f"{SYNSETS[2]}/z_1.JPEG",
    ]
    assert counts(found) == {"no extension": 1, intake.OUTSIDE: 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b"x" * 5000, mtime=0), "is compressed by gzip"),
        (b"<!DOCTYPE html>" + b"x" * 5000, "is a page of the web"),
        (b"PK\3\4" + b"x" * 5000, "is a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"", "it is empty or no tar"),
    ],
    ids=["gzip", "page", "zip", "pointer", "empty"],
)
def test_what_is_no_tar_is_called_what_it_is(data: bytes, message: str, tmp_path: Path) -> None:
    put(tmp_path / "ILSVRC2012_img_val.tar", data)
    with pytest.raises(DamagedData, match=message):
        raw.detect(tmp_path)


def test_a_pax_size_is_read(tmp_path: Path) -> None:
    """Above 8 GB the header's own field is not enough; here it says less than the PAX record."""
    data = jpeg(1)
    info = tarfile.TarInfo("ILSVRC2012_val_00000001.JPEG")
    record = f"size={len(data)}\n"
    record = f"{len(record) + 3} {record}"
    extended = tarfile.TarInfo("PaxHeaders/x")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    blocks = [extended.tobuf(), record.encode(), info.tobuf(), data]
    padded = b"".join(block + bytes(-len(block) % 512) for block in blocks)
    put(tmp_path / "ILSVRC2012_img_val.tar", padded + bytes(1024))
    part = raw.detect(tmp_path).splits["validation"]
    assert [raw.read(image) for image in part.take([0])] == [data]


@pytest.mark.parametrize("record", [b"x9 path=a\n", b"0 path=a\n", b" path=a\n", b"99 path=a\n"])
def test_a_damaged_pax_record_is_named(record: bytes, tmp_path: Path) -> None:
    extended = tarfile.TarInfo("PaxHeaders/x")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    image = tar({"ILSVRC2012_val_00000001.JPEG": jpeg(1)})
    put(
        tmp_path / "ILSVRC2012_img_val.tar",
        extended.tobuf() + record + bytes(-len(record) % 512) + image,
    )
    with pytest.raises(DamagedData, match="a PAX header cannot be read at its byte 0"):
        raw.detect(tmp_path)


def test_a_long_name_of_an_old_tar_that_is_cut_at_a_slash(tmp_path: Path) -> None:
    """Its header holds the first 100 bytes, which end as a folder's name does."""
    name = "d/" * 60 + "ILSVRC2012_val_00000001.JPEG"
    encoded = io.BytesIO()
    with tarfile.open(fileobj=encoded, mode="w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size, info.type = len(jpeg(1)), tarfile.AREGTYPE
        archive.addfile(info, io.BytesIO(jpeg(1)))
    put(tmp_path / "ILSVRC2012_img_val.tar", encoded.getvalue())
    part = raw.detect(tmp_path).splits["validation"]
    assert [raw.read(image) for image in part.take([0])] == [jpeg(1)]


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_nothing_is_passed_over_behind_a_folder_of_a_size(kind: bytes, tmp_path: Path) -> None:
    """Some tars give folders a size; no data follow, and here it is that of the next member."""
    data = {f"ILSVRC2012_val_0000000{n}.JPEG": jpeg(n) for n in (1, 2)}
    folder = tarfile.TarInfo("val")
    folder.type, folder.size = kind, 512 + -(-len(jpeg(1)) // 512) * 512
    put(tmp_path / "ILSVRC2012_img_val.tar", folder.tobuf() + tar(data))
    part = raw.detect(tmp_path).splits["validation"]
    assert {image.filename: raw.read(image) for image in part.take(range(len(part)))} == data


STRAY = ("stray.txt", "stray.jpg", "stray/x.jpg")
AROUND = {  # layout -> folders of it that hold more than images
    "archives": ("",),
    "kaggle": ("", "ILSVRC/", "ILSVRC/Data/", "ILSVRC/Data/CLS-LOC/"),
    "parquet": ("", "data/"),
    "tiny_imagenet": ("", "val/", "val/images/"),
    "lists": ("", "meta/", "val/", "train/"),
    "class_folders": ("",),
}


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "wrapped"])
def test_what_is_no_part_of_a_layout_is_counted(name: str, wrapped: bool, tmp_path: Path) -> None:
    """Files, images and folders that are put into every folder of a layout; and, where a layout is
    looked for in the only folder that is there, beside that."""
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    found_inside = name in ("tiny_imagenet", "class_folders")
    root = tmp_path / "inside" if wrapped and found_inside else tmp_path
    root.mkdir(exist_ok=True)
    MINIATURES[name](root)
    before = raw.detect(tmp_path)
    folders = {root / folder for folder in AROUND[name]}
    wanted = set()
    for folder in folders:
        for stray in STRAY:
            put(folder / stray, jpeg(1) if stray.endswith("jpg") else "words")
            wanted.add(str((folder / stray.split("/")[0]).relative_to(root)))
    if root != tmp_path:
        put(tmp_path / "above.txt", "words")
        put(tmp_path / "above.jpg", jpeg(2))
    found = raw.detect(tmp_path)
    for split, part in found.splits.items():
        assert list(part.keys()) == list(before.splits[split].keys())
    extra = sum(counts(found).values()) - sum(counts(before).values())
    assert extra == len(wanted) + 2 * (root != tmp_path)


def test_an_unknown_validation_folder_does_not_stop_training_images(tmp_path: Path) -> None:
    write_folders(tmp_path)
    put(tmp_path / "val" / "holiday.jpg", jpeg(1))
    found = raw.detect(tmp_path)
    assert list(found.splits) == ["train"]
    assert "val: holiday.jpg lies in a flat" in found.description
    with pytest.raises(ValueError, match=r"holiday\.jpg lies in a flat.*its label is unknown"):
        records.build(found, tmp_path / "out", workers=1)
    manifest = records.build(found, tmp_path / "out", splits=("train",), workers=1)
    assert manifest.splits["train"].records == 6
    shutil.rmtree(tmp_path / "train")
    with pytest.raises(ValueError, match="its label is unknown"):
        raw.detect(tmp_path)
