"""The flags behind a script of TF-Slim's, looked at before it runs.

TensorFlow 1 passes over a flag that it does not know, so that --model_nam=alexnet_v2 trains the
default net; and a wrong value is a traceback, minutes later.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from imagenet_tools.errors import did_you_mean, near
from imagenet_tools.slim import datasets

# What absl answers itself, beside what its modules define when they are imported.
HELP = ("help", "helpfull", "helpshort", "helpxml", "flagfile", "only_check_args")
_ABSL = ("absl.app", "absl.logging")
_DEFINED = re.compile(r"""\bDEFINE_\w+\(\s*["']([\w-]+)["']""")
# A flag whose value is a key of a dictionary in a file of the checkout.
_TABLES = {
    "model_name": ("nets/nets_factory.py", "networks_map", "net"),
    "dataset_name": ("datasets/dataset_factory.py", "datasets_map", "data set"),
}


def given(arguments: Sequence[str]) -> dict[str, str | None]:
    """The flags on a command line, name -> value; None where none follows."""
    flags: dict[str, str | None] = {}
    for one, following in itertools.pairwise([*arguments, "-"]):
        if re.match(r"--?[a-zA-Z]", one):
            name, equals, value = one.lstrip("-").partition("=")
            flags[name] = value if equals else None if following.startswith("-") else following
    return flags


def wants_gpu(script: Path, arguments: Sequence[str]) -> bool:
    """Whether TF-Slim's trainer is to put its net on a GPU, as it does unless it is told otherwise;
    without one it ends in a traceback."""
    there = given(arguments)
    on_cpu = there.get("clone_on_cpu", "False") or "True"  # the flag alone is true
    return (
        "clone_on_cpu" in _defined(script)
        and on_cpu.lower() not in ("true", "t", "1")
        and not set(there) & set(HELP)
    )


def check(script: Path, folder: Path, arguments: Sequence[str]) -> None:
    """Raise ValueError where a flag, or a name that one gives, is neither the script's nor known.

    folder: the checkout's, whose every file may define flags. --undefok, absl's own, names some
    that need not be known.
    """
    from absl import flags

    for module in _ABSL:
        importlib.import_module(module)
    there = given(arguments)
    known = {*flags.FLAGS, *HELP, "undefok", *(there.get("undefok") or "").split(",")}
    for path in (script, *folder.rglob("*.py")):
        known |= _defined(path)
    for name, value in there.items():
        if name not in known and name.removeprefix("no") not in known:
            raise ValueError(
                f"{script.name} has no flag --{name} and would pass over it"
                + _instead(name, known, "--")
            )
        if name in _TABLES and value is not None:
            file, table, what = _TABLES[name]
            names = _keys(folder / file, table)
            names += [datasets.NAME] if names and name == "dataset_name" else []
            if names and value not in names:
                raise ValueError(f"this checkout has no {what} {value!r}{_instead(value, names)}")
        if name == "dataset_dir" and value and "://" not in value and not Path(value).is_dir():
            raise FileNotFoundError(f"--dataset_dir: there is no folder {value}")


def _defined(path: Path) -> set[str]:
    """The flags that a file defines."""
    return set(_DEFINED.findall(path.read_text("utf-8", errors="replace")))


def _instead(name: str, known: Iterable[str], dashes: str = "") -> str:
    """ ". Did you mean ...?" for what is like it, else what there is, unless that is flags."""
    names = sorted(known)
    if like := near(name, names):
        return f".{did_you_mean([dashes + one for one in like])}"
    return f"; known: {', '.join(names)}" if not dashes else ""


def _keys(path: Path, table: str) -> list[str]:
    """The keys of a dictionary that a file assigns; none where it is made in another way."""
    if not path.is_file():
        return []
    for node in ast.parse(path.read_bytes()).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Dict)
            and any(isinstance(one, ast.Name) and one.id == table for one in node.targets)
        ):
            keys = node.value.keys
            return [str(key.value) for key in keys if isinstance(key, ast.Constant)]
    return []
