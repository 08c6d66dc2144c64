"""The images that a diagnosis looks at, and whether their labels are what the manifest says."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import NamedTuple

from imagenet_tools import records, synthetic
from imagenet_tools.diagnosis.rules import Finding
from imagenet_tools.records import schema, tfrecord

LABELS_READ = 500


class Picture(NamedTuple):
    """A JPEG and its label, 0 where the label counts for nothing."""

    encoded: bytes
    label: int


def synthetic_images(count: int) -> list[Picture]:
    """Images made by imgtools, of all its classes in turn."""
    kinds = list(synthetic.KINDS)
    return [
        Picture(synthetic.picture(kinds[i % len(kinds)], "train", i), 1 + i % len(kinds))
        for i in range(count)
    ]


def images(folder: str | os.PathLike[str], count: int) -> list[Picture]:
    """The first training images of a folder of records."""
    found = []
    for example in itertools.islice(_examples(folder, "train"), count):
        if example[schema.FORMAT][0] == b"RAW":
            raise ValueError(
                f"{folder} stores pixels; `imgtools diagnose` reads records of JPEGs "
                "(leave --data out to diagnose on synthetic images)"
            )
        found.append(Picture(example[schema.ENCODED][0], example[schema.LABEL][0]))
    return found


def _examples(folder: str | os.PathLike[str], split: str) -> Iterator[dict]:
    for path in records.each_shard(folder, split):
        for _, record in tfrecord.read(path):
            yield schema.decode_example(record)


def label_findings(folder: str | os.PathLike[str]) -> Iterator[Finding]:
    """Say where labels are not those that the manifest's classes have: 1..N in its order."""
    manifest = records.read_manifest(folder)
    wanted = {key: number for number, (key, _) in enumerate(manifest.classes, 1)}
    for split in manifest.splits:
        offsets: dict[int, int] = {}
        for example in itertools.islice(_examples(folder, split), LABELS_READ):
            key, label = example[schema.SYNSET][0].decode(), example[schema.LABEL][0]
            if key in wanted:
                offset = label - wanted[key]
                offsets[offset] = offsets.get(offset, 0) + 1
        wrong = {offset: count for offset, count in offsets.items() if offset}
        if wrong:
            worst = max(wrong, key=lambda offset: wrong[offset])
            yield Finding(
                "labels",
                split,
                "fail",
                f"{sum(wrong.values())} of {sum(offsets.values())} labels of {split} are wrong",
                f"most are off by {worst:+d} against labels.txt, where the first class is 1.",
                "The net learns other classes than it is evaluated on; build the records again.",
            )
