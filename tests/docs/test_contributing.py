"""CONTRIBUTING.md's additions, done literally in a copy of the tree: the files added, what the
page says run, and all of it green."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text()
SECTIONS = {
    title: text for title, text in re.findall(r"^## (Add .*?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
}
TREE = ("imagenet_tools", "preprocessing", "cli", "tests", "docs", "examples")
FILES = ("README.md", "CONTRIBUTING.md", "CHANGES.md", "pyproject.toml", "setup.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project, in which the package's two folders lie inside it, too."""
    skip = shutil.ignore_patterns("*.pyc", "*.png")  # what Numba compiled goes with its source
    for name in TREE:
        shutil.copytree(PROJECT / name, tmp_path / "tree" / name, ignore=skip)
    for name in FILES:
        shutil.copy(PROJECT / name, tmp_path / "tree" / name)
    for nested in ("preprocessing", "cli"):
        (tmp_path / "tree" / "imagenet_tools" / nested).symlink_to(f"../{nested}")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (
        ("imgtools", "-m imagenet_tools"),
        ("pytest", "-m pytest"),
        ("python", ""),
    ):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (programs / name).chmod(0o755)
    return tmp_path / "tree"


def add(block: str, tree: Path) -> None:
    """Write a Python block to the file that its first line names, or to that file's end."""
    named = re.match(r"# ([\w/]+\.py)(, at its end)?\n", block)
    assert named is not None, f"{block[:60]!r} does not begin with the name of its file"
    file, text = tree / named[1], block[named.end() :]
    if named[2]:
        assert file.exists(), f"{named[1]} is not there"
        file.write_text(f"{file.read_text()}\n\n{text}")
    else:
        assert not file.exists(), f"{named[1]} is there already"
        file.write_text(text)


# What these run takes from half a minute to a minute each.
LONG = (
    *("Add a command", "Add an operation", "Add a net", "Add a raw layout"),
    "Add a rule to the diagnosis",
)


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(title, marks=[pytest.mark.slow] if title in LONG else [], id=title)
        for title in SECTIONS
    ],
)
def test_an_addition_is_green(title: str, warm: None, tree: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "PATH": f"{tree.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    found = re.findall(r"^```(python|sh)\n(.*?)^```", SECTIONS[title], re.M | re.S)
    assert any(kind == "python" for kind, _ in found), f"{title} shows no file"
    for kind, block in found:
        if kind == "python":
            add(block, tree)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tree, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
