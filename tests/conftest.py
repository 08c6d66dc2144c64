"""Fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

# Before TensorFlow is imported anywhere: its start-up chatter hides what a test prints.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
from click.testing import CliRunner

SHARED = Path(os.environ.get("IMGTOOLS_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and TF-Slim's own outputs; skips where it is absent."""
    if not (SHARED / "golden").is_dir():
        pytest.skip(f"{SHARED} is absent: TF-Slim's outputs and the real images are not here")
    return SHARED


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture(scope="session")
def tiny_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of 3 classes: 24 training and 9 validation images."""
    from imagenet_tools import raw, records, synthetic

    folder = tmp_path_factory.mktemp("tiny")
    synthetic.generate(
        folder / "raw", classes=3, train_per_class=8, validation_per_class=3, workers=1
    )
    records.build(raw.detect(folder / "raw"), folder / "records", workers=1, validation_shards=2)
    return folder / "records"
