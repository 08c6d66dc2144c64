"""Verdicts from prediction files: each is of a run of its own, of one arm, and of the same data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import made_up

from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import arms, run_files
from imagenet_tools.comparison.files import judge_files
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.results import judge
from imagenet_tools.evaluation import scores

N = 300


def predicted(path: Path, run: int, *, label: int = 0, nan: int = 0, **meta: Any) -> str:
    """A prediction file of a made-up run; runs of one number have equal predictions."""
    rng = np.random.default_rng(run)
    probability = -np.sort(-rng.dirichlet(np.ones(5), N).astype(np.float32), axis=1)
    probability[:nan] = np.nan
    found = scores.Predictions(
        key=np.array([f"c/{i}" for i in range(N)]),
        label=np.full(N, label, np.int32),
        top5=rng.permuted(np.tile(np.arange(5, dtype=np.int32), (N, 1)), axis=1),
        probability=probability,
        true_probability=probability[:, 0],
        rank=(rng.random(N) > 0.6).astype(np.int32),
    )
    arm = path.name[0]
    known = {"preprocessing": arm, "fingerprint": 4 * arm, "data": "d", "split": "validation"}
    scores.write_predictions(path, found, {**known, **meta})
    return str(path)


def test_a_file_given_three_times_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = predicted(tmp_path / "x1", 1), predicted(tmp_path / "y1", 2)
    command = ["compare-runs", *(["--a", x] * 3), *(["--b", y] * 3)]
    assert cli_main.run(command) == 2
    said = capsys.readouterr().err
    assert f"{x} and {x} are of one run (one file); a copy is no second seed" in said


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"run": 1}, {"run": 1}, "equal predictions throughout"),
        ({"run": 1, "weights": "abc"}, {"run": 2, "weights": "abc"}, "weights abc"),
        ({"run": 1, "seed": 7, "step": 90}, {"run": 2, "seed": 7, "step": 90}, "seed 7, step 90"),
    ],
)
def test_a_run_given_twice_is_refused(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], message: str
) -> None:
    a = [predicted(tmp_path / "x1", **one), predicted(tmp_path / "x2", **other)]
    b = [predicted(tmp_path / "y1", 3), predicted(tmp_path / "y2", 4)]
    with pytest.raises(ValueError, match=rf"x1 and .*x2 are of one run \({message}\)"):
        judge_files(a, b)


def test_runs_of_their_own_are_judged(tmp_path: Path) -> None:
    """Other seeds, other steps, and one checkpoint under two pipelines."""
    a = [
        predicted(tmp_path / f"x{run}", run, seed=run, step=90, weights=f"w{run}")
        for run in (1, 2, 3)
    ]
    b = [
        predicted(tmp_path / f"y{run}", 10 + run, seed=run, step=90, weights=f"w{run}")
        for run in (1, 2)
    ]
    found = judge_files(a, b, margin=2.0)
    assert (found.seeds, found.images) == ((3, 2), N)


def test_images_of_one_picture_are_counted_once(tmp_path: Path, tiny_records: Path) -> None:
    """From files, and from a comparison's folder."""
    groups = np.arange(N) // 3
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run) for run in (1, 2, 3)]
            for first, arm in enumerate("xy"))  # fmt: skip
    plain = judge_files(a, b)
    for file in a[1:]:  # as files that were written before there were groups
        found, meta = scores.read_predictions(file)
        scores.write_predictions(file, replace(found, group=groups), meta)
    found = judge_files(a, b)
    assert (plain.near_duplicates, plain.images, plain.pictures) == (0, 300, 300)
    assert (found.near_duplicates, found.images, found.pictures) == (200, 300, 100)
    assert "3 + 3 seeds, 300 images, near-duplicates counted once: 100" in found.sentence
    assert found.difference == pytest.approx(plain.difference) and found.p != plain.p

    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    arms.run_all(made, tmp_path / "runs", tiny_records, launch=made_up(made))
    for file in (tmp_path / "runs").glob("inception/seed-*/predictions-*.npz"):
        found, meta = scores.read_predictions(file)
        scores.write_predictions(file, replace(found, group=np.arange(4000) // 2), meta)
    (contrast,) = judge(made, tmp_path / "runs").contrasts
    assert (contrast.verdict.near_duplicates, contrast.verdict.images) == (2000, 4000)
    assert contrast.group is not None and len(np.unique(contrast.group)) == 2000


def test_nets_that_see_nothing_may_agree(tmp_path: Path) -> None:
    """Three nets that give every image the same answer are three runs."""
    files = []
    for name in ("x1", "x2", "y1", "y2"):
        same = np.tile(np.float32([0.2] * 5), (N, 1))
        label = np.arange(N, dtype=np.int32) % 3
        found = scores.Predictions(
            np.arange(N).astype(str), label, np.tile(np.arange(5, dtype=np.int32), (N, 1)), same,
            same[:, 0], label,
        )  # fmt: skip
        files.append(tmp_path / name)
        meta = {"preprocessing": name[0], "fingerprint": name[0]}
        scores.write_predictions(files[-1], found, meta)
    assert judge_files(files[:2], files[2:]).seeds == (2, 2)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"fingerprint": "zz"}, "x3 is of x .zz.*never mix in an arm"),
        ({"data": "e"}, r"x3 is of other data \(data e, not d\) than .*x1"),
        ({"split": "train"}, r"x3 is of other data \(split train, not validation\)"),
        ({"ten_crop": True}, r"x3 is of other crops \(ten_crop True, not False\)"),
        ({"label": 1}, "x3 is of other labels than .*x1"),
        ({"nan": 2}, r"x3: the net's outputs for 2 of 300 images are not finite \(first: c/0\)"),
    ],
)
def test_files_that_do_not_belong_are_refused(
    tmp_path: Path, odd: dict[str, Any], message: str
) -> None:
    first = [predicted(tmp_path / f"x{run}", run, ten_crop=False) for run in (1, 2)]
    a = [*first, predicted(tmp_path / "x3", 3, **{"ten_crop": False, **odd})]
    b = [predicted(tmp_path / f"y{run}", run) for run in (5, 6)]
    with pytest.raises(ValueError, match=message):
        judge_files(a, b)


def test_a_run_copied_into_another_seeds_folder_is_refused(
    tiny_records: Path, tmp_path: Path
) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    for seed in (1, 2):
        file = run_files.run_folder(tmp_path, "inception", seed) / run_files.predictions_file(
            "inception"
        )
        found, meta = scores.read_predictions(file)
        scores.write_predictions(file, found, {**meta, "weights": "abcdef"})
    with pytest.raises(ValueError, match=r"seed-2.*seed-1.*are of one run \(weights abcdef\)"):
        judge(made, tmp_path)
