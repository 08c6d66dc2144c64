"""verify-tfrecords names what is wrong and where; repair-tfrecords mends that and no more."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tiny_raw import contents, encoded, make_raw, picture

from imagenet_tools import labels, raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import Counted
from imagenet_tools.records import inspection, schema, tfrecord

SHARD = "train-00001-of-00003"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def built(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("records")
    records.build(
        raw.detect(images), out, train_shards=3, validation_shards=2, workers=1, index="dali"
    )
    return out


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "records")


def check(folder: Path, decode: bool = False) -> records.Verification:
    return records.verify(folder, decode=decode, workers=1)


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Write a shard again with other records and sound CRCs."""
    held = [data for _, data in tfrecord.read(path)]
    with open(path, "wb") as file:
        for data in change(held):
            before, after = tfrecord.frame(data)
            file.write(before + data + after)


def test_sound_records_have_no_findings(folder: Path) -> None:
    report = check(folder, decode=True)
    assert report == records.Verification({"train": 24, "validation": 9}, (), (), True)
    assert records.verify(folder, workers=2) == report


def test_a_flipped_bit_is_named_by_shard_record_and_file(folder: Path) -> None:
    path = folder / SHARD
    offsets = [offset for offset, _ in tfrecord.read(path)]
    names = [schema.decode_example(data)[schema.FILENAME][0] for _, data in tfrecord.read(path)]
    data = bytearray(path.read_bytes())
    data[offsets[3] - 40] ^= 1
    path.write_bytes(data)
    report = check(folder)
    (finding,) = report.problems
    assert (finding.file, finding.record, finding.name) == (SHARD, 2, names[2].decode())
    assert finding.reason == "the CRC of its data does not hold"
    assert report.broken == (SHARD,)


@pytest.mark.parametrize("kept", [0, 5, 700])
def test_a_cut_shard(folder: Path, kept: int) -> None:
    path = folder / SHARD
    path.write_bytes(path.read_bytes()[:kept])
    report = check(folder)
    assert report.broken == (SHARD,)
    assert all(finding.file == SHARD for finding in report.problems)
    assert "the manifest says 8" in report.problems[-1].reason


def test_records_that_were_exchanged_have_another_digest(folder: Path) -> None:
    rewrite(folder / SHARD, lambda held: held[::-1])
    report = check(folder)
    assert report.broken == (SHARD,)
    assert "digest" in report.problems[0].reason


def test_a_missing_shard_and_a_stranger(folder: Path) -> None:
    (folder / SHARD).rename(folder / "train-00001-of-00003.bak")
    report = check(folder)
    reasons = {finding.file: finding.reason for finding in report.problems}
    assert reasons[SHARD] == "it is missing"
    assert "a reader's glob takes it" in reasons["train-00001-of-00003.bak"]


def tampered(example: dict) -> bytes:
    """A record with other values, through TF-Slim's fields by name."""
    return schema.encode_example(
        example[schema.ENCODED][0],
        height=example[schema.HEIGHT][0],
        width=example[schema.WIDTH][0],
        label=example[schema.LABEL][0],
        synset=example[schema.SYNSET][0].decode(),
        text="",
        filename="changed.JPEG",
        image_format=example[schema.FORMAT][0],
        channels=example[schema.CHANNELS][0],
    )


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (schema.LABEL, 0, "label 0 is outside 1..3"),
        (schema.LABEL, 4, "label 4 is outside 1..3"),
        (schema.SYNSET, b"dog", "belongs to"),
        (schema.HEIGHT, 999, "height x width is 999"),
        (schema.FORMAT, b"PNG", "its format is PNG and its bytes are JPEG"),
        (schema.FORMAT, b"RAW", "raw pixels"),
        (schema.CHANNELS, 1, "channels is 1, its image's 3"),
        (schema.ENCODED, b"not an image", "not an image"),
        (schema.ENCODED, encoded(picture(0))[:-2], "truncated: no end marker"),
    ],
)
def test_each_mistake_in_a_record_is_named(
    folder: Path, key: str, value: bytes | int, reason: str
) -> None:
    def change(held: list[bytes]) -> list[bytes]:
        example = schema.decode_example(held[0])
        example[key] = [value]
        return [tampered(example), *held[1:]]

    rewrite(folder / SHARD, change)
    first = check(folder).problems[0]
    assert (first.file, first.record, first.name) == (SHARD, 0, "changed.JPEG")
    assert reason in first.reason


def test_a_record_that_is_no_example(folder: Path) -> None:
    rewrite(folder / SHARD, lambda held: [b"\xff\xff", *held[1:]])
    assert "not a tf.train.Example" in check(folder).problems[0].reason


def test_only_decoding_finds_damage_inside_a_sound_structure(tmp_path: Path) -> None:
    place = make_raw(tmp_path / "raw", classes=("ant",), train=1, validation=1)
    data = bytearray(encoded(picture(1)))
    at = len(data) - 100
    data[at : at + 60] = bytes(60)
    (place / "train" / "ant" / "ant_train_0.JPEG").write_bytes(data)
    out = tmp_path / "out"
    records.build(raw.detect(place), out, workers=1)
    assert not check(out).problems
    (finding,) = check(out, decode=True).problems
    assert finding.name == "ant_train_0.JPEG" and "does not decode" in finding.reason
    assert check(out, decode=True).broken == ()  # no rebuilding mends what was built so


def test_images_common_to_two_splits(tmp_path: Path) -> None:
    place = make_raw(tmp_path / "raw")
    shutil.copy(place / "train/bee/bee_train_4.JPEG", place / "val/cat/cat_val_1.JPEG")
    # Of one hash, and another image: the comments are longer than what is hashed.
    for name, byte in (("train/bee/bee_train_2.JPEG", b"a"), ("val/ant/ant_val_2.JPEG", b"b")):
        data = (place / "val/ant/ant_val_0.JPEG").read_bytes()
        comments = [b"\xff\xfe\xff\xff" + one * 65533 for one in (byte, b"c")]
        (place / name).write_bytes(data[:2] + b"".join(comments) + data[2:])
    out = tmp_path / "out"
    manifest = records.build(raw.detect(place), out, workers=1)
    once = Counted(1, ["bee_train_4.JPEG as cat_val_1.JPEG"])
    assert manifest.odd == {"images of both splits": once}
    (finding,) = check(out).problems
    assert finding.name == "bee_train_4.JPEG"
    assert "the same image as validation-00000-of-00001" in finding.reason
    assert "cat_val_1.JPEG" in finding.reason


def test_an_image_of_two_classes_is_said(tmp_path: Path) -> None:
    place = make_raw(tmp_path / "raw")
    for name in ("train/cat/copy.JPEG", "train/ant/copy.JPEG"):
        shutil.copy(place / "train/bee/bee_train_4.JPEG", place / name)
    (twice,) = records.build(raw.detect(place), tmp_path / "out", workers=1).odd.items()
    assert (twice[0], twice[1].count) == ("images twice in train", 2)
    keys = {key for pair in twice[1].first for key in pair.split(" as ")}
    assert keys == {"bee/bee_train_4.JPEG", "cat/copy.JPEG", "ant/copy.JPEG"}


def test_pixels_of_one_ground_are_no_images_twice(tmp_path: Path) -> None:
    place = make_raw(tmp_path / "raw", train=3, validation=3)
    for number, path in enumerate(sorted(place.rglob("*.JPEG"))):
        ground = Image.new("RGB", (224, 224), "white")
        ground.paste(picture(number), (0, 0))
        path.write_bytes(encoded(ground))
    shutil.copy(place / "train/bee/bee_train_1.JPEG", place / "val/cat/cat_val_1.JPEG")
    settings = records.Settings(store="raw")
    manifest = records.build(raw.detect(place), tmp_path / "out", workers=1, settings=settings)
    once = Counted(1, ["bee_train_1.JPEG as cat_val_1.JPEG"])
    assert manifest.odd == {"images of both splits": once}
    (finding,) = check(tmp_path / "out").problems
    assert finding.name == "bee_train_1.JPEG"


def test_a_seed_and_sizes_that_are_not_the_records_are_named(folder: Path) -> None:
    tamper(folder, lambda content: content.update(seed=5))
    reasons = {str(one) for one in check(folder).problems}
    assert f"{SHARD}: its records are not in the order of the manifest's seed, 5" in reasons
    tamper(folder, lambda content: (content.update(seed=0), first(content).update(bytes=7)))
    (finding,) = check(folder).problems
    assert "bytes where the manifest says 7" in finding.reason
    name = "train-00000-of-00003"
    size = (folder / name).stat().st_size
    tamper(folder, lambda content: first(content).update(bytes=size, classes=1))
    assert [str(one) for one in check(folder).problems] == [
        f"{name}: 2 classes where the manifest says 1"
    ]


def test_a_class_whose_name_in_the_manifest_is_not_the_records_is_named(folder: Path) -> None:
    tamper(folder, lambda content: content["classes"].__setitem__(1, ["bee", "wasp"]))
    labels_txt = folder / "labels.txt"
    labels_txt.write_text(labels_txt.read_text().replace("2:bee", "2:wasp"))
    (finding,) = check(folder).problems
    assert str(finding) == f"{records.NAME}: class bee is called 'wasp'; its records call it 'bee'"


def test_records_compressed_by_gzip_are_called_that(folder: Path) -> None:
    path = folder / SHARD
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert check(folder).problems[0].reason == "the file is compressed by gzip; uncompress it first"


def test_offsets_of_an_index_are_checked_and_mended(images: Path, folder: Path) -> None:
    index = folder / "index" / f"{SHARD}.idx"
    sound = index.read_text()
    index.write_text(sound.replace("0 ", "1 ", 1))
    (finding,) = check(folder).problems
    assert (finding.file, finding.reason) == (SHARD, f"{index} is no index of it")
    assert not records.repair(folder, raw.detect(images), workers=1).after.problems
    assert index.read_text() == sound


def test_labels_txt_and_index_are_checked(folder: Path) -> None:
    (folder / "labels.txt").write_text("0:background\n")
    index = folder / "index" / f"{SHARD}.idx"
    index.write_text(index.read_text().replace("0 ", "1 ", 1))
    index.write_text(index.read_text().splitlines()[0] + "\n")
    files = [finding.file for finding in check(folder).problems]
    assert files == [SHARD, "labels.txt"]


def test_tf_slims_own_records_are_checked_without_a_manifest(shared: Path, tmp_path: Path) -> None:
    theirs = shared / "golden" / "slim_records"
    report = check(theirs, decode=True)
    assert report == records.Verification({"train": 12, "validation": 6}, (), (), False)
    place = tmp_path / "slim"
    place.mkdir()
    for path in theirs.glob("*-of-*"):
        (place / path.name).write_bytes(path.read_bytes())
    (place / "train-00001-of-00002").unlink()
    (finding,) = check(place).problems
    assert (finding.file, finding.reason) == ("train-00001-of-00002", "it is missing")


def test_a_split_without_a_record_is_named_and_a_shard_without_one_is_none(
    shared: Path, tmp_path: Path
) -> None:
    """TF-Slim writes empty shards of few images; of a split that is emptied nothing else tells."""
    for path in (shared / "golden" / "slim_records").glob("*-of-*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shards = sorted(tmp_path.glob("train-*"))
    shards[0].write_bytes(b"")
    assert check(tmp_path).problems == ()
    for path in shards:
        path.write_bytes(b"")
    (finding,) = check(tmp_path).problems
    assert str(finding) == f"{shards[0].name}: there is no record in the train split"
    (problem,) = inspection.inspect(tmp_path).splits["train"].problems
    assert problem == f"{shards[0]}: no record is there"


@pytest.mark.parametrize(
    "name",
    [
        "flowers_{}_{:05d}-of-{:05d}.tfrecord",
        "imagenet2012-{}.tfrecord-{:05d}-of-{:05d}",
        "{}_{}.tfrecords",
    ],
)
def test_records_of_other_tools_are_read_by_their_frames(
    name: str, folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    for number in range(3):
        path = place / name.format("train", number, 3)
        shutil.copy(folder / f"train-{number:05d}-of-00003", path)
        rewrite(path, lambda held: [one.replace(b"image/class", b"image/other") for one in held])
    assert check(place, decode=True) == records.Verification({"train": 24}, (), (), False)
    assert inspection.inspect(place).splits["train"].images == 24
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    rewrite(place / name.format("train", 0, 3), lambda held: [held[0].replace(b"\xff\xd8", b"??")])
    first, second = check(place).problems
    assert (first.file, first.record) == (name.format("train", 0, 3), 0)
    assert first.reason.startswith("not an image that is read")
    assert (second.file, second.record) == (path.name, 0)
    (place / name.format("train", 1, 3)).unlink()
    if "of" in name:
        assert check(place).problems[-1].reason == "1 of 3 shards are missing (00001 ...)"


def test_shards_of_two_ways_to_name_them_are_all_read(folder: Path) -> None:
    (folder / "imgtools_manifest.json").unlink()
    for path in folder.glob("validation-*"):
        path.rename(path.with_name(path.name.replace("validation", "val")))
    shutil.copy(folder / "train-00000-of-00003", folder / "val-00002-of-00003")
    found = check(folder)
    assert found.records == {"train": 24, "val": 17}
    copies = [one for one in found.problems if one.reason.startswith("the same image as val-00002")]
    assert len(copies) == 8
    assert inspection.inspect(folder).splits["val"].images == 17


def test_images_in_both_splits_of_another_tools_records_are_named(
    folder: Path, tmp_path: Path
) -> None:
    for split in ("train", "validation"):
        path = tmp_path / f"flowers_{split}_00000-of-00001.tfrecord"
        shutil.copy(folder / "train-00000-of-00003", path)
        rewrite(path, lambda held: [one.replace(b"image/class", b"image/other") for one in held])
    found = check(tmp_path)
    assert found.records == {"train": 8, "validation": 8}
    assert len(found.problems) == 8
    for one in found.problems:
        assert one.file == "flowers_train_00000-of-00001.tfrecord"
        other = f"flowers_validation_00000-of-00001.tfrecord record {one.record} "
        assert one.reason.startswith(f"the same image as {other}")


def test_a_folder_without_records_or_half_built(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no records"):
        check(tmp_path)
    (tmp_path / ".imgtools-journal").mkdir()
    (tmp_path / "train-00000-of-00003").touch()
    for look in (check, inspection.inspect):
        with pytest.raises(ValueError, match="unfinished build.* imgtools finalize"):
            look(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"splits": []}', '{"manifest_version": 1}'])
def test_a_manifest_that_is_none_is_named(folder: Path, text: str) -> None:
    (folder / records.NAME).write_text(text)
    with pytest.raises(ValueError, match=records.NAME):
        check(folder)
    (folder / records.NAME).write_text('{"manifest_version": 1, "splits": []}')
    with pytest.raises(DamagedData, match="lacks or mistakes something.*; take it from a copy"):
        check(folder)


def tamper(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and make its digest right again."""
    path = folder / records.NAME
    content = json.loads(path.read_text())
    change(content)
    total = hashlib.sha256()
    for name in sorted(content["splits"]):
        for shard in content["splits"][name]["shards"]:
            total.update(f"{shard['file']} {shard['records']} {shard['digest']}\n".encode())
    path.write_text(json.dumps(content | {"digest": total.hexdigest()}))


def first(content: dict[str, Any]) -> dict[str, Any]:
    return content["splits"]["train"]["shards"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: first(content).update(file="../elsewhere/train-00000-of-00003"), "called"),
        (lambda content: first(content).update(file="/etc/passwd"), "called"),
        (lambda content: first(content).update(records="8"), "records is '8'"),
        (lambda content: first(content).update(more=1), "a field 'more'"),
        (lambda content: content.update(splits={"../x": content["splits"]["train"]}), "no split"),
        (lambda content: content.update(splits={}), "it has no splits"),
        (lambda content: content["splits"]["train"].update(shards=[]), "train has no shards"),
        (lambda content: content.update(classes=[]), "records of 'ant', which is no class"),
        (lambda content: content.update(skipped={}), "skipped is"),
        (lambda content: first(content).update(records=99), "by shard, 24 by class"),
        (
            lambda content: content.update(label_convention=labels.IMAGENET_CONVENTION),
            "said to be ImageNet's, and its classes are others",
        ),
        (lambda content: content.update(classes=[["ant"]]), r"classes\[0\]"),
        (lambda content: content.update(store="raw"), "store is 'raw'"),
        (lambda content: content.update(max_side=256), "max_side is 256"),
        (lambda content: content["options"].update(on_damaged="hide"), "on_damaged is 'hide'"),
        (lambda content: content["options"].update(max_side="8"), "max_side is '8'"),
        (lambda content: content.pop("plan"), "lacks something"),
    ],
)
def test_a_manifest_that_was_changed_is_named(
    folder: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    tamper(folder, change)
    for read in (records.read_manifest, records.verify):
        with pytest.raises(DamagedData, match=f"{records.NAME} lacks or mistakes.*{words}"):
            read(folder)


def test_a_manifest_nested_without_end_or_no_file_is_named(folder: Path) -> None:
    path = folder / records.NAME
    path.write_text("[" * 200_000)
    with pytest.raises(DamagedData, match="nested too deeply"):
        records.read_manifest(folder)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DamagedData, match="it is a fifo"):
        records.read_manifest(folder)
    path.unlink()
    path.symlink_to(path.name)
    with pytest.raises(DamagedData, match="symbolic links"):
        check(folder)


def test_sizes_tell_what_is_no_shard_of_this_folder(folder: Path) -> None:
    path = folder / SHARD
    records.check_sizes(folder, "train")
    data = path.read_bytes()
    sizes = "bytes where the manifest says"
    other = (folder / "validation-00000-of-00002").read_bytes()
    for content in (b"", data[:-100], data * 2, other):
        path.write_bytes(content)
        with pytest.raises(DamagedData, match=f"{SHARD}: it has .* {sizes}.*repair-tfrecords"):
            records.check_sizes(folder, "train")
    path.unlink()
    with pytest.raises(DamagedData, match=f"{SHARD}: it is missing.*verify-tfrecords"):
        records.check_sizes(folder, "train")
    os.mkfifo(path)
    with pytest.raises(DamagedData, match=f"{SHARD}: it is a fifo"):
        records.check_sizes(folder, "train")
    assert [one.reason for one in check(folder).problems] == ["it cannot be read (it is a fifo)"]
    records.check_sizes(folder, "validation")


def test_repair_writes_only_broken_shards_again(images: Path, built: Path, folder: Path) -> None:
    sound = {path: path.stat().st_ino for path in folder.glob("*-of-*")}
    data = bytearray((folder / SHARD).read_bytes())
    data[-30] ^= 8
    (folder / SHARD).write_bytes(data)
    (folder / "validation-00000-of-00002").unlink()
    (folder / "labels.txt").unlink()
    (folder / "index" / "train-00000-of-00003.idx").write_text("0 1\n")
    done = records.repair(folder, raw.detect(images), workers=1)
    assert done.rebuilt == (SHARD, "validation-00000-of-00002")
    assert len(done.before.problems) == 4 and not done.after.problems
    assert contents(folder) == contents(built)
    kept = {path for path, inode in sound.items() if path.stat().st_ino == inode}
    assert {path.name for path in set(sound) - kept} <= set(done.rebuilt)
    again = records.repair(folder, raw.detect(images), workers=1)
    assert again.rebuilt == () and not again.before.problems


def test_repair_refuses_other_raw_images(images: Path, folder: Path, tmp_path: Path) -> None:
    (folder / SHARD).write_bytes(b"")
    other = make_raw(tmp_path / "other", train=7)
    with pytest.raises(ValueError, match="built from other raw data"):
        records.repair(folder, raw.detect(other), workers=1)
    changed = shutil.copytree(images, tmp_path / "changed")
    for path in (changed / "train").rglob("*.JPEG"):
        path.write_bytes(encoded(picture(77)))
    with pytest.raises(ValueError, match=f"{SHARD} cannot be made again"):
        records.repair(folder, raw.detect(changed), workers=1)
    assert (folder / SHARD).read_bytes() == b"" and not list(folder.glob(".tmp-*"))


def test_repair_names_the_raw_images_that_are_damaged_now(
    images: Path, folder: Path, tmp_path: Path
) -> None:
    """What can be made again is; the index waits for the rest."""
    (folder / SHARD).write_bytes(b"")
    validation = (folder / "validation-00000-of-00002").read_bytes()
    (folder / "validation-00000-of-00002").unlink()
    changed = shutil.copytree(images, tmp_path / "changed")
    for path in (changed / "train").rglob("*.JPEG"):
        path.write_bytes(b"")
    named = f"{SHARD} cannot be made again: raw images are damaged now:\n .*JPEG: the file is empty"
    with pytest.raises(DamagedData, match=named):
        records.repair(folder, raw.detect(changed), workers=1)
    assert (folder / SHARD).read_bytes() == b""
    assert (folder / "validation-00000-of-00002").read_bytes() == validation


def test_commands(images: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["verify-tfrecords", str(folder), "--workers", "1"]) == 0
    assert "24 train, 9 validation records read, nothing wrong" in capsys.readouterr().out
    data = bytearray((folder / SHARD).read_bytes())
    data[-30] ^= 8
    (folder / SHARD).write_bytes(data)
    assert cli_main.run(["verify-tfrecords", str(folder), "--workers", "1"]) == 3
    output = capsys.readouterr().out
    assert f"{SHARD}: record 7 (" in output and "imgtools repair-tfrecords" in output
    assert cli_main.run(["verify-tfrecords", str(folder), "--workers", "1", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["broken_shards"] == [SHARD]
    repair = ["repair-tfrecords", str(folder), "--raw", str(images), "--workers", "1"]
    assert cli_main.run(repair) == 0
    assert f"written again: {SHARD}" in capsys.readouterr().out
    assert cli_main.run([*repair, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rebuilt"] == []
    assert cli_main.run(["verify-tfrecords", str(images)]) == 2
