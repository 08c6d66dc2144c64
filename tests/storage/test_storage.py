"""Paths and URLs, what a URL may carry, retries, and checks, without a server."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tiny_layouts import kaggle
from tiny_raw import contents, make_raw

from imagenet_tools import raw, records, storage
from imagenet_tools.cli.main import run
from imagenet_tools.errors import Unfinished
from imagenet_tools.storage import delivery, stores, write

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(storage.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(stores, "WAIT", 0.001)
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("path", "remote", "normal"),
    [
        ("records", False, "records"),
        ("/a/b", False, "/a/b"),
        ("C:\\a", False, "C:\\a"),
        ("file:///a/b%20c", False, "/a/b c"),
        ("s3://bucket/a/", True, "s3://bucket/a"),
        ("hf://datasets/me/set@main/data", True, "hf://datasets/me/set@main/data"),
        ("abfs://container@account.host/a", True, "abfs://container@account.host/a"),
    ],
)
def test_what_is_remote(path: str, remote: bool, normal: str) -> None:
    assert storage.is_remote(path) is remote
    assert storage.normal(path) == normal


@pytest.mark.parametrize("url", ["s3://", "gs://", "hf:///a", "http:///a", "://bucket/a"])
def test_a_url_of_no_bucket_is_refused_before_anybody_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match="is neither a path nor a URL such as"):
        storage.normal(url)


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@bucket/a",
        f"s3://{SECRET}@bucket/a",
        f"https://host/a.tar?X-Amz-Signature={SECRET}",
        f"sftp://me:{SECRET}@host/a",
    ],
)
def test_a_url_with_a_secret_is_refused_and_the_secret_not_repeated(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="carries a user, a password or a query") as caught:
        raw.detect(url)
    assert SECRET not in str(caught.value)
    for flag in ([], ["--debug"]):
        arguments = ["build-tfrecords", "--raw", url, "--out", str(tmp_path / "out"), *flag]
        assert run(arguments) == 2
        shown = capfd.readouterr()
        assert SECRET not in shown.out + shown.err
        assert "***" in shown.err


def test_redaction_inside_a_text() -> None:
    text = f"GET 'https://me:{SECRET}@host/x?sig={SECRET}' failed; see s3://b/x and a?b"
    assert storage.redact(text) == "GET 'https://***@host/x?***' failed; see s3://b/x and a?b"
    word = "x" * 200_000  # seconds, not hours
    assert storage.redact(f"{word}://u:p@h {word}") == f"{word}://***@h {word}"


def test_file_urls_are_local_paths(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "raw")
    plain = records.build(raw.detect(folder), tmp_path / "plain", workers=1)
    found = raw.detect(folder.as_uri())
    assert found.splits["train"].containers[0] == str(folder / "train" / "ant")
    through = records.build(found, (tmp_path / "through").as_uri(), workers=1)
    assert through == plain
    assert contents(tmp_path / "through") == contents(tmp_path / "plain")
    assert not (tmp_path / "cache").exists()


def test_local_paths_import_no_store(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    code = (
        "import sys; from imagenet_tools import raw, records; "
        f"records.build(raw.detect({str(tmp_path / 'raw')!r}), {str(tmp_path / 'out')!r}, "
        "workers=1); print([name for name in ('fsspec', 'aiohttp', 'botocore') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_snapshot_is_one_state_and_asks_for_each_folder_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    folders = {
        "s3://b/raw": [("train", "directory"), ("both", "file"), ("both", "directory")],
        "s3://b/raw/train": [("a.jpg", "file")],
    }

    def listing(url: str) -> list[dict[str, Any]]:
        asked.append(f"list {url}")
        return [{"name": f"{url[5:]}/{name}", "type": kind} for name, kind in folders[url]]

    def info(url: str) -> dict[str, Any]:
        asked.append(f"look {url}")
        return {"name": url, "type": "directory"}

    monkeypatch.setattr(stores, "listing", listing)
    monkeypatch.setattr(stores, "info", info)
    raw_folder = storage.place("s3://b/raw/")
    with storage.snapshot_of("s3://b/raw/"):
        for _ in range(2):
            assert raw_folder.is_dir() and (raw_folder / "train").is_dir()
            assert (raw_folder / "both").is_file()
            assert not (raw_folder / "val" / "x.csv").exists()
            assert [one.name for one in (raw_folder / "train").iterdir()] == ["a.jpg"]
            assert (raw_folder / "train" / "a.jpg").is_file()
            with pytest.raises(FileNotFoundError, match="s3://b/raw/train/b.jpg"):
                (raw_folder / "train" / "b.jpg").stat()
        assert asked == ["look s3://b/raw", "list s3://b/raw", "list s3://b/raw/train"]
        assert storage.place("s3://b/rawer").exists() and asked[3:] == ["look s3://b/rawer"]
    assert raw_folder.exists() and asked[4:] == ["look s3://b/raw"]


def fails(times: int, error: Exception):
    """Something that fails so many times and then gives its number of calls."""
    calls = []

    def call() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return call


def test_who_leaves_requests_ahead_does_not_wait_for_them() -> None:
    """A generator that is left is closed by the garbage collector, which may be anywhere."""
    answered, closed = threading.Event(), threading.Event()
    stream = storage.ahead(lambda at: at and answered.wait(600), range(9), remote=True, at_once=2)
    assert next(stream)() == 0

    def leave() -> None:
        stream.close()
        closed.set()

    threading.Thread(target=leave, daemon=True).start()
    try:
        assert closed.wait(60)
    finally:
        answered.set()


def test_transient_failures_are_tried_again_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(stores.time, "sleep", waits.append)
    monkeypatch.setattr(stores, "WAIT", 1.0)
    assert stores.ask("x", fails(stores.TRIES - 1, ConnectionResetError("gone"))) == stores.TRIES
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits)] == [True] * 4
    with pytest.raises(Unfinished, match="x: 5 tries failed, the last with TimeoutError: late"):
        stores.ask("x", fails(99, TimeoutError("late")))


@pytest.mark.parametrize("error", [FileNotFoundError("a"), PermissionError("b"), ValueError("c")])
def test_other_failures_are_not(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores.time, "sleep", lambda seconds: pytest.fail("it waited"))
    with pytest.raises(type(error), match=f"s3://b/x: {type(error).__name__}: {error}"):
        stores.ask("s3://b/x", fails(99, error))


def test_what_a_store_cannot_do_is_said() -> None:
    with pytest.raises(OSError, match="https://h/x was not written: such a store cannot do that"):
        stores.ask("https://h/x was not written", fails(99, NotImplementedError()))
    with pytest.raises(TypeError, match="^a defect$"):
        stores.ask("https://h/x", fails(99, TypeError("a defect")))


def test_a_libraries_error_leaves_no_credentials_behind() -> None:
    class StoreError(Exception):
        pass

    error = StoreError(f"403 for https://me:{SECRET}@cdn/x?X-Amz-Signature={SECRET}")
    with pytest.raises(Unfinished) as caught:
        stores.ask("s3://b/x", fails(99, error))
    assert SECRET not in str(caught.value)
    assert "https://***@cdn/x?***" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_missing_libraries_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    stores._filesystem.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        ImportError, match=r"reached through fsspec.*pip install 'imgtools\[cloud\]'"
    ):
        raw.detect("s3://bucket/a")
    stores._filesystem.cache_clear()


def test_hub_urls_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra [cloud] is not installed")
    stores._filesystem.cache_clear()
    registry = sys.modules[f"{fsspec.__name__}.registry"]
    monkeypatch.setattr(registry, "_registry", {})
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"library for hf:// .*pip install 'imgtools\[cloud\]'"):
        raw.detect("hf://datasets/me/set")
    stores._filesystem.cache_clear()


def test_hub_urls_go_to_the_hub() -> None:
    pytest.importorskip("huggingface_hub", reason="the extra [cloud] is not installed")
    fs, path = stores.filesystem("hf://datasets/me/set/data")
    assert type(fs).__name__ == "HfFileSystem"
    assert path == "datasets/me/set/data"


def test_unknown_stores_are_named() -> None:
    pytest.importorskip("fsspec", reason="the extra [cloud] is not installed")
    with pytest.raises(ValueError, match="nowhere://bucket: no such kind of store"):
        raw.detect("nowhere://bucket/a")


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec", reason="the extra [cloud] is not installed")
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def test_kaggles_boxes_of_a_store(memory, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    kaggle(tmp_path / "raw")
    memory.put(str(tmp_path / "raw"), "/raw", recursive=True)
    here, there = (raw.detect(place) for place in (tmp_path / "raw", "memory://raw"))
    assert there.boxes_source == here.boxes_source != ""
    assert there.splits["validation"].boxes == here.splits["validation"].boxes


def test_a_build_in_memory(memory, tmp_path: Path) -> None:
    """A store without digests of its own: what was sent is read back."""
    folder = make_raw(tmp_path / "raw")
    memory.put(str(folder), "/raw", recursive=True)
    plain = records.build(raw.detect(folder), tmp_path / "plain", workers=1, train_shards=3)
    found = raw.detect("memory://raw")
    assert records.build(found, "memory://out", workers=1, train_shards=3) == plain
    expected = {f"/out/{name}": data for name, data in contents(tmp_path / "plain").items()}
    stored = {name: memory.cat_file(name) for name in memory.find("/out")}
    assert stored.pop("/out/.imgtools-sources")  # which `contents` leaves out: times
    assert stored == expected
    report = records.verify("memory://out", workers=1)
    assert (report.problems, report.records) == ((), {"train": 24, "validation": 9})


def test_a_store_that_mangles_is_caught_by_reading_back(
    memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"what was meant")
    memory.pipe_file("/out/x", b"what was there")
    put = type(memory).put_file
    monkeypatch.setattr(
        type(memory),
        "put_file",
        lambda self, local, path, **kw: self.pipe_file(path, b"what was heard"),
    )
    with pytest.raises(Unfinished, match="the bytes that arrived are not those that were sent"):
        storage.publish(tmp_path / "x", "memory://out/x")
    assert {name: memory.cat_file(name) for name in memory.find("/out")} == {
        "/out/x": b"what was there"
    }
    monkeypatch.setattr(type(memory), "put_file", put)
    storage.publish(tmp_path / "x", "memory://out/x")
    assert memory.cat_file("/out/x") == b"what was meant"
    assert not (tmp_path / "x").exists()


def test_etags_that_are_no_digest_do_not_refuse_good_uploads(
    memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted buckets have ETags that look like an MD5 and are none."""
    look = type(memory).info
    monkeypatch.setattr(
        type(memory), "info", lambda self, p, **kw: {**look(self, p, **kw), "ETag": '"' + "0" * 32}
    )
    (tmp_path / "x").write_bytes(b"data")
    storage.publish(tmp_path / "x", "memory://out/x")
    assert memory.cat_file("/out/x") == b"data"


def test_parts_have_the_etag_that_s3_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PART", 5)
    (tmp_path / "x").write_bytes(b"aaaaabbbbbcc")
    # md5(md5(aaaaa) + md5(bbbbb) + md5(cc)), three parts
    assert delivery.digests(str(tmp_path / "x")) == (
        12,
        "e5acda5b40725929d78504ae35c5da02",
        "e054baf8a790fa129a28b08515440e3e-3",
    )


def test_a_full_disk_is_refused_before_fetching(
    memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_raw(tmp_path / "raw")
    records.build(raw.detect(folder), "memory://out", workers=1)
    from imagenet_tools.storage import kept

    monkeypatch.setattr(kept.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(OSError, match=f"0.0 GB are free; {storage.CACHE} names another folder"):
        records.shard_paths("memory://out", "train")


def test_manifests_name_no_cache(memory, tmp_path: Path) -> None:
    """What a manifest says of an image is where it came from, not where it passed through."""
    folder = make_raw(tmp_path / "raw")
    (folder / "train" / "ant" / "ant_train_0.JPEG").write_bytes(b"no image")
    memory.put(str(folder), "/raw", recursive=True)
    settings = records.Settings(on_damaged="skip")
    records.build(raw.detect("memory://raw"), "memory://out", workers=1, settings=settings)
    manifest = json.loads(memory.cat_file("/out/imgtools_manifest.json"))
    assert [note["path"] for note in manifest["skipped"]] == [
        "memory://raw/train/ant/ant_train_0.JPEG"
    ]
    assert str(tmp_path) not in json.dumps(manifest)


def test_a_full_disk_names_the_file_and_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write.write_text(tmp_path / "report.json", "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*report.json"):
        write.write_saved(tmp_path / "report.json", lambda file: file.write(b"new"))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_text_with_a_files_name_is_written_whatever_its_bytes(tmp_path: Path) -> None:
    write.write_text(tmp_path / "a.csv", "é/\udcff.jpg")
    assert (tmp_path / "a.csv").read_bytes() == "é/".encode() + b"\xff.jpg"
