"""The report in a real browser: no error on its console, no request, nothing wider than a phone."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import browsed, needs_browser, without_scripts
from made_up_runs import made_up, reported
from PIL import Image

from imagenet_tools import pages
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.report import sections as sections_
from imagenet_tools.pages import blocks as blocks_


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of every kind of block, one of them too wide for a phone."""
    folder = tmp_path_factory.mktemp("page")
    Image.new("RGB", (600, 100), "#0072B2").save(folder / "preview.png")
    head = ["arm", *(f"column {i}" for i in range(20))]
    wide = blocks_.Table("Wide", head, [["alexnet", *"x" * 20]])
    sentence = "alexnet is better <&>."
    verdict = blocks_.Headline("alexnet is better", "+7.27 points", "5 to 9", sentence, "better")
    top = [
        blocks_.Headlines([verdict]),
        blocks_.Items("Found:", ["scale <70>; --match-scale helps", "`imgtools plan`"], "warning"),
        blocks_.Picture("preview.png", "A picture.", "A blue field"),
    ]
    classes = [[f"class {i}", f"{i}.5", f"{i - 7:+.1f}"] for i in range(14)]
    long = blocks_.Table(
        "Classes", ["class", "top-1 %", "points"], classes, sortable=True,
        heat=[[0.0, (i - 7) / 7] for i in range(14)],
        measures={"top-1 %": "accuracy", "points": "difference"},
    )  # fmt: skip
    blue = (
        "data:image/png;base64," + base64.b64encode((folder / "preview.png").read_bytes()).decode()
    )
    runs = blocks_.Table("Runs", ["seed", "alexnet"], [["1", "church 26 %\ntench 14 %"]])
    card = blocks_.Card(blue, "tench, by inception", "alexnet: church", "n01440764/a", runs)
    images = blocks_.Gallery("flipped.png", "Images.", "Photographs", [card])
    below = [long, images, wide, blocks_.Code("imgtools compare-preproc alexnet inception " * 5)]
    sections = [
        blocks_.Section("", top),
        blocks_.Section("What it costs", [*below, blocks_.Fold("More", [blocks_.Text("more")])]),
    ]
    text = pages.page("a vs b", sections, folder)
    (folder / "report.html").write_text(text, encoding="utf-8")
    return folder / "report.html"


def test_nothing_is_loaded_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert "alexnet is better &lt;&amp;&gt;." in text
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", text)
    assert links and all(link.startswith(("data:", "#")) for link in links)
    assert "@import" not in text and "url(" not in text


def test_a_page_can_be_heard_and_walked_through(page: Path) -> None:
    text = page.read_text()
    assert '<a href="#what-it-costs">What it costs</a>' in text
    assert '<h2 id="what-it-costs">' in text
    assert '<th scope="col">column 1</th>' in text and '<th scope="row">alexnet</th>' in text
    assert "<thead>" in text and '<caption class="unseen">Wide</caption>' in text
    assert 'alt="A blue field"' in text
    assert "<details><summary>More</summary>" in text


def test_commands_and_options_are_not_broken(page: Path) -> None:
    text = page.read_text()
    assert '<li>scale &lt;70&gt;; <code class="option">--match-scale</code> helps</li>' in text
    assert "<li><code>imgtools plan</code></li>" in text
    items = blocks_.Items("Found:", ["one", "two"], "warning")
    lines = pages.markdown("a", [blocks_.Section("b", [items])]).splitlines()
    assert lines[4:8] == ["> Found:", ">", "> - one", "> - two"]


def test_names_are_no_markup_in_markdown() -> None:
    evil = "<img src=x onerror=alert(1)> [a](http://b) *c* | d_e"
    kept = r"\<img src=x onerror=alert(1)\> \[a\](http://b) \*c\* \| d\_e"
    table = blocks_.Table("t", ["class", evil], [[evil, "`x`"]])
    text = blocks_.Text(f"{evil} `--as_is`")
    lines = pages.markdown(evil, [blocks_.Section("b", [text, table])]).splitlines()
    assert lines[0] == f"# {kept}"
    assert lines[4] == f"{kept} `--as_is`"
    assert lines[6:9] == [f"| class | {kept} |", "| --- | ---: |", f"| {kept} | 'x' |"]


@needs_browser
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("mode", ["light", "dark", "no scripts"])
def test_the_browser_has_nothing_to_say(page: Path, tmp_path: Path, width: int, mode: str) -> None:
    picture, options = tmp_path / "page.png", []
    if mode == "no scripts":
        page = without_scripts(page, tmp_path)
    if mode == "dark":
        options = ["--blink-settings=preferredColorScheme=0"]
    browsed(page, tmp_path, *options, f"--window-size={width},900", f"--screenshot={picture}")
    shown = Image.open(picture).convert("RGB")
    assert shown.size == (width, 900)
    colours = shown.getcolors(1 << 20) or []
    assert any(colour == (0, 114, 178) and count > 500 for count, colour in colours)
    paper = (20, 24, 29) if mode == "dark" else (253, 253, 251)
    assert shown.getpixel((2, 2)) == paper


@needs_browser
def test_a_page_is_printed(page: Path, tmp_path: Path) -> None:
    browsed(page, tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


@needs_browser
def test_tables_are_sorted_and_searched_and_images_opened(page: Path, tmp_path: Path) -> None:
    acts = """<script>{
        const rows = () => [...document.querySelectorAll('table.sortable tbody tr')].filter(
            r => !r.hidden).map(r => r.cells[0].textContent);
        const sort = document.querySelectorAll('table.sortable th button')[1], told = [rows()[0]];
        sort.click(); told.push(rows()[0]); sort.click(); told.push(rows()[0]);
        const search = document.querySelector('input[type=search]');
        search.value = 'Class 1'; search.dispatchEvent(new Event('input')); told.push(rows());
        document.querySelector('nav button').click();
        const second = document.querySelectorAll('table.sortable tr')[2];
        told.push([...second.cells].map(c => c.textContent));
        const card = document.querySelector('.gallery details');
        const shown = () => card.querySelector('table').checkVisibility();
        told.push(shown()); card.querySelector('summary').click(); told.push(shown());
        const asked = performance.getEntriesByType('resource').map(e => e.name);
        told.push(asked.filter(name => !name.startsWith('data:')));
        document.title = JSON.stringify(told);
    }</script>"""
    copy = tmp_path / "acted.html"
    copy.write_text(page.read_text().replace("</body>", f"{acts}</body>"))
    found = re.search(r"<title>(\[.*?\])</title>", browsed(copy, tmp_path, "--dump-dom"))
    assert found is not None
    first, highest, lowest, searched, errors, closed, opened, asked = json.loads(found[1])
    assert (first, highest, lowest) == ("class 0", "class 13", "class 0")
    assert searched == ["class 1", "class 10", "class 11", "class 12", "class 13"]
    assert errors == ["class 1", "98.5", "+6.0"]
    assert (closed, opened) == (False, True)
    assert asked == []


def assert_errors(before: list[str], errors: list[str]) -> None:
    """The headline's number and bounds, a dot's title and a cell, as accuracies and as errors."""
    number, bounds, dot, *heads, cell = before
    value, low, high = (float(one) for one in re.findall(r"[+-]\d+\.\d+", f"{number} {bounds}"))
    assert errors[0] == f"{-value:+.2f} points"
    assert errors[1].endswith(f"95 % interval {-high:+.2f} to {-low:+.2f}")
    assert errors[1].startswith("top-1 error, alexnet less inception")
    accuracy = re.search(r"([\d.]+) %$", dot)
    assert accuracy is not None
    assert errors[2] == f"alexnet seed 1: {100 - float(accuracy[1]):.2f} %"
    assert errors[3:-1] == heads
    mean, sd = cell.split(" ± ")
    assert errors[-1] == f"{100 - float(mean):.2f} ± {sd}"


@needs_browser
def test_a_whole_report_in_the_browser(tiny_records: Path, tmp_path: Path) -> None:
    """Every section of a real report: nothing sticks out of a narrow screen, every link leads."""
    made = make_plan(("alexnet", "inception"), tiny_records)
    for run in made.runs():
        made_up(made)(tmp_path, *run)
    reported(made, tmp_path, command="imgtools compare-preproc alexnet inception")
    text = (tmp_path / "report.html").read_text()
    measure = (
        "<script>document.querySelectorAll('table.sortable th button')[2].click();"
        "const of = name => [...document.querySelectorAll(name)].map(e => e.textContent);"
        "const dot = () => of('svg desc').find(t => / seed 1:/.test(t));"
        "const seen = () => [...of('.number, .bounds'), dot(),"
        "  ...of('thead th').filter(t => /eval/.test(t)), of('td[data-measure=accuracy]')[0]];"
        "const before = seen(); document.querySelector('nav button').click();"
        "const errors = seen(); document.querySelector('nav button').click();"
        "document.title = JSON.stringify([document.documentElement.scrollWidth, "
        "innerWidth, [...document.querySelectorAll('nav a')].filter(a => "
        "!document.querySelector(a.getAttribute('href'))).length, "
        "[...document.querySelectorAll('table.sortable')[0].tBodies[0].rows].map("
        "r => r.cells[2].textContent), before, errors, seen()])</script>"
    )
    copy = tmp_path / "measured.html"
    copy.write_text(text.replace("</body>", f"{measure}</body>"))
    shown = browsed(copy, tmp_path, "--window-size=500,900", "--dump-dom")
    found = re.search(r"<title>(\[.*?\])</title>", shown)
    assert found is not None
    wide, screen, dead, sorted_by_top1, before, errors, after = json.loads(found[1])
    assert wide <= screen and dead == 0
    assert len(sorted_by_top1) == 6 and sorted_by_top1 == sorted(sorted_by_top1, reverse=True)
    assert after == before and len(errors) == len(before)
    assert_errors(before, errors)
    assert "<title>alexnet seed 1: " in text  # what the pointer is told of a dot
    assert '<th scope="row">range: values out</th>' in text
    differs = '<th scope="row">optimizer</th><td class="text">momentum</td><td class="text">rmsprop'
    assert differs in text


@pytest.mark.parametrize(
    ("correlation", "seeds", "words"),
    [
        (0.9, 5, "alexnet − vgg: runs of one seed are good or bad together (correlation +0.90"),
        (-0.9, 5, "is too narrow if that is no chance"),
        (0.9, 3, None),
        (None, 5, None),
    ],
)
def test_arms_that_go_together_get_a_word(
    correlation: float | None, seeds: int, words: str | None
) -> None:
    verdict = SimpleNamespace(seed_correlation=correlation)
    contrast: Any = SimpleNamespace(
        title="alexnet − vgg", verdict=verdict, shared_seeds=range(seeds)
    )
    found = sections_._together(contrast)
    assert (found is None) if words is None else words in found.text
