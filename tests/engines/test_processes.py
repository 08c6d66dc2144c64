"""The pool of workers: what they are started with."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from imagenet_tools.engines import processes

NAME = "IMGTOOLS_TEST_POOL"


def seen(_: int) -> tuple[int, int, str | None]:
    """This process, the one it was forked of, and what it has in its environment."""
    return os.getpid(), os.getppid(), os.environ.get(NAME)


def test_workers_take_on_the_environment_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    # What workers are forks of was started by the first run, and has the environment of then.
    for value in ("one", "two"):
        monkeypatch.setenv(NAME, value)
        found = {outcome() for _, outcome in processes.run(seen, range(6), 2)}
        others = [one for one in found if one[0] != os.getpid()]
        assert {environment for _, _, environment in others} == {value}


def test_a_module_of_ours_is_run_where_the_folder_has_another(tmp_path: Path) -> None:
    """As a checkout has it, in which the installed program is called."""
    (tmp_path / "imagenet_tools").mkdir()
    (tmp_path / "imagenet_tools" / "__init__.py").write_text("raise SystemExit('the other one')")
    command = processes.python("imagenet_tools.slim", "--help")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: imgtools slim-run" in done.stdout


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot be told")
def test_workers_do_not_import_from_the_working_folder(tmp_path: Path) -> None:
    other, script = tmp_path / "imagenet_tools", tmp_path / "scripts" / "roots.py"
    other.mkdir()
    script.parent.mkdir()
    (other / "__init__.py").write_text("open('taken', 'w').close()")
    script.write_text(
        "import math\n"
        "from imagenet_tools.engines import processes\n"
        "processes.warm('imagenet_tools.labels')\n"
        "print(sorted(outcome() for _, outcome in processes.run(math.sqrt, [1, 4, 9], 9)))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1.0, 2.0, 3.0]\n"
    assert not (tmp_path / "taken").exists()


def test_workers_are_no_forks_of_the_caller() -> None:
    found = {outcome() for _, outcome in processes.run(seen, range(6), 2)}
    above = {parent for own, parent, _ in found if own != os.getpid()}
    assert above
    assert os.getpid() not in above


def killed(number: int) -> int:
    """Let a signal end the worker, and do nothing in the process that calls."""
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), number)
    return number


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGKILL, BrokenProcessPool)],
)
def test_a_worker_that_died_of_control_c_is_an_interrupt(
    number: int, error: type[BaseException]
) -> None:
    # Whoever notices first: the one who waits for a result, or who gives out the next task.
    with pytest.raises(error):
        for _, outcome in processes.run(killed, [number] * 40, 2):
            outcome()


def test_a_low_limit_of_open_files_is_named() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, limits[1]))
    try:
        with pytest.raises(OSError, match="may have 16 files open here.*ulimit -n 1024"):
            list(processes.run(seen, range(6), 2))
        assert [outcome()[0] for _, outcome in processes.run(seen, range(2), 1)] == [
            os.getpid()
        ] * 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
