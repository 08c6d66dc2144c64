"""Check a folder of records against its manifest, and every record against the schema.

Folders of TF-Slim's own builder, which have no manifest, are checked as far as they go; of those
of other tools the records' checksums, and their images.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import storage, terminal
from imagenet_tools.engines import processes
from imagenet_tools.raw.split import SPLITS
from imagenet_tools.records import copies, foreign, journal
from imagenet_tools.records.finish import INDEX, LABELS, index_path, labels_txt
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest, shard_name
from imagenet_tools.records.shard_check import RecordProblem, ShardCheck, ShardFacts, check_shard

if TYPE_CHECKING:
    from imagenet_tools.records.duplicates import Repeated

SHARD_NAME = re.compile(r"(train|validation)-(\d{5})-of-(\d{5})")


@dataclass(frozen=True)
class Verification:
    """What was checked and what was found.

    broken: shards that are not what was once written. repeated: what is no damage, images of the
    validation split that show what others show, those of training among these; only with decode.
    """

    records: dict[str, int]
    problems: tuple[RecordProblem, ...]
    broken: tuple[str, ...]
    described: bool  # by a manifest
    repeated: tuple[Repeated, ...] = ()


def verify(
    folder: str | os.PathLike[str], *, decode: bool = False, workers: int | None = None
) -> Verification:
    """Check every shard: both CRCs of each record, counts and digests against the manifest, the
    schema, labels, image headers, and files common to two splits; with decode every pixel, and
    which images show one picture.

    Raises FileNotFoundError for a folder without records, DamagedData for an unreadable manifest.
    """
    # SciPy and Pillow, which nothing else here needs: a build and its workers start without them.
    from imagenet_tools.records import duplicates

    place = storage.place(folder)
    try:
        manifest = read_manifest(place)
    except FileNotFoundError:
        manifest = None
    names = _expected_files(place, manifest)
    checked = dict(_check_all(place, manifest, names, decode, workers))
    facts = {name: checked[name] for name in names}  # they come as they end
    problems = [problem for name in names for problem in facts[name].problems]
    problems += _folder_problems(place, manifest, names)
    if manifest:
        problems += _count_problems(manifest, facts)
    else:
        problems += _label_problems({name: facts[name] for name in names if _is_ours(name)})
    both = copies.copies(place, {name: one.contents for name, one in facts.items()})
    problems += [
        RecordProblem(one.file, one.record, one.name, f"the same image as {other}")
        for one, other in both
    ]
    totals: Counter[str] = Counter()
    for name in sorted(names):
        totals[foreign.split_of(name)] += sum(facts[name].synsets.values())
    broken = tuple(name for name in names if not facts[name].intact)
    repeated = tuple(duplicates.repeated(place, facts)) if decode else ()
    return Verification(dict(totals), tuple(problems), broken, manifest is not None, repeated)


def _is_ours(name: str) -> bool:
    return SHARD_NAME.fullmatch(name) is not None


def _expected_files(place: Path, manifest: Manifest | None) -> list[str]:
    """The shards that should be there: the manifest's, or all that the names speak of; those of
    another tool as they are."""
    if manifest is not None:
        return [shard.file for split in manifest.splits.values() for shard in split.shards]
    journal.refuse_unfinished(place)
    names = foreign.shards(place) if place.is_dir() else []
    if not names:
        raise FileNotFoundError(f"{place} holds no records such as train-00000-of-01024")
    if not all(map(_is_ours, names)):
        return names
    sets = sorted({(name.split("-")[0], int(name[-5:])) for name in names})
    return [shard_name(split, at, count) for split, count in sets for at in range(count)]


def _check_all(
    place: Path,
    manifest: Manifest | None,
    names: list[str],
    decode: bool,
    workers: int | None,
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
            ours=_is_ours(name),
        )
        for name in names
    )
    total = sum(shard.records for shard in expected.values()) or None
    bar = terminal.bar("verifying records", "records", total=total)
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
    by_split = defaultdict(list)
    for name in names:
        by_split[foreign.split_of(name)].append(name)
    problems += [
        RecordProblem(split, -1, "", reason)
        for split, those in by_split.items()
        for reason in foreign.missing(those)
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
