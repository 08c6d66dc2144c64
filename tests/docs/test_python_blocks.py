"""Every Python block of README and docs is run, in a folder that has what it names.

A block that begins with a comment `# NAME.py` is a file: it is written under that name and loaded
as a plug-in. One page's blocks share their names, from top to bottom. Those of a framework that is
not installed are left to `make test-frameworks`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imagenet_tools
from imagenet_tools import registry, synthetic

PROJECT = Path(__file__).parents[2]
PAGES = [
    page
    for page in (PROJECT / "README.md", *PROJECT.glob("docs/**/*.md"))
    if "```python" in page.read_text()
]
FRAMEWORKS = re.compile(
    r"^(?:import|from) (torch|jax|grain|keras|onnxruntime|tensorflow_datasets)\b", re.M
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_records: Path) -> Path:
    """raw, records, runs/short, served, photographs and cat.jpg, as the pages name them."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copytree(tiny_records.parent / "raw", folder / "raw")
    shutil.copytree(tiny_records, folder / "records")
    (folder / "photographs").mkdir()
    picture = synthetic.picture("disc-striped", "validation", 3)
    for name in ("photographs/a.jpg", "cat.jpg"):
        (folder / name).write_bytes(picture)
    one = {"preprocessing": "alexnet", "recipe": imagenet_tools.recipe("quick", epochs=4)}
    imagenet_tools.train(folder / "records", folder / "runs" / "short", **one)
    imagenet_tools.export(folder / "runs" / "short", folder / "served", data=folder / "records")
    return folder


def _copied(source: str, target: str) -> str:
    """Weights, which are written anew and never in place, are linked: they have 200 MB."""
    copy = os.link if os.path.getsize(source) > 1_000_000 else shutil.copy2
    copy(source, target)
    return target


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_the_blocks_of_a_page_run(
    page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(world, tmp_path / "world", copy_function=_copied)
    monkeypatch.chdir(tmp_path / "world")
    rng = np.random.default_rng(0)
    names: dict[str, Any] = {
        "correct_a": rng.random((3, 500)) < 0.6,
        "correct_b": rng.random((3, 500)) < 0.5,
        "step": lambda pixels, label: None,  # the reader's own
    }
    with registry.temporary():
        for number, block in enumerate(blocks(page)):
            run(block, Path(f"block_{number + 1}.py"), names)


def run(block: str, path: Path, names: dict[str, Any]) -> None:
    if not all(importlib.util.find_spec(name) for name in FRAMEWORKS.findall(block)):
        return
    file = re.match(r"# (\w+\.py)\n", block)
    if file or "@register" in block:
        path = path.with_name(file[1]) if file else path
        path.write_text(block)
        registry.load_plugin(path)
    else:
        exec(compile(block, path.name, "exec"), names)
