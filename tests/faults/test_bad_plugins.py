"""Plug-ins that fail, end the process, or are no pipeline: a refusal that names them, never 0."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagenet_tools import registry
from imagenet_tools.pipelines import plugins, probe

HEAD = """
import sys, time
import tensorflow as tf
from imagenet_tools import registry

def resized(image, height, width):
    return tf.image.resize(tf.cast(image, tf.float32), [height, width]) / 128.0

def plain(image):
    return resized(image, 32, 32)

"""
GOOD = (
    "@registry.register('mine')\ndef mine(image, output_height, output_width, is_training=False):"
)
LOOP = """
while True:
    try:
        1 / 0
    except Exception:
        pass
"""
# Content of the file, exit code of any command that is given it, what is said.
AT_IMPORT: dict[str, tuple[str | bytes, int, str]] = {
    "empty": ("", 2, "mine.py registers no pipeline"),
    "nothing registered": ("x = 1\n", 2, "mine.py registers no pipeline"),
    "ends the process": ("import sys\nsys.exit(0)\n", 1, "mine.py failed: SystemExit: 0"),
    "ends it with words": ("raise SystemExit('done')\n", 1, "mine.py failed: SystemExit: done"),
    "a BaseException": ("raise BaseException('x')\n", 1, "mine.py failed: BaseException: x"),
    "a GeneratorExit": ("raise GeneratorExit\n", 1, "mine.py failed: GeneratorExit"),
    "a syntax error": ("def mine(:\n", 1, r"mine.py failed: SyntaxError: .*line 1"),
    "tabs and spaces": ("if True:\n\tx = 1\n        y = 2\n", 1, "mine.py failed: TabError"),
    "no module": ("import nowhere_to_be_found\n", 1, "failed: ModuleNotFoundError: .*nowhere"),
    "a division by zero": ("1 / 0\n", 1, "mine.py failed: ZeroDivisionError"),
    "no text": (b"\xff\xfe\x00\x01", 1, "mine.py failed: SyntaxError"),
    "without end": ("def f(): f()\nf()\n", 1, "mine.py failed: RecursionError"),
    "a loop": (LOOP, 1, "mine.py failed: TimeoutError: it did not end within 0.2 s"),
    "a name that is taken": (
        HEAD + GOOD.replace("'mine'", "'alexnet'") + "\n    ...",
        2,
        "already",
    ),
    "a name that is none": (
        HEAD + GOOD.replace("'mine'", "'my pipe'") + "\n    ...",
        2,
        "no pipeli",
    ),
    "a name of another kind": (
        HEAD + GOOD.replace("'mine'", "3") + "\n    ...",
        2,
        "no pipeline na",
    ),
    "no arguments": (HEAD + "registry.register('mine')(lambda: 0)\n", 1, "takes no image, outp"),
    "no is_training": (
        HEAD + "registry.register('mine')(lambda image, h, w: 0)\n",
        1,
        "is_training",
    ),
    "nothing to call": (HEAD + "registry.register('mine')(3)\n", 1, "3 is not a callable"),
}


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    with registry.temporary():
        yield


@pytest.mark.parametrize("name", AT_IMPORT)
def test_a_file_that_is_no_plugin(
    name: str, tiny_records: Path, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    content, code, said = AT_IMPORT[name]
    monkeypatch.setattr(plugins, "LIMIT", 0.2 if name == "a loop" else 600.0)
    Path("mine.py").write_bytes(content if isinstance(content, bytes) else content.encode())
    for command in (
        ["check-preproc", "mine"],
        ["describe-preproc", "mine"],
        ["train", "--data", tiny_records, "--train-dir", "run", "--preprocessing", "mine"],
        ["compare-preproc", "mine", "alexnet", "--data", tiny_records, "--out", "out"],
    ):
        refused([*command, "--plugin", "mine.py"], code, said)
    assert not Path("run").exists() and not Path("out").exists()


# The body of the function, and what is said of the first probe.
AT_THE_PROBE = {
    "ends the process": ("sys.exit(0)", "mine .*SystemExit: 0"),
    "a BaseException": ("raise BaseException('x')", "mine .*BaseException: x"),
    "an exception": ("raise RuntimeError('boo')", "mine.* failed on a first probe .*boo"),
    "returns nothing": ("pass", "mine.*None"),
    "another shape": ("return resized(image, height=7, width=9)", r"mine.*\(?7, 9, 3"),
    "a batch": ("return plain(image)[None]", "mine.*shape"),
    "grey": ("return plain(image)[..., :1]", "mine.*shape"),
    "uint8": ("return tf.cast(plain(image), tf.uint8)", "mine.*uint8"),
    "float64": (
        "return tf.cast(plain(image), tf.float64)", "mine.*float64",
    ),
    "a list": ("return [plain(image)]", r"mine returned a list; a tensor, float32 \[\d+, \d+, 3\]"),
    "a generator": ("yield plain(image)", "mine returned a generator; a tensor"),
    "an interrupt": ("raise KeyboardInterrupt", "mine.* failed on a first probe .*Interrupt"),
    "an end inside the graph": (
        "\n    def ends(_): sys.exit(3)"
        "\n    return tf.ensure_shape(tf.numpy_function(ends, [image], tf.float32), [32, 32, 3])",
        "mine.* failed on a first probe .*UnknownError: SystemExit: 3",
    ),
    "another type inside the graph": (
        "\n    def double(x): return x.astype('float64')"
        "\n    image = plain(image)"
        "\n    return tf.ensure_shape(tf.numpy_function(double, [image], tf.float32), [32, 32, 3])",
        "mine.* failed on a first probe .*is double, but expects float",
    ),
    "NaN": ("return plain(image) * float('nan')", "mine.*NaN or inf"),
    "Python's if": (
        "return resized(image, 8, 8) if tf.reduce_mean(image) > 3 else 0", "mine.*tf.cond",
    ),
    "without end": ("\n    while True: time.sleep(0.01)", r"mine.* did not end within 1 s"),
    "eager": ("return tf.constant(plain(image).numpy())", "mine.*nump"),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_THE_PROBE)
def test_a_function_that_is_no_pipeline(
    name: str, tiny_records: Path, tiny_net: str, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    body, said = AT_THE_PROBE[name]
    monkeypatch.setattr(probe, "LIMIT", 1.0 if name == "without end" else 60.0)
    Path("mine.py").write_text(f"{HEAD}{GOOD}\n    {body}\n")
    given = ["--plugin", "mine.py"]
    refused(["check-preproc", "mine", "--size", "32", *given], 1, "mine")
    command = ["train", "--data", tiny_records, "--train-dir", "run", "--preprocessing", "mine"]
    command += ["--model", tiny_net, "--image-size", "32", "--batch-size", "8", *given]
    refused([*command, "--initialisation", "he", "--max-number-of-steps", "1"], 1, said)


CHECKED = """
from imagenet_tools.pipelines.limits import together

def check({check}): {body}

@registry.register("mine")
@together(check)
def mine(image, output_height, output_width, is_training=False, *,
         low_min: float | None = None, low_max: float = 1.0, box=tf.zeros([4])):
    return resized(image, output_height, output_width)
"""
SETTINGS = "which is none of them: low_min, low_max$"
CHECKS = {
    "another name": ("bright", "pass", 1, f"mine.py. takes bright, {SETTINGS}"),
    "a tensor": ("low_max, box", "pass", 1, f"mine.py. takes box, {SETTINGS}"),
    "any": ("low_max, **others", "pass", 1, f"mine.py. takes others, {SETTINGS}"),
    "its own fault": ("low_max", "low_max.upper()", 1, "mine.py. failed: AttributeError: 'float'"),
    "a refusal": ("low_max", "raise ValueError(f'{low_max} is odd')", 2, "0.5 is odd"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_of_settings_is_one_of_settings(name: str, refused: Any) -> None:
    check, body, code, said = CHECKS[name]
    Path("mine.py").write_text(HEAD + CHECKED.format(check=check, body=body))
    refused(["describe-preproc", "mine:low_max=0.5", "--plugin", "mine.py"], code, said)


def test_a_lower_end_may_be_none() -> None:
    Path("mine.py").write_text(HEAD + CHECKED.format(check="low_max", body="pass"))
    registry.load_plugin("mine.py")
    made = registry.get("mine:low_max=0.5")
    assert made.preprocess_image(np.ones((9, 9, 3), np.uint8), 8, 8).shape == (8, 8, 3)
    with pytest.raises(ValueError, match="mine:low_min=0.6 is above low_max, which is 0.5"):
        registry.get("mine:low_min=0.6,low_max=0.5")


TF_SLIMS = """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()

def preprocess_image(image, output_height, output_width, is_training=False):
    return tf.image.resize_images(tf.to_float(image), [output_height, output_width])
"""


def test_a_file_of_tf_slims_leaves_tensorflow_2_as_it_is() -> None:
    """Those of 2020 call disable_v2_behavior when they are imported."""
    Path("slims.py").write_text(TF_SLIMS)
    code = (
        "from imagenet_tools import registry, tensorflow_version as version; version.later();"
        "registry.load_plugin('slims.py'); import tensorflow as tf; import numpy as np;"
        "out = registry.get('slims').preprocess_image(np.ones((9, 9, 3), np.uint8), 8, 8);"
        "print(tf.executing_eagerly(), float(np.mean(out)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True 1.0\n", done.stderr
