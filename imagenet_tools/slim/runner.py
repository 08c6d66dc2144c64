"""Run a script of TF-Slim with the registry in it, in a process of its own."""

from __future__ import annotations

import logging
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagenet_tools import tensorflow_version
from imagenet_tools.engines import processes
from imagenet_tools.slim import checkout, datasets, factory, tensorflow1
from imagenet_tools.slim.flags import given, wants_gpu


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
    options = [f"--prefer={prefer}", *(f"--plugin={path}" for path in plugins)]
    return processes.python("imagenet_tools.slim", *options, "--", str(script), *flags)


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
    execute(script, flags, prepare(script, flags, prefer=prefer, plugins=plugins))


def prepare(
    script: str | Path, flags: Sequence[str], *, prefer: str, plugins: Sequence[str | Path]
) -> dict[str, Any]:
    """Set up plug-ins, paths, TensorFlow 1 and the patched factory; return the script's globals."""
    import tensorflow

    from imagenet_tools import registry
    from imagenet_tools.preprocessing import preprocessing_factory

    theirs = checkout.check_script(script, flags)
    if wants_gpu(Path(script), flags) and not tensorflow.config.list_physical_devices("GPU"):
        raise ValueError(
            f"{Path(script).name} puts the net on a GPU, and TensorFlow sees none here: give "
            "--clone_on_cpu=True"
        )
    for path in plugins:
        registry.load_plugin(path)
    name = given(flags).get("preprocessing_name")
    if name and name not in theirs.names:
        preprocessing_factory.get_preprocessing(name)  # which refuses what nobody has
    # Some checkouts read sys.argv when they are imported.
    sys.argv = [str(script), *flags]
    # The first entry is the script's folder, as Python sets it: `datasets` and `preprocessing`
    # are common names, and another package must not come first.
    sys.path[0] = str(theirs.folder)
    sys.dont_write_bytecode = True  # the checkout stays as it is
    _log_to_stderr()
    factory.patch(prefer=prefer)
    return tensorflow1.script_globals(theirs.folder)


def execute(script: str | Path, flags: Sequence[str], script_globals: dict[str, Any]) -> None:
    """Run a script that was prepared.

    ImportError, with the way on, where it imports what is not on Python's path; FileNotFoundError
    where the checkout looks for other shards than there are.
    """
    try:
        if given(flags).get("dataset_name") == datasets.NAME:
            datasets.patch()
        runpy.run_path(str(script), script_globals, "__main__")
    except ModuleNotFoundError as error:
        top = str(error.name).split(".")[0]
        homes = [one for one in Path(script).absolute().parents if (one / top).is_dir()]
        remedy = (
            f"it lies in {homes[0]}: put PYTHONPATH={homes[0]} before the command"
            if homes
            else "install it, or name the folder that holds it in PYTHONPATH"
        )
        raise ImportError(f"{script} needs the module {error.name}; {remedy}") from error
    except ValueError as error:
        # tf_slim's parallel_reader, in these words since 2016.
        if not str(error).startswith("No data files found in "):
            raise
        raise FileNotFoundError(
            f"{error}, the name that this checkout gives to shards; "
            f"--dataset_name={datasets.NAME} takes shards, images and classes from the records' "
            "manifest"
        ) from error


def _log_to_stderr() -> None:
    """Say which pipeline a name means, and what TensorFlow says once, deprecations left out.

    absl's handler says again what TensorFlow's has said, and TensorFlow 1's scripts are deprecated
    from top to bottom. A TF_CPP_MIN_LOG_LEVEL below 2 asks for all of it.
    """
    if os.environ.get(tensorflow_version.LOG_LEVEL, "") >= tensorflow_version.QUIET:
        theirs = logging.getLogger("tensorflow")
        theirs.propagate = False
        theirs.addFilter(lambda line: line.module != "deprecation")
    log = logging.getLogger(factory.__name__)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("imgtools: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
