"""start/notebook.md, made from the example notebook when the site is built."""

import json
from pathlib import Path

from mkdocs.structure.files import File, Files

NOTEBOOK = Path(__file__).parents[1] / "examples" / "from_records_to_verdict.ipynb"


def on_files(files: Files, config: object) -> Files:
    """Add the page; mkdocs calls it."""
    files.append(File.generated(config, "start/notebook.md", content=page()))
    return files


def page() -> str:
    text = []
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        source = "".join(cell["source"]).replace("(../docs/", "(../")
        text.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
    return "\n\n".join(text) + "\n"
