"""Sections as one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import math
import re
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from imagenet_tools.pages.blocks import (
    Block,
    Fold,
    Gallery,
    Headline,
    Headlines,
    Items,
    Measure,
    Picture,
    Section,
    Table,
    Text,
)

MOST = 40  # percent of a heat map's colour, at which text has a contrast above 4.5


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
    return string.Template(resource("page.html")).substitute(
        title=html.escape(title),
        head=f'<meta http-equiv="refresh" content="{reload}">' if reload else "",
        style=resource("page.css"),
        script=resource("page.js") + resource("chart.js"),
        body="\n".join(parts),
    )


def resource(name: str) -> str:
    """A file of this folder: what every page has of frame, style and scripts."""
    return resources.files("imagenet_tools.pages").joinpath(name).read_text(encoding="utf-8")


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
        picture = picture or _embedded(folder, block.file, alt)
        if block.wide:
            picture = _scrolled(picture, alt)
        caption = f"<figcaption>{_words(block.caption)}</figcaption>"
        return f"<figure{_measure(block.measure)}>{picture}{caption}</figure>"
    if isinstance(block, Gallery):
        return _gallery(block)
    return f"<pre><code>{html.escape(block.text)}</code></pre>"


def _headline(block: Headline) -> str:
    return (
        f'<div class="headline {block.tone}"><p class="badge">{html.escape(block.badge)}</p>'
        f'<p class="number"{_measure("difference")}>{html.escape(block.number)}</p>'
        f'<p class="bounds"{_measure("difference")}>{html.escape(block.bounds)}</p>'
        f'<p class="verdict">{_words(block.sentence)}</p></div>'
    )


def _gallery(block: Gallery) -> str:
    cards = "".join(
        f'<details><summary><img alt="{html.escape(one.name)}" src="{html.escape(one.image)}">'
        f"<span><b>{html.escape(one.first)}</b><br>{html.escape(one.second)}</span></summary>"
        f"{_table(one.more)}</details>"
        for one in block.cards
    )
    return f'<p class="note">{_words(block.caption)}</p><div class="gallery">{cards}</div>'


def _table(block: Table) -> str:
    kind = ' class="text"' if block.words else ""
    columns = [_measure(block.measures.get(cell)) for cell in block.head]
    head = "".join(
        f'<th scope="col"{kind}{measure}>{html.escape(cell)}</th>'
        for cell, measure in zip(block.head, columns, strict=True)
    )
    rows = ""
    for at, (name, *cells) in enumerate(block.rows):
        measured = _measure(block.measures.get(name))
        heat = block.heat[at] if block.heat else [0.0] * len(cells)
        lead = html.escape(name)
        if block.links:
            lead = f'<a href="{html.escape(block.links[at])}">{lead}</a>'
        rows += f'<tr><th scope="row">{lead}</th>' + "".join(
            f"<td{kind}{measured or column}{_heat(value)}>{_cell(cell, block.words)}</td>"
            for cell, column, value in zip(cells, columns[1:], heat, strict=True)
        )
        rows += "</tr>"
    name = html.escape(block.name)
    caption = f'<caption class="unseen">{name}</caption>'
    sortable = ' class="sortable"' if block.sortable else ""
    table = f"<table{sortable}>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return _scrolled(table, name)


def _cell(text: str, words: bool) -> str:
    """A cell's text; several lines of words are a list, of figures just lines."""
    lines = html.escape(text).split("\n")
    if not words or len(lines) == 1:
        return "\n".join(lines)
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _measure(measure: Measure | None) -> str:
    return f' data-measure="{measure}"' if measure else ""


def _heat(value: float) -> str:
    """The colour of a cell, blue above 0 and orange below; pale enough for the text on it."""
    if not math.isfinite(value) or not value:
        return ""
    return f' style="--heat: var(--{"above" if value > 0 else "below"}) {abs(value) * MOST:.0f}%"'


def _scrolled(inside: str, name: str) -> str:
    """What may be wider than the screen; the keyboard reaches it, too."""
    return f'<div class="wide" tabindex="0" role="group" aria-label="{name}">{inside}</div>'


def _words(text: str) -> str:
    """Escaped text, with commands in `backticks` and --options as code that is not broken."""
    escaped = html.escape(text)
    return re.sub(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z-]*)", _code, escaped)


def _code(match: re.Match[str]) -> str:
    return f"<code>{match[1]}</code>" if match[1] else f'<code class="option">{match[2]}</code>'


def _embedded(folder: Path, file: str, alt: str) -> str:
    if not file.startswith("data:"):
        data = base64.b64encode((folder / file).read_bytes()).decode()
        file = f"data:image/png;base64,{data}"
    return f'<img alt="{alt}" src="{file}">'
