"""Whether the labels of records are what the manifest says."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

from imagenet_tools import records
from imagenet_tools.diagnosis.finding import Finding
from imagenet_tools.diagnosis.sample import examples
from imagenet_tools.records import schema

LABELS_READ = 500


def label_findings(folder: str | os.PathLike[str]) -> Iterator[Finding]:
    """Say where labels are not those that the manifest's classes have: 1..N in its order."""
    manifest = records.read_manifest(folder)
    wanted = {key: number for number, (key, _) in enumerate(manifest.classes, 1)}
    for split in manifest.splits:
        offsets: dict[int, int] = {}
        for example in itertools.islice(examples(folder, split), LABELS_READ):
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
