"""What a report that is there says, as far as it cannot be worked out again from the runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagenet_tools.comparison.plan import Plan
from imagenet_tools.comparison.run_files import REPORT
from imagenet_tools.errors import DamagedData
from imagenet_tools.storage import json_file

SCHEMA = 3  # of report.json; docs/reference/report.md says what its fields mean
_REMEDY = "the same compare-preproc command writes it again"


@dataclass(frozen=True)
class Written:
    """Of a report: the command, the seeds judged and the margin, and the labels' words."""

    command: str
    seeds: tuple[int, ...]
    margin: float
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
    schema, remedy = content.get("schema"), _REMEDY
    if schema != SCHEMA:
        remedy = f"it is another imgtools' (schema {schema}, here {SCHEMA}): {_REMEDY}"
    with json_file.as_written(path, remedy):
        seeds = tuple(int(seed) for seed in content["seeds"])
        if not seeds:  # it would be judged as if all runs had diverged
            raise ValueError("it judges no seed")
        names = tuple(str(name) for name in content["class_names"])
        return Written(str(content["command"]), seeds, float(content["plan"]["margin"]), names)


def of_plan(folder: Path, plan: Plan) -> Written:
    """The same; DamagedData, too, where it judges other seeds than the plan has it judged after."""
    there = read(folder)
    looked = {count for stage in plan.stages for count in (*stage.looks, len(stage.seeds))}
    if len(there.seeds) not in looked or there.seeds != plan.seeds[: len(there.seeds)]:
        raise DamagedData(
            f"{folder / REPORT} judges the seeds {', '.join(map(str, there.seeds))}; this "
            f"comparison is judged after {', '.join(map(str, sorted(looked)))} of its seeds "
            f"{', '.join(map(str, plan.seeds))}. The same compare-preproc command writes it again"
        )
    return there
