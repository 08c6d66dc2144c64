"""The report: report.json holds everything, report.md and report.html say the same in words."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_tools import __version__, registry
from imagenet_tools.comparison import attribution, results
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison.report import figures, flips, published, sections
from imagenet_tools.comparison.report.blocks import markdown, page
from imagenet_tools.comparison.results import ArmResults, Contrast
from imagenet_tools.storage.write import write_json

SCHEMA = 2  # of report.json; docs/comparison.md says what its fields mean


@dataclass(frozen=True)
class Report:
    """What was written: the folder, the data of report.json, and the sentence of each contrast."""

    folder: Path
    content: dict[str, Any]
    sentences: tuple[str, ...]
    kinds: tuple[str, ...]


def write(
    plan: plans.Plan,
    folder: Path,
    *,
    command: str,
    changes: Sequence[str] = (),
    findings: Sequence[dict[str, Any]] = (),
    passports: dict[str, dict[str, Any]] | None = None,
    seeds: int | None = None,
    class_names: Sequence[str] = (),
) -> Report:
    """Judge the finished runs and write report.json, report.md and report.html.

    findings and passports: of the diagnosis, shown where given. changes: deviations from the plan.
    seeds: how many of the plan's are judged (default: all). class_names: words by label.
    """
    arms = results.gather(plan, folder, seeds)
    contrasts = results.judge(plan, arms)
    drawn = figures.draw_all(plan, folder, arms, contrasts)
    content = as_content(plan, arms, contrasts, command, changes, findings, passports or {})
    content["class_names"] = list(class_names)
    content["classes"] = _class_content(contrasts, class_names)
    shown = sections.build_sections(plan, folder, arms, contrasts, drawn, content)
    write_json(folder / "report.json", content)
    title = " vs ".join(arm.spec for arm in plan.judged)
    (folder / "report.md").write_text(markdown(title, shown), encoding="utf-8")
    (folder / "report.html").write_text(page(title, shown, folder), encoding="utf-8")
    verdicts = [contrast.verdict for contrast in contrasts]
    return Report(
        folder, content, tuple(v.sentence for v in verdicts), tuple(v.kind for v in verdicts)
    )


def as_content(
    plan: plans.Plan,
    arms: list[ArmResults],
    contrasts: list[Contrast],
    command: str,
    changes: Sequence[str],
    findings: Sequence[dict[str, Any]],
    passports: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Everything that report.json holds."""
    return {
        "schema": SCHEMA,
        "tool": __version__,
        "command": command,
        "plan": plans.to_dict(plan),
        "seeds": list(plan.seeds[: _count(arms[0])]),
        "look": _look(plan, contrasts),
        "deviations": [*changes, *_diverged(arms), *_versions(arms)],
        "warnings": _at_chance(plan, arms),
        "arms": [_arm_content(arm) for arm in arms],
        "contrasts": [
            {"a": c.a.arm.slug, "b": c.b.arm.slug, **finite(dataclasses.asdict(c.verdict))}
            for c in contrasts
        ],
        "matrix": results.matrix(plan, arms),
        "effects": [results.effects(c.a, c.b) for c in contrasts],
        "attribution": _attribution(plan, arms),
        "findings": list(findings),
        "passports": passports,
        "published": published.content(plan),
        "versions": next((run["versions"] for arm in arms for run in arm.runs), {}),
    }


def _count(arm: ArmResults) -> int:
    return len(arm.seeds) + len(arm.diverged)


def _look(plan: plans.Plan, contrasts: list[Contrast]) -> str | None:
    """When the result was looked at, at which level, and why no more seeds were run."""
    if not plan.looks:
        return None
    text = (
        f"Looked at after {_count(contrasts[0].a)} of {len(plan.seeds)} planned seeds (looks after "
        f"{', '.join(map(str, plan.looks))}); at this one a difference counts where p is below "
        f"{contrasts[0].verdict.alpha:g}, so that all looks together err in 5 % of the cases."
    )
    if any(c.verdict.kind == "inconclusive" and results.futile(plan, c) for c in contrasts):
        text += (
            f" Stopped for futility: the chance that {len(plan.seeds)} seeds would decide what is "
            f"open is below {results.FUTILE:.0%}."
        )
    return text


def _versions(arms: list[ArmResults]) -> list[str]:
    """What runs were made with where it was not the same for all."""
    runs = [run["versions"] for arm in arms for run in arm.runs]
    found = []
    for name in runs[0] if runs else ():
        values = sorted({str(versions.get(name)) for versions in runs})
        if len(values) > 1:
            found.append(f"the runs were made with more than one {name}: {', '.join(values)}")
    return found


def _at_chance(plan: plans.Plan, arms: list[ArmResults]) -> list[str]:
    """Arms with runs that learned nothing: a difference from these is no fine one."""
    found = []
    for arm in arms:
        if stuck := arm.guessing(plan):
            found.append(
                f"{stuck} of {len(arm.seeds)} runs of {arm.arm.spec} guess: their top-1 is at the "
                f"chance of {plan.num_classes} classes, they learned nothing"
            )
    return found


def _diverged(arms: list[ArmResults]) -> list[str]:
    return [
        f"{len(arm.diverged)} of {_count(arm)} runs of {arm.arm.spec} "
        f"diverged (seeds {', '.join(map(str, arm.diverged))}) and are left out of the means"
        for arm in arms
        if arm.diverged
    ]


def finite(value: Any) -> Any:
    """JSON has no infinity: null in its place."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _arm_content(arm: ArmResults) -> dict[str, Any]:
    return {
        "slug": arm.arm.slug,
        "spec": arm.arm.spec,
        "fingerprint": arm.arm.fingerprint,
        "seeds": list(arm.seeds),
        "diverged": list(arm.diverged),
        "top1": [float(value) for value in arm.accuracy()],
        **{name: [float(v) for v in arm.metric(name)] for name in ("top5", "loss", "ece")},
        "training_loss": [run["training"]["final_loss"] for run in arm.runs],
        "images_per_second": [run["training"]["images_per_second"] for run in arm.runs],
        "training_seconds": [run["training"]["seconds"] for run in arm.runs],
        "evaluation_seconds": [
            sum(e["seconds"] for e in run["evaluations"].values()) for run in arm.runs
        ],
        "description": registry.get(arm.arm.spec).describe(),
    }


def _attribution(plan: plans.Plan, arms: list[ArmResults]) -> list[dict[str, Any]]:
    if not plan.attribute or not all(arm.seeds for arm in arms):
        return []
    shares = attribution.shares(plan.arms[0].spec, plan.arms[1].spec, arms)
    return [finite(dataclasses.asdict(share)) for share in shares]


def _class_content(contrasts: list[Contrast], names: Sequence[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for contrast in contrasts:
        if not (contrast.a.seeds and contrast.b.seeds):
            found.append({"changes": [], "only_a": [], "only_b": []})
            continue
        only_a, only_b = flips.flipped(contrast)
        changes = [
            {**dataclasses.asdict(c), "name": names[c.label] if c.label < len(names) else ""}
            for c in flips.class_changes(contrast)
        ]
        keys = [[str(contrast.a.key[i]) for i in indices] for indices in (only_a, only_b)]
        found.append({"changes": changes, "only_a": keys[0], "only_b": keys[1]})
    return found


def read(folder: Path) -> dict[str, Any]:
    """Read report.json."""
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content
