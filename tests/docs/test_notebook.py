"""The example notebook: its names are there, and it runs from the first cell to the last."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

import imagenet_tools
from imagenet_tools import synthetic

NOTEBOOK = Path(__file__).parents[2] / "examples" / "from_records_to_verdict.ipynb"
MODULES = {"imagenet_tools": imagenet_tools, "synthetic": synthetic}


def cells() -> list[dict[str, Any]]:
    found = json.loads(NOTEBOOK.read_text())["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def test_its_cells_use_what_imgtools_has_and_keep_no_output() -> None:
    used = set()
    for cell in cells():
        assert cell["outputs"] == []
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used.add((node.value.id, node.attr))
    ours = {(module, name) for module, name in used if module in MODULES}
    assert {"build_tfrecords", "compare_preproc"} <= {name for _, name in ours}
    assert [one for one in sorted(ours) if not hasattr(MODULES[one[0]], one[1])] == []


@pytest.mark.slow
def test_it_runs_from_records_to_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient (extra [dev]) is not installed")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, 4)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=1800, resources=where).execute()
    said = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert any("{'train': (500, 1), 'validation': (300, 1)}" in text for text in said)
    (report,) = (text for text in said if "95 % interval" in text)
    assert "report.html" in report
