"""The whole comparison: plan, diagnosis, runs up to each look, report."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagenet_tools import diagnosis, registry, storage
from imagenet_tools.comparison import arms, results, run_files, stored
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison.report import document, flips
from imagenet_tools.diagnosis import preview, sample, values
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import Unfinished
from imagenet_tools.records.manifest import read_manifest
from imagenet_tools.storage.write import write_json
from imagenet_tools.training import recipes

DIAGNOSIS = "diagnosis.json"


def compare(
    plan: plans.Plan,
    folder: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    jobs: int = 1,
    plugins: Sequence[str] = (),
    command: str = "",
    launch: arms.Launch | None = None,
) -> document.Report:
    """Carry out a plan in a folder, and report; what is finished there is not done again.

    jobs: runs at a time. plugins: files that the runs load. command: shown in the report. With
    looks the comparison stops at the first one at which every contrast is decided, or undecided
    with little hope (results.futile).
    """
    own = stored.opened(folder)
    plans.write(plan, own)
    plan, _ = plans.read(own)
    _diagnosis(plan, own, data)
    stored.keep(folder)  # before the runs, which may be anywhere
    look = _run(plan, folder, data, jobs, plugins, launch)
    written = report_on(own, data, seeds=look, command=command)
    return stored.keep_report(folder, written)


def run_slice(
    plan: plans.Plan,
    folder: str | os.PathLike[str],
    data: str | os.PathLike[str],
    part: Slice,
    *,
    jobs: int = 1,
    plugins: Sequence[str] = (),
    launch: arms.Launch | None = None,
) -> int:
    """Carry out one slice of a plan's runs, all seeds, and return their number.

    For array jobs: every task writes into the same folder, and `finalize` reports in the end.
    """
    own = stored.opened(folder)
    plans.write(plan, own)
    plan, _ = plans.read(own)
    stored.keep(folder)
    arms.run_all(plan, folder, data, jobs=jobs, plugins=plugins, launch=launch, part=part)
    stored.keep(folder)
    return sum(part.takes(at) for at in range(len(plan.arms) * len(plan.seeds)))


def finalize(
    folder: str | os.PathLike[str], data: str | os.PathLike[str], *, command: str = ""
) -> document.Report:
    """Report on a comparison whose runs were carried out slice by slice.

    data: the records they were trained on. Raises Unfinished naming the runs that are missing,
    ValueError where the records are others.
    """
    own = stored.opened(folder)
    plan, _ = plans.read(own)
    if read_manifest(data).digest != plan.data:
        raise ValueError(f"{data} are not the records of this comparison ({plan.data_name})")
    runs = [(arm, seed) for seed in plan.seeds for arm in plan.arms]
    missing = [
        f"{arm.slug} seed {seed}"
        for arm, seed in runs
        if run_files.finished(own, plan, arm, seed) is None
    ]
    if missing:
        raise Unfinished(f"{len(missing)} of {len(runs)} runs are missing: {', '.join(missing)}")
    _diagnosis(plan, own, data)
    written = report_on(own, data, seeds=len(plan.seeds), command=command)
    return stored.keep_report(folder, written)


def report_on(
    folder: Path, data: str | os.PathLike[str], *, seeds: int, command: str
) -> document.Report:
    """Judge the finished runs of the first `seeds` seeds, and write pictures and report."""
    plan, deviations = plans.read(folder)
    found = _diagnosis(plan, folder, data)
    contrasts = results.judge(plan, results.gather(plan, folder, seeds))
    if main := next((c for c in contrasts if c.a.seeds and c.b.seeds), None):
        flips.write_sheet(main, data, folder / flips.SHEET)
    page = preview.sheet(
        [arm.spec for arm in plan.judged], preview.from_records(data, 3), size=plan.image_size
    )
    preview.write(page, [], folder / "preview.png")
    return document.write(
        plan,
        folder,
        command=command,
        changes=deviations,
        findings=found["findings"],
        passports=found["passports"],
        seeds=seeds,
        class_names=flips.class_names(data, plan.labels_offset),
    )


def _run(
    plan: plans.Plan,
    folder: storage.AnyPath,
    data: str | os.PathLike[str],
    jobs: int,
    plugins: Sequence[str],
    launch: arms.Launch | None,
) -> int:
    """Run up to each look; returns the seeds done.

    It stops where every contrast is decided, or would hardly be by the last look either.
    """
    count = len(plan.seeds)
    for look in sorted({*plan.looks, count}):
        part = dataclasses.replace(plan, seeds=plan.seeds[:look])
        arms.run_all(part, folder, data, jobs=jobs, plugins=plugins, launch=launch)
        own = stored.opened(folder)  # with what other machines have done
        contrasts = results.judge(plan, results.gather(plan, own, look))
        undecided = [c for c in contrasts if c.verdict.kind == "inconclusive"]
        if all(results.futile(plan, contrast) for contrast in undecided):
            return look
    return count


def _diagnosis(plan: plans.Plan, folder: Path, data: str | os.PathLike[str]) -> dict[str, Any]:
    """The arms' diagnosis, measured once."""
    path = folder / DIAGNOSIS
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text())
        return stored
    found = diagnosis.diagnose(
        [arm.spec for arm in plan.judged],
        None if plan.synthetic else data,
        recipe=recipes.from_dict(plan.recipe),
        image_size=plan.image_size,
        model=plan.model,
        images=32,
        range_test=False,
    )
    content: dict[str, Any] = {
        "findings": [dataclasses.asdict(one) for one in found.findings],
        "passports": found.passports,
    }
    write_json(path, document.finite(content))
    return content


def unit_scale(
    specs: Sequence[str], data: str | os.PathLike[str], image_size: int
) -> tuple[str, ...]:
    """Each spec with a `multiply` that brings its training images to root mean square 1."""
    pictures = sample.images(data, 64)
    found = []
    for spec in specs:
        pipeline = registry.get(spec)
        if "multiply" in pipeline.universal:
            raise ValueError(f"{spec} sets multiply itself; it cannot be matched in scale")
        rms = values.measure(pipeline, image_size, pictures).train_rms
        factor = float(f"{1 / rms:.3g}")
        matched = dataclasses.replace(
            pipeline, universal={**pipeline.universal, "multiply": factor}
        )
        found.append(matched.spec)
    return tuple(found)
