"""What the tables of faults share: a command line is run here, and what it says is looked at."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from exit_codes import documented

from imagenet_tools.cli import main as cli_main

Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """refused(words, code, *patterns): run a command, check how it ends, and return its message."""

    def check(words: list[str], code: int, *patterns: str) -> str:
        got = cli_main.run([str(word) for word in words])
        out, said = capsys.readouterr()
        assert got == code, f"{got}: {said}"
        assert code in documented()
        for pattern in patterns:
            assert re.search(pattern, said), f"{pattern!r} is not in {said!r}"
        assert "not expected" not in said and "Traceback" not in said
        if "--json" in words and out.strip():
            json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in {out}"))
        return said

    return check


@pytest.fixture(scope="session")
def two_shards(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny records, each split in two shards."""
    from imagenet_tools import raw, records

    place = tmp_path_factory.mktemp("two") / "records"
    images = raw.detect(tiny_records.parent / "raw")
    records.build(images, place, workers=1, train_shards=2, validation_shards=2)
    return place


@pytest.fixture
def folder(two_shards: Path, tmp_path: Path) -> Path:
    """Records of a test's own, to damage."""
    return shutil.copytree(two_shards, tmp_path / "records")


@pytest.fixture(scope="session")
def trained(tiny_records: Path, tiny_net: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps, a checkpoint at each second one."""
    from imagenet_tools.training import recipes, run

    place = tmp_path_factory.mktemp("trained")
    recipe = recipes.recipe("quick", batch_size=8, image_size=32, initialisation="he")
    run.train(
        tiny_records, place, preprocessing="alexnet", recipe=recipe, steps=4, save_steps=2,
        model=tiny_net,
    )  # fmt: skip
    return place


@pytest.fixture
def finished(trained: Path, tmp_path: Path) -> Path:
    """A run of a test's own, to damage."""
    return shutil.copytree(trained, tmp_path / "run")
