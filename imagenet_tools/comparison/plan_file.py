"""plan.json: the plan of a comparison as it is written down, read back and held to."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagenet_tools import registry
from imagenet_tools.comparison import looks
from imagenet_tools.comparison.plan import PRECISIONS, VERSION, Arm, Plan, Stage, join_plans
from imagenet_tools.comparison.run_files import RESULT
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import order
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json
from imagenet_tools.training import recipes

PLAN = "plan.json"
FREE = ("seeds", "looks", "first", "former", "joined")  # what may change in a plan that is there
_REMEDY = "remove it, and the same compare-preproc command goes on with the runs that are there"


def to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plan.json and each of its runs' results hold it, a pipeline by its spec."""
    fields = {one.name: getattr(plan, one.name) for one in dataclasses.fields(plan)}
    fields["arms"] = [
        {"slug": arm.slug, "spec": arm.spec, "fingerprint": arm.fingerprint} for arm in plan.arms
    ]
    fields["recipe"] = dataclasses.asdict(plan.recipe)
    fields["former"] = [stage._asdict() for stage in plan.former]
    fields["joined"] = [to_dict(one) for one in plan.joined]
    content: dict[str, Any] = json.loads(json.dumps(fields))
    return content


def from_dict(content: Mapping[str, Any], pipeline: Callable[[str], Any] = registry.get) -> Plan:
    """Make a plan from what to_dict gave; pipeline: makes one of its spec."""
    seeds = content["seeds"]
    if any(type(seed) is not int for seed in seeds) or len({*seeds}) < len(seeds):
        raise ValueError(f"a seed is there twice, or is no whole number: {seeds}")
    return Plan(
        **{
            "order": order.FORMER,
            **content,
            "arms": tuple(
                Arm(arm["slug"], pipeline(arm["spec"]), arm["fingerprint"])
                for arm in content["arms"]
            ),
            "recipe": recipes.from_dict(content["recipe"]),
            "seeds": tuple(seeds),
            "looks": tuple(int(look) for look in content["looks"]),
            "contrasts": tuple((str(a), str(b)) for a, b in content["contrasts"]),
            "former": tuple(
                Stage(tuple(one["seeds"]), tuple(one["looks"])) for one in content.get("former", ())
            ),
            "joined": tuple(from_dict(one, pipeline) for one in content.get("joined", ())),
        }
    )


def write_plan(plan: Plan, folder: Path) -> None:
    """Write plan.json, or check that the plan there is this one.

    Where the file is gone, the plan that is there is the runs', but of comparisons that are joined,
    whose runs have each that of its own. Another number of seeds or other looks go on with the runs
    that are there, and are noted; the level of the plan's first seeds stays. Any other change is an
    error that says what differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PLAN
    wanted = to_dict(plan)
    if path.exists():
        there: dict[str, Any] | None = json_file.read(path, _REMEDY)
    else:
        there = None if plan.joined else _of_runs(folder)
    if there is not None:
        if changes := differences(there, wanted):
            raise ValueError(
                f"{folder} holds a comparison of another plan ({'; '.join(changes[:3])}); "
                "choose another --out"
            )
        former, stage = there.get("former", []), _stage(there)
        if stage == _stage(wanted) and path.exists():
            return
        wanted["former"] = former if stage == _stage(wanted) else [*former, stage]
        wanted["first"] = there.get("first")
    write_json(path, wanted)


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In what a plan differs from the one that is asked for, in words: "margin 0.5 -> 1"."""
    # The only precision, and the order, before they had names.
    there = {"precision": PRECISIONS[0], "order": order.FORMER, **there}
    if isinstance(recipe := there.get("recipe"), dict):
        there = {**there, "recipe": recipes.complete(recipe)}
    different = [n for n in wanted if there.get(n) != wanted[n] and n not in FREE]
    if "arms" in different:  # the contrasts follow from them
        different = [name for name in different if name != "contrasts"]
    said = []
    for name in different:
        before, after = there.get(name), wanted[name]
        if name == "arms":
            said.append(f"pipelines {_arms_in_words(before)} -> {_arms_in_words(after)}")
        elif name == "recipe" and isinstance(before, dict):
            fields = [field for field in after if before.get(field) != after[field]]
            said += [f"{field} {before.get(field)} -> {after[field]}" for field in fields]
        elif name == "data":
            said.append(f"other records, {str(before)[:8]} -> {str(after)[:8]}")
        else:
            said.append(f"{name} {before} -> {after}")
    return said


def _arms_in_words(arms: Any) -> str:
    try:
        return ", ".join(f"{arm['spec']} ({arm['fingerprint']})" for arm in arms)
    except (TypeError, KeyError):
        return "none"


def _stage(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plan.get(name) for name in Stage._fields}


class Named(NamedTuple):
    """A pipeline of which nothing but its spec is wanted, and which need not be there."""

    spec: str


def read_plan(
    folder: str | os.PathLike[str], pipeline: Callable[[str], Any] = registry.get
) -> Plan:
    """Read plan.json; pipeline: see from_dict, Named takes no TensorFlow.

    Raises FileNotFoundError where there is none, DamagedData where it cannot be one or is not the
    plan that runs beside it were made under, LookupError for a pipeline that is not registered.
    """
    path = Path(folder) / PLAN
    if not path.exists():
        below = any(Path(folder).glob(f"*/{PLAN}"))
        hint = f"; `imgtools list-runs {folder}` lists those below it" if below else ""
        raise FileNotFoundError(f"{folder} holds no {PLAN}; it is no comparison{hint}")
    content = json_file.read(path, _REMEDY)
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path} is of version {content.get('version')}; this imgtools reads {VERSION}"
        )
    try:
        with json_file.as_written(path, _REMEDY):
            plan = from_dict(content, pipeline)
            changes(plan)  # its stages, too, can be read
    except LookupError as error:
        raise LookupError(f"{path}: {error}") from None
    _refuse_edited(plan, path)
    return plan


def _refuse_edited(plan: Plan, path: Path) -> None:
    """DamagedData naming in what a plan is not the one that its runs were made under, or, of
    comparisons that were joined, not the one that theirs give."""
    now = to_dict(plan)
    known = [*_with_joined(now)]
    made = [(file, known, one) for file, one in _plans_of_runs(path.parent)]
    again = "the same compare-preproc command"
    if plan.joined:
        again = f"compare-runs of the folders that it joins, with --out {path.parent},"
        made.append((path, [now], to_dict(join_plans(plan.joined))))
    for file, plans, one in made:
        edits = [_edited(one, other) for other in plans]
        if all(edits):
            raise DamagedData(
                f"{path} is not the plan that {file} was made under "
                f"({'; '.join(min(edits, key=len)[:3])}): one of them was altered. Put it back, or "
                f"remove it, and {again} writes it again; another margin is for compare-runs "
                "--margin, more seeds for compare-preproc --seeds"
            )


def _with_joined(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for one in plan["joined"]:
        yield from _with_joined(one)


def _edited(made: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What no command changed of the plan that a run was made under, in words."""
    said = differences(made, now)
    if _stage(made) not in [*now["former"], _stage(now)]:
        said += [f"{n} {made.get(n)} -> {now[n]}" for n in Stage._fields if made.get(n) != now[n]]
    if made.get("first") != now["first"]:
        said.append(f"first {made.get('first')} -> {now['first']}")
    return said


def _plans_of_runs(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The plan that each finished run was made under, as its result has it; of results without
    one, and of those that cannot be read, nothing."""
    for file in sorted(folder.glob(f"*/seed-*/{RESULT}")):
        with contextlib.suppress(OSError, DamagedData):
            plan = json_file.read(file).get("plan")
            if isinstance(plan, dict) and isinstance(plan.get("former"), list):
                yield file, plan


def _of_runs(folder: Path) -> dict[str, Any] | None:
    """The plan that the last runs of a folder were made under, where they say it."""
    plans = [plan for _, plan in _plans_of_runs(folder)]
    return max(plans, key=lambda one: len(one["former"]), default=None)


def with_margin(plan: Plan, margin: float | None) -> tuple[Plan, list[str]]:
    """The plan with another margin, where one is given, and what that changes, in words."""
    if margin is None or margin == plan.margin:
        return plan, []
    changed = f"margin of {plan.margin:g} points changed to {margin:g} afterwards"
    return dataclasses.replace(plan, margin=margin), [changed]


def changes(plan: Plan) -> list[str]:
    """The plan's changes since it was first written that it has no levels for, in words."""
    own = [
        f"planned with {_schedule(before)}, changed later to {_schedule(after)}; seeds that "
        "are added after a result was seen make errors of the first kind more frequent than 5 %"
        for before, after in itertools.pairwise(plan.stages)
        if not _as_planned(plan, before, after)
    ]
    for one in plan.joined:
        of_one = changes(one)
        if one.margin != plan.joined[0].margin:
            of_one.append(f"planned with a margin of {one.margin:g} points, not judged with it")
        own += [f"{' vs '.join(arm.spec for arm in one.judged)}: {said}" for said in of_one]
    return own


def _as_planned(plan: Plan, before: Stage, after: Stage) -> bool:
    """True where a change of seeds is an extension that the plan has levels for."""
    if plan.first is None or before.looks or after.looks:
        return False
    fewer, more = sorted((before.seeds, after.seeds), key=len)
    within = plan.first <= len(fewer) and len(more) <= looks.MOST
    return within and more[: len(fewer)] == fewer


def _schedule(stage: Stage) -> str:
    after = f" and looks after {', '.join(map(str, stage.looks))}" if stage.looks else ""
    return f"{len(stage.seeds)} seeds an arm{after}"
