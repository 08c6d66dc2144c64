"""The table of augmentations (docs/why/augmentations.md): which one trains alexnet_v2 better.

    python -m benchmarks.augmentations --out runs/augmentations

Builds Imagenette's records from the shared folder, unless --data names some, then compares the arms
below under the quick recipe, and the most telling four over 48 epochs (--epochs), three seeds each:
some 40 minutes and two to four hours on two cores; --short leaves the second out. What is finished
is not done again, so the same command goes on after an interrupt. Prints both tables as Markdown,
arms by accuracy with the groups that cannot be told apart, and the speed of training beside.

Short schedules favour weak augmentation: the first table is not to be read without the second.

    python -m benchmarks.augmentations --beside runs/mine

judges the new arms of a comparison of your own (the same records and recipe, any seeds) against
each arm of the first table by what its runs said of every image, which is kept in
augmentations.csv.gz: a new arm costs its own runs alone.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.harness import SHARED

ARMS = (
    *("alexnet", "inception", "torchvision"),
    *(f"torchvision+{part}" for part in ("randaugment", "trivialaugment", "erasing")),
    *("torchvision+mixup", "torchvision+cutmix"),
)
TELLING = ("alexnet", "inception", "torchvision", "torchvision+trivialaugment")
SEEDS, LONG = 3, 48
KEPT = Path(__file__).with_name("augmentations.csv.gz")  # a comparison's predictions.csv


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--out", type=Path, help="folder of both comparisons")
    wanted.add_argument("--beside", type=Path, help="a comparison, against that table")
    parser.add_argument("--data", type=Path, help="records; else Imagenette is built there")
    parser.add_argument("--epochs", type=float, default=LONG, help="of the second table")
    parser.add_argument("--short", action="store_true", help="the first table alone")
    chosen = parser.parse_args()
    if chosen.beside:
        for sentence in beside((chosen.beside / "predictions.csv").read_text()):
            print(sentence, flush=True)
        return
    data = chosen.data or imagenette(chosen.out / "imagenette-records")
    print(table(ARMS, data, chosen.out / "quick", None), flush=True)
    if not chosen.short:
        print(table(TELLING, data, chosen.out / "long", chosen.epochs))


def imagenette(folder: Path) -> Path:
    """Imagenette's records, built where they are not there yet."""
    import imagenet_tools

    raw = folder.with_name("imagenette-raw")
    with tarfile.open(SHARED / "data" / "imagenette.tar") as archive:
        archive.extractall(raw, filter="data")  # again after an interrupt, which takes a second
    imagenet_tools.build_tfrecords(raw / "imagenette", folder, labels="folders")
    return folder


def table(arms: Sequence[str], data: Path, out: Path, epochs: float | None) -> str:
    """Compare the arms, and write what came of it as a table in Markdown."""
    import imagenet_tools

    report = imagenet_tools.compare_preproc(
        list(arms), data, out, epochs=epochs, seeds=SEEDS, matrix=False, command=f"{arms}"
    )
    assert report.ranking is not None, "a ranking is of three arms or more"
    lines = [
        f"{report.plan.recipe.epochs:g} epochs at {report.plan.image_size} px:",
        "",
        "| arm | top-1 by seed, % | mean | group | training, images/s |",
        "|---|---|---|---|---|",
    ]
    for one in report.ranking.arms:
        top1, speed = one.accuracy(), median(run.training.images_per_second for run in one.runs)
        each = " ".join(f"{value:.2f}" for value in top1)
        group = report.ranking.letters(one.slug)
        lines.append(f"| {one.spec} | {each} | {top1.mean():.2f} | {group} | {speed:.0f} |")
    return "\n".join([*lines, "", f"Arms that share a letter cannot be told apart. {out}"])


def beside(theirs: str) -> Iterator[str]:
    """The verdict of each arm in a predictions.csv that is not among the kept ones, against each.

    Raises ValueError where its images or their labels are others.
    """
    from imagenet_tools.comparison.table_rows import BY_IMAGE
    from imagenet_tools.comparison.tables import judge_tables

    new, kept = runs(theirs), runs(gzip.decompress(KEPT.read_bytes()).decode())
    for arm in [name for name in new if name not in kept]:
        for other in kept:
            with tempfile.TemporaryDirectory() as folder:
                table = Path(folder) / "both.csv"
                with table.open("w", newline="") as file:
                    csv.writer(file).writerows([BY_IMAGE, *new[arm], *kept[other]])
                [judged] = judge_tables([table]).values()
                yield judged.sentence


def runs(text: str) -> dict[str, list[tuple[str, ...]]]:
    """By arm, a comparison's predictions.csv as rows of arm, seed, image, label, prediction."""
    rows = list(csv.DictReader(io.StringIO(text)))
    by_arm: dict[str, list[tuple[str, ...]]] = {}
    for column in list(rows[0])[2:]:
        arm, _, seed = column.rpartition("/seed-")
        by_arm.setdefault(arm, []).extend(
            (arm, seed, row["key"], row["label"], row[column]) for row in rows
        )
    return by_arm


if __name__ == "__main__":
    main()
