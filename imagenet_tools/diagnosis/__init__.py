"""Measure what pipelines do before anybody trains on them, and say what is wrong in plain words.

    for finding in diagnose(["alexnet", "inception"], "records").findings: ...

Nothing looks into a pipeline: patterns and photographs go in, and what comes out is measured. So a
plug-in is held to the same rules as a built-in. A rule is a function under @rule (finding.py).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imagenet_tools import nets, registry
from imagenet_tools.diagnosis import brief_training, probes, rules, sample, values
from imagenet_tools.diagnosis.finding import RULES, SEVERITIES, Finding, muted
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.training import recipes

__all__ = ["Diagnosis", "Finding", "Passport", "diagnose", "judge", "measure", "rules"]


@dataclass(frozen=True)
class Diagnosis:
    """Findings, worst first, and what was measured of each pipeline, by spec.

    muted: findings of rules that were asked not to speak.
    """

    findings: tuple[Finding, ...]
    passports: dict[str, Passport]
    muted: tuple[Finding, ...] = ()


def diagnose(
    specs: Sequence[str],
    data: str | os.PathLike[str] | None = None,
    *,
    recipe: recipes.Recipe | str = "quick",
    image_size: int | None = None,
    model: str = nets.DEFAULT,
    images: int = 64,
    train: bool = True,
    range_test: bool = True,
    mute: Sequence[str] = (),
) -> Diagnosis:
    """Diagnose pipelines, alone and against each other.

    data: a folder of records (their labels are checked, too); synthetic images without one. train:
    also take some 20 training steps from the same start; range_test: and try a tenth and ten times
    the recipe's rate. mute: codes or names of rules whose findings are set aside. Raises
    LookupError or ValueError for an unknown pipeline, recipe or rule.
    """
    quiet = muted(mute)
    if isinstance(recipe, str):
        recipe = recipes.recipe(recipe)
    size = image_size or recipe.image_size
    pictures = sample.synthetic_images(images) if data is None else sample.images(data, images)
    passports: dict[str, Passport] = {}
    for spec in dict.fromkeys(registry.get(spec).spec for spec in specs):
        pipeline = registry.get(spec)
        passports[spec] = measure(pipeline, size, pictures)
        seen = passports[spec].values
        if train and seen and seen.finite:
            brief = brief_training.train_briefly(
                pipeline, recipe, size, pictures, range_test, model
            )
            passports[spec] = dataclasses.replace(passports[spec], training=brief)
    findings = judge(passports, data)
    loud = tuple(one for one in findings if one.code not in quiet)
    return Diagnosis(loud, passports, tuple(one for one in findings if one.code in quiet))


def measure(pipeline: Pipeline, size: int, pictures: Sequence[sample.Picture]) -> Passport:
    """The passport of a pipeline, without the brief training."""
    still = pipeline.at_rest()  # what moves pixels on purpose is no fault of the geometry
    train, look = (probes.probe(still, size, mode) for mode in (True, False))
    measured = failed = None
    try:
        measured = values.measure(pipeline, size, pictures)
    except Exception as error:  # whatever a plug-in raises is a finding
        failed = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return Passport(pipeline.spec, size, train, look, measured, failed=failed)


def judge(
    passports: dict[str, Passport], data: str | os.PathLike[str] | None = None
) -> list[Finding]:
    """What every rule says of passports, and of the records where they are given; worst first."""

    def all_of_them() -> Iterable[Finding]:
        for rule in RULES.values():
            if rule.subject == "data" and data is not None:
                yield from rule.findings(data, "data")
            elif rule.subject == "arms":
                yield from rule.findings(passports, "all")
            elif rule.subject == "pipeline":
                for spec, passport in passports.items():
                    yield from rule.findings(passport, spec)

    return sorted(all_of_them(), key=lambda one: (SEVERITIES.index(one.severity), one.code))
