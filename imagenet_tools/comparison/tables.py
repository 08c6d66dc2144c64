"""Judge runs from a table, whatever trained them: a row an image, or a row a run.

arm,seed,image,label,prediction     which class a run gave each image
arm,seed,accuracy,n                 percent right of n images; a coarser verdict
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np
from scipy import stats

from imagenet_tools import storage
from imagenet_tools.comparison import class_names, copies, statistics
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.table_rows import (
    WHOLE,
    Rows,
    as_compared,
    check_classes,
    check_seeds,
    number,
    read_rows,
)
from imagenet_tools.comparison.verdicts import adjusted, against_first, estimated, of_given
from imagenet_tools.raw.intake import spelling

MOST_ARMS = 100  # what has more is no column of arms
SHARE = 20.0  # percent; beside a run above it one of at most 1 is taken for a share of 0..1
ROUNDED = 0.005  # of the images that are wrong; two seeds differ on a third of them or more
# Kendall's p-value below which accuracy follows the number of the seed: of 1,000 pairs of arms that
# have more than six seeds, less than one does by chance; six in order have p = 0.003.
TREND = 0.0005
_SEPARATED = re.compile(r"[0-9]{1,3}([.,' ][0-9]{3})+", re.ASCII)
Run = tuple[str, str]  # arm and seed


def judge_tables(
    files: Sequence[storage.AnyPath], margin: float = 0.5
) -> dict[tuple[str, str], Verdict]:
    """The verdicts on the first arm that CSV files name against each other one, by both names.

    Every file has the columns of BY_IMAGE or of BY_RUN, in any order, between commas, semicolons,
    tabs or bars; others are not looked at, nor is a header that is there again. Several verdicts
    are adjusted by Holm. What speaks against one is added to its sentence. Raises ValueError naming
    the file and the line of what is missing, given twice or no number, what two runs do not have in
    common, and predictions in other names or numbers than the labels'. DamagedData where a file is
    no text.
    """
    rows = [row for file in files for row in read_rows(file)]
    by_image = "image" in rows[0][1]
    if any(("image" in row) is not by_image for _, row in rows):
        raise ValueError("one file has a row for each image, another for each run; give one kind")
    names = list(dict.fromkeys(row["arm"] for _, row in rows))
    spelt: dict[str, str] = {}
    for name in names:
        if (other := spelt.setdefault(spelling(as_compared(name)), name)) != name:
            raise ValueError(
                f"the arms {other!r} and {name!r} differ in spelling alone; give them one name, or "
                "two that differ"
            )
    if not 2 <= len(names) <= MOST_ARMS:
        some = ", ".join([*names[:5], *["..."] * (len(names) > 5)])
        raise ValueError(
            f"a verdict is about two arms, or one and up to {MOST_ARMS - 1} others; here are "
            f"{len(names):,}: {some}"
        )
    check_seeds(rows)
    judged = (_by_image if by_image else _by_run)(rows, names, margin)
    return dict(zip(against_first(names), judged, strict=True))


def _run(row: Mapping[str, str]) -> Run:
    return row["arm"], as_compared(row["seed"])


def _by_image(rows: Rows, names: Sequence[str], margin: float) -> list[Verdict]:
    check_classes(rows)
    labels: dict[str, str] = {}
    runs: dict[Run, dict[str, str]] = defaultdict(dict)
    for where, row in rows:
        image, label, run = row["image"], as_compared(row["label"]), _run(row)
        if labels.setdefault(image, label) != label:
            raise ValueError(f"{where}: the label of {image} is {label}, above {labels[image]}")
        if image in runs[run]:
            raise ValueError(f"{where}: {run[0]} seed {run[1]} has {image} twice")
        runs[run][image] = as_compared(row["prediction"])
    for (arm, seed), seen in runs.items():
        if missing := labels.keys() - seen.keys():
            raise ValueError(
                f"{arm} seed {seed} has no row for {len(missing):,} of {len(labels):,} images, "
                f"among them {min(missing)} (it has {min(seen)}); every run sees the same images, "
                "under one name each"
            )
        class_names.check(f"{arm} seed {seed}", seen, labels)
    right = {run: [seen[image] == label for image, label in labels.items()]
             for run, seen in runs.items()}  # fmt: skip
    arms = [np.array([right[run] for run in runs if run[0] == name]) for name in names]
    seeds = [[seed for arm, seed in runs if arm == name] for name in names]
    copies.refuse(arms, names, ROUNDED)
    known = np.array([*labels.values()])
    judged = of_given(arms, known, margin, names=names, seeds=seeds)
    accuracy = _by_arm({run: 100 * float(np.mean(one)) for run, one in right.items()})
    named = {prediction for seen in runs.values() for prediction in seen.values()}
    of_all = []
    if len({*known}) == 1 and len(named) > 2:
        of_all.append(
            f"All images have the label {known[0]}, as those of a split whose labels are not known"
        )
    return [
        one.doubted(*copies.doubted((arms[0], arm), pair), *_doubts(accuracy, pair), *of_all)
        for one, arm, pair in zip(judged, arms[1:], against_first(names), strict=True)
    ]


def _by_arm(accuracy: Mapping[Run, float]) -> dict[str, dict[str, float]]:
    """Arm -> seed -> accuracy."""
    arms: dict[str, dict[str, float]] = defaultdict(dict)
    for (arm, seed), one in accuracy.items():
        arms[arm][seed] = one
    return arms


def _doubts(accuracy: Mapping[str, Mapping[str, float]], pair: tuple[str, str]) -> Iterator[str]:
    """Which of two arms is right on every image in every run, and whose accuracy follows the number
    of the seed."""
    for arm in pair:
        if min(accuracy[arm].values()) == 100:
            yield (
                f"Every run of {arm} has every image right, as where labels are written down as "
                "predictions"
            )
    for arm in pair:
        seeds = sorted(accuracy[arm], key=lambda one: (len(one), one))
        if len(seeds) < 2 or not all(map(WHOLE.fullmatch, seeds)):
            continue
        in_order = [accuracy[arm][seed] for seed in seeds]
        if stats.kendalltau(range(len(in_order)), in_order).pvalue < TREND:
            yield (
                f"The accuracy of {arm} follows the number of its seed, as over the epochs of one "
                "run, which are no seeds"
            )


def _by_run(rows: Rows, names: Sequence[str], margin: float) -> list[Verdict]:
    accuracy: dict[Run, float] = {}
    broken = ""
    counts: set[int] = set()
    for where, row in rows:
        run = _run(row)
        if run in accuracy:
            raise ValueError(f"{where}: {run[0]} seed {run[1]} is there twice")
        percent = row["accuracy"].replace(",", ".").removesuffix("%").rstrip()
        accuracy[run] = number(where, "accuracy", percent)
        if not 0 <= accuracy[run] <= 100:
            raise ValueError(f"{where}: accuracy is {percent}; it is in percent, 0 to 100")
        if _SEPARATED.fullmatch(row["n"]):
            raise ValueError(f"{where}: n is {row['n']!r}; write it without a separator")
        n = number(where, "n", row["n"])
        if not (n.is_integer() and n < 2**53):
            raise ValueError(f"{where}: n is {n:g}; it is a number of images")
        counts.add(int(n))
        if not broken and not _whole(percent, accuracy[run], n):
            broken = f"{where}: {accuracy[run]:g} % of {n:,.0f} images is no whole number of them"
    if len(counts) > 1 or min(counts) < 2:
        said = ", ".join(f"{n:,}" for n in sorted(counts))
        raise ValueError(f"n is {said}; all runs see the same images, 2 or more")
    least, most = min(accuracy.values()), max(accuracy.values())
    if most <= 1:
        raise ValueError(f"the highest accuracy is {most:g} %; a share of 0..1 is given times 100")
    if least <= 1 and most > SHARE:
        raise ValueError(
            f"there are runs of {least:g} % and {most:g} %; a share of 0..1 is given times 100, "
            "and a run that diverged is left out and named"
        )
    by_arm, pairs = _by_arm(accuracy), against_first(names)
    arms = {name: np.array([*by_arm[name].values()]) for name in names}
    alone = [_coarse(arms[a], arms[b], min(counts), margin, (a, b)) for a, b in pairs]
    known = [broken] if broken else []
    return [
        one.doubted(*_alike(by_arm, pair), *known, *_doubts(by_arm, pair))
        for one, pair in zip(adjusted(alone, pairs), pairs, strict=True)
    ]


def _whole(text: str, accuracy: float, n: float) -> bool:
    """Whether so many percent of n can be whole images, as far as its digits go."""
    last = 10.0 ** min(2, int(Decimal(text).as_tuple().exponent))
    images = accuracy * n / 100
    return abs(images - round(images)) <= (last / 2 + 1e-6 * accuracy) * n / 100


def _coarse(
    a: np.ndarray, b: np.ndarray, images: int, margin: float, names: tuple[str, str]
) -> Verdict:
    """Judge accuracies in percent, one a seed.

    Which images a run got right is not known, nor how far the arms agree on them: what other images
    would change is taken as that of arms that agree no more than chance has it, which is too much.
    """
    for name, arm in zip(names, (a, b), strict=True):
        if len(arm) < 2:
            raise ValueError(
                f"{name} has one seed; a verdict on accuracies takes 2 or more of each"
            )
    of_images = sum(float(arm.mean()) * (100 - float(arm.mean())) for arm in (a, b)) / images
    judged = Verdict(
        margin=margin, alpha=0.05, later=(0.05,), seeds=(len(a), len(b)), images=images
    )
    estimate = statistics.of_accuracies(a, b, of_images, images, known=images)
    return estimated(judged, estimate, names)


def _alike(accuracy: Mapping[str, Mapping[str, float]], pair: tuple[str, str]) -> Iterator[str]:
    """Which of two arms do not vary, and whether they are one."""
    for name in pair:
        one, *others = accuracy[name].values()
        if {one} == {*others} and 0 < one < 100:
            count = len(accuracy[name])
            yield f"the {count} runs of {name} have one accuracy; copies of a run are no seeds"
    of_a, of_b = (sorted(accuracy[name].values()) for name in pair)
    if of_a == of_b:
        yield "Both arms have the same accuracies; a copy of an arm is no second one"
