"""A page in blocks: sections of paragraphs, tables, pictures and code, as Markdown or as HTML."""

from __future__ import annotations

import base64
import html
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path


@dataclass(frozen=True)
class Text:
    """A paragraph. kind: "", "scope", "note" or "warning"."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Headline:
    """A verdict at a glance: a badge, the number in large type, what bounds it, and the sentence.

    tone: "better", "equivalent", "open" or "nothing", which colours it.
    """

    badge: str
    number: str
    bounds: str
    sentence: str
    tone: str


@dataclass(frozen=True)
class Headlines:
    """Verdicts beside each other."""

    each: Sequence[Headline]


@dataclass(frozen=True)
class Items:
    """A paragraph and what it announces, one item a line. kind: as of Text."""

    text: str
    items: Sequence[str]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, named for those who hear it; the first column heads the rows.

    The others are figures unless `words`, which may have several lines. sortable: by a click on a
    heading, where scripts run; a long one can be searched, too.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    sortable: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure: inline SVG for the page, or a PNG file that it embeds; the file for Markdown.

    alt: what it shows, in words. wide: it scrolls on a narrow screen in place of shrinking.
    """

    file: str
    caption: str
    alt: str
    svg: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Card:
    """An image of a gallery, a data URI, with two lines below it. name: its file's."""

    image: str
    first: str
    second: str
    name: str


@dataclass(frozen=True)
class Gallery:
    """Images with what is said of each; one picture of them all, `file`, for Markdown."""

    file: str
    caption: str
    alt: str
    cards: Sequence[Card]


@dataclass(frozen=True)
class Code:
    text: str


Block = Text | Headlines | Items | Table | Picture | Gallery | Code


@dataclass(frozen=True)
class Fold:
    """Blocks behind a line that opens them."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """What stands under a heading; without a title, at the top of the page."""

    title: str
    blocks: Sequence[Block | Fold]

    @property
    def anchor(self) -> str:
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


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


def page(title: str, sections: Sequence[Section], folder: Path, reload: int = 0) -> str:
    """Render the sections as one self-contained HTML page.

    reload: seconds after which the browser loads it anew; 0 for a page that is finished.
    """
    parts = [f"<h1>{html.escape(title)}</h1>"]
    contents = "".join(
        f'<li><a href="#{one.anchor}">{html.escape(one.title)}</a></li>'
        for one in sections
        if one.title
    )
    listed = False
    for section in sections:
        if section.title and not listed:
            parts.append(f'<nav aria-label="Contents"><ol>{contents}</ol></nav>')
            listed = True
        inside = "".join(_html_part(block, folder) for block in section.blocks)
        if section.title:
            heading = f'<h2 id="{section.anchor}">{html.escape(section.title)}</h2>'
            inside = f'<section aria-labelledby="{section.anchor}">{heading}{inside}</section>'
        parts.append(inside)
    template = resources.files("imagenet_tools.comparison.report").joinpath("page.html").read_text()
    head = f'<meta http-equiv="refresh" content="{reload}">' if reload else ""
    body = "\n".join(parts)
    return string.Template(template).substitute(title=html.escape(title), head=head, body=body)


def _html_part(block: Block | Fold, folder: Path) -> str:
    if isinstance(block, Fold):
        inside = "".join(_html_block(one, folder) for one in block.blocks)
        return f"<details><summary>{html.escape(block.title)}</summary>{inside}</details>"
    return _html_block(block, folder)


def _html_block(block: Block, folder: Path) -> str:
    if isinstance(block, Headlines):
        several = " several" if len(block.each) > 1 else ""
        return f'<div class="headlines{several}">{"".join(map(_headline, block.each))}</div>'
    if isinstance(block, Text):
        return f'<p class="{block.kind}">{_words(block.text)}</p>'
    if isinstance(block, Items):
        items = "".join(f"<li>{_words(one)}</li>" for one in block.items)
        return f'<div class="{block.kind}"><p>{_words(block.text)}</p><ul>{items}</ul></div>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        alt = html.escape(block.alt)
        picture = block.svg.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
        picture = picture or _embedded(folder / block.file, alt)
        if block.wide:
            picture = _scrolled(picture, alt)
        return f"<figure>{picture}<figcaption>{_words(block.caption)}</figcaption></figure>"
    if isinstance(block, Gallery):
        return _gallery(block)
    return f"<pre><code>{html.escape(block.text)}</code></pre>"


def _headline(block: Headline) -> str:
    return (
        f'<div class="headline {block.tone}"><p class="badge">{html.escape(block.badge)}</p>'
        f'<p class="number">{html.escape(block.number)}</p>'
        f'<p class="bounds">{html.escape(block.bounds)}</p>'
        f'<p class="verdict">{_words(block.sentence)}</p></div>'
    )


def _gallery(block: Gallery) -> str:
    cards = "".join(
        f'<figure><img alt="{html.escape(one.name)}" src="{html.escape(one.image)}">'
        f"<figcaption><b>{html.escape(one.first)}</b><br>{html.escape(one.second)}</figcaption>"
        "</figure>"
        for one in block.cards
    )
    return f'<p class="note">{_words(block.caption)}</p><div class="gallery">{cards}</div>'


def _table(block: Table) -> str:
    kind = ' class="text"' if block.words else ""
    head = "".join(f'<th scope="col"{kind}>{html.escape(cell)}</th>' for cell in block.head)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>{_cells(row[1:], kind)}</tr>'
        for row in block.rows
    )
    name = html.escape(block.name)
    caption = f'<caption class="unseen">{name}</caption>'
    sortable = ' class="sortable"' if block.sortable else ""
    table = f"<table{sortable}>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return _scrolled(table, name)


def _cells(cells: Iterable[str], kind: str) -> str:
    return "".join(f"<td{kind}>{html.escape(text)}</td>" for text in cells)


def _scrolled(inside: str, name: str) -> str:
    """What may be wider than the screen; the keyboard reaches it, too."""
    return f'<div class="wide" tabindex="0" role="group" aria-label="{name}">{inside}</div>'


def _words(text: str) -> str:
    """Escaped text, with commands in `backticks` and --options as code that is not broken."""
    escaped = html.escape(text)
    return re.sub(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z-]*)", _code, escaped)


def _code(found: re.Match[str]) -> str:
    return f"<code>{found[1]}</code>" if found[1] else f'<code class="option">{found[2]}</code>'


def _embedded(path: Path, alt: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{alt}" src="data:image/png;base64,{data}">'
