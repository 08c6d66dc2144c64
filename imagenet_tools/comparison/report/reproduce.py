"""The commands that make a comparison again, from its plan: every option that shaped it."""

from __future__ import annotations

import dataclasses
import shlex

from imagenet_tools.comparison.plan import PROFILES, Plan
from imagenet_tools.training import recipes

RECIPE = "recipe.yaml"  # beside the report


def commands(plan: Plan, data: str) -> list[str]:
    """What to type, with RECIPE at hand where the recipe is of the user's own.

    data: the records, as they are to be named; without a part where they are synthetic. Two
    commands where the comparison was extended: a level belongs to the seeds that came first.
    """
    words = ["imgtools", "compare-preproc", *(arm.spec for arm in plan.judged)]
    words += [] if plan.synthetic else ["--data", data]
    words += ["--profile", plan.profile, *_recipe(plan)]
    of_recipe = recipes.recipe(recipes.DEMO) if plan.synthetic else plan.recipe
    if plan.image_size != of_recipe.image_size:
        words += ["--image-size", f"{plan.image_size}"]
    if plan.seeds[0] != 1:
        words += ["--first-seed", f"{plan.seeds[0]}"]
    if plan.mixed_precision:
        words += ["--precision", plan.precision]
    words += ["--margin", f"{plan.margin:g}"]
    flags = {"no-matrix": not (plan.matrix or plan.attribute), "ten-crop": plan.ten_crop,
             "attribute": plan.attribute}  # fmt: skip
    words += [f"--{name}" for name, given in flags.items() if given]
    parts = (arm.pipeline.definitions.values() for arm in plan.judged)
    files = dict.fromkeys(one.file for each in parts for one in each if one.digest)
    words += [word for file in files for word in ("--plugin", file)]
    if plan.looks:
        return [shlex.join(words)]
    counts = dict.fromkeys([plan.first or len(plan.seeds), len(plan.seeds)])
    return [shlex.join([*words, "--seeds", f"{count}"]) for count in sorted(counts)]


def _recipe(plan: Plan) -> list[str]:
    """The options that give the plan's recipe: a name where one does, else RECIPE."""
    profile = PROFILES[plan.profile]
    usual, changes = profile.recipe, dict(profile.changes)
    if plan.synthetic:
        usual, changes = recipes.DEMO, {"epochs": recipes.recipe(recipes.DEMO).epochs}
    for name in (usual, *recipes.BUILT_IN):
        base = recipes.recipe(name, **changes)
        named = [] if name == usual else ["--recipe", name]
        if base == plan.recipe:
            return named
        if dataclasses.replace(base, epochs=plan.recipe.epochs) == plan.recipe:
            return [*named, "--epochs", f"{plan.recipe.epochs!r}"]
    return ["--recipe", RECIPE, "--epochs", f"{plan.recipe.epochs!r}"]
