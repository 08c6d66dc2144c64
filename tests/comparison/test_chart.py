"""A figure's points are told where the pointer, a finger or the arrow keys are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import acted, needs_browser

from imagenet_tools import pages
from imagenet_tools.comparison.report import drawing, figures
from imagenet_tools.pages.blocks import Picture, Section

RUNS = [("alexnet", {1: 60.0, 2: 62.0, 3: 62.0}), ("<b>vgg", {1: 40.0, 2: 41.0})]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with dots, and with two lines of five points of which three say what they are."""
    lines, (axes,) = drawing.new(5, 2.6)
    for name, values in {"alexnet": [5, 4, 3, 2, 1], "vgg": [9, 8, 7, 6, 5]}.items():
        axes.plot(range(5), values)
        told = drawing.tips(*(f"{name}, epoch {at}: {values[at]}" for at in (0, 2, 4)))
        axes.plot([0, 2, 4], values[::2], "o", alpha=0, gid=told)
    drawn = [Picture("", "", "A figure", drawing.svg(one)) for one in (figures.dots(RUNS), lines)]
    return pages.page("a", [Section("", drawn)], tmp_path_factory.mktemp("chart"))


def test_without_scripts_a_point_has_its_title(text: str) -> None:
    assert text.count("<title>alexnet seed ") == 3
    assert "<title>&lt;b&gt;vgg, mean 40.50 %</title>" in text
    assert [text.count(f"<title>vgg, epoch {at}: ") for at in range(5)] == [1, 0, 1, 0, 1]


def test_a_pipeline_against_itself_is_two_arms() -> None:
    svg = drawing.svg(figures.dots([("vgg", {1: 40.0}), ("vgg", {1: 41.0})]))
    assert [f"<title>vgg seed 1: {top1}" in svg for top1 in ("40.00", "41.00")] == [True, True]


ACTS = """
const charts = document.querySelectorAll(".chart");
const shown = chart => chart.querySelector("output").checkVisibility() ? chart.querySelector("output").textContent : null;
const point = (chart, kind, x, y, pointerType = "mouse") => chart.querySelector("svg").dispatchEvent(
    new PointerEvent(kind, { bubbles: true, clientX: x, clientY: y, pointerType }));
const marks = chart => [...chart.querySelectorAll("use")].filter(use => use.querySelector("desc"));
const middle = use => { const box = use.getBoundingClientRect(); return [(box.left + box.right) / 2, (box.top + box.bottom) / 2]; };
const named = (chart, words) => marks(chart).find(use => use.textContent.includes(words));
const covers = (chart, use) => {
    const box = chart.querySelector("output").getBoundingClientRect(), [x, y] = middle(use);
    return box.left < x && x < box.right && box.top < y && y < box.bottom;
};
const press = (chart, key) => { chart.dispatchEvent(new KeyboardEvent("keydown", { key })); return shown(chart); };
"""  # noqa: E501


def acts(script: str) -> str:
    return f"setTimeout(() => {{ {ACTS} {script} }}, 100);"


@needs_browser
@pytest.mark.parametrize("width", [390, 1200])
def test_the_pointer_is_told_the_nearest_point(text: str, tmp_path: Path, width: int) -> None:
    found: dict[str, Any] = acted(text, tmp_path, width, acts("""
        const [dots, lines] = charts, told = { width: innerWidth, before: shown(dots), each: [] };
        for (const mark of [...marks(dots), ...marks(lines)]) {
            const chart = mark.closest(".chart"), [x, y] = middle(mark);
            point(chart, "pointermove", x + 2, y + 1);
            const box = chart.querySelector("output").getBoundingClientRect();
            told.each.push([shown(chart).includes(mark.textContent), covers(chart, mark), box.left >= 0 && box.right <= innerWidth]);
        }
        const seen = named(dots, "alexnet seed 2");
        point(dots, "pointermove", ...middle(seen));
        told.same = shown(dots);
        told.drawn = getComputedStyle(named(lines, "epoch 4")).fillOpacity;
        dots.onpointerleave({ pointerType: "mouse" });
        told.left = shown(dots);
        const [x, y] = middle(named(lines, "vgg, epoch 2"));
        point(lines, "pointermove", x + 1, y);
        told.lines = shown(lines);
        told.cross = Math.abs(lines.querySelector(".cross").getBoundingClientRect().left - x) < 2;
        const box = dots.getBoundingClientRect();
        point(dots, "pointermove", box.left + 1, box.bottom - 1);
        told.far = shown(dots);
        told.titles = document.querySelectorAll("svg title").length;
        tell(told);
    """))  # fmt: skip  # noqa: E501
    assert found["width"] == width
    assert found["before"] is None and found["left"] is None and found["far"] is None
    assert len(found["each"]) == 5 + 2 + 6
    assert all(one == [True, False, True] for one in found["each"])
    assert found["same"].split("\n") == ["alexnet seed 2: 62.00 %", "alexnet seed 3: 62.00 %"]
    assert found["lines"].split("\n") == ["alexnet, epoch 2: 3", "vgg, epoch 2: 7"]
    assert found["cross"] is True and found["drawn"] == "1"
    assert found["titles"] == 0  # the browser would show them beside the readout


@needs_browser
def test_keys_and_fingers(text: str, tmp_path: Path) -> None:
    found: dict[str, Any] = acted(text, tmp_path, 390, acts("""
        const [dots, lines] = charts, keys = (chart, ...all) => all.map(key => press(chart, key));
        dots.focus();
        const told = { focus: document.activeElement === dots, live: dots.querySelector("output").role ?? "status" };
        told.dots = keys(dots, "ArrowRight", "ArrowDown", "ArrowLeft", "End", "Escape", "x");
        told.lines = keys(lines, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "Home");
        const [x, y] = middle(named(dots, "seed 1"));
        point(dots, "pointerdown", x, y - 8, "touch");
        dots.onpointerleave({ pointerType: "touch" });
        told.touched = shown(dots);
        document.querySelector("h1").dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
        told.elsewhere = shown(dots);
        told.scrolls = getComputedStyle(dots).touchAction;
        tell(told);
    """))  # fmt: skip  # noqa: E501
    assert found["focus"] is True
    first, second = "alexnet, mean 61.33 %", "alexnet seed 1: 60.00 %"
    assert found["dots"] == [first, second, first, "<b>vgg seed 2: 41.00 %", None, None]
    at = [f"alexnet, epoch {x}: {5 - x}\nvgg, epoch {x}: {9 - x}" for x in (0, 2, 4)]
    assert found["lines"] == [*at, at[2], at[0]]
    assert found["touched"] == second and found["elsewhere"] is None
    assert found["scrolls"] == "pan-y"
