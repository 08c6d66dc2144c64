"""What a page is made of: sections of paragraphs, tables, pictures and code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

# What a number is: percent that are right, or points of one arm less another.
Measure = Literal["accuracy", "difference"]


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

    The others are figures unless `words`. A cell may have several lines. sortable: by a click on a
    heading, where scripts run; a long one can be searched, too. heat: of each cell but the row's
    head, from -1 to 1, what colours it (0 or NaN: nothing does). measures: headings, of rows or
    columns, under which accuracies stand, or differences of them: a reader may turn these into
    errors. links: where each row's head leads, in HTML.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    sortable: bool = False
    heat: Sequence[Sequence[float]] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    links: Sequence[str] = ()


@dataclass(frozen=True)
class Picture:
    """A figure: inline SVG for the page, or a PNG that it embeds; the file for Markdown.

    file: its name in the folder of the page, or, for HTML alone, a data URI.

    alt: what it shows, in words. wide: it scrolls on a narrow screen in place of shrinking.
    measure: of its numbers, as of a table's.
    """

    file: str
    caption: str
    alt: str
    svg: str = ""
    wide: bool = False
    measure: Measure | None = None


@dataclass(frozen=True)
class Card:
    """An image of a gallery, a data URI, with two lines below it. name: its file's.

    more: what is shown where it is opened.
    """

    image: str
    first: str
    second: str
    name: str
    more: Table


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
