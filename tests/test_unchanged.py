"""What must not change when the code is moved: bytes, fingerprints, outputs, weights, options.

unchanged.json holds what `python tests/test_unchanged.py --write` found before the move. Everything
goes through the command line, the functions of imagenet_tools and TF-Slim's door, so that this
file outlives the modules behind them. Write it anew only where a change is meant.

Where floating point decides (outputs, weights, predictions) the values are equal to the bit on the
kind of machine that wrote them, and close to them on any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagenet_tools
from imagenet_tools.cli.main import run

STORED = Path(__file__).with_name("unchanged.json")
# On another machine, in shares of the range of the values. 30 steps carry a rounding on: without
# oneDNN's kernels outputs and logged losses stay within 1e-4, momenta and probabilities within 0.1.
# TensorFlow 2.18's kernels round otherwise: 1e-4 in the loss after 20 steps, 1.5e-3 after 30.
TOLERANCE = 1e-4
LOG_TOLERANCE = 3e-3
RUN_TOLERANCE = 0.2

# What oneDNN chooses its kernels by, the widest first.
VECTORS = ("avx512_vnni", "avx512f", "avx2")

GOLDEN = ("golden/slim_records/raw.tar", "raw")
# Name -> the archive in the shared folder, the raw images in it, the options of build-tfrecords.
BUILDS: dict[str, tuple[str, str, list[str]]] = {
    "imagenette": ("data/imagenette.tar", "imagenette", []),
    "imagenet-sample": ("data/imagenet-sample.tar", "imagenet-sample", ["--split", "train"]),
    "imagenet-sample, other options": (
        "data/imagenet-sample.tar",
        "imagenet-sample",
        ["--split", "train", "--train-shards", "3", "--seed", "7", "--labels", "folders"],
    ),
    "golden": (*GOLDEN, []),
    "golden, TF-Slim's": (*GOLDEN, ["--slim-compat", "--boxes", "bbox.csv", "--index", "dali"]),
    "golden, small": (*GOLDEN, ["--max-side", "64"]),
    "golden, decoded": (
        *GOLDEN,
        ["--store", "raw", "--max-side", "64", "--validation-shards", "2"],
    ),
}
# Hold images that Pillow encoded: another version may write other bytes.
REENCODED = {name for name, build in BUILDS.items() if build[:2] == GOLDEN}

SPECS = [
    *("alexnet", "alexnet_2012", "alexnet_caffe", "cifarnet", "inception", "lenet", "vgg"),
    "alexnet:borders=keep",
    "alexnet:lighting=0,borders=keep",
    "alexnet:lighting=cuda_convnet2,sigma=0.2",
    "alexnet:order=bgr,scale=1.0",
    "alexnet:multiply=2.39",
    "alexnet:use_grayscale=1",
    "inception:fast_mode=0",
    "inception:crop_image=0",
    "vgg:proportional=1",
    "vgg:multiply=-0.0078",
    "vgg:use_grayscale=1,multiply=0.5",
    "cifarnet:multiply=3",
    "inception.geometry+alexnet.colour",
    "alexnet.geometry+inception.colour",
    "alexnet+vgg.range",
    "inception.geometry+alexnet.colour+vgg.range",
    "vgg.geometry:proportional=1+inception.colour:fast_mode=0",
    "inception.geometry+alexnet.colour:scale=1.0,sigma=0.2,multiply=0.01",
    "lenet.geometry+cifarnet.colour+alexnet.range:order=bgr",
]
_MODELS = (
    "inception inception_v1 inception_v2 inception_v3 inception_v4 inception_resnet_v2 "
    "mobilenet_v1 mobilenet_v2 mobilenet_v2_035 mobilenet_v2_140 mobilenet_v3_small "
    "mobilenet_v3_large mobilenet_v3_small_minimalistic mobilenet_v3_large_minimalistic "
    "mobilenet_edgetpu mobilenet_edgetpu_075 nasnet_mobile nasnet_large pnasnet_mobile "
    "pnasnet_large vgg vgg_a vgg_16 vgg_19 resnet_v1_50 resnet_v1_101 resnet_v1_152 resnet_v1_200 "
    "resnet_v2_50 resnet_v2_101 resnet_v2_152 resnet_v2_200 cifarnet lenet"
)
MODELS = [*_MODELS.split(), "alexnet_v2"]  # TF-Slim's 34, and the net it has no pipeline for
SIZE = 32
SEED = (3, 5)

Found = dict[str, Any]


@cache
def stored() -> Found:
    return json.loads(STORED.read_text())


def machine() -> dict[str, str]:
    """What decides the last bits of a float, and the bytes of a JPEG that is written."""
    cpu = Path("/proc/cpuinfo")
    told = cpu.read_text() if cpu.exists() else ""
    named = re.search(r"model name\s*: (.*)", told)
    packages = {name: version(name) for name in ("tensorflow", "numpy", "pillow")}
    return {
        "processor": named[1] if named else os.uname().machine,
        # Two machines of one name may show their programs other vectors.
        "vectors": next((name for name in VECTORS if name in told.split()), ""),
        **packages,
    }


def sha256(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def command(*arguments: str | Path) -> str:
    """Run a command line, which must succeed, and return what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run([str(argument) for argument in arguments]) == 0
    return printed.getvalue()


def summary(values: Any) -> Found:
    """An array's bytes as a digest, and what can be compared where the last bits differ."""
    array = np.ascontiguousarray(values)
    found = {"sha256": sha256(array.tobytes()), "type": f"{array.dtype} {list(array.shape)}"}
    if array.dtype.kind in "US":
        return found
    exact = array.astype(np.float64).ravel()
    at = np.linspace(0, exact.size - 1, min(exact.size, 5)).astype(int)
    figures = [float(f"{one:.7g}") for one in (exact.mean(), exact.std(), *exact[at])]
    return {**found, "range": float(f"{np.ptp(exact):.7g}"), "figures": figures}


def close(found: Found, expected: Found, tolerance: float = TOLERANCE) -> bool:
    """Equal to the bit on the machine that wrote the file; elsewhere within the tolerance."""
    if stored()["machine"] == machine() or "figures" not in expected:
        return found == expected
    gaps = np.abs(np.subtract(found["figures"], expected["figures"]))
    return found["type"] == expected["type"] and bool(
        (gaps <= tolerance * max(found["range"], expected["range"])).all()
    )


def different(
    found: Mapping[str, Found], expected: Mapping[str, Found], tolerance: float = TOLERANCE
) -> list[str]:
    assert found.keys() == expected.keys()
    return [name for name in found if not close(found[name], expected[name], tolerance)]


# Records


def build(name: str, shared: Path, folder: Path) -> Found:
    """Digests of the records and their labels; of the manifest, key by key."""
    archive, place, options = BUILDS[name]
    raw = folder / "unpacked"
    with tarfile.open(shared / archive) as opened:
        opened.extractall(raw, filter="data")
    if place == "imagenet-sample":  # 200 class folders, of no split
        (raw / place).rename(raw / "train")
        place = "."
    options = [str(raw / one) if one.endswith(".csv") else one for one in options]
    out = folder / "out"
    command("build-tfrecords", "--raw", raw / place, "--out", out, "--workers", "1", *options)
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("[!.]*"))
        if path.is_file()
    }
    manifest = json.loads(files.pop("imgtools_manifest.json"))
    del manifest["tool"]  # the version number
    for younger in ("left_out", "odd"):  # than the digests
        del manifest[younger]
    values = {key: json.dumps(value).replace(str(raw), "") for key, value in manifest.items()}
    return {
        "files": {name: sha256(data) for name, data in files.items()},
        "manifest": {key: sha256(value)[:16] for key, value in values.items()},
    }


@pytest.mark.parametrize("name", BUILDS)
def test_records_keep_their_bytes(name: str, warm: None, shared: Path, tmp_path: Path) -> None:
    expected = stored()["builds"][name]
    if name in REENCODED and stored()["machine"]["pillow"] != version("pillow"):
        pytest.skip("images were encoded anew, by another version of Pillow")
    assert build(name, shared, tmp_path) == expected


# Pipelines


def fingerprints() -> dict[str, list[str]]:
    pipelines = {spec: imagenet_tools.get_preprocessing(spec) for spec in SPECS}
    return {spec: [one.spec, one.fingerprint] for spec, one in pipelines.items()}


def test_pipelines_keep_their_specs_and_fingerprints() -> None:
    assert fingerprints() == stored()["fingerprints"]


def photograph(height: int, width: int, kind: int = 0) -> np.ndarray:
    """Stripes, a disc and a gradient, uint8 [height, width, 3], from whole numbers alone."""
    y, x = np.mgrid[:height, :width]
    disc = (y - height // 2) ** 2 + (x - width // 3) ** 2 < (height // 4) ** 2
    channels = [
        x * 255 // width,
        y * (96 + 40 * kind) // height + 100 * disc,
        (x * (kind + 1) + 2 * y) // 9 % 2 * 160 + (x * y) % 23,
    ]
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=92)
    return encoded.getvalue()


def outputs(spec: str) -> dict[str, Found]:
    pipeline = imagenet_tools.get_preprocessing(spec)
    image = photograph(150, 200)
    encoded = jpeg(image)
    found = {}
    for mode, is_training in (("eval", False), ("train", True)):
        given = (SIZE, SIZE, is_training)
        found[mode] = pipeline.preprocess_image(image, *given, seed=SEED)
        found[f"{mode}, JPEG"] = pipeline.preprocess_encoded(encoded, *given, seed=SEED)
    found["ten crops"] = pipeline.ten_crop(image, SIZE, SIZE)
    return {case: summary(values) for case, values in found.items()}


@pytest.mark.parametrize("spec", SPECS)
def test_pipelines_keep_their_outputs(spec: str) -> None:
    assert different(outputs(spec), stored()["outputs"][spec]) == []


def slim_outputs(model: str) -> dict[str, Found]:
    """Through TF-Slim's door."""
    from imagenet_tools.preprocessing import preprocessing_factory

    image = photograph(150, 200)
    found = {}
    for mode, is_training in (("eval", False), ("train", True)):
        function = preprocessing_factory.get_preprocessing(model, is_training)
        found[mode] = summary(function(image, SIZE, SIZE, seed=SEED))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_tf_slims_names_keep_their_outputs(model: str) -> None:
    assert different(slim_outputs(model), stored()["models"][model]) == []


# A run


def small_records(folder: Path) -> Path:
    """Records of 24 training and 9 validation images of 3 classes."""
    for split, count, offset in (("train", 8, 0), ("val", 3, 3)):
        for kind in range(3):
            classed = folder / "raw" / split / f"kind{kind}"
            classed.mkdir(parents=True)
            for i in range(count):
                image = photograph(80 + 7 * i + offset, 110 - 5 * i, kind)
                (classed / f"{split}_{kind}_{i}.jpg").write_bytes(jpeg(image))
    out = folder / "records"
    command("build-tfrecords", "--raw", folder / "raw", "--out", out, "--workers", "1")
    return out


def trained(folder: Path) -> Found:
    """30 --deterministic steps on 24 images of 3 classes; weights, logs, predictions."""
    import tensorflow as tf

    data, runs = small_records(folder), folder / "run"
    command(
        *("train", "--data", data, "--train-dir", runs, "--preprocessing", "alexnet"),
        *("--recipe", "quick", "--batch-size", "8", "--image-size", "67", "--seed", "3"),
        *("--max-number-of-steps", "30", "--deterministic"),
    )
    reader = tf.train.load_checkpoint(str(runs / "model.ckpt-30"))
    names = sorted(reader.get_variable_to_shape_map())
    written = json.loads((runs / "run.json").read_text())
    lines = [json.loads(line) for line in (runs / "metrics.jsonl").read_text().splitlines()]
    logged = {key: [line[key] for line in lines] for key in lines[0] if "per_second" not in key}
    predictions = {
        " ".join(options): predicted(data, runs, options, folder / "predictions.npz")
        for options in ([], ["--ten-crop"], ["--preprocessing", "vgg"])
    }
    return {
        "files": sorted(re.sub(r"tfevents\..*", "tfevents", path.name) for path in runs.iterdir()),
        "run": written["run"],
        "keys": {part: sorted(content) for part, content in written.items()},
        "arrays": {name: summary(reader.get_tensor(name)) for name in names},
        "logged": {key: summary(values) for key, values in logged.items()},
        "predictions": predictions,
    }


def predicted(data: Path, runs: Path, options: Sequence[str], path: Path) -> dict[str, Found]:
    command("eval", "--data", data, "--checkpoint", runs, "--predictions", path, *options)
    with np.load(path) as opened:
        return {name: summary(opened[name]) for name in opened.files if name != "meta"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return trained(tmp_path_factory.mktemp("trained"))


def test_a_run_keeps_its_files_and_what_it_says(found: Found) -> None:
    expected = stored()["run"]
    for part in ("files", "run", "keys"):
        if part == "run" and stored()["machine"]["pillow"] != version("pillow"):
            found["run"]["data"] = expected["run"]["data"]  # JPEGs of another Pillow
        assert found[part] == expected[part]


def test_a_run_keeps_its_weights(found: Found) -> None:
    assert different(found["arrays"], stored()["run"]["arrays"], RUN_TOLERANCE) == []


def test_a_run_keeps_its_log(found: Found) -> None:
    assert different(found["logged"], stored()["run"]["logged"], LOG_TOLERANCE) == []


def test_a_run_keeps_its_predictions(found: Found) -> None:
    expected = stored()["run"]["predictions"]
    assert found["predictions"].keys() == expected.keys()
    for options, arrays in found["predictions"].items():
        assert different(arrays, expected[options], RUN_TOLERANCE) == [], options


# The command line


def options() -> dict[str, list[str]]:
    """Each command's options, as its --help names them."""
    listed = re.findall(r"^  ([a-z][a-z-]*)  ", command("--help"), re.M)
    return {
        name: sorted(set(re.findall(r"(?<![\w-])--[a-z0-9-]+", command(name, "--help"))))
        for name in listed
    }


def test_commands_keep_their_options() -> None:
    """More may come; none may go."""
    found = options()
    gone = {
        name: sorted(set(had) - set(found.get(name, [])))
        for name, had in stored()["options"].items()
    }
    assert {name: missing for name, missing in gone.items() if missing} == {}


def test_exit_codes_stay(tmp_path: Path) -> None:
    """Those of wrong values were 1, and are 2 now, as where the command line sees them itself."""
    records, empty = small_records(tmp_path), tmp_path / "empty"
    empty.mkdir()

    def code(*arguments: str | Path) -> int:
        return run([str(argument) for argument in arguments])

    verify = ("verify-tfrecords", records, "--workers", "1")
    assert code(*verify) == 0
    assert code("no-such-command") == 2
    assert code("train", "--no-such-option") == 2
    assert code("describe-preproc", "alexnte") == 2
    assert code("build-tfrecords", "--raw", empty, "--out", tmp_path / "out") == 2
    assert code("verify-tfrecords", empty) == 2
    shard = next(records.glob("train-00000-of-*"))
    shard.write_bytes(shard.read_bytes()[:-100])
    assert code(*verify) == 3


def everything(shared: Path) -> Iterator[tuple[str, Any]]:
    yield "machine", machine()
    yield "options", options()
    yield "fingerprints", fingerprints()
    yield "outputs", {spec: outputs(spec) for spec in SPECS}
    yield "models", {model: slim_outputs(model) for model in MODELS}
    with tempfile.TemporaryDirectory() as folder:
        yield (
            "builds",
            {name: build(name, shared, Path(tempfile.mkdtemp(dir=folder))) for name in BUILDS},
        )
        yield "run", trained(Path(folder))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(f"usage: python {sys.argv[0]} --write")
    from conftest import SHARED

    text = json.dumps(dict(everything(SHARED)), indent=1)
    # A list of plain values on one line.
    text = re.sub(r"\[[^][{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    STORED.write_text(text + "\n")
