"""Judge runs from a table, whatever trained them: a row an image, or a row a run.

arm,seed,image,label,prediction     which class a run gave each image
arm,seed,accuracy,n                 percent right of n images; a coarser verdict
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from scipy import stats

from imagenet_tools import storage
from imagenet_tools.comparison import class_names, copies, statistics
from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.verdicts import estimated, of_given
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw.intake import composed, printable, readable, spelling, text_of

BY_IMAGE, BY_RUN = ("arm", "seed", "image", "label", "prediction"), ("arm", "seed", "accuracy", "n")
SHARE = 20.0  # percent; beside a run above it one of at most 1 is taken for a share of 0..1
ROUNDED = 0.005  # of the images that are wrong; two seeds differ on a third of them or more
# Kendall's p-value below which accuracy follows the number of the seed: of 1,000 pairs of arms that
# have more than six seeds, less than one does by chance; six in order have p = 0.003.
TREND = 0.0005
_WHOLE = re.compile(r"0*([0-9]+)(?:\.0*|,0{1,2})?", re.ASCII)
_NOT_FINITE = re.compile(r"nan|#n/?a|<na>|[+-]?inf", re.IGNORECASE)
_NO_CLASS = re.compile(r"none|null|n/?a|[?]+|-[0-9.]+", re.IGNORECASE)  # or one of that name
_SEPARATED = re.compile(r"[0-9]{1,3}([.,' ][0-9]{3})+", re.ASCII)
Run = tuple[str, str]  # arm and seed
Rows = Sequence[tuple[str, Mapping[str, str]]]  # where each stands, and its cells


def judge_tables(files: Sequence[storage.AnyPath], margin: float = 0.5) -> Verdict:
    """Judge the two arms of CSV files, the first that is named against the second.

    Every file has the columns of BY_IMAGE or of BY_RUN, in any order, between commas, semicolons,
    tabs or bars; others are not looked at, nor is a header that is there again. What speaks against
    the verdict is added to its sentence. Raises ValueError naming the file and the line of what is
    missing, given twice or no number, what two runs do not have in common, and predictions in other
    names or numbers than the labels'. DamagedData where a file is no text.
    """
    rows = [row for file in files for row in _rows(file)]
    by_image = "image" in rows[0][1]
    if any(("image" in row) is not by_image for _, row in rows):
        raise ValueError("one file has a row for each image, another for each run; give one kind")
    names = list(dict.fromkeys(row["arm"] for _, row in rows))
    spelt: dict[str, str] = {}
    for name in names:
        if (other := spelt.setdefault(spelling(_class(name)), name)) != name:
            raise ValueError(
                f"the arms {other!r} and {name!r} differ in spelling alone; give them one name, or "
                "two that differ"
            )
    if len(names) != 2:
        some = ", ".join([*names[:5], *["..."] * (len(names) > 5)])
        raise ValueError(f"a verdict is about two arms; here are {len(names):,}: {some}")
    _check_seeds(rows)
    return (_by_image if by_image else _by_run)(rows, (names[0], names[1]), margin)


def _rows(file: storage.AnyPath) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(where, row) of a file, with the columns of one kind filled throughout."""
    with storage.local_copy(file) as local:
        # Macs write an accent as a sign of its own; files that are put together keep their marks.
        text = composed(text_of(Path(local)).replace("\ufeff", ""))
        if "\0" in text:
            raise DamagedData(f"{file} has NUL bytes; write it as UTF-8 text")
        header = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text), delimiter=max(",;\t|", key=header.count))
        with readable(Path(local)):
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    there = _names(lines[0][1]) if lines else []
    columns = BY_IMAGE if "image" in there else BY_RUN
    if twice := [name for name in columns if there.count(name) > 1]:
        raise ValueError(f"{file} has the column {twice[0]!r} {there.count(twice[0])} times")
    if missing := [name for name in columns if name not in there]:
        raise ValueError(
            f"{file} has no column {missing[0]!r} (it has {', '.join(there) or 'none'}); a "
            f"table has {', '.join(BY_IMAGE)}, or {', '.join(BY_RUN)}"
        )
    for number, cells in lines[1:]:
        if _names(cells) == there:  # where files were put together, one after another
            continue
        where = f"{file}, line {number}"
        row = dict(zip(there, (printable(" ".join(cell.split())) for cell in cells), strict=False))
        if any(cells[len(there) :]):
            raise ValueError(
                f"{where}: {len(cells)} cells under {len(there)} columns; a cell with a comma in "
                "it, as 75,5, goes between quotes, and numbers of rows have a heading"
            )
        if blank := [name for name in columns if not row.get(name)]:
            raise ValueError(f"{where}: {blank[0]} is empty")
        yield where, row
    if not lines[1:]:
        raise ValueError(f"{file} has no rows below its header")


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _check_seeds(rows: Rows) -> None:
    """Raise ValueError where some seeds are numbers and some are not: a mean is no run."""
    words = [(where, row["seed"]) for where, row in rows if not _WHOLE.fullmatch(row["seed"])]
    if words and len(words) < len(rows):
        where, seed = words[0]
        raise ValueError(
            f"{where}: the seed is {seed!r}, those of other rows are numbers; a mean or a "
            "deviation of runs is no run, and stands in no table of them"
        )


def _check_classes(rows: Rows) -> None:
    """Raise ValueError where a label or prediction is none: not finite, or a word for nothing, or a
    number below 0, that the other column never has. Some data have a class `none`, or -1 and 1."""
    named = {name: {row[name] for _, row in rows} for name in ("label", "prediction")}
    both = named["label"] & named["prediction"]
    for name, remedy in (
        ("label", "an image without one is left out of every run"),
        ("prediction", "a run whose scores are not finite diverged, and is left out and named"),
    ):
        none = {*filter(_NOT_FINITE.fullmatch, named[name])}
        none |= {*filter(_NO_CLASS.fullmatch, named[name] - both)}
        if none:
            where, text = next((where, row[name]) for where, row in rows if row[name] in none)
            raise ValueError(f"{where}: the {name} {text!r} is no class; {remedy}")


def _run(row: Mapping[str, str]) -> Run:
    return row["arm"], _class(row["seed"])


def _by_image(rows: Rows, names: tuple[str, str], margin: float) -> Verdict:
    _check_classes(rows)
    labels: dict[str, str] = {}
    runs: dict[Run, dict[str, str]] = defaultdict(dict)
    for where, row in rows:
        image, label, run = row["image"], _class(row["label"]), _run(row)
        if labels.setdefault(image, label) != label:
            raise ValueError(f"{where}: the label of {image} is {label}, above {labels[image]}")
        if image in runs[run]:
            raise ValueError(f"{where}: {run[0]} seed {run[1]} has {image} twice")
        runs[run][image] = _class(row["prediction"])
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
    a, b = (np.array([right[run] for run in runs if run[0] == name]) for name in names)
    of_a, of_b = ([seed for arm, seed in runs if arm == name] for name in names)
    copies.refuse(a, b, names, ROUNDED)
    known = np.array([*labels.values()])
    judged = of_given((a, b), known, margin, names=names, seeds=(of_a, of_b))
    accuracy = {run: 100 * float(np.mean(one)) for run, one in right.items()}
    said = [*copies.doubted((a, b), names), *_too_good(accuracy), *_in_a_row(accuracy)]
    named = {prediction for seen in runs.values() for prediction in seen.values()}
    if len({*known}) == 1 and len(named) > 2:
        said.append(
            f"All images have the label {known[0]}, as those of a split whose labels are not known"
        )
    return judged.doubted(*said)


def _by_arm(accuracy: Mapping[Run, float]) -> dict[str, dict[str, float]]:
    """Arm -> seed -> accuracy."""
    arms: dict[str, dict[str, float]] = defaultdict(dict)
    for (arm, seed), one in accuracy.items():
        arms[arm][seed] = one
    return arms


def _too_good(accuracy: Mapping[Run, float]) -> Iterator[str]:
    """Arms that are right on every image in every run."""
    for arm, of_arm in _by_arm(accuracy).items():
        if min(of_arm.values()) == 100:
            yield (
                f"Every run of {arm} has every image right, as where labels are written down as "
                "predictions"
            )


def _in_a_row(accuracy: Mapping[Run, float]) -> Iterator[str]:
    """Arms whose accuracy follows the number of the seed."""
    for arm, of_arm in _by_arm(accuracy).items():
        if len(of_arm) < 2 or not all(map(_WHOLE.fullmatch, of_arm)):
            continue
        in_order = [of_arm[seed] for seed in sorted(of_arm, key=lambda one: (len(one), one))]
        if stats.kendalltau(range(len(in_order)), in_order).pvalue < TREND:
            yield (
                f"The accuracy of {arm} follows the number of its seed, as over the epochs of one "
                "run, which are no seeds"
            )


def _class(text: str) -> str:
    """A class or seed as it is compared: 7.0, 7,0 and 07, which spreadsheets make of it, are 7."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def _by_run(rows: Rows, names: tuple[str, str], margin: float) -> Verdict:
    accuracy: dict[Run, float] = {}
    broken = ""
    counts: set[int] = set()
    for where, row in rows:
        run = _run(row)
        if run in accuracy:
            raise ValueError(f"{where}: {run[0]} seed {run[1]} is there twice")
        percent = row["accuracy"].replace(",", ".").removesuffix("%").rstrip()
        accuracy[run] = _number(where, "accuracy", percent)
        if not 0 <= accuracy[run] <= 100:
            raise ValueError(f"{where}: accuracy is {percent}; it is in percent, 0 to 100")
        if _SEPARATED.fullmatch(row["n"]):
            raise ValueError(f"{where}: n is {row['n']!r}; write it without a separator")
        n = _number(where, "n", row["n"])
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
    a, b = (np.array([v for (arm, _), v in accuracy.items() if arm == name]) for name in names)
    judged = _coarse(a, b, counts.pop(), margin, names)
    doubts = [*filter(None, [broken]), *_too_good(accuracy), *_in_a_row(accuracy)]
    one, other = _by_arm(accuracy).values()
    if one == other:
        doubts.append(
            "Both arms have one accuracy at every seed; a copy of an arm is no second one"
        )
    return judged.doubted(*doubts)


def _whole(text: str, accuracy: float, n: float) -> bool:
    """Whether so many percent of n can be whole images, as far as its digits go."""
    last = 10.0 ** min(2, int(Decimal(text).as_tuple().exponent))
    images = accuracy * n / 100
    return abs(images - round(images)) <= (last / 2 + 1e-6 * accuracy) * n / 100


def _number(where: str, name: str, text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)  # which Python takes
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
    of_images = sum(float(arm.mean()) * (100 - float(arm.mean())) for arm in (a, b)) / images
    judged = Verdict(
        margin=margin, alpha=0.05, later=(0.05,), seeds=(len(a), len(b)), images=images
    )
    estimate = statistics.of_accuracies(a, b, of_images, images, known=images)
    judged = estimated(judged, estimate, names)
    return judged.doubted(
        *(
            f"the {len(arm)} runs of {name} have one accuracy; copies of a run are no seeds"
            for name, arm in zip(names, (a, b), strict=True)
            if np.ptp(arm) == 0 and 0 < arm[0] < 100
        )
    )
