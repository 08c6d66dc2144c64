"""A page in blocks: sections of paragraphs, tables, pictures and code, as Markdown or as HTML."""

from __future__ import annotations

import base64
import html
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path


@dataclass(frozen=True)
class Text:
    """A paragraph. kind: "", "verdict", "scope", "note" or "warning"."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Items:
    """A paragraph and what it announces, one item a line. kind: as of Text."""

    text: str
    items: Sequence[str]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first column is text, the others figures unless `words`."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure: inline SVG for the page, or a PNG file that it embeds; the file for Markdown.

    wide: it scrolls on a narrow screen in place of shrinking.
    """

    file: str
    caption: str
    svg: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Code:
    text: str


Block = Text | Items | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Render the sections as Markdown."""
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_markdown_block(block), ""]
    return "\n".join(lines)


def _markdown_block(block: Block) -> list[str]:
    if isinstance(block, Text):
        return [
            {"verdict": f"**{block.text}**", "warning": f"> {block.text}"}.get(
                block.kind, block.text
            )
        ]
    if isinstance(block, Items):
        before = "> " if block.kind == "warning" else ""
        return [
            f"{before}{block.text}",
            before.strip(),
            *(f"{before}- {one}" for one in block.items),
        ]
    if isinstance(block, Table):
        align = ["---", *(["---"] if block.words else ["---:"]) * (len(block.head) - 1)]
        rows = [block.head, align, *block.rows]
        return ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]
    if isinstance(block, Picture):
        return [f"![{block.caption}]({block.file})", "", block.caption]
    return ["```sh", block.text, "```"]


def page(title: str, sections: Sequence[Section], folder: Path) -> str:
    """Render the sections as one self-contained HTML page."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        if section.title != "Verdict":
            parts.append(f"<h2>{html.escape(section.title)}</h2>")
        parts += [_html_block(block, folder) for block in section.blocks]
    template = resources.files("imagenet_tools.comparison.report").joinpath("page.html").read_text()
    return string.Template(template).substitute(title=html.escape(title), body="\n".join(parts))


def _html_block(block: Block, folder: Path) -> str:
    if isinstance(block, Text):
        return f'<p class="{block.kind}">{_words(block.text)}</p>'
    if isinstance(block, Items):
        items = "".join(f"<li>{_words(one)}</li>" for one in block.items)
        return f'<div class="{block.kind}"><p>{_words(block.text)}</p><ul>{items}</ul></div>'
    if isinstance(block, Table):
        kind = ' class="text"' if block.words else ""
        head = "".join(f"<th{kind}>{html.escape(cell)}</th>" for cell in block.head)
        cell = f"<td{kind}>"
        rows = "".join(
            "<tr>" + "".join(f"{cell}{html.escape(text)}</td>" for text in row) + "</tr>"
            for row in block.rows
        )
        return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    if isinstance(block, Picture):
        picture = block.svg or _embedded(folder / block.file, block.caption)
        if block.wide:
            picture = f'<div class="wide">{picture}</div>'
        caption = f"<figcaption>{html.escape(block.caption)}</figcaption>"
        return f"<figure>{picture}{caption}</figure>"
    return f"<pre>{html.escape(block.text)}</pre>"


def _words(text: str) -> str:
    """Escaped text, with commands in `backticks` and --options as code that is not broken."""
    escaped = html.escape(text)
    return re.sub(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z-]*)", _code, escaped)


def _code(found: re.Match[str]) -> str:
    return f"<code>{found[1] or found[2]}</code>"


def _embedded(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
