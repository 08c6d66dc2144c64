"""Raw data, records and builds in S3: a real server on loopback, and one that fails."""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from faulty_store import SECRET, Proxy, Request, bucket
from tiny_layouts import archives, class_tars, folders, jpeg, kaggle, lists, tar
from tiny_raw import contents, make_raw

from imagenet_tools import labels, raw, records, storage
from imagenet_tools.cli.main import run
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw import parquet, tar_index
from imagenet_tools.raw.archives import TRAIN
from imagenet_tools.records import cache, inspection, shards
from imagenet_tools.storage import delivery, kept, stores, sync

SHARDS = {"train_shards": 4, "validation_shards": 2}


@pytest.fixture
def s3(server: Proxy, tmp_path: Path) -> Iterator[Any]:
    """The file system of a new bucket, `s3.bucket`; the server is well again afterwards."""
    name = f"bucket-{hashlib.md5(str(tmp_path).encode()).hexdigest()[:10]}"
    with bucket(server, name, tmp_path / "cache") as fs:
        fs.bucket = name
        yield fs


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("images"), train=4, validation=2)


@pytest.fixture(scope="module")
def sent(server: Proxy, images: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The images in a bucket that no test changes."""
    with bucket(server, "images", tmp_path_factory.mktemp("cache")) as fs:
        fs.put(str(images), "images/raw", recursive=True)
    return "s3://images/raw"


@pytest.fixture(scope="module")
def built(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What any build of the images must come to."""
    out = tmp_path_factory.mktemp("built")
    records.build(raw.detect(images), out, workers=1, index="dali", **SHARDS)
    return out


def stored(s3: Any, folder: str) -> dict[str, bytes]:
    """Every object below a folder of the bucket, but the times of raw files (as `contents`)."""
    root = f"{s3.bucket}/{folder}/"
    names = [name for name in s3.find(root) if not name.endswith("/.imgtools-sources")]
    return {name.removeprefix(root): s3.cat_file(name) for name in names}


def shards_of(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*-of-*")}


def write_parquet(root: Path, **options: Any) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    writer = pytest.importorskip("pyarrow.parquet")
    (root / "data").mkdir()
    for split, count in (("train", 5), ("validation", 2)):
        rows = [{"image": {"bytes": jpeg(30 + i)}, "label": i % 2} for i in range(count)]
        table = pyarrow.Table.from_pylist(rows)
        writer.write_table(table, root / "data" / f"{split}-00000-of-00001.parquet", **options)


@pytest.mark.parametrize("layout", [archives, kaggle, lists, folders, write_parquet])
def test_every_layout_is_read_from_a_store(
    layout: Callable[[Path], None], s3: Any, tmp_path: Path
) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    layout(root)
    (root / "bbox.csv").write_text("ILSVRC2012_val_00000001.JPEG,0.1,0.2,0.5,0.6\n")
    s3.put(str(root), f"{s3.bucket}/raw", recursive=True)
    here, there = raw.detect(root), raw.detect(f"s3://{s3.bucket}/raw")
    assert there.description == here.description.replace(str(root), f"s3://{s3.bucket}/raw")
    assert there.boxes_source == here.boxes_source
    for split, part in here.splits.items():
        other = there.splits[split]
        assert list(other.keys()) == list(part.keys())
        assert other.labels.tolist() == part.labels.tolist()
        pictures = [part[index] for index in range(len(part))]
        away = [other[index] for index in range(len(other))]
        assert [read()[0] for read in raw.reads(away)] == [raw.read(one) for one in pictures]
        assert [one.boxes for one in away] == [one.boxes for one in pictures]


def test_xml_boxes_of_a_store(s3: Any) -> None:
    text = (
        "<annotation><size><width>10</width><height>20</height></size><object><bndbox>"
        "<xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>10</ymax></bndbox></object></annotation>"
    )
    s3.pipe_file(f"{s3.bucket}/raw/bboxes/n01/n01_1.xml", text.encode())
    s3.pipe_file(f"{s3.bucket}/raw/train/ant/n01_1.JPEG", jpeg(3))
    (image,) = [raw.detect(f"s3://{s3.bucket}/raw").splits["train"][0]]
    assert image.boxes == ((0.1, 0.1, 0.5, 0.5),)


def test_a_nested_tar_is_not_downloaded(s3: Any, server: Proxy) -> None:
    """Headers and the images asked for are read by range; the rest of the tar stays there."""
    synsets, size = labels.synsets()[:8], 400_000
    inner = {
        f"{synset}.tar": tar({f"{synset}_{i}.JPEG": bytes(size) for i in range(5)})
        for synset in synsets
    }
    whole = tar(inner)
    s3.pipe_file(f"{s3.bucket}/raw/ILSVRC2012_img_train.tar", whole)
    server.reset()
    found = raw.detect(f"s3://{s3.bucket}/raw").splits["train"]
    assert len(found) == 40
    # Headers of 8 tars and 40 images, and the 10 kB that end each tar; no image's bytes.
    assert server.served < 150_000 < 0.01 * len(whole)
    assert len(server.requests) < 110
    server.reset()
    assert raw.read(found[17]) == bytes(size)
    assert size <= server.served < size + 2000
    assert len(server.requests) == 1


@pytest.mark.parametrize("layout", [archives, class_tars])
def test_another_task_asks_a_store_for_no_tars_headers(
    layout: Callable[[Path], None], s3: Any, server: Proxy, tmp_path: Path
) -> None:
    root, url, out = tmp_path / "raw", f"s3://{s3.bucket}/raw", f"s3://{s3.bucket}/out"
    root.mkdir()
    layout(root)
    s3.put(str(root), f"{s3.bucket}/raw", recursive=True)

    def task(number: int) -> int:
        server.reset()
        with tar_index.kept(out) as tars:
            found = raw.detect(url, tars=tars)
        asked = sum(one.key.endswith(".tar") and one.method == "GET" for one in server.requests)
        records.build_slice(found, out, Slice(number, 2), workers=1, **SHARDS)
        return asked

    assert task(0) > 9  # a header of each image at least
    assert task(1) == 0
    manifest = records.finalize(out)
    assert manifest.digest == records.build(raw.detect(root), tmp_path / "here", **SHARDS).digest
    name = f"{s3.bucket}/raw/" + ("train/n01440764.tar" if layout is class_tars else TRAIN)
    s3.pipe_file(name, tar({}) + s3.cat_file(name))  # another one
    assert task(0) > 0


def test_a_parquet_file_is_fetched_once_however_its_rows_are_dealt_out(
    s3: Any,
    server: Proxy,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Row groups of one image, shuffled: one request a file, and none the second time."""
    root, url = tmp_path / "raw", f"s3://{s3.bucket}/raw"
    root.mkdir()
    write_parquet(root, row_group_size=1)
    s3.put(str(root), f"{s3.bucket}/raw", recursive=True)
    expected = records.build(raw.detect(root), tmp_path / "local", workers=1, **SHARDS)
    found = raw.detect(url)
    assert parquet.to_copy(found) == sum(path.stat().st_size for path in root.rglob("*.parquet"))
    for out, requests in (("one", 2), ("two", 0)):
        server.reset()
        assert records.build(found, tmp_path / out, workers=1, **SHARDS) == expected
        got = [one for one in server.requests if one.method == "GET"]
        assert sum(one.key.endswith(".parquet") for one in got) == requests
        assert len(got) == requests + 2  # the folder is listed before and after
    assert parquet.to_copy(found) == 0
    monkeypatch.setenv(storage.CACHE, str(tmp_path / "another"))
    assert run(["build-tfrecords", "--raw", url, "--out", str(tmp_path / "three")]) == 0
    assert f"to be copied to {tmp_path / 'another'}: 0.000 GB" in capfd.readouterr().err
    server.reset()
    raw.read(found.splits["train"][0])  # a look at one image copies nothing
    assert server.served < 20_000 and len(list((tmp_path / "another").rglob("*.parquet"))) == 2


def test_a_copy_that_is_not_the_object_is_not_kept(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, data = f"s3://{s3.bucket}/x.parquet", os.urandom(1000)
    s3.pipe_file(url, data)
    download = stores.download

    def mangled(url: str, target: str) -> None:
        download(url, target)
        Path(target).write_bytes(bytes(1000))

    with monkeypatch.context() as broken:
        broken.setattr(stores, "download", mangled)
        with pytest.raises(DamagedData, match="is not what the store's digest is of"):
            kept.copy(url)
    assert Path(kept.copy(url)).read_bytes() == data
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(kept.shutil, "disk_usage", lambda path: usage)
    s3.pipe_file(url, data[::-1])  # another object now
    with pytest.raises(OSError, match=f"0.0 GB are free; {storage.CACHE} names another folder"):
        kept.copy(url)


def test_a_truncated_tar_in_a_store_is_named(s3: Any) -> None:
    data = tar({"ILSVRC2012_val_00000001.JPEG": bytes(5000)})
    s3.pipe_file(f"{s3.bucket}/raw/ILSVRC2012_img_val.tar", data[:3000])
    with pytest.raises(DamagedData, match=r"img_val.tar: truncated: .* wants 5,000 bytes"):
        raw.detect(f"s3://{s3.bucket}/raw")


def test_folders_are_listed_and_not_looked_up_image_by_image(
    s3: Any, server: Proxy, tmp_path: Path
) -> None:
    """The number of requests depends on the folders, not on the images in them; nor does any ask
    for the fifty names of files that data sets of other layouts have."""
    counts = []
    for images in (2, 11):
        make_raw(tmp_path / str(images), train=images)
        s3.put(str(tmp_path / str(images)), f"{s3.bucket}/{images}", recursive=True)
        server.reset()
        assert len(raw.detect(f"s3://{s3.bucket}/{images}").splits["train"]) == 3 * images
        counts.append(len(server.requests))
        assert not any(request.key.endswith(".JPEG") for request in server.requests)
    assert counts[0] == counts[1] < 20


def test_a_build_in_a_store_has_the_bytes_of_a_local_one(
    sent: str, s3: Any, server: Proxy, built: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = f"s3://{s3.bucket}/records"
    arguments = ["build-tfrecords", "--raw", sent, "--out", out, "--workers", "1"]
    shards = ["--train-shards", "4", "--validation-shards", "2", "--index", "dali"]
    assert run([*arguments, *shards]) == 0
    assert stored(s3, "records") == contents(built)
    finals = [r.key.rpartition("/")[2] for r in server.requests if r.copy_of]
    assert finals[-1] == records.NAME  # the manifest is last
    assert not [p for p in storage.cache_folder().rglob("*-of-*") if p.is_file()]
    assert run([*arguments, *shards]) == 0
    assert "it was complete already" in capfd.readouterr().out
    assert run(["inspect", out]) == 0
    assert "records built from class folders" in capfd.readouterr().out
    assert run(["verify-tfrecords", out, "--workers", "1"]) == 0
    assert "12 train, 6 validation records read, nothing wrong" in capfd.readouterr().out
    assert inspection.inspect(sent).splits["train"].formats == {"JPEG RGB": 12}


@pytest.mark.parametrize(
    ("layout", "name", "grey"),
    [
        (folders, "val/ILSVRC2012_val_00000001.JPEG", 200),
        (archives, "ILSVRC2012_img_val.tar", 200),
        (write_parquet, "data/train-00000-of-00001.parquet", 30),
    ],
    ids=["folders", "archives", "parquet"],
)
def test_raw_data_replaced_in_a_store_are_named(
    layout: Callable[..., None], name: str, grey: int, s3: Any, tmp_path: Path
) -> None:
    """By the ETags that listings tell, where size and names are the same."""
    root, url, out = tmp_path / "raw", f"s3://{s3.bucket}/raw", tmp_path / "out"
    root.mkdir()
    layout(root, **({"compression": "none"} if layout is write_parquet else {}))
    s3.put(str(root), f"{s3.bucket}/raw", recursive=True)
    records.build(raw.detect(url), out, workers=1)
    records.build(raw.detect(url), out, workers=1)  # complete already
    data = (root / name).read_bytes()
    changed = data.replace(jpeg(grey), jpeg(grey + 1), 1)
    assert changed != data and len(changed) == len(data)
    s3.pipe_file(f"{s3.bucket}/raw/{name}", changed)
    with pytest.raises(ValueError, match=r"complete, but 1 raw image\(s\) \("):
        records.build(raw.detect(url), out, workers=1)


def test_damage_in_a_store_is_found_and_mended(
    sent: str, s3: Any, images: Path, built: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = f"s3://{s3.bucket}/records"
    records.build(raw.detect(images), out, workers=1, index="dali", **SHARDS)
    shard = f"{s3.bucket}/records/train-00002-of-00004"
    s3.pipe_file(shard, s3.cat_file(shard)[:-9])
    s3.rm_file(f"{s3.bucket}/records/validation-00001-of-00002")
    assert run(["verify-tfrecords", out, "--workers", "1"]) == 3
    shown = capfd.readouterr().out
    assert "train-00002-of-00004: record 2" in shown
    assert "validation-00001-of-00002: it is missing" in shown
    with pytest.raises(DamagedData, match=rf"{out}/train-00002-of-00004: .*repair-tfrecords {out}"):
        records.shard_paths(out, "train")
    assert run(["repair-tfrecords", out, "--raw", sent, "--workers", "1"]) == 0
    assert stored(s3, "records") == contents(built)


def test_slices_meet_in_a_store(
    s3: Any, images: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slice on a machine of its own: nothing but the store is common to them."""
    out, found = f"s3://{s3.bucket}/records", raw.detect(images)
    for index in (2, 0):
        monkeypatch.setenv(storage.CACHE, str(tmp_path / f"machine-{index}"))
        part = Slice(index, 3)
        records.build_slice(found, out, part, workers=1, index="dali", **SHARDS)
    monkeypatch.setenv(storage.CACHE, str(tmp_path / "driver"))
    with pytest.raises(Unfinished, match=r"2 of 6 shards are missing: .*slices to run again: 1/3"):
        records.finalize(out)
    records.build_slice(found, out, Slice(1, 3), workers=1, index="dali", **SHARDS)
    assert run(["finalize", out]) == 0
    assert stored(s3, "records") == contents(built)


def watch(server: Proxy, s3: Any, folder: Path) -> list[str]:
    """Fill a list with the objects that ever stood under a shard's own name with other bytes."""
    wrong: list[str] = []
    right = {name: data for name, data in contents(folder).items() if "-of-" in name}
    origin = stores_origin(server)

    def look(request: Request) -> None:
        name = request.key.rpartition("/")[2]
        if request.method == "PUT" and name in right and "journal" not in request.key:
            data = origin(request.key)
            if data is not None and data != right[name]:
                wrong.append(request.key)

    server.after = look
    return wrong


def stores_origin(server: Proxy) -> Callable[[str], bytes | None]:
    """Read an object past the proxy, and without a client, which takes long to be made."""
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/us-east-1/s3/aws4_request"
    owner = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}  # moto reads no signature

    def get(key: str) -> bytes | None:
        origin = http.client.HTTPConnection("127.0.0.1", server.origin, timeout=600)
        origin.request("GET", f"/{quote(key)}", headers=owner)
        answer = origin.getresponse()
        data = answer.read()
        origin.close()
        assert answer.status in (200, 404)
        return data if answer.status == 200 else None

    return get


def every(count: int, fault: str, which: Callable[[Request], bool] = lambda r: True):
    """A fault that befalls every count-th of the requests that are meant."""
    seen: list[int] = []

    def choose(request: Request) -> str | None:
        if not which(request):
            return None
        seen.append(request.number)
        return fault if len(seen) % count == 1 else None

    return choose


@pytest.mark.parametrize(
    "fault",
    [
        every(7, "refuse"),
        every(7, "drop"),
        every(7, "lose"),
        every(2, "truncate", lambda request: request.writes),
        every(6, "shorten", lambda request: request.method == "GET"),
    ],
    ids=["503", "dropped", "answer lost", "truncated upload", "short answers"],
)
def test_a_build_survives_a_failing_store(
    fault: Any, sent: str, s3: Any, server: Proxy, built: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = watch(server, s3, built)
    caplog.set_level(logging.INFO)
    server.fault = fault
    records.build(raw.detect(sent), f"s3://{s3.bucket}/records", workers=1, **SHARDS)
    server.reset()
    left = stored(s3, "records")
    expected = {n: d for n, d in contents(built).items() if not n.startswith("index/")}
    assert {n: d for n, d in left.items() if ".tmp-" not in n} == expected
    assert wrong == []
    assert SECRET not in caplog.text


@pytest.mark.parametrize("fault", ["refuse", "truncate"])
def test_a_store_that_stays_bad_ends_with_the_command_that_resumes(
    fault: str,
    s3: Any,
    server: Proxy,
    images: Path,
    built: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After some shards every upload fails: exit code 4; then the same command does the rest."""
    monkeypatch.setattr(stores, "TRIES", 2)
    wrong = watch(server, s3, built)
    done: list[str] = []

    def failing(request: Request) -> str | None:
        if request.copy_of and "-of-" in request.key and "journal" not in request.key:
            done.append(request.key.rpartition("/")[2])
        return fault if len(done) > 4 and request.writes else None

    server.fault = failing
    arguments = ["build-tfrecords", "--raw", str(images), "--out", f"s3://{s3.bucket}/records"]
    arguments += ["--train-shards", "4", "--validation-shards", "2", "--workers", "1"]
    arguments += ["--index", "dali"]
    assert run(arguments) == 4
    message = capfd.readouterr().err
    assert f"s3://{s3.bucket}/records/" in message
    assert "2 tries failed" in message
    assert f"To resume: imgtools build-tfrecords --raw {images}" in message
    assert SECRET not in message
    after = {n: d for n, d in stored(s3, "records").items() if n in shards_of(built)}
    expected = contents(built)
    assert after == {name: expected[name] for name in after}
    assert 0 < len(after) < 6
    server.fault = lambda request: None
    server.requests.clear()
    assert run(arguments) == 0
    again = {r.key.rpartition("/")[2] for r in server.requests if r.copy_of}
    assert not again & set(after)
    assert stored(s3, "records") == expected
    assert wrong == []


@pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_killed_in_the_midst_of_uploads_and_resumed(
    at: int, s3: Any, server: Proxy, images: Path, built: Path
) -> None:
    """kill -9 while an upload is on its way; the same command then does only what is missing."""
    command = ["build-tfrecords", "--raw", str(images), "--out", f"s3://{s3.bucket}/records"]
    command += ["--workers", "2", "--index", "dali"]
    command += ["--train-shards", "4", "--validation-shards", "2"]
    wrong, names, copied = watch(server, s3, built), shards_of(built), set[str]()

    def killing(request: Request) -> str | None:
        """Of six shards, with two workers, one is yet to be sent when the fourth is in place."""
        name = request.key.rpartition("/")[2]
        if name in names and request.copy_of:
            copied.add(name)
        if not request.writes or name.removeprefix(".tmp-").rpartition(".")[0] not in names:
            return None
        if len(copied) >= at:
            os.killpg(process.pid, signal.SIGKILL)
        return "slow"

    server.fault = killing
    program = [sys.executable, "-m", "imagenet_tools", *command]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(program, start_new_session=True, **quiet)
    assert process.wait(600) == -signal.SIGKILL
    time.sleep(0.3)  # what the server had begun
    server.fault = lambda request: None
    before = set(stored(s3, "records")) & shards_of(built)
    assert records.NAME not in stored(s3, "records")
    server.requests.clear()
    assert run(command) == 0
    again = {r.key.rpartition("/")[2] for r in server.requests if r.copy_of}
    assert not again & before
    assert stored(s3, "records") == contents(built)
    assert wrong == []
    staged = [p for p in storage.cache_folder().rglob("*") if p.is_file()]
    assert {path.name for path in staged} <= {".imgtools-lock"}


def test_records_are_fetched_once_and_checked(
    s3: Any, server: Proxy, images: Path, built: Path
) -> None:
    out = f"s3://{s3.bucket}/records"
    records.build(raw.detect(images), out, workers=1, **SHARDS)
    server.reset()
    # The first answers are cut short; one shard is wrong on the way, once.
    server.fault = every(3, "shorten", lambda r: r.method == "GET" and "train-" in r.key)
    paths = records.shard_paths(out, "train")
    assert [Path(path).read_bytes() for path in paths] == [
        (built / Path(path).name).read_bytes() for path in paths
    ]
    server.reset()
    assert records.shard_paths(out, "train") == paths
    assert [r.key.rpartition("/")[2] for r in server.requests] == [records.NAME]
    server.reset()
    first = next(shards.each_shard(out, "validation"))
    fetched = {r.key.rpartition("/")[2] for r in server.requests if r.method == "GET"}
    assert fetched == {records.NAME, Path(first).name}


def test_processes_share_the_cache_and_fetch_a_shard_once(
    s3: Any, server: Proxy, images: Path
) -> None:
    out = f"s3://{s3.bucket}/records"
    records.build(raw.detect(images), out, workers=1, **SHARDS)
    server.reset()
    server.fault = lambda r: "slow" if r.method == "GET" and "train-" in r.key else None
    code = f"from imagenet_tools import records; print(*records.shard_paths({out!r}, 'train'))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said[0] == said[1]
    gets = [r.key for r in server.requests if r.method == "GET" and "train-" in r.key]
    assert len(gets) == len(set(gets)) == 4


def test_what_a_killed_fetch_left_is_cleared(s3: Any, images: Path) -> None:
    out = f"s3://{s3.bucket}/records"
    manifest = records.build(raw.detect(images), out, workers=1, **SHARDS)
    own = cache.folder_of(manifest)
    own.mkdir(parents=True)
    (own / ".tmp-train-00000-of-00004.0badf00d").write_bytes(b"half")
    records.shard_paths(out, "train")
    assert {path.name for path in own.iterdir() if not path.name.startswith(".lock")} == {
        f"train-{at:05d}-of-00004" for at in range(4)
    }


def test_big_files_go_in_parts_and_are_checked_by_their_etag(
    s3: Any, server: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 5 * 2**20  # the least that S3 takes
    monkeypatch.setattr(delivery, "PART", part)
    data = os.urandom(2 * part + 77)
    (tmp_path / "big").write_bytes(data)
    storage.publish(tmp_path / "big", f"s3://{s3.bucket}/big")
    assert sum("partNumber" in r.query for r in server.requests) == 3
    assert not any(r.method == "GET" and r.key.endswith("/big") for r in server.requests)
    assert s3.cat_file(f"{s3.bucket}/big") == data


def test_folders_that_consoles_make_are_neither_images_nor_files(
    s3: Any, server: Proxy, images: Path
) -> None:
    import boto3

    s3.put(str(images), f"{s3.bucket}/raw", recursive=True)
    client = boto3.client("s3", endpoint_url=server.url)
    for name in ("raw/", "raw/train/", "raw/train/ant/", "raw/train/.hidden/"):
        client.put_object(Bucket=s3.bucket, Key=name, Body=b"")
    found = raw.detect(f"s3://{s3.bucket}/raw")
    assert [info.key for info in found.classes] == ["ant", "bee", "cat"]
    assert len(found.splits["train"]) == 12
    local = sync.pull(f"s3://{s3.bucket}/raw")
    assert contents(local) == contents(images)


def test_wrong_keys_and_missing_buckets_are_said_at_once(
    s3: Any, server: Proxy, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores.time, "sleep", lambda seconds: pytest.fail("it waited"))
    assert run(["inspect", "s3://no-such-bucket-here/raw"]) == 2
    assert "s3://no-such-bucket-here/raw: no such file or folder" in capfd.readouterr().err
    assert run(["verify-tfrecords", f"s3://{s3.bucket}/nothing"]) == 2
    assert "holds no records" in capfd.readouterr().err
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    stores._filesystem.cache_clear()
    type(s3).clear_instance_cache()
    assert run(["inspect", f"s3://{s3.bucket}/raw"]) == 1
    assert "credentials come from the store's own settings" in capfd.readouterr().err
    type(s3).clear_instance_cache()


def test_nothing_written_carries_the_secret(s3: Any, images: Path) -> None:
    records.build(raw.detect(images), f"s3://{s3.bucket}/records", workers=1, **SHARDS)
    everything = b"".join(stored(s3, "records").values())
    assert SECRET.encode() not in everything
    assert json.loads(s3.cat_file(f"{s3.bucket}/records/{records.NAME}"))["tool"]
