"""Sections as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagenet_tools.pages.blocks import (
    Block,
    Fold,
    Gallery,
    Headlines,
    Items,
    Picture,
    Section,
    Table,
    Text,
)


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Render the sections as Markdown."""
    lines = [f"# {_plain(title)}", ""]
    for section in sections:
        if section.title:
            lines += [f"## {section.title}", ""]
        for block in section.blocks:
            if isinstance(block, Fold):
                lines += [f"### {block.title}", ""]
                for one in block.blocks:
                    lines += [*_markdown_block(one), ""]
            else:
                lines += [*_markdown_block(block), ""]
    return "\n".join(lines)


def _markdown_block(block: Block) -> list[str]:
    if isinstance(block, Headlines):
        return "\n\n".join(f"**{_plain(one.sentence)}**" for one in block.each).split("\n")
    if isinstance(block, Text):
        before = "> " if block.kind == "warning" else ""
        return [f"{before}{_plain(block.text)}"]
    if isinstance(block, Items):
        before = "> " if block.kind == "warning" else ""
        items = [f"{before}- {_plain(one)}" for one in block.items]
        return [f"{before}{_plain(block.text)}", before.strip(), *items]
    if isinstance(block, Table):
        align = ["---", *(["---"] if block.words else ["---:"]) * (len(block.head) - 1)]
        rows = [[_cell(text) for text in row] for row in (block.head, *block.rows)]
        return ["| " + " | ".join(row) + " |" for row in (rows[0], align, *rows[1:])]
    if isinstance(block, Picture | Gallery):
        return [f"![{_plain(block.alt)}]({block.file})", "", _plain(block.caption)]
    return ["```sh", block.text, "```"]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no tag, link or emphasis comes of a name in it.

    What stands in `backticks` is shown as it is anyway.
    """
    quoted = re.split(r"(`[^`\n]+`)", text.replace("\n", " "))
    return "".join(
        one if at % 2 else re.sub(r"([\\*_\[\]<>#|])", r"\\\1", one)
        for at, one in enumerate(quoted)
    )


def _cell(text: str) -> str:
    return _plain(text.replace("`", "'").replace("\n", "; "))
