"""Pages in headless Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
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


def browsed(page: Path, folder: Path, *options: str) -> str:
    """What the browser writes of a page, of which it has nothing to complain."""
    done = subprocess.run(
        [
            str(CHROMIUM), *OPTIONS, f"--user-data-dir={folder / 'user'}",
            *options, page.as_uri(),
        ],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    return done.stdout


def without_scripts(page: Path, folder: Path) -> Path:
    """The page as a reader sees it who lets no script run."""
    policy = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
    text = page.read_text().replace('<meta charset="utf-8">', f'<meta charset="utf-8">{policy}')
    target = folder / "no-scripts.html"
    target.write_text(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    return target


def acted(text: str, folder: Path, width: int, acts: str, *options: str) -> Any:
    """What a script gives to tell(...), once it has run in a page on a screen of this width.

    In a frame, since a window is never narrower than 500 pixels.
    """
    tell = "const tell = found => { parent.document.title = JSON.stringify(found); };"
    text = text.replace("</body>", f"<script>{tell}{acts}</script></body>")
    frame = folder / "frame.html"
    frame.write_text(
        f'<meta charset="utf-8"><title></title><body style="margin: 0"><iframe width="{width}" '
        f'height="900" style="border: 0" srcdoc="{html.escape(text)}"></iframe>',
        encoding="utf-8",
    )
    found = re.search(r"<title>(.+?)</title>", browsed(frame, folder, *options, "--dump-dom"))
    assert found is not None
    return json.loads(html.unescape(found[1]))
