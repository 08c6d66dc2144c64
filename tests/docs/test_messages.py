"""What the page of messages says that imgtools says, it says."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/how-to/when-something-goes-wrong.md").read_text()
# What stands between them is filled in: "{done} of {all} runs failed; the first, {arm}".
FILLED_IN = re.compile(r"failed on |[:(] |\.\.\.|, |\b(?:[0-9]+|[A-Z]{2,}|model.ckpt-9)\b")


def test_every_message_of_the_page_is_one_of_the_programs() -> None:
    files = [path for room in ("imagenet_tools", "cli") for path in PROJECT.glob(f"{room}/**/*.py")]
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in files))
    tables = re.findall(r"^\| it says \|.*?\n\n", PAGE + "\n\n", re.M | re.S)
    rows = [re.findall(r"^\| (.+?) \|", table, re.M)[1:] for table in tables]
    parts = [
        part.strip(" :") for row in sum(rows, []) for part in FILLED_IN.split(row) if len(part) > 4
    ]
    assert len(rows) == 4 and len(parts) > 25
    assert [part for part in parts if part not in code] == []
