"""The registry inside TF-Slim: a miniature checkout of either era, and a real one at $SLIM_DIR."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imagenet_tools import registry
from imagenet_tools.cli import main as cli_main
from imagenet_tools.slim import checkout, patching, runner
from imagenet_tools.slim.flags import wants_gpu

pytestmark = pytest.mark.usefixtures("warm")

FACTORY = """
from preprocessing import mean_preprocessing


def get_preprocessing(name, is_training=False, use_grayscale=False):
    table = {"inception": mean_preprocessing, "mini": mean_preprocessing}
    if name not in table:
        raise ValueError("no preprocessing called " + name)

    def run(image, output_height, output_width, **kwargs):
        return table[name].preprocess_image(
            image, output_height, output_width, is_training=is_training, **kwargs)

    return run
"""
MEAN = '''
import tensorflow as tf


def preprocess_image(image, output_height, output_width, is_training=False):
    """Every value 7, so that a test sees whose pipeline ran."""
    return tf.fill([output_height, output_width, 3], 7.0)
'''
# Each era's way to TF-Slim, and to flags.
ERAS = {
    "contrib": "import tensorflow as tf\nfrom tensorflow.contrib import slim\n",
    "tf_slim": "import tensorflow.compat.v1 as tf\nimport tf_slim as slim\n",
}
SCRIPT = """
import json
import os
import signal
import sys

import numpy as np

from datasets import dataset_factory
from nets import nets_factory
from preprocessing import preprocessing_factory

tf.app.flags.DEFINE_string("dataset_dir", None, "records")
tf.app.flags.DEFINE_string("preprocessing_name", None, "pipeline")
tf.app.flags.DEFINE_string("model_name", "lenet", "net")
tf.app.flags.DEFINE_integer("status", 0, "exit code")
tf.app.flags.DEFINE_boolean("die", False, "by a signal")
FLAGS = tf.app.flags.FLAGS


def main(_):
    slim.get_or_create_global_step()
    function = preprocessing_factory.get_preprocessing(FLAGS.preprocessing_name, is_training=False)
    image = tf.constant(np.full((40, 60, 3), 200, np.uint8))
    with tf.Session() as session:
        out = session.run(function(image, 24, 24))
    print(json.dumps({"mean": float(out.mean()), "shape": list(out.shape), "argv": sys.argv[1:],
                      "old": str(np.int), "dir": FLAGS.dataset_dir}))
    sys.stdout.flush()
    if FLAGS.die:
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(FLAGS.status)


if __name__ == "__main__":
    tf.app.run()
"""


def miniature(folder: Path, era: str) -> Path:
    """A folder in the shape of research/slim, small enough to read."""
    slim = folder / "slim"
    files = {
        "preprocessing/preprocessing_factory.py": FACTORY,
        "preprocessing/mean_preprocessing.py": MEAN,
        "nets/nets_factory.py": ERAS[era] + 'networks_map = {"alexnet_v2": None, "lenet": None}\n',
        "datasets/dataset_factory.py": ERAS[era],
        "train_image_classifier.py": ERAS[era] + SCRIPT,
    }
    for name, text in files.items():
        (slim / name).parent.mkdir(parents=True, exist_ok=True)
        (slim / name).write_text(text)
    for package in ("preprocessing", "nets", "datasets"):
        (slim / package / "__init__.py").write_text("")
    return slim


def digest(folder: Path) -> str:
    """Of every file's name and bytes; __pycache__ would change it, too."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(str(path.relative_to(folder)).encode())
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()


def slim_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imagenet_tools", "slim-run", *arguments]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", True),
        ("--clone_on_cpu=False", True),
        ("--clone_on_cpu=True", False),
        ("--clone_on_cpu", False),
        ("--flagfile=mine", False),  # which may hold it
    ],
)
def test_a_trainer_without_a_gpu_is_told_of_its_flag(
    given: str, wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = miniature(tmp_path, "tf_slim") / "train_image_classifier.py"
    line = [*given.split(), f"--dataset_dir={tmp_path}"]
    assert not wants_gpu(script, line)  # which has no such flag
    script.write_text(f'{script.read_text()}DEFINE_boolean("clone_on_cpu", False, "")')
    assert wants_gpu(script, line) == wanted
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    if wanted:
        with pytest.raises(ValueError, match="sees none here: give --clone_on_cpu=True"):
            runner.prepare(script, line, prefer="slim", plugins=[])


@pytest.mark.parametrize("era", ERAS)
def test_a_script_runs_with_our_pipelines_and_nothing_changes(tmp_path: Path, era: str) -> None:
    slim = miniature(tmp_path, era)
    before = digest(slim)
    flags = [f"--dataset_dir={tmp_path}", "--preprocessing_name=alexnet", "--status=9"]
    done = slim_run(str(slim / "train_image_classifier.py"), *flags)
    assert done.returncode == 9, done.stderr
    printed = json.loads(done.stdout.strip().splitlines()[-1])
    mean = np.mean((200 - np.array([127.30, 119.72, 104.91])) / 127.5)
    assert printed["mean"] == pytest.approx(mean, abs=1e-3)
    assert printed["shape"] == [24, 24, 3]
    assert printed["argv"] == flags
    assert printed["dir"] == str(tmp_path)
    assert "alexnet: imgtools' alexnet" in done.stderr
    assert done.stderr.count("fingerprint") == 1
    assert "deprecat" not in done.stderr
    assert digest(slim) == before


def test_names_stay_tf_slims_unless_asked(tmp_path: Path) -> None:
    script = str(miniature(tmp_path, "tf_slim") / "train_image_classifier.py")
    flags = [f"--dataset_dir={tmp_path}", "--preprocessing_name=inception"]
    theirs = slim_run(script, *flags)
    assert json.loads(theirs.stdout.splitlines()[-1])["mean"] == 7.0
    ours = slim_run("--prefer", "imgtools", script, *flags)
    mean = json.loads(ours.stdout.splitlines()[-1])["mean"]
    assert mean == pytest.approx(200 / 127.5 - 1, abs=1e-5)


def test_plugins_and_signals(tmp_path: Path) -> None:
    plugin = tmp_path / "five_preprocessing.py"
    plugin.write_text(
        "import tensorflow as tf\n"
        "def preprocess_image(image, height, width, is_training=False):\n"
        "    return tf.fill([height, width, 3], 5.0)\n"
    )
    script = str(miniature(tmp_path, "tf_slim") / "train_image_classifier.py")
    flags = [f"--dataset_dir={tmp_path}", "--preprocessing_name=five", "--die"]
    done = slim_run("--plugin", str(plugin), script, *flags)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["mean"] == 5.0


def test_what_cannot_run_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slim = miniature(tmp_path, "tf_slim")
    script = slim / "train_image_classifier.py"
    there = ["--dataset_dir", str(tmp_path)]
    other = slim / "other.py"
    other.write_text("print(1)\n")
    for arguments, said in (
        ([str(tmp_path / "none.py")], "there is no script"),
        ([str(slim)], "is a folder; give one of its scripts"),
        ([str(other)], "is no script to run under the registry"),
        ([str(script)], "needs --dataset_dir"),
        ([str(script), "--dataset_dir", str(tmp_path / "gone")], "there is no folder"),
        ([str(script), *there, "--model_name", "alexnet_v3"], "no net 'alexnet_v3'. Did you mean"),
        ([str(script), *there, "--model_nam=lenet"], "Did you mean --model_name?"),
    ):
        assert cli_main.run(["slim-run", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.strip().splitlines()) == 1
    factory = slim / checkout.FACTORY
    factory.write_text(factory.read_text().replace("    return run", "    run = 1\n    return run"))
    assert cli_main.run(["slim-run", str(script), *there]) == 2
    assert "is not as TF-Slim wrote it" in capsys.readouterr().err


def test_what_fails_in_the_script_is_one_line(tmp_path: Path) -> None:
    slim = miniature(tmp_path / "theirs", "tf_slim")
    script = slim / "train_image_classifier.py"
    there = f"--dataset_dir={tmp_path}"
    wrong = slim_run(str(script), there, "--preprocessing_name=alexnot")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Error: there is no pipeline 'alexnot'. Did you mean alexnet")
    assert len(wrong.stderr.splitlines()) == 1
    (tmp_path / "theirs" / "company").mkdir()
    (tmp_path / "theirs" / "company" / "__init__.py").write_text("")
    script.write_text("import company\n" + script.read_text())
    lost = slim_run(str(script), there, "--preprocessing_name=alexnet")
    home = tmp_path / "theirs"
    assert (lost.returncode, lost.stderr.splitlines()[1:]) == (1, [])
    assert f"needs the module company; it lies in {home}: put PYTHONPATH={home}" in lost.stderr


OWN_RECORDS = """
found = dataset_factory.get_dataset("imgtools", "validation", FLAGS.dataset_dir)
with tf.Session() as session:
    decoded = found.decoder.decode(tf.placeholder(tf.string), ["image", "label"])
    record = next(tf.io.tf_record_iterator(found.data_sources[0]))
    image, label = session.run(decoded, {"Placeholder:0": record})
print(json.dumps([found.num_samples, found.num_classes, list(image.shape), int(label)]))
"""


def test_records_are_a_data_set_by_their_manifest(tmp_path: Path, tiny_records: Path) -> None:
    slim = miniature(tmp_path, "contrib")
    factory = slim / "datasets" / "dataset_factory.py"
    factory.write_text('datasets_map = {"imagenet": None}\ndef get_dataset(*_): raise KeyError\n')
    script = slim / "train_image_classifier.py"
    text = SCRIPT.partition("\n\ndef main")[0]
    text += '\ntf.app.flags.DEFINE_string("dataset_name", "imagenet", "")\nFLAGS(sys.argv)\n'
    script.write_text(ERAS["contrib"] + text + OWN_RECORDS)
    done = slim_run(str(script), f"--dataset_dir={tiny_records}", "--dataset_name=imgtools")
    assert done.returncode == 0, done.stderr
    samples, classes, (*_, channels), label = json.loads(done.stdout.splitlines()[-1])
    assert (samples, classes, channels) == (9, 4, 3) and 1 <= label <= 3


def test_shards_under_other_names_are_told_of_the_way_on(tmp_path: Path) -> None:
    script = tmp_path / "train_image_classifier.py"
    script.write_text("raise ValueError('No data files found in records/own_train_*')\n")
    with pytest.raises(FileNotFoundError, match="own_train_.*--dataset_name=imgtools takes shards"):
        runner.execute(script, [], {})


PATCHED = """
import sys
sys.path.insert(0, sys.argv[1])
import imagenet_tools.slim as slim
from imagenet_tools.slim import factory
slim.patch()
slim.patch()
from preprocessing import preprocessing_factory as theirs
patched = theirs.get_preprocessing
import tensorflow as tf
def mean(name):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        image = tf.constant(200, tf.uint8, [40, 60, 3])
        return float(session.run(theirs.get_preprocessing(name)(image, 24, 24)).mean())
print(mean("mini"), round(mean("inception"), 4), round(mean("alexnet_v2"), 4))
slim.patch(prefer="imgtools")
print(round(mean("inception"), 4))
slim.unpatch()
slim.unpatch()
print(theirs.get_preprocessing is not patched, mean("inception"))
try:
    theirs.get_preprocessing("alexnet")
except ValueError as error:
    print(error)
"""


def test_patch_is_idempotent_and_reversible(tmp_path: Path) -> None:
    slim = miniature(tmp_path, "tf_slim")
    done = subprocess.run(
        [sys.executable, "-c", PATCHED, str(slim)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours = round(200 / 127.5 - 1, 4)
    assert done.stdout.splitlines()[-4:] == [
        f"7.0 7.0 {ours}", f"{ours}", "True 7.0", "no preprocessing called alexnet",
    ]  # fmt: skip


def test_patch_refuses_what_is_not_tf_slims(tmp_path: Path) -> None:
    (tmp_path / "preprocessing").mkdir()
    (tmp_path / "preprocessing/__init__.py").write_text("")
    (tmp_path / "preprocessing/preprocessing_factory.py").write_text("get_preprocessing = None\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport imagenet_tools.slim as s\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "s.patch()"], capture_output=True, text=True, check=False
    )
    assert "is no TF-Slim checkout" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("end", ["\n", "", "\n\n"])
def test_slim_patch_is_undone_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    slim = miniature(tmp_path, "tf_slim")
    path = slim / checkout.FACTORY
    path.write_text(path.read_text().rstrip("\n") + end)
    before = digest(slim)
    assert cli_main.run(["slim-patch", str(slim), "--dry-run"]) == 0
    assert "+imagenet_tools.slim.patch(__name__)" in capsys.readouterr().out
    assert digest(slim) == before
    for _ in range(2):
        assert cli_main.run(["slim-patch", str(slim)]) == 0
    assert "there already" in capsys.readouterr().out
    assert path.read_bytes().count(b"slim.patch(") == 1
    for _ in range(2):
        assert cli_main.run(["slim-patch", str(slim), "--undo"]) == 0
    assert digest(slim) == before


def test_a_patched_checkout_knows_our_pipelines(tmp_path: Path) -> None:
    slim = miniature(tmp_path, "tf_slim")
    patching.change(slim)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tensorflow as tf\n"
        "from preprocessing import preprocessing_factory as f\n"
        "with tf.Graph().as_default(), tf.compat.v1.Session() as s:\n"
        "    image = tf.constant(200, tf.uint8, [40, 60, 3])\n"
        "    out = f.get_preprocessing('alexnet')(image, 24, 24)\n"
        "    print(s.run(out).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(slim)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["(24, 24, 3)"], done.stderr


def test_slim_patch_refuses_where_it_cannot_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_main.run(["slim-patch", str(miniature(tmp_path, "contrib"))]) == 2
    assert "imports tensorflow.contrib" in capsys.readouterr().err
    assert cli_main.run(["slim-patch", str(tmp_path)]) == 2
    assert "is no TF-Slim checkout" in capsys.readouterr().err


LIVE = """
import io, sys, tarfile
import numpy as np
sys.path.insert(0, sys.argv[1])
import imagenet_tools.slim as slim
slim.patch()
from preprocessing import preprocessing_factory as theirs
import tensorflow as tf
original = theirs.get_preprocessing.imgtools_original
worst = {}
with tarfile.open(sys.argv[2]) as archive:
    encoded = [archive.extractfile(m).read() for m in archive if m.isfile()][:200]
from imagenet_tools import registry
for name in ("inception", "vgg", "cifarnet", "lenet"):
    span = {"vgg": 274.74, "cifarnet": 6.0}.get(name, 2.0)  # standardised: about -3..3
    for size in (224, 96, 299) if name == "inception" else (224, 96, 160):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            data = tf.compat.v1.placeholder(tf.string, [])
            image = tf.io.decode_jpeg(data, channels=3)
            a = original(name, False)(image, size, size)
            b = registry.get(name).preprocess_image(image, size, size, False)
            apart = tf.reduce_max(tf.abs(a - b))
            worst[name, size] = max(session.run(apart, {data: e}) for e in encoded) / span
print(max(worst.values()), len(encoded), len(worst))
"""


@pytest.fixture
def real_checkout() -> Path:
    folder = os.environ.get("SLIM_DIR")
    if not folder:
        pytest.skip("SLIM_DIR names no TF-Slim checkout")
    return Path(folder)


def test_evaluation_equals_tf_slims_called_live(real_checkout: Path, shared: Path) -> None:
    sample = str(shared / "data" / "imagenet-sample.tar")
    command = [sys.executable, "-c", LIVE, str(real_checkout), sample]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    worst, images, cases = done.stdout.split()[-3:]
    assert (images, cases) == ("200", "12")
    assert float(worst) <= 1e-5


def test_names_of_a_real_checkout(real_checkout: Path) -> None:
    found = checkout.read(real_checkout)
    assert "alexnet" not in found.names
    assert {"inception", "vgg", "cifarnet", "lenet"} <= set(found.names)
    assert registry.get("alexnet").spec == "alexnet"
