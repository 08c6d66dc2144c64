"""How a figure becomes files: inline SVG whose marks tell what they are, PNG, and a paper's.

Lines and letters are drawn in one placeholder black that becomes `currentColor` in the page, so
that they follow its light and dark colours.
"""

from __future__ import annotations

import html
import io
import re
import urllib.parse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools.storage.write import write_saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.4  # inches: a column of a journal
ACCURACIES = "accuracies"  # gid of axes whose figures are percent that are right
_TIPS = "tips:"


def new(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure without pyplot, so that no window system and no global state is touched.

    Its panels are below each other, with one x axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(panels, sharex=True, squeeze=False)[:, 0])
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def tips(*texts: str) -> str:
    """The gid of an artist each of whose markers says one of these texts, in their order."""
    return _TIPS + ",".join(urllib.parse.quote(one, safe="") for one in texts)


def svg(figure: Figure) -> str:
    """The figure as inline SVG that takes the page's text colour and width.

    Markers that tell something have it as their title, in a group of the class tips a series.
    """
    import matplotlib

    buffer = io.StringIO()
    # A fixed salt and no date: the same results give the same page.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "imgtools"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = text.replace("#000000", "currentColor")
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", text, count=1)
    text = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r"<text (?![^>]*fill)", '<text fill="currentColor" ', text)
    text = text.replace(f'<g id="{ACCURACIES}">', '<g id="axes_top1" data-measure="accuracy">')
    before, *told = re.split(rf'<g id="{_TIPS}([^"]*)">', text)
    series = zip(told[::2], told[1::2], strict=True)
    text = before + "".join(f'<g class="tips">{_titled(*one)}' for one in series)
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)


def _titled(quoted: str, markers: str) -> str:
    """SVG that begins with a series' markers, each with its text as a title."""
    texts = [html.escape(urllib.parse.unquote(one)) for one in quoted.split(",")]
    left = iter(texts)
    return re.sub(
        r"(<use [^>]*)/>",
        lambda found: f"{found[1]}><title>{next(left)}</title></use>",
        markers,
        count=len(texts),
    )


def png(figure: Figure, path: Path) -> None:
    write_saved(path, partial(figure.savefig, format="png", dpi=110, facecolor="white"))


def for_paper(draw: Callable[[], Figure], path: Path) -> None:
    """The figure in a column's width, its letters as text, as SVG and PDF."""
    import matplotlib

    with matplotlib.rc_context(
        {"font.size": 7, "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "imgtools"}
    ):
        figure = draw()
        for artist in figure.findobj(lambda one: (one.get_gid() or "").startswith(_TIPS)):
            artist.set_gid(None)
            if artist.get_alpha() == 0:  # there to be pointed at
                artist.remove()
        width, height = figure.get_size_inches()
        figure.set_size_inches(COLUMN, height * COLUMN / width)
        for kind, date in (("svg", "Date"), ("pdf", "CreationDate")):
            save = partial(figure.savefig, format=kind, metadata={date: None})
            write_saved(path.with_suffix(f".{kind}"), save)
