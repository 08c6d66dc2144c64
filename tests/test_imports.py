"""The import law of the house: imports point downwards, and importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for top in ("imagenet_tools", "preprocessing", "cli")
    for path in (PROJECT / top).rglob("*.py")
)
# Higher numbers may import lower ones; a package's own modules may import each other.
LEVELS = {
    "__main__": 9,
    "cli": 8,
    "slim": 7,
    "comparison": 7,
    "diagnosis": 6,
    "evaluation": 5,
    "training": 5,
    "records": 4,
    "preprocessing": 3,
    "registry": 2,
    "nets": 2,
    "raw": 2,
    "engines": 1,
    "pipelines": 1,
    "storage": 1,
}
LIGHT = {"registry", "raw", "records", "training.recipes", "synthetic", "images", "labels", "errors"}



def unit(path: Path) -> str:
    """The part of the house that a file belongs to."""
    relative = path.relative_to(PROJECT)
    if relative.parts[0] != "imagenet_tools":
        return relative.parts[0]
    return Path(relative.parts[1]).stem


def imported_units(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "imagenet_tools" and len(parts) > 1:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_point_downwards(path: Path) -> None:
    own = unit(path)
    for other in imported_units(ast.parse(path.read_text())) - {own}:
        # The registry finds its built-ins by importing them when they are first asked for.
        if (own, other) in (("registry", "preprocessing"), ("pipelines", "preprocessing")):
            continue
        assert LEVELS.get(own, 4) >= LEVELS.get(other, 0), f"{path} imports {other}"
        assert other != "cli" or own == "__main__", f"{path} imports cli"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_importing_a_module_does_nothing(path: Path) -> None:
    """Only definitions, imports and assignments stand at a module's top level."""
    allowed = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.ClassDef,
        ast.Assign,
        ast.AnnAssign,
        ast.AsyncFunctionDef,
    )
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if path.name == "__main__.py":
            continue
        assert isinstance(node, allowed), f"{path}:{node.lineno} runs {ast.unparse(node)[:60]}"


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_light_modules_load_no_tensorflow() -> None:
    imports = "; ".join(f"import imagenet_tools.{name}" for name in sorted(LIGHT))
    assert run_python(f"{imports}; import sys; print('tensorflow' in sys.modules)") == "False"


@pytest.mark.parametrize("command", ["--help", "build-tfrecords --help", "--version"])
def test_help_loads_no_tensorflow(command: str) -> None:
    code = (
        "import sys; from imagenet_tools.cli.main import run; "
        f"code = run({command.split()!r}); "
        "print(code, 'tensorflow' in sys.modules, 'numpy' in sys.modules)"
    )
    assert run_python(code).splitlines()[-1] == "0 False False"
