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
