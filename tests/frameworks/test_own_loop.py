"""docs/how-to/own-loop.md is run as it stands: every image once an epoch, and the same order twice.

Each of its recipes in a process of its own, where its framework is installed; `make
test-frameworks` has them all.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import needs, run

from imagenet_tools import synthetic
from imagenet_tools.records import descriptions
from imagenet_tools.records.reader import open_records

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-loop.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
COUNT = 24  # of tiny_records
# Heading -> what it needs beside the package's own.
NEEDS = {
    "NumPy": (),
    "PyTorch": ("torch",),
    "JAX, with Grain": ("jax", "grain"),
    "Keras 3": ("keras",),
    "TensorFlow, and Keras on it": ("tensorflow", "keras"),
    "A pipeline alone": ("tensorflow",),
    "A pipeline inside a Keras model": ("tensorflow", "keras"),
    "A net and its pipeline, outside TensorFlow": ("tf2onnx", "onnxruntime"),
    "TFDS, and what reads through it": ("tensorflow_datasets",),
}


def sections() -> dict[str, list[str]]:
    """Heading -> its blocks of Python; "" is what stands before the first."""
    first, *others = re.split(r"^## ", PAGE.read_text(), flags=re.M)
    named = {"": first, **dict(one.split("\n", 1) for one in others)}
    return {name: BLOCK.findall(text) for name, text in named.items()}


# What is appended to a recipe: the keys of an epoch's batches, an epoch a line.
EPOCHS = """
import json
for epoch in (0, 0, 1):
    keys, labels = [], []
    for images, numbers, names in batches(epoch):
        assert images.shape[1:] == (64, 64, 3) and str(images.dtype).endswith("float32")
        assert -1 <= float(images.min()) < float(images.max()) <= 1
        keys += [str(name) for name in names]
        labels += [int(number) for number in numbers]
    print("EPOCH", json.dumps([keys, labels]))
"""


def test_every_section_is_tested() -> None:
    assert set(sections()) == {"", *NEEDS}
    assert all(sections().values())


def test_the_first_block_prints_what_a_record_is(tiny_records: Path) -> None:
    said = run(sections()[""][0], tiny_records.parent).splitlines()
    assert said[0].startswith(f"{COUNT} ") and "0 = background" in said[0]
    assert re.fullmatch(r"[123] .* \S+/\S+ \(\) \(\d+, \d+, 3\)", said[1])


@pytest.mark.parametrize("name", ["NumPy", "PyTorch", "JAX, with Grain"])
def test_every_image_once_an_epoch_and_the_same_order_twice(name: str, tiny_records: Path) -> None:
    needs(*NEEDS[name])
    page = sections()
    code = "\n".join([page[""][1], *page[name], EPOCHS])
    said = run(code, tiny_records.parent)
    epochs = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("EPOCH ")]
    first, again, second = epochs
    assert first == again and first != second
    reader = open_records(tiny_records, labels_offset=1)
    for number, (keys, labels) in ((0, first), (1, second)):
        wanted = [reader[at] for at in reader.order(0, number)]
        assert keys == [record.key for record in wanted]
        assert labels == [record.label for record in wanted]


def test_pytorch_goes_on_where_it_was(tiny_records: Path) -> None:
    needs("torch")
    page = sections()
    goes_on = "print([list(batch[2]) for batch in batches(3, size=4)][2:] =="
    goes_on += " [list(batch[2]) for batch in batches(3, size=4, done=8)])"
    code = "\n".join([page[""][1], *page["PyTorch"], goes_on])
    # The recipe trains first, and prints a line an epoch.
    *epochs, same = run(code, tiny_records.parent).splitlines()
    assert [line.split()[0] for line in epochs] == ["0", "1"] and same == "True"


# Keras asks for a first batch twice, to learn its shapes: batches are told by their numbers.
FITTED = """
import json, math
assert all(math.isfinite(loss) for loss in history.history["loss"])
seen = []
class Noted(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        seen.append({})

class Watched(Images):
    def __getitem__(self, batch):
        if seen:
            seen[-1][batch] = [int(at) for at in self.order[batch * 8 :][:8]]
        return super().__getitem__(batch)

data = Watched(workers=2)
data.begin(epoch=0)
begin = keras.callbacks.LambdaCallback(on_epoch_begin=data.begin)
net.fit(data, epochs=4, initial_epoch=1, shuffle=False, verbose=0, callbacks=[begin, Noted()])
print("SEEN", json.dumps([[done[k] for k in sorted(done)] for done in seen]))
"""


def test_keras_fits_on_every_image_once_an_epoch(
    tiny_records: Path, request: pytest.FixtureRequest
) -> None:
    needs("keras")
    backend = "jax" if importlib.util.find_spec("jax") else "tensorflow"
    if backend == "tensorflow":
        request.getfixturevalue("warm")
    page = sections()
    code = "\n".join([page[""][1], *page["Keras 3"], FITTED])
    said = run(code, tiny_records.parent, KERAS_BACKEND=backend)
    (line,) = [line for line in said.splitlines() if line.startswith("SEEN ")]
    seen = json.loads(line[5:])
    reader = open_records(tiny_records)
    assert len(seen) == 3
    for epoch, batches in enumerate(seen, 1):
        assert sum(batches, []) == reader.order(0, epoch).tolist()


def test_keras_fits_on_the_batches_of_train(warm: None, tiny_records: Path) -> None:
    name = "TensorFlow, and Keras on it"
    needs(*NEEDS[name])
    finite = "import math; assert all(map(math.isfinite, history.history['loss']))"
    said = run("\n".join([*sections()[name], finite]), tiny_records.parent).splitlines()
    reader = open_records(tiny_records, labels_offset=1)
    first = [reader[at] for at in reader.order(0, 0)[:8]]
    labels = str(np.array([record.label for record in first]))
    assert said[0] == f"(8, 64, 64, 3) {labels} {first[0].key}"


def test_a_pipeline_alone(warm: None, tmp_path: Path) -> None:
    name = "A pipeline alone"
    needs(*NEEDS[name])
    (tmp_path / "cat.jpg").write_bytes(synthetic.picture("disc-striped", "validation", 3))
    said = run("\n".join(sections()[name]), tmp_path).splitlines()
    assert re.fullmatch(r"alexnet:lighting=0 \[-?\d.*\] \(224, 224, 3\)", said[0])
    assert said[1:] == ["(96, 128, 3)"] * 3


KERAS = """
import tensorflow as tf

batch = np.random.default_rng(0).integers(0, 256, (2, 70, 90, 3), np.uint8)
wanted, exported = net(batch).numpy(), tf.saved_model.load("net")
np.testing.assert_allclose(again(batch), wanted, atol=1e-6)
np.testing.assert_allclose(exported.serve(batch), wanted, atol=1e-6)
"""


def test_a_pipeline_inside_a_keras_model(warm: None, tmp_path: Path) -> None:
    name = "A pipeline inside a Keras model"
    needs(*NEEDS[name])
    run("\n".join(["import numpy as np", *sections()[name], KERAS]), tmp_path)


def test_onnx_gives_the_evaluations_logits(
    tiny_records: Path, tiny_net: str, tmp_path: Path
) -> None:
    name = "A net and its pipeline, outside TensorFlow"
    needs(*NEEDS[name])
    import tensorflow as tf

    import imagenet_tools
    from imagenet_tools.evaluation import scores, trained_net

    page = PAGE.read_text()
    (convert,) = re.findall(r"^python (-m tf2onnx.*)$", page, re.M)
    shutil.copytree(tiny_records, tmp_path / "records")
    recipe = imagenet_tools.recipe("quick", batch_size=8, image_size=32)
    one = {"preprocessing": "alexnet", "recipe": recipe, "steps": 20, "model": tiny_net}
    imagenet_tools.train(tmp_path / "records", tmp_path / "runs" / "one", **one)
    imagenet_tools.export(tmp_path / "runs" / "one", tmp_path / "served")
    command = [sys.executable, *convert.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    saved = tmp_path / "predictions.npz"
    imagenet_tools.evaluate(tmp_path / "records", tmp_path / "runs" / "one", predictions=saved)
    evaluated, _ = scores.read_predictions(saved)
    loaded = trained_net.load(tmp_path / "runs" / "one")
    net = tf.function(loaded.net, autograph=False)
    code = "\n".join([*sections()[name], "print(logits.tolist())"])
    for number, record in enumerate(open_records(tiny_records, "validation")):
        (tmp_path / "cat.jpg").write_bytes(record.encoded)
        best, logits = run(code, tmp_path).splitlines()
        assert int(best) == evaluated.top5[number, 0]
        image = loaded.pipeline.preprocess_encoded(record.encoded, 32, 32, seed=(0, 0))
        np.testing.assert_allclose(json.loads(logits), net(image[None])[0], atol=1e-4)


def test_a_described_folder_is_read_through_tfds(tiny_records: Path, tmp_path: Path) -> None:
    name = "TFDS, and what reads through it"
    needs(*NEEDS[name])
    shutil.copytree(tiny_records, tmp_path / "records")
    descriptions.describe_records(tmp_path / "records")
    said = run("\n".join(sections()[name]), tmp_path).splitlines()
    first = open_records(tiny_records)[0]
    assert said[-1] == f"({first.height}, {first.width}, 3) {first.key.split('/')[0]}"


GRAIN = """
import grain
import imagenet_tools

records = imagenet_tools.open_records("records", "train")
assert isinstance(records, grain.sources.RandomAccessDataSource)

def loader():
    sampler = grain.samplers.IndexSampler(len(records), shuffle=True, seed=1, num_epochs=1)
    return iter(grain.DataLoader(data_source=records, sampler=sampler, worker_count=0))

first = loader()
keys = [next(first).key for _ in range(10)]
state = first.get_state()
rest = [record.key for record in first]
assert len({*keys, *rest}) == len(keys + rest) == len(records)
records = imagenet_tools.open_records("records", "train")  # as a new process would
again = loader()
again.set_state(state)
assert [record.key for record in again] == rest
shuffled = [record.key for record in grain.MapDataset.source(records).shuffle(seed=0)]
assert sorted(shuffled) == sorted(keys + rest) != shuffled
"""


def test_grain_takes_the_reader_as_it_is_and_goes_on_from_its_checkpoint(
    tiny_records: Path,
) -> None:
    needs("grain")
    run(GRAIN, tiny_records.parent)


SPAWNED = """
import imagenet_tools
from torch.utils.data import DataLoader

records = imagenet_tools.open_records("records", "train")
started = dict(num_workers=2, multiprocessing_context="spawn")
assert list(DataLoader(records, batch_size=None, **started)) == list(records)
"""


def test_pytorchs_workers_may_be_spawned(tiny_records: Path) -> None:
    needs("torch")
    run(SPAWNED, tiny_records.parent)
