"""The whole comparison: plan, diagnosis, runs up to each look, report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from imagenet_tools import storage, terminal
from imagenet_tools.comparison import arms, diagnosed, run_files, stored, written
from imagenet_tools.comparison.plan import PRECISIONS, Plan
from imagenet_tools.comparison.plan_file import read_plan, with_margin
from imagenet_tools.comparison.prepare import prepare
from imagenet_tools.comparison.report import content, document, flips, gallery, provisional
from imagenet_tools.comparison.report.content import Report
from imagenet_tools.comparison.report.explanations import PREVIEW
from imagenet_tools.comparison.results import Judgement, judge
from imagenet_tools.comparison.run_result import finished
from imagenet_tools.diagnosis import preview
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import Missing
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.records.manifest import read_manifest


def compare_preproc(
    pipelines: Sequence[str | Pipeline],
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    profile: str = "quick",
    recipe: str | os.PathLike[str] | None = None,
    epochs: float | None = None,
    seeds: int | None = None,
    first_seed: int = 1,
    margin: float = 0.5,
    model: str = "alexnet_v2",
    image_size: int | None = None,
    matrix: bool = True,
    ten_crop: bool = False,
    match_scale: bool = False,
    attribute: bool = False,
    precision: str = PRECISIONS[0],
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    plugins: Sequence[str] = (),
    command: str = "",
) -> Report:
    """Train and evaluate a net under each pipeline, and say which one is better.

        imagenet_tools.compare_preproc(["alexnet", "inception"], data="records").sentences

    pipelines: two or more, by name or spec; the first is compared with every other. data: a folder
    of records with a train and a validation split (default: small synthetic images made in the
    folder, and the recipe demo). out: where runs and report are kept (default: runs/<a>-vs-<b>);
    what is finished there is not done again. profile: quick, screen, verdict or replicate-slim.
    recipe, epochs, seeds (runs an arm), image_size (pixels): in place of the profile's. first_seed:
    seeds are counted from it; a comparison after another takes new ones. margin: points of top-1
    within which a difference does not count. matrix: evaluate each run under the other arms' paths,
    too. ten_crop: and on ten crops. match_scale: multiply each arm's values so that their root mean
    square is 1. attribute: train every combination of two pipelines' parts. precision: of the
    products in training, float32 or bfloat16. jobs: runs at a time. engine: local, or ray with the
    address of a cluster. plugins: files that register pipelines, for the runs, which are processes
    of their own. command: shown in the report.
    Raises LookupError or ValueError for what is not known or cannot be, Unfinished naming the runs
    that failed, DamagedData for records or results that are not what they say they are.
    """
    prepared = prepare(
        pipelines, data, out, profile=profile, recipe=recipe, epochs=epochs, seeds=seeds,
        first_seed=first_seed, margin=margin, model=model, image_size=image_size, matrix=matrix,
        ten_crop=ten_crop, match_scale=match_scale, attribute=attribute, precision=precision,
    )  # fmt: skip
    with launched(engine, address, prepared.data, jobs, plugins) as how:
        return carry_out(*prepared, command=command, **how)


@contextlib.contextmanager
def launched(
    engine: str,
    address: str | None,
    data: str | os.PathLike[str],
    jobs: int | None,
    plugins: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """How runs are carried out on an engine, for arms.run_all: launch, jobs and plugins."""
    if engine == "local":
        yield {"jobs": jobs, "plugins": plugins}
        return
    from imagenet_tools.comparison import on_ray
    from imagenet_tools.engines import ray_cluster

    with ray_cluster.connected(address) as ray:
        launch, at_once = on_ray.launcher(ray, os.fspath(data), jobs, plugins)
        yield {"launch": launch, "jobs": at_once, "plugins": plugins}


def carry_out(
    plan: Plan,
    folder: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    command: str = "",
    **how: Any,
) -> Report:
    """Carry out a plan in a folder, and report; what is finished there is not done again.

    With looks the comparison stops at the first one at which every contrast is decided, or
    undecided with little hope. how: of arms.run_all.
    """
    place = stored.opened(folder)
    with stored.planned(plan, place, command):
        plan = read_plan(place)  # with the seeds of its first look, where it is extended
        stored.keep(folder)  # before the runs, which may be anywhere
        diagnose = partial(diagnosed.measured, plan, place, data)
        page = partial(provisional.write, plan, place, place / run_files.PAGE)
        for look in sorted({*plan.looks, len(plan.seeds)}):
            arms.run_all(plan, folder, data, seeds=look, meanwhile=diagnose, ended=page, **how)
            judgement = judge(plan, stored.opened(folder), look)  # with other machines' runs
            if judgement.futile:  # or all is decided
                break
            if look < len(plan.seeds) and not terminal.quiet():
                for one in judgement.contrasts:
                    seeds = f"Looked at after {look} of {len(plan.seeds)} seeds"
                    terminal.warn(f"{seeds}: {one.verdict.sentence}.")
        return _report(judgement, folder, data, command)


def run_slice(
    plan: Plan,
    folder: str | os.PathLike[str],
    data: str | os.PathLike[str],
    part: Slice,
    **how: Any,
) -> int:
    """Carry out one slice of a plan's runs, all seeds, and return their number.

    For array jobs: every task writes into the same folder, and `finalize` reports in the end. how:
    of arms.run_all.
    """
    place = stored.opened(folder)
    with stored.planned(plan, place):
        stored.keep(folder)
        arms.run_all(plan, folder, data, part=part, **how)
        stored.keep(folder)
    return sum(part.takes(at) for at in range(len(plan.runs())))


def finalize(
    folder: str | os.PathLike[str], data: str | os.PathLike[str], *, command: str = ""
) -> Report:
    """Report on a comparison whose runs were carried out slice by slice.

    data: the records they were trained on. Raises Missing naming the runs that are missing,
    ValueError where the records are others.
    """
    place = stored.opened(folder)
    plan = read_plan(place)
    if read_manifest(data).digest != plan.data:
        raise ValueError(f"{data} are not the records of this comparison ({plan.data_name})")
    missing = [
        f"{arm.slug} seed {seed}"
        for arm, seed in plan.runs()
        if finished(place, plan, arm, seed) is None
    ]
    if missing:
        raise Missing(
            f"{len(missing)} of {len(plan.runs())} runs are missing: {', '.join(missing)}; the "
            "compare-preproc command of the comparison, or of its slices, carries them out"
        )
    return _report(judge(plan, place), folder, data, command)


def report_again(
    folder: str | os.PathLike[str],
    *,
    margin: float | None = None,
    out: str | os.PathLike[str] | None = None,
    command: str = "",
) -> Report:
    """Judge the finished runs of a comparison anew, with another margin where one is given.

    out: where the report is written (default: in the comparison's folder, in place of the one that
    is there). A margin that is not the plan's is a deviation of that report, never of the plan.
    """
    place = stored.opened(folder)
    plan = read_plan(place)
    there = written.of_plan(place, plan)
    plan, changed = with_margin(plan, margin)
    report = content.make(
        judge(plan, place, len(there.seeds)),
        command="\n".join(filter(None, (there.command.partition("\n")[0], command))),
        changed=changed,
        diagnosis=diagnosed.kept(place),
        class_names=there.class_names,
    )
    target = place
    if out is not None:
        target = storage.staging(out)
        target.mkdir(parents=True, exist_ok=True)
        document.copy_pictures(place, target)
    document.write(report, target)
    return stored.keep_report(out or folder, report)


def _report(
    judgement: Judgement, folder: storage.AnyPath, data: str | os.PathLike[str], command: str
) -> Report:
    """Write the pictures and the report of a judgement, and keep them where the folder is."""
    plan, place = judgement.plan, judgement.folder
    names = flips.class_names(data, plan.labels_offset)
    if main := next((one for one in judgement.contrasts if one.judged), None):
        gallery.write(main, data, names, place)
    _write_preview(plan, data, place)
    diagnosis = diagnosed.measured(plan, place, data)
    report = content.make(judgement, command=command, diagnosis=diagnosis, class_names=names)
    document.write(report, place)
    return stored.keep_report(folder, report)


def _write_preview(plan: Plan, data: str | os.PathLike[str], place: Path) -> None:
    specs, photographs = [arm.spec for arm in plan.judged], preview.from_records(data, 3)
    preview.write(preview.sheet(specs, photographs, size=plan.image_size), [], place / PREVIEW)
