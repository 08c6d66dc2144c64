"""Measure what pipelines do before anybody trains on them, and say what is wrong in plain words.

    for finding in diagnose(["alexnet", "inception"], "records").findings: ...

Nothing looks into a pipeline: patterns and photographs go in, and what comes out is measured. So a
plug-in is held to the same rules as a built-in.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from imagenet_tools import registry
from imagenet_tools.diagnosis import brief_training, probes, rules, sample, values
from imagenet_tools.diagnosis.finding import Finding
from imagenet_tools.diagnosis.label_findings import label_findings
from imagenet_tools.training import recipes


@dataclass(frozen=True)
class Diagnosis:
    """Findings, worst first, and what was measured of each pipeline.

    passports: spec -> {"train", "eval": what probes and photographs showed, "training": the brief
    training, None where it was left out}.
    """

    findings: tuple[Finding, ...]
    passports: dict[str, dict[str, Any]]


def diagnose(
    specs: Sequence[str],
    data: str | os.PathLike[str] | None = None,
    *,
    recipe: recipes.Recipe | str = "quick",
    image_size: int | None = None,
    model: str = "alexnet_v2",
    images: int = 64,
    train: bool = True,
    range_test: bool = True,
) -> Diagnosis:
    """Diagnose pipelines, alone and against each other.

    data: a folder of records (their labels are checked, too); synthetic images without one. train:
    also take some 20 training steps from the same start; range_test: and try a tenth and ten times
    the recipe's rate. Raises LookupError or ValueError for an unknown pipeline or recipe.
    """
    if isinstance(recipe, str):
        recipe = recipes.recipe(recipe)
    size = image_size or recipe.image_size
    pictures = sample.synthetic_images(images) if data is None else sample.images(data, images)
    found: list[Finding] = [] if data is None else list(label_findings(data))
    passports: dict[str, dict[str, Any]] = {}
    for spec in dict.fromkeys(registry.get(spec).spec for spec in specs):
        pipeline = registry.get(spec)
        seen = {
            mode: probes.probe(pipeline, size, is_training)
            for mode, is_training in (("train", True), ("eval", False))
        }
        measured = trained = None
        try:
            measured = values.measure(pipeline, size, pictures)
        except Exception as error:  # whatever a plug-in raises is a finding
            found.append(rules.failed(spec, error))
        found += rules.of_pipeline(spec, seen["train"], seen["eval"], measured)
        if train and model == "alexnet_v2" and measured and measured.finite:
            trained = brief_training.train_briefly(pipeline, recipe, size, pictures, range_test)
            found += rules.of_training(spec, trained)
        passports[spec] = {
            "train": asdict(seen["train"]),
            "eval": asdict(seen["eval"]),
            "values": None if measured is None else asdict(measured),
            "training": None if trained is None else asdict(trained),
        }
    found += rules.between(passports)
    order = {"fail": 0, "warning": 1, "note": 2}
    return Diagnosis(tuple(sorted(found, key=lambda one: order[one.severity])), passports)
