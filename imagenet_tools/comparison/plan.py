"""The plan of a comparison: decided and written down before the first step."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from imagenet_tools import registry, storage
from imagenet_tools.comparison import looks
from imagenet_tools.comparison.run_files import COMMON, TEN_CROP
from imagenet_tools.records import order
from imagenet_tools.records.manifest import read_manifest
from imagenet_tools.training import recipes, schedule

if TYPE_CHECKING:
    from imagenet_tools.pipelines.pipeline import Pipeline

VERSION = 1
# What products of training are computed in; weights and evaluations are float32 throughout.
PRECISIONS = ("float32", "bfloat16")


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
    """One pipeline under test.

    slug: its folder's name. fingerprint: of the pipeline when the plan was made; a plug-in's file
    may have been edited since.
    """

    slug: str
    pipeline: Pipeline
    fingerprint: str

    @property
    def spec(self) -> str:
        return self.pipeline.spec

    @property
    def changed(self) -> bool:
        """True where the pipeline is no longer what it was when the plan was made."""
        return self.pipeline.fingerprint != self.fingerprint


class Stage(NamedTuple):
    """What a plan may change on its way: its seeds, and after how many it is looked at."""

    seeds: tuple[int, ...]
    looks: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What is compared, on what, how often, and what counts as a difference.

    margin: points of top-1.
    seeds: one run an arm and seed.
    looks: numbers of seeds after which the result may be judged (empty: at the end, and again if it
        is extended).
    first: seeds an arm that the plan was made with, where it may be extended (looks.EXTENDABLE).
    precision: one of PRECISIONS.
    order: of an epoch's images.
    contrasts: pairs of arm slugs judged.
    former: its stages before this one.
    joined: the plans of the comparisons that it puts together.
    """

    arms: tuple[Arm, ...]
    recipe: recipes.Recipe
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
    first: int | None = None
    precision: str = PRECISIONS[0]
    order: str = order.NAME
    former: tuple[Stage, ...] = ()
    joined: tuple[Plan, ...] = ()
    version: int = VERSION

    def __post_init__(self) -> None:
        if len(self.arms) < 2:
            raise ValueError("a comparison needs two arms or more")
        slugs = [arm.slug for arm in self.arms]
        for pair in self.contrasts:
            if len({*pair} & {*slugs}) < 2:
                raise ValueError(f"{' and '.join(pair)} are no two of the arms {', '.join(slugs)}")
        if not self.contrasts or len({*slugs}) < len(slugs):
            raise ValueError("a comparison judges one contrast or more, of arms of unlike names")
        if not 0 < self.margin < math.inf:
            raise ValueError(f"margin is {self.margin} points; it must be above 0, and finite")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision is {self.precision!r}; it must be {' or '.join(PRECISIONS)}"
            )
        if not self.seeds:
            raise ValueError("a comparison needs one seed or more")
        if unknown := set(self.looks) - set(looks.LOOKS):
            raise ValueError(
                f"looks at {sorted(unknown)} seeds have no calibrated level; use some of "
                f"{', '.join(map(str, looks.LOOKS))}"
            )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What was planned first, and each change of it up to now."""
        return (*self.former, Stage(self.seeds, self.looks))

    @property
    def steps(self) -> int:
        """Training steps of one run."""
        return schedule.total_steps(self.recipe, self.train_images)

    @property
    def mixed_precision(self) -> bool:
        """True where products of training are computed in less than float32."""
        return self.precision != PRECISIONS[0]

    @property
    def judged(self) -> tuple[Arm, ...]:
        """The arms that are asked about; an attribution's combinations only serve to answer."""
        named = {slug for pair in self.contrasts for slug in pair}
        return tuple(arm for arm in self.arms if arm.slug in named)

    @property
    def images_trained(self) -> int:
        """Training images that go through the net in all runs, at most: looks may end earlier."""
        return len(self.arms) * len(self.seeds) * self.steps * self.recipe.batch_size

    def arm(self, slug: str) -> Arm:
        return next(arm for arm in self.arms if arm.slug == slug)

    def runs(self, seeds: int | None = None) -> list[tuple[Arm, int]]:
        """Every run, seed by seed, so that arms grow together; of the first `seeds` seeds."""
        return [(arm, seed) for seed in self.seeds[:seeds] for arm in self.arms]


def make_plan(
    pipelines: Sequence[str | Pipeline],
    data: str | os.PathLike[str],
    *,
    profile: str = "quick",
    recipe: str | os.PathLike[str] | None = None,
    changes: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    first_seed: int = 1,
    margin: float = 0.5,
    model: str = "alexnet_v2",
    image_size: int | None = None,
    synthetic: bool = False,
    matrix: bool = True,
    ten_crop: bool = False,
    attribute: bool = False,
    precision: str = PRECISIONS[0],
) -> Plan:
    """Make the plan for these pipelines on a folder of records.

    The first pipeline is compared with each other one. Naming a pipeline twice compares it with
    itself under other seeds (A/A): a self-check. changes: of the recipe's fields. ten_crop:
    evaluate each run so, too. attribute: train every combination of the two pipelines' parts.
    Raises LookupError for an unknown pipeline, profile or recipe, ValueError for what cannot be.
    """
    if profile not in PROFILES:
        raise LookupError(f"unknown profile {profile!r}; known: {', '.join(PROFILES)}")
    chosen = PROFILES[profile]
    used = recipes.recipe(recipe or chosen.recipe, **{**dict(chosen.changes), **(changes or {})})
    manifest = read_manifest(data)
    for split in ("train", "validation"):
        if split not in manifest.splits:
            raise ValueError(f"{data} has no {split} split; a comparison needs both")
    asked = [as_pipeline(one) for one in pipelines]
    arms = _arms([*asked, *(_crosses(asked) if attribute else ())])
    count = seeds or chosen.seeds
    planned = chosen.looks if seeds is None else ()
    return Plan(
        arms=arms,
        recipe=used,
        model=model,
        image_size=image_size or used.image_size,
        seeds=tuple(range(first_seed, first_seed + count)),
        margin=margin,
        looks=planned,
        contrasts=tuple((arms[0].slug, other.slug) for other in arms[1 : len(asked)]),
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
        precision=precision,
        first=count if count in looks.EXTENDABLE and not planned else None,
    )


def _crosses(asked: Sequence[Pipeline]) -> Sequence[Pipeline]:
    """Every combination of two pipelines' parts."""
    from imagenet_tools.pipelines.crosses import combinations  # loads TensorFlow

    if len(asked) != 2:
        raise ValueError(f"--attribute takes two pipelines, not {len(asked)}")
    return list(combinations(*asked))


def join_plans(plans: Sequence[Plan]) -> Plan:
    """The plan of several comparisons put together: the first arm against every other."""
    arms: dict[str, Arm] = {}
    for arm in (arm for plan in plans for arm in plan.arms):
        arms.setdefault(arm.slug, arm)
    one, *others = arms
    return replace(
        plans[0],
        arms=tuple(arms.values()),
        contrasts=tuple((one, other) for other in others),
        looks=(),
        first=min((plan.first for plan in plans if plan.first is not None), default=None),
        matrix=False,  # no arm was evaluated under the paths of another folder's
        attribute=False,
        ten_crop=all(plan.ten_crop for plan in plans),
        former=(),
        joined=tuple(plans),
    )


def as_pipeline(pipeline: str | Pipeline) -> Pipeline:
    """The pipeline itself, or the one that a spec names."""
    return registry.get(pipeline) if isinstance(pipeline, str) else pipeline


def _arms(pipelines: Sequence[Pipeline]) -> tuple[Arm, ...]:
    arms: list[Arm] = []
    for pipeline in pipelines:
        # The plus of a number (1e+18) stays: without it, it would be another number's folder.
        slug = re.sub(r"(?<!\de)\+|[^\w.=+]", "-", pipeline.spec)
        taken = {arm.slug for arm in arms} | {COMMON, TEN_CROP}
        if slug in taken:
            slug = next(f"{slug}-{n}" for n in range(2, 99) if f"{slug}-{n}" not in taken)
        arms.append(Arm(slug, pipeline, pipeline.fingerprint))
    return tuple(arms)


def run_seed(plan: Plan, arm: Arm, seed: int) -> int:
    """The seed of a run. Arms share it, so that they share start, order and common draws; an arm
    that repeats another's pipeline (A/A) gets seeds of its own, or its runs would be equal."""
    twins = [other.slug for other in plan.arms if other.fingerprint == arm.fingerprint]
    return seed + 1000 * twins.index(arm.slug)
