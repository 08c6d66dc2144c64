"""Run a script of TF-Slim with the registry in it, in a process of its own."""

from __future__ import annotations

import logging
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagenet_tools.slim import checkout, factory, tensorflow1


def command_line(
    script: str | Path,
    flags: Sequence[str] = (),
    *,
    prefer: str = "slim",
    plugins: Sequence[str | Path] = (),
) -> list[str]:
    """Return the command that runs the script: for os.execv, or subprocess.run.

    A process of its own, because TF-Slim's scripts define the same flags and cannot share one.
    ValueError, OSError where the script, its folder or its flags cannot do: see check_script.
    """
    checkout.check_script(script, flags)
    own = [f"--prefer={prefer}", *(f"--plugin={path}" for path in plugins)]
    return [sys.executable, "-m", "imagenet_tools.slim", *own, "--", str(script), *flags]


def run(
    script: str | Path,
    flags: Sequence[str] = (),
    *,
    prefer: str = "slim",
    plugins: Sequence[str | Path] = (),
) -> None:
    """Run the script in this process, as `python script flags` would, and seldom return.

    TF-Slim's scripts end in sys.exit; sys.argv and sys.path are theirs from here on.
    """
    execute(script, prepare(script, flags, prefer=prefer, plugins=plugins))


def prepare(
    script: str | Path, flags: Sequence[str], *, prefer: str, plugins: Sequence[str | Path]
) -> dict[str, Any]:
    """Set up plug-ins, paths, TensorFlow 1 and the patched factory; return the script's globals."""
    from imagenet_tools import registry

    folder = checkout.check_script(script, flags).folder
    for path in plugins:
        registry.load_plugin(path)
    # Some checkouts read sys.argv when they are imported.
    sys.argv = [str(script), *flags]
    # The first entry is the script's folder, as Python sets it: `datasets` and `preprocessing`
    # are common names, and another package must not come first.
    sys.path[0] = str(folder)
    _log_to_stderr()
    factory.patch(prefer=prefer)
    return tensorflow1.script_globals(folder)


def execute(script: str | Path, script_globals: dict[str, Any]) -> None:
    """Run a script that was prepared."""
    runpy.run_path(str(script), script_globals, "__main__")


def _log_to_stderr() -> None:
    """Say which pipeline a name means; the root logger is left to absl and TensorFlow."""
    log = logging.getLogger(factory.__name__)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("imgtools: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
