"""Judge runs from a table, whatever trained them: a row an image, or a row a run.

arm,seed,image,label,prediction     which class a run gave each image
arm,seed,accuracy,n                 percent right of n images; a coarser verdict
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from imagenet_tools import storage
from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.statistics import Difference
from imagenet_tools.comparison.verdicts import Verdict, concluded, verdict

BY_IMAGE, BY_RUN = ("arm", "seed", "image", "label", "prediction"), ("arm", "seed", "accuracy", "n")
Run = tuple[str, str]  # arm and seed


def judge_tables(files: Sequence[storage.AnyPath], margin: float = 0.5) -> Verdict:
    """Judge the two arms of CSV files, the first that is named against the second.

    Every file has the columns of BY_IMAGE or of BY_RUN, in any order; others are not looked at.
    Raises ValueError naming the file and the line of what is missing, given twice or no number, and
    what two runs do not have in common.
    """
    rows = [row for file in files for row in _rows(file)]
    by_image = "image" in rows[0][1]
    if any(("image" in row) is not by_image for _, row in rows):
        raise ValueError("one file has a row for each image, another for each run; give one kind")
    names = list(dict.fromkeys(row["arm"] for _, row in rows))
    if len(names) != 2:
        raise ValueError(f"a verdict is about two arms; here are {len(names)}: {', '.join(names)}")
    return (_by_image if by_image else _by_run)(rows, (names[0], names[1]), margin)


def _rows(file: storage.AnyPath) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(where, row) of a file, with the columns of one kind filled throughout."""
    with (
        storage.local_copy(file) as local,
        Path(local).open(newline="", encoding="utf-8-sig") as it,
    ):
        reader = csv.DictReader(it)
        there = reader.fieldnames or ()
        columns = BY_IMAGE if "image" in there else BY_RUN
        if missing := [name for name in columns if name not in there]:
            raise ValueError(
                f"{file} has no column {missing[0]!r} (it has {', '.join(there) or 'none'}); a "
                f"table has {', '.join(BY_IMAGE)}, or {', '.join(BY_RUN)}"
            )
        empty = True
        for row in reader:
            where = f"{file}, line {reader.line_num}"
            values = {name: (row[name] or "").strip() for name in columns}
            if blank := [name for name, value in values.items() if not value]:
                raise ValueError(f"{where}: {blank[0]} is empty")
            empty = False
            yield where, values
    if empty:
        raise ValueError(f"{file} has no rows below its header")


def _by_image(
    rows: Sequence[tuple[str, Mapping[str, str]]], names: tuple[str, str], margin: float
) -> Verdict:
    labels: dict[str, str] = {}
    runs: dict[Run, dict[str, bool]] = defaultdict(dict)
    for where, row in rows:
        image, label, run = row["image"], row["label"], (row["arm"], row["seed"])
        if labels.setdefault(image, label) != label:
            raise ValueError(f"{where}: the label of {image} is {label}, above {labels[image]}")
        if image in runs[run]:
            raise ValueError(f"{where}: {run[0]} seed {run[1]} has {image} twice")
        runs[run][image] = row["prediction"] == label
    for (arm, seed), seen in runs.items():
        if missing := labels.keys() - seen.keys():
            raise ValueError(
                f"{arm} seed {seed} has no row for {len(missing):,} of {len(labels):,} images, "
                f"among them {min(missing)}; every run sees the same images"
            )
    a, b = (
        np.array(
            [[run[image] for image in labels] for (arm, _), run in runs.items() if arm == name]
        )
        for name in names
    )
    return verdict(a, b, margin, names=names)


def _by_run(
    rows: Sequence[tuple[str, Mapping[str, str]]], names: tuple[str, str], margin: float
) -> Verdict:
    accuracy: dict[Run, float] = {}
    counts: set[int] = set()
    for where, row in rows:
        run = row["arm"], row["seed"]
        if run in accuracy:
            raise ValueError(f"{where}: {run[0]} seed {run[1]} is there twice")
        accuracy[run] = _number(where, "accuracy", row["accuracy"])
        if not 0 <= accuracy[run] <= 100:
            raise ValueError(f"{where}: accuracy is {accuracy[run]:g}; it is in percent, 0 to 100")
        counts.add(int(_number(where, "n", row["n"])))
    if len(counts) > 1 or min(counts) < 2:
        said = ", ".join(f"{n:,}" for n in sorted(counts))
        raise ValueError(f"n is {said}; all runs see the same images, 2 or more")
    if max(accuracy.values()) <= 1:
        raise ValueError(
            f"the highest accuracy is {max(accuracy.values()):g} %; a share of 0..1 is given "
            "times 100"
        )
    a, b = (np.array([v for (arm, _), v in accuracy.items() if arm == name]) for name in names)
    return _coarse(a, b, counts.pop(), margin, names)


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: {name} is {text!r}, which is no finite number")
    return value


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
    seed_a, seed_b = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    means = [float(arm.mean()) for arm in (a, b)]
    floor = 1e4 * statistics.EXTRA_IMAGES / images**2
    image_variance = sum(mean * (100 - mean) for mean in means) / images + floor
    seed_df = float(statistics.seed_degrees(seed_a, seed_b, len(a), len(b)))
    estimate = Difference(
        value=means[0] - means[1],
        seed_variance=seed_a + seed_b,
        image_variance=image_variance,
        churn=0.0,
        seed_df=seed_df,
        df=float(statistics.total_degrees(seed_a + seed_b, seed_df, image_variance, images)),
        mean_a=means[0],
        mean_b=means[1],
        sd_a=float(a.std(ddof=1)),
        sd_b=float(b.std(ddof=1)),
        run_variance=float(a.var(ddof=1) + b.var(ddof=1)) + floor,
    )
    judged = Verdict(
        kind="inconclusive", sentence="", difference=estimate.value, margin=margin, alpha=0.05,
        later=(0.05,), seeds=(len(a), len(b)), images=images, interval=estimate.interval(),
        p=estimate.p, equivalence_p=estimate.equivalence_p(margin),
        chance_a_beats_b=estimate.chance_a_beats_b, estimate=estimate,
    )  # fmt: skip
    return concluded(judged, names)
