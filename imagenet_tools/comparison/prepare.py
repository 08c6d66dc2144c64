"""What a comparison needs before it begins: records, a folder, the pipelines and the plan."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imagenet_tools import storage
from imagenet_tools.comparison.plan import PROFILES, Plan, as_pipeline, make_plan
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.records.shards import check_sizes
from imagenet_tools.training import recipes, run_folder, schedule

# The embedded data set, images a class. After 40 steps of 32 alexnet is right on 64 % of five
# classes, on 25 % of ten. Of 400 validation images seeds deviate by 1.7 points, of 300 by 2.4, of
# 1,000, which take longer than they save in steps, by 1.5.
CLASSES, TRAIN, VALIDATION = 5, 100, 80


class Prepared(NamedTuple):
    """A comparison that can be carried out: its plan, where it is kept, and on which records."""

    plan: Plan
    folder: storage.AnyPath
    data: str | os.PathLike[str]


def prepare(
    pipelines: Sequence[str | Pipeline],
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    profile: str = "quick",
    recipe: str | os.PathLike[str] | None = None,
    epochs: float | None = None,
    image_size: int | None = None,
    match_scale: bool = False,
    **options: Any,
) -> Prepared:
    """Prepare a comparison; the arguments are those of compare.compare_preproc.

    Makes the embedded data set in the folder where `data` is None, and with match_scale looks at 64
    training images; nothing is trained. options: of make_plan.
    """
    if len(pipelines) < 2:
        raise ValueError("name two pipelines or more: imgtools compare-preproc A B")
    asked = [as_pipeline(one) for one in pipelines]
    name = "-vs-".join(re.sub("[:,]", "-", one.spec) for one in asked)
    folder = storage.place(out or f"runs/{name}")
    if not storage.is_remote(folder):
        run_folder.outside_records(Path(folder))
        if (Path(folder) / run_folder.RUN).exists():
            raise ValueError(f"{folder} holds a run of train; choose another --out")
    synthetic = data is None
    records = _synthetic_records(storage.staging(folder)) if data is None else data
    if synthetic:
        demo = recipes.recipe(recipes.DEMO)
        recipe, image_size = recipe or recipes.DEMO, image_size or demo.image_size
        epochs = demo.epochs if epochs is None else epochs
    if match_scale:
        size = image_size or recipes.recipe(recipe or PROFILES[profile].recipe).image_size
        asked = unit_scale(asked, records, size)
    changes = {} if epochs is None else {"epochs": epochs}
    chosen: dict[str, Any] = {"profile": profile, "recipe": recipe, "image_size": image_size}
    plan = make_plan(asked, records, changes=changes, synthetic=synthetic, **chosen, **options)
    check_sizes(records, "validation")  # which is read when the first run has been trained
    schedule.warn_if_repeated(plan.recipe.batch_size, plan.train_images)
    return Prepared(plan, folder, records)


def unit_scale(
    pipelines: Sequence[Pipeline], data: str | os.PathLike[str], image_size: int
) -> list[Pipeline]:
    """Each pipeline with a `multiply` that brings its training images to root mean square 1."""
    from imagenet_tools.diagnosis import sample, values

    pictures = sample.images(data, 64)
    arms = []
    for pipeline in pipelines:
        if "multiply" in pipeline.universal:
            raise ValueError(f"{pipeline.spec} sets multiply itself; it cannot be matched in scale")
        measured = values.measure(pipeline, image_size, pictures)
        if not measured.finite or not measured.train_rms:
            raise ValueError(f"{pipeline.spec} gives values that are not finite, or zeros alone")
        factor = float(f"{1 / measured.train_rms:.3g}")
        arms.append(
            dataclasses.replace(pipeline, universal={**pipeline.universal, "multiply": factor})
        )
    return arms


def _synthetic_records(folder: Path) -> str:
    """Make the embedded data set and build its records, once; those of an earlier imgtools stay."""
    from imagenet_tools import raw, records, synthetic

    images, built = folder / "synthetic-images", folder / "synthetic-records"
    if (built / records.NAME).exists():
        return str(built)
    synthetic.generate(
        images, classes=CLASSES, train_per_class=TRAIN, validation_per_class=VALIDATION
    )
    records.build(raw.detect(images, labels="folders"), built)
    return str(built)
