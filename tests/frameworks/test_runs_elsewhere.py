"""docs/how-to/runs-elsewhere.md's functions as they stand: what nets say becomes a table.

Each in a process of its own, where its framework is installed; `make test-frameworks` has them.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from scripts import needs, run

from imagenet_tools.comparison.tables import judge_tables
from imagenet_tools.records.reader import open_records

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "runs-elsewhere.md").read_text()
(HEADER,) = re.findall(r'`(file\.write\("arm.*?\))`', PAGE)

# Two arms of three seeds; what names and labels are is the reader's own.
KERAS = """
import imagenet_tools, keras

records = imagenet_tools.open_records("records", "validation", labels_offset=1)
images = np.stack([np.resize(one.pixels(), (32, 32, 3)) for one in records]) / 255.0
labels, names = [one.label for one in records], [one.key for one in records]

def said(file, arm, seed, scale=1.0):
    keras.utils.set_random_seed(seed + 10 * len(arm))
    net = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    net.build((None, 32, 32, 3))
    net.set_weights([scale * one for one in net.get_weights()])
    write(file, arm, seed, net, images, labels, names)
    return net.predict(images).argmax(axis=1)
"""
PYTORCH = """
import imagenet_tools, numpy as np

records = imagenet_tools.open_records("records", "validation", labels_offset=1)

def collate(some):
    images = np.stack([np.resize(one.pixels(), (32, 32, 3)) for one in some]) / np.float32(255)
    return torch.from_numpy(images), torch.tensor([o.label for o in some]), [o.key for o in some]

loader = torch.utils.data.DataLoader(records, 4, collate_fn=collate)

def said(file, arm, seed, scale=1.0):
    torch.manual_seed(seed + 10 * len(arm))
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.9), torch.nn.Linear(3072, 3))
    net[2].weight.data *= scale
    write(file, arm, seed, net, loader)
    return torch.cat([net(images).argmax(dim=1) for images, *_ in loader]).numpy()
"""
WRITTEN = """
said_by_all = []
with open("runs.csv", "w", newline="") as file:
    HEADER
    for arm in ("old", "newer"):
        for seed in (1, 2, 3):
            said_by_all += said(file, arm, seed).tolist()
with open("runs.csv", newline="") as file:
    assert [int(row["prediction"]) for row in csv.DictReader(file)] == said_by_all
with open("diverged.csv", "w", newline="") as file:
    try:
        said(file, "old", 1, float("nan"))
    except ValueError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("framework", "package", "code"), [("Keras", "keras", KERAS), ("PyTorch", "torch", PYTORCH)]
)
def test_what_nets_say_is_judged(
    framework: str, package: str, code: str, tiny_records: Path, request: pytest.FixtureRequest
) -> None:
    needs(package)
    if framework == "Keras":  # on TensorFlow
        request.getfixturevalue("warm")
    (function,) = re.findall(rf"^From {framework}.*?^```python\n(.*?)^```", PAGE, re.M | re.S)
    folder = tiny_records.parent
    script = "\n".join([function, code, WRITTEN.replace("HEADER", HEADER)])
    said = run(script, folder).splitlines()
    assert said[-1] == "old, seed 1: scores that are not finite; it diverged"
    wanted = [(one.key, one.label - 1) for one in open_records(tiny_records, "validation")]
    with open(folder / "runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], int(row["label"])) for row in rows] == 6 * wanted
    assert [row["arm"] for row in rows[::9]] == ["old"] * 3 + ["newer"] * 3
    judged = judge_tables([folder / "runs.csv"])["old", "newer"]
    assert (judged.images, judged.seeds) == (9, (3, 3))
