"""The law of the house: who may import whom, what a module may do when it is imported, what a
command may be. A room that is not listed here fails until somebody has decided where it stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FACTS = "errors version labels images synthetic tensorflow_version terminal"
# Room -> the rooms that it may import; those above it in this list, and no others.
ALLOWED = {
    "errors": "",
    "version": "",
    "tensorflow_version": "",
    "terminal": "",
    "labels": "errors",
    "images": "errors",
    "pages": "",
    "storage": "errors",
    "engines": "errors",
    "synthetic": "errors engines terminal",
    "nets": "errors",
    "pipelines": "errors",
    "registry": "errors nets pipelines",
    "preprocessing": "pipelines registry",
    "raw": "errors version labels images storage terminal",
    "records": "errors version labels images storage terminal engines raw",
    "training": "errors version labels images storage terminal engines pipelines registry nets "
    "records",
    "evaluation": f"{FACTS} storage pipelines registry nets raw records training",
    "diagnosis": f"{FACTS} pages storage pipelines registry nets records training evaluation",
    "comparison": f"{FACTS} pages storage engines pipelines registry nets raw records training "
    "evaluation diagnosis",
    "slim": "errors labels tensorflow_version engines pipelines registry preprocessing records",
    "cli": f"{FACTS} storage engines pipelines registry nets raw records training evaluation "
    "diagnosis comparison slim",
    "__main__": "cli",
}
# Load no TensorFlow: what builds, verifies and describes records, and what only reads settings.
LIGHT = (
    *("errors", "images", "labels", "raw", "records", "registry", "storage", "synthetic"),
    *("comparison.files", "comparison.listed", "comparison.tables", "evaluation.metrics"),
    *("engines.processes", "pipelines.specs", "records.reader"),
    *("training.checkpoints", "training.recipes"),
)
STANDARD = sys.stdlib_module_names


@cache
def sources(root: Path) -> dict[str, str]:
    """Module name -> text, of the three folders that make the package."""
    found = {}
    for top, name in (
        ("imagenet_tools", "imagenet_tools"),
        ("preprocessing", "imagenet_tools.preprocessing"),
        ("cli", "imagenet_tools.cli"),
    ):
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root / top).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((name, *parts))] = path.read_text()
    return found


def imports(tree: ast.AST, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Every module of ours that a file imports, wherever in it, and the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in names else node.module), node.lineno


def room(module: str) -> str:
    """The room of a module: "imagenet_tools.records.schema" is in "records"."""
    return (module.split(".") + ["__init__"])[1]


@cache
def of_a_module(name: str, text: str, names: frozenset[str]) -> tuple[list[str], set[str]]:
    """What a module breaks, a line each, and which modules of its own room it imports."""
    found, arrows = [], set()
    if name == "imagenet_tools":  # names every room's functions, and imports none
        return found, arrows
    if room(name) not in ALLOWED:
        return [f"{name}: the room {room(name)} is not in ALLOWED of tests/test_imports.py"], arrows
    tree = ast.parse(text)
    for other, line in imports(tree, names):
        if other.split(".")[0] != "imagenet_tools":
            continue
        inside = room(other) == room(name)
        if inside and other in names and other != name:
            arrows.add(other)
        if not inside and room(other) not in ALLOWED[room(name)].split():
            found.append(f"{name}:{line} imports {other}")
    found += [f"{name}:{line} {what}" for what, line in at_import(tree, name)]
    if room(name) == "cli":
        found += [f"{name}:{line} {what}" for what, line in of_a_command(name, tree)]
    return found, arrows


def violations(modules: dict[str, str]) -> list[str]:
    """Everything in these sources that breaks the law, a line each."""
    names = frozenset(modules)
    each = {name: of_a_module(name, text, names) for name, text in modules.items()}
    found = [line for lines, _ in each.values() for line in lines]
    arrows = {name: inside for name, (_, inside) in each.items()}
    return found + [f"circle: {' -> '.join(circle)}" for circle in circles(arrows)]


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The circles of a graph, one for each module at which one closes."""
    done: set[str] = set()
    found = []

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for other in sorted(arrows[module]):
                visit(other, [*path, module])
            done.add(module)

    for module in sorted(arrows):
        visit(module, [])
    return found


def at_import(tree: ast.Module, name: str) -> Iterator[tuple[str, int]]:
    """What stands at a module's top level and is no definition, import or assignment."""
    allowed = (
        *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef),
        *(ast.Assign, ast.AnnAssign, ast.AsyncFunctionDef),
    )
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        if not name.endswith("__main__") and not isinstance(node, allowed):
            yield f"runs {ast.unparse(node)[:60]!r} when it is imported", node.lineno


def of_a_command(name: str, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What cli/ must not do: load more than click at the top, or end the process itself."""
    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for other in names:
            light = ("imagenet_tools.cli", "imagenet_tools.errors")
            if other.split(".")[0] not in STANDARD | {"click"} and not other.startswith(light):
                yield f"imports {other} at its top", node.lineno
    if name != "imagenet_tools.cli.main":
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in (
                "sys.exit",
                "exit",
                "quit",
            ):
                yield "ends the process itself; raise, or return an exit code", call.lineno


def test_the_house_keeps_the_law() -> None:
    assert violations(sources(PROJECT)) == []


def test_there_are_at_most_22_rooms() -> None:
    assert len({room(name) for name in sources(PROJECT)} - {"__init__", "__main__"}) <= 22


# (module, what is added to it, words of the violation)
PLANTED = (
    ("errors", "from imagenet_tools.training import run", "errors:"),
    ("labels", "from imagenet_tools.evaluation import saved_model", "labels:"),
    ("storage.sync", "import imagenet_tools.evaluation", "storage.sync:"),
    ("records.schema", "def f():\n    from imagenet_tools.training import run_folder", "schema:"),
    ("comparison.statistics", "from imagenet_tools.comparison import results", "circle:"),
    ("pipelines.views", "from imagenet_tools import registry", "pipelines.views:"),
    ("engines.slices", "from imagenet_tools.records import shard", "engines.slices:"),
    ("storage.urls", "from imagenet_tools import storage", "circle:"),
    ("newcomer", "import os", "the room newcomer is not in ALLOWED"),
    ("training.step", "from imagenet_tools import cli", "training.step:"),
    ("preprocessing.ops", "from imagenet_tools.nets import alexnet_v2", "preprocessing.ops:"),
    ("records.finish", "from imagenet_tools import __version__", "imports imagenet_tools"),
    ("cli.plan", "import yaml", "imports yaml at its top"),
    ("cli.predict", "from imagenet_tools import raw", "imports imagenet_tools at its top"),
    ("cli.eval", "def f():\n    import sys\n    sys.exit(7)", "ends the process itself"),
    ("images", "print('hello')", "when it is imported"),
)


@pytest.mark.parametrize("module, added, words", PLANTED, ids=[one[0] for one in PLANTED])
def test_a_planted_violation_is_caught(module: str, added: str, words: str) -> None:
    modules, name = sources(PROJECT), f"imagenet_tools.{module}"
    before = set(violations(modules))
    found = set(violations({**modules, name: f"{modules.get(name, '')}\n{added}\n"})) - before
    assert any(words in one for one in found), found


def test_make_mutants_has_every_module_that_makes_a_verdict() -> None:
    """And names no file that is gone."""
    section = (PROJECT / "pyproject.toml").read_text().partition("[tool.mutmut]")[2]
    listed = set(re.findall(r'"([\w/]+\.py)"', section.partition("\n[")[0]))
    assert [one for one in sorted(listed) if not (PROJECT / one).is_file()] == []
    modules = sources(PROJECT)
    for judge in ("verdicts", "tables", "files"):
        name = f"imagenet_tools.comparison.{judge}"
        _, arrows = of_a_module(name, modules[name], frozenset(modules))
        assert {one.replace(".", "/") + ".py" for one in {name, *arrows}} <= listed


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_light_modules_load_no_tensorflow() -> None:
    names = "; ".join(f"import imagenet_tools.{name}" for name in LIGHT)
    assert run_python(f"{names}; import sys; print('tensorflow' in sys.modules)") == "False"


def test_what_workers_run_loads_no_array_library() -> None:
    code = "import sys, imagenet_tools.records; "
    code += "print({'numpy', 'scipy', 'PIL', 'tensorflow'} & {*sys.modules})"
    assert run_python(code) == "set()"


@pytest.mark.parametrize("command", ["--help", "build-tfrecords --help", "--version"])
def test_help_loads_no_tensorflow(command: str) -> None:
    code = (
        "import sys; from imagenet_tools.cli.main import run; "
        f"code = run({command.split()!r}); "
        "print(code, 'tensorflow' in sys.modules, 'numpy' in sys.modules)"
    )
    assert run_python(code).splitlines()[-1] == "0 False False"


def test_pipelines_and_nets_are_described_without_tensorflow_which_comes_when_one_runs() -> None:
    code = (
        "import sys; from imagenet_tools.cli.main import run; "
        "from imagenet_tools import registry, tensorflow_version; tensorflow_version.later(); "
        "every = 'describe-preproc ' + ' '.join(registry.names()); "
        "lines = every, 'list-preproc --json', 'list-models', 'diagnose alexnot', "
        "'describe-model alexnet_v2 --image-size 96', 'describe-model resnet_v2_200'; "
        "codes = [run(one.split()) for one in lines]; "
        "early = 'tensorflow.python' in sys.modules; "
        "import numpy as np; "
        "image = np.ones((9, 9, 3), np.uint8); out = registry.get("
        "'alexnet').preprocess_image(image, 8, 8, is_training=True); "
        "print(codes, early, out.shape, out.dtype)"
    )
    assert (
        run_python(code).splitlines()[-1] == "[0, 0, 0, 2, 0, 0] False (8, 8, 3) <dtype: 'float32'>"
    )


def test_a_plugin_may_import_inside_tensorflow() -> None:
    """And `import tensorflow.compat.v1`: test_a_file_of_tf_slims_leaves_tensorflow_2_as_it_is.

    Keras comes when it is asked for, also while a graph is built.
    """
    code = (
        "import sys; from imagenet_tools import tensorflow_version; tensorflow_version.later(); "
        "import inspect; inspect.getmodule(len); early = len(sys.modules); "
        "from tensorflow import io; import tensorflow as tf; "
        "print(early < 1000, tf.reduce_sum([1, 2]).numpy(), 'keras' in sys.modules); "
        "twice = tf.function(lambda one: tf.keras.layers.Rescaling(2.0)(one)); "
        "print(twice(tf.ones([])).numpy()); "
        "import keras; from tensorflow.keras import optimizers; "
        "print(optimizers.Adam is keras.optimizers.Adam)"
    )
    assert run_python(code).split() == ["True", "3", "False", "2.0", "True"]
