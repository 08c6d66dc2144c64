"""The predictions of the table of augmentations, which are kept for arms to come."""

from __future__ import annotations

import gzip

import pytest

from benchmarks.augmentations import KEPT, beside


@pytest.fixture(scope="module")
def kept() -> list[list[str]]:
    return [line.split(",") for line in gzip.decompress(KEPT.read_bytes()).decode().splitlines()]


def of_one_arm(kept: list[list[str]], arm: str) -> str:
    """A predictions.csv of that arm's runs alone, under the name of mine."""
    columns = [0, 1, *(at for at, name in enumerate(kept[0]) if name.startswith(f"{arm}/"))]
    text = "\n".join(",".join(row[at] for at in columns) for row in kept)
    return text.replace(f"{arm}/", "mine/")


def test_a_new_arm_is_judged_by_its_runs_alone(kept: list[list[str]]) -> None:
    sentence = next(beside(of_one_arm(kept, "inception")))
    assert sentence.startswith("alexnet is better than mine by 9.96 points of top-1")
    assert "3 + 3 seeds, 1,500 images" in sentence


def test_runs_that_are_kept_are_no_new_arm(kept: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="alexnet"):
        next(beside(of_one_arm(kept, "alexnet")))


def test_other_images_are_refused(kept: list[list[str]]) -> None:
    fewer = of_one_arm(kept[:-1], "inception")
    with pytest.raises(ValueError, match="image"):
        next(beside(fewer))
