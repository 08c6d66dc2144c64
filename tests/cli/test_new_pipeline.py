"""A new pipeline passes its own test, and its names cannot lead astray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imagenet_tools.cli import main as cli_main


def test_what_is_written_passes_its_test(
    tmp_path: Path, warm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_main.run(["new-pipeline", "mine", "--out", str(tmp_path)]) == 0
    assert "next: imgtools check-preproc mine" in capsys.readouterr().out
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["mine_preprocessing.py", "test_mine_preprocessing.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("name", ["../evil", "1st", "a-b", "a b", ""])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    assert cli_main.run(["new-pipeline", "--out", str(tmp_path), "--", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine_preprocessing.py").write_text("mine")
    assert cli_main.run(["new-pipeline", "mine", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "mine_preprocessing.py").read_text() == "mine"
