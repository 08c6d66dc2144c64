"""The report as files: report.json holds everything, report.md and report.html say it in words."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from imagenet_tools.comparison.report import figures, gallery, paper, reproduce, sections
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.report.explanations import PREVIEW
from imagenet_tools.comparison.run_files import PAGE, REPORT
from imagenet_tools.pages import markdown, page
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json, write_text
from imagenet_tools.training import recipes

MARKDOWN = "report.md"
_REMEDY = "the same compare-preproc command writes it again"


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


@dataclass(frozen=True)
class Written:
    """What a report that is there says, as far as it cannot be worked out again from the runs."""

    command: str
    seeds: tuple[int, ...]
    class_names: tuple[str, ...]


def read(folder: Path) -> Written:
    """Read report.json. Raises FileNotFoundError, or DamagedData where it is not one."""
    path = folder / REPORT
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} has no report yet; the same compare-preproc command makes it, or, where all "
            f"runs are done, `imgtools finalize {folder} --data RECORDS`"
        )
    content = json_file.read(path, _REMEDY)
    with json_file.as_written(path, _REMEDY):
        seeds = tuple(int(seed) for seed in content["seeds"])
        if not seeds:  # it would be judged as if all runs had diverged
            raise ValueError("it judges no seed")
        names = tuple(str(name) for name in content["class_names"])
        return Written(str(content["command"]), seeds, names)
