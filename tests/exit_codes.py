"""The exit codes that the page of what goes wrong explains."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "when-something-goes-wrong.md"


def documented() -> list[int]:
    """In the order of the table."""
    _, section = PAGE.read_text().split("## Exit codes\n")
    return [int(code) for code in re.findall(r"^\| (\d+) \|", section.split("\n## ")[0], re.M)]
