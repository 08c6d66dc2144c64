"""A fork in place of a fresh Python: the same output, exit codes and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SEEN = """
import json, os, sys
said = sys.stdin.read()
print(json.dumps([sys.argv, os.getcwd(), os.environ.get("NOTED"), __name__, said]))
print("written", file=sys.stderr)
"""


def both(warm_python: str, *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """What a fork gives, which is what a fresh Python gives."""
    fresh, fork = (
        subprocess.run([python, *arguments], capture_output=True, text=True, **more)  # type: ignore[call-overload]
        for python in (sys.executable, warm_python)
    )
    assert (fork.returncode, fork.stdout) == (fresh.returncode, fresh.stdout)
    assert fork.stderr.splitlines()[-1:] == fresh.stderr.splitlines()[-1:]
    return fork


@pytest.mark.parametrize("way", ["code", "script", "module"])
def test_streams_arguments_folder_and_environment(
    way: str, warm_python: str, tmp_path: Path
) -> None:
    (tmp_path / "seen.py").write_text(SEEN)
    line = {"code": ["-c", SEEN], "script": ["seen.py"], "module": ["-m", "seen"]}[way]
    environment = {**os.environ, "NOTED": "yes"}
    done = both(warm_python, *line, "a", "b c", cwd=tmp_path, env=environment, input="word")
    argv, folder, noted, name, said = json.loads(done.stdout)
    assert argv[1:] == ["a", "b c"]
    assert (folder, noted, name, said) == (str(tmp_path), "yes", "__main__", "word")


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("", 0),
        ("raise SystemExit", 0),
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('why')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(9)", 9),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import atexit; atexit.register(print, 'left'); print('there')", 0),
    ],
)
def test_exit_codes(code: str, wanted: int, warm_python: str) -> None:
    assert both(warm_python, "-c", code).returncode == wanted


WAITS = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
print(os.getpid(), flush=True)
while True:  # a signal just before a sleep does not end it
    time.sleep(0.1)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 5), (signal.SIGINT, -signal.SIGINT)])
def test_signals_reach_the_command(number: int, code: int, warm_python: str) -> None:
    with subprocess.Popen(
        [warm_python, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as called:
        assert called.stdout and called.stdout.readline()
        called.send_signal(number)
        assert called.wait(600) == code


def test_a_command_ends_with_its_caller(warm_python: str) -> None:
    with subprocess.Popen([warm_python, "-c", WAITS], stdout=subprocess.PIPE) as called:
        assert called.stdout and called.stdout.readline()
        called.kill()
        assert called.stdout.read() == b""  # nobody holds the other end


def test_every_fork_draws_its_own_numbers(warm_python: str) -> None:
    code = "import random, numpy as np; print(random.random(), np.random.random())"
    drawn = [
        subprocess.run([warm_python, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    for one, other in zip(*(line.split() for line in drawn), strict=True):
        assert one != other


def test_tensorflow_is_there_and_works(warm: None) -> None:
    code = "import sys; loaded = 'tensorflow' in sys.modules; import tensorflow as tf\n"
    code += "print(loaded, tf.range(4).numpy().sum())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True 6\n", "")
