"""The figure of loss and accuracy along training, from the runs' logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from browser import acted, needs_browser
from made_up_runs import made_up, reported

from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.report import curves, drawing
from imagenet_tools.comparison.results import judge

LOSS = {10: 3.0, 20: 2.0, 30: 1.5}


def logged(folder: Path, slug: str, seed: int, along: bool) -> None:
    """A log of three lines, each seed's loss 0.1 above the last one's, validated at 20 and 30."""
    lines = []
    for step, loss in LOSS.items():
        line = {"step": step, "epoch": step / 10, "loss": loss + 0.1 * seed}
        if along and step > 10:
            line |= {"validation_loss": 2.5 + 0.1 * seed, "validation_top1": 10.0 * seed + step,
                     "validation_images": 200}  # fmt: skip
        lines.append(json.dumps(line))
    text = "\n".join([*lines, '{"step": 40, "lo'])
    (run_files.run_folder(folder, slug, seed) / run_files.METRICS).write_text(text)


def comparison(records: Path, folder: Path, along: bool):
    made = make_plan(("alexnet", "inception"), records)
    for arm, seed in made.runs():
        made_up(made)(folder, arm, seed)
        logged(folder, arm.slug, seed, along)
    return made


def titles(svg: str) -> list[str]:
    return re.findall(r"<title>(.*?)</title>", svg)


def test_training_and_validation_over_seeds(tiny_records: Path, tmp_path: Path) -> None:
    arms = judge(comparison(tiny_records, tmp_path, along=True), tmp_path).arms
    svg = drawing.svg(curves.curves(tmp_path, arms))
    told = [title for title in titles(svg) if title.startswith("inception")]
    assert told[:5] == [
        "inception, training, epoch 1.00: 3.200 (seed 1 3.100 to seed 3 3.300)",
        "inception, training, epoch 2.00: 2.200 (seed 1 2.100 to seed 3 2.300)",
        "inception, training, epoch 3.00: 1.700 (seed 1 1.600 to seed 3 1.800)",
        "inception, validation, epoch 2.00: 2.700 (seed 1 2.600 to seed 3 2.800)",
        "inception, validation, epoch 3.00: 2.700 (seed 1 2.600 to seed 3 2.800)",
    ]
    assert "inception, epoch 2.00: 40.0 % (seed 1 30.0 % to seed 3 50.0 %)" in told
    assert sum("at the end, every validation image" in title for title in told) == 2
    assert [curves.validation_images(tmp_path, one) for one in arms] == [200, 200]


def test_runs_of_a_former_version_have_their_loss(tiny_records: Path, tmp_path: Path) -> None:
    arms = judge(comparison(tiny_records, tmp_path, along=False), tmp_path).arms
    svg = drawing.svg(curves.curves(tmp_path, arms))
    assert "validation top-1" not in svg and 'id="axes_2"' not in svg
    assert len(titles(svg)) == 2 * (len(LOSS) + 1)
    assert [curves.validation_images(tmp_path, one) for one in arms] == [0, 0]


@needs_browser
def test_errors_in_place_of_accuracies_leave_losses(tiny_records: Path, tmp_path: Path) -> None:
    made = comparison(tiny_records, tmp_path, along=True)
    reported(made, tmp_path, command="imgtools compare-preproc alexnet inception")
    text = (tmp_path / "report.html").read_text()
    assert "the first 200 of 9 validation images" in text
    before, after = acted(text, tmp_path, 1200, """
        const seen = () => [...document.querySelectorAll("desc")].map(e => e.textContent).filter(t => /^alexnet, .*epoch 2/.test(t));
        const before = seen();
        document.querySelector("nav button").click();
        tell([before, seen()]);
    """)  # fmt: skip  # noqa: E501
    assert before[2] == "alexnet, epoch 2.00: 40.0 % (seed 1 30.0 % to seed 3 50.0 %)"
    assert after[2] == "alexnet, epoch 2.00: 60.0 % (seed 1 70.0 % to seed 3 50.0 %)"
    assert after[:2] == before[:2]
