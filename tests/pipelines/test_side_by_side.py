"""Pipelines side by side: which steps and settings differ, which are alike."""

from __future__ import annotations

import json

from click.testing import CliRunner

from imagenet_tools import registry
from imagenet_tools.cli.describe_preproc import WIDTH, command
from imagenet_tools.pipelines.side_by_side import Line, side_by_side


def lines(*specs: str) -> list[Line]:
    return side_by_side([registry.get(spec).describe() for spec in specs])


def test_one_setting_is_one_line() -> None:
    found = lines("alexnet", "alexnet:lighting=0")
    assert [one for one in found if not one.alike] == [Line("colour", "lighting", ("paper", "0"))]
    assert Line("geometry", "borders", ("cut", "cut")) in found
    assert ("range", "values out", True) in [(one.part, one.what, one.alike) for one in found]


def test_steps_that_all_have_stand_alone() -> None:
    """A part of the one beside a part of the other: its own steps, then those in common."""
    ours = {"steps": {"geometry": ["crop", "resize", "mirror"]}, "value_range": [0.0, 255.0]}
    other = {"steps": {"geometry": ["crop", "mirror"], "after": ["erase", "noise"]},
             "value_range": None, "fused": True}  # fmt: skip
    rest = {"parameters": {}, "universal": {"multiply": 2.0}}
    assert side_by_side([ours | rest, other | rest]) == [
        Line("geometry", "steps", ("resize", "–")),
        Line("geometry", "steps", ("crop", "crop")),
        Line("geometry", "steps", ("mirror", "mirror")),
        Line("after", "steps", ("–", "erase\nnoise")),
        Line("every pipeline", "multiply", ("2.0", "2.0")),
        Line("range", "values out", ("0 to 255", "depends on the image")),
    ]


def test_defaults_that_one_alone_has_are_left_to_its_steps() -> None:
    names = {(one.part, one.what) for one in lines("alexnet", "inception:antialias=1")}
    assert ("geometry", "antialias") in names
    assert ("geometry", "area_min") not in names and ("colour", "lighting") not in names


def test_describe_preproc_of_several(runner: CliRunner) -> None:
    shown = runner.invoke(command, ["alexnet", "alexnet:lighting=0"]).output.splitlines()
    assert shown[0].split() == ["alexnet", "alexnet:lighting=0"]
    assert shown[2].split() == ["colour:", "lighting", "paper", "0"]
    assert shown[4] == "alike" and "  geometry: borders cut" in shown
    shown = runner.invoke(command, ["alexnet", "inception"]).output.splitlines()
    assert max(map(len, shown)) <= WIDTH
    assert any(line.startswith("colour: steps") for line in shown)
    both = json.loads(runner.invoke(command, ["alexnet", "vgg", "--json"]).output)
    assert [one["spec"] for one in both] == ["alexnet", "vgg"]
    assert json.loads(runner.invoke(command, ["vgg", "--json"]).output)["spec"] == "vgg"
