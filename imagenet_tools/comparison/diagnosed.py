"""The diagnosis of a comparison's arms: measured once, while the first runs train, and kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imagenet_tools import diagnosis
from imagenet_tools.comparison.plan import Plan
from imagenet_tools.diagnosis import Diagnosis
from imagenet_tools.diagnosis.finding import Finding
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json

FILE = "diagnosis.json"
VERSION = 10  # 1 had findings without a rule, 3 curves by rounding alone; others other passports
IMAGES = 32
_REMEDY = "remove it, and it is measured again"


def measured(plan: Plan, folder: Path, data: str | os.PathLike[str]) -> Diagnosis:
    """The arms' diagnosis: what is kept in the folder, else measured and kept there."""
    if (there := kept(folder)) is not None:
        return there
    diagnosed = diagnosis.diagnose(
        [arm.spec for arm in plan.judged],
        None if plan.synthetic else data,
        recipe=plan.recipe,
        image_size=plan.image_size,
        model=plan.model,
        images=IMAGES,
        range_test=False,
    )
    findings = [vars(one) for one in diagnosed.findings]
    passports = {spec: one.as_json() for spec, one in diagnosed.passports.items()}
    content = {"version": VERSION, "findings": findings, "passports": passports}
    write_json(folder / FILE, content)
    return kept(folder) or diagnosed


def kept(folder: Path) -> Diagnosis | None:
    """What `measured` kept in the folder; None where there is nothing, or another version's."""
    path = folder / FILE
    if not path.exists():
        return None
    content = json_file.read(path, _REMEDY)
    with json_file.as_written(path, _REMEDY):
        if content.get("version") != VERSION:
            return None
        findings = json_file.as_type(content["findings"], tuple[Finding, ...])
        passports = json_file.as_type(content["passports"], dict[str, Passport])
        return Diagnosis(findings, passports)


def joined(folders: Sequence[Path]) -> Diagnosis:
    """What several folders keep as one; an arm that several have is taken from the first."""
    diagnoses = [one for folder in folders if (one := kept(folder)) is not None]
    findings = dict.fromkeys(one for diagnosed in diagnoses for one in diagnosed.findings)
    passports = {
        spec: measured
        for diagnosed in reversed(diagnoses)
        for spec, measured in diagnosed.passports.items()
    }
    return Diagnosis(tuple(findings), passports)
