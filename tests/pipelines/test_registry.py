"""The registry: specs, fingerprints, plug-ins, and what it refuses."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import pickle
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from imagenet_tools import preprocessing, registry
from imagenet_tools.cli.check_preproc import command as check_preproc
from imagenet_tools.cli.describe_preproc import command as describe_preproc
from imagenet_tools.cli.list_preproc import command as list_preproc
from imagenet_tools.errors import PipelineFailed
from imagenet_tools.preprocessing import ops

EXAMPLES = Path(__file__).parents[2] / "examples"
# Name -> fingerprint. These are in the results that users keep. Where one changes, so did the
# pipeline: raise its version and write the new one here.
BUILT_IN = {
    "alexnet": "8c04254a774d",
    "alexnet_2012": "afedcb91fa33",
    "alexnet_b": "c11811f13bab",
    "alexnet_caffe": "aff6b2a6581e",
    "cifarnet": "236aede9cf02",
    "inception": "c6e31a09c9e1",
    "lenet": "5818a073233c",
    "timm": "600849e93ed8",
    "torchvision": "4786bc56519e",
    "vgg": "8eda6eb0df72",
}
# The line of CONSTANT's decorator, which Python 3.10 takes to stand where its function does.
DECORATED = 5 + (sys.version_info < (3, 11))
IMAGE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    registry.names()
    with registry.temporary():
        yield


def plugin(folder: Path, code: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(code))
    return path


CONSTANT = """
    import tensorflow as tf
    from imagenet_tools import registry

    @registry.register("constant")
    def f(image, output_height, output_width, is_training=False, level: float = 1.0):
        "The same everywhere."
        return tf.fill([output_height, output_width, 3], level)
"""


def test_the_built_ins_are_there_and_known_by_their_version() -> None:
    files = (EXAMPLES.parent / "preprocessing").glob("*_preprocessing.py")
    strays = {path.stem.removesuffix("_preprocessing") for path in files} - set(registry.SHIPPED)
    assert not strays, (
        f"add {', '.join(sorted(strays))} to SHIPPED in imagenet_tools/registry/definitions.py: "
        "a pipeline that ships is known by its version, any other file by its content"
    )
    prints = {name: registry.get(name).fingerprint for name in registry.names()}
    assert prints == BUILT_IN, "write the new pipeline's fingerprint into BUILT_IN of this file"


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("alexnet", "alexnet"),
        (" alexnet : lighting = paper ", "alexnet"),
        ("alexnet:lighting=0,borders=keep", "alexnet:borders=keep,lighting=0"),
        ("inception:fast_mode=false", "inception:fast_mode=0"),
        ("vgg:multiply=.5,proportional=yes", "vgg:proportional=1,multiply=0.5"),
        ("vgg:multiply=1", "vgg"),
        ("alexnet.geometry+alexnet.colour", "alexnet"),
        ("inception.geometry+alexnet.color", "inception.geometry+alexnet.colour"),
        (
            "inception.geometry+alexnet.colour:scale=1e+0,sigma=.2",
            "inception.geometry+alexnet.colour:scale=1.0,sigma=0.2",
        ),
        ("alexnet+inception.colour", "alexnet.geometry+inception.colour"),
        ("alexnet+vgg.range", "alexnet.geometry+alexnet.colour+vgg.range"),
        ("vgg.range+alexnet.colour+vgg.geometry", "vgg.geometry+alexnet.colour+vgg.range"),
    ],
)
def test_specs_have_one_canonical_form(spec: str, canonical: str) -> None:
    pipeline = registry.get(spec)
    assert pipeline.spec == canonical
    again = registry.get(canonical)
    assert (again.spec, again.fingerprint) == (canonical, pipeline.fingerprint)


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("inceptoin", LookupError, "Did you mean inception.*Known: alexnet, alexnet_2012"),
        ("", ValueError, "no pipeline. Known: alexnet.*; parts to put on one: cutmix"),
        ("alexnet:", None, ""),
        ("ALEXNET", LookupError, "Did you mean alexnet"),
        ("alexnet:Sigma=1", ValueError, "no parameter 'Sigma'. Did you mean sigma"),
        (
            "alexnet+mixup:alpha=1e-45",
            ValueError,
            "alpha=1e-45: 0 or a number of size 1e-30 to 3.4e.38 is",
        ),
        ("alexnet:multiply=1e39", ValueError, "multiply=1e.39: 0 or a number of size 1e-30"),
        ("alexnet:lihgting=0", ValueError, "no parameter 'lihgting'. Did you mean lighting"),
        ("alexnet:lighting=torch", ValueError, "choose from paper, cuda_convnet2, 0"),
        ("alexnet:sigma=much", ValueError, "alexnet:sigma=much: a number, 0 or more"),
        ("inception:fast_mode=2", ValueError, "fast_mode=2: 0 or 1"),
        ("inception:bbox=1", ValueError, "bbox takes a tensor"),
        ("alexnet:lighting", ValueError, "no setting like name=value"),
        ("alexnet:sigma=1,sigma=2", ValueError, "sigma is given twice"),
        ("alexnet.colour", ValueError, r"has no geometry; add \+NAME.geometry"),
        ("alexnet.geometry+inception.geometry+vgg.colour", ValueError, "gives geometry twice"),
        ("alexnet+inception", ValueError, "gives geometry twice"),
        ("alexnet:scale=2+vgg.range", ValueError, "scale of alexnet has no effect"),
        ("alexnet.shape+vgg.colour", ValueError, "'shape' of alexnet is no part"),
        ("alexnet/vgg", ValueError, "is no pipeline"),
        ("alexnet+", ValueError, r"'alexnet\+' has a \+ with nothing after it"),
        ("+mixup", ValueError, "'\\+mixup' is put on nothing"),
        ("alexnet+ +vgg.range", ValueError, r"has a \+ with nothing"),
        ("alexnet+1", ValueError, r"'alexnet\+1' in 'alexnet\+1' is no pipeline, like alexnet"),
    ],
)
def test_wrong_specs_say_what_is_wrong(spec: str, error: type | None, says: str) -> None:
    if error is None:
        registry.get(spec)
        return
    with pytest.raises(error, match=says):
        registry.get(spec)


def test_a_cross_takes_the_range_along_or_swaps_it() -> None:
    cross = registry.get("inception.geometry+alexnet.colour")
    assert {kind: part.definition.name for kind, part in cross.parts.items()} == {
        "geometry": "inception",
        "colour": "alexnet",
        "range": "alexnet",
    }
    # On a flat image nothing but the range shows.
    flat = tf.fill([50, 50, 3], tf.constant(200, tf.uint8))
    out = registry.get("inception.geometry+alexnet.colour+vgg.range").preprocess_image(flat, 8, 8)
    np.testing.assert_allclose(out[3, 3], np.subtract(200, (123.68, 116.78, 103.94)), rtol=1e-5)


@pytest.mark.parametrize("spec", ["alexnet:lighting=0", "inception.geometry+randaugment", "timm"])
def test_a_pipeline_travels_and_is_a_key(spec: str) -> None:
    """Into the workers of a loader, and as what JAX and tf.function tell graphs apart by."""
    pipeline = registry.get(spec)
    assert pickle.loads(pickle.dumps(pipeline)) == pipeline
    assert {pipeline: 1}[registry.get(spec)] == 1
    assert registry.get("alexnet") not in {pipeline}


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (IMAGE / 255, "an image of float64 was given; pipelines take uint8"),
        (np.dstack([IMAGE, IMAGE[..., :1]]), r"an image of shape \(40, 60, 4\) was given"),
        (IMAGE[None], r"an image of shape \(1, 40, 60, 3\) was given"),
        (IMAGE[..., 0], r"an image of shape \(40, 60\) was given"),
        (IMAGE[:0], r"an image of shape \(0, 60, 3\) was given"),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        registry.get("torchvision")(image, 8)


def test_multiply_comes_last() -> None:
    out = registry.get("lenet").preprocess_image(IMAGE, 8, 8)
    half = registry.get("lenet:multiply=0.5").preprocess_image(IMAGE, 8, 8)
    np.testing.assert_array_equal(half, out / 2)


def test_fingerprints_tell_everything_apart() -> None:
    specs = [
        *BUILT_IN,
        "alexnet:lighting=0",
        "alexnet:lighting=0,borders=keep",
        "alexnet:multiply=2",
        "alexnet:use_grayscale=1",
        "inception.geometry+alexnet.colour",
        "alexnet.geometry+inception.colour",
        "inception.geometry+alexnet.colour+vgg.range",
    ]
    prints = {spec: registry.get(spec).fingerprint for spec in specs}
    assert len(set(prints.values())) == len(specs)


def test_a_file_under_two_import_names_is_one_definition(tmp_path: Path) -> None:
    path = plugin(tmp_path, CONSTANT)
    assert registry.load_plugin(path) == ["constant"]
    one = registry.get("constant").fingerprint
    assert registry.load_plugin(path) == ["constant"]
    assert registry.get("constant").fingerprint == one


def test_the_folder_at_the_root_is_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES.parent))
    before = registry.get("vgg").fingerprint
    module = importlib.import_module("preprocessing.vgg_preprocessing")
    assert module.__name__ != "imagenet_tools.preprocessing.vgg_preprocessing"
    assert registry.get("vgg").fingerprint == before
    for name in [name for name in sys.modules if name.split(".")[0] == "preprocessing"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("name", ["vgg", "constant"])
def test_a_taken_name_is_refused(tmp_path: Path, name: str) -> None:
    registry.load_plugin(plugin(tmp_path, CONSTANT))
    before = registry.get(name).fingerprint
    other = plugin(tmp_path, CONSTANT.replace('"constant"', f'"{name}"'), "other.py")
    with pytest.raises(ValueError, match=f"{name}.*already registered by .*; choose another"):
        registry.load_plugin(other)
    assert registry.get(name).fingerprint == before


def test_a_changed_file_is_refused_and_another_fingerprint(tmp_path: Path) -> None:
    with registry.temporary():
        registry.load_plugin(plugin(tmp_path, CONSTANT))
        before = registry.get("constant").fingerprint
    assert "constant" not in registry.names()
    changed = plugin(tmp_path, CONSTANT + "    # changed")
    registry.load_plugin(changed)
    assert registry.get("constant").fingerprint != before
    plugin(tmp_path, CONSTANT + "    # again")
    with pytest.raises(ValueError, match="changed since it was loaded"):
        registry.load_plugin(changed)


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        ("import no_such_module", ImportError, "mine.py failed: ModuleNotFoundError"),
        ("def (", ImportError, "mine.py failed: SyntaxError"),
        ("x = 1", ValueError, "registers no pipeline; decorate a function"),
        (
            CONSTANT.replace('"constant"', '"a b"'),
            ValueError,
            f"'a b' of .*mine.py:{DECORATED} is no pipeline name",
        ),
        (
            CONSTANT.replace("level: float = 1.0", "*, level"),
            ImportError,
            "argument level .* needs a default",
        ),
    ],
)
def test_a_plugin_that_does_not_load_says_why(
    tmp_path: Path, code: str, error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        registry.load_plugin(plugin(tmp_path, code))
    assert "constant" not in registry.names()


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("tf.zeros([output_height, output_width, 4])", r"shape \(8, 6, 4\); \[8, 6, 3\] is needed"),
        ("tf.zeros([8, 6, 3], tf.float64)", "returned float64; float32 is needed"),
        ("tf.zeros([8, 6, 3]) / 0", "144 values that are NaN or infinite"),
        ("tf.reshape(image, [-1])[:99]", "returned uint8; float32"),
        ("None.shape", "AttributeError"),
        (
            "image if tf.reduce_mean(tf.cast(image, tf.float32)) > 9 else None",
            "cannot depend on a tensor; use tf.cond",
        ),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_the_first_probe_finds_wrong_results(
    tmp_path: Path, returned: str, says: str, encoded: bool
) -> None:
    code = CONSTANT.replace("tf.fill([output_height, output_width, 3], level)", returned)
    registry.load_plugin(plugin(tmp_path, code))
    pipeline = registry.get("constant")
    with pytest.raises(PipelineFailed, match=f"plug-in constant .*mine.py.*({says})"):
        if encoded:
            pipeline.preprocess_encoded(tf.io.encode_jpeg(IMAGE), 8, 6)
        else:
            pipeline.preprocess_image(IMAGE, 8, 6)


def test_a_bare_tf_slim_file_is_enough(tmp_path: Path) -> None:
    code = """
        import tensorflow.compat.v1 as tf

        def preprocess_image(image, output_height, output_width, is_training=False):
            image = tf.image.convert_image_dtype(image, tf.float32)
            return tf.image.resize_images(image, [output_height, output_width])
    """
    assert registry.load_plugin(plugin(tmp_path, code, "bare_preprocessing.py")) == ["bare"]
    pipeline = registry.get("bare")
    assert not pipeline.seeded
    out = pipeline.preprocess_encoded(tf.io.encode_jpeg(tf.fill([9, 9, 3], np.uint8(51))), 4, 5)
    np.testing.assert_allclose(out, np.full((4, 5, 3), 0.2), atol=0.01)
    assert pipeline.ten_crop(IMAGE, 7, 7).shape == (10, 7, 7, 3)
    with pytest.raises(ValueError, match="stands alone"):
        registry.get("bare.geometry+vgg.colour")


def test_a_file_dropped_beside_the_built_ins_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a decorator or TF-Slim's bare function; known by its content, as any plug-in."""
    bare = "def preprocess_image(image, height, width, is_training=False): return image"
    plugin(tmp_path, CONSTANT, "dropped_preprocessing.py")
    plugin(tmp_path, bare, "dropped_too_preprocessing.py")
    monkeypatch.setattr(preprocessing, "__path__", [str(tmp_path), *preprocessing.__path__])
    assert set(registry.names()) >= {"constant", "dropped_too", *BUILT_IN}
    assert registry.get("constant").parts["function"].definition.digest
    for name in ("dropped", "dropped_too"):
        del sys.modules[f"imagenet_tools.preprocessing.{name}_preprocessing"]
        delattr(preprocessing, f"{name}_preprocessing")


def test_parameters_of_a_plain_function(tmp_path: Path) -> None:
    registry.load_plugin(plugin(tmp_path, CONSTANT))
    out = registry.get("constant:level=7").preprocess_image(IMAGE, 2, 2)
    np.testing.assert_array_equal(out, np.full((2, 2, 3), 7))
    out = registry.get("constant:level=7").preprocess_image(IMAGE, 2, 2, level=8.0)
    np.testing.assert_array_equal(out, np.full((2, 2, 3), 8))


def test_installed_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def squash(image, output_height, output_width, is_training=False):  # type: ignore[no-untyped-def]
        return tf.image.resize(image, [output_height, output_width])

    class Point:
        def __init__(self, name: str, found: object) -> None:
            self.name, self.value, self.found = name, f"package:{name}", found

        def load(self) -> object:
            if isinstance(self.found, Exception):
                raise self.found
            return self.found

    module = types.ModuleType("installed")
    module.__file__, module.preprocess_image = __file__, squash  # type: ignore[attr-defined]
    points = [Point("good", squash), Point("bad", ImportError("no such thing"))]
    points.append(Point("vgg", lambda *arguments: squash(*arguments)))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    assert "good" in registry.names()
    assert registry.get("good").preprocess_image(IMAGE, 3, 4).shape == (3, 4, 3)
    assert registry.failures()["bad"] == "package:bad: ImportError: no such thing"
    assert "already registered" in registry.failures()["vgg"]
    with pytest.raises(LookupError, match="failed to import: package:bad"):
        registry.get("bad")


def test_the_example_is_as_good_as_a_built_in(tmp_path: Path) -> None:
    assert registry.load_plugin(EXAMPLES / "soft_crop_preprocessing.py") == ["soft_crop"]
    described = registry.get("soft_crop.geometry:least=.5+alexnet.colour").describe()
    assert described["parameters"]["geometry"]["least"] == {"value": 0.5, "default": 0.6}
    assert described["steps"]["geometry"][0].startswith("train: least..1 of each side")
    white = tf.fill([9, 9, 3], np.uint8(255))
    out = registry.get("soft_crop").preprocess_image(white, 2, 2)
    np.testing.assert_allclose(out[0, 0], [2.2489083, 2.4285715, 2.64], rtol=1e-5)


def test_list_preproc(runner: CliRunner) -> None:
    text = runner.invoke(list_preproc, [])
    assert text.exit_code == 0
    *lines, last = text.output.splitlines()
    assert [line.split()[0] for line in lines] == sorted(BUILT_IN)
    assert last.startswith("Parts to put on one, as alexnet+NAME: cutmix (mixing), erasing (after)")
    found = json.loads(runner.invoke(list_preproc, ["--json"]).output)
    assert [one["name"] for one in found] == sorted(BUILT_IN)
    alexnet = found[0]
    assert alexnet["fingerprint"] == registry.get("alexnet").fingerprint
    assert alexnet["value_range"] == pytest.approx([-127.3 / 127.5, 150.09 / 127.5])
    assert found[4]["value_range"] is None


@pytest.mark.parametrize(
    "spec",
    [
        *BUILT_IN,
        "alexnet_caffe:scale=.5,multiply=2",
        "vgg:use_grayscale=1",
        "vgg+jitter",
        "soft_crop",
    ],
)
def test_the_range_that_is_described_is_what_black_and_white_become(spec: str) -> None:
    """describe asks the pipeline with NumPy's arrays, training with TensorFlow's tensors."""
    registry.load_plugin(EXAMPLES / "soft_crop_preprocessing.py")
    pipeline = registry.get(spec)
    ends = [pipeline(np.full((8, 8, 3), level, np.uint8), 8) for level in (0, 255)]
    wanted = pytest.approx([np.min(ends), np.max(ends)], rel=1e-6)
    assert pipeline.describe()["value_range"] == (None if spec == "cifarnet" else wanted)


def test_an_array_is_standardised_as_a_tensor_is() -> None:
    image = IMAGE.astype(np.float32)
    np.testing.assert_allclose(
        ops.standardised(image), ops.standardised(tf.constant(image)), rtol=1e-5, atol=1e-6
    )


def test_describe_preproc(runner: CliRunner) -> None:
    result = runner.invoke(describe_preproc, ["alexnet:lighting=0"])
    assert result.exit_code == 0
    for line in ("alexnet:lighting=0", "  lighting=0  (paper | cuda_convnet2 | 0)  [colour]"):
        assert line in result.output.splitlines()
    assert f"fingerprint  {registry.get('alexnet:lighting=0').fingerprint}" in result.output
    wrong = runner.invoke(describe_preproc, ["alexnett"])
    assert wrong.exit_code == 2
    assert "Did you mean alexnet" in wrong.output


def test_describe_preproc_of_a_function_that_says_nothing(
    runner: CliRunner, tmp_path: Path
) -> None:
    path = str(plugin(tmp_path, CONSTANT.replace('"The same everywhere."', "")))
    lines = runner.invoke(describe_preproc, ["constant", "--plugin", path]).output.splitlines()
    assert lines[:4] == ["constant", "", "function", "  - not described: it has no docstring"]
    assert "value range  not known" in lines
    listed = runner.invoke(list_preproc, []).output.splitlines()
    assert f"constant       {registry.get('constant').fingerprint}" in listed


def test_describe_preproc_of_a_cross(runner: CliRunner) -> None:
    """What is whose, in a line; long steps are wrapped; a shared parameter is one line."""
    cross = runner.invoke(describe_preproc, ["inception.geometry+alexnet.colour+vgg.range"])
    assert (
        cross.output.splitlines()[1] == "  geometry of inception, colour of alexnet, range of vgg"
    )
    assert max(map(len, cross.output.split("parameters")[0].splitlines())) <= 100
    lines = runner.invoke(describe_preproc, ["inception"]).output.splitlines()
    assert [line for line in lines if "fast_mode=" in line] == ["  fast_mode=1  [geometry, colour]"]


def test_a_data_set_of_the_users_own_maps_a_pipeline_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """tf.data hands a function to AutoGraph, which complains of what it cannot rewrite."""
    pipeline = registry.get("inception")
    images = tf.data.Dataset.from_tensors(IMAGE)
    with caplog.at_level("WARNING", logger="tensorflow"):
        images.map(lambda image: pipeline.preprocess_image(image, 8, 8, seed=(1, 2)))
    assert caplog.records == []


def test_check_preproc_stops_where_a_pipeline_does_not_run(runner: CliRunner) -> None:
    result = runner.invoke(check_preproc, ["vgg", "--size", "300"], standalone_mode=False)
    assert result.return_value == 1
    assert result.stdout.startswith("FAIL  shape and dtype: an output of 300 x 300 does not fit")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == "vgg does not run at 300 pixels; nothing else was checked.\n"


def test_check_preproc_passes_an_honest_plugin(runner: CliRunner) -> None:
    path = str(EXAMPLES / "plain_preprocessing.py")
    result = runner.invoke(
        check_preproc, ["plain_squash", "--plugin", path, "--size", "16"], standalone_mode=False
    )
    assert result.return_value == 0, result.output
    assert "plain_squash keeps its promises." in result.output


def test_check_preproc_fails_a_dishonest_one(runner: CliRunner, tmp_path: Path) -> None:
    code = """
        import tensorflow as tf
        from imagenet_tools import registry

        @registry.register("dishonest")
        def f(image, output_height, output_width, is_training=False, seed=None):
            image = tf.image.resize(image, [output_height, output_width])
            image.set_shape([output_height, output_width, 3])
            slope = tf.linspace(0.0, 1.0, output_width)[:, None]
            return image * slope + tf.random.uniform([], 0, 255)
    """
    path = str(plugin(tmp_path, code))
    arguments = ["dishonest", "--plugin", path, "--size", "16", "--json"]
    result = runner.invoke(check_preproc, arguments, standalone_mode=False)
    assert result.return_value == 1
    checks = json.loads(result.stdout)
    assert {one["name"] for one in checks if one["outcome"] == "failed"} == {
        "evaluation is deterministic",
        "same seed, same output",
        "eager equals tf.data",
        "mirroring keeps the mean",
        "grayscale images",
    }
