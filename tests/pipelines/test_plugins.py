"""Plug-ins as Python writes them, and those that would take the program along when they fall."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from imagenet_tools import registry
from imagenet_tools.cli.check_preproc import command as check_preproc
from imagenet_tools.errors import PipelineFailed
from imagenet_tools.pipelines import probe

IMAGE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
HEADER = """
import functools, sys
import tensorflow as tf
from imagenet_tools.registry import register

def base(image, output_height, output_width, is_training=False, gain: float = 1.0):
    "Squash."
    image = tf.image.resize(image, [output_height, output_width], antialias=True)
    return gain * (image / 127.5 - 1.0)

class Mine:
    def __call__(self, image, output_height, output_width, is_training=False):
        "Squash."
        return base(image, output_height, output_width, is_training)

    def check(self, out):
        "Its own, and nobody else's."

def keywords(image, output_height, output_width, *, is_training, gain: float = 1.0):
    "Squash."
    return base(image, output_height, output_width, is_training, gain)

def summarised(image, output_height, output_width, is_training=False):
    "Squash."
    out = base(image, output_height, output_width, is_training)
    tf.compat.v1.summary.image("squashed", out[tf.newaxis])
    return out
"""


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with registry.temporary():
        yield


def plugin(folder: Path, code: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(code))
    return path


def test_an_annotation_may_name_what_stands_further_down(tmp_path: Path) -> None:
    code = """
        from __future__ import annotations
        from typing import Literal
        from imagenet_tools.registry import register

        @register("late")
        def late(image, output_height, output_width, is_training=False, kind: Kind = "a"):
            "Squash."

        Kind = Literal["a", "b"]
    """
    registry.load_plugin(str(plugin(tmp_path, code)))
    assert registry.get("late:kind=b").spec == "late:kind=b"
    with pytest.raises(ValueError, match="kind=c: choose from a, b"):
        registry.get("late:kind=c")


@pytest.mark.filterwarnings("ignore:Cannot activate TF2")  # tf.compat.v1.summary
@pytest.mark.parametrize(
    "made",
    [
        "functools.partial(base, gain=1.0)",
        "Mine()",
        "Mine().__call__",
        "tf.function(base)",
        "keywords",
        "summarised",
        "functools.wraps(base)(lambda *arguments, **named: base(*arguments, **named))",
    ],
)
def test_whatever_can_be_called_is_a_pipeline(tmp_path: Path, made: str) -> None:
    path = plugin(tmp_path, f"{HEADER}\nregister('made')({made})\n")
    assert registry.load_plugin(path) == ["made"]
    pipeline = registry.get("made")
    assert pipeline.summary == "Squash."
    assert pipeline.parts["function"].definition.line == HEADER.count("\n") + 2
    wanted = tf.image.resize(IMAGE, [8, 9], antialias=True) / 127.5 - 1
    if made != "summarised":  # TensorFlow has that operation in graphs only
        np.testing.assert_allclose(pipeline.preprocess_image(IMAGE, 8, 9), wanted, atol=1e-5)
    data = tf.data.Dataset.from_tensors(IMAGE).map(lambda x: pipeline.preprocess_image(x, 8, 9))
    np.testing.assert_allclose(next(iter(data)), wanted, atol=1e-5)


def test_settings_reach_a_partial_and_keyword_only_arguments(tmp_path: Path) -> None:
    code = f"{HEADER}\nregister('part')(functools.partial(base, gain=0.5))\n"
    registry.load_plugin(plugin(tmp_path, f"{code}register('words')(keywords)\n"))
    half = registry.get("words:gain=0.5").preprocess_image(IMAGE, 8, 8)
    np.testing.assert_array_equal(registry.get("part").preprocess_image(IMAGE, 8, 8), half)


def test_one_operation_is_put_on_any_pipeline(tmp_path: Path) -> None:
    code = """
        from imagenet_tools import registry

        @registry.register_part("dim", "{kind}")
        def dim(image, is_training, seed, *, by: float = 0.5):
            "Darken."
            return image * by
    """
    assert registry.load_plugin(plugin(tmp_path, code.format(kind="color"))) == ["dim"]
    assert registry.parts_alone()["dim"] == "colour"
    assert "dim" not in registry.names()
    out, plain = (registry.get(s).preprocess_image(IMAGE, 8, 8) for s in ("lenet+dim", "lenet"))
    np.testing.assert_allclose(out * 128 + 128, (plain * 128 + 128) / 2, atol=1e-4)
    described = registry.get("lenet+dim:by=0.25").describe()
    assert described["spec"] == "lenet+dim:by=0.25"
    assert described["steps"]["colour"] == ["Darken."]
    with pytest.raises(ImportError, match="'shade' of dim is no part; choose from geometry"):
        registry.load_plugin(plugin(tmp_path, code.format(kind="shade"), "wrong.py"))


def test_a_function_without_is_training_is_refused(tmp_path: Path) -> None:
    code = f"{HEADER}\n@register('short')\ndef short(image, height, width):\n    return image\n"
    with pytest.raises(
        ImportError, match=r"mine.py failed: ValueError: short takes no is_training"
    ):
        registry.load_plugin(plugin(tmp_path, code))


USES_HELPER = """
    from imagenet_tools.registry import register
    from squash import squash

    @register("{name}")
    def mine(image, output_height, output_width, is_training=False):
        from later import shift
        return squash(image, output_height, output_width) + shift()
"""
HELPER = """
    import tensorflow as tf

    def squash(image, height, width):
        return tf.image.resize(image, [height, width]) * {factor}
"""


def test_a_plugin_has_its_helpers_beside_it(tmp_path: Path) -> None:
    """They count as part of it, and two plug-ins' helpers of one name are two."""
    for name, factor in (("one", 1.0), ("two", 2.0)):
        plugin(tmp_path / name, HELPER.format(factor=factor), "squash.py")
        plugin(tmp_path / name, "def shift():\n    return 0.0\n", "later.py")
        path = plugin(tmp_path / name, USES_HELPER.format(name=name))
        assert registry.load_plugin(path) == [name]
    one, two = (registry.get(n).preprocess_image(IMAGE, 8, 8) for n in ("one", "two"))
    np.testing.assert_allclose(two, 2 * np.asarray(one), rtol=1e-6)
    before = registry.get("two").fingerprint
    assert registry.load_plugin(path) == ["two"]
    plugin(tmp_path / "two", HELPER.format(factor=3.0), "squash.py")
    with registry.temporary(), pytest.raises(ValueError, match="changed since it was loaded"):
        registry.load_plugin(path)
    assert registry.get("two").fingerprint == before


def test_a_plugin_that_loads_another_keeps_its_helpers(tmp_path: Path) -> None:
    """What it registers afterwards is of its helper, too: another helper is another pipeline."""
    other = plugin(tmp_path / "other", USES_HELPER.format(name="other"))
    plugin(tmp_path / "other", HELPER.format(factor=1.0), "squash.py")
    loads = f"from imagenet_tools import registry\n    registry.load_plugin({str(other)!r})\n"
    prints = []
    for factor in (1.0, 2.0):
        plugin(tmp_path / "mine", HELPER.format(factor=factor), "squash.py")
        own = USES_HELPER.format(name="mine").replace("    @register", f"    {loads}    @register")
        with registry.temporary():
            registry.load_plugin(plugin(tmp_path / "mine", own))
            prints.append(registry.get("mine").fingerprint)
    assert prints[0] != prints[1]


@pytest.mark.parametrize("raised", ["sys.exit(0)", "raise GeneratorExit('no')"])
def test_a_plugin_does_not_end_the_process(tmp_path: Path, raised: str) -> None:
    kind = "SystemExit" if "exit(" in raised else "GeneratorExit"
    with pytest.raises(ImportError, match=f"plug-in .*mine.py failed: {kind}"):
        registry.load_plugin(plugin(tmp_path, f"import sys\n{raised}\n"))
    code = f"""
        import sys
        def preprocess_image(image, output_height, output_width, is_training=False):
            {raised}
    """
    registry.load_plugin(plugin(tmp_path, code, "late.py"))
    with pytest.raises(PipelineFailed, match=f"late.*late.py.* raised {kind}"):
        registry.get("late").preprocess_image(IMAGE, 8, 8)


@pytest.mark.parametrize(
    ("held", "used"),
    [
        ("tf.constant([123.0, 116.0, 103.0])", "image - held"),
        ("tf.Variable(0.5)", "image * held"),
        ("tf.keras.layers.RandomFlip()", "held(image[None], training=is_training)[0]"),
    ],
    ids=["constant", "variable", "layer"],
)
def test_what_a_plugin_holds_may_be_eager(tmp_path: Path, held: str, used: str) -> None:
    code = f"""
        import tensorflow as tf
        held = {held}
        def preprocess_image(image, output_height, output_width, is_training=False):
            image = tf.image.resize(image, [output_height, output_width])
            return {used}
    """
    registry.load_plugin(plugin(tmp_path, code, "holds.py"))
    pipeline = registry.get("holds")
    data = tf.data.Dataset.from_tensors(IMAGE).map(
        lambda image: pipeline.preprocess_image(tf.ensure_shape(image, [None, None, 3]), 8, 8, True)
    )
    assert next(iter(data)).shape == pipeline.preprocess_image(IMAGE, 8, 8).shape == (8, 8, 3)


def test_an_error_in_a_graph_is_its_cause_in_a_line() -> None:
    decode = tf.function(lambda: tf.io.decode_jpeg(b"no image"), autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        decode()
    assert probe.last_word(raised.value).startswith("InvalidArgumentError: Unknown image file form")


@pytest.mark.parametrize(
    "endless",
    [
        "while True: pass",
        """step = tf.while_loop(lambda x: x < 1, lambda x: [x * 1], [tf.zeros([])])[0]
            return step + tf.zeros([output_height, output_width, 3])""",
    ],
)
def test_a_first_probe_ends(tmp_path: Path, endless: str, warm: None) -> None:
    """And the process with it: here it would keep a core busy for as long as the tests go on."""
    code = f"""
        import tensorflow as tf
        def preprocess_image(image, output_height, output_width, is_training=False):
            print("begun")
            {endless}
    """
    arguments = ["check-preproc", "slow", "--plugin", str(plugin(tmp_path, code, "slow.py"))]
    program = (
        "import sys; from imagenet_tools.cli.main import run; "
        "from imagenet_tools.pipelines import probe; probe.LIMIT = 1.0; "
        f"sys.exit(run({[*arguments, '--json']}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 1
    (check,) = json.loads(ended.stdout)
    assert "plug-in slow" in check["detail"]
    assert "did not end within 1 s" in check["detail"]


def test_what_a_plugin_prints_is_not_in_the_json(tmp_path: Path, runner: CliRunner) -> None:
    code = """
        import tensorflow as tf
        print("imported")
        def preprocess_image(image, output_height, output_width, is_training=False):
            print("shape", image.shape)
            image = tf.image.resize(image, [output_height, output_width], antialias=True)
            return image / 127.5 - 1.0
    """
    arguments = ["chatty", "--plugin", str(plugin(tmp_path, code, "chatty.py")), "--json"]
    result = runner.invoke(check_preproc, [*arguments, "--size", "16"], standalone_mode=False)
    assert result.return_value == 0
    assert json.loads(result.stdout)
    assert "imported" in result.stderr
    assert "shape" in result.stderr
