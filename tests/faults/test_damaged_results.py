"""Files of runs and comparisons that are not as they were written: exit code 3 or 2, with the file
and the way on; whatever stands in them, never a surprise."""

from __future__ import annotations

import copy
import io
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import made_up, reported, scored, undiagnosed

from imagenet_tools.comparison import diagnosed, listed, written
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.plan_file import read_plan, write_plan
from imagenet_tools.comparison.run_result import read_result
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import scores
from imagenet_tools.records import read_manifest
from imagenet_tools.training import run_folder

# What a power cut, an editor or another program leaves in the place of a JSON object.
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(64),
    "cut": b'{"version": 2, "ru',
    "a list": b"[]",
    "null": b"null",
    "a number": b"3",
    "NaN": b"NaN",
    "an object of nothing": b"{}",
    "an object of another": b'{"seeds": {"a": []}, "version": [1], "run": []}',
    "UTF-16": '{"version": 2}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"version": 2}',
    "nested deeply": b'{"version": ' + 100_000 * b"[",
    "a number without end": b'{"version": ' + 10_000 * b"9" + b"}",
}


@pytest.fixture(scope="module")
def compared(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two made-up runs an arm, with its report."""
    place = undiagnosed(tmp_path_factory.mktemp("compared") / "runs")
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    write_plan(made, place)
    for arm, seed in made.runs():
        made_up(made)(place, arm, seed)
    reported(made, place)
    return place


@pytest.fixture
def comparison(compared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(compared, tmp_path / "runs")


RUN = "alexnet/seed-1"
OF_A_COMPARISON = ("plan.json", "report.json", "diagnosis.json", f"{RUN}/result.json")


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("file", OF_A_COMPARISON)
def test_a_file_of_a_comparison_is_named(
    file: str, content: str, comparison: Path, tiny_records: Path, refused: Any
) -> None:
    (comparison / file).write_bytes(CONTENTS[content])
    if file == "diagnosis.json" and content.startswith("an object"):
        return  # another version's: measured anew
    commands = [["compare-runs", comparison]]
    if file in ("plan.json", f"{RUN}/result.json"):
        commands += [["finalize", comparison, "--data", tiny_records]]
    if file == "plan.json":
        commands += [["watch", comparison]]
    another = content.startswith("an object") and file != "report.json"  # version's
    for command in commands:
        if another and file.endswith("result.json") and command[0] == "finalize":
            refused(command, 4, "alexnet seed 1")  # to be evaluated anew
        else:
            refused(command, 2 if another else 3, file)
    listed.comparisons(comparison.parent)


def values() -> Iterator[Any]:
    yield from (None, True, -1, 3.5, float("nan"), 10**400, "x", "", [], [[]], {}, {"x": 1})


def spoilt(content: Any, depth: int = 3) -> Iterator[Any]:
    """The content with one thing in it missing or of another kind, for each thing in it."""
    if depth and isinstance(content, dict):
        for name in content:
            yield {other: value for other, value in content.items() if other != name}
            for value in (*values(), *spoilt(content[name], depth - 1)):
                yield {**content, name: value}
        yield {**content, "added": 1}
    elif depth and isinstance(content, list) and content:
        yield [*content, content[0]]
        for value in (*values(), *spoilt(content[0], depth - 1)):
            yield [value, *content[1:]]


def fuzzed(path: Path, read: Callable[[], object]) -> int:
    """Read a JSON file in each spoilt form: it is taken, or refused by its name. How many were."""
    whole, refusals = json.loads(path.read_text()), 0
    for content in spoilt(copy.deepcopy(whole)):
        path.write_text(json.dumps(content))
        try:
            read()
        except (ValueError, LookupError) as error:
            refusals += 1
            assert path.name in str(error), f"{error!r} does not name {path.name}"
    return refusals


def test_whatever_stands_in_a_comparisons_files(comparison: Path) -> None:
    run = comparison / RUN
    for path, read in (
        (comparison / "plan.json", lambda: read_plan(comparison)),
        (comparison / "plan.json", lambda: listed.comparisons(comparison)),
        (comparison / "report.json", lambda: written.read(comparison)),
        (comparison / "diagnosis.json", lambda: diagnosed.kept(comparison)),
        (run / "result.json", lambda: read_result(run).failure),
    ):
        text = path.read_text()
        refusals = fuzzed(path, read)
        assert refusals or path.name == "plan.json"
        path.write_text(text)


def test_a_plan_names_no_seed_twice(comparison: Path, refused: Any) -> None:
    plan = json.loads((comparison / "plan.json").read_text())
    for seeds in ([1, 1.5], [1, "1"], [1, 2.0]):
        (comparison / "plan.json").write_text(json.dumps({**plan, "seeds": seeds}))
        with pytest.raises(DamagedData, match="or is no whole number"):
            read_plan(comparison)
    (comparison / "plan.json").write_text(json.dumps({**plan, "seeds": [1, 1]}))
    refused(
        ["compare-runs", comparison], 3, "plan.json is not as it was written .*seed is there tw"
    )


def test_a_report_judges_some_seed(comparison: Path) -> None:
    report = json.loads((comparison / "report.json").read_text())
    (comparison / "report.json").write_text(json.dumps({**report, "seeds": []}))
    with pytest.raises(DamagedData, match=r"report.json is not as it was written .*judges no seed"):
        written.read(comparison)


def test_a_report_of_another_imgtools_says_so(comparison: Path) -> None:
    report = json.loads((comparison / "report.json").read_text())
    del report["class_names"]
    (comparison / "report.json").write_text(json.dumps({**report, "schema": 2}))
    (said,) = listed.comparisons(comparison)[0].verdicts
    assert said.endswith(
        "report.json is not as it was written (it has no 'class_names'); it is another imgtools' "
        "(schema 2, here 3): the same compare-preproc command writes it again"
    )


def test_whatever_stands_in_a_runs_record(finished: Path, folder: Path) -> None:
    def read() -> None:
        run_folder.asked(finished)
        run_folder.finished(finished)

    assert fuzzed(finished / "run.json", read)
    assert fuzzed(folder / "imgtools_manifest.json", lambda: read_manifest(folder))


TRAIN = (
    "train --data {data} --train-dir {run} --model tiny --image-size 32 --batch-size 8 "
    "--preprocessing alexnet --max-number-of-steps 4 --initialisation he"
)


@pytest.mark.parametrize("content", [one for one in CONTENTS if "object" not in one])
def test_a_runs_record_is_named(
    content: str, finished: Path, tiny_records: Path, refused: Any
) -> None:
    (finished / "run.json").write_bytes(CONTENTS[content])
    train = TRAIN.format(data=tiny_records, run=finished).split()
    evaluate = ["eval", "--data", tiny_records, "--checkpoint", finished]
    for command in (train, evaluate):
        refused(command, 3, "run.json .*remove it")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", "big"),
        ("image_size", -3),
        ("preprocessing", ["alexnet"]),
        ("model", None),
        ("labels_offset", "one"),
        ("recipe", 3),
        ("recipe", {"moving_average_decay": "x"}),
    ],
)
def test_a_field_of_a_runs_record_is_named(
    field: str, value: Any, finished: Path, tiny_records: Path, refused: Any
) -> None:
    content = json.loads((finished / "run.json").read_text())
    content["run"][field] = value
    (finished / "run.json").write_text(json.dumps(content))
    refused(["eval", "--data", tiny_records, "--checkpoint", finished], 3, "run.json: .*remove it")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"1\ta\n",
        b"\0\0\0",
        b"2\tb\tbe\n1\ta\tant\n3\tc\tcat\n",
    ],  # sorted by word
)
def test_a_list_of_classes_is_named(
    content: bytes, finished: Path, tiny_records: Path, refused: Any
) -> None:
    (finished / "classes.tsv").write_bytes(content)
    image = next((tiny_records.parent / "raw" / "validation").rglob("*.*"))
    refused(["predict", "--checkpoint", finished, image, "--json"], 3, "classes.tsv .*--data")


def predictions(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Write a file of predictions again with its arrays changed."""

    def spoil(path: Path) -> None:
        with np.load(path) as stored:
            arrays = dict(stored)
        change(arrays)
        np.savez(path, **arrays)

    return spoil


def with_meta(text: str) -> Callable[[Path], None]:
    return predictions(lambda arrays: arrays.update(meta=np.array(text)))


def rezipped(path: Path) -> None:
    """A zip that holds no arrays."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.npy", b"nothing")


def one_byte(path: Path) -> None:
    """Compressed data with a block of a type that there is not."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        head = archive.getinfo("key.npy").header_offset
    name, extra = struct.unpack_from("<HH", data, head + 26)
    data[head + 30 + name + extra] |= 0b110
    path.write_bytes(data)


def one_array(path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    path.write_bytes(buffer.getvalue())


def huge(path: Path) -> None:
    """Ranks of 40 images are said to be those of ten billions."""
    whole, rank = path.read_bytes(), io.BytesIO()
    header = {"descr": "<i4", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(rank, header)
    with zipfile.ZipFile(io.BytesIO(whole)) as kept, zipfile.ZipFile(path, "w") as archive:
        for name in kept.namelist():
            archive.writestr(name, rank.getvalue() if name == "rank.npy" else kept.read(name))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


PREDICTIONS: dict[str, Callable[[Path], object]] = {
    "a pipe": a_pipe,
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "text": lambda path: path.write_text("top1 60.0\n"),
    "a byte of its arrays": one_byte,
    "a zip of something else": rezipped,
    "one array": one_array,
    "objects": predictions(lambda arrays: arrays.update(key=np.array([{}], object))),
    "no labels": predictions(lambda arrays: arrays.pop("label")),
    "no meta": predictions(lambda arrays: arrays.pop("meta")),
    "fewer labels": predictions(lambda arrays: arrays.update(label=arrays["label"][:-1])),
    "labels in words": predictions(lambda arrays: arrays.update(label=arrays["key"])),
    "ranks of NaN": predictions(
        lambda arrays: arrays.update(rank=np.full(len(arrays["rank"]), np.nan))
    ),
    "a rank for all": predictions(lambda arrays: arrays.update(rank=np.int32(0))),
    "ranks of zero": predictions(lambda arrays: arrays.update(rank=0 * arrays["rank"])),
    "top5 of one column": predictions(lambda arrays: arrays.update(top5=arrays["top5"][:, 0])),
    "an array out of all bounds": huge,
    "meta of a list": with_meta("[]"),
    "meta of nothing": with_meta("{}"),
    "meta cut": with_meta('{"data": '),
    "meta nested deeply": with_meta(100_000 * "["),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_file_of_predictions_is_named(
    name: str, comparison: Path, tiny_records: Path, refused: Any
) -> None:
    meta = {"preprocessing": "alexnet", "fingerprint": "a", "data": "d", "split": "validation"}
    rng = np.random.default_rng(0)
    files = []
    for seed in range(4):
        made = scored(rng.integers(0, 2, 40))
        files.append(comparison / f"{seed}.npz")
        arm = {"preprocessing": "vgg", "fingerprint": "b"} if seed > 1 else {}
        scores.write_predictions(files[-1], made, {**meta, **arm, "seed": seed, "step": 4})
    PREDICTIONS[name](files[1])
    command: list[Any] = ["compare-runs", "--json"]
    for option, file in zip(("--a", "--a", "--b", "--b"), files, strict=True):
        command += [option, file]
    refused(command, 2 if name == "a pipe" else 3, "1.npz")  # click looks at what is typed
    own = comparison / RUN / "predictions-alexnet.npz"
    PREDICTIONS[name](own)
    code = 2 if name == "meta of nothing" else 3  # another data set's
    refused(["finalize", comparison, "--data", tiny_records], code, "predictions-alexnet.npz")
