"""The plan of a comparison: decided and written down before the first step."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_tools import registry, storage
from imagenet_tools.comparison import looks
from imagenet_tools.pipelines.crosses import combinations
from imagenet_tools.records.manifest import read_manifest
from imagenet_tools.storage.write import write_json
from imagenet_tools.training import recipes

FILE = "plan.json"
PLAN_VERSION = 1
COMMON = "alexnet.geometry+{}.colour"  # shorter side 256/224 of the output, aspect kept, centre


@dataclass(frozen=True)
class Profile:
    """A named protocol: which recipe, how many seeds, and when the result is looked at."""

    recipe: str
    seeds: int
    looks: tuple[int, ...] = ()
    changes: tuple[tuple[str, Any], ...] = ()


PROFILES = {
    # Minutes on a CPU: the 96 px proxy.
    "quick": Profile("quick", 3),
    # 100 classes or fewer, 60 epochs: finds effects above two points.
    "screen": Profile("alexnet", 3, changes=(("epochs", 60.0),)),
    # Full data at 224 px; looked at after 3, 5 and 8 seeds.
    "verdict": Profile("alexnet", 8, looks=(3, 5, 8)),
    # The published run: batch 32, RMSProp, 226 epochs.
    "replicate-slim": Profile("slim", 3),
}


@dataclass(frozen=True)
class Arm:
    """One pipeline under test. slug: its folder's name."""

    slug: str
    spec: str
    fingerprint: str


@dataclass(frozen=True)
class Plan:
    """What is compared, on what, how often, and what counts as a difference.

    margin in points of top-1. seeds: one run an arm and seed. looks: numbers of seeds after which
    the result may be judged (empty: once, at the end). contrasts: pairs of arm slugs judged.
    """

    arms: tuple[Arm, ...]
    recipe: dict[str, Any]
    model: str
    image_size: int
    seeds: tuple[int, ...]
    margin: float
    looks: tuple[int, ...]
    contrasts: tuple[tuple[str, str], ...]
    data: str
    data_name: str
    synthetic: bool
    train_images: int
    validation_images: int
    num_classes: int
    profile: str
    labels_offset: int = 0
    matrix: bool = True
    ten_crop: bool = False
    attribute: bool = False
    version: int = PLAN_VERSION

    def __post_init__(self) -> None:
        if len(self.arms) < 2:
            raise ValueError("a comparison needs two arms or more")
        if not self.margin > 0:
            raise ValueError(f"margin is {self.margin} points; it must be above 0")
        if not self.seeds:
            raise ValueError("a comparison needs one seed or more")
        if unknown := set(self.looks) - set(looks.LOOKS):
            raise ValueError(
                f"looks at {sorted(unknown)} seeds have no calibrated level; use some of "
                f"{', '.join(map(str, looks.LOOKS))}"
            )

    @property
    def steps(self) -> int:
        """Training steps of one run."""
        recipe = recipes.from_dict(self.recipe)
        return max(1, round(recipe.epochs * self.train_images / recipe.batch_size))

    @property
    def judged(self) -> tuple[Arm, ...]:
        """The arms that are asked about; an attribution's combinations only serve to answer."""
        named = {slug for pair in self.contrasts for slug in pair}
        return tuple(arm for arm in self.arms if arm.slug in named)

    @property
    def images_trained(self) -> int:
        """Training images that go through the net in all runs, at most: looks may end earlier."""
        return len(self.arms) * len(self.seeds) * self.steps * int(self.recipe["batch_size"])

    def cpu_hours(self) -> float:
        """About how long the training takes on two CPU cores, from speeds measured on such."""
        return self.images_trained / cpu_speed(self.image_size) / 3600

    def arm(self, slug: str) -> Arm:
        return next(arm for arm in self.arms if arm.slug == slug)


def cpu_speed(image_size: int) -> float:
    """Images/s that alexnet_v2 trains on two cores, input included: 470 at 96 px, 101 at 224 px."""
    return float(470 * (96 / image_size) ** 1.81)


GPU_SPEED = 3_000  # images/s: what a GPU trains where the input keeps up


def hours(images: float, speed: float) -> str:
    """How long so many images take at a speed in images/s, in words."""
    found = images / speed / 3600
    if found < 1:
        return f"{60 * found:.0f} minutes"
    return f"{found:.1f} hours" if found < 48 else f"{found / 24:,.1f} days"


def cost(images: float, image_size: int) -> str:
    """What training on so many images costs in all, in words."""
    cpu = cpu_speed(image_size)
    return (
        f"{hours(images, cpu)} on 2 CPU cores ({cpu:.0f} images/s at {image_size} px), "
        f"{hours(images, GPU_SPEED)} where a GPU trains {GPU_SPEED:,} images/s"
    )


def make(
    specs: tuple[str, ...],
    data: str | os.PathLike[str],
    *,
    profile: str = "quick",
    recipe: str | os.PathLike[str] | None = None,
    changes: dict[str, Any] | None = None,
    seeds: int | None = None,
    margin: float = 0.5,
    model: str = "alexnet_v2",
    image_size: int | None = None,
    synthetic: bool = False,
    matrix: bool = True,
    ten_crop: bool = False,
    attribute: bool = False,
) -> Plan:
    """Make the plan for these pipelines on a folder of records.

    The first pipeline is compared with each other one. Naming a pipeline twice compares it with
    itself under other seeds (A/A): a self-check. ten_crop: evaluate each run so, too. attribute:
    train every combination of the two pipelines' parts.
    """
    if profile not in PROFILES:
        raise LookupError(f"unknown profile {profile!r}; known: {', '.join(PROFILES)}")
    chosen = PROFILES[profile]
    settings = {**dict(chosen.changes), **(changes or {})}
    used = recipes.recipe(recipe or chosen.recipe, **settings)
    manifest = read_manifest(data)
    for split in ("train", "validation"):
        if split not in manifest.splits:
            raise ValueError(f"{data} has no {split} split; a comparison needs both")
    if attribute:
        if len(specs) != 2:
            raise ValueError(f"--attribute takes two pipelines, not {len(specs)}")
        crosses = combinations(registry.get(specs[0]), registry.get(specs[1]))
        arms = _arms((*specs, *(one.spec for one in crosses)))
    else:
        arms = _arms(specs)
    count = seeds or chosen.seeds
    return Plan(
        arms=arms,
        recipe=dataclasses.asdict(used),
        model=model,
        image_size=image_size or used.image_size,
        seeds=tuple(range(1, count + 1)),
        margin=margin,
        looks=tuple(look for look in chosen.looks if look <= count) if seeds is None else (),
        contrasts=tuple((arms[0].slug, other.slug) for other in arms[1 : len(specs)]),
        data=manifest.digest,
        data_name="synthetic images made by imgtools" if synthetic else storage.place(data).name,
        synthetic=synthetic,
        train_images=manifest.splits["train"].records,
        validation_images=manifest.splits["validation"].records,
        num_classes=manifest.num_classes,
        profile=profile,
        matrix=matrix and not attribute,
        ten_crop=ten_crop,
        attribute=attribute,
    )


def _arms(specs: tuple[str, ...]) -> tuple[Arm, ...]:
    arms: list[Arm] = []
    for spec in specs:
        pipeline = registry.get(spec)
        slug = "".join(c if c.isalnum() or c in "._=" else "-" for c in pipeline.spec)
        taken = {arm.slug for arm in arms}
        if slug in taken:
            slug = next(f"{slug}-{n}" for n in range(2, 99) if f"{slug}-{n}" not in taken)
        arms.append(Arm(slug, pipeline.spec, pipeline.fingerprint))
    return tuple(arms)


def run_seed(plan: Plan, arm: Arm, seed: int) -> int:
    """The seed of a run. Arms share it, so that they share start, order and common draws; an arm
    that repeats another's pipeline (A/A) gets seeds of its own, or its runs would be equal."""
    twins = [other for other in plan.arms if other.fingerprint == arm.fingerprint]
    return seed + 1000 * twins.index(arm)


def to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plan.json holds it."""
    content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(plan)))
    return content


def from_dict(content: dict[str, Any]) -> Plan:
    """Make a plan from what to_dict gave."""
    if content.get("version") != PLAN_VERSION:
        raise ValueError(
            f"plan version {content.get('version')}; this imgtools reads {PLAN_VERSION}"
        )
    arms = tuple(Arm(**arm) for arm in content["arms"])
    contrasts = tuple((a, b) for a, b in content["contrasts"])
    lists = {name: tuple(content[name]) for name in ("seeds", "looks")}
    return Plan(**{**content, **lists, "arms": arms, "contrasts": contrasts})


def write(plan: Plan, folder: Path) -> None:
    """Write plan.json, or check that the plan there is this one.

    Another number of seeds or other looks go on with the runs that are there, and are noted; any
    other change is an error that says what differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    wanted = to_dict(plan)
    if path.exists():
        there = json.loads(path.read_text())
        different = [n for n in wanted if there.get(n) != wanted[n] and n not in ("seeds", "looks")]
        if different:
            changes = "; ".join(f"{n}: {there.get(n)!r} -> {wanted[n]!r}" for n in different[:2])
            raise ValueError(
                f"{folder} holds a comparison of another plan ({changes}); choose another --out"
            )
        note = {name: there[name] for name in ("seeds", "looks")}
        if note != {name: wanted[name] for name in note}:
            wanted["former"] = [*there.get("former", []), note]
        else:
            return
    write_json(path, wanted)


def read(folder: str | os.PathLike[str]) -> tuple[Plan, list[str]]:
    """Read plan.json: the plan, and its changes since it was first written, in words."""
    path = Path(folder) / FILE
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no {FILE}; it is no comparison")
    content = json.loads(path.read_text())
    former = content.pop("former", [])
    plan = from_dict(content)
    stages = [*former, {"seeds": content["seeds"], "looks": content["looks"]}]
    changes = [
        f"planned with {_schedule(before)}, changed later to {_schedule(after)}; seeds that are "
        "added after a result was seen make errors of the first kind more frequent than 5 %"
        for before, after in itertools.pairwise(stages)
    ]
    return plan, changes


def _schedule(stage: dict[str, Any]) -> str:
    looks = f" and looks after {', '.join(map(str, stage['looks']))}" if stage["looks"] else ""
    return f"{len(stage['seeds'])} seeds an arm{looks}"
