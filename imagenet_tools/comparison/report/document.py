"""The report as files: report.json holds everything, report.md and report.html say it in words."""

from __future__ import annotations

import shutil
from pathlib import Path

from imagenet_tools.comparison.report import figures, gallery, paper, reproduce, sections
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.report.explanations import PREVIEW
from imagenet_tools.comparison.run_files import PAGE, REPORT
from imagenet_tools.pages import markdown, page
from imagenet_tools.storage.write import write_json, write_text
from imagenet_tools.training import recipes

MARKDOWN = "report.md"


def write(report: Report, folder: Path) -> None:
    """Write the figures, report.json, report.md, report.html, the recipe, and what a paper takes.

    The pictures of photographs, PREVIEW and the gallery's, are shown where they are in the folder.
    """
    drawn = figures.draw_all(report, folder)
    shown = sections.build_sections(report, folder, drawn)
    title = " vs ".join(arm.spec for arm in report.plan.judged)
    write_json(folder / REPORT, report.as_json())
    write_text(folder / MARKDOWN, markdown(title, shown))
    write_text(folder / PAGE, page(title, shown, folder))
    write_text(folder / reproduce.RECIPE, recipes.dump(report.plan.recipe))
    paper.write(report, folder)


def copy_pictures(source: Path, target: Path) -> None:
    """Bring the pictures of photographs, which take the records to draw, to another folder."""
    for name in (PREVIEW, gallery.SHEET, gallery.FLIPS):
        if (source / name).exists() and source != target:
            shutil.copyfile(source / name, target / name)
