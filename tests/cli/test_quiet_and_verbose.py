"""-q leaves results, warnings and errors; -v asks for TensorFlow's own messages."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagenet_tools import terminal
from imagenet_tools.cli import main
from imagenet_tools.comparison import progress
from imagenet_tools.tensorflow_version import LOG_LEVEL


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen:
    """Runs command lines as on a terminal; said: what the last one wrote on stderr."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = patch, capsys
        self.said = ""

    def json(self, line: str) -> Any:
        """The result of a command with --json."""
        screen = Terminal()
        self._patch.setattr(sys, "stderr", screen)
        self._capsys.readouterr()
        assert main.run([*line.split(), "--json"]) == 0, screen.getvalue()
        self.said = screen.getvalue()
        return json.loads(self._capsys.readouterr().out)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Screen:
    monkeypatch.delenv(terminal.QUIET, raising=False)
    return Screen(monkeypatch, capsys)


def without_times(result: dict[str, Any], *others: str) -> dict[str, Any]:
    times = {"seconds", "images_per_second", *others}
    return {name: value for name, value in result.items() if name not in times}


def test_a_quiet_build_shows_no_progress_and_the_same_result(
    screen: Screen, tiny_records: Path, tmp_path: Path
) -> None:
    line = f"build-tfrecords --raw {tiny_records.parent}/raw --workers 1 --out {tmp_path}/"
    wanted = without_times(screen.json(f"{line}told"), "out")
    assert "class folders under" in screen.said and "writing records" in screen.said
    for quiet in (f"-q {line}before", f"{line}behind --quiet"):
        assert without_times(screen.json(quiet), "out") == wanted
        assert screen.said == ""


def test_quiet_training_shows_no_progress_and_the_same_result(
    screen: Screen, tiny_records: Path, tiny_net: str, tmp_path: Path
) -> None:
    line = f"train --data {tiny_records} --preprocessing alexnet --model {tiny_net}"
    line += " --max-number-of-steps 2 --image-size 32 --batch-size 4 --deterministic"
    line += f" --train-dir {tmp_path}/"
    told = screen.json(f"{line}told")
    assert "told: " in screen.said and "steps" in screen.said
    found = screen.json(f"{line}quiet -q")
    (warning,) = screen.said.splitlines()
    assert warning.startswith("Warning: the loss is")
    assert found["final_loss"] == told["final_loss"] and found.keys() == told.keys()


@pytest.mark.parametrize("flags", ["-q", "-v", "-q -v"])
@pytest.mark.parametrize("order", ["{flags} list-recipes", "list-recipes {flags}"])
def test_a_list_is_a_result(screen: Screen, flags: str, order: str) -> None:
    assert screen.json(order.format(flags=flags)) == screen.json("list-recipes")
    assert screen.said == ""


def test_quiet_leaves_errors(screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["-q", "train", "--recipe", "quik", "--print-recipe"]) == 2
    assert "quick" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "variable", "value", "former"),
    [
        ("-q", terminal.QUIET, "1", None),
        ("-q", terminal.QUIET, "1", "0"),
        ("-v", LOG_LEVEL, "0", None),
        ("-v", LOG_LEVEL, "0", "2"),
    ],
)
def test_what_a_command_starts_knows_it_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, flag: str, variable: str, value: str, former: str | None
) -> None:
    found = []
    command = main.program.get_command(main.click.Context(main.program), "list-recipes")
    assert command is not None
    monkeypatch.setattr(command, "callback", lambda **_: found.append(os.environ[variable]))
    monkeypatch.delenv(variable, raising=False)
    if former is not None:
        monkeypatch.setenv(variable, former)
    for arguments in ([flag, "list-recipes"], ["list-recipes", flag]):
        assert main.run(arguments) == 0
    assert found == [value, value]
    assert os.environ.get(variable) == former


def test_verbose_lets_tensorflow_say_what_it_wants(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded late, when the net is made; what it says stands on stderr alone.

    Without the flag it says nothing: tests/test_onednn.py.
    """
    monkeypatch.delenv(LOG_LEVEL, raising=False)
    line = ["describe-model", "alexnet_v2_reference", "--image-size", "200"]  # not its own: made
    loud = subprocess.run(
        [sys.executable, "-m", "imagenet_tools", "-v", *line],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "tensorflow" in loud.stderr.lower()
    assert main.run(["-q", *line]) == 0
    assert capsys.readouterr() == (loud.stdout, "")


def test_a_quiet_comparison_shows_no_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(terminal.QUIET, "1")
    monkeypatch.setattr(progress, "Display", None)
    with progress.shown(None, tmp_path, []):  # type: ignore[arg-type]
        pass
