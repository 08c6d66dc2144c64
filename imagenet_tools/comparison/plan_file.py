"""plan.json: the plan of a comparison as it is written down, read back and held to."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_tools import registry
from imagenet_tools.comparison import looks
from imagenet_tools.comparison.plan import PRECISIONS, VERSION, Arm, Plan
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import order
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json
from imagenet_tools.training import recipes

PLAN = "plan.json"
FREE = ("seeds", "looks", "first")  # what may change in a plan that is there
_REMEDY = "remove it, and the same compare-preproc command goes on with the runs that are there"


def to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plan.json holds it, a pipeline by its spec."""
    fields = {one.name: getattr(plan, one.name) for one in dataclasses.fields(plan)}
    fields["arms"] = [
        {"slug": arm.slug, "spec": arm.spec, "fingerprint": arm.fingerprint} for arm in plan.arms
    ]
    fields["recipe"] = dataclasses.asdict(plan.recipe)
    content: dict[str, Any] = json.loads(json.dumps(fields))
    return content


def from_dict(content: Mapping[str, Any]) -> Plan:
    """Make a plan from what to_dict gave."""
    seeds = content["seeds"]
    if any(type(seed) is not int for seed in seeds) or len({*seeds}) < len(seeds):
        raise ValueError(f"a seed is there twice, or is no whole number: {seeds}")
    return Plan(
        **{
            "order": order.FORMER,
            **content,
            "arms": tuple(
                Arm(arm["slug"], registry.get(arm["spec"]), arm["fingerprint"])
                for arm in content["arms"]
            ),
            "recipe": recipes.from_dict(content["recipe"]),
            "seeds": tuple(seeds),
            "looks": tuple(int(look) for look in content["looks"]),
            "contrasts": tuple((str(a), str(b)) for a, b in content["contrasts"]),
        }
    )


def write_plan(plan: Plan, folder: Path) -> None:
    """Write plan.json, or check that the plan there is this one.

    Another number of seeds or other looks go on with the runs that are there, and are noted; the
    level of the plan's first seeds stays. Any other change is an error that says what differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PLAN
    wanted = to_dict(plan)
    if path.exists():
        there = json_file.read(path, _REMEDY)
        if changes := _differences(there, wanted):
            raise ValueError(
                f"{folder} holds a comparison of another plan ({'; '.join(changes[:3])}); "
                "choose another --out"
            )
        note = {name: there.get(name) for name in ("seeds", "looks")}
        if note == {name: wanted[name] for name in note}:
            return
        wanted["former"] = [*there.get("former", []), note]
        wanted["first"] = there.get("first")
    write_json(path, wanted)


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In what a plan differs from the one that is asked for, in words: "margin 0.5 -> 1"."""
    # The only precision, and the order, before they had names.
    there = {"precision": PRECISIONS[0], "order": order.FORMER, **there}
    if isinstance(recipe := there.get("recipe"), dict):
        there = {**there, "recipe": recipes.complete(recipe)}
    different = [n for n in wanted if there.get(n) != wanted[n] and n not in FREE]
    if "arms" in different:  # the contrasts follow from them
        different = [name for name in different if name != "contrasts"]
    differences = []
    for name in different:
        before, after = there.get(name), wanted[name]
        if name == "arms":
            differences.append(f"pipelines {_arms_in_words(before)} -> {_arms_in_words(after)}")
        elif name == "recipe" and isinstance(before, dict):
            fields = [field for field in after if before.get(field) != after[field]]
            differences += [f"{field} {before.get(field)} -> {after[field]}" for field in fields]
        elif name == "data":
            differences.append(f"other records, {str(before)[:8]} -> {after[:8]}")
        else:
            differences.append(f"{name} {before} -> {after}")
    return differences


def _arms_in_words(arms: Any) -> str:
    try:
        return ", ".join(f"{arm['spec']} ({arm['fingerprint']})" for arm in arms)
    except (TypeError, KeyError):
        return "none"


def read_plan(folder: str | os.PathLike[str]) -> tuple[Plan, list[str]]:
    """Read plan.json: the plan, and its changes since it was first written, in words.

    Raises FileNotFoundError where there is none, DamagedData where it cannot be one, LookupError
    for a pipeline that is not registered.
    """
    path = Path(folder) / PLAN
    if not path.exists():
        below = any(Path(folder).glob(f"*/{PLAN}"))
        hint = f"; `imgtools list-runs {folder}` lists those below it" if below else ""
        raise FileNotFoundError(f"{folder} holds no {PLAN}; it is no comparison{hint}")
    content = json_file.read(path, _REMEDY)
    former = content.pop("former", [])
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path} is of version {content.get('version')}; this imgtools reads {VERSION}"
        )
    try:
        plan = from_dict(content)
        stages = [*former, {"seeds": content["seeds"], "looks": content["looks"]}]
        changes = [
            f"planned with {_schedule(before)}, changed later to {_schedule(after)}; seeds that "
            "are added after a result was seen make errors of the first kind more frequent than 5 %"
            for before, after in itertools.pairwise(stages)
            if not _as_planned(plan, before, after)
        ]
    except json_file.SURPRISES as error:
        raise DamagedData(f"{path} is not as it was written ({error!r}); {_REMEDY}") from None
    except LookupError as error:
        raise LookupError(f"{path}: {error}") from None
    return plan, changes


def with_margin(plan: Plan, margin: float | None) -> tuple[Plan, list[str]]:
    """The plan with another margin, where one is given, and what that changes, in words."""
    if margin is None or margin == plan.margin:
        return plan, []
    changed = f"margin of {plan.margin:g} points changed to {margin:g} afterwards"
    return dataclasses.replace(plan, margin=margin), [changed]


def _as_planned(plan: Plan, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True where a change of seeds is an extension that the plan has levels for."""
    if plan.first is None or before["looks"] or after["looks"]:
        return False
    fewer, more = sorted((before["seeds"], after["seeds"]), key=len)
    within = plan.first <= len(fewer) and len(more) <= looks.MOST
    return within and list(more[: len(fewer)]) == list(fewer)


def _schedule(stage: Mapping[str, Any]) -> str:
    looks = f" and looks after {', '.join(map(str, stage['looks']))}" if stage["looks"] else ""
    return f"{len(stage['seeds'])} seeds an arm{looks}"
