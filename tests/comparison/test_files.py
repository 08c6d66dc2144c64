"""Verdicts from prediction files: each is of a run of its own, of one arm, and of the same data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import made_up, scored

from imagenet_tools.cli import main as cli_main
from imagenet_tools.comparison import arms, run_files
from imagenet_tools.comparison.files import judge_files
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.results import judge
from imagenet_tools.comparison.run_result import read_result, write_result
from imagenet_tools.errors import DamagedData
from imagenet_tools.evaluation import scores

N = 300


def predicted(path: Path, run: int, *, label: Any = 0, nan: int = 0, **meta: Any) -> str:
    """A prediction file of a made-up run; runs of one number have equal predictions."""
    rng = np.random.default_rng(run)
    probability = -np.sort(-rng.dirichlet(np.ones(5), N).astype(np.float32), axis=1)
    probability[:nan] = np.nan
    found = scored(rng.random(N) > 0.6, np.full(N, label), probability=probability)
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
        ({"run": 1, "weights": 20 * "a"}, {"run": 2, "weights": 20 * "a"}, "weights a{12}"),
        ({"run": 1, "seed": 7, "step": 90}, {"run": 2, "seed": 7, "step": 90}, "seed 7"),
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
    assert (found.seeds, found.images, found.margin) == ((3, 2), N, 2.0)
    again = judge_files(a[:2], [predicted(tmp_path / f"x{run}", run) for run in (8, 9)])
    assert "x (a) less x (b) is" in again.sentence
    turned = judge_files(a, b[::-1], margin=2.0)
    assert turned.checkpoints == found.checkpoints and len(found.checkpoints) == 2
    assert again.checkpoints == ()  # no seed is shared
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run, seed=None) for run in (1, 2)]
            for first, arm in enumerate("xy"))  # fmt: skip
    assert judge_files(a, b).checkpoints == ()  # nor one that is not known, which was the first
    odd = predicted(tmp_path / "z1", 30, preprocessing="z\n\x1b[31m")
    assert "tell z\\n\\x1b[31m from y" in judge_files([odd], b).sentence


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
    judgement = judge(made, tmp_path / "runs")
    (contrast,) = judgement.contrasts
    assert [arm.pictures for arm in judgement.arms] == [2000, 2000]  # alexnet's files are older
    assert (contrast.verdict.near_duplicates, contrast.verdict.images) == (2000, 4000)
    assert contrast.a.group is not None and len(np.unique(contrast.a.group)) == 2000


def altered(path: Path, **changes: Any) -> None:
    """A prediction file with other arrays, and in `meta` other entries (None: without)."""
    found, meta = scores.read_predictions(path)
    entries = {**meta, **changes.pop("meta", {})}
    meta = {name: value for name, value in entries.items() if value is not None}
    scores.write_predictions(path, replace(found, **changes), meta)


HALF = np.full((N, 5), 0.5, np.float32)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rank": np.full(N, scores.UNRANKED)}, ValueError, "300 of 300 images are not finite"),
        ({"loss": np.full(N, np.nan, np.float32)}, ValueError, "300 of 300 images are not finite"),
        ({"rank": np.full(N, -1)}, DamagedData, "labels or ranks below 0"),
        ({"label": np.arange(N) - 1}, DamagedData, "labels or ranks below 0"),
        ({"rank": np.zeros(N)}, DamagedData, "rank is float64"),
        ({"rank": np.zeros(N - 1, int)}, DamagedData, r"rank is int64 \(299,\)"),
        ({"probability": 3 * HALF}, DamagedData, "probability has values outside 0 to 1"),
        ({"probability": HALF}, DamagedData, "or sums to more than 1"),
        (
            {"probability": np.tile(np.float32([0.1, 0.1, 0.2, 0.1, 0.1]), (N, 1))},
            DamagedData,
            "probability rises along the classes of an image",
        ),
        ({"key": np.full(N, "c/0")}, DamagedData, "an image is there twice"),
        ({"rank": np.zeros(N, int)}, DamagedData, r"c/\d+ has class 0, rank 0 .* says otherwise"),
        ({"rank": np.full(N, 7)}, DamagedData, "c/0 has class 0, rank 7 .* says otherwise"),
        ({"label": np.full(N, 3)}, DamagedData, "c/0 has class 3, rank .* says otherwise"),
        ({"top5": np.zeros((N, 5), int) + 9}, DamagedData, "c/0 has class 0, .* says otherwise"),
        ({"true_probability": np.ones(N)}, DamagedData, "and probability 1, and top5 .* says oth"),
        ({"group": np.zeros(7, int)}, DamagedData, r"group is int64 \(7,\)"),
        ({"meta": {"fingerprint": None}}, DamagedData, "x3 does not say its fingerprint"),
        ({"meta": {"recipe": ["epochs"]}}, DamagedData, "its meta is"),
        (
            {"top5": np.zeros((N, 0), int), "probability": HALF[:, :0]},
            DamagedData,
            r"top5 is .*0\)",
        ),
        (
            {"meta": {"image_size": 64}},
            ValueError,
            "x1 is of image_size 96 and .*x3 of image_",
        ),
        ({"meta": {"averaged": True}}, ValueError, "x1 is of averaged False and .*x3 of averaged"),
        ({"meta": {"model": "vgg_16"}}, ValueError, "x1 is of model alexnet_v2 and .*x3 of model"),
        ({"meta": {"step": 10}}, ValueError, "x1 is of step 90 and .*x3 of step 10: they are no"),
        ({"meta": {"seed": 1}}, ValueError, r"x1 and .*x3 are of one run \(seed 1\)"),
        (
            {"meta": {"recipe": {"epochs": 8, "batch_size": 32, "smoothing": 0.1}}},
            ValueError,
            r"x3 were trained by other recipes \(batch_size, epochs\): they are no seeds",
        ),
    ],
)
def test_what_cannot_be_a_seed_of_the_arm_is_refused(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    known = {"model": "alexnet_v2", "image_size": 96, "averaged": False, "step": 90,
             "recipe": {"epochs": 90, "batch_size": 64, "smoothing": 0.1}}  # fmt: skip
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run, seed=run, **known)
             for run in (1, 2, 3)] for first, arm in enumerate("xy"))  # fmt: skip
    altered(Path(a[2]), **changes)
    with pytest.raises(error, match=message):
        judge_files(a, b)


def test_what_speaks_against_a_verdict_is_said(tmp_path: Path) -> None:
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run, weights=f"{arm}{run}")
             for run in (1, 2, 3)] for first, arm in enumerate("xy"))  # fmt: skip
    assert judge_files(a, b).sentence.endswith("settle it")
    blind = vars(scored(np.zeros(N, int), probability=HALF / 2.5))
    altered(Path(a[0]), **blind, meta={"step": 90})
    altered(Path(b[0]), meta={"step": 9000, "weights": None, "data": None})
    said = judge_files(a, b).sentence
    assert f"{a[0]}: all 300 images get the same scores" in said
    assert f"{b[0]} does not say of which data and weights it is" in said
    assert said.endswith(f"{a[0]} is of step 90 and {b[0]} of step 9000")
    for file in (*a, *b):
        altered(Path(file), meta={"split": "train"})
    altered(Path(b[1]), meta={"trained": "xxxx"})
    said = judge_files(a, b).sentence
    assert f"{b[1]} is of a net that was trained under another pipeline (xxxx)" in said
    assert said.endswith("These are images of the training split, which nets know by heart")


def test_no_files_and_no_images_are_no_arm(tmp_path: Path) -> None:
    one = predicted(tmp_path / "x1", 1)
    with pytest.raises(ValueError, match="an arm needs one file or more"):
        judge_files([one], [])
    found, meta = scores.read_predictions(one)
    none = {name: value[:0] for name, value in vars(found).items() if value is not None}
    scores.write_predictions(one, scores.Predictions(**none), meta)
    with pytest.raises(ValueError, match="x1 has no images"):
        judge_files([one], [one])


def test_objects_are_no_predictions(tmp_path: Path) -> None:
    """As lists of text become that are saved as they are."""
    one = predicted(tmp_path / "x1", 1)
    with np.load(one) as stored:
        arrays = dict(stored)
    np.savez(tmp_path / "x2.npz", **{**arrays, "key": arrays["key"].astype(object)})
    with pytest.raises(DamagedData, match="x2.npz .*an array of Python objects; give text as"):
        judge_files([tmp_path / "x2.npz"], [one])


def test_a_result_that_was_edited_is_refused(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    own = run_files.run_folder(tmp_path, "inception", 2)
    sound = read_result(own)
    told = sound.evaluations["inception"]
    for change in (
        {"metrics": {**told.metrics, "top1": 99.0}},
        {"metrics": {**told.metrics, "top5": 99.0}},
        {"not_finite": 0, "n": 3999},
        {"not_finite": 1, "first_not_finite": "c/1"},  # which would leave a sound run out
    ):
        evaluations = {**sound.evaluations, "inception": replace(told, **change)}
        write_result(own, replace(sound, evaluations=evaluations))
        with pytest.raises(ValueError, match=r"seed-2.*one of them was altered"):
            judge(made, tmp_path)
    write_result(own, replace(sound, training=replace(sound.training, diverged=True)))
    with pytest.raises(DamagedData, match="a run that diverged has no evaluations"):
        judge(made, tmp_path)
    write_result(own, replace(sound, plan=[1]))
    with pytest.raises(DamagedData, match=r"seed-2/result.json is not as it was written .*plan is"):
        judge(made, tmp_path)
    write_result(own, replace(sound, training=replace(sound.training, steps=made.steps - 1)))
    message = rf"seed-2 is a run of {made.steps - 1} steps; this comparison's have {made.steps}"
    with pytest.raises(ValueError, match=message):
        judge(made, tmp_path)


def test_a_run_that_was_evaluated_twice_is_one(tmp_path: Path) -> None:
    """Without an identity, and with other roundings; two runs that differ a little more are two."""
    a, b = (
        [predicted(tmp_path / f"{arm}{at}", at) for at in runs]
        for arm, runs in (("x", (1, 2)), ("y", (5, 6)))
    )
    found, meta = scores.read_predictions(a[0])
    unknown = {**meta, "seed": None, "weights": None}
    for share, same in ((1e-4, True), (0.05, False)):
        others = scored(found.rank, probability=found.probability * np.float32(1 - share))
        loss = -np.log(others.true_probability)
        scores.write_predictions(a[1], replace(others, loss=loss), unknown)
        if same:
            with pytest.raises(ValueError, match="one run .equal predictions but for rounding"):
                judge_files(a, b)
        else:
            assert judge_files(a, b).seeds == (2, 2)


def test_nets_that_guess_are_no_copies_of_each_other(tmp_path: Path) -> None:
    """Their chances are all near 1 / 10, and so near each other's."""
    files = []
    for number, name in enumerate(("x1", "x2", "y1", "y2")):
        path = tmp_path / name
        predicted(path, number)
        found, meta = scores.read_predictions(path)
        noise = np.random.default_rng(number).normal(0, 1e-4, N).astype(np.float32)
        loss = np.float32(np.log(10)) + noise
        others = scored(found.rank, probability=np.tile(np.exp(-loss)[:, np.newaxis], 5))
        scores.write_predictions(path, replace(others, loss=loss), meta)
        files.append(path)
    assert judge_files(files[:2], files[2:]).seeds == (2, 2)


def as_bfloat16(values: np.ndarray) -> np.ndarray:
    """Rounded to the 8 digits that a bfloat16 has, to the nearest, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize("kind", [np.float16, as_bfloat16], ids=["float16", "bfloat16"])
def test_probabilities_of_half_the_precision_are_judged(tmp_path: Path, kind: Any) -> None:
    """A net that is sure has chances of 0 in float16, and in bfloat16 a sum of up to 1.004."""
    files, ranks = [], []
    for number, name in enumerate(("x1", "x2", "y1", "y2")):
        rng = np.random.default_rng(number)
        sharp = np.exp(-np.sort(20 * rng.random((N, 5))))
        probability = kind(sharp / sharp.sum(axis=1, keepdims=True))
        ranks.append((rng.random(N) > 0.6).astype(int) * 4)
        found = replace(scored(ranks[-1], probability=probability), loss=None)
        assert (found.true_probability == 0).any() == (kind is np.float16)
        assert (probability.sum(axis=1) > 1.002).any() == (kind is not np.float16)
        files.append(tmp_path / name)
        meta = {"preprocessing": name[0], "fingerprint": name[0]}
        scores.write_predictions(files[-1], found, meta)
        assert scores.read_predictions(files[-1])[0].losses.max() <= 69.1
    accuracy = [100 * np.mean(rank == 0) for rank in ranks]
    judged = judge_files(files[:2], files[2:])
    assert judged.difference == pytest.approx(np.mean(accuracy[:2]) - np.mean(accuracy[2:]))


def test_arms_that_only_guess_are_not_called_equivalent(tmp_path: Path) -> None:
    files = []
    for number, name in enumerate(("x1", "x2", "y1", "y2")):
        files.append(predicted(tmp_path / name, number))
        rank, label = np.random.default_rng(number).integers(0, 4, N), np.arange(N) % 4
        guesses = scored(rank, label)
        order = (label - rank)[:, np.newaxis] + np.arange(5)
        top5 = np.where(np.arange(5) == 4, 4, order % 4)
        altered(Path(files[-1]), **vars(replace(guesses, top5=top5)))
    judged = judge_files(files[:2], files[2:], margin=20.0)
    assert judged.kind == "inconclusive"
    assert "every run of x and y guesses among 4 classes" in judged.sentence


def test_nets_that_see_nothing_may_agree(tmp_path: Path) -> None:
    """Three nets that give every image the same answer are three runs."""
    files = []
    for name in ("x1", "x2", "y1", "y2"):
        same = np.tile(np.float32([0.2] * 5), (N, 1))
        label = np.arange(N, dtype=np.int32) % 3
        found = replace(scored(label, label, probability=same), top5=np.tile(np.arange(5), (N, 1)))
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
        (
            {"label": 1},
            r"x3 is of other labels \(all by \+1, as under another --labels-offset\) than",
        ),
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


def test_files_of_other_images_or_in_another_order_are_named(tmp_path: Path) -> None:
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run, label=np.arange(N) % 5)
             for run in (1, 2)] for first, arm in enumerate("xy"))  # fmt: skip
    found, meta = scores.read_predictions(b[1])
    kept = {name: value for name, value in vars(found).items() if value is not None}
    for part, message in (
        (slice(None, None, -1), r"y2 is of other images \(the same in another order; sort them"),
        (slice(100), r"y2 is of other images \(100, not 300\) than .*x1"),
    ):
        fewer = {name: value[part] for name, value in kept.items()}
        scores.write_predictions(b[1], scores.Predictions(**fewer), meta)
        with pytest.raises(ValueError, match=message):
            judge_files(a, b)


def test_a_net_that_counts_its_classes_otherwise_is_refused(tmp_path: Path) -> None:
    """It would lose to any other, be it right of all images."""
    label = np.arange(N) % 5
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run, label=label)
             for run in (1, 2)] for first, arm in enumerate("xy"))  # fmt: skip
    shifted = dict(vars(scored(np.zeros(N, int), (label + 1) % 5)))
    shifted |= {"label": label, "rank": np.full(N, 5), "true_probability": np.full(N, 0.05)}
    shifted["top5"] += np.array([0, 9, 9, 9, 9])
    altered(Path(b[1]), **shifted)
    with pytest.raises(ValueError, match="y2 has 0 of 300 images right, and 300 if its classes ar"):
        judge_files(a, b)


def test_a_net_of_more_classes_than_the_images_have_is_judged(tmp_path: Path) -> None:
    """Of 1,000: one collapsed, one gives half the images of a class to another that none has."""
    label = np.arange(N) % 10
    a, b = ([predicted(tmp_path / f"{arm}{run}", 10 * first + run, label=label)
             for run in (1, 2)] for first, arm in enumerate("xy"))  # fmt: skip
    sound, at = vars(scored(np.full(N, 5), label)), np.arange(N) % 20
    weak = np.where(label == 3, np.where(at == 3, 731, 5), label)
    for file, one in ((a[1], np.full(N, 731)), (b[1], weak)):
        rank = np.where(one == label, 0, 5)
        top5 = np.column_stack([one, np.tile(np.arange(900, 904), (N, 1))])
        true = np.where(rank, 0.05, sound["probability"][:, 0])
        altered(Path(file), **{**sound, "top5": top5, "rank": rank, "true_probability": true})
    said = judge_files(a, b).sentence
    assert "1 of 4 runs guess among 10 classes, they learned nothing" in said


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


def test_a_run_on_other_images_is_refused(tiny_records: Path, tmp_path: Path) -> None:
    """Of the same data, in another order: which images the arms agree on would be made up."""
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    arms.run_all(made, tmp_path, tiny_records, launch=made_up(made))
    file = run_files.run_folder(tmp_path, "inception", 2) / run_files.predictions_file("inception")
    found, meta = scores.read_predictions(file)
    scores.write_predictions(file, replace(found, key=found.key[::-1]), meta)
    with pytest.raises(ValueError, match=r"inception/seed-2.* is of other images \(the same in"):
        judge(made, tmp_path)
    scores.write_predictions(file, found, meta)
    result = read_result(file.parent)
    # The mean under another path would be of the other seed alone.
    write_result(file.parent, replace(result, evaluations=dict([*result.evaluations.items()][:2])))
    with pytest.raises(ValueError, match=r"result.json was evaluated under inception, alexnet, se"):
        judge(made, tmp_path)
    for contrasts in ((), (("alexnet", "alexnet"),), (("alexnet", "vgg"),)):
        with pytest.raises(ValueError, match="one contrast or more|no two of the arms"):
            replace(made, contrasts=contrasts)
