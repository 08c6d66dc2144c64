"""What a report says, before it is a page: one judgement and what explains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools import version
from imagenet_tools.comparison import attribution, looks, ranking, results, run_files
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.attribution import Share
from imagenet_tools.comparison.plan import Plan
from imagenet_tools.comparison.plan_file import changes, to_dict
from imagenet_tools.comparison.ranking import Ranking
from imagenet_tools.comparison.report import flips, published
from imagenet_tools.comparison.report.flips import Turned
from imagenet_tools.comparison.report.published import Published
from imagenet_tools.comparison.results import Judgement
from imagenet_tools.comparison.written import SCHEMA
from imagenet_tools.diagnosis import Diagnosis
from imagenet_tools.storage import json_file


@dataclass(frozen=True, repr=False)
class Report:
    """A report: the judgement, and what stands beside it.

    folder: where it is kept.
    look: when the result was looked at (None without looks).
    attribution: of the first contrast, where it was asked for.
    effects: of training and evaluation, by contrast; empty where arms were not evaluated under each
        other's paths.
    ranking: of three arms or more.
    turned: which classes and images, by contrast.
    class_names: words by label.
    published: the run that replicate-slim repeats.
    """

    folder: Path
    command: str
    judgement: Judgement
    look: str | None
    deviations: tuple[str, ...]
    warnings: tuple[str, ...]
    attribution: tuple[Share, ...]
    effects: tuple[tuple[Share, ...], ...]
    ranking: Ranking | None
    turned: tuple[Turned, ...]
    diagnosis: Diagnosis
    class_names: tuple[str, ...]
    published: Published | None

    def __repr__(self) -> str:
        """The verdicts and where the page is; every run's predictions are in here, too."""
        return "\n".join([*self.sentences, f"{self.folder / run_files.PAGE}"])

    @property
    def plan(self) -> Plan:
        return self.judgement.plan

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict on each contrast, in words."""
        return tuple(one.verdict.sentence for one in self.judgement.contrasts)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The verdict on each contrast: A better, B better, equivalent or inconclusive."""
        return tuple(one.verdict.kind for one in self.judgement.contrasts)

    @property
    def versions(self) -> dict[str, str]:
        """What the first run was made with; another run's that differ are a deviation."""
        return next((dict(run.versions) for arm in self.judgement.arms for run in arm.runs), {})

    def as_json(self) -> dict[str, Any]:
        """Everything that report.json holds; null for what has no bound or no value."""
        content = {
            "schema": SCHEMA,
            "tool": version.installed(),
            "command": self.command,
            "plan": to_dict(self.plan),
            "seeds": self.judgement.seeds,
            "look": self.look,
            "deviations": self.deviations,
            "warnings": self.warnings,
            "arms": [_arm_as_json(arm) for arm in self.judgement.arms],
            "contrasts": [
                {"a": one.a.slug, "b": one.b.slug, **vars(one.verdict)}
                for one in self.judgement.contrasts
            ],
            "matrix": self.judgement.matrix,
            "effects": self.effects,
            "attribution": self.attribution,
            "ranking": self.ranking and self.ranking.as_json(),
            "findings": self.diagnosis.findings,
            "passports": self.diagnosis.passports,
            "published": self.published,
            "versions": self.versions,
            "class_names": self.class_names,
            "classes": self.turned,
        }
        as_json: dict[str, Any] = json_file.finite(content)
        return as_json


def make(
    judgement: Judgement,
    *,
    command: str = "",
    changed: Sequence[str] = (),
    diagnosis: Diagnosis | None = None,
    class_names: Sequence[str] = (),
) -> Report:
    """Put together what a report says.

    changed: deviations that the plan does not know. class_names: words by label, as the net counts
    them.
    """
    plan, arms = judgement.plan, judgement.arms
    attributed = plan.attribute and all(arm.seeds for arm in arms)
    a, b = (arm.spec for arm in plan.arms[:2])
    return Report(
        folder=judgement.folder,
        command=command,
        judgement=judgement,
        look=_look(judgement),
        deviations=(*changes(plan), *changed, *_deviations(plan, arms)),
        warnings=tuple(_warnings(plan, arms)),
        attribution=tuple(attribution.shares(a, b, arms) if attributed else ()),
        effects=tuple(tuple(attribution.effects(one)) for one in judgement.contrasts),
        ranking=ranking.ranking(judgement),
        turned=tuple(flips.turned(one, class_names) for one in judgement.contrasts),
        diagnosis=diagnosis or Diagnosis((), {}),
        class_names=tuple(class_names),
        published=published.beside(plan),
    )


def _look(judgement: Judgement) -> str | None:
    """When the result was looked at, at which level, and why no more seeds were run."""
    plan, seeds = judgement.plan, len(judgement.seeds)
    counts = f"a difference counts where p is below {judgement.alpha:g}, so that"
    if plan.first is not None and seeds <= looks.MOST:
        return (
            f"Planned with {plan.first} seeds an arm, to be extended to {looks.MOST} at most. At "
            f"{seeds} {counts} looks at every number of seeds together err in 5 % of the cases."
        )
    if not plan.looks:
        return None
    text = (
        f"Looked at after {seeds} of {len(plan.seeds)} planned seeds (looks after "
        f"{', '.join(map(str, plan.looks))}); at this one {counts} all looks together err in 5 % "
        "of the cases."
    )
    undecided = any(one.verdict.kind == "inconclusive" for one in judgement.contrasts)
    if undecided and judgement.futile and seeds < len(plan.seeds):
        text += (
            f" Stopped for futility: the chance that {len(plan.seeds)} seeds would decide what is "
            f"open is below {results.FUTILE:.0%}."
        )
    return text


def _deviations(plan: Plan, arms: Sequence[ArmResults]) -> Iterator[str]:
    """Pipelines that were edited since, runs that diverged, versions that were mixed."""
    for arm in plan.arms:
        if arm.changed:
            yield (
                f"{arm.spec} is no longer the pipeline that was run (fingerprint "
                f"{arm.fingerprint}, now {arm.pipeline.fingerprint}); what is said of its steps is "
                "of the one now"
            )
    for one in arms:
        if one.diverged:
            yield (
                f"{len(one.diverged)} of {one.planned} runs of {one.spec} diverged (seeds "
                f"{', '.join(map(str, one.diverged))}) and are left out of the means: "
                f"{one.failures[0]}"
            )
    runs = [run.versions for one in arms for run in one.runs]
    for name in runs[0] if runs else ():
        values = sorted({str(versions.get(name)) for versions in runs})
        if len(values) > 1:
            yield f"the runs were made with more than one {name}: {', '.join(values)}"


def _warnings(plan: Plan, arms: Sequence[ArmResults]) -> Iterator[str]:
    """Runs that learned nothing, and those that hold the plan to nothing."""
    for arm in arms:
        if stuck := arm.guessing(plan):
            yield (
                f"{stuck} of {len(arm.seeds)} runs of {arm.spec} guess: their top-1 is at the "
                f"chance of {len(np.unique(arm.label)):,} classes, they learned nothing"
            )
    runs = [run for arm in arms for run in arm.runs]
    if unheld := sum(run.plan is None for run in runs):
        yield (
            f"{unheld} of {len(runs)} results do not say under which plan they were made, as those "
            "of an earlier imgtools: that plan.json is as it was then is not checked"
        )


def mean_sd(values: np.ndarray, digits: int = 2, between: str = " ± ") -> str:
    """Mean and standard deviation over seeds; a dash where a value is missing or not finite."""
    if not len(values) or not np.isfinite(values).all():
        return "–"
    mean = f"{values.mean():.{digits}f}"
    return mean if len(values) < 2 else f"{mean}{between}{values.std(ddof=1):.{digits}f}"


def _arm_as_json(arm: ArmResults) -> dict[str, Any]:
    return {
        "slug": arm.slug,
        "spec": arm.spec,
        "fingerprint": arm.arm.fingerprint,
        "seeds": arm.seeds,
        "diverged": arm.diverged,
        "failures": arm.failures,
        "top1": arm.accuracy().tolist(),
        **{name: arm.metric(name).tolist() for name in ("top5", "loss", "ece")},
        "training_images": {name: arm.on_training(name).tolist() for name in ("n", "top1", "loss")},
        "images_per_second": [run.training.images_per_second for run in arm.runs],
        "training_seconds": [run.training.seconds for run in arm.runs],
        "evaluation_seconds": [run.evaluation_seconds for run in arm.runs],
        "description": arm.arm.pipeline.describe(),
    }
