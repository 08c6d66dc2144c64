"""What a TF-Slim checkout is, read from its source without running any of it. No TensorFlow."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_tools.slim import flags

FACTORY = "preprocessing/preprocessing_factory.py"
# The files that make a folder TF-Slim's, and not just one with a package called preprocessing.
MARKS = (FACTORY, "nets/nets_factory.py", "datasets/dataset_factory.py")
# A script that imports neither of these has nothing to do with the registry.
_FACTORIES = {"preprocessing_factory", "nets_factory"}
SCRIPTS = ("train_image_classifier.py", "eval_image_classifier.py", "export_inference_graph.py")
# Flags without which TF-Slim's own scripts end in a traceback, and what they are for.
_REQUIRED = {
    "train_image_classifier.py": {"dataset_dir": "the folder of the records"},
    "eval_image_classifier.py": {
        "dataset_dir": "the folder of the records",
        "dataset_split_name": "ImageNet has no split called test, which is the default",
    },
    "export_inference_graph.py": {"output_file": "where the graph is written"},
}
_SIGNATURES = (["name", "is_training"], ["name", "is_training", "use_grayscale"])


@dataclass(frozen=True)
class Checkout:
    """TF-Slim's folder (research/slim of tensorflow/models).

    contrib: whether its code imports tensorflow.contrib (until January 2020, and some scripts
    after that). names: the preprocessing names that it has itself.
    """

    folder: Path
    contrib: bool
    names: tuple[str, ...]


def read(folder: str | Path) -> Checkout:
    """Return what the folder holds.

    ValueError where it is no TF-Slim, or where get_preprocessing was changed in such a way that
    nobody can say whether the registry may stand in for it.
    """
    folder = Path(folder).resolve()
    missing = [mark for mark in MARKS if not (folder / mark).is_file()]
    if missing:
        inner = folder / "research" / "slim"
        hint = f"; did you mean {inner}?" if (inner / FACTORY).is_file() else ""
        raise ValueError(
            f"{folder} is no TF-Slim checkout (research/slim of tensorflow/models): "
            f"it has no {', no '.join(missing)}{hint}"
        )
    names = _names(folder / FACTORY)
    sources = [*(folder / mark for mark in MARKS), *(folder / name for name in SCRIPTS)]
    contrib = any("tensorflow.contrib" in _imports(path) for path in sources if path.is_file())
    return Checkout(folder, contrib, names)


def check_script(script: str | Path, arguments: Sequence[str]) -> Checkout:
    """Return the checkout of a script that can be started with these flags behind it.

    ValueError, OSError where it cannot: no such file, no TF-Slim around it, a file that is no
    script of it, a flag that is not known or names what is not there, or one missing without which
    TF-Slim's own scripts fail.
    """
    script = Path(script)
    if script.is_dir():
        raise ValueError(f"{script} is a folder; give one of its scripts: {', '.join(SCRIPTS)}")
    if not script.is_file():
        raise FileNotFoundError(f"there is no script {script}; TF-Slim has {', '.join(SCRIPTS)}")
    # Not resolved: a script that is a link into a checkout has its folder where Python sees it.
    checkout = read(script.absolute().parent)
    if not _FACTORIES & _imports(script):
        raise ValueError(
            f"{script.name} is no script to run under the registry: it imports neither "
            f"{' nor '.join(sorted(_FACTORIES))}. TF-Slim's are {', '.join(SCRIPTS)}"
        )
    flags.check(script, checkout.folder, arguments)
    given = flags.given(arguments)
    # absl answers these, or reads more flags from a file, before a flag could be missed.
    if not set(given) & set(flags.HELP):
        for flag, why in _REQUIRED.get(script.name, {}).items():
            if flag == "dataset_split_name" and "dataset_name" in given:
                continue  # another data set may well have a split called test
            if flag not in given:
                raise ValueError(f"{script.name} needs --{flag}=... ({why})")
    return checkout


def _names(path: Path) -> tuple[str, ...]:
    """The keys of get_preprocessing's map; ValueError where the function is not TF-Slim's."""
    for node in _parse(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == "get_preprocessing":
            difference, names = _compare(node)
            break
    else:
        difference, names = "there is none", ()
    if difference:
        raise ValueError(
            f"get_preprocessing of {path} is not as TF-Slim wrote it ({difference}): restore it "
            f"with `git checkout {path.name}`, and give pipelines of your own as --plugin FILE.py"
        )
    return names


def _compare(function: ast.FunctionDef) -> tuple[str, tuple[str, ...]]:
    """How get_preprocessing differs from TF-Slim's ("" where it does not), and the names it has.

    In every version from 2016 to 2020 it is a map from names to modules, a check of the name, and
    a function that calls the module's preprocess_image. Names added to the map are no difference:
    they are the checkout's own and stay so.
    """
    arguments = [argument.arg for argument in function.args.args]
    if arguments not in _SIGNATURES or function.args.vararg or function.args.kwarg:
        return f"its arguments are {', '.join(arguments)}", ()
    body = [node for node in function.body if not _is_text(node)]
    kinds = [type(node) for node in body]
    if kinds != [ast.Assign, ast.If, ast.FunctionDef, ast.Return] or function.decorator_list:
        return f"line {_stranger(body)} does something else", ()
    table, check, inner = body[0], body[1], body[2]
    assert isinstance(table, ast.Assign) and isinstance(check, ast.If)
    assert isinstance(inner, ast.FunctionDef)
    keys = table.value.keys if isinstance(table.value, ast.Dict) else [None]
    names = tuple(str(key.value) for key in keys if isinstance(key, ast.Constant))
    if len(names) != len(keys):
        return f"line {table.lineno} is no map of names to modules", ()
    if [type(node) for node in check.body] != [ast.Raise] or check.orelse:
        return f"line {check.lineno} does something else with unknown names", ()
    steps = [node for node in inner.body if not _is_text(node)]
    call = steps[0].value if len(steps) == 1 and isinstance(steps[0], ast.Return) else None
    if not isinstance(call, ast.Call) or not (
        isinstance(call.func, ast.Attribute) and call.func.attr == "preprocess_image"
    ):
        return f"line {inner.lineno} does more than to call preprocess_image", ()
    return "", names


def _stranger(body: list[ast.stmt]) -> int:
    """The line of the first statement that TF-Slim's function does not have at that place."""
    expected = (ast.Assign, ast.If, ast.FunctionDef, ast.Return)
    for node, kind in zip(body, expected, strict=False):
        if not isinstance(node, kind):
            return node.lineno
    return body[min(len(body), len(expected) + 1) - 1].lineno


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imports(path: Path) -> set[str]:
    """Every module, and every name out of a module, that a file imports."""
    names: set[str] = set()
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(alias.name for alias in node.names)}
    return names | {".".join(name.split(".")[:2]) for name in names}


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise ValueError(
            f"{path} is no Python 3 source: line {error.lineno}: {error.msg}"
        ) from error
