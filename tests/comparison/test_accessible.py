"""A report under axe-core's rules: what a screen reader says, what keys reach, contrast."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import acted, needs_browser
from made_up_runs import made_up, reported

from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.plan import make_plan

AXE = Path(__file__).parents[2] / "build/axe/node_modules/axe-core/axe.min.js"

pytestmark = [
    needs_browser,
    pytest.mark.skipif(not AXE.exists(), reason="`make test-page` fetches axe-core"),
]


@pytest.fixture(scope="module")
def text(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of three arms: with a ranking, its tables, and every figure."""
    folder = tmp_path_factory.mktemp("report")
    made = make_plan(("alexnet", "inception", "vgg"), tiny_records)
    for arm, seed in made.runs():
        made_up(made, vgg=0.52)(folder, arm, seed)
        log = run_files.run_folder(folder, arm.slug, seed) / run_files.METRICS
        log.write_text('{"step": 10, "epoch": 1, "loss": 2, "validation_loss": 2, '
                       '"validation_top1": 9, "validation_images": 9}\n')  # fmt: skip
    reported(made, folder, command="imgtools compare-preproc alexnet inception vgg")
    return (folder / "report.html").read_text()


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(text: str, tmp_path: Path, width: int, scheme: str) -> None:
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    found = acted(text.replace("</main>", f"</main><script>{AXE.read_text()}</script>"), tmp_path,
        width, """
        for (const details of document.querySelectorAll("details")) details.open = true;
        const press = key => document.querySelector(".chart").dispatchEvent(new KeyboardEvent("keydown", { key }));
        press("ArrowRight");
        axe.run(document).then(found => tell([found.passes.length,
            found.violations.map(one => `${one.impact} ${one.id} ${one.nodes[0].html}`)]));
        """, *dark, "--virtual-time-budget=20000")  # fmt: skip  # noqa: E501
    rules, violations = found
    assert rules > 20 and violations == []
