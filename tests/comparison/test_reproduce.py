"""The command that a report gives, parsed back: it makes the plan that it came from."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import made_up, reported

from imagenet_tools import registry
from imagenet_tools.cli import main as cli_main
from imagenet_tools.cli.compare_preproc import command
from imagenet_tools.comparison import arms, prepare
from imagenet_tools.comparison.plan import Plan, make_plan
from imagenet_tools.comparison.plan_file import changes, read_plan, write_plan
from imagenet_tools.comparison.report import reproduce
from imagenet_tools.training import recipes

PLUGIN = """
from imagenet_tools import registry

@registry.register("ours")
def ours(image, output_height, output_width, is_training=False, seed=None):
    return image
"""


def prepared(line: str, folder: Path) -> Plan:
    """The plan that a command makes, without carrying it out."""
    program, name, *words = shlex.split(line)
    assert (program, name) == ("imgtools", "compare-preproc")
    given: dict[str, Any] = dict(command.make_context(name, words).params)
    kept = ("profile", "recipe", "epochs", "seeds", "first_seed", "margin", "image_size",
            "ten_crop", "match_scale", "attribute", "precision")  # fmt: skip
    options = {name: given[name] for name in kept} | {"matrix": not given["no_matrix"]}
    return prepare.prepare(given["pipelines"], given["data"], folder, **options).plan


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"margin": 1.25, "matrix": False, "ten_crop": True},
        {"seeds": 4, "first_seed": 6, "image_size": 112},
        {"profile": "screen", "changes": {"epochs": 0.1}},
        {"profile": "verdict"},
        {"profile": "verdict", "seeds": 2},
        {"profile": "quick", "recipe": "slim", "changes": {"epochs": 2.0}},
        {"profile": "screen", "recipe": "own.yaml"},
        {"attribute": True, "margin": 0.1, "precision": "bfloat16"},
    ],
    ids=str,
)
def test_the_command_makes_the_plan(
    options: dict[str, Any], tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = dataclasses.replace(recipes.recipe("quick"), optimizer="adam", epochs=2.5)
    Path("own.yaml").write_text(recipes.dump(own))
    plan = make_plan(("alexnet:lighting=0", "inception"), tiny_records, **options)
    Path(reproduce.RECIPE).write_text(recipes.dump(plan.recipe))
    (line,) = reproduce.commands(plan, str(tiny_records))
    assert prepared(line, tmp_path / "out") == plan


def test_the_demos_recipe_and_size_are_not_said(tiny_records: Path) -> None:
    """Whatever the profile, synthetic images come with them; others have to be said."""
    of_demo = recipes.recipe(recipes.DEMO)
    for profile, size, recipe, said in (
        ("quick", of_demo.image_size, recipes.DEMO, []),
        ("verdict", 96, recipes.DEMO, ["--image-size", "96"]),
        ("quick", of_demo.image_size, "quick", ["--recipe", "quick"]),
    ):
        plan = make_plan(
            ("alexnet", "inception"), tiny_records, profile=profile, recipe=recipe,
            synthetic=True, image_size=size, changes={"epochs": of_demo.epochs},
        )  # fmt: skip
        (line,) = reproduce.commands(plan, "")
        begun = ["imgtools", "compare-preproc", "alexnet", "inception", "--profile", profile]
        assert shlex.split(line)[: len(begun) + len(said) + 1] == [*begun, *said, "--margin"]


def test_a_plug_in_is_named(tiny_records: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.py"
    file.write_text(PLUGIN)
    registry.load_plugin(file)
    plan = make_plan(("alexnet", "ours"), tiny_records)
    (line,) = reproduce.commands(plan, "records")
    assert shlex.split(line)[-4:-2] == ["--plugin", str(file)]


def test_an_extended_comparison_takes_two_commands(tiny_records: Path, tmp_path: Path) -> None:
    """The level at 5 seeds depends on the number that the plan began with."""
    for seeds in (3, 5):
        write_plan(make_plan(("alexnet", "inception"), tiny_records, seeds=seeds), tmp_path)
    plan = read_plan(tmp_path)
    assert changes(plan) == []
    first, second = reproduce.commands(plan, str(tiny_records))
    for line in (first, second):
        write_plan(prepared(line, tmp_path / "out"), tmp_path / "again")
    assert read_plan(tmp_path / "again") == plan
    assert second.endswith(" --seeds 5")


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_another_margin_elsewhere_leaves_the_folder_as_it_is(
    tiny_records: Path, tmp_path: Path
) -> None:
    """compare-runs FOLDER --out OTHER: what it says is OTHER's, margin and all."""
    folder, other = tmp_path / "folder", tmp_path / "other"
    plan = make_plan(("alexnet", "inception"), tiny_records)
    write_plan(plan, folder)
    arms.run_all(plan, folder, tiny_records, launch=made_up(plan))
    reported(plan, folder, command=f"imgtools compare-preproc a b --data {tiny_records}")
    before = everything(folder)
    again = ["compare-runs", str(folder), "--margin", "30", "--out", str(other)]
    assert cli_main.run(again) == 0
    assert everything(folder) == before
    page = (other / "report.html").read_text()
    assert "changed to 30 afterwards" in page
    (line,) = reproduce.commands(dataclasses.replace(plan, margin=30.0), str(tiny_records))
    assert line in page and prepared(line, tmp_path / "out").margin == 30
