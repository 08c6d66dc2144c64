"""Apache Beam as the engine: the bytes of the local one, whatever is repeated or killed."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_raw import contents, encoded, make_raw, picture
from waiting import PATIENCE, wait_for

from imagenet_tools import raw, records, storage
from imagenet_tools.cli import main as cli_main
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw.boxes import PixelBox
from imagenet_tools.raw.image import RawImage
from imagenet_tools.records import beam, builder, sources
from imagenet_tools.records.manifest import Shard
from imagenet_tools.records.shard import ShardResult, ShardTask, build_shard

needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None,
    reason="Apache Beam is an extra: pip install 'imgtools[beam]'",
)
SHARDS = {"train_shards": 5, "validation_shards": 2}
TWO_PROCESSES = "runner=DirectRunner,direct_num_workers=2,direct_running_mode=multi_processing"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    records.build(raw.detect(images), out, workers=1, index="dali", **SHARDS)
    return contents(out)


def build(images: Path, out: Path | str, options: str = "", function: Any = build_shard) -> None:
    def engine(once: Callable, tasks: Any, workers: int) -> Any:
        parsed = beam.pipeline_options(options)
        return beam.run(once, tasks, workers, options=parsed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "build_shard", function)
        records.build(raw.detect(images), out, index="dali", engine=engine, **SHARDS)


@needs_beam
@pytest.mark.parametrize("options", ["", "runner=DirectRunner", TWO_PROCESSES])
def test_the_bytes_are_those_of_the_local_engine(
    images: Path, whole: dict[str, bytes], tmp_path: Path, options: str
) -> None:
    build(images, tmp_path, options)
    assert contents(tmp_path) == whole


@needs_beam
def test_records_go_into_a_store(
    images: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec", reason="stores are an extra: pip install 'imgtools[cloud]'")
    monkeypatch.setenv(storage.CACHE, str(tmp_path / "cache"))
    out = "memory://test-beam/records"
    build(images, out)
    place = storage.place(out)
    files = (one for one in place.rglob("*") if one.name != sources.NAME)
    found = {str(one.relative_to(place)): one.read_bytes() for one in files}
    assert found == whole
    storage.remove_tree(place)


def counted(log: str, task: ShardTask) -> ShardResult:
    with open(log, "a", encoding="ascii") as file:
        file.write(f"{os.path.basename(task.path)}\n")
    return build_shard(task)


@needs_beam
def test_a_bundle_that_is_repeated_does_nothing_twice(
    images: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    repeated = functools.partial(counted, str(log))
    build(images, tmp_path / "out", "direct_runner_bundle_repeat=2", repeated)
    assert contents(tmp_path / "out") == whole
    assert sorted(log.read_text().split()) == sorted(name for name in whole if "-of-" in name[-9:])


def fails_at_first(folder: str, task: ShardTask) -> ShardResult:
    """Fail at the first attempt of the third shard, when half of it is written."""
    mark = Path(folder) / "failed"
    if "00002" in task.path and not mark.exists():
        mark.touch()
        task = ShardTask(**{**vars(task), "images": (*task.images[:2], _GONE)})
    return build_shard(task)


_GONE = RawImage("train", "gone.JPEG", "ant", 1, "/nowhere/gone.JPEG")


@needs_beam
def test_a_pipeline_that_failed_goes_on(
    images: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    function = functools.partial(fails_at_first, str(tmp_path))
    with pytest.raises(Unfinished, match=r"00002-of-00005 was not written: .*gone.JPEG cannot be"):
        build(images, out, function=function)
    before = {path.name: path.stat().st_ino for path in out.glob("*-of-*")}
    assert 0 < len(before) < 7 and not list(out.glob(".tmp-*"))
    build(images, out, function=function)
    assert contents(out) == whole
    after = {path.name: path.stat().st_ino for path in out.glob("*-of-*")}
    assert {name: after[name] for name in before} == before


@needs_beam
def test_damage_is_listed(images: Path, tmp_path: Path) -> None:
    damaged = make_raw(tmp_path / "raw")
    for index in (3, 4):
        (damaged / "train" / "ant" / f"ant_train_{index}.JPEG").write_bytes(b"\xff\xd8 no")
    with pytest.raises(DamagedData, match=r"2 damaged image(?s:.*)ant_train_3(?s:.*)ant_train_4"):
        build(damaged, tmp_path / "out")
    assert 7 - len(list((tmp_path / "out").glob("*-of-*"))) in (1, 2)


def test_a_task_on_its_way_keeps_boxes_in_pixels(images: Path, tmp_path: Path) -> None:
    boxes = (PixelBox(1, 2, 30, 40), (0.0, 0.0, 0.5, 1.0))
    image = raw.detect(images).splits["train"][0]._replace(boxes=boxes)
    note = str(tmp_path / "note.json")
    task = ShardTask("a", (image,), {"ant": "ant"}, records.Settings(), note_path=note)
    taken = beam._load(beam._store(task))
    assert taken == task
    assert [type(box) for box in taken.images[0].boxes] == [PixelBox, tuple]


def does_nothing(task: ShardTask) -> ShardResult:
    return ShardResult(Shard(os.path.basename(task.path), 1, 1, ""), {})


@needs_beam
def test_workers_that_see_another_folder_are_said(images: Path, tmp_path: Path) -> None:
    with pytest.raises(Unfinished, match="do its workers see this folder"):
        build(images, tmp_path, function=does_nothing)


@needs_beam
def test_options_that_beam_refuses_are_said(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="Unexpected pipeline runner: Nobody"):
        build(images, tmp_path, "runner=Nobody")
    with pytest.raises(ValueError, match="does not take these pipeline options: direct_num_work"):
        beam.pipeline_options("direct_num_workers=many")
    assert "invalid int value: 'many'" in capsys.readouterr().err
    parsed = beam.pipeline_options("runner=FlinkRunner, --parallelism=3").get_all_options()
    assert (parsed["runner"], parsed["parallelism"]) == ("FlinkRunner", 3)


@needs_beam
def test_a_worker_is_killed_and_then_the_driver(tmp_path: Path) -> None:
    """Beam's local runner does not notice that a worker died; the same command goes on."""
    images, out = tmp_path / "raw", tmp_path / "out"
    data = [encoded(picture(seed, 320, 240), quality=95) for seed in range(4)]
    for name in ("ant", "bee"):
        (images / "train" / name).mkdir(parents=True)
        for index in range(400):
            (images / "train" / name / f"{name}{index}.JPEG").write_bytes(data[index % 4])
    settings = records.Settings(verify="decode")
    local = records.build(
        raw.detect(images),
        tmp_path / "local",
        train_shards=20,
        settings=settings,
        workers=1,
        splits=["train"],
    )
    command = [sys.executable, "-m", "imagenet_tools", "build-tfrecords", "--raw", str(images)]
    command += ["--out", str(out), "--train-shards", "20", "--verify", "decode"]
    command += ["--split", "train"]
    command += ["--engine", "beam", "--beam-pipeline-options", TWO_PROCESSES]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: len(list(out.glob("train-*"))) >= 3, "three shards")
    harnesses = workers(process.pid)
    assert len(harnesses) == 2
    os.kill(harnesses[0], signal.SIGKILL)
    wait_for(lambda: len(list(out.glob("train-*"))) >= 6, "six shards")
    process.kill()
    process.communicate()
    wait_for(lambda: not workers(process.pid), "the workers to end with their driver")
    sizes = {shard.file: shard.bytes for shard in local.splits["train"].shards}
    before = {path.name: path.stat() for path in out.glob("train-*")}
    assert 6 <= len(before) < 20
    assert {name: stat.st_size for name, stat in before.items()}.items() <= sizes.items()
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert contents(out) == contents(tmp_path / "local")
    for name, stat in before.items():
        assert (out / name).stat().st_ino == stat.st_ino  # not done twice


def workers(session: int) -> list[int]:
    """Beam's worker processes of a session."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            own = os.getsid(int(place.name)) == session
            if own and b"apache_beam.runners.worker.sdk_worker_main" in words:
                found.append(int(place.name))
        except OSError:
            continue
    return found


def test_a_task_is_stored_whole(tmp_path: Path) -> None:
    """Names that are no UTF-8, boxes, settings."""
    strange = RawImage("train", "\udcff\u00e4.JPEG", "ant", 2, "/raw/\udcff", 7, 8, 9)
    boxed = RawImage("train", "b.JPEG", "bee", 1, "/raw/b", boxes=((0.0, 0.1, 0.5, 1.0),))
    note = str(tmp_path / "train-00000-of-00001.json")
    settings = records.Settings(max_side=64, verify="decode")
    task = ShardTask("/out/train", (strange, boxed), {"ant": "\u00e4"}, settings, note, "/index")
    path = beam._store(task)
    assert path == str(tmp_path / "train-00000-of-00001.task")
    assert beam._load(path) == task


def test_beam_is_an_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], images: Path
) -> None:
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    command = ["build-tfrecords", "--raw", str(images), "--out", str(images / "out")]
    assert cli_main.run([*command, "--engine", "beam"]) == 1
    assert "pip install 'imgtools[beam]'" in capsys.readouterr().err
    assert cli_main.run([*command, "--beam-pipeline-options", "runner=DirectRunner"]) == 2
    assert "give --engine beam with them" in capsys.readouterr().err
