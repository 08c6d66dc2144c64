"""Tars are walked once for all tasks of a build, and again where they are others."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tiny_layouts import SYNSETS, archives, class_tars, jpeg, tar

from imagenet_tools import raw
from imagenet_tools.raw import archives as archives_layout
from imagenet_tools.raw import class_tars as class_tars_layout
from imagenet_tools.raw import tar_index
from imagenet_tools.raw.raw_set import RawSet


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tars that are walked, as it happens; any number of images is kept."""
    names: list[str] = []
    members = archives_layout.members

    def noted(file, start, end, where, seen):
        names.append(where.rsplit("/", 1)[-1])
        return members(file, start, end, where, seen)

    monkeypatch.setattr(archives_layout, "members", noted)
    monkeypatch.setattr(class_tars_layout.tars, "members", noted)
    monkeypatch.setattr(tar_index, "FEW", 0)
    return names


def listed(root: Path, out: Path) -> RawSet:
    with tar_index.kept(out) as tars:
        return raw.detect(root, tars=tars)


def everything(found: RawSet) -> tuple:
    images = {name: list(part.take(range(len(part)))) for name, part in found.splits.items()}
    return found.description, found.left_out, images


@pytest.mark.parametrize("layout", [archives, class_tars])
def test_another_task_walks_no_tar_and_finds_the_same(layout, tmp_path: Path, walked: list) -> None:
    root, out = tmp_path / "raw", tmp_path / "out"
    root.mkdir()
    layout(root)
    if layout is class_tars:
        odd = {f"{SYNSETS[0]}/sub/a.JPEG": jpeg(1), "b.txt": b"x", "._b.JPEG": b"x"}
        (root / "train" / f"{SYNSETS[0]}.tar").write_bytes(tar(odd))
    first = everything(listed(root, out))
    assert first == everything(raw.detect(root))
    assert [path.name for path in out.iterdir()] == [tar_index.NAME]
    walked.clear()
    assert everything(listed(root, out)) == first
    assert walked == []


def test_a_tar_that_was_replaced_is_walked_again(tmp_path: Path, walked: list) -> None:
    root, out = tmp_path / "raw", tmp_path / "out"
    root.mkdir()
    class_tars(root)
    listed(root, out)
    path = root / "train" / f"{SYNSETS[1]}.tar"
    other, status = tar({"x.JPEG": jpeg(3), "y.JPEG": jpeg(4)}), path.stat()
    assert len(other) == status.st_size
    path.write_bytes(other)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as cp -p would
    walked.clear()
    part = listed(root, out).splits["train"]
    assert walked == [path.name]
    assert [one.filename for one in part if one.synset == SYNSETS[1]] == ["x.JPEG", "y.JPEG"]
    assert raw.read(part[2]) == jpeg(3)
    (root / "train" / f"{SYNSETS[2]}.tar").unlink()
    assert len(listed(root, out).splits["train"]) == 4


@pytest.mark.parametrize("damage", [b"", b"no zip", "cut", "flipped", "version"])
def test_a_damaged_index_is_made_anew(
    damage, tmp_path: Path, walked: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "raw", tmp_path / "out"
    root.mkdir()
    archives(root)
    first, file = everything(listed(root, out)), out / tar_index.NAME
    sound, count = file.read_bytes(), len(walked)
    middle = len(sound) // 2
    flipped = sound[:middle] + bytes([sound[middle] ^ 255]) + sound[middle + 1 :]
    file.write_bytes(
        {"cut": sound[:middle], "flipped": flipped, "version": sound}.get(damage, damage)
    )
    if damage == "version":
        monkeypatch.setattr(tar_index, "FORMAT", 2)
    assert everything(listed(root, out)) == first
    assert len(walked) == 2 * count
    assert everything(listed(root, out)) == first
    assert len(walked) == 2 * count


def test_few_images_are_not_worth_keeping(tmp_path: Path) -> None:
    archives(tmp_path)
    listed(tmp_path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_tasks_that_begin_together_walk_once(tmp_path: Path, walked: list) -> None:
    """The first holds the lock until it has kept what it walked; the second waits for that."""
    root, out = tmp_path / "raw", tmp_path / "out"
    root.mkdir()
    archives(root)
    results: list[RawSet] = []
    with tar_index.kept(out) as tars:
        first = raw.detect(root, tars=tars)
        count = len(walked)
        second = threading.Thread(target=lambda: results.append(listed(root, out)))
        second.start()
        second.join(0.3)
        assert second.is_alive() and len(walked) == count
    second.join()
    assert len(walked) == count
    assert everything(results[0]) == everything(first)
