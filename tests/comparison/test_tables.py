"""Verdicts from tables of runs that something else has trained."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, variance

import numpy as np
import pytest
from scipy import stats

from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import degrees
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.table_rows import BY_IMAGE, BY_RUN, as_compared
from imagenet_tools.comparison.tables import judge_tables
from imagenet_tools.comparison.verdicts import verdict
from imagenet_tools.errors import DamagedData

N = 400


def table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def judged(files: Sequence[Path], margin: float = 0.5) -> Verdict:
    """The one verdict on two arms."""
    [one] = judge_tables(files, margin).values()
    return one


def runs(right: float, seeds: int = 3, start: int = 0) -> np.ndarray:
    """Which images some runs get right: bool [seeds, N]."""
    rng = np.random.default_rng(start)
    chances = np.clip(right + 0.3 * rng.standard_normal(N), 0, 1)
    return rng.random((seeds, N)) < chances


def by_image(a: np.ndarray, b: np.ndarray) -> list[list[object]]:
    return [
        [arm, seed, f"image-{at}", f"class {at % 7}", f"class {at % 7 if right else 9}"]
        for arm, one in (("old", a), ("new", b))
        for seed, run in enumerate(one, 1)
        for at, right in enumerate(run)
    ]


def test_rows_by_image_are_judged_as_predictions_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever their order, and in one file or several."""
    a, b = runs(0.7), runs(0.4, start=1)
    expected = verdict(a, b, names=("old", "new"))
    assert expected.kind == "A better"
    rows = by_image(a, b)
    whole = table(tmp_path / "runs.csv", BY_IMAGE, rows)
    assert judged([whole]) == expected
    half = [table(tmp_path / f"{at}.csv", BY_IMAGE, rows[at::2]) for at in (0, 1)]
    assert judged(half).p == pytest.approx(expected.p)
    back = judged(
        [table(tmp_path / "back.csv", BY_IMAGE, rows[: a.size] + rows[: a.size - 1 : -1])]
    )
    assert back.seed_correlation == pytest.approx(expected.seed_correlation)
    assert back.checkpoints == expected.checkpoints
    assert cli_main.run(["compare-runs", str(whole), "--json", "--fail-if-undecided"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "A better"


def test_rows_by_run_are_judged_with_more_care(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = runs(0.7), runs(0.4, start=1)
    rows = [
        (arm, seed, 100 * run.mean(), N)
        for arm, one in (("old", a), ("new", b))
        for seed, run in enumerate(one)
    ]
    found, exact = judged([table(tmp_path / "runs.csv", BY_RUN, rows)]), verdict(a, b)
    assert found.kind == "A better"
    assert found.difference == pytest.approx(exact.difference)
    assert exact.estimate and found.estimate
    assert found.estimate.se > exact.estimate.se
    even = [(arm, seed, 50 + seed, N) for arm in "xy" for seed in (1, 2)]
    undecided = table(tmp_path / "even.csv", BY_RUN, even)
    assert cli_main.run(["compare-runs", str(undecided), "--fail-if-undecided"]) == 5
    assert "Inconclusive: x less y is +0.00 points" in capsys.readouterr().out


def test_the_first_of_several_arms_is_judged_against_each_other_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Together, as those of a comparison: by Holm; what speaks against an arm stands at its own."""
    arms = {"old": runs(0.6), "new": runs(0.4, start=1), "same": runs(0.6, start=2)}
    alone = {
        name: verdict(arms["old"], arms[name], names=("old", name)) for name in ("new", "same")
    }
    rows = [
        (arm, seed, at, at % 7, at % 7 if right else 9)
        for arm, one in arms.items() for seed, run in enumerate(one) for at, right in enumerate(run)
    ]  # fmt: skip
    file = table(tmp_path / "runs.csv", BY_IMAGE, rows)
    found = judge_tables([file])
    assert list(found) == [("old", "new"), ("old", "same")]
    new, same = found.values()
    assert (new.kind, same.kind) == ("A better", "inconclusive")
    assert new.p == 2 * alone["new"].p and same.p == alone["same"].p  # the larger one as it is
    assert (new.interval, same.sentence[:30]) == (
        alone["new"].interval,
        "Inconclusive: old less same is",
    )
    assert cli_main.run(["compare-runs", str(file), "--json", "--fail-if-undecided"]) == 5
    contrasts = json.loads(capsys.readouterr().out)["contrasts"]
    assert [(one["a"], one["b"], one["kind"]) for one in contrasts] == [
        ("old", "new", "A better"),
        ("old", "same", "inconclusive"),
    ]
    means = [(arm, seed, 60 if arm == "z" else 50 + seed + (arm == "y") / 2, 1000)
             for arm in "xyz" for seed in (1, 2, 3)]  # fmt: skip
    y, z = judge_tables([table(tmp_path / "means.csv", BY_RUN, means)]).values()
    assert z.p == pytest.approx(
        2 * judged([table(tmp_path / "two.csv", BY_RUN, means[:3] + means[6:])]).p
    )
    assert "runs of z have one accuracy" in z.sentence and "of z" not in y.sentence


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        (("arm", "seed"), [], r"has no column 'accuracy' \(it has arm, seed\); a table has arm, "),
        (BY_RUN, [], "has no rows below its header"),
        (
            BY_RUN,
            [("x", 1, 50, 9), ("x", 2, 51, 9)],
            "^a verdict is about two arms, or one and up to 99 others; here are 1: x$",
        ),
        (
            BY_RUN,
            [(f"x{at}", 1, 50, 9) for at in range(10_000)],
            "99 others; here are 10,000: x0, x1, x2, x3, x4, ...$",
        ),
        (
            BY_IMAGE,
            [
                (arm, 1, i, i % 2, i % 2 if i % 3 or (arm == "x" and i % 5) else 2)
                for arm in "xyz"
                for i in range(90)
            ],
            "run 1 of y and run 1 of z get the same images right",
        ),
        (
            BY_RUN,
            [("x", 1, "7_5", 9), ("y", 1, 51, 9)],
            "line 2: accuracy is '7_5', which is no fin",
        ),
        (
            BY_RUN,
            [("x", 1, 100.0001, 9), ("y", 1, 51, 9)],
            "line 2: accuracy is 100.0001; it is in",
        ),
        (BY_RUN, [("x", 1, "0e99999999", 9), ("y", 1, 51, 9)], "^there are runs of 0 % and 51"),
        (BY_RUN, [("x", 1, 50, 9), ("y", 1, 51, 8)], "n is 8, 9; all runs see the same images"),
        (BY_RUN, [("x", 1, 50, 1), ("y", 1, 51, 1)], "n is 1; all runs see the same .* 2 or more"),
        (BY_RUN, [("x", 1, -1, 9), ("y", 1, 51, 9)], "line 2: accuracy is -1; it is in percent"),
        (BY_RUN, [(f"x{at}", 1, 50, 9) for at in range(101)], "and up to 99 others; here are 101"),
        (BY_RUN, [("x", 1, 50, 2**53), ("y", 1, 5, 9)], "line 2: n is .*; it is a number of"),
        (BY_RUN, [("x", 1, 50, "inf"), ("y", 1, 5, 9)], "line 2: n is 'inf', which is no finite"),
        (BY_RUN, [("x", 1, 20.5, 9), ("y", 1, 1, 9)], "there are runs of 1 % and 20.5 %; a share"),
        (BY_RUN, [("x", 1, 1, 9), ("y", 1, 1, 9)], "^the highest accuracy is 1 %; a share of 0..1"),
        (BY_RUN, [("x", 1, 50, 9), ("y", 1, "much", 9)], "line 3: accuracy is 'much'"),
        (BY_RUN, [("x", 1, 50, 9), ("x", 1, 51, 9), ("y", 1, 5, 9)], "line 3: x seed 1 is there"),
        (BY_RUN, [("x", 1, 0.5, 9), ("y", 1, 0.6, 9)], "a share of 0..1 is given times 100"),
        (BY_RUN, [("x", 1, 50, 9), ("y", 1, 51, 9)], "x has one seed"),
        (BY_IMAGE, [("x", 1, "i", 0, 0), ("y", 1, "j", 0, 0)], "x seed 1 has no row for 1 of 2"),
        (BY_IMAGE, [("x", 1, "i", 0, 0), ("y", 1, "i", 1, 0)], "line 3: the label of i is 1"),
        (BY_IMAGE, [("x", 1, "i", 0, 0), ("x", 1, "i", 0, 0), ("y", 1, "i", 0, 0)], "has i twice"),
        (BY_IMAGE, [("x", 1, "i", 0, ""), ("y", 1, "i", 0, 0)], "line 2: prediction is empty"),
        (BY_RUN, [("x", 1, 50, 9), ("y", 1, 51, 9.5)], "line 3: n is 9.5; it is a number of"),
        (
            BY_RUN,
            [(arm, seed, 70 if seed else 0.71, 9) for arm in "xy" for seed in (0, 1)],
            "there are runs of 0.71 % and 70 %; a share of 0..1 is given times 100",
        ),
        (
            BY_RUN,
            [(arm, seed, 0.7 if arm == "y" else 70 + seed, 9) for arm in "xy" for seed in (0, 1)],
            "there are runs of 0.7 % and 71 %; a share of 0..1 is given times 100",
        ),
        (
            BY_RUN,
            [("x", 1, 50, 9), ("x", "01", 51, 9), ("y", 1, 5, 9)],
            "line 3: x seed 1 is there",
        ),
        (BY_RUN, [("x", 1, 50, 9), ("y", "mean", 50, 9)], "line 3: the seed is 'mean', those of"),
        (BY_RUN, [("x", 1, 50, "50.000"), ("y", 1, 5, 9)], "line 2: n is '50.000'; write it with"),
        (BY_RUN, [("x", 1, 50, 1e300), ("y", 1, 5, 9)], r"line 2: n is 1e\+300; it is a number of"),
        (
            BY_RUN,
            [("x", 1, 75, 5, 1000), ("y", 1, 5, 9)],
            "line 2: 5 cells under 4 columns; a cell",
        ),
        ((*BY_RUN, "n"), [("x", 1, 75, 9, 9), ("y", 1, 5, 9, 9)], "has the column 'n' 2 times"),
        (
            BY_RUN,
            [("Alex net", 1, 50, 9), ("alex  net ", 1, 5, 9)],
            "'alex net' differ in spelling",
        ),
        (
            BY_IMAGE,
            [(arm, 1, i, i % 2, "nan" if i == 5 else i % 2) for arm in "xy" for i in range(9)],
            "line 7: the prediction 'nan' is no class; a run whose scores are not finite",
        ),
        (
            BY_IMAGE,
            [(arm, 1, i, i % 2, "#N/A" if i == 5 else i % 2) for arm in "xy" for i in range(9)],
            "line 7: the prediction '#N/A' is no class",
        ),
        (
            BY_IMAGE,
            [(arm, 1, i, -1 if i == 5 else i % 2, i % 2) for arm in "xy" for i in range(9)],
            "line 7: the label '-1' is no class; an image without one is left out of every run",
        ),
        (
            BY_IMAGE,
            [(arm, 1, i, *(2 * ["inf" if i else "a"])) for arm in "xy" for i in range(9)],
            "line 3: the label 'inf' is no class",
        ),
        (
            BY_IMAGE,
            [(arm, 1, f"n0/{i}" if arm == "x" else i, 0, 0) for arm in "xy" for i in range(3)],
            r"x seed 1 has no row for 3 of 6 images, among them 0 \(it has n0/0\)",
        ),
        (BY_RUN, [(arm, 1, 50, 9) for arm in ("x", "y", "Y")], "'y' and 'Y' differ in spelling"),
        (BY_RUN, [(arm, 1, 50, 9) for arm in ("1", "1.0")], "'1' and '1.0' differ in spelling"),
        (
            BY_IMAGE,
            [(arm, 1, i, f"c{i % 3}", "C1" if i == 4 else "c0") for arm in "xy" for i in range(9)],
            "x seed 1: a prediction is 'C1', a label 'c1'; give both in one spelling",
        ),
        (
            BY_IMAGE,
            [(arm, 1, i, "Cat", "feline") for arm in "xy" for i in range(60)],
            "x seed 1: none of its predictions is among the labels .* 'feline' and 'Cat'",
        ),
        (
            BY_IMAGE,
            [(arm, 1, i, i % 7 + 1, i % 7 + (arm == "x")) for arm in "xy" for i in range(60)],
            r"y seed 1 has 0 of 60 images right, and 60 if its classes are renamed \(\d is \d, ",
        ),
    ],
)
def test_what_a_table_lacks_is_said(
    tmp_path: Path, columns: Sequence[str], rows: list[tuple[object, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        judged([table(tmp_path / "runs.csv", columns, rows)])


@pytest.mark.parametrize(
    ("delimiter", "encoding", "end"),
    [
        (",", "utf-8", "\n"),
        (";", "utf-8-sig", "\r\n"),
        ("\t", "utf-16", "\r"),
        (" , ", "utf-8", "\n"),
        ("|", "utf-8", "\n"),
    ],
)
def test_a_table_as_spreadsheets_write_it(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    """Capitals and spaces in its header, whole numbers as floats."""
    rows: list[list[object]] = [["Arm", "Seed", "Image", "Label", "Prediction"]]
    rows += [
        [arm, seed, at, float(at % 7), at % 7 if right else 9]
        for arm, one in (("x", runs(0.7)), ("y", runs(0.4, start=1)))
        for seed, run in enumerate(one)
        for at, right in enumerate(run)
    ]
    lines = (delimiter.join(map(str, row)) + end for row in rows)
    (tmp_path / "runs.csv").write_text("".join(lines), encoding=encoding, newline="")
    expected = verdict(runs(0.7), runs(0.4, start=1), names=("x", "y"))
    assert judged([tmp_path / "runs.csv"]) == expected


def test_accuracies_with_decimal_commas(tmp_path: Path) -> None:
    """As spreadsheets write them where they put semicolons, with an empty row at the end."""
    rows = [(arm, seed, 60 + seed + 0.5, 1000) for arm in "xy" for seed in (1, 2, 3)]
    expected = judged([table(tmp_path / "points.csv", BY_RUN, rows)])
    lines = [";".join(map(str, row)).replace(".", ",") for row in (BY_RUN, *rows)]
    (tmp_path / "commas.csv").write_text("\n".join([*lines, ";;;", ""]))
    assert judged([tmp_path / "commas.csv"]) == expected
    signed = [(arm, seed, f"{one} %", n) for arm, seed, one, n in rows]
    assert judged([table(tmp_path / "signs.csv", BY_RUN, signed)]) == expected
    # Put together from several files, each with its header.
    again = [row for part in (rows[:3], rows[3:]) for row in (BY_RUN, *part)]
    assert judged([table(tmp_path / "again.csv", BY_RUN, again)]) == expected


def test_names_are_what_is_read_whatever_bytes_they_have(tmp_path: Path) -> None:
    """An accent of its own, as Macs write it; a mark at the head of each of two files."""
    rows = by_image(runs(0.7), runs(0.4, start=1))
    expected = judged([table(tmp_path / "plain.csv", BY_IMAGE, rows)])
    halves = []
    for half, e in ((rows[: len(rows) // 2], "\u00e9"), (rows[len(rows) // 2 :], "e\u0301")):
        named = [[*row[:2], f"caf{e}/{row[2]}", *row[3:]] for row in half]
        halves.append(table(tmp_path / "half.csv", BY_IMAGE, named).read_text())
    (tmp_path / "both.csv").write_text("".join(f"\ufeff{half}" for half in halves))
    assert judged([tmp_path / "both.csv"]) == expected


def test_runs_of_one_accuracy_are_doubted(tmp_path: Path) -> None:
    """Which images they got right would tell; here they may be one run under three seeds."""
    rows = [(arm, seed, 75 if arm == "x" else 60 + seed, 1000) for arm in "xy" for seed in range(3)]
    found = judged([table(tmp_path / "runs.csv", BY_RUN, rows)])
    assert "the 3 runs of x have one accuracy; copies of a run are no seeds" in found.sentence
    assert "runs of y" not in found.sentence


def test_accuracies_that_no_number_of_images_gives_are_doubted(tmp_path: Path) -> None:
    """Shares of 0..1 that look like percents, or a number of images that is another one."""

    def said(accuracies: Sequence[str], n: int) -> str:
        rows = [(arm, seed, one, n) for arm in "xy" for seed, one in enumerate(accuracies)]
        return judged([table(tmp_path / "runs.csv", BY_RUN, rows)]).sentence

    assert "line 2: 16.34 % of 1,000 images is no whole number of them" in said(
        ["16.34", "2"], 1000
    )
    assert "line 2: 16.34 % of 3,000 images is no whole" in said(["16.34", "2"], 3000)
    for accuracies in (["16.3", "17.4"], ["16.0", "1.7e1"], ["16.30000019", "17.39999962"]):
        assert "no whole number" not in said(accuracies, 1000)
    assert "no whole number" not in said(["66.67", "33.3"], 9)


def test_large_numbers_are_different_classes(tmp_path: Path) -> None:
    """Two that are one as floats: a net that always takes one for the other is never right."""
    first = 2**53
    rows = [(arm, 1, at, first + at % 2, first + (at + 1) % 2) for arm in "xy" for at in range(N)]
    with pytest.raises(ValueError, match="x seed 1 has 0 of 400 images right"):
        judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)])


def test_a_run_that_gives_one_class_throughout_is_judged(tmp_path: Path) -> None:
    """Though most images are of another, and it would gain by that one's name."""
    labels = ["common" if at % 20 else "rare" for at in range(N)]
    rows = [
        (arm, seed, at, label, label if right and (arm, seed) != ("y", 1) else "rare")
        for arm, one in (("x", runs(0.7)), ("y", runs(0.6, start=1)))
        for seed, run in enumerate(one)
        for at, (label, right) in enumerate(zip(labels, run, strict=True))
    ]
    assert judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)]).difference > 0


@pytest.mark.parametrize(("names"), [("none", "scratch"), (-1, 1), ("N/A", "US")])
def test_a_class_may_have_the_name_of_none(tmp_path: Path, names: tuple[object, object]) -> None:
    """As maps of wafers without a defect, where predictions say it, too."""
    rows = [
        (arm, seed, at, names[at % 2], names[(at + (not right)) % 2])
        for arm, one in (("x", runs(0.8)), ("y", runs(0.7, start=1)))
        for seed, run in enumerate(one)
        for at, right in enumerate(run)
    ]
    expected = verdict(runs(0.8), runs(0.7, start=1), names=("x", "y"))
    assert judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)]) == expected


def test_two_arms_may_be_nearly_one_net(tmp_path: Path) -> None:
    """In bfloat16, say: it is right on other images, if few."""
    a = runs(0.6)
    b = a.copy()
    b[:, 5] = ~b[:, 5]
    found = judged([table(tmp_path / "runs.csv", BY_IMAGE, by_image(a, b))])
    assert found.difference == pytest.approx(100 * (a.mean() - b.mean()))


def test_arms_that_only_guess_are_not_called_equivalent(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(arm, seed, at, at % 4, rng.integers(4))
            for arm in "xy" for seed in (1, 2, 3) for at in range(9000)]  # fmt: skip
    found = judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)], margin=3.0)
    assert found.kind == "inconclusive"
    assert "every run of x and y guesses among 4 classes" in found.sentence


def test_what_is_no_text_is_damaged(tmp_path: Path) -> None:
    for content in (b"\n\xff\xfe\x00", b'\nx,1,"' + b"9,9\n" * 100_000):
        (tmp_path / "runs.csv").write_bytes(b"arm,seed,accuracy,n" + content)
        with pytest.raises(DamagedData, match="runs.csv is no readable text"):
            judged([tmp_path / "runs.csv"])
    (tmp_path / "runs.csv").write_bytes("arm,seed,accuracy,n\n".encode("utf-16-le"))
    with pytest.raises(DamagedData, match="runs.csv has NUL bytes; write it as UTF-8"):
        judged([tmp_path / "runs.csv"])


def test_a_run_under_two_seeds_is_refused(tmp_path: Path) -> None:
    a = runs(0.6)
    rows = by_image(np.concatenate([a, a[:1]]), runs(0.5, start=1))
    with pytest.raises(ValueError, match="run 1 of old and run 4 of old get the same images right"):
        judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)])
    again = a[:1].copy()
    again[0, 5] = not again[0, 5]  # evaluated twice, and one image rounded otherwise
    rows = by_image(np.concatenate([a, again]), runs(0.5, start=1))
    with pytest.raises(ValueError, match=r"all but 1 of 400: they are one run"):
        judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)])


def test_runs_that_are_hardly_two_are_doubted(tmp_path: Path) -> None:
    """As the last checkpoints of one run, or one that was evaluated in another precision."""
    a, b = runs(0.6), runs(0.5, start=1)
    assert "get the same" not in judged([table(tmp_path / "r", BY_IMAGE, by_image(a, b))]).sentence
    a[2] = a[1]
    a[2, :9] = ~a[1, :9]
    said = judged([table(tmp_path / "runs.csv", BY_IMAGE, by_image(a, b))]).sentence
    assert said.endswith(
        "Runs 2 and 3 of old get the same images right but for 9 of 400, as checkpoints of one run "
        "do, which are no seeds"
    )


def test_epochs_are_no_seeds(tmp_path: Path) -> None:
    """A log of two runs, an accuracy an epoch."""
    curve = [(arm, at, 50 + 3 * at - at % 2, 1000) for arm in "xy" for at in range(5, 13)]
    said = judged([table(tmp_path / "log.csv", BY_RUN, curve)]).sentence
    assert said.count("follows the number of its seed, as over the epochs of one run") == 2
    long = [(f"{arm}\x1b[31m", 500 * at * "9", *cells) for arm, at, *cells in curve]
    said = judged([table(tmp_path / "log.csv", BY_RUN, long)]).sentence
    assert said.count("follows the number of its seed") == 2 and "of y\\x1b[31m follows" in said
    mixed = [(arm, at, 50 + at * 5 % 9, 1000) for arm in "xy" for at in range(1, 9)]
    six = [(arm, at, 50 + 3 * at, 1000) for arm in "xy" for at in range(1, 7)]  # or by chance
    one = [(arm, at, 50, 1000) for arm in "xy" for at in range(1, 9)]
    for rows in (mixed, six, one):
        said = judged([table(tmp_path / "runs.csv", BY_RUN, rows)]).sentence
        assert "follows" not in said


def test_a_run_that_only_guesses_is_said(tmp_path: Path) -> None:
    """It is in the mean of its arm, as one that diverged is not."""
    rows = by_image(runs(0.7), runs(0.6, start=1))
    guessed = [[*row[:4], "class 3"] if row[:2] == ["new", 2] else row for row in rows]
    said = judged([table(tmp_path / "runs.csv", BY_IMAGE, guessed)]).sentence
    assert said.endswith("1 of 6 runs guess among 7 classes, they learned nothing")
    assert "guess" not in judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)]).sentence


def test_labels_of_one_class_are_doubted(tmp_path: Path) -> None:
    """As a test split has them; not where a column says whether a run is right."""
    rng = np.random.default_rng(0)
    for classes, doubted in ((7, True), (2, False)):
        rows = [(arm, seed, at, 1, rng.integers(classes))
                for arm in "xy" for seed in (1, 2) for at in range(N)]  # fmt: skip
        said = judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)]).sentence
        assert ("All images have the label 1, as those of a split" in said) == doubted


def test_an_arm_that_is_right_throughout_is_doubted(tmp_path: Path) -> None:
    """As where the labels were written into the column of predictions."""
    sure, other = np.ones((3, N), bool), runs(0.4, start=1)
    by_run = [(arm, seed, 100 * one.mean(), N) for arm, every in (("old", sure), ("new", other))
              for seed, one in enumerate(every)]  # fmt: skip
    for columns, rows in ((BY_IMAGE, by_image(sure, other)), (BY_RUN, by_run)):
        said = judged([table(tmp_path / "runs.csv", columns, rows)]).sentence
        assert "Every run of old has every image right, as where labels are" in said
        assert "run of new has" not in said


def test_an_arm_that_is_a_copy_of_the_other_is_doubted(tmp_path: Path) -> None:
    """Of accuracies alone a copy under another name, in whatever order, looks equivalent."""
    for copy, doubted in (
        ((61.2, 61.3, 61.5), True), ((61.5, 61.2, 61.3), True), ((61.2, 61.3, 61.6), False),
    ):  # fmt: skip
        rows = [(arm, seed, one, 50_000) for arm, runs in (("x", (61.2, 61.3, 61.5)), ("y", copy))
                for seed, one in enumerate(runs)]  # fmt: skip
        found = judged([table(tmp_path / "runs.csv", BY_RUN, rows)], margin=2.0)
        assert found.kind == "equivalent"
        assert ("Both arms have the same accuracies" in found.sentence) == doubted


def test_a_verdict_on_accuracies_by_hand(tmp_path: Path) -> None:
    """The seeds' variances, and images that the arms are right on independently of each other."""
    x, y, n = (61.2, 62.4, 60.6), (55.0, 57.5), 1000
    rows = [(arm, seed, one, n) for arm, runs in (("x", x), ("y", y))
            for seed, one in enumerate(runs)]  # fmt: skip
    found = judged([table(tmp_path / "runs.csv", BY_RUN, rows)], margin=1.5)
    seeds = variance(x) / 3 + variance(y) / 2
    images = sum(mean(arm) * (100 - mean(arm)) / n for arm in (x, y)) + 1e4 * 2 / n**2
    seed_df = float(degrees.seed_degrees(variance(x) / 3, variance(y) / 2, 3, 2))
    df = float(degrees.total_degrees(seeds, seed_df, images, n))
    se, value = math.sqrt(seeds + images), mean(x) - mean(y)
    estimate = found.estimate
    assert estimate is not None
    assert (estimate.seed_variance, estimate.image_variance) == pytest.approx((seeds, images))
    assert (estimate.value, estimate.churn, estimate.df) == pytest.approx((value, 0.0, df))
    half = stats.t.ppf(0.975, df) * se
    assert found.interval == pytest.approx((value - half, value + half))
    assert found.p == pytest.approx(2 * stats.t.sf(value / se, df))
    assert found.equivalence_p == pytest.approx(stats.t.sf((1.5 - value) / se, df))
    assert (found.seeds, found.images, found.margin) == ((3, 2), 1000, 1.5)
    assert (found.alpha, found.later) == (0.05, (0.05,))
    assert (found.bootstrap, found.checkpoints) == ((-math.inf, math.inf), ())


def test_a_table_at_its_limits_is_judged(tmp_path: Path) -> None:
    """A hundred arms, two images, an accuracy of 0 and of 100, runs of 1 and of 20 percent."""
    many = [(f"x{arm}", seed, 50 + seed, 100) for arm in range(100) for seed in (1, 2)]
    assert len(judge_tables([table(tmp_path / "many.csv", BY_RUN, many)])) == 99
    for lowest, highest in ((0, 20), (1, 20), (1.5, 100)):
        rows = [(arm, seed, one, 200) for arm, runs in (("x", (lowest, 5)), ("y", (4, highest)))
                for seed, one in enumerate(runs)]  # fmt: skip
        found = judged([table(tmp_path / "runs.csv", BY_RUN, rows)])
        assert found.difference == pytest.approx((lowest + 5 - 4 - highest) / 2)
    two = [(arm, seed, 50 * seed, 2) for arm in "xy" for seed in (1, 2)]
    assert judged([table(tmp_path / "two.csv", BY_RUN, two)]).images == 2


def test_seven_seeds_in_order_are_epochs_and_certain_ones_no_copies(tmp_path: Path) -> None:
    """Of 5,040 orders of seven two are straight: p = 0.0004."""
    for up in (1, -1):
        rows = [(arm, at, 50 + (up if arm == "x" else 1) * 3 * (at if arm == "x" else at % 4), 1000)
                for arm in "xy" for at in range(8, 15)]  # fmt: skip
        said = judged([table(tmp_path / "runs.csv", BY_RUN, rows)]).sentence
        assert "The accuracy of x follows the number of its seed" in said and "of y" not in said
    sure = [(arm, seed, 100 if arm == "x" else 60 + seed, N) for arm in "xy" for seed in (1, 2)]
    said = judged([table(tmp_path / "sure.csv", BY_RUN, sure)]).sentence
    assert "Every run of x has every image right" in said and "have one accuracy" not in said


@pytest.mark.parametrize(
    ("text", "same"),
    [("7", "7"), ("07", "7"), ("7.0", "7"), ("7.", "7"), ("7,0", "7"), ("7,00", "7"), ("0", "0"),
     ("000", "0"), ("7,000", "7,000"), ("7.5", "7.5"), ("70", "70"), ("x7", "x7"), ("-7", "-7")],
)  # fmt: skip
def test_numbers_are_compared_as_numbers(text: str, same: str) -> None:
    assert as_compared(text) == same


@pytest.mark.parametrize("word", ["none", "NULL", "n/a", "NA", "??", "-1", "-0.5", "+inf", "<NA>"])
def test_a_word_for_nothing_is_no_prediction(tmp_path: Path, word: str) -> None:
    rows = [(arm, 1, i, i % 2, word if i == 5 else i % 2) for arm in "xy" for i in range(9)]
    with pytest.raises(ValueError, match="line 7: the prediction .* is no class; a run whose sco"):
        judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)])


@pytest.mark.parametrize("n", ["1,000", "1.000", "1'000", "1 000", "10.000.000"])
def test_a_number_of_images_has_no_separator(tmp_path: Path, n: str) -> None:
    rows = [(arm, seed, 50 + seed, n) for arm in "xy" for seed in (1, 2)]
    with pytest.raises(ValueError, match="line 2: n is .*; write it without a separator"):
        judged([table(tmp_path / "runs.csv", BY_RUN, rows)])


def test_seeds_may_all_have_names(tmp_path: Path) -> None:
    rows = [[arm, f"run {seed}", *cells]
            for arm, seed, *cells in by_image(runs(0.7), runs(0.4, start=1))]  # fmt: skip
    expected = verdict(runs(0.7), runs(0.4, start=1), names=("old", "new"))
    assert judged([table(tmp_path / "runs.csv", BY_IMAGE, rows)]) == expected


def test_a_table_of_images_goes_with_no_table_of_runs(tmp_path: Path) -> None:
    files = [table(tmp_path / "images.csv", BY_IMAGE, by_image(runs(0.7), runs(0.4, start=1))),
             table(tmp_path / "runs.csv", BY_RUN, [("old", 1, 50, N)])]  # fmt: skip
    for some in (files, files[::-1]):
        with pytest.raises(ValueError, match="^one file has a row for each image, another for eac"):
            judged(some)
