"""Put the arms of several finished comparisons into one, and judge them together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.comparison import diagnosed, stored, written
from imagenet_tools.comparison.plan import Arm, Plan, join_plans
from imagenet_tools.comparison.plan_file import read_plan, with_margin, write_plan
from imagenet_tools.comparison.report import content, document
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.results import judge
from imagenet_tools.comparison.run_files import run_folder
from imagenet_tools.comparison.run_result import finished, required

# What must be the same for runs to be comparable: everything but the arms and what is judged.
SAME = (
    *("recipe", "model", "image_size", "precision", "seeds", "data", "order", "labels_offset"),
    "num_classes",
)


def join(
    folders: Sequence[storage.AnyPath],
    out: storage.AnyPath,
    *,
    margin: float | None = None,
    command: str = "",
) -> Report:
    """Join finished comparisons in a new folder `out`, and report there.

    The first folder's first arm is compared with every other; an arm that several folders have is
    taken from the first. margin: in place of the first plan's, a deviation. Files are linked where
    the disk allows it, else copied. Raises ValueError naming what the comparisons differ in, or the
    run that is missing.
    """
    places, joint = [stored.opened(folder) for folder in folders], storage.staging(out)
    plans = [read_plan(place) for place in places]
    first = plans[0]
    for folder, other in zip(folders[1:], plans[1:], strict=True):
        different = [name for name in SAME if getattr(first, name) != getattr(other, name)]
        if different:
            raise ValueError(
                f"{folder} cannot be joined with {folders[0]}: they differ in "
                f"{', '.join(different)}"
            )
    joined, arms = join_plans(plans), _arms(places, plans)
    write_plan(joined, joint)
    for arm, folder in arms:
        for seed in joined.seeds:
            required(folder, joined, arm, seed)
            if finished(joint, joined, arm, seed) is None:
                _bring(run_folder(folder, arm.slug, seed), run_folder(joint, arm.slug, seed))
    joined, changed = with_margin(joined, margin)
    report = content.make(
        judge(joined, joint), command=command, changed=changed,
        diagnosis=diagnosed.joined(places), class_names=_class_names(places),
    )  # fmt: skip
    document.write(report, joint)
    return stored.keep_report(out, report)


def _arms(places: Sequence[Path], plans: Sequence[Plan]) -> Iterable[tuple[Arm, Path]]:
    """Every arm, and the first folder that has it."""
    arms: dict[str, tuple[Arm, Path]] = {}
    for place, plan in zip(places, plans, strict=True):
        for arm in plan.arms:
            there, where = arms.setdefault(arm.slug, (arm, place))
            if there.fingerprint != arm.fingerprint:
                raise ValueError(
                    f"{arm.slug} is {arm.spec} ({arm.fingerprint}) in {place}, and {there.spec} "
                    f"({there.fingerprint}) in {where}; arms of one name are one pipeline"
                )
    return arms.values()


def _bring(run: Path, target: Path) -> None:
    """Put a run's files in place all at once."""
    part = target.with_name(f".part-{target.name}")
    shutil.rmtree(part, ignore_errors=True)  # of a join that was interrupted
    shutil.copytree(run, part, copy_function=_link)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def _class_names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The words of the labels, from the first folder whose report has them."""
    for folder in folders:
        try:
            if names := written.read(folder).class_names:
                return names
        except FileNotFoundError:
            continue
    return ()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
