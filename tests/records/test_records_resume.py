"""What befalls a build: a stop in its midst, disks that fail, other runs and other settings."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_raw import build, contents, encoded, make_raw, picture

from imagenet_tools import raw, records
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.records import journal, sources
from imagenet_tools.records.shard import ShardResult, ShardTask, build_shard

# The module, which the package's function of the same name hides.
BUILD = importlib.import_module("imagenet_tools.records.builder")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def found(images: Path) -> RawSet:
    return raw.detect(images)


def test_resume_writes_only_what_is_missing(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    out = tmp_path / "out"
    written: list[str] = []

    def stopping(task: Any) -> Any:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(os.path.basename(task.path))
        return build_shard(task)

    monkeypatch.setattr(BUILD, "build_shard", stopping)
    with pytest.raises(KeyboardInterrupt):
        build(found, out)
    before = {name: (out / name).stat().st_ino for name in written}
    (out / ".tmp-train-00003-of-00004.99").write_bytes(b"half")
    monkeypatch.setattr(
        BUILD,
        "build_shard",
        lambda task: written.append(os.path.basename(task.path)) or build_shard(task),
    )
    build(found, out)
    assert len(written) == len(set(written)) == 6
    assert {name: (out / name).stat().st_ino for name in before} == before
    assert contents(out) == contents(tmp_path / "whole")
    written.clear()
    build(found, out)
    assert written == []


def test_a_shard_cut_after_its_note_is_written_again(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    out = tmp_path / "out"
    stopped(found, out, monkeypatch)
    (out / "train-00001-of-00004").write_bytes(b"cut")
    (out / "train-00002-of-00004").unlink()
    build(found, out)
    assert contents(out) == contents(tmp_path / "whole")


def stopped(found: RawSet, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that stops before its manifest."""
    with monkeypatch.context() as patch:
        patch.setattr("imagenet_tools.records.finish.write_manifest", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(found, out)


def replaced(path: Path, seed: int = 77) -> None:
    """Another image under the same name, of the same size and time."""
    before = path.stat()
    data = encoded(picture(seed))[: before.st_size - 2]
    path.write_bytes(data + bytes(before.st_size - 2 - len(data)) + b"\xff\xd9")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_shard_changed_at_the_same_size_is_written_again(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    out = tmp_path / "out"
    stopped(found, out, monkeypatch)
    path = out / "train-00001-of-00004"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    (out / "train-00002-of-00004").write_bytes(bytes((out / "train-00002-of-00004").stat().st_size))
    build(found, out, workers=2)
    assert contents(out) == contents(tmp_path / "whole")


def test_an_image_replaced_before_a_build_goes_on_is_in_the_records(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(images, tmp_path / "raw")
    found, out = raw.detect(copy), tmp_path / "out"
    stopped(found, out, monkeypatch)
    replaced(copy / "train" / "ant" / "ant_train_3.JPEG")
    build(found, out)
    build(found, tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh")
    monkeypatch.setattr(BUILD, "build_shard", lambda task: 1 / 0)
    build(found, out)  # complete already


def test_an_image_replaced_after_a_build_is_named(images: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(images, tmp_path / "raw")
    path = copy / "train" / "ant" / "ant_train_3.JPEG"
    good = path.read_bytes()
    path.write_bytes(b"")
    skip = records.Settings(on_damaged="skip")
    for content in (good, good[:-2] + b"\0\0\xff\xd9"):  # as it was left out; as it was taken
        found, out = raw.detect(copy), tmp_path / "out"
        build(found, out, settings=skip)
        before = contents(out)
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"1 raw image.*ant/ant_train_3\.JPEG.*choose another"):
            build(found, out, settings=skip)
        assert contents(out) == before
        shutil.rmtree(out)
    build(found, out)
    path.touch()  # the same content under another time: read, and good
    build(found, out, workers=2)
    (out / ".imgtools-sources").unlink()  # as of older versions, and where copying left it behind
    build(found, out)
    assert set(sources.read_stamps(out)) == {path.name for path in out.glob("*-of-*")}
    (out / ".imgtools-sources").unlink()
    replaced(path)
    with pytest.raises(ValueError, match=r"1 raw image.*ant/ant_train_3\.JPEG.*choose another"):
        build(found, out)


def test_an_image_replaced_while_it_builds_is_named_and_its_shard_built_anew(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(images, tmp_path / "raw")
    path, touched = copy / "train" / "ant" / "ant_train_3.JPEG", copy / "train" / "bee"
    found, out, built = raw.detect(copy), tmp_path / "out", list[str]()

    def building(task: ShardTask) -> ShardResult:
        result = build_shard(task)
        built.append(os.path.basename(task.path))
        if len(built) == 6:  # of six
            replaced(path)
            (touched / "bee_train_0.JPEG").touch()  # the same content
        return result

    monkeypatch.setattr(BUILD, "build_shard", building)
    with pytest.raises(
        Unfinished, match=r"1 raw image\(s\) \(ant/ant_train_3\.JPEG\) are no longer"
    ):
        build(found, out)
    assert not (out / records.NAME).exists()
    build(found, out)
    # Two shards at most hold a file that has another time.
    assert 7 <= len(built) <= 8
    build(found, tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh")


def test_a_parquet_file_replaced_while_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever read it before, in the same process."""
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    def write(first: int) -> None:
        column = [encoded(picture(first + seed)) for seed in range(4)]
        table = pyarrow.table({"image": column, "label": [0, 1, 0, 1]})
        parquet.write_table(table, tmp_path / "new")
        (tmp_path / "new").replace(tmp_path / "raw" / "train-0.parquet")

    def building(task: ShardTask) -> ShardResult:
        result = build_shard(task)
        write(7)
        return result

    (tmp_path / "raw").mkdir()
    write(1)
    found, out = raw.detect(tmp_path / "raw"), tmp_path / "out"
    options = {"splits": ("train",), "workers": 1, "train_shards": 1}
    with monkeypatch.context() as patch:
        patch.setattr(BUILD, "build_shard", building)
        with pytest.raises(Unfinished, match=r"4 raw image\(s\) \(0/train-0_000000\.JPEG"):
            records.build(found, out, **options)
    records.build(raw.detect(tmp_path / "raw"), out, **options)
    records.build(raw.detect(tmp_path / "raw"), tmp_path / "fresh", **options)
    assert contents(out) == contents(tmp_path / "fresh")


def test_the_setting_that_is_another_is_named(found: RawSet, tmp_path: Path) -> None:
    build(found, tmp_path / "out")
    for words, options in (
        ("seed 0, asked for 3", {"seed": 3}),
        (
            "train shards 4, asked for 5; validation shards 2, asked for 1",
            {"train_shards": 5, "validation_shards": 1},
        ),
        ("max_side None, asked for 16", {"settings": records.Settings(max_side=16)}),
        ("validation shards 2, asked for 0", {"splits": ("train",)}),
    ):
        with pytest.raises(ValueError, match=f"other data or settings: {words}"):
            build(found, tmp_path / "out", **options)


BOX, OTHER = ",0,0,0.5,1\n", ",0,0,1,1\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"train/cat/a.jpg{BOX}", f"train/dog/a.jpg{BOX}"),
        (f"train/cat/a.jpg{BOX}", f"val/cat/a.jpg{BOX}"),
        (f"train/cat/a.jpg{BOX}val/cat/a.jpg{BOX}", f"train/cat/a.jpg{OTHER}val/cat/a.jpg{BOX}"),
    ],
)
def test_boxes_are_of_split_class_and_file(first: str, second: str, tmp_path: Path) -> None:
    for number, place in enumerate(("train/cat", "train/dog", "val/cat")):
        (tmp_path / "raw" / place).mkdir(parents=True)
        (tmp_path / "raw" / place / "a.jpg").write_bytes(encoded(picture(number)))
    boxes, out = tmp_path / "raw" / "bbox.csv", tmp_path / "out"
    for _ in range(2):
        boxes.write_text(first)
        records.build(raw.detect(tmp_path / "raw"), out, workers=1)
    boxes.write_text(second)
    with pytest.raises(ValueError, match="other data or settings: the images' names, or their box"):
        records.build(raw.detect(tmp_path / "raw"), out, workers=1)


def test_other_data_or_settings_never_mix(found: RawSet, tmp_path: Path) -> None:
    build(found, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match="other data or settings"):
        build(found, tmp_path / "out", seed=1)
    with pytest.raises(ValueError, match="--decode"):
        build(found, tmp_path / "out", settings=records.Settings(verify="decode"))
    assert contents(tmp_path / "out") == before
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "train-00000-of-00001").write_bytes(b"somebody's")
    with pytest.raises(ValueError, match="no manifest describes"):
        build(found, strange)
    assert (strange / "train-00000-of-00001").read_bytes() == b"somebody's"


def test_a_missing_shard_of_a_finished_folder_is_not_passed_over(
    found: RawSet, tmp_path: Path
) -> None:
    build(found, tmp_path)
    (tmp_path / "train-00001-of-00004").unlink()
    with pytest.raises(DamagedData, match=r"train-00001-of-00004: it is missing.*repair-tfrecords"):
        build(found, tmp_path)


def test_two_runs_on_one_folder(found: RawSet, tmp_path: Path) -> None:
    with (
        journal.locked(tmp_path),
        pytest.raises(OSError, match="another imgtools run is writing here"),
    ):
        build(found, tmp_path)
    assert build(found, tmp_path).splits["train"].records == 24


def test_a_full_disk_is_named_and_what_is_finished_stays(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(found, tmp_path / "whole")
    calls = 0
    writev = os.writev

    def full(out: int, parts: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 15:
            return writev(out, [b"".join(parts)[:100]])  # a short write, as a full disk gives
        return writev(out, parts)

    def no_space(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        patch.setattr(os, "write", no_space)
        with pytest.raises(Unfinished, match=r"train-00002-of-00004 was not written.*No space"):
            build(found, out)
    assert sorted(path.name for path in out.glob("*-of-*")) == [
        "train-00000-of-00004",
        "train-00001-of-00004",
    ]
    assert not list(out.glob(".tmp-*"))
    build(found, out)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_disk_that_is_too_small_is_refused_at_once(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="GB are free; choose another --out"):
        build(found, tmp_path)


def test_an_unreadable_image_is_named(
    images: Path, found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def failing(path: Any, *options: Any, **more: Any) -> int:
        if str(path).endswith("bee_train_3.JPEG"):
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, *options, **more)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(Unfinished, match=r"bee/bee_train_3\.JPEG cannot be read: Input/output"):
        build(found, tmp_path)


@pytest.mark.parametrize("call", ["writev", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENODEV, errno.EROFS], ids=errno.errorcode.get)
def test_a_disk_that_vanishes_is_named_and_what_is_finished_stays(
    call: str, code: int, found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the third shard on the disk answers with an error alone; then it is back."""
    build(found, tmp_path / "whole")
    out, sound = tmp_path / "out", getattr(os, call)

    def failing(*arguments: Any) -> Any:
        if (out / "train-00001-of-00004").exists():
            raise OSError(code, os.strerror(code))
        return sound(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(Unfinished, match=f"train-00002.* not written.*{os.strerror(code)}"):
            build(found, out)
    kept = {path.name: path.stat().st_ino for path in out.glob("*-of-*")}
    assert sorted(kept) == ["train-00000-of-00004", "train-00001-of-00004"]
    build(found, out)
    assert {name: (out / name).stat().st_ino for name in kept} == kept
    assert contents(out) == contents(tmp_path / "whole")


def stopping_after(shards: int, act: Callable[[], None]) -> Callable[[ShardTask], ShardResult]:
    """build_shard that does something to the disks after so many shards."""
    written: list[str] = []

    def building(task: ShardTask) -> ShardResult:
        if len(written) == shards:
            act()
        written.append(task.path)
        return build_shard(task)

    return building


def test_an_output_folder_that_is_gone_is_named(
    found: RawSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(BUILD, "build_shard", stopping_after(2, lambda: shutil.rmtree(out)))
    with pytest.raises(Unfinished, match=r"train-00002-of-00004 was not written.*No such file"):
        build(found, out)


def test_raw_images_that_are_gone_are_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(images, tmp_path / "raw")
    found, out = raw.detect(copy), tmp_path / "out"
    monkeypatch.setattr(BUILD, "build_shard", stopping_after(2, lambda: shutil.rmtree(copy)))
    with pytest.raises(Unfinished, match=r"train-00002.*_train_\d\.JPEG cannot be read: No such"):
        build(found, out)
    assert len(list(out.glob("*-of-*"))) == 2


def test_an_image_that_no_repetition_brings_back_is_damage(tmp_path: Path) -> None:
    images = make_raw(tmp_path / "raw")
    found, place = raw.detect(images), images / "train" / "ant"
    wrong = {
        "ant_train_0.JPEG": "Is a directory",
        "ant_train_1.JPEG": "Too many levels of symbolic links",
        "ant_train_2.JPEG": "No such file or directory",
    }
    for name in wrong:
        (place / name).unlink()
    (place / "ant_train_0.JPEG").mkdir()
    (place / "ant_train_1.JPEG").symlink_to("ant_train_1.JPEG")
    with pytest.raises(DamagedData) as error:
        build(found, tmp_path / "out")
    for name, reason in wrong.items():
        assert f"{place / name}: cannot be read: {reason}" in str(error.value)
    skip = records.Settings(on_damaged="skip")
    manifest = build(found, tmp_path / "out", settings=skip)
    assert [note["key"] for note in manifest.skipped] == [f"ant/{name}" for name in wrong]
    assert manifest.splits["train"].records == 21


def test_the_command_says_that_it_can_go_on_with_code_4(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    line = ["build-tfrecords", "--raw", str(images), "--out", str(tmp_path), "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        assert cli_main.run(line) == 4
    said = capsys.readouterr().err
    assert "train-00000-of-00001 was not written: [Errno 28] No space left on device" in said
    assert cli_main.run(line) == 0
