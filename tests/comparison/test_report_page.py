"""The report in a real browser: no error on its console, no request, nothing wider than a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from imagenet_tools.comparison.report import blocks as blocks_

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of every kind of block, one of them too wide for a phone."""
    folder = tmp_path_factory.mktemp("page")
    Image.new("RGB", (600, 100), "#0072B2").save(folder / "preview.png")
    wide = blocks_.Table(["arm", *(f"column {i}" for i in range(20))], [["alexnet", *"x" * 20]])
    blocks = [
        blocks_.Text("alexnet is better <&>.", "verdict"),
        blocks_.Items("Found:", ["scale <70>; --match-scale helps", "`imgtools plan`"], "warning"),
        wide,
        blocks_.Picture("preview.png", "A picture."),
        blocks_.Code("imgtools compare-preproc alexnet inception " * 5),
    ]
    text = blocks_.page("a vs b", [blocks_.Section("Verdict", blocks)], folder)
    (folder / "report.html").write_text(text, encoding="utf-8")
    return folder / "report.html"


def test_nothing_is_loaded_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert "alexnet is better &lt;&amp;&gt;." in text
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", text)
    assert links and all(link.startswith("data:") for link in links)
    assert "@import" not in text and "url(" not in text


def test_commands_and_options_are_not_broken(page: Path) -> None:
    text = page.read_text()
    assert "<li>scale &lt;70&gt;; <code>--match-scale</code> helps</li>" in text
    assert "<li><code>imgtools plan</code></li>" in text
    items = blocks_.Items("Found:", ["one", "two"], "warning")
    lines = blocks_.markdown("a", [blocks_.Section("b", [items])]).splitlines()
    assert lines[4:8] == ["> Found:", ">", "> - one", "> - two"]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [390, 1200])
def test_the_browser_has_nothing_to_say(page: Path, tmp_path: Path, width: int) -> None:
    picture = tmp_path / "page.png"
    done = subprocess.run(
        [
            str(CHROMIUM), *OPTIONS, f"--user-data-dir={tmp_path / 'user'}",
            f"--window-size={width},900", f"--screenshot={picture}", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    shown = Image.open(picture).convert("RGB")
    assert shown.size == (width, 900)
    colours = shown.getcolors(1 << 20) or []
    assert any(colour == (0, 114, 178) and count > 500 for count, colour in colours)
