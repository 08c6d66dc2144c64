"""Check a folder of records against its manifest, and every record against the schema.

Folders of TF-Slim's own builder, which have no manifest, are checked as far as they go.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from imagenet_tools import storage
from imagenet_tools.engines import processes
from imagenet_tools.raw.index import SPLITS
from imagenet_tools.records import journal, schema, tfrecord
from imagenet_tools.records.finish import INDEX, LABELS, index_path, labels_txt
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest, shard_name
from imagenet_tools.records.shard_check import (
    RecordProblem,
    ShardCheck,
    ShardFacts,
    check_shard,
    text,
)

if TYPE_CHECKING:
    import numpy as np

SHARD_NAME = re.compile(r"(train|validation)-(\d{5})-of-(\d{5})")


@dataclass(frozen=True)
class Verification:
    """What was checked and what was found. broken: shards that are not what was once written."""

    records: dict[str, int]
    problems: tuple[RecordProblem, ...]
    broken: tuple[str, ...]
    described: bool  # by a manifest


def verify(
    folder: str | os.PathLike[str], *, decode: bool = False, workers: int | None = None
) -> Verification:
    """Check every shard: both CRCs of each record, counts and digests against the manifest, the
    schema, labels, image headers (with decode every pixel), and images common to two splits.

    Raises FileNotFoundError for a folder without records, DamagedData for an unreadable manifest.
    """
    place = storage.place(folder)
    try:
        manifest = read_manifest(place)
    except FileNotFoundError:
        manifest = None
    names = _expected_files(place, manifest)
    facts = dict(_check_all(place, manifest, names, decode, workers))
    problems = [problem for name in names for problem in facts[name].problems]
    problems += _folder_problems(place, manifest, names)
    problems += _count_problems(manifest, facts) if manifest else _label_problems(facts)
    problems += _duplicates(place, facts)
    totals = {split: 0 for split in SPLITS if any(name.startswith(split) for name in names)}
    for name in names:
        totals[_split(name)] += sum(facts[name].synsets.values())
    broken = tuple(name for name in names if not facts[name].intact)
    return Verification(totals, tuple(problems), broken, manifest is not None)


def _split(file: str) -> str:
    return file.split("-", 1)[0]


def _expected_files(place: Path, manifest: Manifest | None) -> list[str]:
    """The shards that should be there: the manifest's, or all that the names speak of."""
    if manifest is not None:
        return [shard.file for split in manifest.splits.values() for shard in split.shards]
    if (place / journal.FOLDER).exists():
        raise ValueError(f"{place} holds an unfinished build; run its build-tfrecords again first")
    found = sorted(path.name for path in place.glob("*-of-*") if SHARD_NAME.fullmatch(path.name))
    if not found:
        raise FileNotFoundError(f"{place} holds no records such as train-00000-of-01024")
    sets = sorted({(name.split("-")[0], int(name[-5:])) for name in found})
    return [shard_name(split, at, count) for split, count in sets for at in range(count)]


def _check_all(
    place: Path, manifest: Manifest | None, names: list[str], decode: bool, workers: int | None
) -> Iterator[tuple[str, ShardFacts]]:
    expected = {
        shard.file: shard
        for split in (manifest.splits.values() if manifest else ())
        for shard in split.shards
    }
    indexed = (place / INDEX).is_dir() and manifest is not None
    checks = (
        ShardCheck(
            path=str(place / name),
            expected=expected.get(name),
            classes=tuple(key for key, _ in manifest.classes) if manifest else (),
            index_path=index_path(place, name) if indexed else None,
            decode=decode,
            seed=manifest.seed if manifest else None,
            slim_constants=manifest is None or manifest.options["slim_compat"],
        )
        for name in names
    )
    total = sum(shard.records for shard in expected.values()) or None
    bar = tqdm(total=total, desc="verifying records", unit="record", disable=None)
    with bar:
        for check, outcome in processes.run(
            check_shard, checks, min(workers or processes.cores(), len(names))
        ):
            facts = outcome()
            bar.update(sum(facts.synsets.values()))
            yield os.path.basename(check.path), facts


def _folder_problems(
    place: Path, manifest: Manifest | None, names: list[str]
) -> list[RecordProblem]:
    """Files that a reader's glob would take for records, and labels.txt."""
    known = set(names)
    problems = [
        RecordProblem(
            path.name, -1, "", "a reader's glob takes it for a shard of this set, which it is not"
        )
        for split in SPLITS
        for path in sorted(place.glob(f"{split}-*"))
        if path.name not in known
    ]
    if manifest is not None:
        try:
            same = (place / LABELS).read_text(encoding="utf-8") == labels_txt(manifest)
        except (OSError, ValueError):
            same = False
        if not same:
            problems.append(
                RecordProblem(LABELS, -1, "", "is missing or not what the manifest says")
            )
    return problems


def _count_problems(manifest: Manifest, facts: dict[str, ShardFacts]) -> list[RecordProblem]:
    """Classes whose records are not as many as the manifest says, in splits that are whole."""
    problems = []
    for split, part in manifest.splits.items():
        held = [facts[shard.file] for shard in part.shards]
        if not all(one.intact for one in held):
            continue
        counts: Counter[str] = Counter()
        for one in held:
            for (_, synset), count in one.synsets.items():
                counts[synset] += count
        for key in sorted(set(counts) | set(part.class_counts)):
            told, count = part.class_counts.get(key, 0), counts[key]
            if told != count:
                reason = f"class {key} has {count:,} records; the manifest says {told:,}"
                problems.append(RecordProblem(NAME, -1, split, reason))
    return problems


def _label_problems(facts: dict[str, ShardFacts]) -> list[RecordProblem]:
    """Without a manifest: a synset must have one label everywhere, and a label one synset."""
    pairs = sorted({pair for one in facts.values() for pair in one.synsets})
    problems = []
    for at, what in ((0, "label"), (1, "synset")):
        seen = Counter(pair[at] for pair in pairs)
        for value, count in seen.items():
            if count > 1:
                others = [pair[1 - at] for pair in pairs if pair[at] == value]
                problems.append(
                    RecordProblem("all shards", -1, "", f"{what} {value} means {others[:5]}")
                )
    return problems


def _duplicates(place: Path, facts: dict[str, ShardFacts]) -> list[RecordProblem]:
    """Images of one split whose very bytes are in another: equal hashes, then equal bytes."""
    import numpy as np

    where: dict[str, tuple[np.ndarray, list[tuple[str, int]]]] = {}
    for split in SPLITS:
        files = [name for name in facts if _split(name) == split]
        hashes = np.concatenate(
            [np.zeros(0, np.uint64), *(np.array(facts[name].contents, np.uint64) for name in files)]
        )
        where[split] = (hashes, [(name, len(facts[name].contents)) for name in files])
    common = np.intersect1d(where["train"][0], where["validation"][0])
    problems = []
    for value in common[common != 0]:
        first, second = (_located(*where[split], value) for split in SPLITS)
        one, other = (_record(place, *found) for found in (first, second))
        if one.get(schema.ENCODED) == other.get(schema.ENCODED):
            reason = f"the same image as {second[0]} record {second[1]}"
            source = f" ({text(other, schema.FILENAME)})"
            problems.append(RecordProblem(*first, text(one, schema.FILENAME), reason + source))
    return problems


def _located(hashes: np.ndarray, files: list[tuple[str, int]], value: np.uint64) -> tuple[str, int]:
    """The file and number of the first record with this hash."""
    at = int((hashes == value).argmax())
    for name, count in files:
        if at < count:
            return name, at
        at -= count
    raise LookupError(f"no record has the content hash {value}")


def _record(place: Path, file: str, number: int) -> dict[str, list[Any]]:
    with storage.local_copy(place / file) as path:
        for at, (_, data) in enumerate(tfrecord.read(path)):
            if at == number:
                return schema.decode_example(data)
    return {}
